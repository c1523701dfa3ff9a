"""Several classifiers on the same images: how good, how fast, and who beats whom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.array_types import FloatArray
from lookalike.evaluation.comparison.paired import (
    Difference,
    bootstrap_difference,
    corrected_resampled_t,
    holm,
    mcnemar,
)
from lookalike.evaluation.metrics.intervals import share_interval
from lookalike.results import Result, number, numbers, reports

if TYPE_CHECKING:
    from matplotlib.axes import Axes


NOT_TOLD = "the system does not tell how much memory it took"

TESTS = ("mcnemar", "bootstrap", "corrected_t")
"""The paired tests: of images, of images, and of folds."""


@dataclass(frozen=True, eq=False)
class Contestant:
    """What one classifier did.

    Attributes
    ----------
    name : str
    right : ndarray of shape (n,), bool
        Which images it predicted rightly, each when its fold was left out; all False if it failed.
    fold_accuracy : ndarray of shape (n_folds,), float64
    fit_seconds, predict_seconds : ndarray of shape (n_folds,), float64
    memory_mib : float
        At the peak of fitting and predicting a fold, beyond what there was before; NaN where the
        system does not tell.
    notes : tuple of str
        Warnings that it gave.
    error : str or None
        Why it has no result, if it failed; its numbers are then NaN.
    """

    name: str
    right: NDArray[np.bool_]
    fold_accuracy: FloatArray
    fit_seconds: FloatArray
    predict_seconds: FloatArray
    memory_mib: float
    notes: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """Classifiers side by side, as `compare` returns them, in the order they were given.

    Attributes
    ----------
    contestants : tuple of Contestant
    n, n_folds : int
        Images, each predicted once, and the folds they were split into.
    n_test, n_train : float
        Images that a fold tests and trains on, in the mean.
    confidence : float
        The confidence of intervals, and of who beats whom.
    n_resamples, random_state : int
        Resamples and seed of the bootstrap.
    """

    _described_by = "comparison"

    contestants: tuple[Contestant, ...]
    n: int
    n_folds: int
    n_test: float
    n_train: float
    confidence: float
    n_resamples: int
    random_state: int

    @property
    def names(self) -> tuple[str, ...]:
        """The classifiers' names."""
        return tuple(contestant.name for contestant in self.contestants)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which of them failed, shape (n_classifiers,)."""
        return np.array([contestant.error is not None for contestant in self.contestants])

    @cached_property
    def accuracy(self) -> FloatArray:
        """Share of all images predicted rightly, shape (n_classifiers,)."""
        shares = np.array([contestant.right.mean() for contestant in self.contestants])
        shares[self.failed] = np.nan
        return shares

    @cached_property
    def intervals(self) -> FloatArray:
        """Wilson's confidence interval of each accuracy, shape (n_classifiers, 2)."""
        intervals = np.full((len(self.contestants), 2), np.nan)
        for i in np.flatnonzero(~self.failed):
            n_right = int(self.contestants[i].right.sum())
            intervals[i] = share_interval(n_right, self.n, self.confidence)
        return intervals

    @property
    def fit_seconds(self) -> FloatArray:
        """Seconds to fit all folds, shape (n_classifiers,)."""
        return np.array([contestant.fit_seconds.sum() for contestant in self.contestants])

    @property
    def predict_seconds(self) -> FloatArray:
        """Seconds to predict all folds, shape (n_classifiers,)."""
        return np.array([contestant.predict_seconds.sum() for contestant in self.contestants])

    @property
    def memory_mib(self) -> FloatArray:
        """Memory at the peak of a fold, beyond that before it, shape (n_classifiers,)."""
        return np.array([contestant.memory_mib for contestant in self.contestants])

    @cached_property
    def n_wins(self) -> NDArray[np.int64]:
        """``n_wins[i, j]`` images that classifier i predicts rightly and j wrongly."""
        right = np.array([contestant.right for contestant in self.contestants]).astype(np.int64)
        return right @ (1 - right).T

    @cached_property
    def differences(self) -> dict[tuple[int, int], Difference]:
        """For i < j the accuracy of i less that of j, by the paired bootstrap."""
        return {
            (i, j): bootstrap_difference(
                int(self.n_wins[i, j]),
                int(self.n_wins[j, i]),
                self.n,
                confidence=self.confidence,
                n_resamples=self.n_resamples,
                random_state=self.random_state,
            )
            for i, j in self._pairs()
        }

    @cached_property
    def p_values(self) -> dict[str, FloatArray]:
        """The p-values of each of `TESTS`, shape (n_classifiers, n_classifiers), or NaN."""
        return {test: self._matrix(self._test(test)) for test in TESTS}

    @cached_property
    def corrected_p_values(self) -> dict[str, FloatArray]:
        """`p_values`, corrected by Holm's procedure for the number of pairs."""
        return {test: self._matrix(holm(self._test(test))) for test in TESTS}

    @property
    def beats(self) -> NDArray[np.bool_]:
        """``beats[i, j]``: i wins more images than j, significant by McNemar's corrected test."""
        certain = self.corrected_p_values["mcnemar"] < 1 - self.confidence
        return (self.n_wins > self.n_wins.T) & certain

    @property
    def order(self) -> list[int]:
        """Positions from the highest accuracy to the lowest; who failed comes last."""
        return np.argsort(-self.accuracy, kind="stable").tolist()  # type: ignore[no-any-return]

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, as JSON takes them: None stands for what is undefined."""
        return {
            "n": self.n,
            "n_folds": self.n_folds,
            "n_test": self.n_test,
            "n_train": self.n_train,
            "confidence": self.confidence,
            "n_resamples": self.n_resamples,
            "classifiers": [self._entry(i) for i in range(len(self.contestants))],
            "n_wins": self.n_wins.tolist(),
            "beats": self.beats.tolist(),
            "p_values": {test: numbers(matrix) for test, matrix in self.p_values.items()},
            "corrected_p_values": {
                test: numbers(matrix) for test, matrix in self.corrected_p_values.items()
            },
            "differences": [
                {"first": self.names[i], "second": self.names[j], **difference._asdict()}
                for (i, j), difference in self.differences.items()
            ],
        }

    def __repr__(self) -> str:
        comparison = reports("comparison")
        shown = [comparison.ranking(self), *comparison.failures(self)]
        head = f"{self.n:,} images in {self.n_folds} folds"
        return f"{head}\n{reports('terminal').to_text(shown)}"

    def plot_accuracy(self, ax: Axes | None = None) -> Axes:
        """Draw each accuracy with its interval; see `comparison.plot_accuracy`."""
        axes: Axes = reports("comparison").plot_accuracy(self, ax)
        return axes

    def plot_beats(self, ax: Axes | None = None) -> Axes:
        """Draw who beats whom, and by how many images; see `comparison.plot_beats`."""
        axes: Axes = reports("comparison").plot_beats(self, ax)
        return axes

    def plot_times(self, ax: Axes | None = None) -> Axes:
        """Draw the accuracy against the time; see `comparison.plot_times`."""
        axes: Axes = reports("comparison").plot_times(self, ax)
        return axes

    def _pairs(self) -> list[tuple[int, int]]:
        return list(combinations(np.flatnonzero(~self.failed).tolist(), 2))

    def _test(self, test: str) -> FloatArray:
        """Return the p-value of every pair."""
        return np.array([self._p_value(test, i, j) for i, j in self._pairs()])

    def _p_value(self, test: str, i: int, j: int) -> float:
        if test == "bootstrap":
            return self.differences[i, j].p_value
        if test == "mcnemar":
            return mcnemar(int(self.n_wins[i, j]), int(self.n_wins[j, i]))
        of_folds = self.contestants[i].fold_accuracy - self.contestants[j].fold_accuracy
        return corrected_resampled_t(of_folds, self.n_test, self.n_train)

    def _matrix(self, of_pairs: FloatArray) -> FloatArray:
        matrix = np.full((len(self.contestants),) * 2, np.nan)
        for (i, j), value in zip(self._pairs(), of_pairs.tolist(), strict=True):
            matrix[i, j] = matrix[j, i] = value
        return matrix

    def _entry(self, i: int) -> dict[str, Any]:
        contestant = self.contestants[i]
        low, high = self.intervals[i].tolist()
        return {
            "name": contestant.name,
            "accuracy": number(self.accuracy[i]),
            "low": number(low),
            "high": number(high),
            "n_right": int(contestant.right.sum()),
            "fold_accuracy": numbers(contestant.fold_accuracy),
            "fit_seconds": number(self.fit_seconds[i]),
            "predict_seconds": number(self.predict_seconds[i]),
            "memory_mib": number(contestant.memory_mib),
            "notes": list(contestant.notes),
            "error": contestant.error,
        }
