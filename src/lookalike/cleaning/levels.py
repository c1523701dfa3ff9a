"""The 256 intensity levels of clean images, and conversions to and from them.

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
class Levels:
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
        if self == Levels() and images.dtype == np.uint8:
            return np.ascontiguousarray(images)
        levels = np.rint(self.of_noisy(images))
        return np.clip(levels, 0, N_LEVELS - 1).astype(np.uint8)

    def of_noisy(self, images: NDArray[Any]) -> Floats:
        """Return values in levels, neither rounded nor clipped."""
        levels = images.astype(np.float32)
        if self != Levels():
            levels -= np.float32(self.low)
            levels /= np.float32(self.step)
        return levels

    def values(self, levels: Floats) -> Floats:
        """Convert levels back to values."""
        if self == Levels():
            return levels
        return levels * np.float32(self.step) + np.float32(self.low)


def _is_whole(image: NDArray[Any]) -> bool:
    return image.dtype.kind in "ub" or bool((image == np.rint(image)).all())
