"""Precision-recall and ROC curves as charts, with their numbers at round places.

A curve has thousands of points, which are no table to read. What stands behind the chart instead
are the values of each drawn curve at places that are the same for all; they are read off the very
lines that are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.evaluation.reporting.charts import chart, drawing
from lookalike.evaluation.reporting.report import Cell, Chart, Column, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

FloatArray = NDArray[np.float64]

_RECALLS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
_FALSE_ALARMS = (0.0, 0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_CORNER = 0.2  # of each axis
_PER_STYLE = 6  # series that colour alone keeps apart


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
    with drawing(4.8, 4.4) as axes:
        evaluation.plot_precision_recall(ax=axes)
        curves = _tell_apart(axes)
        corner = _zoom_in(axes, curves, right=True)
        axes.set_xlabel("recall")
        axes.set_ylabel("precision")
        table = _table(
            curves,
            _RECALLS,
            "recall",
            "The highest precision at which at least that recall is reached",
            lambda recalls, precisions, recall: precisions[recalls >= recall].max(),
        )
        return chart(
            axes,
            alt=f"Precision against recall, {_what(curves)}",
            caption=f"Precision against recall{_of(curves)}{corner}.",
            table=table,
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
    with drawing(4.8, 4.4) as axes:
        evaluation.plot_roc(ax=axes)
        curves = _tell_apart(axes)
        corner = _zoom_in(axes, curves, right=False)
        axes.set_xlabel("false positive rate")
        axes.set_ylabel("true positive rate (recall)")
        table = _table(
            curves,
            _FALSE_ALARMS,
            "false positive rate",
            "The highest true positive rate at no more than that false positive rate",
            lambda alarms, hits, rate: hits[alarms <= rate].max(),
        )
        return chart(
            axes,
            alt=f"ROC curves, {_what(curves)}",
            caption=f"True against false positives (ROC){_of(curves)}{corner}.",
            table=table,
        )


def _tell_apart(axes: Axes) -> list[Line2D]:
    """Return the drawn curves, those beyond the sixth dashed."""
    curves = [line for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
    for line in curves[_PER_STYLE:]:
        line.set_linestyle("--")
    if curves:
        axes.legend(fontsize=8, loc="best", handlelength=2.6)
    return curves


def _zoom_in(axes: Axes, curves: list[Line2D], *, right: bool) -> str:
    """Show only the corner where good classifiers differ, if all curves go through it.

    Returns
    -------
    str
        What to say of it.
    """
    from matplotlib.ticker import MultipleLocator

    lowest = min((_height(line, right=right) for line in curves), default=0.0)
    if lowest < 1 - _CORNER:
        return ""
    axes.set_ylim(1 - _CORNER, 1 + 0.02 * _CORNER)
    if right:
        axes.set_xlim(1 - _CORNER, 1 + 0.02 * _CORNER)
    else:
        axes.set_xlim(-0.02 * _CORNER, _CORNER)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(_CORNER / 4))
    return "; the corner where they differ" if len(curves) > 1 else "; the corner alone"


def _height(line: Line2D, *, right: bool) -> float:
    """Return how high a curve is in the middle of the corner."""
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    inside = x >= 1 - _CORNER / 2 if right else x <= _CORNER / 2
    return float(y[inside].max())


def _of(curves: list[Line2D]) -> str:
    return ", of each class against all others" if len(curves) > 1 else ""


def _what(curves: list[Line2D]) -> str:
    return "; ".join(_name(line) for line in curves) + "."


def _name(line: Line2D) -> str:
    return str(line.get_label()).replace(r"\$", "$")


def _table(
    curves: list[Line2D],
    places: tuple[float, ...],
    head: str,
    caption: str,
    read: Callable[[FloatArray, FloatArray, float], float],
) -> Table:
    data = [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in curves]
    rows: list[list[Cell]] = [
        [f"{place:.2%}", *(float(read(x, y, place)) for x, y in data)] for place in places
    ]
    return Table([head, *(Column(_name(line), ".2%") for line in curves)], rows, caption)
