"""Do probabilities mean what they say? Reliability of the winning class's probability.

Predictions are sorted into bins of equal width by the probability of the predicted class; a
calibrated classifier is right in each bin as often as it says. The expected calibration error [1]_
[2]_ is the mean distance between the two, each bin weighted by its images.

References
----------
.. [1] Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
   binning", AAAI 2015.
.. [2] Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Reliability(NamedTuple):
    """Predictions by their confidence.

    Attributes
    ----------
    edges : ndarray of shape (n_bins + 1,), float64
        The edges of the bins; a bin holds its upper edge.
    n : ndarray of shape (n_bins,), int64
        Images.
    confidence, accuracy : ndarray of shape (n_bins,), float64
        The mean probability of the predicted class, and the share of right predictions; NaN in
        an empty bin.
    """

    edges: FloatArray
    n: NDArray[np.int64]
    confidence: FloatArray
    accuracy: FloatArray

    @property
    def expected_calibration_error(self) -> float:
        """The mean distance between confidence and accuracy, weighted by the images."""
        distances = np.abs(self.confidence - self.accuracy)
        return float(np.nansum(self.n * distances) / self.n.sum())


def bin_confidence(confidence: FloatArray, n_bins: int) -> NDArray[np.int64]:
    """Return the bin of each probability; the first bin holds 0 too.

    Examples
    --------
    >>> bin_confidence(np.array([0.0, 0.5, 0.51, 1.0]), 2)
    array([0, 0, 1, 1])
    """
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1), confidence, side="left") - 1
    return np.clip(bins, 0, n_bins - 1)


def measure_reliability(
    confidence: FloatArray, right: NDArray[np.bool_], n_bins: int = 15
) -> Reliability:
    """Sort predictions into bins by their confidence.

    Parameters
    ----------
    confidence : ndarray of shape (n,), n at least 1
        The probability of the predicted class, from 0 to 1.
    right : ndarray of shape (n,), bool
        Whether the prediction is.
    n_bins : int, default=15

    Examples
    --------
    >>> reliability = measure_reliability(np.array([0.9, 0.9, 0.6]), np.array([True, False, True]))
    >>> round(reliability.expected_calibration_error, 4)
    0.4
    """
    bins = bin_confidence(confidence, n_bins)
    n = np.bincount(bins, minlength=n_bins)
    sums = [np.bincount(bins, values, n_bins) for values in (confidence, right)]
    means = [np.full(n_bins, np.nan) for _ in sums]
    for total, mean in zip(sums, means, strict=True):
        np.divide(total, n, out=mean, where=n > 0)
    return Reliability(np.linspace(0, 1, n_bins + 1), n, *means)
