"""What every threshold would do: precision and recall, accuracy and coverage, and the costs.

A threshold on a score says which images are predicted positive. A threshold on the confidence says
which images get an answer: the more go without one, the surer are the others [1]_.

References
----------
.. [1] Chow, "On optimum recognition error and reject tradeoff", IEEE Transactions on Information
   Theory 16, 1970.
.. [2] Geifman, El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.array_types import FloatArray
from lookalike.evaluation.metrics.intervals import share_interval
from lookalike.results import number, reports

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Costs = Sequence[Sequence[float]]

_N_SAMPLES = 10_000
_JEFFREYS = 0.5  # of an image added to each of the four counts


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdCurve:
    """Images predicted positive at every threshold that makes a difference.

    An image is predicted positive if its score is at least the threshold.

    Attributes
    ----------
    thresholds : ndarray of shape (n_thresholds,), float64, ascending
        The distinct scores.
    true_positives, false_positives : ndarray of shape (n_thresholds,), int64
        Positive and negative images predicted positive.
    n_positive, n_negative : int

    Examples
    --------
    >>> curve = ThresholdCurve.of(np.array([0, 1, 1]), np.array([0.2, 0.2, 0.9]))
    >>> curve.thresholds, curve.precision.round(2), curve.recall
    (array([0.2, 0.9]), array([0.67, 1.  ]), array([1. , 0.5]))
    """

    thresholds: FloatArray
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    n_positive: int
    n_negative: int

    @classmethod
    def of(cls, positive: ArrayLike, scores: ArrayLike) -> ThresholdCurve:
        """Count; both of shape (n,), the first bool."""
        is_positive = np.asarray(positive, dtype=bool)
        thresholds, hits, alarms = _count_from_highest(scores, is_positive, ~is_positive)
        n_positive, n_negative = int(is_positive.sum()), int((~is_positive).sum())
        return cls(thresholds[::-1], hits[::-1], alarms[::-1], n_positive, n_negative)

    @cached_property
    def precision(self) -> FloatArray:
        """Share of positive images among those predicted positive, shape (n_thresholds,)."""
        return self.true_positives / (self.true_positives + self.false_positives)

    @cached_property
    def recall(self) -> FloatArray:
        """Share of the positive images that are found, the true positive rate."""
        return _shares(self.true_positives, self.n_positive)

    @cached_property
    def false_positive_rate(self) -> FloatArray:
        """Share of the negative images that are predicted positive."""
        return _shares(self.false_positives, self.n_negative)

    def f_beta(self, beta: float) -> FloatArray:
        """Return the F-beta score, in which recall counts beta times as much as precision."""
        return _f_beta(self._counts, beta)

    def cost(self, costs: Costs) -> FloatArray:
        """Return the expected cost of an image, ``costs[true][predicted]`` for each."""
        return _mean_cost(self._counts, costs)

    def cost_of_none(self, costs: Costs) -> float:
        """Return the expected cost of an image where none is predicted positive."""
        none = np.array([[0, 0, self.n_positive, self.n_negative]])
        return float(_mean_cost(none, costs)[0])

    def point(self, i: int, confidence: float = 0.95) -> OperatingPoint:
        """Return what one of the thresholds does; after the last comes that above all scores."""
        if i == len(self.thresholds):
            above = float(np.nextafter(self.thresholds[-1], np.inf))
            return OperatingPoint(above, 0, 0, self.n_positive, self.n_negative, confidence)
        threshold, (hits, alarms, missed, spared) = (
            float(self.thresholds[i]),
            self._counts[i].tolist(),
        )
        return OperatingPoint(threshold, hits, alarms, missed, spared, confidence)

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON takes it."""
        return {one.name: np.asarray(getattr(self, one.name)).tolist() for one in fields(self)}

    @property
    def _counts(self) -> NDArray[np.int64]:
        """The counts of each threshold in the order of an `OperatingPoint`, (n_thresholds, 4)."""
        hits, alarms = self.true_positives, self.false_positives
        return np.stack([hits, alarms, self.n_positive - hits, self.n_negative - alarms], axis=1)

    def __repr__(self) -> str:
        return (
            f"ThresholdCurve({len(self.thresholds):,} thresholds, {self.n_positive:,} positive and "
            f"{self.n_negative:,} negative images)"
        )


@dataclass(frozen=True, repr=False)
class OperatingPoint:
    """What one threshold does to some images.

    Intervals of shares are Wilson's. Those of the F-beta score and of the cost are Bayesian, with
    Jeffreys' prior of the four counts, whose intervals of shares cover as Wilson's do [1]_. The
    bootstrap would take what was not seen for impossible: where one miss in a thousand costs a
    hundred, its intervals are wrong for every third sample of a thousand images.

    Attributes
    ----------
    threshold : float
    true_positives, false_positives, false_negatives, true_negatives : int
    confidence : float
        The level of the intervals.

    References
    ----------
    .. [1] Brown, Cai, DasGupta, "Interval estimation for a binomial proportion", Statistical
       Science 16, 2001.

    Examples
    --------
    >>> point = OperatingPoint(0.5, 90, 10, 5, 95)
    >>> point.precision, [round(end, 3) for end in point.intervals["precision"]]
    (0.9, [0.826, 0.945])
    >>> [round(value, 3) for value in point.f_beta()]
    [0.923, 0.874, 0.954]
    """

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    confidence: float = 0.95

    @property
    def n(self) -> int:
        """Images."""
        return sum(self._counts)

    @property
    def precision(self) -> float:
        """Share of positive images among those predicted positive; NaN if none is."""
        return _share(*self._ratios["precision"])

    @property
    def recall(self) -> float:
        """Share of the positive images that are found; NaN if there are none."""
        return _share(*self._ratios["recall"])

    @property
    def false_positive_rate(self) -> float:
        """Share of the negative images predicted positive; NaN if there are none."""
        return _share(*self._ratios["false_positive_rate"])

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Wilson's intervals of the three shares, by their names."""
        return {name: share_interval(*of, self.confidence) for name, of in self._ratios.items()}

    def f_beta(self, beta: float = 1.0) -> tuple[float, float, float]:
        """Return the F-beta score with the ends of its interval; NaN if no image counts."""
        return self._interval(lambda counts: _f_beta(counts, beta))

    def cost(self, costs: Costs) -> tuple[float, float, float]:
        """Return the expected cost of an image with the ends of its interval."""
        return self._interval(lambda counts: _mean_cost(counts, costs))

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers for JSON, with None for undefined ones."""
        return {
            "threshold": number(self.threshold),
            "n": self.n,
            "true_positives": self.true_positives,
            "false_positives": self.false_positives,
            "false_negatives": self.false_negatives,
            "true_negatives": self.true_negatives,
            **{name: number(_share(*of)) for name, of in self._ratios.items()},
            "f1": [number(value) for value in self.f_beta()],
            "confidence": self.confidence,
            "intervals": {name: [*map(number, ends)] for name, ends in self.intervals.items()},
        }

    def __repr__(self) -> str:
        shares = []
        for name in ("precision", "recall"):
            low, high = self.intervals[name]
            shares.append(f"{name} {getattr(self, name):.2%} [{low:.2%} to {high:.2%}]")
        return (
            f"OperatingPoint(threshold {self.threshold:.4g}: {', '.join(shares)}; "
            f"{self.true_positives:,} true and {self.false_positives:,} false positives, "
            f"{self.false_negatives:,} false and {self.true_negatives:,} true negatives)"
        )

    @property
    def _counts(self) -> tuple[Any, ...]:
        return astuple(self)[1:5]

    @property
    def _ratios(self) -> dict[str, tuple[int, int]]:
        """The counts of which precision, recall and false positive rate are the ratios."""
        hits, alarms, missed, spared = self._counts
        return {
            "precision": (hits, hits + alarms),
            "recall": (hits, hits + missed),
            "false_positive_rate": (alarms, alarms + spared),
        }

    def _interval(self, score: Callable[[NDArray[Any]], FloatArray]) -> tuple[float, float, float]:
        counts = np.array(self._counts)
        value = float(score(counts[np.newaxis])[0])
        if math.isnan(value):
            return value, math.nan, math.nan
        drawn = np.random.default_rng(0).dirichlet(counts + _JEFFREYS, size=_N_SAMPLES)
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(score(drawn), [tail, 1 - tail]).tolist()
        # Scores at the end of their range, as without any error, lie outside.
        return value, min(low, value), max(high, value)


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
        is_right = np.asarray(right, dtype=bool)
        everyone = np.ones_like(is_right)
        return cls(*_count_from_highest(confidence, everyone, is_right), len(is_right))

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
        """The mean error rate over all coverages (AURC; Geifman and El-Yaniv 2017): 0 is best."""
        steps = np.diff(self.n_accepted, prepend=0)
        return float(np.sum(steps * (1 - self.accuracy)) / self.n)

    def coverage_at(self, accuracy: float) -> float:
        """Return the largest coverage at which the answers are so accurate; 0 if there is none."""
        reached = self.coverage[self.accuracy >= accuracy]
        return float(reached.max(initial=0.0))

    def plot(self, ax: Axes | None = None, *, wanted: float | None = None) -> Axes:
        """Draw the accuracy against the coverage; see `lookalike.reports.curves.plot_coverage`."""
        axes: Axes = reports("curves").plot_coverage(self, wanted=wanted, ax=ax)
        return axes

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


@dataclass(frozen=True, eq=False, repr=False)
class Coverage:
    """How many images get an answer, and how many a right one.

    Attributes
    ----------
    n, n_accepted, n_right : int
    confidence : float
        The level of the intervals.
    curve : CoverageCurve
        What other thresholds would have done, one for all classes.
    """

    n: int
    n_accepted: int
    n_right: int
    confidence: float
    curve: CoverageCurve

    @property
    def coverage(self) -> float:
        """Share of images that get an answer."""
        return self.n_accepted / self.n

    @property
    def accuracy(self) -> float:
        """Share of right answers; NaN if there is no answer."""
        return _share(self.n_right, self.n_accepted)

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Wilson's intervals of coverage and accuracy, by their names."""
        return {
            "coverage": share_interval(self.n_accepted, self.n, self.confidence),
            "accuracy": share_interval(self.n_right, self.n_accepted, self.confidence),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers for JSON, with None for undefined ones."""
        return {
            "n": self.n,
            "n_accepted": self.n_accepted,
            "n_right": self.n_right,
            "coverage": self.coverage,
            "accuracy": number(self.accuracy),
            "confidence": self.confidence,
            "intervals": {name: [*map(number, ends)] for name, ends in self.intervals.items()},
            "curve": self.curve.to_dict(),
        }

    def __repr__(self) -> str:
        low, high = self.intervals["accuracy"]
        return (
            f"Coverage({self.coverage:.2%} of {self.n:,} images answered, {self.accuracy:.3%} of "
            f"them rightly [{low:.3%} to {high:.3%}])"
        )


def _count_from_highest(
    scores: ArrayLike, *which: NDArray[np.bool_]
) -> tuple[FloatArray, NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct scores, the highest first, and how many of each kind reach each."""
    thresholds, codes = np.unique(np.asarray(scores, dtype=np.float64), return_inverse=True)
    first, second = (
        np.bincount(codes.ravel(), own, len(thresholds))[::-1].cumsum().astype(np.int64)
        for own in which
    )
    return thresholds[::-1], first, second


def _f_beta(counts: NDArray[Any], beta: float) -> FloatArray:
    """Return the F-beta scores of rows of the four counts."""
    hits, alarms, missed, _ = counts.T
    b2 = beta**2
    return _shares((1 + b2) * hits, (1 + b2) * hits + b2 * missed + alarms)


def _mean_cost(counts: NDArray[Any], costs: Costs) -> FloatArray:
    """Return the expected cost of an image for rows of the four counts."""
    (true_negative, false_positive), (false_negative, true_positive) = costs
    of_kinds = np.array([true_positive, false_positive, false_negative, true_negative])
    mean: FloatArray = counts @ of_kinds / counts.sum(axis=1)
    return mean


def _shares(part: NDArray[Any], whole: Any) -> FloatArray:
    shares = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=shares, where=np.asarray(whole) != 0)
    return shares


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
