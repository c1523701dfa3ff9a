"""Precision-recall and ROC curves as charts, with their numbers at round places.

A curve has thousands of points, which are no table to read. The table of the chart has instead the
values of each curve at places that are the same for all curves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.reports.blocks import Cell, Chart, Column, Table
from lookalike.reports.evaluation_plots import drawn_classes, plot_precision_recall, plot_roc

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

_RECALLS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
_FALSE_ALARMS = (0.0, 0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_CORNER = 0.2  # of each axis
_PER_STYLE = 6  # series that colour alone keeps apart
_SIZE = (4.8, 4.4)


class _Curve(NamedTuple):
    name: str
    x: FloatArray
    y: FloatArray


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
    curves = []
    for name, truth, scores in drawn_classes(evaluation):
        precision, recall, _ = precision_recall_curve(truth, scores)
        area = average_precision_score(truth, scores)
        curves.append(_Curve(f"{name} (AP = {area:.2f})", recall, precision))
    is_corner = _fits_corner(curves, right=True)

    def draw(axes: Axes) -> None:
        plot_precision_recall(evaluation, axes)
        _tell_apart(axes)
        if is_corner:
            _zoom_in(axes, right=True)

    return Chart(
        draw,
        alt=f"Precision against recall, {_names(curves)}",
        caption=f"Precision against recall{_of(curves, is_corner=is_corner)}.",
        table=_table(
            curves,
            _RECALLS,
            "recall",
            "The highest precision at which at least that recall is reached",
            lambda recalls, precisions, recall: precisions[recalls >= recall].max(),
        ),
        size=_SIZE,
        detail=True,
    )


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
    curves = []
    for name, truth, scores in drawn_classes(evaluation):
        alarms, hits, _ = roc_curve(truth, scores, drop_intermediate=True)
        curves.append(_Curve(f"{name} (AUC = {auc(alarms, hits):.2f})", alarms, hits))
    is_corner = _fits_corner(curves, right=False)

    def draw(axes: Axes) -> None:
        plot_roc(evaluation, axes)
        _tell_apart(axes)
        if is_corner:
            _zoom_in(axes, right=False)

    return Chart(
        draw,
        alt=f"ROC curves, {_names(curves)}",
        caption=f"True against false positives (ROC){_of(curves, is_corner=is_corner)}.",
        table=_table(
            curves,
            _FALSE_ALARMS,
            "false positive rate",
            "The highest true positive rate at no more than that false positive rate",
            lambda alarms, hits, rate: hits[alarms <= rate].max(),
        ),
        size=_SIZE,
        detail=True,
    )


def _tell_apart(axes: Axes) -> None:
    """Draw the curves beyond the sixth dashed."""
    curves = [line for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
    for line in curves[_PER_STYLE:]:
        line.set_linestyle("--")
    if curves:
        axes.legend(fontsize=8, loc="best", handlelength=2.6)


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


def _of(curves: list[_Curve], *, is_corner: bool) -> str:
    said = ", of each class against all others" if len(curves) > 1 else ""
    if not is_corner:
        return said
    return f"{said}; {'the corner where they differ' if len(curves) > 1 else 'the corner alone'}"


def _names(curves: list[_Curve]) -> str:
    return "; ".join(curve.name for curve in curves) + "."


def _table(
    curves: list[_Curve],
    places: tuple[float, ...],
    head: str,
    caption: str,
    read: Callable[[FloatArray, FloatArray, float], float],
) -> Table:
    rows: list[list[Cell]] = [
        [f"{place:.2%}", *(float(read(curve.x, curve.y, place)) for curve in curves)]
        for place in places
    ]
    return Table([head, *(Column(curve.name, ".2%") for curve in curves)], rows, caption)
