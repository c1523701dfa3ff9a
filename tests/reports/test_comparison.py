"""The section that compares classifiers: what it shows is what the comparison says."""

import numpy as np

from lookalike.evaluation.comparison.comparison import Comparison, Contestant
from lookalike.reports.blocks import Chart, Section, Table, Text, Undefined
from lookalike.reports.comparison import comparison_section, describe

N, FOLDS = 500, 5


def contestant(
    name: str, accuracy: float, seed: int, *, seconds: float = 1.0, memory: float = 10.0
) -> Contestant:
    right = np.random.default_rng(seed).random(N) < accuracy
    folds = right.reshape(FOLDS, -1).mean(axis=1)
    return Contestant(
        name, right, folds, np.full(FOLDS, seconds), np.full(FOLDS, 2 * seconds), memory
    )


def failure(name: str) -> Contestant:
    nan = np.full(FOLDS, np.nan)
    return Contestant(
        name, np.zeros(N, dtype=bool), nan, nan, nan, np.nan, ("slow",), "ValueError: no"
    )


def compared(*contestants: Contestant) -> Comparison:
    return Comparison(contestants, N, FOLDS, N / FOLDS, N - N / FOLDS, 0.95, 200, 0)


def blocks(section: Section, kind: type) -> list:
    return [block for block in section.blocks if isinstance(block, kind)]


def test_best_comes_first() -> None:
    comparison = compared(
        contestant("$worse$", 0.6, 0), contestant("best", 0.95, 1, memory=np.nan), failure("none")
    )
    section = comparison_section(comparison)
    ranking, pairs = blocks(section, Table)
    assert [row[0] for row in ranking.rows] == ["best", "$worse$", "none"]
    best, worse, none = ranking.rows
    assert best[1:4] == [comparison.accuracy[1], *comparison.intervals[1]]
    assert best[4:6] == [5.0, 10.0]
    assert isinstance(best[6], Undefined)
    assert (best[7], worse[7]) == (1, 0)
    assert all(isinstance(cell, Undefined) for cell in none[1:7])
    told = [text.text for text in blocks(section, Text)]
    assert "none failed: ValueError: no" in told
    assert "none warned: slow" in told
    assert len(pairs.rows) == 1


def test_differences_are_of_the_better_over_the_worse() -> None:
    comparison = compared(contestant("worse", 0.6, 0), contestant("best", 0.95, 1))
    (row,) = blocks(comparison_section(comparison), Table)[1].rows
    difference = comparison.differences[0, 1]
    assert row[0] == "best – worse"
    assert row[1:4] == [-difference.value, -difference.high, -difference.low]
    assert row[1] > 0
    assert row[4] == comparison.corrected_p_values["mcnemar"][0, 1]


def test_tables_behind_the_charts() -> None:
    comparison = compared(
        contestant("a", 0.6, 0, seconds=2.0), contestant("b", 0.95, 1), contestant("c", 0.8, 2)
    )
    errors, times, wins = blocks(comparison_section(comparison), Chart)
    assert [row[0] for row in errors.table.rows] == ["b", "c", "a"]
    np.testing.assert_allclose(
        np.array([row[4:] for row in errors.table.rows]),
        [1 - comparison.contestants[i].fold_accuracy for i in (1, 2, 0)],
    )
    assert [row[2] for row in times.table.rows] == [15.0, 15.0, 30.0]
    assert wins.table.rows[0] == ["b", None, comparison.n_wins[1, 2], comparison.n_wins[1, 0]]


def test_one_alone_beats_nobody() -> None:
    section = comparison_section(compared(contestant("alone", 0.9, 0), failure("none")))
    assert len(blocks(section, Chart)) == 2
    assert len(blocks(section, Table)) == 1


def test_the_report_opens_with_the_best() -> None:
    best = describe(compared(contestant("worse", 0.6, 0), contestant("best", 0.95, 1))).headline
    assert [card.name for card in best][:2] == ["accuracy of best", "classifiers beaten by it"]
    assert best[1].value == "1"


def test_all_failed() -> None:
    comparison = compared(failure("a"), failure("b"))
    assert not describe(comparison).headline
    section = comparison_section(comparison)
    assert blocks(section, Chart) == []
    assert [text.text for text in blocks(section, Text)][:2] == [
        "a failed: ValueError: no",
        "b failed: ValueError: no",
    ]
