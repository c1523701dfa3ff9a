"""What every threshold on a score would do: the counts behind the PR and the ROC curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.evaluation.metrics.intervals import share_interval
from lookalike.results import number

FloatArray = NDArray[np.float64]
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
        is_positive, values = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
        thresholds, codes = np.unique(values, return_inverse=True)
        hits, alarms = (
            np.bincount(codes.ravel(), which, len(thresholds))[::-1].cumsum()[::-1].astype(np.int64)
            for which in (is_positive, ~is_positive)
        )
        n_positive = int(is_positive.sum())
        return cls(thresholds, hits, alarms, n_positive, len(values) - n_positive)

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
        b2 = beta**2
        predicted = self.true_positives + self.false_positives
        return _shares((1 + b2) * self.true_positives, b2 * self.n_positive + predicted)

    def cost(self, costs: Costs) -> FloatArray:
        """Return the expected cost of an image, ``costs[true][predicted]`` for each."""
        (true_negative, false_positive), (false_negative, true_positive) = costs
        n = self.n_positive + self.n_negative
        total: FloatArray = (
            true_positive * self.true_positives
            + false_negative * (self.n_positive - self.true_positives)
            + false_positive * self.false_positives
            + true_negative * (self.n_negative - self.false_positives)
        )
        return total / n

    def cost_of_none(self, costs: Costs) -> float:
        """Return the expected cost of an image where none is predicted positive."""
        (true_negative, _), (false_negative, _) = costs
        total = false_negative * self.n_positive + true_negative * self.n_negative
        return float(total / (self.n_positive + self.n_negative))

    def point(self, i: int, confidence: float = 0.95) -> OperatingPoint:
        """Return what one of the thresholds does; after the last comes that above all scores."""
        if i == len(self.thresholds):
            above = float(np.nextafter(self.thresholds[-1], np.inf))
            return OperatingPoint(above, 0, 0, self.n_positive, self.n_negative, confidence)
        hits, alarms = int(self.true_positives[i]), int(self.false_positives[i])
        return OperatingPoint(
            float(self.thresholds[i]),
            hits,
            alarms,
            self.n_positive - hits,
            self.n_negative - alarms,
            confidence,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON takes it."""
        return {
            "thresholds": self.thresholds.tolist(),
            "true_positives": self.true_positives.tolist(),
            "false_positives": self.false_positives.tolist(),
            "n_positive": self.n_positive,
            "n_negative": self.n_negative,
        }

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
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the positive images that are found; NaN if there are none."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def false_positive_rate(self) -> float:
        """Share of the negative images predicted positive; NaN if there are none."""
        return _share(self.false_positives, self.false_positives + self.true_negatives)

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Wilson's intervals of the three shares, by their names."""
        ways = {
            "precision": (self.true_positives, self.true_positives + self.false_positives),
            "recall": (self.true_positives, self.true_positives + self.false_negatives),
            "false_positive_rate": (
                self.false_positives,
                self.false_positives + self.true_negatives,
            ),
        }
        return {name: share_interval(*way, self.confidence) for name, way in ways.items()}

    def f_beta(self, beta: float = 1.0) -> tuple[float, float, float]:
        """Return the F-beta score with the ends of its interval; NaN if no image counts."""

        def score(counts: NDArray[Any]) -> FloatArray:
            hits, alarms, missed, _ = counts.T
            b2 = beta**2
            return _shares((1 + b2) * hits, (1 + b2) * hits + b2 * missed + alarms)

        return self._interval(score)

    def cost(self, costs: Costs) -> tuple[float, float, float]:
        """Return the expected cost of an image with the ends of its interval."""
        (true_negative, false_positive), (false_negative, true_positive) = costs
        of_kinds = np.array([true_positive, false_positive, false_negative, true_negative])
        return self._interval(lambda counts: counts @ of_kinds / counts.sum(axis=1))

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers for JSON, with None for undefined ones."""
        shares = ("precision", "recall", "false_positive_rate")
        return {
            "threshold": number(self.threshold),
            "n": self.n,
            "true_positives": self.true_positives,
            "false_positives": self.false_positives,
            "false_negatives": self.false_negatives,
            "true_negatives": self.true_negatives,
            **{name: number(getattr(self, name)) for name in shares},
            "f1": [number(value) for value in self.f_beta()],
            "confidence": self.confidence,
            "intervals": {
                name: [number(low), number(high)] for name, (low, high) in self.intervals.items()
            },
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
    def _counts(self) -> tuple[int, int, int, int]:
        return (
            self.true_positives,
            self.false_positives,
            self.false_negatives,
            self.true_negatives,
        )

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


def _shares(part: NDArray[Any], whole: Any) -> FloatArray:
    shares = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=shares, where=np.asarray(whole) != 0)
    return shares


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
