"""Estimates so near an end of the range that they stand for the end itself.

A mean keeps a trace of what is unlikely: paper comes out at half a level instead of none. It costs
no error to speak of, but is seen as a veil on what was even, by people and by structural
similarity. Where nearly all such estimates are of the end exactly, the most likely value is told.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.cleaning.levels import N_LEVELS, Floats

SURE = 0.95
"""The share of estimates in a bin that must be of the end exactly."""

EDGES = np.array([0.5, 1.0, 2.0, 4.0, 8.0]) / (N_LEVELS - 1)
"""Where bins end, in parts of the range away from its end."""

LEAST_SAMPLES = 100
"""Of a bin, for its share to be believed."""


class Ends:
    """How near to the lowest and to the highest clean level an estimate stands for it.

    Parameters
    ----------
    estimate : ndarray of float32
    truth : ndarray of uint8, of the same shape
        Of images that nothing was learned from.
    """

    def __init__(self, estimate: Floats, truth: NDArray[np.uint8]) -> None:
        self._ends: list[tuple[np.float32, np.float32]] = []
        low, high = np.float32(truth.min()), np.float32(truth.max())
        span = (high - low) or np.float32(1)
        for end, apart in ((low, estimate - low), (high, high - estimate)):
            self._ends.append((end, span * np.float32(_reach(apart / span, truth == end))))

    def __call__(self, estimate: Floats) -> Floats:
        """Return estimates with those that stand for an end moved to it."""
        for end, reach in self._ends:
            estimate = np.where(np.abs(estimate - end) < reach, end, estimate)
        return estimate


def _reach(apart: Floats, of_end: NDArray[np.bool_]) -> float:
    """The farthest edge up to which every bin is sure."""
    bins = np.searchsorted(EDGES, apart.ravel(), side="right")
    count = np.bincount(bins, minlength=len(EDGES) + 1)[: len(EDGES)]
    sure = np.bincount(bins, of_end.ravel(), len(EDGES) + 1)[: len(EDGES)]
    holds = (count >= LEAST_SAMPLES) & (sure >= SURE * count)
    n_sure = int(np.argmin(np.append(holds, False)))
    return float(EDGES[n_sure - 1]) if n_sure else 0.0
