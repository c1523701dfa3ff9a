"""Curves of an evaluation: precision-recall, ROC and reliability, drawn by scikit-learn's displays.

A curve has thousands of points, which are no table to read. The table of a chart has instead the
values of each curve at places that are the same for all curves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.reports.blocks import Cell, Chart, Column, Table, Undefined
from lookalike.reports.captions import plot_name
from lookalike.reports.charts import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

_RECALLS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
_FALSE_ALARMS = (0.0, 0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_MOST_CURVES = 10
_CORNER = 0.2  # of each axis
_PER_STYLE = 6  # series that colour alone keeps apart
_NO_PROBABILITIES = (
    "there are no probabilities to draw; evaluate a classifier that has predict_proba"
)


class _Curve(NamedTuple):
    """A class against the rest: x and y, and the area below."""

    name: str
    x: FloatArray
    y: FloatArray
    area: float


def plot_precision_recall(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """Draw precision against recall, of the positive class or of each class against the rest.

    Parameters
    ----------
    evaluation : Evaluation
        With probabilities; of more than 10 classes those of the lowest recall.
    ax : Axes, optional

    Raises
    ------
    ValueError
        If there are no probabilities.
    """
    return _draw_precision_recall(_precision_recall_curves(evaluation), ax)


def plot_roc(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """Draw the ROC curves, of the positive class or of each class against the rest.

    Parameters
    ----------
    evaluation : Evaluation
        With probabilities; of more than 10 classes those of the lowest recall.
    ax : Axes, optional

    Raises
    ------
    ValueError
        If there are no probabilities.
    """
    return _draw_roc(_roc_curves(evaluation), ax)


def plot_reliability(evaluation: Evaluation, ax: Axes | None = None) -> Any:
    """Draw the share of right predictions against the probability that they had.

    Parameters
    ----------
    evaluation : Evaluation
        With probabilities.
    ax : Axes, optional

    Returns
    -------
    CalibrationDisplay

    Raises
    ------
    ValueError
        If there are no probabilities.
    """
    from sklearn.calibration import CalibrationDisplay

    if evaluation.reliability is None or evaluation.probabilities is None:
        raise ValueError(_NO_PROBABILITIES)
    some = evaluation.reliability.n > 0
    confidence = evaluation.probabilities[np.arange(evaluation.n), evaluation.predicted]
    display = CalibrationDisplay(
        evaluation.reliability.accuracy[some], evaluation.reliability.confidence[some], confidence
    )
    display.plot(ax=axes_or_new(ax, (4.8, 4.2)))
    display.ax_.set_xlabel("probability of the predicted class")
    display.ax_.set_ylabel("share that is right")
    return display


def precision_recall_chart(evaluation: Evaluation) -> Chart:
    """Draw precision against recall.

    Parameters
    ----------
    evaluation : Evaluation
        With probabilities, and images of two classes at least.

    Returns
    -------
    Chart
        Its table has for each curve the highest precision at which each recall is reached.
    """
    curves = _precision_recall_curves(evaluation)

    def read(recalls: FloatArray, precisions: FloatArray, recall: float) -> Any:
        return precisions[recalls >= recall].max()

    caption = "The highest precision at which at least that recall is reached"
    table = _table(curves, _RECALLS, "recall", caption, read)
    return _chart(curves, "Precision against recall", _draw_precision_recall, table, right=True)


def roc_chart(evaluation: Evaluation) -> Chart:
    """Draw the ROC curves.

    Parameters
    ----------
    evaluation : Evaluation
        With probabilities, and images of two classes at least.

    Returns
    -------
    Chart
        Its table has for each curve the highest recall that is reached at each rate of false
        alarms.
    """
    curves = _roc_curves(evaluation)

    def read(alarms: FloatArray, hits: FloatArray, rate: float) -> Any:
        return hits[alarms <= rate].max()

    caption = "The highest true positive rate at no more than that false positive rate"
    table = _table(curves, _FALSE_ALARMS, "false positive rate", caption, read)
    return _chart(curves, "True against false positives (ROC)", _draw_roc, table, right=False)


def reliability_chart(evaluation: Evaluation) -> Chart:
    """Draw how often predictions of each probability are right; there are probabilities."""
    reliability = evaluation.reliability
    assert reliability is not None
    rows: list[list[Cell]] = []
    for k, n in enumerate(reliability.n.tolist()):
        edges = [float(edge) for edge in reliability.edges[k : k + 2]]
        numbers = (float(reliability.confidence[k]), float(reliability.accuracy[k]))
        cells = [Undefined("no image is in the bin") if math.isnan(v) else v for v in numbers]
        rows.append([*edges, n, *cells])
    heads = ["from", "to", "images", "mean probability", "share right"]
    return Chart(
        lambda axes: plot_reliability(evaluation, axes),
        alt="Share of right predictions against the probability of the predicted class; "
        f"expected calibration error {evaluation.ece:.4f}.",
        caption="Reliability: of the predictions made with some probability, how many are "
        "right. On the diagonal probabilities mean what they say; a point of few images may "
        "lie anywhere.",
        table=Table(
            [Column(head, "" if head == "images" else ".3f") for head in heads],
            rows,
            "Predictions by the probability of the predicted class",
        ),
        size=(4.6, 4.0),
        detail=True,
    )


def _precision_recall_curves(evaluation: Evaluation) -> list[_Curve]:
    curves = []
    for name, truth, scores in _drawn_classes(evaluation):
        precision, recall, _ = precision_recall_curve(truth, scores)
        curves.append(_Curve(name, recall, precision, average_precision_score(truth, scores)))
    return curves


def _roc_curves(evaluation: Evaluation) -> list[_Curve]:
    curves = []
    for name, truth, scores in _drawn_classes(evaluation):
        alarms, hits, _ = roc_curve(truth, scores, drop_intermediate=True)
        curves.append(_Curve(name, alarms, hits, auc(alarms, hits)))
    return curves


def _drawn_classes(
    evaluation: Evaluation,
) -> list[tuple[str, NDArray[np.bool_], FloatArray]]:
    """Return the classes that have curves: name, which images are of it, and its probabilities.

    With two classes it is the second one, with more than 10 those of the lowest recall.
    """
    if evaluation.probabilities is None:
        raise ValueError(_NO_PROBABILITIES)
    classes = [1] if len(evaluation.classes) == 2 else range(len(evaluation.classes))
    # Neither curve is defined without images on both sides.
    mixed = [i for i in classes if 0 < evaluation.support[i] < evaluation.n]
    lowest = sorted(mixed, key=lambda i: evaluation.recall[i])[:_MOST_CURVES]
    return [
        (evaluation.class_names[i], evaluation.truth == i, evaluation.probabilities[:, i])
        for i in sorted(lowest)
    ]


def _draw_precision_recall(curves: list[_Curve], ax: Axes | None) -> Axes:
    from sklearn.metrics import PrecisionRecallDisplay

    axes = axes_or_new(ax, (5.2, 4.6))
    for name, recall, precision, area in curves:
        display = PrecisionRecallDisplay(precision, recall, average_precision=area)
        display.plot(ax=axes, name=plot_name(name))
    axes.set(xlabel="recall", ylabel="precision")
    return _with_legend(axes)


def _draw_roc(curves: list[_Curve], ax: Axes | None) -> Axes:
    from sklearn.metrics import RocCurveDisplay

    axes = axes_or_new(ax, (5.2, 4.6))
    for name, alarms, hits, area in curves:
        display = RocCurveDisplay(fpr=alarms, tpr=hits, roc_auc=area)
        display.plot(ax=axes, name=plot_name(name))
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    return _with_legend(axes)


def _with_legend(axes: Axes) -> Axes:
    """Name the curves; those beyond the sixth are dashed."""
    for line in axes.get_lines()[_PER_STYLE:]:
        line.set_linestyle("--")
    if axes.lines:
        axes.legend(fontsize=8, loc="best", handlelength=2.6)
    else:
        axes.set_title("no curve: all images are of one class", fontsize=10)
    return axes


def _chart(
    curves: list[_Curve],
    name: str,
    draw_curves: Callable[[list[_Curve], Axes], Axes],
    table: Table,
    *,
    right: bool,
) -> Chart:
    is_corner = _fits_corner(curves, right=right)

    def draw(axes: Axes) -> None:
        draw_curves(curves, axes)
        if is_corner:
            _zoom_in(axes, right=right)

    about = ", of each class against all others" if len(curves) > 1 else ""
    if is_corner:
        about += f"; {'the corner where they differ' if len(curves) > 1 else 'the corner alone'}"
    areas = "; ".join(f"{curve.name} (area {curve.area:.2f})" for curve in curves)
    return Chart(draw, f"{name}, {areas}.", f"{name}{about}.", table, size=(4.8, 4.4), detail=True)


def _fits_corner(curves: list[_Curve], *, right: bool) -> bool:
    """Tell whether all curves go through the corner where good classifiers differ."""

    def height(curve: _Curve) -> float:
        inside = curve.x >= 1 - _CORNER / 2 if right else curve.x <= _CORNER / 2
        return float(curve.y[inside].max())

    return min(map(height, curves), default=0.0) >= 1 - _CORNER


def _zoom_in(axes: Axes, *, right: bool) -> None:
    from matplotlib.ticker import MultipleLocator

    axes.set_ylim(1 - _CORNER, 1 + 0.02 * _CORNER)
    if right:
        axes.set_xlim(1 - _CORNER, 1 + 0.02 * _CORNER)
    else:
        axes.set_xlim(-0.02 * _CORNER, _CORNER)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(_CORNER / 4))


def _table(
    curves: list[_Curve],
    places: tuple[float, ...],
    head: str,
    caption: str,
    read: Callable[[FloatArray, FloatArray, float], Any],
) -> Table:
    rows: list[list[Cell]] = [
        [f"{place:.2%}", *(float(read(curve.x, curve.y, place)) for curve in curves)]
        for place in places
    ]
    heads = [Column(f"{curve.name} (area {curve.area:.2f})", ".2%") for curve in curves]
    return Table([head, *heads], rows, caption)
