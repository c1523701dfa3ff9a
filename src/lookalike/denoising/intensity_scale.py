"""The 256 intensity levels of clean images: conversions, and saturation at both ends.

The denoiser computes in levels: clean images have levels 0 … 255, noisy ones may lie outside, and
estimates are floats. Bytes are levels themselves; other images are scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

N_LEVELS = 256

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class IntensityScale:
    """The linear scale ``value = low + step * level``."""

    low: float = 0.0
    step: float = 1.0

    @classmethod
    def of(cls, clean: list[NDArray[Any]]) -> Self:
        """Return the levels of images: unscaled if all values are whole numbers 0 to 255."""
        low = min(float(image.min()) for image in clean)
        high = max(float(image.max()) for image in clean)
        if low >= 0 and high <= N_LEVELS - 1 and all(map(_is_whole, clean)):
            return cls()
        return cls(low, (high - low) / (N_LEVELS - 1) or 1.0)

    def of_clean(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the nearest level of each value, clipped to 0 … 255."""
        if self == IntensityScale() and images.dtype == np.uint8:
            return np.ascontiguousarray(images)
        levels = np.rint(self.of_noisy(images))
        return np.clip(levels, 0, N_LEVELS - 1).astype(np.uint8)

    def of_noisy(self, images: NDArray[Any]) -> Floats:
        """Return values in levels, neither rounded nor clipped."""
        levels = images.astype(np.float32)
        if self != IntensityScale():
            levels -= np.float32(self.low)
            levels /= np.float32(self.step)
        return levels

    def values(self, levels: Floats) -> Floats:
        """Convert levels back to values."""
        if self == IntensityScale():
            return levels
        return levels * np.float32(self.step) + np.float32(self.low)


def _is_whole(image: NDArray[Any]) -> bool:
    return image.dtype.kind in "ub" or bool((image == np.rint(image)).all())


SURE = 0.95
"""Least share of estimates in a bin whose true value is the end."""

EDGES = np.array([0.5, 1.0, 2.0, 4.0, 8.0]) / (N_LEVELS - 1)
"""Upper edges of the bins: distances from the end, as shares of the range."""

LEAST_SAMPLES = 100
"""Least number of samples in a bin."""


class Saturation:
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
