"""Conversion of class scores to probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from lookalike.matching.scoring import Scores

FloatArray = NDArray[np.float64]

SHARPEST = 100.0


class Calibration:
    """Probabilities by a softmax of scores, with one sharpness for doubtful images, one for others.

    The sharpness maximises the likelihood of the held-out images' labels (temperature scaling; Guo
    et al., "On calibration of modern neural networks", ICML 2017). Without held-out images it is 1.
    No class gets probability 0: a share of 1 / (number of held-out images + 2), and at least
    0.001 %, is spread over all classes.
    """

    def __init__(self) -> None:
        self.sharpness_ = {True: 1.0, False: 1.0}
        self.floor_ = {True: 1e-5, False: 1e-5}

    def fit(self, scores: Scores, codes: NDArray[np.integer]) -> Calibration:
        """Fit to the scores of images whose classes are known."""
        for doubtful in (True, False):
            rows = np.flatnonzero(scores.doubtful == doubtful)
            if not len(rows):
                continue
            own, right = scores.classes[rows], codes[rows]
            self.floor_[doubtful] = max(1e-5, 1 / (len(rows) + 2))

            def loss(log_sharpness: float, doubtful=doubtful, own=own, right=right) -> float:  # type: ignore[no-untyped-def]
                shares = self._shares(own, np.exp(log_sharpness), self.floor_[doubtful])
                return float(-np.log(shares[np.arange(len(right)), right]).mean())

            bounds = (np.log(0.01), np.log(SHARPEST))
            found = minimize_scalar(loss, bounds=bounds, method="bounded")
            self.sharpness_[doubtful] = float(np.exp(found.x))
        return self

    def probabilities(self, scores: Scores) -> FloatArray:
        """Return probabilities, shape (n, n_classes); a low score gives a high probability."""
        out = np.empty(scores.classes.shape)
        for doubtful in (True, False):
            rows = scores.doubtful == doubtful
            out[rows] = self._shares(
                scores.classes[rows], self.sharpness_[doubtful], self.floor_[doubtful]
            )
        return out

    @staticmethod
    def _shares(scores: FloatArray, sharpness: float, floor: float) -> FloatArray:
        shares: FloatArray = np.exp(log_softmax(-sharpness * scores, axis=1))
        shares *= 1 - floor
        shares += floor / scores.shape[1]
        return shares
