"""The conditional mean of a target given two quantities, as a smooth table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from lookalike.denoising.intensity_scale import Floats

_NARROW, _WIDE, _WIDE_SHARE = (1.5, 1.2), 4.0, 0.02
"""A narrow mean, plus a small share of a wide one that takes over in cells with few samples."""


class PairTable:
    """E[target | a, b], with a and b in bins.

    Cells with few samples are shrunk towards 0, or with ``to_mean`` towards the mean at their b.

    Parameters
    ----------
    step_a, step_b : float
        Width of a bin.
    least_samples : float, default=2
        Number of samples that the shrinkage counts as.
    to_mean : bool, default=False
    """

    def __init__(
        self, step_a: float, step_b: float, least_samples: float = 2, to_mean: bool = False
    ) -> None:
        self.step_a = step_a
        self.step_b = step_b
        self.least_samples = least_samples
        self.to_mean = to_mean

    def fit(self, a: NDArray[Any], b: NDArray[Any], target: Floats) -> None:
        """Fit to samples of a and b, both at least 0, and of the target."""
        i, j = _bins(a, self.step_a), _bins(b, self.step_b)
        self._last = int(i.max()), int(j.max())
        shape = self._last[0] + 1, self._last[1] + 1
        cells = (i * shape[1] + j).ravel()
        size = shape[0] * shape[1]
        count = np.bincount(cells, minlength=size).reshape(shape).astype(np.float64)
        total = np.bincount(cells, target.ravel(), size).reshape(shape)
        pull: Any = 0.0
        if self.to_mean:
            at_b, samples = (gaussian_filter1d(cells.sum(axis=0), 1.0) for cells in (total, count))
            pull = self.least_samples * (at_b + total.sum() / count.sum()) / (samples + 1)
        mean = (_smooth(total) + pull) / (_smooth(count) + self.least_samples)
        # The lowest bin of a is the empty background, unlike its neighbours.
        mean[0] = (total[0] + pull) / (count[0] + self.least_samples)
        self._mean = mean.astype(np.float32)

    def __call__(self, a: NDArray[Any], b: NDArray[Any]) -> Floats:
        """Return the mean target at a and b, which are clipped to the range of the bins."""
        i, j = _bins(a, self.step_a), _bins(b, self.step_b)
        mean: Floats = self._mean[np.minimum(i, self._last[0]), np.minimum(j, self._last[1])]
        return mean


def _bins(values: NDArray[Any], step: float) -> NDArray[np.intp]:
    bins: NDArray[np.intp] = (values / np.float32(step) + np.float32(0.5)).astype(np.intp)
    return bins


def _smooth(cells: NDArray[Any]) -> NDArray[np.float64]:
    narrow = gaussian_filter(cells, _NARROW, mode="constant")
    return np.asarray(narrow + _WIDE_SHARE * gaussian_filter(cells, _WIDE, mode="constant"))
