"""The sections on decisions: what they show is what was chosen, and what the test images say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.evaluation.decisions.curves import OperatingPoint
from lookalike.evaluation.decisions.selective import choose_rejection
from lookalike.evaluation.decisions.threshold import choose_threshold
from lookalike.reports.as_json import to_json
from lookalike.reports.blocks import Chart, Report, Section, Table, Undefined
from lookalike.reports.decisions import coverage_section, threshold_section

DATA = load_dataset("digits")
TRAIN, TEST = DATA.train, DATA.test
KNN = KNeighborsClassifier(10, weights="distance")


def blocks(section: Section, kind: type) -> list[Any]:
    return [block for block in section.blocks if isinstance(block, kind)]


@pytest.mark.parametrize(
    ("aim", "row"),
    [
        ({"precision": 0.99}, None),
        ({"beta": 2.0}, "F2"),
        ({"costs": [[0, 1], [10, 0]]}, "cost of an image"),
    ],
)
def test_threshold_and_what_it_does(aim: dict[str, Any], row: str | None) -> None:
    chosen = choose_threshold(KNN, TRAIN.images, TRAIN.labels, positive=8, **aim)
    tested = chosen.evaluate(TEST.images, TEST.labels)
    section = threshold_section(chosen, tested, positive_name="eight")
    assert "taken for eight" in section.intro[0]
    assert f"{chosen.threshold:.4g}" in section.intro[0]
    rates, outcomes = blocks(section, Table)
    rows = {line[0]: line[1:] for line in rates.rows}
    assert rows["precision"][0] == chosen.promise_.precision
    assert rows["precision"][3:] == [tested.precision, *tested.intervals["precision"]]
    assert [*rows] == ["precision", "recall", "false positive rate", *([row] if row else [])]
    if row == "F2":
        assert rows[row][3:] == list(tested.f_beta(2.0))
    elif row:
        assert rows[row][3:] == list(tested.cost([[0, 1], [10, 0]]))
    assert [line[2] for line in outcomes.rows] == [
        tested.true_positives,
        tested.false_positives,
        tested.false_negatives,
        tested.true_negatives,
    ]


def test_tables_behind_the_curves_have_the_chosen_point() -> None:
    chosen = choose_threshold(KNN, TRAIN.images, TRAIN.labels, positive=8, recall=0.9)
    charts = blocks(threshold_section(chosen), Chart)
    assert len(charts) == 3
    for drawn in charts:
        assert len(drawn.table.rows) <= 22
        (marked,) = [row for row in drawn.table.rows if "(chosen)" in row[0]]
        assert marked[1:3] == [chosen.promise_.precision, chosen.promise_.recall]


def test_threshold_that_finds_nothing_has_no_precision() -> None:
    chosen = choose_threshold(KNN, TRAIN.images, TRAIN.labels, positive=8, recall=0.9)
    none = OperatingPoint(chosen.threshold, 0, 0, 5, 5)
    rates = blocks(threshold_section(chosen, none), Table)[0]
    assert rates.rows[0][4:] == [Undefined("no image is predicted positive")] * 3


def test_coverage_and_accuracy() -> None:
    chosen = choose_rejection(KNN, TRAIN.images, TRAIN.labels, accuracy=0.995)
    tested = chosen.evaluate(TEST.images, TEST.labels)
    section = coverage_section(chosen, tested)
    found, wanted = blocks(section, Table)
    assert found.rows[1] == [
        *("test", tested.n, tested.n_accepted),
        *(tested.coverage, *tested.intervals["coverage"]),
        *(tested.accuracy, *tested.intervals["accuracy"]),
    ]
    assert wanted.rows[1][2] == tested.curve.coverage_at(0.99)
    train, test = blocks(section, Chart)
    for drawn, coverage in ((train, chosen.promise_), (test, tested)):
        last = drawn.table.rows[-1]
        assert last[0] == "100.00%"
        assert last[1] == coverage.curve.accuracy[-1]
        assert last[2] == coverage.n
    assert to_json(Report("t", sections=[section]))


def test_training_images_alone() -> None:
    chosen = choose_rejection(KNN, TRAIN.images, TRAIN.labels, accuracy=0.995)
    section = coverage_section(chosen)
    assert len(blocks(section, Chart)) == 1
    assert np.array(blocks(section, Table)[1].rows).shape == (7, 2)


@pytest.mark.parametrize("choose", [choose_threshold, choose_rejection])
def test_what_was_chosen_shows_itself_and_a_clone_does_not(choose: Any, tmp_path: Path) -> None:
    aim = {"positive": 8, "recall": 0.9} if choose is choose_threshold else {}
    chosen = choose(KNN, TRAIN.images, TRAIN.labels, **aim)
    assert chosen.report(tmp_path) == ["report.html", "report.json"]
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["numbers"]["promise"] == json.loads(json.dumps(chosen.promise_.to_dict()))
    assert chosen.plot().lines
    assert "srcdoc" in chosen._repr_mimebundle_()["text/html"]
    copied = clone(chosen)
    assert "srcdoc" not in copied._repr_mimebundle_()["text/html"]
    with pytest.raises(NotFittedError, match="call choose_"):
        copied.report(tmp_path)


def test_a_frozen_classifier_is_not_fitted_again() -> None:
    fitted = KNeighborsClassifier(3).fit(TRAIN.images, TRAIN.labels)
    frozen = choose_rejection(FrozenEstimator(fitted), TRAIN.images, TRAIN.labels)
    plain = choose_rejection(KNeighborsClassifier(3), TRAIN.images, TRAIN.labels)
    assert frozen.estimator_.estimator is fitted
    assert frozen.to_dict() == plain.to_dict()
    tested = [one.evaluate(TEST.images, TEST.labels).to_dict() for one in (frozen, plain)]
    assert tested[0] == tested[1]
