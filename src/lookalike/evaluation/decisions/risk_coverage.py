"""Accuracy against coverage: the more images go without an answer, the surer are the others.

References
----------
.. [1] Chow, "On optimum recognition error and reject tradeoff", IEEE Transactions on Information
   Theory 16, 1970.
.. [2] Geifman, El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.results import reports

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class CoverageCurve:
    """What every threshold on the confidence would do.

    An image gets an answer if the confidence of its prediction is at least the threshold.

    Attributes
    ----------
    thresholds : ndarray of shape (n_thresholds,), float64, descending
        The distinct confidences.
    n_accepted, n_right : ndarray of shape (n_thresholds,), int64
        Images that get an answer, and a right one.
    n : int

    Examples
    --------
    >>> curve = CoverageCurve.of(np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 1, 0, 1]))
    >>> curve.coverage_at(0.9), curve.accuracy.round(2)
    (0.5, array([1.  , 1.  , 0.67, 0.75]))
    """

    thresholds: FloatArray
    n_accepted: NDArray[np.int64]
    n_right: NDArray[np.int64]
    n: int

    @classmethod
    def of(cls, confidence: ArrayLike, right: ArrayLike) -> CoverageCurve:
        """Count; both of shape (n,), n at least 1, the second bool."""
        values, is_right = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=bool)
        thresholds, codes = np.unique(values, return_inverse=True)
        accepted, n_right = (
            np.bincount(codes.ravel(), which, len(thresholds))[::-1].cumsum().astype(np.int64)
            for which in (None, is_right)
        )
        return cls(thresholds[::-1], accepted, n_right, len(values))

    @property
    def coverage(self) -> FloatArray:
        """Share of images that get an answer, shape (n_thresholds,)."""
        return self.n_accepted / self.n

    @property
    def accuracy(self) -> FloatArray:
        """Share of right answers, shape (n_thresholds,)."""
        return self.n_right / self.n_accepted

    @property
    def area_under_risk(self) -> float:
        """The mean error rate over all coverages (AURC [2]_): 0 is best."""
        steps = np.diff(self.n_accepted, prepend=0)
        return float(np.sum(steps * (1 - self.accuracy)) / self.n)

    def coverage_at(self, accuracy: float) -> float:
        """Return the largest coverage at which the answers are so accurate; 0 if there is none."""
        reached = self.coverage[self.accuracy >= accuracy]
        return float(reached.max(initial=0.0))

    def plot(self, ax: Any = None, *, wanted: float | None = None) -> Any:
        """Draw the accuracy against the coverage; see `lookalike.reports.curves.plot_coverage`."""
        return reports("curves").plot_coverage(self, wanted=wanted, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON takes it, by hundredths of coverage where it has more points."""
        steps = np.linspace(self.n_accepted[0], self.n, 101)
        at = np.unique(np.searchsorted(self.n_accepted, steps))
        return {
            "n": self.n,
            "area_under_risk": self.area_under_risk,
            "thresholds": self.thresholds[at].tolist(),
            "coverage": self.coverage[at].tolist(),
            "accuracy": self.accuracy[at].tolist(),
        }

    def __repr__(self) -> str:
        return (
            f"CoverageCurve({self.n:,} images, {len(self.thresholds):,} thresholds, mean error "
            f"rate {self.area_under_risk:.4%})"
        )
