"""Classifiers compared, and scikit-learn: accuracy, time, memory, and who beats whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lookalike.evaluation.comparison.comparison import NOT_TOLD, Comparison
from lookalike.evaluation.peers import BesidePeer, GridSearchEstimate
from lookalike.reports.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Heading,
    Headline,
    Report,
    Section,
    Table,
    Text,
    Undefined,
    number_cell,
)
from lookalike.reports.charts import axes_or_new, percent_axis
from lookalike.reports.pictures import plot_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW_FOLDS = "with fewer than two folds there is no t-test"


def describe(comparison: Comparison) -> Report:
    """Return the report of classifiers that were compared."""
    headline = []
    best = comparison.order[0]
    if not comparison.failed[best]:
        low, high = comparison.intervals[best]
        seconds = comparison.fit_seconds[best] + comparison.predict_seconds[best]
        headline = [
            Headline(
                f"accuracy of {comparison.names[best]}",
                f"{comparison.accuracy[best]:.2%}",
                f"the best; {low:.2%} to {high:.2%}",
            ),
            Headline("classifiers beaten by it", f"{np.count_nonzero(comparison.beats[best])}"),
            Headline("its seconds", f"{seconds:.2f}", "to fit and predict all folds"),
        ]
    return Report(
        "Classifiers compared",
        headline=headline,
        sections=[comparison_section(comparison)],
        numbers=comparison.to_dict(),
    )


def comparison_section(comparison: Comparison) -> Section:
    """Tell how good and how fast classifiers are, and which differences are significant.

    The blocks are a table of all classifiers, the best first; charts of their error rates with
    intervals, and of error rate against time; who beats whom; how many images each wins of each
    other; and for each pair the difference with its interval and the p-values of three tests.
    """
    names, order = comparison.names, comparison.order
    intro = [
        f"{len(names)} classifiers predicted the same {comparison.n:,} images, each in the fold "
        f"that was left out, in the same {comparison.n_folds} folds. Intervals hold with "
        f"{comparison.confidence:.0%} confidence."
    ]
    blocks: list[Block] = [ranking(comparison), *failures(comparison)]
    blocks += [
        Text(f"{one.name} warned: {note}") for one in comparison.contestants for note in one.notes
    ]
    n_failed = np.count_nonzero(comparison.failed)
    if n_failed < len(names):
        blocks += [_error_chart(comparison), _time_chart(comparison)]
    if len(names) - n_failed > 1:
        beaten = {
            names[i]: [name for name, won in zip(names, comparison.beats[i], strict=True) if won]
            for i in order
        }
        blocks += [
            Heading("Who beats whom"),
            *(Text(f"{name} beats {', '.join(own)}.") for name, own in beaten.items() if own),
            Text(
                "One beats another if it predicts more images rightly by McNemar's exact test, "
                f"corrected by Holm for all pairs, at {1 - comparison.confidence:.2g}.",
                is_note=True,
            ),
            _wins_chart(comparison),
            _pairs(comparison),
            Text(
                "McNemar's exact test and the paired bootstrap ask whether these two classifiers, "
                "as they were trained, differ on images like these. The corrected resampled t-test "
                "asks it of the methods, trained on other images too, and with few folds it sees "
                "little. All p-values are corrected for the number of pairs (Holm).",
                detail=True,
            ),
        ]
    return Section("Classifiers compared", blocks, intro)


def failures(comparison: Comparison) -> list[Text]:
    """Return why classifiers failed, a paragraph each."""
    failed = [one for one in comparison.contestants if one.error is not None]
    return [Text(f"{one.name} failed: {one.error}") for one in failed]


def ranking(comparison: Comparison) -> Table:
    """Return the table of all classifiers, the best first."""
    rows: list[list[Cell]] = []
    for i in comparison.order:
        name, memory = comparison.names[i], comparison.memory_mib[i]
        numbers = [
            *(comparison.accuracy[i], *comparison.intervals[i]),
            *(comparison.fit_seconds[i], comparison.predict_seconds[i]),
        ]
        row: list[Cell] = [name, *numbers, number_cell(memory, NOT_TOLD), comparison.beats[i].sum()]
        if comparison.failed[i]:
            row = [name, *[Undefined(f"{name} failed")] * 6, None]
        rows.append(row)
    columns: list[Column | str] = [
        "classifier",
        *(Column(head, ".2%") for head in ("accuracy", "low", "high")),
        *(Column(head, ".2f") for head in ("fit, s", "predict, s")),
        Column("memory, MiB", ",.0f"),
        "beats",
    ]
    caption = (
        "All classifiers, the best first. Seconds are of all folds together, memory is the peak of "
        "one; beats counts the others that are worse by more than luck."
    )
    return Table(columns, rows, caption)


def _error_chart(comparison: Comparison) -> Chart:
    rows: list[list[Cell]] = []
    for i in _succeeded(comparison):
        low, high = 1 - comparison.intervals[i, ::-1]
        folds = 1 - comparison.contestants[i].fold_accuracy
        rows.append([comparison.names[i], 1 - comparison.accuracy[i], low, high, *folds])
    best, last = rows[0], rows[-1]
    heads = ("error rate", "low", "high", *(f"fold {k + 1}" for k in range(comparison.n_folds)))
    return Chart(
        lambda axes: plot_accuracy(comparison, axes),
        alt=f"Error rates of {len(rows)} classifiers with intervals; {best[0]} has the lowest, "
        f"{best[1]:.2%}, and {last[0]} the highest, {last[1]:.2%}.",
        caption=f"Error rates, each with its {comparison.confidence:.0%} interval and those of "
        "the single folds.",
        table=Table(
            ["classifier", *(Column(head, ".2%") for head in heads)],
            rows,
            "Error rates, their intervals, and those of the folds",
        ),
        size=(4.8, 1.2 + 0.32 * len(rows)),
        detail=True,
    )


def _time_chart(comparison: Comparison) -> Chart:
    seconds = comparison.fit_seconds + comparison.predict_seconds
    shown = _succeeded(comparison)
    fastest = min(shown, key=seconds.__getitem__)
    return Chart(
        lambda axes: plot_times(comparison, axes),
        alt=f"Error rate against time of {len(shown)} classifiers; {comparison.names[fastest]} "
        f"is the fastest with {seconds[fastest]:.2f} s.",
        caption="Error rate against the time to fit and predict all folds; the lower and the "
        "more to the left, the better.",
        table=Table.of(
            shown,
            {
                "classifier": lambda i: comparison.names[i],
                Column("error rate", ".2%"): lambda i: 1 - comparison.accuracy[i],
                Column("seconds", ".2f"): lambda i: seconds[i],
            },
            "Error rate and time",
        ),
        detail=True,
    )


def _wins_chart(comparison: Comparison) -> Chart:
    order = _succeeded(comparison)
    names = [comparison.names[i] for i in order]
    rows: list[list[Cell]] = [
        [comparison.names[i], *(int(comparison.n_wins[i, j]) if i != j else None for j in order)]
        for i in order
    ]
    side = max(3.6, 1.6 + 0.55 * len(names))
    return Chart(
        lambda axes: plot_beats(comparison, axes),
        alt=f"Matrix of {len(names)} classifiers: how many images the one of the row predicts "
        "rightly and the one of the column wrongly.",
        caption="Images that the classifier of the row predicts rightly and the one of the "
        "column wrongly. Filled: the row beats the column by more than luck.",
        table=Table(["classifier", *names], rows, "Images won by row over column"),
        size=(side + 0.6, side),
        detail=True,
    )


def _pairs(comparison: Comparison) -> Table:
    place = {i: rank for rank, i in enumerate(comparison.order)}
    p_values = comparison.corrected_p_values
    rows: list[list[Cell]] = []
    ranked = sorted(comparison.differences, key=lambda pair: sorted(place[i] for i in pair))
    for i, j in ranked:
        difference = comparison.differences[i, j]
        better, worse, sign = (i, j, 1) if place[i] < place[j] else (j, i, -1)
        low, high = sorted((sign * difference.low, sign * difference.high))
        rows.append(
            [
                f"{comparison.names[better]} – {comparison.names[worse]}",
                *(sign * difference.value, low, high),
                *(float(p_values[test][i, j]) for test in ("mcnemar", "bootstrap")),
                number_cell(p_values["corrected_t"][i, j], _FEW_FOLDS),
            ]
        )
    return Table(
        [
            "pair",
            *(Column(name, "+.2%") for name in ("difference", "low", "high")),
            *(Column(name, ".2g") for name in ("McNemar", "bootstrap", "corrected t")),
        ],
        rows,
        "Differences of accuracy, each with its interval by the paired bootstrap, and p-values",
        detail=True,
    )


def _succeeded(comparison: Comparison) -> list[int]:
    """Return the positions of those that did not fail, the best first."""
    return [i for i in comparison.order if not comparison.failed[i]]


def plot_accuracy(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Draw the error rates, the lowest on top, with their intervals and those of single folds.

    The scale is logarithmic unless there is an error rate of 0, for the error of a dummy would
    leave no room for the differences of the others.
    """
    axes = axes_or_new(ax, (6.4, 0.6 + 0.45 * len(comparison.names)))
    shown = _succeeded(comparison)
    places = np.arange(len(shown))[::-1]
    errors, intervals = 1 - comparison.accuracy[shown], 1 - comparison.intervals[shown, ::-1]
    folds = 1 - np.array([comparison.contestants[i].fold_accuracy for i in shown])
    for place, own in zip(places, folds, strict=True):
        axes.plot(own, np.full(len(own), place), "|", color="C0", alpha=0.5, markersize=9, zorder=1)
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
    if min(folds.min(), intervals.min()) > 0:
        axes.set_xscale("log")
    percent_axis(axes.xaxis)
    axes.set_xlabel(f"error rate, {comparison.confidence:.0%} interval; bars: single folds")
    axes.grid(axis="y", visible=False)
    return axes


def plot_beats(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Draw for each pair how many images one predicts rightly and the other wrongly.

    Where the cell is filled, the classifier of the line beats that of the column.
    """
    from matplotlib.patches import Rectangle

    shown = _succeeded(comparison)
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
    axes.set_xlabel("images that the line has right and the column wrong;\nfilled: significant")
    return axes


def plot_times(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Draw the error rate against the seconds to fit and predict, on logarithmic scales."""
    axes = axes_or_new(ax, (6.4, 4.2))
    for i in sorted(_succeeded(comparison)):
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
    percent_axis(axes.yaxis)
    axes.margins(x=0.18, y=0.1)
    axes.set_xlabel(f"seconds to fit and predict {comparison.n_folds} folds")
    axes.set_ylabel("error rate")
    return axes


def peer_section(found: BesidePeer, *, work: str, what: str) -> Section:
    """Tell how long scikit-learn takes beside us, and how many answers differ.

    ``work`` is what was done, on how many threads: "360 test images on 2 threads"; ``what`` are the
    answers, as "predictions".
    """
    theirs = found.peer.fit_seconds, found.peer.predict_seconds
    rows: list[list[Cell]] = [
        [name, *seconds, sum(seconds)]
        for name, seconds in (
            ("lookalike", found.seconds),
            (f"scikit-learn {found.peer.version}", theirs),
        )
    ]
    heads = [Column(f"{head}, s", ".2f") for head in ("fit", "predict", "both")]
    names, times = ("lookalike", "scikit-learn"), found.times_faster
    faster, slower = names if times >= 1 else names[::-1]
    said = (
        f"{faster} is {max(times, 1 / times):.1f} times as fast as {slower}. Both measured whole, "
        f"nothing extrapolated: {work}; scikit-learn by brute force in float64, its fastest dtype."
    )
    n, different, ties = len(found.peer.prediction), found.differences.n, found.differences.n_ties
    others = different - ties
    agreement = f"All {n:,} {what} are equal."
    if different:
        agreement = (
            f"{n - different:,} of {n:,} {what} are equal; of the {different} others "
            f"{'' if others else 'all '}{ties} are ties, where training images are at exactly the "
            f"same distance{f', and {others} are not' if others else ''}."
        )
    table = Table(["", *heads], rows, "Seconds to do the same")
    return Section("Beside scikit-learn", [table, Text(said), Text(agreement)])


def grid_search_texts(
    peer: GridSearchEstimate, *, seconds: float, n_candidates: int, n_some: int, some: str
) -> list[Text]:
    """Say how long a search over hyperparameters took, and how long scikit-learn's would take.

    The search took ``seconds`` for ``n_candidates``. The time of a smaller grid of ``n_some`` is
    told too; ``some`` says which one it is: "k = 3, 4, 5".
    """
    theirs, of_some = (peer.seconds_per_candidate * n for n in (n_candidates, n_some))
    longer = f", {theirs / seconds:,.0f} times as long" if theirs >= 2 * seconds else ""
    return [
        Text(
            f"All {n_candidates} candidates are read off one search: {seconds:.2f} s. "
            f"scikit-learn's GridSearchCV would take about {_duration(theirs)}{longer}; for {some} "
            f"alone {_duration(of_some)}."
        ),
        Text(
            f"(Extrapolated, by pairs of images, from {peer.measured_seconds:.3f} s that "
            f"scikit-learn {peer.version} took to predict {peer.n_queries:,} from {peer.n_rows:,} "
            "of the training images.)",
            is_note=True,
        ),
    ]


def _duration(seconds: float) -> str:
    """Return a time to about two digits, in seconds, minutes or hours."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            number = seconds / size
            return f"{number:.{0 if number >= 9.95 else 1}f} {unit}"
    return f"{seconds:.2g} s"
