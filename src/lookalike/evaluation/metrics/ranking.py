"""Metrics of how scores rank images, for a positive class: areas below ROC and PR curves.

Both are sums over the distinct scores, from the counts of positive and negative images that have
each, so that a bootstrap sample costs a product and a cumulative sum, and no sorting.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics.classwise import membership

FloatArray = NDArray[np.float64]


class RankCounter:
    """Counts positive and negative images by their scores, in samples of images.

    Parameters
    ----------
    scores : ndarray of shape (n,), float64
        The higher, the more likely positive.
    positive : ndarray of shape (n,), bool
    """

    def __init__(self, scores: FloatArray, positive: NDArray[np.bool_]) -> None:
        distinct, codes = np.unique(-scores, return_inverse=True)  # the highest first
        self._positive, self._negative = (
            membership(codes.ravel(), len(distinct), which) for which in (positive, ~positive)
        )

    def areas(self, drawn: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return the area below the ROC curve, and the average precision.

        Parameters
        ----------
        drawn : ndarray of shape (n_samples, n), int64
            How often each image was drawn.

        Returns
        -------
        two ndarrays of shape (n_samples,), float64
            As `roc_auc_score` and `average_precision_score` of scikit-learn; NaN where a sample
            has no positive image or, for the first, no negative one.
        """
        positive = (self._positive @ drawn.T).T.astype(np.float64)
        negative = (self._negative @ drawn.T).T.astype(np.float64)
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
