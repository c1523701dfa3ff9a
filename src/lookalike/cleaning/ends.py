"""Saturation of estimates: values close to an end of the range are set to it.

A mean includes some unlikely values: an empty background is estimated half a level too high. The
error is small, but people see it as a haze, and structural similarity drops. If nearly all
estimates in a bin have the end as their true value, they are set to the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.cleaning.levels import N_LEVELS, Floats

SURE = 0.95
"""Least share of estimates in a bin whose true value is the end."""

EDGES = np.array([0.5, 1.0, 2.0, 4.0, 8.0]) / (N_LEVELS - 1)
"""Upper edges of the bins: distances from the end, as shares of the range."""

LEAST_SAMPLES = 100
"""Least number of samples in a bin."""


class Ends:
    """Sets estimates close to the lowest or the highest clean level to that level.

    Parameters
    ----------
    estimate : ndarray of float32
    truth : ndarray of uint8, of the same shape
        Clean images that no stage was fitted on.
    """

    def __init__(self, estimate: Floats, truth: NDArray[np.uint8]) -> None:
        self._ends: list[tuple[np.float32, np.float32]] = []
        low, high = np.float32(truth.min()), np.float32(truth.max())
        span = (high - low) or np.float32(1)
        for end, apart in ((low, estimate - low), (high, high - estimate)):
            self._ends.append((end, span * np.float32(_reach(apart / span, truth == end))))

    def __call__(self, estimate: Floats) -> Floats:
        """Return estimates, with those close to an end set to it."""
        for end, reach in self._ends:
            estimate = np.where(np.abs(estimate - end) < reach, end, estimate)
        return estimate


def _reach(apart: Floats, of_end: NDArray[np.bool_]) -> float:
    """Return the farthest edge up to which every bin belongs to the end."""
    bins = np.searchsorted(EDGES, apart.ravel(), side="right")
    count = np.bincount(bins, minlength=len(EDGES) + 1)[: len(EDGES)]
    sure = np.bincount(bins, of_end.ravel(), len(EDGES) + 1)[: len(EDGES)]
    holds = (count >= LEAST_SAMPLES) & (sure >= SURE * count)
    n_sure = int(np.argmin(np.append(holds, False)))
    return float(EDGES[n_sure - 1]) if n_sure else 0.0
