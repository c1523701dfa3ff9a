"""Evaluations of one label each: scikit-learn's numbers, and reasons where there is none."""

from __future__ import annotations

import json
import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import average_precision_score, roc_auc_score, top_k_accuracy_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from lookalike import (
    KNeighborsClassifier,
    NearestNeighbors,
    Softmax,
    evaluate,
    evaluate_predictions,
    load_dataset,
)
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.evaluation.metrics.multi import MultiOutputEvaluation

digits = load_dataset("digits")
FLAT = digits.train.images.reshape(len(digits.train), -1)
FLAT_TEST = digits.test.images.reshape(len(digits.test), -1)

Made = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], int]


@st.composite
def predictions(draw: st.DrawFn, n_classes: int | None = None) -> Made:
    """Labels, predictions and probabilities with ties, certain ones and absent classes."""
    n_classes = draw(st.integers(2, 5)) if n_classes is None else n_classes
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    votes = rng.integers(0, draw(st.integers(2, 4)), (n, n_classes)).astype(float)
    votes[votes.sum(axis=1) == 0] = 1
    probabilities = votes / votes.sum(axis=1, keepdims=True)
    truth = rng.integers(0, draw(st.integers(1, n_classes)), n)
    return truth, probabilities.argmax(axis=1), probabilities, n_classes


def evaluated(made: Made) -> Evaluation:
    truth, predicted, probabilities, n_classes = made
    evaluation = evaluate_predictions(
        truth, predicted, probabilities, classes=np.arange(n_classes), n_resamples=20
    )
    assert isinstance(evaluation, Evaluation)
    return evaluation


def equal(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@given(predictions())
def test_numbers_of_classes_are_scikit_learns(made: Made) -> None:
    truth, predicted, _, n_classes = made
    ours = evaluated(made)
    labels = np.arange(n_classes)
    equal(ours.accuracy, metrics.accuracy_score(truth, predicted))
    equal(ours.balanced_accuracy, np.nanmean(ours.recall))
    theirs = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=np.nan
    )
    for name, values in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
        equal(getattr(ours, name), values)
        undefined = bool(np.isnan(values).any())
        assert (name in ours.undefined and "interval" not in ours.undefined[name]) == undefined
    present = np.unique(truth)
    for how in ("macro", "weighted"):
        theirs = metrics.precision_recall_fscore_support(
            truth, predicted, labels=present, average=how, zero_division=0
        )
        means = getattr(ours, how)
        equal(means["recall"], theirs[1])
        equal(means["f1"], theirs[2])
        if np.isin(present, predicted).all():
            equal(means["precision"], theirs[0])
        else:
            assert math.isnan(means["precision"])
            assert "never predicted" in ours.undefined[f"{how}_precision"]
    if len(present) > 1 and len(np.unique(predicted)) > 1:
        equal(ours.mcc, metrics.matthews_corrcoef(truth, predicted))
    else:  # scikit-learn says 0
        assert math.isnan(ours.mcc)
        assert "one class" in ours.undefined["mcc"]


@given(predictions())
def test_confusion_matrices_are_scikit_learns(made: Made) -> None:
    truth, predicted, _, n_classes = made
    ours, labels = evaluated(made), np.arange(n_classes)
    np.testing.assert_array_equal(
        ours.confusion, metrics.confusion_matrix(truth, predicted, labels=labels)
    )
    for normalize in ("true", "pred"):
        theirs = metrics.confusion_matrix(truth, predicted, labels=labels, normalize=normalize)
        equal(np.nan_to_num(ours.normalized_confusion(normalize)), theirs)
    wrong = truth != predicted
    errors = ours.normalized_confusion(errors_only=True)
    theirs = np.zeros_like(ours.confusion)
    np.add.at(theirs, (truth[wrong], predicted[wrong]), 1)
    np.testing.assert_array_equal(errors, theirs)
    rows = ours.normalized_confusion("true", errors_only=True)
    empty = theirs.sum(axis=1) == 0
    assert np.isnan(rows[empty]).all()
    equal(rows[~empty].sum(axis=1), 1)
    with pytest.raises(ValueError, match="normalize='rows'"):
        ours.normalized_confusion("rows")


@given(predictions())
def test_numbers_of_probabilities_are_scikit_learns(made: Made) -> None:
    truth, predicted, probabilities, n_classes = made
    ours, labels = evaluated(made), np.arange(n_classes)
    equal(ours.log_loss, metrics.log_loss(truth, probabilities, labels=labels))
    one_hot = np.eye(n_classes)[truth]
    brier = ((probabilities - one_hot) ** 2).sum(axis=1).mean()
    equal(ours.brier, brier / 2 if n_classes == 2 else brier)
    for k, value in ours.top_k_accuracy.items():
        if k < n_classes:
            theirs = metrics.top_k_accuracy_score(truth, probabilities, k=k, labels=labels)
            if n_classes > 2:
                equal(value, theirs)
        else:
            assert math.isnan(value)
            assert ours.undefined[f"top_{k}_accuracy"] == f"there are only {n_classes} classes"
    assert ours.reliability is not None
    equal(ours.ece, ours.reliability.expected_calibration_error)
    assert ours.reliability.n.sum() == len(truth)
    # One by one, as the definition says.
    confidence, total = probabilities.max(axis=1), 0.0
    for low, high in zip(ours.reliability.edges, ours.reliability.edges[1:], strict=False):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            share = (truth == predicted)[inside].mean()
            total += inside.mean() * abs(share - confidence[inside].mean())
    equal(ours.ece, total)


@given(predictions(n_classes=2))
def test_numbers_of_two_classes_are_scikit_learns(made: Made) -> None:
    truth, _, probabilities, _ = made
    ours = evaluated(made)
    assert ours.target_type == "binary"
    scores = probabilities[:, 1]
    if 0 < truth.sum() < len(truth):
        equal(ours.roc_auc, metrics.roc_auc_score(truth, scores))
    else:
        assert math.isnan(ours.roc_auc)
        assert ours.undefined["roc_auc"] == "all images are of one class"
    if truth.any():
        equal(ours.average_precision, metrics.average_precision_score(truth, scores))
    else:
        assert "positive class" in ours.undefined["average_precision"]
    equal(ours.brier, metrics.brier_score_loss(truth, scores, pos_label=1))


@given(predictions())
def test_intervals_hold_the_value_or_say_why_not(made: Made) -> None:
    ours = evaluated(made)
    for name, value in {**ours.scalars(), "recall": ours.recall, "f1": ours.f1}.items():
        if name not in ours.intervals:
            assert name in ours.undefined
            continue
        interval = ours.intervals[name]
        assert interval.shape == (*np.shape(value), 2)
        low, high = interval[..., 0], interval[..., 1]
        known = ~np.isnan(low)
        assert np.all(low[known] <= high[known])
        if not known.all():
            assert name in ours.undefined
    low, high = ours.intervals["accuracy"]
    assert low < high  # also of no error, or errors alone


def test_an_own_classifier_searches_once(monkeypatch: pytest.MonkeyPatch) -> None:
    knn = KNeighborsClassifier(3).fit(FLAT, digits.train.labels)
    searches = []
    search = NearestNeighbors.neighbors
    monkeypatch.setattr(
        NearestNeighbors, "neighbors", lambda *a, **k: searches.append(a) or search(*a, **k)
    )
    evaluate(knn, FLAT_TEST, digits.test.labels)
    assert len(searches) == 1


def test_an_own_classifier_predicts_the_same() -> None:
    train, test = digits.train, digits.test
    for weights in ("uniform", "distance", Softmax(0.1)):
        knn = KNeighborsClassifier(4, weights=weights)
        names = np.array(list("abcdefghij"))
        knn.fit(train.images, names[train.labels])
        evaluation = evaluate(knn, test.images, names[test.labels], class_names=digits.class_names)
        assert isinstance(evaluation, Evaluation)
        np.testing.assert_array_equal(
            evaluation.classes[evaluation.predicted], knn.predict(test.images)
        )
        assert evaluation.accuracy == knn.score(test.images, names[test.labels])
        np.testing.assert_array_equal(evaluation.probabilities, knn.predict_proba(test.images))
        assert evaluation.class_names == digits.class_names


@pytest.mark.parametrize(
    ("classifier", "has_probabilities"),
    [
        (SGDClassifier(random_state=0), False),
        (SVC(), False),
        (DummyClassifier(), True),
        (DummyClassifier(strategy="uniform", random_state=0), True),
    ],
)
def test_any_classifier_can_be_evaluated(classifier: Any, has_probabilities: bool) -> None:
    classifier.fit(FLAT[:300], digits.train.labels[:300])
    evaluation = evaluate(classifier, FLAT_TEST, digits.test.labels)
    assert isinstance(evaluation, Evaluation)
    if classifier.get_params().get("strategy") != "uniform":  # which draws anew
        assert evaluation.accuracy == classifier.score(FLAT_TEST, digits.test.labels)
    assert math.isnan(evaluation.log_loss) != has_probabilities
    if not has_probabilities:
        assert evaluation.undefined["brier"] == "there are no probabilities"
        scores = classifier.decision_function(FLAT_TEST)
        assert evaluation.top_k_accuracy[2] == top_k_accuracy_score(digits.test.labels, scores)
        assert len(evaluation.plot_roc().lines) == 10
        assert "How reliable the scores are" in str(evaluation._describe())
        with pytest.raises(ValueError, match="no probabilities to draw"):
            evaluation.plot_reliability()


@pytest.mark.parametrize("names", [None, np.array(["four", "other"])])
def test_decision_values_of_two_classes_rank_images(names: Any) -> None:
    fours, truth = (part.labels == 4 for part in (digits.train, digits.test))
    if names is not None:
        fours, truth = names[fours.astype(int)], names[truth.astype(int)]
    svm = make_pipeline(StandardScaler(), LinearSVC()).fit(FLAT, fours)
    evaluation = evaluate(svm, FLAT_TEST, truth)
    scores = svm.decision_function(FLAT_TEST)
    positive = truth == svm.classes_[1]
    assert isinstance(evaluation, Evaluation)
    assert evaluation.roc_auc == pytest.approx(roc_auc_score(positive, scores))
    assert evaluation.average_precision == pytest.approx(average_precision_score(positive, scores))
    alone = evaluate_predictions(truth, scores=scores)
    assert alone.to_dict() == evaluation.to_dict()
    assert "log_loss" in alone.undefined


def test_predictions_follow_from_scores_and_probabilities() -> None:
    forest = RandomForestClassifier(20, random_state=0).fit(FLAT, digits.train.labels)
    shares = forest.predict_proba(FLAT_TEST)
    predicted = forest.predict(FLAT_TEST)
    both = evaluate_predictions(digits.test.labels, predicted, shares)
    assert evaluate_predictions(digits.test.labels, None, shares).to_dict() == both.to_dict()
    ranked = evaluate_predictions(digits.test.labels, scores=shares)
    assert isinstance(ranked, Evaluation)
    np.testing.assert_array_equal(ranked.predicted, predicted)
    assert "log_loss" in ranked.undefined


def test_decision_values_of_pairs_of_classes_are_left_out() -> None:
    few = digits.train.labels < 3  # so that there are as many pairs as classes
    svm = SVC(decision_function_shape="ovo").fit(FLAT[few], digits.train.labels[few])
    tested = digits.test.labels < 3
    evaluation = evaluate(svm, FLAT_TEST[tested], digits.test.labels[tested])
    assert isinstance(evaluation, Evaluation)
    assert evaluation.scores is None
    with pytest.raises(ValueError, match="no scores to draw"):
        evaluation.plot_roc()


def test_decision_values_of_labels_rank_images() -> None:
    truth = np.c_[digits.train.labels > 6, digits.train.labels % 2].astype(int)
    tested = np.c_[digits.test.labels > 6, digits.test.labels % 2].astype(int)
    svm = OneVsRestClassifier(SVC()).fit(FLAT, truth)
    evaluation = evaluate(svm, FLAT_TEST, tested)
    scores = svm.decision_function(FLAT_TEST)
    assert isinstance(evaluation, MultiOutputEvaluation)
    expected = roc_auc_score(tested, scores, average=None)
    np.testing.assert_allclose(evaluation.roc_auc, expected)
    assert evaluation.output(1).roc_auc == pytest.approx(expected[1])
    assert np.isnan(evaluation.log_loss).all()
    with pytest.raises(ValueError, match="scores of outputs that are classes are not measured"):
        evaluate_predictions([[0, 3]], [[0, 3]], scores=[[0.5, 1.0]])


def test_numbers_survive_json_and_pickle_and_are_printed() -> None:
    dummy = DummyClassifier().fit(FLAT, digits.train.labels)
    evaluation = evaluate(dummy, FLAT_TEST, digits.test.labels)
    numbers = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert numbers["accuracy"] == evaluation.accuracy
    assert numbers["macro_precision"] is None
    assert "9 classes with images never predicted" in numbers["undefined"]["macro_precision"]
    assert pickle.loads(pickle.dumps(evaluation)).to_dict() == evaluation.to_dict()
    text = repr(evaluation)
    assert text.startswith("360 images, 10 classes; 95% intervals")
    assert "roc_auc" not in text
    assert "mcc: all images are of one class, or all are predicted" in text


def test_pictures_show_the_numbers() -> None:
    knn = KNeighborsClassifier(3).fit(FLAT[:300], digits.train.labels[:300])
    evaluation = evaluate(knn, FLAT_TEST, digits.test.labels)
    assert isinstance(evaluation, Evaluation)
    texts = np.reshape(evaluation.plot_confusion("true", errors_only=True).texts, (10, 10))
    shares = evaluation.normalized_confusion("true", errors_only=True)
    assert texts[8, 1].get_text() == f"{100 * np.nan_to_num(shares[8, 1]):.0f}"
    assert len(evaluation.plot_precision_recall().lines) == 10
    assert len(evaluation.plot_roc().lines) == 10
    x, y = evaluation.plot_reliability().lines[1].get_data()
    some = evaluation.reliability.n > 0  # type: ignore[union-attr]
    np.testing.assert_array_equal(y, evaluation.reliability.accuracy[some])  # type: ignore[union-attr]
    assert np.all(np.diff(x) > 0)


def test_many_classes_are_drawn_without_names_on_one_another() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 200, 2000)
    predicted = np.where(rng.random(2000) < 0.8, truth, rng.integers(0, 200, 2000))
    names = [f"a long name of class ${i}$" for i in range(200)]
    evaluation = evaluate_predictions(truth, predicted, class_names=names)
    assert isinstance(evaluation, Evaluation)
    axes = evaluation.plot_confusion()
    assert not axes.texts
    assert not any("name" in text.get_text() for text in axes.get_xticklabels())
    axes.figure.savefig("/dev/null", format="png")
    assert "... and 160 more classes" in repr(evaluation)
    cells = evaluation.to_dict()["confusion_cells"]
    assert sum(n for _, _, n in cells) == 2000
    assert all(evaluation.confusion[true, guess] == n for true, guess, n in cells)


def test_names_that_no_font_has_are_drawn_all_the_same() -> None:
    labels = np.repeat([0, 1, 2], 4)
    probabilities = np.eye(3)[labels]
    evaluation = evaluate_predictions(
        labels, labels, probabilities, class_names=["$x$", "\x00", "\ud800"]
    )
    assert isinstance(evaluation, Evaluation)
    for axes in (evaluation.plot_confusion(), evaluation.plot_roc()):
        axes.figure.savefig("/dev/null", format="png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_true": [], "y_pred": [], "probabilities": None}, "at least one"),
        ({"y_true": [0, 1]}, r"labels of shape \(2,\) and predictions of shape \(3,\)"),
        ({"y_true": [0, 1, 7]}, r"labels contain \[7\] \(1 images\), none of the 2 classes; leave"),
        ({"y_pred": [0, 1, -1]}, r"predictions contain \[-1\] .* rejected images"),
        ({"probabilities": [[0.5, 0.5], [0.5, 0.6], [1, 0]]}, "row 1 .* sums to 1.1, not to 1"),
        ({"probabilities": [[0.5, 0.5], [1.5, -0.5], [1, 0]]}, "row 1 .* has a negative value"),
        ({"probabilities": [[np.nan, 0.5], [1, 0], [1, 0]]}, "row 0 .* is not finite"),
        ({"probabilities": [[1.0], [1.0], [1.0]]}, r"shape \(3, 1\) but 3 images and 2 classes"),
        ({"y_true": [0.5, 1.2, 0.1]}, "labels are continuous"),
        ({"confidence": 1.0}, "confidence=1.0 is not between 0 and 1"),
        ({"n_resamples": 0}, "n_resamples=0 is less than 1"),
        ({"top_k": [0]}, "top_k holds 0"),
        ({"scores": [1, 2, 3]}, "both probabilities and scores are given; give one"),
        ({"y_pred": None, "probabilities": None}, "y_pred is missing; give the predictions"),
        ({"y_pred": None, "probabilities": [[1], [1], [1]]}, r"shape \(3, 1\) for 3 images and 2"),
        ({"probabilities": None, "scores": [[1], [2]]}, r"scores of shape \(2, 1\); give one row"),
        ({"probabilities": None, "scores": [1, np.inf, 2]}, "row 1 of the scores is not finite"),
        ({"class_names": ["one"]}, "1 class_names but 2 classes"),
        ({"classes": [0, 1, 1]}, r"classes hold \[1\] more than once; give each once"),
        ({"y_true": [0, 1, np.nan]}, "labels of image 2 hold nan; leave images"),
        ({"y_true": np.array([0, "a", None], dtype=object)}, "labels cannot be sorted"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    given = {
        "y_true": [0, 1, 1],
        "y_pred": [0, 1, 0],
        "probabilities": [[1, 0], [0, 1], [0.5, 0.5]],
        "classes": [0, 1],
        **change,
    }
    with pytest.raises(ValueError, match=message):
        evaluate_predictions(**given)  # type: ignore[arg-type]


def test_probabilities_are_in_the_order_of_the_classes_given() -> None:
    truth, predicted = ["a", "b", "b"], ["a", "b", "a"]
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    ours = evaluate_predictions(truth, predicted, probabilities, classes=["a", "b"])
    other = evaluate_predictions(
        truth, predicted, probabilities[:, ::-1], classes=["b", "a"], class_names=["bee", "ant"]
    )
    assert isinstance(ours, Evaluation)
    assert isinstance(other, Evaluation)
    assert other.log_loss == pytest.approx(ours.log_loss)
    assert other.ece == pytest.approx(ours.ece)
    assert other.recall.tolist() == ours.recall[::-1].tolist()
    assert other.support.tolist() == [2, 1]
    assert other.roc_auc == metrics.roc_auc_score([1, 0, 0], probabilities[:, 0])


def test_a_single_class_is_told_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = evaluate_predictions([3, 3], [3, 3], [[1.0], [1.0]])
        assert isinstance(ours, Evaluation)
        assert ours.confusion.tolist() == [[2]]
        assert math.isnan(ours.mcc)
        one_sided = evaluate_predictions([0, 0], [0, 1], [[1, 0], [0, 1]], classes=[0, 1])
        assert isinstance(one_sided, Evaluation)
        assert "one class" in one_sided.plot_roc().get_title()
        assert "one class" in one_sided.plot_precision_recall().get_title()


def test_a_column_of_labels_is_as_good_as_a_row() -> None:
    ours = evaluate_predictions([[0], [1]], [0, 1])
    assert isinstance(ours, Evaluation)
    assert ours.accuracy == 1


def test_images_and_labels_must_be_as_many() -> None:
    knn = KNeighborsClassifier(1).fit(FLAT, digits.train.labels)
    with pytest.raises(ValueError, match="360 images and 3 labels"):
        evaluate(knn, FLAT_TEST, [1, 2, 3])
    with pytest.raises(ValueError, match="0 images and 0 labels"):
        evaluate(knn, FLAT_TEST[:0], [])


def test_a_rejecting_classifier_is_sent_elsewhere() -> None:
    knn = KNeighborsClassifier(9, reject=0.99).fit(FLAT[:200], digits.train.labels[:200])
    with pytest.raises(ValueError, match="judge without rejection"):
        evaluate(knn, FLAT_TEST, digits.test.labels)


@pytest.mark.parametrize("dtype", [str, object])
def test_strings_are_not_taken_for_numbers(dtype: type) -> None:
    """NumPy finds "20" among a hundred numbers, but not among ten."""
    labels = np.array(["3", "20", "7"]).astype(dtype)
    with pytest.raises(ValueError, match="labels are strings, such as '3', but predictions are "):
        evaluate_predictions(labels, [3, 20, 7], classes=np.arange(100))
    for classes in (np.arange(100), np.arange(30)):
        with pytest.raises(ValueError, match="but classes are numbers, such as 0; convert one"):
            evaluate_predictions(labels, labels, classes=classes)
    knn = KNeighborsClassifier(1).fit(FLAT, digits.train.labels)
    with pytest.raises(ValueError, match="labels are strings"):
        evaluate(knn, FLAT_TEST, digits.test.labels.astype(str).astype(dtype))


def test_a_single_value_is_no_label_of_images() -> None:
    with pytest.raises(ValueError, match="labels are a single value, 3; give one for each image"):
        evaluate_predictions(3, 3)


@given(predictions(), st.sampled_from([np.float32, np.float64]))
def test_a_probability_of_0_costs_what_its_type_says(made: Made, dtype: type) -> None:
    truth, predicted, probabilities, n_classes = made
    given_so = probabilities.astype(dtype)
    ours = evaluated((truth, predicted, given_so, n_classes))
    theirs = metrics.log_loss(truth, given_so, labels=np.arange(n_classes))
    assert ours.log_loss == pytest.approx(theirs, rel=1e-5, abs=1e-6)
