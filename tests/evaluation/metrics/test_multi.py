"""Evaluations of several labels each: scikit-learn's numbers."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn import metrics
from sklearn.ensemble import RandomForestClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB

from lookalike import KNeighborsClassifier, evaluate, load_dataset
from lookalike.evaluation.metrics.evaluate import evaluate_predictions
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.evaluation.metrics.multi import MultiOutputEvaluation

Pair = tuple[NDArray[np.int64], NDArray[np.int64]]
shapes = st.tuples(st.integers(1, 25), st.integers(2, 4))


def pairs(high: int) -> st.SearchStrategy[Pair]:
    """Labels and predictions of one shape."""
    return shapes.flatmap(
        lambda shape: st.tuples(*[arrays(np.int64, shape, elements=st.integers(0, high))] * 2)
    )


def evaluated(pair: Pair) -> MultiOutputEvaluation:
    evaluation = evaluate_predictions(*pair, n_resamples=10)
    assert isinstance(evaluation, MultiOutputEvaluation)
    return evaluation


@pytest.mark.slow("resamples each of many metrics")
@given(pairs(1))
def test_multilabel_numbers_are_scikit_learns(pair: Pair) -> None:
    truth, predicted = pair
    ours = evaluated(pair)
    assert ours.target_type == "multilabel-indicator"
    assert ours.exact_match == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert ours.hamming_loss == pytest.approx(metrics.hamming_loss(truth, predicted))
    assert ours.mean_accuracy == pytest.approx(1 - ours.hamming_loss)
    np.testing.assert_array_equal(
        ours.confusion, metrics.multilabel_confusion_matrix(truth, predicted)
    )
    theirs = metrics.precision_recall_fscore_support(truth, predicted, zero_division=np.nan)
    for name, values in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
        np.testing.assert_allclose(getattr(ours, name), values)
    for how in ("micro", "macro", "weighted"):
        means = getattr(ours, how)
        theirs = metrics.precision_recall_fscore_support(
            truth, predicted, average=how, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), theirs, strict=False):
            if not math.isnan(means[name]):
                assert means[name] == pytest.approx(value)
            else:
                assert f"{how}_{name}" in ours.undefined
    theirs = metrics.precision_recall_fscore_support(
        truth, predicted, average="samples", zero_division=np.nan
    )
    of_images = {"precision": predicted, "recall": truth, "f1": truth | predicted}
    for (name, labels), value in zip(of_images.items(), theirs, strict=False):
        if np.all(labels.any(axis=1)):
            assert ours.samples[name] == pytest.approx(value)
        else:
            assert math.isnan(ours.samples[name])
            assert ours.undefined[f"samples_{name}"].startswith("an image")
    if np.all((truth | predicted).any(axis=1)):
        assert ours.jaccard == pytest.approx(
            metrics.jaccard_score(truth, predicted, average="samples")
        )
    else:
        assert "neither has a label" in ours.undefined["jaccard"]


@given(pairs(3))
def test_multi_output_numbers_are_counted_one_by_one(pair: Pair) -> None:
    truth, predicted = pair
    ours = evaluated(pair)
    if ours.target_type == "multilabel-indicator":  # by chance
        return
    right = truth == predicted
    np.testing.assert_allclose(ours.accuracy, right.mean(axis=0))
    assert ours.exact_match == pytest.approx(right.all(axis=1).mean())
    assert "outputs are classes" in ours.undefined["macro_f1"]
    assert ours.confusion is None
    json.dumps(ours.to_dict(), allow_nan=False)


def book_labels(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The book's: is the digit large, and is it odd?"""
    return np.stack([labels >= 7, labels % 2 == 1], axis=1).astype(np.int64)


def evaluated_book() -> tuple[KNeighborsClassifier, Any, NDArray[np.int64], MultiOutputEvaluation]:
    """The book's classifier of digits, the test images, their labels, and its evaluation."""
    data = load_dataset("digits")
    y, y_test = book_labels(data.train.labels), book_labels(data.test.labels)
    knn = KNeighborsClassifier(5).fit(data.train.images, y)
    evaluation = evaluate(knn, data.test.images, y_test, class_names=["large", "odd"])
    assert isinstance(evaluation, MultiOutputEvaluation)
    return knn, data.test.images, y_test, evaluation


def test_the_books_multilabel_classifier() -> None:
    knn, images, y_test, ours = evaluated_book()
    predicted = knn.predict(images)
    assert ours.macro["f1"] == pytest.approx(metrics.f1_score(y_test, predicted, average="macro"))
    for j, proba in enumerate(knn.predict_proba(images)):
        assert ours.log_loss[j] == pytest.approx(metrics.log_loss(y_test[:, j], proba[:, 1]))
        assert ours.brier[j] == pytest.approx(metrics.brier_score_loss(y_test[:, j], proba[:, 1]))
        area = metrics.roc_auc_score(y_test[:, j], proba[:, 1])
        assert ours.roc_auc[j] == pytest.approx(area)
        average = metrics.average_precision_score(y_test[:, j], proba[:, 1])
        assert ours.average_precision[j] == pytest.approx(average)
        alone = evaluate_predictions(y_test[:, j], predicted[:, j], proba)
        assert isinstance(alone, Evaluation)
        assert ours.ece[j] == pytest.approx(alone.ece)
        for name in ("log_loss", "brier", "ece", "roc_auc", "average_precision"):
            np.testing.assert_allclose(ours.intervals[name][j], alone.intervals[name])
    assert "large" in repr(ours)
    numbers = json.loads(json.dumps(ours.to_dict(), allow_nan=False))
    assert [entry["output"] for entry in numbers["per_output"]] == ["large", "odd"]


def test_a_forests_list_and_a_matrix_of_probabilities_are_the_same() -> None:
    data = load_dataset("digits")
    flat, flat_test = (part.images.reshape(len(part), -1) for part in (data.train, data.test))
    forest = RandomForestClassifier(10, random_state=0).fit(flat, book_labels(data.train.labels))
    y_test = book_labels(data.test.labels)
    ours = evaluate(forest, flat_test, y_test)
    assert isinstance(ours, MultiOutputEvaluation)
    matrix = np.stack([proba[:, 1] for proba in forest.predict_proba(flat_test)], axis=1)
    other = evaluate_predictions(y_test, forest.predict(flat_test), matrix)
    assert isinstance(other, MultiOutputEvaluation)
    np.testing.assert_allclose(other.log_loss, ours.log_loss)
    np.testing.assert_allclose(other.brier, ours.brier)
    np.testing.assert_allclose(other.roc_auc, ours.roc_auc)


def test_labels_that_no_image_has_say_so() -> None:
    truth = np.array([[0, 1], [0, 0], [0, 1], [0, 1]])
    ours = evaluate_predictions(truth, truth, truth * 0.8 + 0.1, n_resamples=50)
    assert isinstance(ours, MultiOutputEvaluation)
    assert np.isnan(ours.roc_auc).tolist() == [True, False]
    assert ours.undefined["roc_auc"] == "a label is of no image, or of all"
    assert ours.undefined["recall"] == "a label is of no image"
    json.dumps(ours.to_dict(), allow_nan=False)


def test_outputs_that_are_classes_have_losses() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (40, 2))
    probabilities = [rng.dirichlet(np.ones(3), 40) for _ in range(2)]
    guess = np.stack([p.argmax(axis=1) for p in probabilities], axis=1)
    ours = evaluate_predictions(truth, guess, probabilities, classes=[np.arange(3)] * 2)
    assert isinstance(ours, MultiOutputEvaluation)
    for j, proba in enumerate(probabilities):
        assert ours.log_loss[j] == pytest.approx(metrics.log_loss(truth[:, j], proba))
    assert "outputs are classes" in ours.undefined["ece"]


def test_cleaned_images_are_outputs_that_are_pixels() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 17, (50, 64))
    predicted = np.where(rng.random(truth.shape) < 0.9, truth, 0)
    ours = evaluated((truth, predicted))
    assert ours.n_outputs == 64
    assert 0.85 < ours.mean_accuracy < 0.95
    assert ours.intervals["accuracy"].shape == (64, 2)
    assert "... and 24 more outputs" in repr(ours)


def test_one_label_alone_has_all_metrics_and_plots() -> None:
    *_, y_test, both = evaluated_book()
    odd = both.output("odd")
    assert odd.target_type == "binary"
    assert odd.recall[1] == both.recall[1]
    assert odd.roc_auc == both.roc_auc[1]
    np.testing.assert_allclose(odd.intervals["log_loss"], both.intervals["log_loss"][1])
    assert odd.plot_roc().lines
    assert both.output(0).accuracy == both.accuracy[0]
    assert evaluate_predictions(y_test, y_test * 0).output(0).n == len(y_test)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="output 'even' is none of those there are, such as large"):
        both.output("even")
    with pytest.raises(ValueError, match="output 2 but 2 outputs; give one from 0 to 1"):
        both.output(2)


def test_one_vs_rest_has_a_flat_list_of_classes() -> None:
    data = load_dataset("digits")
    flat, flat_test = (part.images.reshape(len(part), -1) for part in (data.train, data.test))
    y, y_test = book_labels(data.train.labels), book_labels(data.test.labels)
    classifier = OneVsRestClassifier(GaussianNB()).fit(flat, y)
    ours = evaluate(classifier, flat_test, y_test)
    assert isinstance(ours, MultiOutputEvaluation)
    positive = np.clip(classifier.predict_proba(flat_test), 0, 1)
    for j in range(2):
        assert ours.log_loss[j] == pytest.approx(metrics.log_loss(y_test[:, j], positive[:, j]))


def test_sparse_labels_are_as_good_as_dense_ones() -> None:
    truth = np.array([[0, 1], [1, 1], [1, 0]])
    ours = evaluate_predictions(csr_array(truth), csr_array(truth))
    assert isinstance(ours, MultiOutputEvaluation)
    assert ours.exact_match == 1


def test_rows_of_probabilities_may_be_a_list() -> None:
    ours = evaluate_predictions([[0, 1]], [[0, 1]], [[0.2, 0.9]])
    assert isinstance(ours, MultiOutputEvaluation)
    np.testing.assert_allclose(ours.log_loss, -np.log([0.8, 0.9]))


def test_rejected_labels_are_no_class_of_any_output() -> None:
    data = load_dataset("digits")
    knn = KNeighborsClassifier(5, reject=0.99).fit(
        data.train.images, book_labels(data.train.labels)
    )
    with pytest.raises(ValueError, match=r"predictions of output 0 contain \[-1\] .* rejection"):
        evaluate(knn, data.test.images, book_labels(data.test.labels))


def test_probabilities_that_would_fill_the_memory_are_not_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list of an array for every pixel: of 10,000 images and 256 greys 15 GiB."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 16)).astype(np.uint8)
    knn = KNeighborsClassifier(1).fit(pixels, pixels)
    whole = evaluate(knn, pixels, pixels)
    monkeypatch.setattr("lookalike.evaluation.metrics.evaluate._MOST_PROBABILITIES", 2**10)
    ours = evaluate(knn, pixels, pixels)
    assert isinstance(whole, MultiOutputEvaluation)
    assert isinstance(ours, MultiOutputEvaluation)
    assert whole.log_loss == pytest.approx(0)
    assert np.isnan(ours.log_loss).all()
    assert "GiB; evaluate fewer images" in ours.undefined["log_loss"]
    assert ours.undefined["macro_f1"] == whole.undefined["macro_f1"]
    np.testing.assert_array_equal(ours.accuracy, whole.accuracy)


@pytest.mark.parametrize(
    ("probabilities", "classes", "message"),
    [
        ([np.eye(2)], None, "probabilities of 1 outputs but labels of 2"),
        (np.full((2, 3), 0.5), None, r"probabilities of shape \(2, 3\) for 2 images and 2 outputs"),
        (None, [[0, 1]], "classes of 1 outputs but labels of 2"),
        (None, [[0, 1], [0]], r"labels of output 1 contain \[1\] \(1 images\), none of the 1"),
    ],
)
def test_outputs_that_do_not_match_are_named(
    probabilities: object, classes: object, message: str
) -> None:
    truth = np.array([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match=message):
        evaluate_predictions(truth, truth, probabilities, classes=classes)


def test_outputs_that_are_classes_want_a_list_of_probabilities() -> None:
    truth = np.array([[0, 2], [1, 1]])
    with pytest.raises(ValueError, match="give a list with an array"):
        evaluate_predictions(truth, truth, np.ones((2, 2)))


def test_outputs_are_labels_only_if_their_classes_are() -> None:
    """By chance a few images may have no class but 0 and 1."""
    truth = np.array([[0, 1], [1, 0]])
    probabilities = [np.eye(3)[truth[:, j]] for j in range(2)]
    for classes, kind in (
        ([[0, 1, 2], [0, 1]], "multiclass-multioutput"),
        ([[0, 1], [1]], "multilabel-indicator"),
        ([[0, 1], [0, 1]], "multilabel-indicator"),
    ):
        assert evaluate_predictions(truth[:1], truth[:1], classes=classes).target_type == kind
    ours = evaluate_predictions(truth, truth, probabilities, classes=[[0, 1, 2]] * 2)
    assert isinstance(ours, MultiOutputEvaluation)
    assert ours.target_type == "multiclass-multioutput"
    assert ours.log_loss == pytest.approx(0)
    assert "outputs are classes" in ours.undefined["macro_f1"]


def test_a_last_bit_more_than_1_is_a_probability() -> None:
    labels = np.array([[1, 0], [0, 1]])
    probabilities = np.array([[np.nextafter(1, 2), 0.5], [0.25, 0.5]])
    ours = evaluate_predictions(labels, labels, probabilities)
    assert isinstance(ours, MultiOutputEvaluation)
    np.testing.assert_allclose(ours.log_loss, [-np.log(0.75) / 2, np.log(2)])
    with pytest.raises(ValueError, match="row 0 of the probabilities has a negative value"):
        evaluate_predictions(labels, labels, probabilities * 1.1)


def test_probabilities_of_labels_keep_their_type() -> None:
    labels = np.array([[1, 0], [0, 1], [0, 0]])
    probabilities = np.array([[0, 0.5], [0.25, 0.5], [1, 0.1]], dtype=np.float32)
    ours = evaluate_predictions(labels, labels, probabilities)
    assert isinstance(ours, MultiOutputEvaluation)
    for j in range(2):
        theirs = metrics.log_loss(labels[:, j], probabilities[:, j])
        assert ours.log_loss[j] == pytest.approx(theirs, rel=1e-6)
        assert ours.output(j).log_loss == pytest.approx(ours.log_loss[j])


def test_images_without_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"labels of shape \(3, 0\).* at least one"):
        evaluate_predictions(np.zeros((3, 0)), np.zeros((3, 0)))
