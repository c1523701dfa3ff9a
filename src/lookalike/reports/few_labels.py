"""The section on few labels: how the error falls with their number."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from lookalike.evaluation.few_labels import FewLabels
from lookalike.reports.blocks import Cell, Chart, Column, Report, Section, Table
from lookalike.reports.captions import plot_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPX*"
_APART = 1.03  # by what factor the points of two classifiers lie beside each other


def describe(found: FewLabels) -> Report:
    """Return the report of error rates with few labels."""
    how = f"Error rates on {found.n_test:,} test images."
    return Report("With few labels", found.verdict(), sections=[few_labels_section(found, how=how)])


def few_labels_section(found: FewLabels, *, how: str, title: str = "With few labels") -> Section:
    """Tell how the error depends on the number of labels a class.

    Parameters
    ----------
    found : FewLabels
    how : str
        What was drawn and predicted, in a sentence.
    title : str
    """
    columns: list[Column | str] = ["classifier"]
    for size, n in zip(found.sizes, found.n_draws, strict=True):
        columns.append(Column(f"{size:,}", ".2%"))
        if n > 1:
            columns.append(Column(f"± at {size:,}", ".2%"))
    rows: list[list[Cell]] = []
    for name in found.ranking(0):
        row: list[Cell] = [name]
        for n, mean, spread in zip(
            found.n_draws, found.means(name), found.spreads(name), strict=True
        ):
            row += [float(mean), float(spread)] if n > 1 else [float(mean)]
        rows.append(row)
    table = Table(
        columns,
        rows,
        "Error rates by labels a class; ±: standard deviation of draws",
    )
    drawn = Chart(
        lambda axes: plot_few_labels(found, axes),
        alt=f"Error rate against labels a class, of {len(found.errors)} classifiers. "
        f"{found.verdict()}",
        caption="Error rate against labels a class; bars: one standard deviation of the draws, "
        "where there are several.",
        table=table,
        size=(6.4, 4.2),
    )
    return Section(title, [drawn], [how, found.verdict()])


def plot_few_labels(found: FewLabels, axes: Axes) -> None:
    """Draw error rate against labels a class, with the standard deviation over draws.

    On log scales, where such curves are about straight; unless there is an error rate of 0.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    means = [found.means(name) for name in found.errors]
    for number, (name, mean, marker) in enumerate(
        zip(found.errors, means, cycle(_MARKERS), strict=False)
    ):
        # Side by side, or one bar would hide the other.
        beside = _APART ** (number - (len(means) - 1) / 2)
        axes.errorbar(
            np.array(found.sizes) * beside,
            mean,
            found.spreads(name),
            color=f"C{number % 10}",
            marker=marker,
            markersize=5,
            capsize=2.5,
            label=plot_name(name),
        )
    axes.set_xscale("log")
    axes.set_xticks(found.sizes, [f"{size:,}" for size in found.sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    if len(found.sizes) == 1:
        axes.set_xlim(found.sizes[0] / 2, found.sizes[0] * 2)
    if min(mean.min() for mean in means) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
    axes.set(xlabel="labels a class", ylabel="error rate")
    axes.grid(which="major", alpha=0.5)
    axes.legend(fontsize=9)
