"""How good predictions of one label each are: all metrics, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.array_types import FloatArray
from lookalike.evaluation.errors.confusion import ConfusionMatrix
from lookalike.evaluation.metrics import formulas
from lookalike.evaluation.metrics.formulas import Reliability
from lookalike.evaluation.metrics.inputs import (
    NO_PROBABILITIES,
    check_probabilities,
    check_scores,
    class_array,
    encode,
    names_of,
)
from lookalike.evaluation.metrics.intervals import Bootstrap, measure_with_intervals
from lookalike.results import Result, number, numbers, reports

if TYPE_CHECKING:
    from matplotlib.axes import Axes


PER_CLASS = ("precision", "recall", "f1")
_MEANS = ("macro", "weighted")
_OF_PROBABILITIES = ("log_loss", "brier", "ece")
_OF_TWO_CLASSES = ("roc_auc", "average_precision")
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
        The confidence interval of each metric by its name, for instance "accuracy", "macro_f1" or
        "recall". It is from the percentile bootstrap over images, or Wilson's where a share is
        exactly 0 or 1. That of "ece" reaches further down, for the error of a sample is too high:
        see `lookalike.evaluation.metrics.intervals`.
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
        """Return a line for each reason why metrics are undefined, with their names.

        Metrics of two classes are left out where there are more.
        """
        names: dict[str, list[str]] = {}
        for name, reason in self.undefined.items():
            if self.target_type != "multiclass" or name not in _OF_TWO_CLASSES:
                names.setdefault(reason, []).append(name)
        return [f"{', '.join(of_it)}: {reason}" for reason, of_it in names.items()]

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

    def _rows(self, what: str, names: Sequence[str], columns: Sequence[str]) -> list[Any]:
        """Return for JSON the metrics of each class or output, with their intervals."""
        return [
            {
                what: name,
                **{column: numbers(getattr(self, column)[i]) for column in columns},
                "intervals": {
                    column: numbers(self.intervals[column][i])
                    for column in columns
                    if column in self.intervals
                },
            }
            for i, name in enumerate(names)
        ]

    def _text(
        self, head: str, what: str, names: Sequence[str], columns: Mapping[str, NDArray[Any]]
    ) -> str:
        """Return the printed text: the scalars, and a line for each class or output."""
        lines = [f"{head}; {self.confidence:.0%} intervals"]
        for name, value in self.scalars().items():
            if not math.isnan(value):
                low, high = self.intervals[name].tolist()
                ends = "–" if math.isnan(low) else f"{low:.4f} to {high:.4f}"
                lines.append(f"{name:<20} {value:>8.4f}   {ends}")
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
        "precision", "recall" and "f1": their mean over classes, and that weighted by images.
    mcc : float
        The Matthews correlation coefficient, -1 to 1.
    log_loss : float
        The mean of minus the logarithm of the true class's probability. A probability of 0 costs
        36, as the smallest step of a float64 does, or 16 if probabilities are float32.
    brier : float
        The mean squared distance of the probabilities from the truth. With two classes it is that
        of the positive one's probability, 0 to 1; with more it is summed over the classes, 0 to 2.
    ece : float
        The expected calibration error; see `lookalike.evaluation.metrics.formulas`.
    roc_auc, average_precision : float
        For two classes: the area below the ROC curve, and the mean precision over all recalls.
        These two and ``top_k_accuracy`` need scores, not probabilities.
    confusion : ndarray of shape (n_classes, n_classes), int64
        ``confusion[i, j]`` images of class i were predicted to be of class j.
    reliability : Reliability or None
        Predictions by their confidence.
    truth, predicted : ndarray of shape (n,), int64
        Positions in ``classes``.
    probabilities : ndarray of shape (n, n_classes), float64, or None
    scores : ndarray of shape (n, n_classes), float64, or None
        The higher, the more likely the class: the probabilities, or decision values where there are
        none.
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
    scores: FloatArray | None

    def scalars(self) -> dict[str, float]:
        """Return the metrics that are one number, by the names that ``intervals`` have."""
        return {
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            **{f"top_{k}_accuracy": value for k, value in self.top_k_accuracy.items()},
            **{f"{how}_{name}": getattr(self, how)[name] for how in _MEANS for name in PER_CLASS},
            "mcc": self.mcc,
            **{name: getattr(self, name) for name in (*_OF_PROBABILITIES, *_OF_TWO_CLASSES)},
        }

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
        reliability = self.reliability
        confusion = {"confusion": self.confusion.tolist()}
        if len(self.classes) > _MOST_DENSE:  # nearly all cells are 0
            cells = np.argwhere(self.confusion)
            counts = self.confusion[tuple(cells.T)]
            confusion = {"confusion_cells": np.c_[cells, counts].tolist()}
        return {
            **super().to_dict(),
            "per_class": self._rows("class", self.class_names, ("support", *PER_CLASS)),
            **confusion,
            "reliability": None
            if reliability is None
            else {name: numbers(values) for name, values in reliability._asdict().items()},
        }

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
    ) -> Axes:
        """Draw the confusion matrix; see `lookalike.reports.errors.plot_confusion`."""
        axes: Axes = reports("errors").plot_confusion(
            self.confusion_matrix, normalize, errors_only=errors_only, ax=ax
        )
        return axes

    def plot_reliability(self, ax: Axes | None = None) -> Axes:
        """Draw how often predictions of each confidence are right."""
        axes: Axes = reports("curves").plot_reliability(self, ax)
        return axes

    def plot_precision_recall(self, ax: Axes | None = None) -> Axes:
        """Draw precision against recall; see `lookalike.reports.curves.plot_curves`."""
        axes: Axes = reports("curves").plot_curves(self, "precision_recall", ax)
        return axes

    def plot_roc(self, ax: Axes | None = None) -> Axes:
        """Draw the ROC curves; see `lookalike.reports.curves.plot_curves`."""
        axes: Axes = reports("curves").plot_curves(self, "roc", ax)
        return axes


def evaluate_single(
    truth: NDArray[Any],
    guess: NDArray[Any],
    probabilities: Any,
    scores: Any,
    classes: Any,
    class_names: Sequence[str] | None,
    top_k: Sequence[int],
    n_bins: int,
    bootstrap: Bootstrap,
) -> Evaluation:
    """Measure predictions of one label each, as `evaluate_predictions` does."""
    known = np.unique(np.concatenate([truth, guess])) if classes is None else class_array(classes)
    n, n_classes = len(truth), len(known)
    names = names_of(class_names, known)
    codes = encode(truth, known, what="labels")
    predicted = encode(guess, known, what="predictions", predicted=True)
    right = codes == predicted
    n_true, n_predicted = (np.bincount(own, minlength=n_classes) for own in (codes, predicted))
    members = [
        formulas.membership(codes, n_classes),
        formulas.membership(predicted, n_classes),
        formulas.membership(codes, n_classes, right),
    ]
    for k in top_k:
        if k < 1:
            raise ValueError(f"top_k holds {k!r}, which is less than 1; give 1 or more")
    of_each: dict[str, FloatArray] = {}  # metrics that are means over images
    terms = ranks = reliability = None
    if probabilities is not None:
        smallest = formulas.smallest_step(probabilities)
        scores = probabilities = check_probabilities(probabilities, n, n_classes)
        of_each["log_loss"] = formulas.log_losses(probabilities, codes, smallest)
        of_each["brier"] = formulas.brier_scores(probabilities, codes)
        confidence = probabilities[np.arange(n), predicted]
        terms = formulas.calibration_terms(confidence, right, n_bins)
        reliability = formulas.measure_reliability(confidence, right, n_bins)
    if scores is not None:
        scores = check_scores(scores, (n, n_classes))
        of_each |= {
            f"top_{k}_accuracy": formulas.in_top_k(scores, codes, k).astype(np.float64)
            for k in top_k
            if k < n_classes
        }
        if n_classes == 2:
            ranks = formulas.RankCounter(scores[:, 1], codes == 1)

    def measure(drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        counts = formulas.Counts._make(formulas.add_up(own, drawn) for own in members)
        of_classes = formulas.precision_recall_f1(counts)
        metrics = {
            "accuracy": counts.right.sum(axis=-1) / n,
            "balanced_accuracy": formulas.macro(of_classes["recall"], counts),
        }
        for how, mean in zip(_MEANS, (formulas.macro, formulas.weighted), strict=True):
            metrics |= {f"{how}_{name}": mean(own, counts) for name, own in of_classes.items()}
        metrics |= {"mcc": formulas.matthews(counts), **of_classes}
        metrics |= {name: drawn @ values / n for name, values in of_each.items()}
        if terms is not None:
            metrics["ece"] = formulas.add_up(terms, drawn) / n
        if ranks is not None:
            metrics["roc_auc"], metrics["average_precision"] = ranks.areas(drawn)
        return metrics

    shares = {"accuracy": n, "weighted_recall": n, "precision": n_predicted, "recall": n_true}
    shares |= {name: n for name in of_each if name.startswith("top_")}
    measured = measure_with_intervals(measure, n, shares, bootstrap)
    undefined = {}
    if probabilities is None:
        undefined = dict.fromkeys(_OF_PROBABILITIES, NO_PROBABILITIES)
    if scores is None:
        absent = (*(f"top_{k}_accuracy" for k in top_k), *_OF_TWO_CLASSES)
        undefined |= dict.fromkeys(absent, NO_PROBABILITIES)
    undefined |= {
        f"top_{k}_accuracy": f"there are only {n_classes} classes" for k in top_k if k >= n_classes
    }
    if n_classes != 2:
        undefined |= dict.fromkeys(_OF_TWO_CLASSES, f"of {n_classes} classes, not 2")
    undefined |= measured.undefined | _reasons(measured.values, n_true, n_predicted)

    def value(name: str) -> float:
        return float(measured.values.get(name, np.nan))

    found: dict[str, Any] = {
        **{name: value(name) for name in ("accuracy", "balanced_accuracy", "mcc")},
        **{name: value(name) for name in (*_OF_PROBABILITIES, *_OF_TWO_CLASSES)},
        **{name: measured.values[name] for name in PER_CLASS},
        **{how: {name: value(f"{how}_{name}") for name in PER_CLASS} for how in _MEANS},
    }
    return Evaluation(
        **found,
        target_type="binary" if n_classes == 2 else "multiclass",
        n=n,
        classes=known,
        class_names=names,
        top_k_accuracy={k: value(f"top_{k}_accuracy") for k in top_k},
        support=n_true,
        # scikit-learn's `confusion_matrix` would warn of a single class.
        confusion=np.bincount(codes * n_classes + predicted, minlength=n_classes**2).reshape(
            n_classes, n_classes
        ),
        reliability=reliability,
        intervals=measured.intervals,
        undefined=undefined,
        confidence=bootstrap.confidence,
        n_resamples=bootstrap.n_resamples,
        truth=codes,
        predicted=predicted,
        probabilities=probabilities,
        scores=scores,
    )


def _reasons(
    values: dict[str, FloatArray], n_true: NDArray[np.int64], n_predicted: NDArray[np.int64]
) -> dict[str, str]:
    """Return why metrics are NaN."""

    def classes(where: NDArray[np.bool_]) -> str:
        n = int(where.sum())
        return f"{n} class" if n == 1 else f"{n} classes"

    never = f"{classes((n_predicted == 0) & (n_true > 0))} with images never predicted"
    reasons = {
        "recall": f"{classes(n_true == 0)} without images",
        "precision": f"{classes(n_predicted == 0)} never predicted",
        "f1": f"{classes((n_true == 0) & (n_predicted == 0))} neither with images nor predicted",
        "macro_precision": never,
        "weighted_precision": never,
        "mcc": "all images are of one class, or all are predicted to be of one",
        "roc_auc": "all images are of one class",
        "average_precision": "no image is of the positive class",
    }
    return {name: reason for name, reason in reasons.items() if np.isnan(values.get(name, 0)).any()}
