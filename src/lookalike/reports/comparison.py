"""The section that compares classifiers: accuracy, time, memory, and who beats whom."""

from __future__ import annotations

from lookalike.evaluation.comparison.comparison import Comparison
from lookalike.evaluation.comparison.memory import NOT_TOLD
from lookalike.reports.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Heading,
    Section,
    Table,
    Text,
    Undefined,
)
from lookalike.reports.comparison_plots import plot_accuracy, plot_beats, plot_times

_FEW_FOLDS = "with fewer than two folds there is no t-test"


def comparison_section(comparison: Comparison) -> Section:
    """Tell how good and how fast classifiers are, and which differences are no luck.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Section
        A table of all classifiers, the best first; their accuracies with intervals, and beside
        the time they took; who wins how many images of whom; and for each pair the difference
        with its interval and the p-values of three tests.
    """
    names, order = comparison.names, comparison.order
    intro = [
        f"{len(names)} classifiers predicted the same {comparison.n:,} images, each in the fold "
        f"that was left out, in the same {comparison.n_folds} folds. Intervals hold with "
        f"{comparison.confidence:.0%} confidence."
    ]
    blocks: list[Block] = [_ranking(comparison)]
    failed = [comparison.contestants[i] for i in order if comparison.contestants[i].error]
    blocks += [Text(f"{one.name} failed: {one.error}") for one in failed]
    blocks += [
        Text(f"{one.name} warned: {note}") for one in comparison.contestants for note in one.notes
    ]
    if len(failed) < len(names):
        blocks += [_error_chart(comparison), _time_chart(comparison)]
    if len(names) - len(failed) > 1:
        blocks += [
            Heading("Who beats whom"),
            _wins_chart(comparison),
            _pairs(comparison),
            Text(
                "McNemar's exact test and the paired bootstrap ask whether these two classifiers, "
                "as they were trained, differ on images like these. The corrected resampled t-test "
                "asks it of the methods, trained on other images too, and with few folds it sees "
                "little. All p-values are corrected for the number of pairs (Holm)."
            ),
        ]
    return Section("Classifiers compared", blocks, intro)


def _ranking(comparison: Comparison) -> Table:
    rows: list[list[Cell]] = []
    for i in comparison.order:
        one = comparison.contestants[i]
        if one.error is not None:
            rows.append([one.name, *[Undefined(f"{one.name} failed")] * 6, None])
            continue
        low, high = comparison.intervals[i].tolist()
        memory = comparison.memory_mib[i]
        rows.append(
            [
                one.name,
                *(float(comparison.accuracy[i]), low, high),
                *(float(comparison.fit_seconds[i]), float(comparison.predict_seconds[i])),
                Undefined(NOT_TOLD) if memory != memory else float(memory),
                int(comparison.beats[i].sum()),
            ]
        )
    columns: list[Column | str] = [
        "classifier",
        *(Column(name, ".2%") for name in ("accuracy", "low", "high")),
        *(Column(name, ".2f") for name in ("fit, s", "predict, s")),
        Column("memory, MiB", ",.0f"),
        "beats",
    ]
    return Table(
        columns,
        rows,
        "All classifiers, the best first. Seconds are of all folds together, memory is the peak of "
        "one; beats counts the others that are worse by more than luck.",
    )


def _error_chart(comparison: Comparison) -> Chart:
    rows: list[list[Cell]] = []
    for i in _succeeded(comparison):
        low, high = 1 - comparison.intervals[i, ::-1]
        folds = (1 - comparison.contestants[i].fold_accuracy).tolist()
        rows.append([comparison.names[i], 1 - float(comparison.accuracy[i]), low, high, *folds])
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
    rows: list[list[Cell]] = [
        [comparison.names[i], 1 - float(comparison.accuracy[i]), float(seconds[i])] for i in shown
    ]
    fastest = min(shown, key=lambda i: float(seconds[i]))
    return Chart(
        lambda axes: plot_times(comparison, axes),
        alt=f"Error rate against time of {len(rows)} classifiers; {comparison.names[fastest]} "
        f"is the fastest with {seconds[fastest]:.2f} s.",
        caption="Error rate against the time to fit and predict all folds; the lower and the "
        "more to the left, the better.",
        table=Table(
            ["classifier", Column("error rate", ".2%"), Column("seconds", ".2f")],
            rows,
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
        t_test = float(p_values["corrected_t"][i, j])
        rows.append(
            [
                f"{comparison.names[better]} – {comparison.names[worse]}",
                *(sign * difference.value, low, high),
                *(float(p_values[test][i, j]) for test in ("mcnemar", "bootstrap")),
                Undefined(_FEW_FOLDS) if t_test != t_test else t_test,
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
    )


def _succeeded(comparison: Comparison) -> list[int]:
    """Return the positions of those that did not fail, the best first."""
    return [i for i in comparison.order if not comparison.failed[i]]
