"""Thresholds: scikit-learn's curves, the best point for each aim, and what it does to others."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, KFold, StratifiedGroupKFold
from sklearn.model_selection import cross_val_predict as by_sklearn

from lookalike import KNeighborsClassifier, choose_threshold, load_dataset
from lookalike.evaluation.decisions.curves import OperatingPoint, ThresholdCurve

data = load_dataset("digits")
IMAGES, LABELS = data.train.images[:500], data.train.labels[:500]
TEST, TEST_LABELS = data.test.images, data.test.labels
KNN = KNeighborsClassifier(15, weights="distance")


class Perceptrons(BaseEstimator):
    """Predicts, but has no scores."""

    def fit(self, X: Any, y: Any) -> Perceptrons:
        return self


Scored = tuple[NDArray[np.bool_], NDArray[np.float64]]


@st.composite
def scored(draw: st.DrawFn) -> Scored:
    """Positive and negative images with scores that often tie; some of both sides."""
    n = draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    positive = rng.random(n) < 0.4
    positive[:2] = True, False
    scores = rng.integers(0, draw(st.integers(1, 12)), n) / 11
    return positive, scores


@given(scored())
def test_curves_are_scikit_learns(made: Scored) -> None:
    positive, scores = made
    ours = ThresholdCurve.of(positive, scores)
    precision, recall, thresholds = metrics.precision_recall_curve(positive, scores)
    np.testing.assert_allclose(ours.precision, precision[:-1])
    np.testing.assert_allclose(ours.recall, recall[:-1])
    np.testing.assert_array_equal(ours.thresholds, thresholds)
    false_rate, true_rate, thresholds = metrics.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(ours.false_positive_rate, false_rate[:0:-1])
    np.testing.assert_allclose(ours.recall, true_rate[:0:-1])


@pytest.mark.slow("compares hundreds of thresholds")
@given(scored(), st.sampled_from([0.5, 1.0, 2.0]))
def test_points_are_scikit_learns(made: Scored, beta: float) -> None:
    positive, scores = made
    curve = ThresholdCurve.of(positive, scores)
    costs = [[0.0, 1.0], [5.0, -0.5]]
    for i, threshold in enumerate(curve.thresholds):
        predicted = scores >= threshold
        point = curve.point(i)
        assert point.precision == pytest.approx(metrics.precision_score(positive, predicted))
        assert point.recall == pytest.approx(metrics.recall_score(positive, predicted))
        f_beta = metrics.fbeta_score(positive, predicted, beta=beta)
        assert curve.f_beta(beta)[i] == pytest.approx(f_beta)
        assert point.f_beta(beta)[0] == pytest.approx(f_beta)
        matrix = metrics.confusion_matrix(positive, predicted)
        assert curve.cost(costs)[i] == pytest.approx((matrix * costs).sum() / len(scores))
        assert point.cost(costs)[0] == pytest.approx((matrix * costs).sum() / len(scores))
        low, high = point.intervals["recall"]
        assert low <= point.recall <= high


@given(scored(), st.floats(0.05, 1))
def test_no_other_threshold_serves_an_aim_better(made: Scored, share: float) -> None:
    positive, scores = made
    curve = ThresholdCurve.of(positive, scores)
    if len(curve.thresholds) == 1:
        return
    images = np.zeros((len(scores), 1))
    dummy = DummyClassifier()  # its scores are given

    def choose(**aim: Any) -> OperatingPoint:
        return choose_threshold(dummy, images, positive, scores=scores, **aim).promise_

    ways = {"precision": curve.recall, "recall": curve.precision}
    for aim, other in ways.items():
        reached = getattr(curve, aim) >= share
        if not reached.any():
            with pytest.raises(ValueError, match=f"no threshold has a {aim} of"):
                choose(**{aim: share})
            continue
        point = choose(**{aim: share})
        assert getattr(point, aim) >= share
        opposite = "recall" if aim == "precision" else "precision"
        assert getattr(point, opposite) == pytest.approx(other[reached].max())
    assert choose(beta=2).f_beta(2)[0] == pytest.approx(np.nanmax(curve.f_beta(2)))
    costs = [[0, 1], [3, 0]]
    none = 3 * positive.mean()
    assert choose(costs=costs).cost(costs)[0] == pytest.approx(min(curve.cost(costs).min(), none))


def test_the_books_detector_of_fives() -> None:
    fives = choose_threshold(KNN, IMAGES, LABELS, positive=5, precision=0.95)
    scores = by_sklearn(KNN, IMAGES, LABELS == 5, cv=5, method="predict_proba")[:, 1]
    predicted = scores >= fives.threshold
    assert fives.promise_.precision == metrics.precision_score(LABELS == 5, predicted) >= 0.95
    assert fives.promise_.recall == metrics.recall_score(LABELS == 5, predicted)
    tested = fives.evaluate(TEST, TEST_LABELS)
    found = fives.predict(TEST)
    assert found.dtype == bool
    assert tested.precision == metrics.precision_score(TEST_LABELS == 5, found)
    assert tested.recall == metrics.recall_score(TEST_LABELS == 5, found)
    assert tested.n == len(TEST)
    proba = KNN.fit(IMAGES, LABELS == 5).predict_proba(TEST)[:, 1]
    np.testing.assert_array_equal(found, proba >= fives.threshold)
    json.dumps([tested.to_dict(), fives.curve_.to_dict()], allow_nan=False)


@pytest.mark.parametrize("positive", ["even", "odd", None])
def test_of_two_classes_labels_stay_what_they_are(positive: Any) -> None:
    names = np.where(LABELS % 2, "odd", "even")
    chosen = choose_threshold(KNN, IMAGES, names, positive=positive, recall=0.97)
    detected = positive or "odd"
    found = chosen.predict(TEST)
    assert set(found) == {"odd", "even"}
    assert chosen.promise_.recall >= 0.97
    truth = np.where(TEST_LABELS % 2, "odd", "even")
    tested = chosen.evaluate(TEST, truth)
    assert tested.recall == metrics.recall_score(truth, found, pos_label=detected)


@pytest.mark.parametrize("positive", [True, False])
def test_decision_functions_have_thresholds_too(positive: bool) -> None:
    flat, flat_test = IMAGES.reshape(len(IMAGES), -1), TEST.reshape(len(TEST), -1)
    sgd = SGDClassifier(random_state=0)
    chosen = choose_threshold(sgd, flat, LABELS == 3, positive=positive, recall=0.98)
    assert chosen.response_method == "decision_function"
    assert chosen.promise_.recall >= 0.98
    assert chosen.evaluate(flat_test, TEST_LABELS == 3).recall > 0.9


def test_it_is_a_fixed_threshold_classifier() -> None:
    chosen = choose_threshold(KNN, IMAGES, LABELS, positive=5, beta=1)
    assert isinstance(chosen, FixedThresholdClassifier)
    again = pickle.loads(pickle.dumps(chosen))
    np.testing.assert_array_equal(again.predict(TEST), chosen.predict(TEST))
    assert again.promise_ == chosen.promise_
    cloned = clone(chosen).fit(IMAGES, LABELS == 5)
    np.testing.assert_array_equal(cloned.predict(TEST), chosen.predict(TEST))
    assert chosen.predict_proba(TEST).shape == (len(TEST), 2)
    assert str(chosen.aim_) == "the highest F1"


def test_pictures_mark_the_chosen_point() -> None:
    chosen = choose_threshold(KNN, IMAGES, LABELS, positive=5, precision=0.95)
    point = chosen.promise_
    axes = chosen.plot_precision_recall_vs_threshold()
    assert axes.get_xlabel() == "threshold"
    assert axes.lines[-1].get_xdata()[0] == point.threshold
    assert chosen.plot_precision_recall().lines[-1].get_xydata().tolist() == [
        [point.recall, point.precision]
    ]
    assert chosen.plot_roc().lines[-1].get_xydata().tolist() == [
        [point.false_positive_rate, point.recall]
    ]


def test_intervals_of_f_and_cost_cover() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([0.08, 0.02, 0.03, 0.87])
    truth = 2 * shares[0] / (2 * shares[0] + shares[1] + shares[2])
    costs = [[0, 1], [4, 0]]
    true_cost = shares[1] + 4 * shares[2]
    inside = np.zeros(2)
    for hits, alarms, missed, rest in rng.multinomial(600, shares, size=300).tolist():
        point = OperatingPoint(0.5, hits, alarms, missed, rest)
        for i, ((_, low, high), true) in enumerate(
            ((point.f_beta(), truth), (point.cost(costs), true_cost))
        ):
            inside[i] += low <= true <= high
    assert np.all((inside / 300 >= 0.91) & (inside / 300 <= 0.99))


def test_a_point_without_images_of_a_side_says_so() -> None:
    point = OperatingPoint(0.5, 0, 0, 0, 10)
    assert math.isnan(point.precision)
    assert math.isnan(point.recall)
    assert point.to_dict()["intervals"]["precision"] == [None, None]


@pytest.mark.parametrize(
    ("n", "shares"),
    [(1000, [0.089, 0.002, 0.001, 0.908]), (200, [0.3, 0.004, 0.004, 0.692])],
)
def test_intervals_cover_where_errors_are_rare(n: int, shares: list[float]) -> None:
    hits, alarms, missed, _ = shares
    costs = [[0, 1], [100, 0]]
    truths = 2 * hits / (2 * hits + alarms + missed), alarms + 100 * missed
    inside = np.zeros(2)
    for counts in np.random.default_rng(0).multinomial(n, shares, size=300).tolist():
        point = OperatingPoint(0.5, *counts)
        for i, (value, low, high) in enumerate((point.f_beta(), point.cost(costs))):
            assert low <= value <= high
            inside[i] += low <= truths[i] <= high
    assert np.all(inside / 300 >= 0.92)


def test_the_cost_is_drawn() -> None:
    costs = [[0, 1], [5, 0]]
    chosen = choose_threshold(KNN, IMAGES, LABELS, positive=5, costs=costs)
    axes = chosen.plot_cost()
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), chosen.curve_.cost(costs))
    cost = chosen.promise_.cost(costs)[0]
    assert axes.lines[-1].get_xydata().tolist() == [[chosen.threshold, cost]]
    assert cost == chosen.curve_.cost(costs).min()
    other = choose_threshold(KNN, IMAGES, LABELS, positive=5, beta=1)
    assert other.plot_cost(costs=costs).get_xlabel() == "threshold"
    with pytest.raises(ValueError, match="the aim was the highest F1, which has no costs"):
        other.plot_cost()


def test_no_image_is_predicted_positive_where_that_is_cheapest() -> None:
    positive = np.tile([False, False, True, True, False, False, False, False], 10)
    scores = np.tile([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], 10)
    images, costs = scores[:, np.newaxis], [[0, 10], [1, 0]]
    chosen = choose_threshold(DummyClassifier(), images, positive, scores=scores, costs=costs)
    assert chosen.promise_.cost(costs)[0] == 0.25 < chosen.curve_.cost(costs).min()
    assert chosen.promise_.true_positives + chosen.promise_.false_positives == 0
    assert chosen.threshold > 0.9
    assert not chosen.predict(images).any()
    told = json.loads(json.dumps(chosen.to_dict(), allow_nan=False))
    assert told["promise"]["precision"] is None
    label = chosen.plot_precision_recall().get_legend().get_texts()[-1].get_text()
    assert label == "chosen: no image"
    for plot in (chosen.plot_roc, chosen.plot_cost, chosen.plot_precision_recall_vs_threshold):
        plot().figure.canvas.draw()
    # Where some threshold is as cheap, it is taken.
    even = choose_threshold(
        DummyClassifier(), images, positive, scores=scores, costs=[[0, 1], [1, 0]]
    )
    assert even.threshold == 0.6


@pytest.mark.parametrize(
    "aim",
    [{"precision": 0.9}, {"recall": 0.9}, {"beta": 2.0}, {"costs": [[0, 1], [5, 0]]}],
)
def test_what_was_asked_is_told_with_what_is_reached(aim: dict[str, Any]) -> None:
    chosen = choose_threshold(KNN, IMAGES, LABELS, positive=5, **aim)
    told = json.loads(json.dumps(chosen.to_dict(), allow_nan=False))
    ((name, value),) = aim.items()
    assert told["asked"] == {{"beta": "f_beta", "costs": "cost"}.get(name, name): value}
    promise = chosen.promise_
    expected = {
        "precision": lambda: (promise.precision, *promise.intervals["precision"]),
        "recall": lambda: (promise.recall, *promise.intervals["recall"]),
        "beta": lambda: promise.f_beta(2.0),
        "costs": lambda: promise.cost([[0, 1], [5, 0]]),
    }[name]()
    assert told["reached"] == list(expected)
    assert told["reached"][1] <= told["reached"][0] <= told["reached"][2]


def test_a_clone_does_not_know_what_it_was_chosen_on() -> None:
    chosen = choose_threshold(KNN, IMAGES, LABELS, positive=5, beta=1)
    cloned = clone(chosen).fit(IMAGES, LABELS == 5)
    asked = (
        cloned.plot_precision_recall_vs_threshold,
        cloned.plot_precision_recall,
        cloned.plot_roc,
        cloned.plot_cost,
        cloned.to_dict,
        lambda: cloned.evaluate(TEST, TEST_LABELS),
    )
    for ask in asked:
        with pytest.raises(NotFittedError, match="is a clone or was only fitted"):
            ask()


def test_it_is_told_as_json_and_in_words() -> None:
    chosen = choose_threshold(KNN, IMAGES, LABELS, positive=5, precision=0.95)
    told = json.loads(json.dumps(chosen.to_dict(), allow_nan=False))
    assert told["aim"] == "precision of at least 0.95"
    assert told["positive"] == 5
    assert told["promise"]["precision"] == chosen.promise_.precision
    assert f"precision {chosen.promise_.precision:.2%} [" in repr(chosen.promise_)


def test_groups_are_on_one_side() -> None:
    groups = np.arange(500) // 4
    chosen = choose_threshold(KNN, IMAGES, LABELS, positive=5, beta=1, groups=groups)
    cv = StratifiedGroupKFold(5)
    scores = by_sklearn(KNN, IMAGES, LABELS == 5, cv=cv, groups=groups, method="predict_proba")[
        :, 1
    ]
    np.testing.assert_array_equal(chosen.curve_.thresholds, np.unique(scores))


def test_labels_that_can_not_be_right_are_named() -> None:
    chosen = choose_threshold(KNN, IMAGES, LABELS, positive=5, beta=1)
    with pytest.raises(ValueError, match="are truth values, but those of training like 0 are num"):
        chosen.evaluate(TEST, TEST_LABELS == 5)
    with pytest.raises(ValueError, match="are strings, but those of training like 0 are numbers"):
        chosen.evaluate(TEST, TEST_LABELS.astype(str))
    fives = choose_threshold(KNN, IMAGES, (LABELS == 5).astype(int), beta=1)
    assert fives.evaluate(TEST, TEST_LABELS == 5) == chosen.evaluate(TEST, TEST_LABELS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "none given; give exactly one of precision"),
        ({"precision": 0.9, "recall": 0.9}, "precision, recall given; give exactly one"),
        ({"precision": 90}, "precision=90; give a share"),
        ({"beta": 0}, "beta=0; give a number above 0"),
        ({"costs": [1, 2]}, r"costs of shape \(2,\)"),
        ({"beta": 1, "positive": 11}, "positive=11 is none of the classes"),
        ({"beta": 1, "positive": None}, "labels are of 10 classes; say by positive="),
        ({"beta": 1, "labels": LABELS / 3}, "labels are continuous"),
        ({"beta": 1, "labels": np.zeros(500)}, "labels are of 1 classes"),
        (
            {"beta": 1, "positive": 0, "labels": np.minimum(np.arange(500), 9) % 10},
            "only 1 images are of class 0, too few for 5 folds",
        ),
        (
            {"beta": 1, "positive": 0, "cv": "loo", "labels": np.arange(500) // 499},
            "only 1 images are not of class 0, too few for 2 folds",
        ),
        ({"beta": 1, "classifier": Perceptrons()}, "Perceptrons has neither predict_proba nor"),
        (
            {"beta": 1, "cv": KFold(2), "labels": np.repeat([5, 3], 250)},
            r"fold 0 trains on images of \[3\] alone",
        ),
        (
            {"beta": 1, "cv": list(KFold(3).split(IMAGES)), "groups": np.arange(500) // 7},
            "fold 0 trains on images of group 23 and tests others",
        ),
        (
            {"beta": 1, "cv": "loo", "groups": np.arange(500) // 7},
            "cv='loo' leaves out one image, and the rest of its group stays",
        ),
        ({"beta": 1, "scores": [1.0, 2.0]}, r"scores of shape \(2,\) for 500 images"),
        ({"beta": 1, "scores": np.full(500, 0.3)}, "all 500 scores are 0.3"),
        ({"beta": 1, "scores": np.arange(500) - 7.0}, "scores from -7 to 492, but the threshold"),
        ({"beta": 1, "classifier": DummyClassifier(strategy="prior")}, "scores are 0.1"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    given = {"classifier": KNN, "images": IMAGES, "labels": LABELS, "positive": 5, **change}
    if given["labels"].dtype != np.int64:
        given["positive"] = None
    if isinstance(given["classifier"], DummyClassifier):
        given["images"], given["cv"] = IMAGES.reshape(500, -1), 2
        given["labels"] = np.tile(np.arange(10), 50)
    with pytest.raises(ValueError, match=message):
        choose_threshold(given.pop("classifier"), given.pop("images"), given.pop("labels"), **given)


def test_other_images_must_be_some_with_a_label_each() -> None:
    chosen = choose_threshold(KNN, IMAGES, LABELS, positive=5, beta=1)
    with pytest.raises(ValueError, match="0 images tell nothing"):
        chosen.evaluate(TEST[:0], TEST_LABELS[:0])
    with pytest.raises(ValueError, match="360 images but 3 labels"):
        chosen.evaluate(TEST, TEST_LABELS[:3])
