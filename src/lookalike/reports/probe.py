"""Vectors of a network judged: the accuracy of each classifier, with many and with few vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lookalike.evaluation.probe import Probe, Probed
from lookalike.images.files import counted
from lookalike.reports.blocks import Chart, Column, Headline, Report, Section, Table, Text
from lookalike.reports.charts import percent_axis
from lookalike.reports.pictures import plot_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def describe(found: Probe) -> Report:
    """Return the report of vectors that were judged."""
    best = found.best
    low, high = best.interval(found.confidence)
    return Report(
        "Vectors judged",
        headline=[
            Headline(f"accuracy of {best.name}", f"{best.accuracy:.2%}", f"{low:.2%} to {high:.2%}")
        ],
        sections=[_section(found)],
        numbers=found.to_dict(),
    )


def _section(found: Probe) -> Section:
    intro = (
        f"{counted(found.n_train, 'training vector')} and {found.n_test:,} test vectors of "
        f"{found.n_features:,} values, {counted(found.n_classes, 'class')}. Intervals hold with "
        f"{found.confidence:.0%} confidence."
    )
    drawn = Chart(
        lambda axes: _draw(found, axes),
        alt=f"Error rates of {len(found.rows)} classifiers with intervals; with all training "
        f"vectors {found.best.name} has the lowest, {1 - found.best.accuracy:.2%}.",
        caption="Error rates with their intervals.",
        table=_table(found),
        size=(4.8, 1.2 + 0.32 * len(found.rows)),
    )
    notes = [
        "k-NN votes by a softmax of cosine similarities at temperature "
        f"{found.temperature:g}, all k from one search; nothing in it is tuned. The others are "
        "tuned on training vectors."
    ]
    if any(row.per_class is not None for row in found.rows):
        notes.append(
            "Where few vectors of each class were drawn, the accuracy is the mean of all draws, ± "
            "their standard deviation, and the interval is that of the mean over draws."
        )
    if found.left_out:
        ks = ", ".join(map(str, found.left_out))
        notes.append(f"k = {ks} left out: there are only {found.n_train:,} training vectors.")
    return Section("Accuracy", [drawn, *(Text(note, is_note=True) for note in notes)], [intro])


def _table(found: Probe) -> Table:
    return Table.of(
        found.rows,
        {
            "classifier": lambda row: row.name,
            "a class": lambda row: "all" if row.per_class is None else f"{row.per_class:,}",
            Column("accuracy", ".2%"): lambda row: row.accuracy,
            Column("low", ".2%"): lambda row: row.interval(found.confidence)[0],
            Column("high", ".2%"): lambda row: row.interval(found.confidence)[1],
            Column("±", ".2%"): lambda row: row.spread if len(row.n_right) > 1 else None,
            "tries": lambda row: len(row.n_right),
            Column("s", ".2f"): lambda row: row.seconds,
        },
        "Accuracy by classifier and by training vectors a class",
    )


def _draw(found: Probe, axes: Axes) -> None:
    """Draw each error rate with its interval, the first row on top."""
    rows = found.rows
    errors = np.array([1 - row.accuracy for row in rows])
    ends = 1 - np.array([row.interval(found.confidence) for row in rows])
    away = np.abs(ends[:, ::-1] - errors[:, np.newaxis]).T
    places = np.arange(len(rows))[::-1]
    axes.errorbar(errors, places, xerr=away, fmt="o", color="C0", capsize=2.5)
    axes.set_yticks(places, [plot_name(_called(row)) for row in rows])
    percent_axis(axes.xaxis)
    axes.set(xlabel="error rate")
    axes.grid(axis="x", alpha=0.5)


def _called(row: Probed) -> str:
    return row.name if row.per_class is None else f"{row.name}, {row.per_class:,} a class"
