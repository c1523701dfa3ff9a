"""The formulas of the metrics of counts of classes, of scores that rank, and of probabilities.

Counts may have any number of leading axes, so that one call serves a thousand bootstrap samples.
Undefined values are NaN, for instance the precision of a class that is never predicted, for which
scikit-learn returns 0 by default.

Predictions are calibrated if they are right as often as the probability of the predicted class
says. To measure that they are sorted by this probability into bins of equal width; the expected
calibration error [1]_ [2]_ is the mean distance between the mean probability of a bin and the share
of right predictions in it, each bin weighted by its images.

References
----------
.. [1] Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
   binning", AAAI 2015.
.. [2] Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
.. [3] Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient",
   Computational Biology and Chemistry 28, 2004.
.. [4] Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review
   78, 1950.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from lookalike.array_types import FloatArray

Codes = NDArray[np.int64]


class Counts(NamedTuple):
    """Images of each class, predictions of it, and right ones of these; (..., n_classes)."""

    true: FloatArray
    predicted: FloatArray
    right: FloatArray


def membership(
    codes: Codes, n_codes: int, values: NDArray[np.bool_] | FloatArray | None = None
) -> csr_array:
    """Return a sparse matrix (n_codes, n) that sums up, by a product, what has the same code."""
    n = len(codes)
    entries = np.ones(n, dtype=np.int64) if values is None else values
    if entries.dtype == bool:
        entries = entries.astype(np.int64)
    return csr_array((entries, (codes, np.arange(n))), shape=(n_codes, n))


def add_up(members: csr_array, drawn: NDArray[np.int64]) -> FloatArray:
    """Return the sums of samples by code, shape (n_samples, n_codes).

    The matrix is one of `membership`, and ``drawn``, of shape (n_samples, n), says how often each
    sample holds each image.
    """
    sums: FloatArray = (members @ drawn.T).T.astype(np.float64)
    return sums


def precision_recall_f1(counts: Counts) -> dict[str, FloatArray]:
    """Return the three metrics of each class; F1 is 0 where no image is right."""
    return {
        "precision": _ratio(counts.right, counts.predicted),
        "recall": _ratio(counts.right, counts.true),
        "f1": _ratio(2 * counts.right, counts.true + counts.predicted),
    }


def jaccard(counts: Counts) -> FloatArray:
    """Return intersection over union of the true and the predicted images of each class."""
    return _ratio(counts.right, counts.true + counts.predicted - counts.right)


def macro(values: FloatArray, counts: Counts) -> FloatArray:
    """Return the mean over the classes that have images; NaN if the value of one is NaN."""
    present = counts.true > 0
    total: FloatArray = np.sum(values, axis=-1, where=present)
    return _ratio(total, present.sum(axis=-1))


def weighted(values: FloatArray, counts: Counts) -> FloatArray:
    """Return the mean over the classes, each weighted by its images."""
    total: FloatArray = np.sum(values * counts.true, axis=-1, where=counts.true > 0)
    return _ratio(total, counts.true.sum(axis=-1))


def matthews(counts: Counts) -> FloatArray:
    """Return the Matthews correlation coefficient, for many classes [3]_.

    NaN where all images are of one class or predicted to be of one: it is 0 / 0 then.
    """
    n, right = counts.true.sum(axis=-1), counts.right.sum(axis=-1)
    both = (counts.true * counts.predicted).sum(axis=-1)
    true = n**2 - (counts.true**2).sum(axis=-1)
    predicted = n**2 - (counts.predicted**2).sum(axis=-1)
    return _ratio(n * right - both, np.sqrt(true * predicted))


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> FloatArray:
    ratio = np.full(np.shape(denominator), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator != 0)
    return ratio


class RankCounter:
    """Areas below ROC and PR curves, in samples of images.

    Both are sums over the distinct scores, from the counts of positive and negative images that
    have each, so that a sample costs a product and a cumulative sum, and no sorting.

    The higher the scores, of shape (n,), the more likely are images positive.
    """

    def __init__(self, scores: FloatArray, positive: NDArray[np.bool_]) -> None:
        distinct, codes = np.unique(-scores, return_inverse=True)  # the highest first
        self._members = [
            membership(codes.ravel(), len(distinct), which) for which in (positive, ~positive)
        ]

    def areas(self, drawn: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return the area below the ROC curve, and the average precision, of each sample.

        They equal scikit-learn's `roc_auc_score` and `average_precision_score`, and are NaN where a
        sample has no positive image or, for the first, no negative one.
        """
        positive, negative = (add_up(members, drawn) for members in self._members)
        hits, alarms = positive.cumsum(axis=1), negative.cumsum(axis=1)
        n_positive, n_negative = hits[:, -1], alarms[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            # Pairs of a positive and a negative image that are ranked rightly; ties count half.
            ranked = (negative * (hits - positive / 2)).sum(axis=1)
            area = ranked / (n_positive * n_negative)
            # No image down to a score: no precision there, and no step of the recall.
            precision = np.nan_to_num(hits / (hits + alarms))
            average = (positive * precision).sum(axis=1) / n_positive
        return area, average


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


def _bin(confidence: FloatArray, n_bins: int) -> Codes:
    """Return the bin of each probability; the first bin holds 0 too."""
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1), confidence, side="left") - 1
    return np.clip(bins, 0, n_bins - 1)


def measure_reliability(
    confidence: FloatArray, right: NDArray[np.bool_], n_bins: int
) -> Reliability:
    """Sort predictions, some of them right, into bins by their confidence.

    Examples
    --------
    >>> reliability = measure_reliability(
    ...     np.array([0.9, 0.9, 0.6]), np.array([True, False, True]), n_bins=15
    ... )
    >>> round(reliability.expected_calibration_error, 4)
    0.4
    """
    bins = _bin(confidence, n_bins)
    n = np.bincount(bins, minlength=n_bins)
    means = (_ratio(np.bincount(bins, of, n_bins), n) for of in (confidence, right))
    return Reliability(np.linspace(0, 1, n_bins + 1), n, *means)


def calibration_terms(confidence: FloatArray, right: NDArray[np.bool_], n_bins: int) -> csr_array:
    """Return the matrix that adds up, for each bin, confidence less right predictions.

    The expected calibration error is the sum of the absolute sums, divided by the images.
    """
    return membership(_bin(confidence, n_bins), n_bins, confidence - right)


def smallest_step(probabilities: Any) -> float:
    """Return the smallest step from 1 of the type of probabilities: a float32's, or a float64's.

    Examples
    --------
    >>> -np.log(smallest_step(np.ones(1))), -np.log(smallest_step(np.ones(1, dtype=np.float32)))
    (np.float64(36.04365338911715), np.float64(15.942385152878742))
    """
    is_single = np.asarray(probabilities).dtype == np.float32
    return float(np.finfo(np.float32 if is_single else np.float64).eps)


def log_losses(probabilities: FloatArray, truth: Codes, smallest: float) -> FloatArray:
    """Return minus the logarithm of each true class's probability, shape (n,).

    As in scikit-learn's `log_loss`, a probability of 0 counts as the smallest step of its type, so
    that it costs 36, or as a float32 16.
    """
    own = probabilities[np.arange(len(truth)), truth]
    losses: FloatArray = -np.log(np.clip(own, smallest, 1 - smallest))
    return losses


def brier_scores(probabilities: FloatArray, truth: Codes) -> FloatArray:
    """Return the squared distance of each row from the truth [4]_, shape (n,).

    As in scikit-learn's `brier_score_loss`, it is summed over the classes; for two classes it is
    half of that, the squared error of the one probability.
    """
    errors = probabilities.copy()
    errors[np.arange(len(truth)), truth] -= 1
    scores: FloatArray = (errors**2).sum(axis=1)
    return scores / 2 if probabilities.shape[1] == 2 else scores


def in_top_k(probabilities: FloatArray, truth: Codes, k: int) -> NDArray[np.bool_]:
    """Return whether each true class is among the k most probable ones, shape (n,).

    Among equally probable classes the later ones come first, as in scikit-learn's
    `top_k_accuracy_score`.
    """
    first = np.argsort(probabilities, axis=1, kind="stable")[:, ::-1][:, :k]
    found: NDArray[np.bool_] = (first == truth[:, np.newaxis]).any(axis=1)
    return found
