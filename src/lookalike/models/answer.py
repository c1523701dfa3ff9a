"""Whether an answer is sure, and between which classes it is not."""

from __future__ import annotations

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
