"""Calibration and ranking by the probabilities of each label, in samples of images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics.calibration import bin_confidence
from lookalike.evaluation.metrics.classwise import membership
from lookalike.evaluation.metrics.ranking import RankCounter

FloatArray = NDArray[np.float64]


class LabelProbabilities:
    """Measures calibration and ranking of each label.

    Parameters
    ----------
    positive : ndarray of shape (n, n_labels), float64
        The probability that an image has a label.
    truth, predicted : ndarray of shape (n, n_labels), bool
    n_bins : int
        The number of bins of the expected calibration error.
    """

    def __init__(
        self,
        positive: FloatArray,
        truth: NDArray[np.bool_],
        predicted: NDArray[np.bool_],
        n_bins: int,
    ) -> None:
        confidence = np.where(predicted, positive, 1 - positive)
        excess = confidence - (truth == predicted)
        labels = range(positive.shape[1])
        self._excess = [
            membership(bin_confidence(confidence[:, j], n_bins), n_bins, excess[:, j])
            for j in labels
        ]
        self._ranks = [RankCounter(positive[:, j], truth[:, j]) for j in labels]

    def measure(self, drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        """Return the metrics of samples, each of shape (n_samples, n_labels).

        But "ece" by bins, (n_samples, n_labels, n_bins): it is the sum of absolute values.
        """
        n = drawn.sum(axis=1, keepdims=True)
        errors = [(of_label @ drawn.T).T / n for of_label in self._excess]
        areas, averages = zip(*(ranks.areas(drawn) for ranks in self._ranks), strict=True)
        return {
            "ece": np.stack(errors, axis=1),
            "roc_auc": np.stack(areas, axis=1),
            "average_precision": np.stack(averages, axis=1),
        }
