"""Confidence intervals: how far a metric may be off by the choice of the test images.

A share of right predictions gets Wilson's interval [1]_. All metrics together get the percentile
bootstrap: images are drawn again, with replacement, and every metric is computed on each sample
[2]_. Metrics are given as sums over images, or as functions of such sums, so that a sample costs
one product of counts: how often each image was drawn, times what it adds to each sum.

The expected calibration error is the norm of sums, and a norm of sums is too high in a sample of
images, and higher still in a sample of that sample: percentiles of it may lie above the truth
altogether. Its interval goes further down. By the triangle inequality the norm of the measured sums
exceeds the true norm by no more than the norm of their difference, whose quantiles the bootstrap
knows. It holds the truth at least as often as it says.

References
----------
.. [1] Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
   the American Statistical Association 22, 1927.
.. [2] Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from lookalike.array_types import FloatArray
from lookalike.images.progress import Progress

Measure = Callable[[NDArray[np.int64]], Mapping[str, FloatArray]]
_MOST_UNDEFINED = 0.5  # share of samples in which a metric may be undefined
_BLOCK = 50  # samples drawn at once, with at most this many images in all:
_MOST_DRAWN = 2**22
_ALL_ALIKE = "interval unknown: every sample of these images has the same value"
_TOO_FEW = "interval unknown: undefined in most samples of these images"


class Accuracy(NamedTuple):
    """The share of right predictions.

    Attributes
    ----------
    value : float
        ``n_right / n``, from 0 to 1.
    standard_error : float
        The error of ``value`` as an estimate of the accuracy on all images like these: the standard
        deviation of a binomial share, ``sqrt(value * (1 - value) / n)``.
    n_right, n : int
        Images predicted rightly, and all images.
    """

    value: float
    standard_error: float
    n_right: int
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "accuracy": self.value,
            "standard_error": self.standard_error,
            "n_right": self.n_right,
            "n_test": self.n,
        }


def accuracy(labels: NDArray[Any], predicted: NDArray[Any]) -> Accuracy:
    """Return the share of right predictions with its standard error.

    Examples
    --------
    >>> accuracy(np.array([1, 2, 3, 3]), np.array([1, 2, 3, 1]))
    Accuracy(value=0.75, standard_error=0.21650635094610965, n_right=3, n=4)
    """
    n = len(labels)
    if n == 0 or len(predicted) != n:
        raise ValueError(
            f"{n} labels and {len(predicted)} predictions; give one prediction for each label, "
            "and at least one"
        )
    n_right = int(np.count_nonzero(labels == predicted))
    value = n_right / n
    return Accuracy(value, math.sqrt(value * (1 - value) / n), n_right, n)


def share_interval(n_right: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share [1]_; NaN if there are no images.

    Examples
    --------
    >>> low, high = share_interval(50, 50)
    >>> round(low, 3), high
    (0.929, 1.0)
    """
    if n == 0:
        return math.nan, math.nan
    low, high = binomtest(n_right, n).proportion_ci(confidence, method="wilson")
    return float(low), float(high)


class Bootstrap(NamedTuple):
    """How samples are drawn; ``progress`` is called with the samples measured, and of all."""

    confidence: float
    n_resamples: int
    random_state: int
    progress: Progress | None = None


class Measured(NamedTuple):
    """Metrics by name, their intervals with a last axis of two ends, and why one of them is NaN."""

    values: dict[str, FloatArray]
    intervals: dict[str, FloatArray]
    undefined: dict[str, str]


def measure_with_intervals(
    measure: Measure, n: int, shares: Mapping[str, Any], bootstrap: Bootstrap
) -> Measured:
    """Measure n images, and how far each metric may be off by the choice of these images.

    ``measure`` takes how often each image was drawn, shape (n_samples, n), and returns the metrics
    of the samples, each of shape (n_samples, ...); of "ece" the terms along a last axis of its own,
    for it is the sum of their absolute values.

    ``shares`` says which metrics are shares, and of how many images. Where they are 0 or 1 all
    samples are alike, and the bootstrap would claim to know the share exactly: these get Wilson's
    interval. Other metrics without any spread get none, and a reason.
    """
    level = bootstrap.confidence
    once = measure(np.ones((1, n), dtype=np.int64))
    values = {name: np.asarray(value[0], dtype=np.float64) for name, value in once.items()}
    samples = _draw(n, bootstrap, measure)
    intervals, undefined = {}, {}
    for name, value in values.items():
        if name == "ece":
            interval = _norm_interval(samples[name], value, level)
            value = values[name] = np.abs(value).sum(axis=-1)
        else:
            interval = _percentile_interval(samples[name], level)
        alike = (interval[..., 0] == interval[..., 1]) & ~np.isnan(value)
        sure = np.zeros_like(alike)
        if name in shares:
            n_of = np.broadcast_to(shares[name], value.shape)
            # Summed up by floats, a share of all may be off by a last bit.
            sure = alike & (np.isclose(value, 0, atol=1e-12) | np.isclose(value, 1, rtol=1e-12))
            for at in map(tuple, np.argwhere(sure)):
                n_right = int(n_of[at]) if value[at] > 0.5 else 0
                interval[at] = share_interval(n_right, int(n_of[at]), level)
        if np.any(alike & ~sure):
            interval[alike & ~sure] = np.nan
            undefined[name] = _ALL_ALIKE
        if np.any(np.isnan(interval[..., 0]) & ~np.isnan(value) & ~alike):
            undefined[name] = _TOO_FEW
        interval[np.isnan(value)] = np.nan
        intervals[name] = interval
    return Measured(values, intervals, undefined)


def _draw(n: int, bootstrap: Bootstrap, measure: Measure) -> dict[str, FloatArray]:
    """Return the metrics of all samples, each of shape (n_resamples, ...)."""
    rng = np.random.default_rng(bootstrap.random_state)
    drawn: dict[str, list[FloatArray]] = {}
    block = max(1, min(_BLOCK, _MOST_DRAWN // n))
    for first in range(0, bootstrap.n_resamples, block):
        n_samples = min(block, bootstrap.n_resamples - first)
        cells = rng.integers(n, size=(n_samples, n)) + n * np.arange(n_samples)[:, np.newaxis]
        counts = np.bincount(cells.ravel(), minlength=n_samples * n).reshape(n_samples, n)
        for name, values in measure(counts).items():
            drawn.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
        if bootstrap.progress is not None:
            bootstrap.progress(first + n_samples, bootstrap.n_resamples)
    return {name: np.concatenate(parts) for name, parts in drawn.items()}


def _percentile_interval(samples: FloatArray, confidence: float) -> FloatArray:
    """Return the interval between two quantiles of samples, NaN where most are undefined."""
    tail = (1 - confidence) / 2
    undefined = np.isnan(samples).mean(axis=0) > _MOST_UNDEFINED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of samples that are all NaN
        ends = np.nanquantile(samples, [tail, 1 - tail], axis=0)
    return np.ascontiguousarray(np.moveaxis(np.where(undefined, np.nan, ends), 0, -1))


def _norm_interval(samples: FloatArray, sums: FloatArray, confidence: float) -> FloatArray:
    """Return the interval of the sum of the absolute values of ``sums``, shape (..., n_sums).

    It reaches from that norm less a quantile of the norms of ``samples - sums``, no less than 0,
    to a quantile of the norms of ``samples``.
    """
    tail = (1 - confidence) / 2
    off = np.quantile(np.abs(samples - sums).sum(axis=-1), 1 - tail, axis=0)
    high = np.quantile(np.abs(samples).sum(axis=-1), 1 - tail, axis=0)
    return np.stack([np.maximum(0, np.abs(sums).sum(axis=-1) - off), high], axis=-1)
