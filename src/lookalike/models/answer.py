"""The classes between which an uncertain answer hesitates."""

from __future__ import annotations

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
