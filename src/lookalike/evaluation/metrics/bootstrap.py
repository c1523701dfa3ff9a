"""Confidence intervals by the percentile bootstrap: how far a metric may be off by chance.

Images are drawn again, with replacement, and every metric is computed on each sample [1]_.
Metrics are given as sums over images, or as functions of such sums, so that a sample costs one
product of counts: how often each image was drawn, times what it adds to each sum.

A metric that is a norm of sums, such as the expected calibration error, is too high in a sample of
images, and higher still in a sample of that sample: percentiles of it may lie above the truth
altogether. Its interval goes further down. By the triangle inequality the norm of the measured sums
exceeds the true norm by no more than the norm of their difference, whose quantiles the bootstrap
knows. It holds the truth at least as often as it says.

References
----------
.. [1] Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics.accuracy import share_interval

FloatArray = NDArray[np.float64]
Metrics = Mapping[str, FloatArray]
Measure = Callable[[NDArray[np.int64]], Metrics]
Progress = Callable[[int, int], None]

_MOST_UNDEFINED = 0.5  # share of samples in which a metric may be undefined
_BLOCK = 50  # samples drawn at once, with at most this many images in all:
_MOST_DRAWN = 2**22
_ALL_ALIKE = "interval unknown: every sample of these images has the same value"
_TOO_FEW = "interval unknown: undefined in most samples of these images"


class Bootstrap(NamedTuple):
    """How samples are drawn.

    Attributes
    ----------
    confidence : float
        The level of the intervals.
    n_resamples, random_state : int
    progress : callable or None
        Called with the number of samples measured, and of all.
    """

    confidence: float = 0.95
    n_resamples: int = 1000
    random_state: int = 0
    progress: Progress | None = None


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
    measure: Measure,
    n: int,
    shares: Mapping[str, Any],
    bootstrap: Bootstrap,
    norms: Collection[str] = (),
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
        Which metrics are shares, and of how many images. Where they are 0 or 1 all samples are
        alike, and the bootstrap would claim to know the share exactly: these get Wilson's
        interval. Other metrics without any spread get none, and a reason.
    bootstrap : Bootstrap
    norms : collection of str
        Metrics of which ``measure`` returns the terms of a sum along a last axis of its own; the
        metric is the sum of their absolute values.
    """
    once = measure(np.ones((1, n), dtype=np.int64))
    values = {name: np.asarray(value[0], dtype=np.float64) for name, value in once.items()}
    samples = _draw(n, bootstrap, measure)
    intervals, undefined = {}, {}
    for name, value in values.items():
        if name in norms:
            intervals[name] = norm_interval(samples[name], value, bootstrap.confidence)
            value = values[name] = np.abs(value).sum(axis=-1)
        else:
            intervals[name] = percentile_interval(samples[name], bootstrap.confidence)
        interval = intervals[name]
        alike = (interval[..., 0] == interval[..., 1]) & ~np.isnan(value)
        if name in shares:
            n_of = np.broadcast_to(shares[name], value.shape)
            # Summed up by floats, a share of all may be off by a last bit.
            sure = alike & (np.isclose(value, 0, atol=1e-12) | np.isclose(value, 1, rtol=1e-12))
            for place in np.argwhere(sure):
                at = tuple(place)
                n_right = int(n_of[at]) if value[at] > 0.5 else 0
                interval[at] = share_interval(n_right, int(n_of[at]), bootstrap.confidence)
            unknown = alike & ~sure
        else:
            unknown = alike
        if unknown.any():
            interval[unknown] = np.nan
            undefined[name] = _ALL_ALIKE
        if np.any(np.isnan(interval[..., 0]) & ~np.isnan(value) & ~alike):
            undefined[name] = _TOO_FEW
        interval[np.isnan(value)] = np.nan
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


def norm_interval(samples: FloatArray, sums: FloatArray, confidence: float) -> FloatArray:
    """Return the interval of the sum of absolute values of sums over images.

    Parameters
    ----------
    samples : ndarray of shape (n_resamples, ..., n_sums), float64
    sums : ndarray of shape (..., n_sums), float64
        The sums over the images themselves.
    confidence : float

    Returns
    -------
    ndarray of shape (..., 2), float64
        From the norm of ``sums`` less a quantile of the norms of ``samples - sums``, no less than
        0, to a quantile of the norms of ``samples``.

    Examples
    --------
    Sums that are no more than noise may well be 0 in truth:

    >>> noise = np.random.default_rng(0).normal(size=(1000, 20))
    >>> norm_interval(noise[0] + noise, noise[0], 0.95).round(1)
    array([ 0. , 27.6])
    >>> percentile_interval(np.abs(noise[0] + noise).sum(axis=1), 0.95).round(1)
    array([15.2, 27.6])
    """
    tail = (1 - confidence) / 2
    off = np.quantile(np.abs(samples - sums).sum(axis=-1), 1 - tail, axis=0)
    high = np.quantile(np.abs(samples).sum(axis=-1), 1 - tail, axis=0)
    return np.stack([np.maximum(0, np.abs(sums).sum(axis=-1) - off), high], axis=-1)
