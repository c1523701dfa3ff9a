"""The section on the choice of k and the weights."""

from __future__ import annotations

import numpy as np

from lookalike.evaluation.reporting.charts import chart, drawing
from lookalike.evaluation.reporting.report import Cell, Column, Section, Table
from lookalike.evaluation.tuning import Tuning


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
    with drawing(6.4, 3.8) as axes:
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
        drawn = chart(
            axes,
            alt=f"Accuracy against the number of neighbours; the best is {best.mean:.4f} at "
            f"k = {best.n_neighbors} with weights {best.weights}.",
            caption="Accuracy against k, with one standard error to either side.",
            table=table,
        )
    intro = [
        how,
        f"Best: k = {best.n_neighbors}, {best.weights}, {best.mean:.4f} ± "
        f"{best.standard_error:.4f}. The most neighbours within one standard error of it: k = "
        f"{simplest.n_neighbors}, {simplest.weights}, {simplest.mean:.4f}.",
    ]
    return Section(title, [drawn], intro)
