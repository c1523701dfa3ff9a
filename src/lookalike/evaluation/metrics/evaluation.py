"""How good predictions are: all metrics, each with its interval, in one object."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.errors.confusion import ConfusionMatrix
from lookalike.evaluation.metrics.reliability import Reliability
from lookalike.evaluation.plain import number, numbers
from lookalike.results import Result, reports

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

PER_CLASS = ("precision", "recall", "f1")
_MOST_LISTED = 40  # classes or outputs that are printed
_MOST_DENSE = 100  # classes whose confusions are given as a matrix


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BaseEvaluation(Result):
    """Metrics of predictions, of one label each or of several, with their intervals.

    Undefined metrics are NaN, and ``undefined`` says why.

    Attributes
    ----------
    target_type : str
    n : int
        Images.
    intervals : dict of str to ndarray of shape (2,) or (n_classes or n_outputs, 2), float64
        For each metric by name, as "accuracy", "macro_f1" or "recall", the confidence interval: the
        percentile bootstrap over images, or Wilson's of a share that is exactly 0 or 1. That of
        "ece" reaches further down, for the error of a sample is too high: see
        `lookalike.evaluation.metrics.bootstrap`.
    undefined : dict of str to str
        Why a metric, or its interval, is NaN.
    confidence : float
    n_resamples : int
    """

    _described_by = "evaluation"

    target_type: str
    n: int
    intervals: Mapping[str, FloatArray]
    undefined: Mapping[str, str]
    confidence: float
    n_resamples: int

    def scalars(self) -> dict[str, float]:
        """Return the metrics that are one number, by the names that ``intervals`` have."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Return a line for each reason why metrics are undefined, with their names."""
        return list_reasons(self.undefined)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers for JSON, with None for undefined ones."""
        scalars = self.scalars()
        return {
            "target_type": self.target_type,
            "n": self.n,
            "confidence": self.confidence,
            "n_resamples": self.n_resamples,
            **{name: number(value) for name, value in scalars.items()},
            "intervals": {
                name: numbers(self.intervals[name]) for name in scalars if name in self.intervals
            },
            "undefined": dict(self.undefined),
        }

    def _text(
        self, head: str, what: str, names: Sequence[str], columns: Mapping[str, NDArray[Any]]
    ) -> str:
        """Return the printed text: the scalars, and a line for each class or output."""
        lines = [f"{head}; {self.confidence:.0%} intervals"]
        for name, value in self.scalars().items():
            if not math.isnan(value):
                lines.append(f"{name:<20} {value:>8.4f}   {tell_interval(self.intervals[name])}")
        shown = names[:_MOST_LISTED]
        width = max(map(len, [what, *shown]))
        lines += ["", f"{what:<{width}}" + "".join(f"{name:>11}" for name in columns)]
        for i, name in enumerate(shown):
            cells = "".join(
                f"{values[i]:>11{',' if values.dtype.kind == 'i' else '.4f'}}"
                for values in columns.values()
            )
            lines.append(f"{name:<{width}}{cells}")
        if len(names) > _MOST_LISTED:
            plural = "classes" if what == "class" else f"{what}s"
            lines.append(f"... and {len(names) - _MOST_LISTED:,} more {plural}")
        return "\n".join([*lines, *self.notes()])


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Evaluation(BaseEvaluation):
    """How good predictions of one label each are, as `evaluate` returns it.

    Classes without images take no part in means over classes. The attributes of `BaseEvaluation`
    come on top.

    Attributes
    ----------
    target_type : {"binary", "multiclass"}
    classes : ndarray of shape (n_classes,)
        The second of two classes is the positive one.
    class_names : tuple of str
    accuracy : float
    balanced_accuracy : float
        The mean recall.
    top_k_accuracy : dict of int to float
        For each k the share of images whose class is among the k most probable ones.
    precision, recall, f1 : ndarray of shape (n_classes,), float64
    support : ndarray of shape (n_classes,), int64
        Images of each class.
    macro, weighted : dict of str to float
        "precision", "recall" and "f1", in the mean over classes, and weighted by their images.
    mcc : float
        The Matthews correlation coefficient, -1 to 1.
    log_loss : float
        The mean of minus the logarithm of the true class's probability. A probability of 0 counts
        36, of the smallest step of a float64, or 16 if probabilities are float32.
    brier : float
        The mean squared distance of the probabilities from the truth: of two classes that of the
        positive one's probability, 0 to 1; of more, summed over the classes, 0 to 2.
    ece : float
        The expected calibration error; see `lookalike.evaluation.metrics.reliability`.
    roc_auc, average_precision : float
        For two classes: the area below the ROC curve, and the mean precision over all recalls.
    confusion : ndarray of shape (n_classes, n_classes), int64
        ``confusion[i, j]`` images of class i were predicted to be of class j.
    reliability : Reliability or None
        Predictions by their confidence.
    truth, predicted : ndarray of shape (n,), int64
        Positions in ``classes``.
    probabilities : ndarray of shape (n, n_classes), float64, or None
    """

    classes: NDArray[Any]
    class_names: tuple[str, ...]
    accuracy: float
    balanced_accuracy: float
    top_k_accuracy: Mapping[int, float]
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    support: NDArray[np.int64]
    macro: Mapping[str, float]
    weighted: Mapping[str, float]
    mcc: float
    log_loss: float
    brier: float
    ece: float
    roc_auc: float
    average_precision: float
    confusion: NDArray[np.int64]
    reliability: Reliability | None
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: FloatArray | None

    def scalars(self) -> dict[str, float]:
        """Return the metrics that are one number, by the names that ``intervals`` have."""
        return {
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            **{f"top_{k}_accuracy": value for k, value in self.top_k_accuracy.items()},
            **{f"macro_{name}": value for name, value in self.macro.items()},
            **{f"weighted_{name}": value for name, value in self.weighted.items()},
            "mcc": self.mcc,
            "log_loss": self.log_loss,
            "brier": self.brier,
            "ece": self.ece,
            "roc_auc": self.roc_auc,
            "average_precision": self.average_precision,
        }

    def notes(self) -> list[str]:
        """Return the same without the metrics that are defined for two classes only."""
        of_two = () if self.target_type == "binary" else ("roc_auc", "average_precision")
        return list_reasons({n: why for n, why in self.undefined.items() if n not in of_two})

    def normalized_confusion(
        self, normalize: str | None = None, *, errors_only: bool = False
    ) -> FloatArray:
        """Return the confusion matrix in shares; see `ConfusionMatrix.normalized`."""
        return self.confusion_matrix.normalized(normalize, errors_only=errors_only)

    @property
    def confusion_matrix(self) -> ConfusionMatrix:
        """The confusion matrix with the classes' names."""
        return ConfusionMatrix(self.confusion, self.class_names)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers for JSON, with None for undefined ones.

        With more than 100 classes the confusion matrix is "confusion_cells", a list of
        [true, predicted, images].
        """
        per_class = [
            {
                "class": self.class_names[i],
                "support": int(self.support[i]),
                **{name: number(getattr(self, name)[i]) for name in PER_CLASS},
                "intervals": {name: numbers(self.intervals[name][i]) for name in PER_CLASS},
            }
            for i in range(len(self.classes))
        ]
        reliability = self.reliability
        return {
            **super().to_dict(),
            "per_class": per_class,
            **self._confusion_entry(),
            "reliability": None
            if reliability is None
            else {name: numbers(values) for name, values in reliability._asdict().items()},
        }

    def _confusion_entry(self) -> dict[str, Any]:
        if len(self.classes) <= _MOST_DENSE:
            return {"confusion": self.confusion.tolist()}
        # With so many classes nearly all cells are 0.
        true, predicted = np.nonzero(self.confusion)
        counts = self.confusion[true, predicted]
        cells = zip(true.tolist(), predicted.tolist(), counts.tolist(), strict=True)
        return {"confusion_cells": [list(cell) for cell in cells]}

    def __repr__(self) -> str:
        head = f"{self.n:,} images, {len(self.classes)} classes"
        columns = {name: getattr(self, name) for name in (*PER_CLASS, "support")}
        return self._text(head, "class", self.class_names, columns)

    def plot_confusion(
        self,
        normalize: str | None = None,
        *,
        errors_only: bool = False,
        ax: Axes | None = None,
    ) -> Any:
        """Draw the confusion matrix; see `lookalike.reports.errors.plot_confusion`."""
        return reports("errors").plot_confusion(
            self.confusion_matrix, normalize, errors_only=errors_only, ax=ax
        )

    def plot_reliability(self, ax: Axes | None = None) -> Any:
        """Draw how often predictions of each confidence are right."""
        return reports("curves").plot_reliability(self, ax)

    def plot_precision_recall(self, ax: Axes | None = None) -> Axes:
        """Draw precision against recall; see `lookalike.reports.curves.plot_curves`."""
        axes: Axes = reports("curves").plot_curves(self, "precision_recall", ax)
        return axes

    def plot_roc(self, ax: Axes | None = None) -> Axes:
        """Draw the ROC curves; see `lookalike.reports.curves.plot_curves`."""
        axes: Axes = reports("curves").plot_curves(self, "roc", ax)
        return axes


def tell_interval(interval: FloatArray) -> str:
    """Return the ends of an interval in words, or a dash where it is unknown.

    Examples
    --------
    >>> tell_interval(np.array([0.96812, 0.9749])), tell_interval(np.array([np.nan, np.nan]))
    ('0.9681 to 0.9749', '–')
    """
    low, high = interval.tolist()
    return "–" if math.isnan(low) else f"{low:.4f} to {high:.4f}"


def list_reasons(undefined: Mapping[str, str]) -> list[str]:
    """Return a line for each reason, with what it makes undefined.

    Examples
    --------
    >>> list_reasons({"brier": "no probabilities", "mcc": "one class", "ece": "no probabilities"})
    ['brier, ece: no probabilities', 'mcc: one class']
    """
    names: dict[str, list[str]] = {}
    for name, reason in undefined.items():
        names.setdefault(reason, []).append(name)
    return [f"{', '.join(of_it)}: {reason}" for reason, of_it in names.items()]
