"""Noises at their levels, noisy images, and what anyone who knows the noise may make of a pixel.

What a filter makes of noisy images may be improved by a fitted `ValueTable`, and by the bounds that
a noisy pixel sets for the clean one.

==========  =============================  ==================  =====================
noise       level 1                        debiased            bounds of the clean
==========  =============================  ==================  =====================
uniform     whole numbers 0..99, added     noisy - 49.5        noisy - 99 to noisy
gaussian    sigma=50, rounded, clipped     noisy               0 to 255
saltpepper  0 or 255, 10 % each            noisy               noisy, if neither
==========  =============================  ==================  =====================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lookalike import GaussianNoise, SaltAndPepper, UniformNoise, add_noise
from lookalike.images.noise import Noise

Floats = NDArray[np.float32]

TEST_SEED, TUNING_SEED, TRAINING_SEED = 1, 2, 3
"""Seeds of the noise on each part of the images."""

UNIFORM, GAUSSIAN, SALT_AND_PEPPER = "uniform", "gaussian", "saltpepper"
TITLES = {
    UNIFORM: "Uniform noise",
    GAUSSIAN: "Gaussian noise, clipped",
    SALT_AND_PEPPER: "Salt and pepper",
}


def noise_of(kind: str, level: float = 1) -> Noise:
    """The noise of a kind, at half or double strength where the level says so."""
    noises: dict[str, type[Noise]] = {
        UNIFORM: UniformNoise,
        GAUSSIAN: GaussianNoise,
        SALT_AND_PEPPER: SaltAndPepper,
    }
    return noises[kind](*_strength(kind, level))


def noise_text(kind: str, level: float = 1) -> str:
    """The same with its parameters, also where they are the defaults."""
    strength = ", ".join(f"{value:g}" for value in _strength(kind, level))
    return f"{type(noise_of(kind)).__name__}({strength})"


def _strength(kind: str, level: float) -> tuple[float, ...]:
    if kind == UNIFORM:
        return 0, round(100 * level)
    return (50 * level,) if kind == GAUSSIAN else (0.2 * level,)


class ValueTable:
    """The mean of the clean pixel, given a value: one number for each whole value.

    Fitted on pixels whose clean value is known. Where a value is rare its correction is drawn
    towards that of values nearby, and where there are none nothing is corrected.
    """

    SMOOTHED_OVER = 3.0
    """Standard deviation, in values, of what counts as nearby."""
    PRIOR_PIXELS = 50
    """How many pixels of its own outweigh those nearby."""

    def __init__(self, values: NDArray[Any], clean: NDArray[Any]) -> None:
        whole = np.rint(values).astype(np.int64).ravel()
        self.low, self.high = (int(whole.min()), int(whole.max())) if whole.size else (0, 0)
        corrections = clean.ravel().astype(np.float64) - whole
        n = self.high - self.low + 1
        counts = np.bincount(whole - self.low, minlength=n).astype(np.float64)
        totals = np.bincount(whole - self.low, corrections, minlength=n)
        near_counts, near_totals = (
            gaussian_filter1d(one, self.SMOOTHED_OVER, mode="constant") for one in (counts, totals)
        )
        near = near_totals / np.maximum(near_counts, 1e-9)
        mean = (totals + self.PRIOR_PIXELS * near) / (counts + self.PRIOR_PIXELS)
        self.table = (np.arange(self.low, self.high + 1) + mean).astype(np.float32)

    def __call__(self, values: NDArray[Any]) -> Floats:
        whole = np.rint(values).astype(np.int64)
        found: Floats = self.table[np.clip(whole, self.low, self.high) - self.low]
        return found


@dataclass(frozen=True)
class NoisyImages:
    """Noisy images of one kind, with the clean ones behind them.

    Attributes
    ----------
    kind : str
    noisy, clean : ndarray of shape (n, h, w)
    posterior : ValueTable or None
        The mean clean pixel behind a noisy value; fitted on these images if None.
    """

    kind: str
    noisy: NDArray[Any]
    clean: NDArray[np.uint8]
    posterior: ValueTable | None = None

    @classmethod
    def draw(
        cls, kind: str, clean: NDArray[np.uint8], seed: int, posterior: ValueTable | None = None
    ) -> NoisyImages:
        """Spoil clean images."""
        return cls(kind, add_noise(clean, noise_of(kind), seed), clean, posterior)

    def __len__(self) -> int:
        return len(self.clean)

    def first(self, n: int | None) -> NoisyImages:
        """The first n of them; all if None."""
        return NoisyImages(self.kind, self.noisy[:n], self.clean[:n], self.table)

    @cached_property
    def table(self) -> ValueTable:
        """The mean clean pixel behind a noisy value."""
        return self.posterior or ValueTable(self.noisy, self.clean)

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """The least and the greatest value that each clean pixel can have."""
        low, high = np.zeros_like(self.noisy), np.full_like(self.noisy, 255)
        if self.kind == UNIFORM:
            low, high = np.maximum(self.noisy - 99, 0), np.minimum(self.noisy, 255)
        if self.kind == SALT_AND_PEPPER:
            kept = (self.noisy != 0) & (self.noisy != 255)
            low[kept] = high[kept] = self.noisy[kept]
        return low.astype(np.float32), high.astype(np.float32)

    @property
    def debiased(self) -> Floats:
        """The noisy images without the mean of the noise, as floats."""
        offset = 49.5 if self.kind == UNIFORM else 0
        return self.noisy.astype(np.float32) - np.float32(offset)
