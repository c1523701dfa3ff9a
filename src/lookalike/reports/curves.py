"""Curves of predictions: precision-recall, ROC, reliability, and what thresholds on scores do.

scikit-learn's displays draw where there is one. A curve has thousands of points, which are no table
to read. The table of a chart has instead the values of each curve at places that are the same for
all curves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.metrics import auc

from lookalike.array_types import FloatArray
from lookalike.evaluation.decisions.curves import (
    Costs,
    CoverageCurve,
    OperatingPoint,
    ThresholdCurve,
)
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.reports.blocks import Chart, Column, Table, number_cell
from lookalike.reports.charts import axes_or_new
from lookalike.reports.pictures import plot_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_MOST_CURVES = 10
_CORNER = 0.2  # of each axis
_PER_STYLE = 6  # series that colour alone keeps apart
_NO_SCORES = (
    "there are no scores to draw; evaluate a classifier that has predict_proba or decision_function"
)
_NO_PROBABILITIES = (
    "there are no probabilities to draw; evaluate a classifier that has predict_proba"
)


class _Kind(NamedTuple):
    """What distinguishes precision-recall curves from ROC curves.

    Good classifiers reach the upper right corner, or the upper left one. A table has at each place
    the highest y to that side of it.
    """

    title: str
    x: str
    y: str
    is_right: bool
    places: tuple[float, ...]
    table_caption: str


_KINDS = {
    "precision_recall": _Kind(
        "Precision against recall",
        "recall",
        "precision",
        True,
        (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0),
        "The highest precision at which at least that recall is reached",
    ),
    "roc": _Kind(
        "True against false positives (ROC)",
        "false positive rate",
        "true positive rate",
        False,
        (0.0, 0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
        "The highest true positive rate at no more than that false positive rate",
    ),
}


class _Curve(NamedTuple):
    """A class against the rest: x and y, and the area below."""

    name: str
    x: FloatArray
    y: FloatArray
    area: float

    def highest(self, place: float, *, is_right: bool) -> float:
        """Return the highest y at and right of a place, or at and left of it."""
        return float(self.y[self.x >= place if is_right else self.x <= place].max())


def plot_curves(
    source: Evaluation | ThresholdCurve,
    kind: str,
    ax: Axes | None = None,
    chosen: OperatingPoint | None = None,
) -> Axes:
    """Draw curves of a kind, "precision_recall" or "roc", of each class against the rest.

    An evaluation must have scores; without them a ValueError says so. With two classes the
    curve is that of the second one, with more than 10 there are those of the lowest recall. The
    chosen point is marked.
    """
    from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

    axes = axes_or_new(ax, (5.2, 4.6))
    for name, x, y, area in _curves(source, kind):
        display = (
            RocCurveDisplay(fpr=x, tpr=y, roc_auc=area)
            if kind == "roc"
            else PrecisionRecallDisplay(y, x, average_precision=area)
        )
        display.plot(ax=axes, name=plot_name(name))
    for line in axes.get_lines()[_PER_STYLE:]:
        line.set_linestyle("--")
    if chosen is not None:
        point = (chosen.recall, chosen.precision)
        label = f"chosen: {chosen.precision:.1%}, {chosen.recall:.1%}"
        if kind == "roc":
            point = (chosen.false_positive_rate, chosen.recall)
            label = f"chosen: {chosen.recall:.1%} at {chosen.false_positive_rate:.2%}"
        elif math.isnan(chosen.precision):  # curves begin with no image and a precision of 1
            point, label = (chosen.recall, 1.0), "chosen: no image"
        axes.plot(*point, "o", color="C2", label=label)
    axes.set(xlabel=_KINDS[kind].x, ylabel=_KINDS[kind].y)
    if axes.lines:
        loc: Any = "lower right" if kind == "roc" else "lower left"
        axes.legend(fontsize=8, loc=loc, handlelength=2.6)
    else:
        axes.set_title("no curve: all images are of one class", fontsize=10)
    return axes


def plot_reliability(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """Draw the share of right predictions against their probability, by `CalibrationDisplay`."""
    from sklearn.calibration import CalibrationDisplay

    if evaluation.reliability is None or evaluation.probabilities is None:
        raise ValueError(_NO_PROBABILITIES)
    some = evaluation.reliability.n > 0
    confidence = evaluation.probabilities[np.arange(evaluation.n), evaluation.predicted]
    display = CalibrationDisplay(
        evaluation.reliability.accuracy[some], evaluation.reliability.confidence[some], confidence
    )
    axes = axes_or_new(ax, (4.8, 4.2))
    display.plot(ax=axes)
    axes.set(xlabel="probability of the predicted class", ylabel="share that is right")
    return axes


def curves_chart(evaluation: Evaluation, kind: str) -> Chart:
    """Draw precision-recall or ROC curves, with a table of them.

    The evaluation has scores, and images of two classes at least. If all curves go through
    the corner where good classifiers differ, that alone is drawn.
    """
    curves = _curves(evaluation, kind)
    title, x_name, _, is_right, places, table_caption = _KINDS[kind]
    edge = 1 - _CORNER / 2 if is_right else _CORNER / 2
    heights = [curve.highest(edge, is_right=is_right) for curve in curves]
    is_corner = min(heights, default=0.0) >= 1 - _CORNER

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MultipleLocator

        plot_curves(evaluation, kind, axes)
        if is_corner:
            inner, beyond = 1 - _CORNER, 1 + 0.02 * _CORNER
            axes.set_ylim(inner, beyond)
            axes.set_xlim((inner, beyond) if is_right else (1 - beyond, 1 - inner))
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MultipleLocator(_CORNER / 4))

    about = ", of each class against all others" if len(curves) > 1 else ""
    if is_corner:
        about += f"; {'the corner where they differ' if len(curves) > 1 else 'the corner alone'}"
    names = [f"{curve.name} (area {curve.area:.2f})" for curve in curves]
    table = Table(
        [x_name, *(Column(name, ".2%") for name in names)],
        [
            [f"{place:.2%}", *(curve.highest(place, is_right=is_right) for curve in curves)]
            for place in places
        ],
        table_caption,
    )
    return Chart(
        draw,
        alt=f"{title}, {'; '.join(names)}.",
        caption=f"{title}{about}.",
        table=table,
        size=(4.8, 4.4),
        detail=True,
    )


def reliability_chart(evaluation: Evaluation) -> Chart:
    """Draw how often predictions of each probability are right; there are probabilities."""
    reliability = evaluation.reliability
    assert reliability is not None
    edges = reliability.edges
    probability, share = (
        [number_cell(value, "no image is in the bin") for value in values]
        for values in (reliability.confidence, reliability.accuracy)
    )
    table = Table.of(
        range(len(reliability.n)),
        {
            Column("from", ".3f"): lambda i: edges[i],
            Column("to", ".3f"): lambda i: edges[i + 1],
            "images": lambda i: reliability.n[i],
            Column("mean probability", ".3f"): lambda i: probability[i],
            Column("share right", ".3f"): lambda i: share[i],
        },
        "Predictions by the probability of the predicted class",
    )
    return Chart(
        lambda axes: plot_reliability(evaluation, axes),
        alt="Share of right predictions against the probability of the predicted class; "
        f"expected calibration error {evaluation.ece:.4f}.",
        caption="Reliability: of the predictions made with some probability, how many are "
        "right. On the diagonal probabilities mean what they say; a point of few images may "
        "lie anywhere.",
        table=table,
        size=(4.6, 4.0),
        detail=True,
    )


def _curves(source: Evaluation | ThresholdCurve, kind: str) -> list[_Curve]:
    """Return the curve of a class, or of each class; of two classes that of the second one."""
    if isinstance(source, ThresholdCurve):
        return [_curve("all thresholds", source, kind)]
    if source.scores is None:
        raise ValueError(_NO_SCORES)
    classes = [1] if len(source.classes) == 2 else range(len(source.classes))
    # Neither curve is defined without images on both sides.
    mixed = [i for i in classes if 0 < source.support[i] < source.n]
    lowest = sorted(mixed, key=lambda i: source.recall[i])[:_MOST_CURVES]
    return [
        _curve(
            source.class_names[i],
            ThresholdCurve.of(source.truth == i, source.scores[:, i]),
            kind,
        )
        for i in sorted(lowest)
    ]


def _curve(name: str, counted: ThresholdCurve, kind: str) -> _Curve:
    # As scikit-learn's, the curves have a point where the threshold is above all scores.
    recall, precision = np.append(counted.recall, 0.0), np.append(counted.precision, 1.0)
    if kind == "precision_recall":
        average = float(-np.sum(np.diff(recall) * precision[:-1]))
        return _Curve(name, recall, precision, average)
    # Most points of the ROC curve lie on the line between others; those where it turns are kept.
    counts = np.append([counted.false_positives, counted.true_positives], [[0], [0]], axis=1)
    turns = np.concatenate([[True], np.diff(counts, 2).any(axis=0), [True]])
    alarms = np.append(counted.false_positive_rate, 0.0)[turns][::-1]
    hits = recall[turns][::-1]
    return _Curve(name, alarms, hits, float(auc(alarms, hits)))


def plot_precision_recall_vs_threshold(
    curve: ThresholdCurve, chosen: OperatingPoint | None = None, ax: Axes | None = None
) -> Axes:
    """Draw precision and recall against the threshold, with a chosen point or without."""
    axes = axes_or_new(ax, (6.4, 4.0))
    axes.step(curve.thresholds, curve.precision, where="pre", label="precision", color="C0")
    axes.step(
        curve.thresholds, curve.recall, where="pre", label="recall", color="C1", linestyle="--"
    )
    if chosen is not None:
        axes.axvline(chosen.threshold, color="C2", linestyle=":", label="chosen threshold")
        axes.plot([chosen.threshold] * 2, [chosen.precision, chosen.recall], "o", color="C2")
    axes.set(xlabel="threshold", ylim=(0, 1.03))
    axes.legend(loc="lower center", fontsize=9)
    return axes


def plot_cost(
    curve: ThresholdCurve,
    costs: Costs,
    chosen: OperatingPoint | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the expected cost of an image, ``costs[true][predicted]``, against the threshold."""
    axes = axes_or_new(ax, (6.4, 4.0))
    axes.step(curve.thresholds, curve.cost(costs), where="pre", color="C0")
    if chosen is not None:
        cost = chosen.cost(costs)[0]
        label = f"chosen: {cost:.4g} at {chosen.threshold:.4g}"
        axes.plot(chosen.threshold, cost, "o", color="C2", label=label)
        axes.legend(loc="best", fontsize=9)
    axes.set(xlabel="threshold", ylabel="expected cost of an image")
    return axes


def plot_coverage(
    curve: CoverageCurve,
    *,
    wanted: float | None = None,
    chosen: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the accuracy among the accepted images against their share of all.

    The accuracy ``wanted`` is marked, and the chosen point, a coverage and an accuracy.
    """
    axes = axes_or_new(ax, (6.0, 4.0))
    axes.plot(curve.coverage, curve.accuracy, color="C0")
    if wanted is not None:
        axes.axhline(wanted, color="C1", linestyle="--", label=f"wanted: {wanted:.2%}")
    if chosen is not None:
        label = f"chosen: {chosen[1]:.2%} of {chosen[0]:.1%}"
        axes.plot(*chosen, "o", color="C2", label=label)
    if wanted is not None or chosen is not None:
        axes.legend(loc="lower left", fontsize=9)
    # The first few images alone would stretch the axis to where nothing else is.
    steady = curve.accuracy[curve.coverage > 0.05]
    lowest = min([*steady, *([] if wanted is None else [wanted])], default=0.0)
    axes.set_ylim(lowest - 0.08 * (1 - lowest) - 1e-4, 1 + 0.08 * (1 - lowest) + 1e-4)
    axes.set(xlabel="coverage: share of images that get an answer", ylabel="accuracy of these")
    return axes
