"""Pictures of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lookalike.evaluation.comparison.comparison import Comparison
from lookalike.reports.captions import plot_name
from lookalike.reports.charts import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


def plot_accuracy(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Draw the error rates, the lowest on top, with their intervals and those of single folds.

    On a log scale, for a dummy's error would leave no room for the differences of the others;
    unless there is an error rate of 0.

    Parameters
    ----------
    comparison : Comparison
    ax : Axes, optional
        Where to draw; a new figure's, if not given.
    """
    axes = axes_or_new(ax, (6.4, 0.6 + 0.45 * len(comparison.names)))
    shown = [i for i in comparison.order if not comparison.failed[i]]
    places = np.arange(len(shown))[::-1]
    errors, intervals = 1 - comparison.accuracy[shown], 1 - comparison.intervals[shown, ::-1]
    for place, i in zip(places, shown, strict=True):
        folds = 1 - comparison.contestants[i].fold_accuracy
        axes.plot(
            folds, np.full(len(folds), place), "|", color="C0", alpha=0.5, markersize=9, zorder=1
        )
    axes.errorbar(
        errors,
        places,
        xerr=np.abs(intervals.T - errors),
        fmt="o",
        color="C0",
        markersize=5,
        capsize=3,
    )
    axes.set_yticks(places, [plot_name(comparison.names[i]) for i in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    if min(_smallest_errors(comparison)) > 0:
        axes.set_xscale("log")
        _percent(axes.xaxis)
    axes.set_xlabel(f"error rate, {comparison.confidence:.0%} interval; bars: single folds")
    axes.grid(axis="y", visible=False)
    return axes


def plot_beats(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Draw for each pair how many images one predicts rightly and the other wrongly.

    A filled cell: the classifier of the line beats that of the column.

    Parameters
    ----------
    comparison : Comparison
    ax : Axes, optional
        Where to draw; a new figure's, if not given.
    """
    from matplotlib.patches import Rectangle

    shown = [i for i in comparison.order if not comparison.failed[i]]
    side = 1.8 + 0.62 * len(shown)
    axes = axes_or_new(ax, (side + 0.6, side))
    for y, i in enumerate(shown):
        for x, j in enumerate(shown):
            if i == j:
                continue
            if comparison.beats[i, j]:
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, color="C0", alpha=0.35, lw=0))
            axes.text(x, y, f"{comparison.n_wins[i, j]:,}", ha="center", va="center", fontsize=9)
    names = [plot_name(comparison.names[i]) for i in shown]
    axes.set_xticks(range(len(shown)), names, rotation=45, ha="left", rotation_mode="anchor")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_yticks(range(len(shown)), names)
    axes.set_xlim(-0.5, len(shown) - 0.5)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.set_xlabel("images that the line has right and the column wrong;\nfilled: no luck")
    return axes


def plot_times(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Draw the error rate against the seconds that fitting and predicting took, on log scales.

    Parameters
    ----------
    comparison : Comparison
    ax : Axes, optional
        Where to draw; a new figure's, if not given.
    """
    axes = axes_or_new(ax, (6.4, 4.2))
    for i in np.flatnonzero(~comparison.failed).tolist():
        seconds = comparison.fit_seconds[i] + comparison.predict_seconds[i]
        error = 1 - comparison.accuracy[i]
        (point,) = axes.plot(seconds, error, "o", color=f"C{i % 10}")
        axes.annotate(
            plot_name(comparison.names[i]),
            (seconds, error),
            xytext=(6, 4),
            textcoords="offset points",
            color=point.get_color(),
            fontsize=9,
        )
    axes.set_xscale("log")
    if np.nanmax(comparison.accuracy) < 1:
        axes.set_yscale("log")
        _percent(axes.yaxis)
    axes.margins(x=0.18, y=0.1)
    axes.set_xlabel(f"seconds to fit and predict {comparison.n_folds} folds")
    axes.set_ylabel("error rate")
    return axes


def _smallest_errors(comparison: Comparison) -> list[float]:
    """Return the smallest error rate that is drawn of each, that of a fold or of its interval."""
    accuracies = [
        max(contestant.fold_accuracy.max(), high)
        for contestant, high in zip(comparison.contestants, comparison.intervals[:, 1], strict=True)
        if contestant.error is None
    ]
    return [1 - accuracy for accuracy in accuracies]


def _percent(axis: Axis) -> None:
    """Write a log axis of shares in percent, at 1, 2 and 5 of each power of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(PercentFormatter(1, decimals=None))
    axis.set_minor_formatter(NullFormatter())
