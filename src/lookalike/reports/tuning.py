"""The section on the choice of k and the weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.evaluation.tuning import Tuning
from lookalike.reports.blocks import Cell, Chart, Column, Section, Table
from lookalike.reports.captions import save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def tuning_section(tuning: Tuning, *, how: str, title: str = "How many neighbours") -> Section:
    """Tell how the score depends on the number of neighbours and their weighting.

    Parameters
    ----------
    tuning : Tuning
    how : str
        How images were split, in a sentence.
    title : str
    """
    best, simplest = tuning.best, tuning.one_standard_error
    rows: list[list[Cell]] = [
        [curve.weights, int(k), float(mean), float(error)]
        for curve in tuning.curves
        for k, mean, error in zip(curve.n_neighbors, curve.mean, curve.standard_error, strict=True)
    ]
    table = Table(
        ["weights", "k", Column("accuracy", ".4f"), Column("standard error", ".4f")],
        rows,
        "Accuracy at every k",
    )

    def draw(axes: Axes) -> None:
        for number, curve in enumerate(tuning.curves):
            k, mean, error = curve.n_neighbors, curve.mean, np.nan_to_num(curve.standard_error)
            colour = f"C{number}"
            axes.fill_between(k, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
            axes.plot(k, mean, color=colour, marker="o", markersize=3, label=curve.weights)
        axes.plot(
            best.n_neighbors,
            best.mean,
            "o",
            color="C2",
            markersize=9,
            label=f"best: k = {best.n_neighbors}",
        )
        axes.set(xlabel="number of neighbours k", ylabel="accuracy")
        axes.legend(loc="lower left")

    drawn = Chart(
        draw,
        alt=f"Accuracy against the number of neighbours; the best is {best.mean:.4f} at "
        f"k = {best.n_neighbors} with weights {best.weights}.",
        caption="Accuracy against k, with one standard error to either side.",
        table=table,
        size=(6.4, 3.8),
    )
    intro = [
        how,
        f"Best: k = {best.n_neighbors}, {best.weights}, {best.mean:.4f} ± "
        f"{best.standard_error:.4f}. The most neighbours within one standard error of it: k = "
        f"{simplest.n_neighbors}, {simplest.weights}, {simplest.mean:.4f}.",
    ]
    return Section(title, [drawn], intro)


def save_tuning_png(path: Path, tuning: Tuning, *, score: str = "score") -> None:
    """Draw the score against the number of neighbours.

    Each weighting is a line, with a band of one standard error to either side; the best point,
    and that of the one-standard-error rule, are marked.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    tuning : Tuning
    score : str, default="score"
        What the axis of scores is called.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for curve, colour in zip(tuning.curves, _colours(len(tuning.curves)), strict=True):
        k, mean, error = curve.n_neighbors, curve.mean, np.nan_to_num(curve.standard_error)
        axes.fill_between(k, mean - error, mean + error, color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            k, mean, color=colour, marker="o", markersize=3.5, label=f"weights: {curve.weights}"
        )
    best, chosen = tuning.best, tuning.one_standard_error
    axes.plot(
        best.n_neighbors,
        best.mean,
        "*",
        markersize=17,
        color="#d9a400",
        markeredgecolor="black",
        label=f"best: k = {best.n_neighbors}, {best.weights}, {best.mean:.4f}",
    )
    if not np.isnan(best.standard_error):
        axes.axhline(best.mean - best.standard_error, color="#808080", linestyle=":", linewidth=1)
        axes.plot(
            chosen.n_neighbors,
            chosen.mean,
            "D",
            markersize=11,
            color="none",
            markeredgecolor="black",
            markeredgewidth=1.5,
            label="simplest within one standard error: "
            f"k = {chosen.n_neighbors}, {chosen.weights}, {chosen.mean:.4f}",
        )
    axes.set_xlabel("number of neighbours k")
    axes.set_ylabel(score)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, markerscale=0.7, labelspacing=0.8)
    save_picture(figure, path)


def _colours(n: int) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["tab10"](i % 10) for i in range(n)]
