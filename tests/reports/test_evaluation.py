"""The section on how good predictions are: what it shows is what the evaluation says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from lookalike.evaluation.metrics.evaluate import evaluate_predictions
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.reports.as_json import to_json
from lookalike.reports.blocks import Chart, Report, Section, Table, Undefined
from lookalike.reports.evaluation import evaluation_headline, evaluation_section
from lookalike.reports.html import to_html


def evaluated(n_classes: int, *, n: int = 300, noise: float = 0.6, seed: int = 0) -> Any:
    """Predictions that are mostly right, with probabilities and names that are no plain text."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    scores = np.eye(n_classes)[labels] + noise * rng.random((n, n_classes))
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    return evaluate_predictions(
        labels,
        probabilities.argmax(axis=1),
        probabilities,
        classes=np.arange(n_classes),
        class_names=[f"${i}$ <b>" for i in range(n_classes)],
        n_resamples=50,
    )


def blocks(section: Section, kind: type) -> list[Any]:
    return [block for block in section.blocks if isinstance(block, kind)]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluated(4, noise=1.6)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def section(evaluation: Evaluation) -> Section:
    return evaluation_section(evaluation)


def test_all_metrics_with_their_intervals(evaluation: Evaluation, section: Section) -> None:
    metrics = blocks(section, Table)[0]
    rows = {row[0]: row[1:] for row in metrics.rows}
    assert len(rows) == len(evaluation.scalars())
    assert rows["accuracy"] == [evaluation.accuracy, *evaluation.intervals["accuracy"]]
    assert rows["macro F1"] == [evaluation.macro["f1"], *evaluation.intervals["macro_f1"]]
    assert rows["area below the ROC curve"] == [Undefined("of 4 classes, not 2")] * 3


def test_each_class_has_its_line(evaluation: Evaluation, section: Section) -> None:
    classes = blocks(section, Table)[1]
    assert [row[0] for row in classes.rows] == list(evaluation.class_names)
    third = classes.rows[2]
    assert third[1] == evaluation.support[2]
    assert third[5:8] == [evaluation.recall[2], *evaluation.intervals["recall"][2]]


def test_confusions_are_the_evaluation_s(evaluation: Evaluation, section: Section) -> None:
    charts = blocks(section, Chart)[:3]
    for drawn, normalize in zip(charts, (None, "true", "pred"), strict=True):
        expected = evaluation.normalized_confusion(normalize, errors_only=normalize is not None)
        shown = [
            [float("nan") if isinstance(c, Undefined) else c for c in row[1:5]]
            for row in drawn.table.rows
        ]
        np.testing.assert_array_equal(np.array(shown), expected)
    wrong = [row[5] for row in charts[0].table.rows]
    assert sum(wrong) == np.count_nonzero(evaluation.truth != evaluation.predicted)
    assert "the most frequent confusion" in charts[0].alt


def test_table_of_precision_recall_is_that_of_sklearn(
    evaluation: Evaluation, section: Section
) -> None:
    assert evaluation.probabilities is not None
    drawn = blocks(section, Chart)[3]
    precision, recall, _ = precision_recall_curve(
        evaluation.truth == 1, evaluation.probabilities[:, 1]
    )
    for row in drawn.table.rows:
        at = float(row[0].rstrip("%")) / 100
        assert row[2] == precision[recall >= at].max()


def test_table_of_roc_is_that_of_sklearn(evaluation: Evaluation, section: Section) -> None:
    assert evaluation.probabilities is not None
    drawn = blocks(section, Chart)[4]
    alarms, hits, _ = roc_curve(
        evaluation.truth == 1, evaluation.probabilities[:, 1], drop_intermediate=False
    )
    for row in drawn.table.rows:
        at = float(row[0].rstrip("%")) / 100
        assert row[2] == pytest.approx(hits[alarms <= at].max())


def test_reliability_is_the_evaluation_s(evaluation: Evaluation, section: Section) -> None:
    drawn = blocks(section, Chart)[5]
    assert evaluation.reliability is not None
    assert [row[2] for row in drawn.table.rows] == evaluation.reliability.n.tolist()
    for row in drawn.table.rows:
        assert isinstance(row[3], Undefined) == isinstance(row[4], Undefined) == (row[2] == 0)


def test_names_are_no_formulae_and_no_markup(section: Section) -> None:
    html = to_html(Report("t", sections=[section]))
    assert "<b>" not in html
    assert html.count("$1$ &lt;b&gt;") > 8
    assert r"\$" not in html


def test_good_curves_are_shown_where_they_differ() -> None:
    good, bad = (blocks(evaluation_section(evaluated(3, noise=n)), Chart) for n in (0.5, 40.0))
    assert all("corner" in chart.caption for chart in good if "gainst" in chart.caption)
    assert not any("corner" in chart.caption for chart in bad)


def test_two_classes() -> None:
    evaluation = evaluated(2, noise=2.0)
    charts = blocks(evaluation_section(evaluation), Chart)
    assert len(charts) == 4  # the errors of each class can only be taken for the other
    assert len(charts[1].table.columns) == 2


def test_without_probabilities_there_are_no_curves() -> None:
    evaluation = evaluate_predictions([0, 1, 2, 2], [0, 1, 2, 1], n_resamples=20)
    section = evaluation_section(evaluation)
    assert len(blocks(section, Chart)) == 3
    rows = {row[0]: row[1] for row in blocks(section, Table)[0].rows}
    assert rows["log loss"] == Undefined("there are no probabilities")


def test_one_class_only() -> None:
    evaluation = evaluate_predictions(
        [1, 1], [1, 1], [[0.1, 0.9]] * 2, classes=[0, 1], n_resamples=20
    )
    section = evaluation_section(evaluation)
    assert [chart.caption[:11] for chart in blocks(section, Chart)] == [
        "How many im",
        "Reliability",
    ]
    assert isinstance(blocks(section, Table)[1].rows[0][5], Undefined)
    assert to_json(Report("t", sections=[section]))


def test_no_error_at_all() -> None:
    evaluation = evaluate_predictions([0, 1, 2], [0, 1, 2], n_resamples=20)
    (chart,) = blocks(evaluation_section(evaluation), Chart)
    assert chart.alt == "Confusion matrix of 3 classes, with no error."


def test_many_classes_are_cut_to_the_worst() -> None:
    evaluation = evaluated(80, n=2000, noise=1.2)
    section = evaluation_section(evaluation)
    classes = blocks(section, Table)[1]
    assert len(classes.rows) == 60
    assert classes.rows[0][8] == evaluation.f1.min()
    confusions = blocks(section, Chart)[0].table
    errors = evaluation.normalized_confusion(errors_only=True)
    assert confusions.rows[0][2] == errors.max()
    assert len(confusions.rows) == min(100, np.count_nonzero(errors))


def test_headline_is_what_matters_most(evaluation: Evaluation) -> None:
    cards = {card.name: card for card in evaluation_headline(evaluation)}
    assert cards["Accuracy"].value == f"{evaluation.accuracy:.2%}"
    low, high = evaluation.intervals["accuracy"]
    assert cards["Accuracy"].note == f"{low:.2%} to {high:.2%} (95% interval)"
    wrong = np.count_nonzero(evaluation.truth != evaluation.predicted)
    assert cards["Wrong predictions"].value == f"{wrong:,}"
    assert len(cards) == 6


def test_headline_leaves_out_what_is_undefined() -> None:
    cards = evaluation_headline(evaluate_predictions([0, 1], [0, 1], n_resamples=20))
    assert [card.name for card in cards] == [
        "Accuracy",
        "Balanced accuracy",
        "Macro F1",
        "Wrong predictions",
    ]


def test_several_labels() -> None:
    truth = np.array([[1, 0], [1, 1], [0, 1], [1, 0]])
    guess = np.array([[1, 0], [1, 0], [0, 1], [1, 1]])
    evaluation = evaluate_predictions(truth, guess, class_names=["large", "odd"], n_resamples=20)
    section = evaluation_section(evaluation)
    metrics, labels = blocks(section, Table)
    assert metrics.rows[0][:2] == ["exact match", 0.5]
    assert [row[:3] for row in labels.rows] == [["large", 3, 1.0], ["odd", 2, 0.5]]
    names = [card.name for card in evaluation_headline(evaluation)]
    assert names == ["Macro F1", "Images all right", "Outputs right", "Jaccard score"]


def test_many_outputs_are_cut_to_the_worst() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=(20, 100))
    guess = np.where(rng.random(truth.shape) < 0.8, truth, 0)
    evaluation = evaluate_predictions(truth, guess, n_resamples=10)
    _, outputs = blocks(evaluation_section(evaluation), Table)
    assert len(outputs.rows) == 60
    assert outputs.rows[0][2] == evaluation.accuracy.min()


def test_evaluations_show_themselves(evaluation: Evaluation, tmp_path: Path) -> None:
    several = evaluate_predictions([[1, 0], [0, 1]], [[1, 0], [1, 1]], n_resamples=10)
    for one in (evaluation, several, evaluation.confusion_matrix):
        assert one.report(tmp_path / "a.html") == ["a.html", "a.json"]
        assert "srcdoc" in one._repr_html_()
    assert json.loads((tmp_path / "a.json").read_text())["sections"]
    assert evaluation.plot().get_xlabel() == "Predicted label"
    with pytest.raises(ValueError, match="has no chart"):
        several.plot()
