"""Confidence intervals by the percentile bootstrap: how far a metric may be off by chance.

Images are drawn again, with replacement, and every metric is computed of each such sample [1]_.
Metrics are given as sums over images, or as functions of such sums, so that a sample costs one
product of counts: how often each image was drawn, times what it adds to each sum.

References
----------
.. [1] Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
.. [2] Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
   the American Statistical Association 22, 1927.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

FloatArray = NDArray[np.float64]
Metrics = Mapping[str, FloatArray]
Measure = Callable[[NDArray[np.int64]], Metrics]

_MOST_UNDEFINED = 0.5  # share of samples in which a metric may be undefined
_BLOCK = 50  # samples drawn at once
_ALL_ALIKE = "interval unknown: every sample of these images has the same value"
_TOO_FEW = "interval unknown: undefined in most samples of these images"


class Bootstrap(NamedTuple):
    """How samples are drawn.

    Attributes
    ----------
    confidence : float
        Of the intervals.
    n_resamples, random_state : int
    """

    confidence: float = 0.95
    n_resamples: int = 1000
    random_state: int = 0


class Measured(NamedTuple):
    """Metrics by name.

    Attributes
    ----------
    values : dict of str to ndarray of shape () or (n_of_them,), float64
    intervals : dict of str to ndarray of shape (2,) or (n_of_them, 2), float64
    undefined : dict of str to str
        Why a value or its interval is NaN.
    """

    values: dict[str, FloatArray]
    intervals: dict[str, FloatArray]
    undefined: dict[str, str]


def measure_with_intervals(
    measure: Measure, n: int, shares: Mapping[str, Any], bootstrap: Bootstrap
) -> Measured:
    """Measure images, and how far each metric may be off by the choice of these images.

    Parameters
    ----------
    measure : callable
        Takes how often each image was drawn, shape (n_samples, n), and returns the metrics of the
        samples, each of shape (n_samples, ...).
    n : int
        Images.
    shares : mapping of str to int or ndarray
        Which metrics are shares, and of how many images: these get Wilson's interval where all
        samples are alike. Others get none, and a reason.
    bootstrap : Bootstrap
    """
    once = measure(np.ones((1, n), dtype=np.int64))
    values = {name: np.asarray(value[0], dtype=np.float64) for name, value in once.items()}
    samples = _draw(n, bootstrap, measure)
    intervals, undefined = {}, {}
    for name, value in values.items():
        interval = percentile_interval(samples[name], bootstrap.confidence)
        alike = (interval[..., 0] == interval[..., 1]) & ~np.isnan(value)
        if name in shares:
            n_of = np.broadcast_to(shares[name], value.shape)
            for place in np.ndindex(value.shape):
                if alike[place]:
                    n_right = round(float(value[place]) * int(n_of[place]))
                    interval[place] = share_interval(
                        n_right, int(n_of[place]), bootstrap.confidence
                    )
        elif alike.any():
            interval[alike] = np.nan
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
    for first in range(0, bootstrap.n_resamples, _BLOCK):
        n_samples = min(_BLOCK, bootstrap.n_resamples - first)
        cells = rng.integers(n, size=(n_samples, n)) + n * np.arange(n_samples)[:, np.newaxis]
        counts = np.bincount(cells.ravel(), minlength=n_samples * n).reshape(n_samples, n)
        for name, values in measure(counts).items():
            drawn.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
    return {name: np.concatenate(parts) for name, parts in drawn.items()}


def percentile_interval(samples: FloatArray, confidence: float) -> FloatArray:
    """Return the interval between two quantiles of a metric's samples.

    Parameters
    ----------
    samples : ndarray of shape (n_resamples, ...)
        NaN in samples in which the metric is undefined; these are left out.
    confidence : float

    Returns
    -------
    ndarray of shape (..., 2)
        NaN where more than half of the samples are undefined.

    Examples
    --------
    >>> percentile_interval(np.arange(101.0), 0.9)
    array([ 5., 95.])
    """
    tail = (1 - confidence) / 2
    undefined = np.isnan(samples).mean(axis=0) > _MOST_UNDEFINED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of samples that are all NaN
        ends = np.nanquantile(samples, [tail, 1 - tail], axis=0)
    return np.ascontiguousarray(np.moveaxis(np.where(undefined, np.nan, ends), 0, -1))


def share_interval(n_right: int, n: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's interval of a share [2]_.

    It stands in where all images are right, or none is: any sample of them says the same, and the
    bootstrap would claim to know the share exactly.

    Examples
    --------
    >>> low, high = share_interval(50, 50, 0.95)
    >>> round(low, 3), high
    (0.929, 1.0)
    """
    low, high = binomtest(n_right, n).proportion_ci(confidence, method="wilson")
    return float(low), float(high)
