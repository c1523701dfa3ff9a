"""Answers about images: the most probable class, and whether it is certain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_CANDIDATES = 4

LEAST_CANDIDATE = 0.1
"""Least probability of a candidate, apart from the two most probable classes."""


def candidates(probabilities: NDArray[np.float64], reject: float) -> list[int]:
    """Return the candidate classes of an image, the most probable first.

    Parameters
    ----------
    probabilities : ndarray of shape (n_classes,)
    reject : float
        Probability from which the most probable class is certain.

    Returns
    -------
    list of int
        One class if it is certain; otherwise the classes of at least 10 %, two to four of them.

    Examples
    --------
    >>> candidates(np.array([0.5, 0.1, 0.4]), 0.9), candidates(np.array([0.5, 0.1, 0.4]), 0.5)
    ([0, 2, 1], [0])
    """
    order: list[int] = np.argsort(-probabilities, kind="stable").tolist()
    if probabilities[order[0]] >= reject:
        return order[:1]
    likely = [own for own in order if probabilities[own] >= LEAST_CANDIDATE]
    return order[: min(max(len(likely), 2), MOST_CANDIDATES)]


class Answer(NamedTuple):
    """The predicted class of an image.

    Attributes
    ----------
    image : str
    label : str
        The most probable class.
    probability : float
        Probability of that class.
    sure : bool
        Whether the probability reaches the threshold, without a doubt.
    candidates : list of str
        The label alone if sure, otherwise the most probable classes.
    probabilities : dict
        Probabilities of classes, the most probable first.
    reason : str or None
        A doubt about the image, which makes it not sure.
    """

    image: str
    label: str
    probability: float
    sure: bool
    candidates: list[str]
    probabilities: dict[str, float]
    reason: str | None = None

    def entry(self) -> dict[str, Any]:
        """Return a dict for JSON."""
        return self._asdict()

    def words(self) -> str:
        """Return the label, or the candidates if it is not sure."""
        if self.sure:
            return self.label
        why = "" if self.reason is None else f" ({self.reason})"
        return f"not sure: {either(self.candidates)}{why}"


def answer(
    image: str,
    names: Sequence[str],
    probabilities: NDArray[np.float64],
    *,
    reject: float,
    top: int | None,
    doubt: str | None = None,
) -> Answer:
    """Return the answer from probabilities.

    Parameters
    ----------
    image : str
        Name of the image.
    names : sequence of str
        Names of the classes.
    probabilities : ndarray of shape (n_classes,)
    reject : float
        Probability from which the most probable class is sure.
    top : int, optional
        Number of classes whose probabilities are kept; by default all.
    doubt : str, optional
        A doubt about the image, which makes the answer not sure.

    Examples
    --------
    >>> one = answer("a.png", "479", np.array([0.5, 0.1, 0.4]), reject=0.9, top=1)
    >>> one.words(), one.candidates, one.probabilities
    ('not sure: 4, 9 or 7', ['4', '9', '7'], {'4': 0.5})
    """
    order = np.argsort(-probabilities, kind="stable")
    best = float(probabilities[order[0]])
    likely = [names[i] for i in candidates(probabilities, reject if doubt is None else np.inf)]
    sure = best >= reject and doubt is None
    kept = {names[i]: round(float(probabilities[i]), 6) for i in order[:top]}
    return Answer(image, names[order[0]], round(best, 6), sure, likely, kept, doubt)


def either(names: Sequence[str]) -> str:
    """Return names as a choice.

    Examples
    --------
    >>> either(["4"]), either(["4", "9"]), either(["4", "7", "9"])
    ('4', '4 or 9', '4, 7 or 9')
    """
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
