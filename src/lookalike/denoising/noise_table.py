"""The likelihood p(v | x) of noisy values v for clean levels x, as a table of counts.

Every kind of noise has such a table: it is counted from simulated noise if the noise is known, and
from pairs of noisy and clean pixels if not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lookalike.denoising.image_stacks import N_LEVELS, Floats, IntensityScale
from lookalike.images.noise import Noise, add_noise

Table = NDArray[np.float64]

DRAWS_PER_LEVEL = 2**16
WIDEST = 2**16 // 4
"""Most noisy values, in levels, that a table can have; wider noise hides the image completely."""

IMPOSSIBLE = 1e-3
"""Levels whose likelihood is below this share of the greatest are impossible."""

NARROW = 0.5
"""Bounds are used if some value leaves less than this share of the levels possible."""

_SMOOTHINGS = (0.0, 1.0, 4.0, 16.0, 64.0)
_LEAST = 1e-9


class NoiseTable:
    """The likelihood of every noisy value, and estimates and bounds that follow from it.

    The columns of ``likelihood`` of shape (n_values, 256), p(v | x), sum to 1. Its first row is of
    the noisy value ``first``, in levels. ``prior`` of shape (256,) is p(x), the frequency of each
    level among clean pixels. For each noisy value ``expected`` is E[x | v], the expected level
    given the pixel alone, and ``low`` and ``high`` are the lowest and highest possible level;
    ``has_bounds`` tells whether these are narrow enough to be used.
    """

    def __init__(self, likelihood: Table, first: int, prior: Table) -> None:
        self.likelihood = likelihood
        self.first = first
        self.prior = prior
        joint = likelihood * prior
        seen = joint.sum(axis=1)
        levels = np.arange(N_LEVELS)
        # A value that is impossible under the prior is judged by its likelihood alone.
        of_value = np.where(seen[:, None] > 0, joint, likelihood + _LEAST)
        self.expected = (of_value @ levels / of_value.sum(axis=1)).astype(np.float32)
        possible = likelihood > IMPOSSIBLE * likelihood.max(axis=1, keepdims=True)
        possible |= ~possible.any(axis=1, keepdims=True)
        self.low = possible.argmax(axis=1).astype(np.float32)
        self.high = (N_LEVELS - 1 - possible[:, ::-1].argmax(axis=1)).astype(np.float32)
        self.has_bounds = bool((self.high - self.low)[seen > 0].min() < NARROW * N_LEVELS)

    @property
    def last(self) -> int:
        """Noisy value of the last row."""
        return self.first + len(self.likelihood) - 1

    def rows_of(self, noisy: Floats) -> NDArray[np.uint16]:
        """Return the row of each noisy value, given in levels and clipped to the table."""
        return (np.clip(np.rint(noisy), self.first, self.last) - self.first).astype(np.uint16)

    def freedom(self, rows: NDArray[np.uint16]) -> Floats:
        """Return the difference between the highest and the lowest possible level."""
        width: Floats = (self.high - self.low)[rows]
        return width

    def within_bounds(self, estimates: Floats, rows: NDArray[np.uint16]) -> Floats:
        """Return estimates, clipped to the bounds of the pixel's own value."""
        if not self.has_bounds:
            return np.clip(estimates, 0, N_LEVELS - 1)
        return np.clip(estimates, self.low[rows], self.high[rows])


def prior_of(clean: NDArray[np.uint8]) -> Table:
    """Return the frequency of each level."""
    return np.bincount(clean.ravel(), minlength=N_LEVELS) / clean.size


def table_of_noise(
    noise: Noise,
    levels: IntensityScale,
    dtype: np.dtype[Any],
    prior: Table,
    rng: np.random.Generator,
) -> NoiseTable:
    """Build a noise table from simulated noise on each level, for images of a dtype."""
    values = levels.values(np.arange(N_LEVELS, dtype=np.float32))
    if dtype.kind != "f":  # round levels that the dtype does not hold
        dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype
        values = np.clip(np.rint(values), np.iinfo(dtype).min, np.iinfo(dtype).max)
    values = values.astype(dtype)
    draws = [add_noise(np.full(DRAWS_PER_LEVEL, value), noise, rng) for value in values]
    drawn = np.rint(levels.of_noisy(np.stack(draws)))
    first = int(drawn.min())
    width = _width(first, int(drawn.max()))
    counts = [np.bincount((v - first).astype(np.int64), minlength=width) for v in drawn]
    return NoiseTable(np.stack(counts, axis=1) / DRAWS_PER_LEVEL, first, prior)


def table_of_pairs(noisy: Floats, clean: NDArray[np.uint8], prior: Table) -> NoiseTable:
    """Build a noise table from pairs of noisy and clean pixels, and fill its gaps.

    Counts are smoothed over levels, either at the same noisy value (this suits salt and pepper) or
    at the same difference (this suits additive noise). The direction and width are those with
    the greatest likelihood on the other half of the images.
    """
    v = np.rint(noisy).astype(np.int64)
    first = int(v.min())
    n_values = _width(first, int(v.max()))
    half = max(1, len(v) // 2)
    halves = slice(0, half), slice(half, None) if half < len(v) else slice(0, half)
    parts = [_counts(v[part] - first, clean[part], n_values) for part in halves]
    choices = [(sheared, sigma) for sheared in (False, True) for sigma in _SMOOTHINGS]

    def surprise(choice: tuple[bool, float]) -> float:
        likely = _smoothed(parts[0], *choice)
        return -float((parts[1] * np.log(likely + _LEAST)).sum())

    return NoiseTable(_smoothed(parts[0] + parts[1], *min(choices, key=surprise)), first, prior)


def _width(first: int, last: int) -> int:
    if last - first >= WIDEST:
        raise ValueError(
            f"noisy values reach from {first} to {last} levels of the clean images' 0 to 255, "
            f"wider than {WIDEST}; check that noisy and clean images have the same scale"
        )
    return last - first + 1


def _counts(rows: NDArray[np.int64], clean: NDArray[np.uint8], n_values: int) -> Table:
    cells = rows.ravel() * N_LEVELS + clean.ravel()
    counts = np.bincount(cells, minlength=n_values * N_LEVELS)
    return counts.reshape(n_values, N_LEVELS).astype(np.float64)


def _smoothed(counts: Table, sheared: bool, sigma: float) -> Table:
    """Return p(v | x) from counts smoothed over levels, at equal v or at equal v - x."""
    n_values = len(counts)
    levels = np.arange(N_LEVELS)
    # The rows at which each column's values stand, those of equal v - x side by side if sheared.
    rows = np.arange(n_values)[:, None] + (N_LEVELS - 1 - levels if sheared else 0 * levels)
    moved = np.zeros((rows.max() + 1, N_LEVELS))
    moved[rows, levels] = counts
    total = counts.sum(axis=0)
    if sigma:
        moved = gaussian_filter1d(moved, sigma, axis=1, mode="constant")
        total = gaussian_filter1d(total, sigma, mode="constant")
    moved = moved[rows, levels]
    known = total > _LEAST
    likely = np.where(known, moved / np.where(known, total, 1), 1 / n_values)
    return np.asarray(likely / likely.sum(axis=0).clip(_LEAST))
