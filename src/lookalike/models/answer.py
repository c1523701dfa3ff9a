"""Answers about images: the likeliest class, and whether it is sure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_CANDIDATES = 4

LEAST_CANDIDATE = 0.1
"""Probability from which a class is one, beside the likeliest two."""


def candidates(probabilities: NDArray[np.float64], reject: float) -> list[int]:
    """Return the classes that an image may be of, the likeliest first.

    Parameters
    ----------
    probabilities : ndarray of shape (n_classes,)
    reject : float
        The probability from which the likeliest class is sure.

    Returns
    -------
    list of int
        One class if it is sure; else those of at least 10 %, but two at least and four at most.

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
    """What an image is.

    Attributes
    ----------
    image : str
    label : str
        The likeliest class.
    probability : float
        The probability of that class.
    sure : bool
        Whether that reaches the threshold.
    candidates : list of str
        The label alone if it is sure, else the likeliest classes.
    probabilities : dict
        Probabilities by class, the likeliest first.
    reason : str or None
        Why it is not sure whatever the probability, if so.
    """

    image: str
    label: str
    probability: float
    sure: bool
    candidates: list[str]
    probabilities: dict[str, float]
    reason: str | None = None

    def entry(self) -> dict[str, Any]:
        """Return it for JSON."""
        return self._asdict()

    def words(self) -> str:
        """Return the label, or among which classes it is not sure."""
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
    """Return the answer that probabilities give.

    Parameters
    ----------
    image : str
        Its name.
    names : sequence of str
        The names of the classes.
    probabilities : ndarray of shape (n_classes,)
    reject : float
        The probability from which the likeliest class is sure.
    top : int, optional
        How many classes keep their probability; all if it is not given.
    doubt : str, optional
        Why the answer is not sure, whatever its probability.

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
