"""Rejection: answers as accurate as was asked, and as many as can be."""

from __future__ import annotations

import json
import pickle
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import KFold, StratifiedGroupKFold
from sklearn.model_selection import cross_val_predict as by_sklearn
from sklearn.tree import DecisionTreeClassifier

from lookalike import KNeighborsClassifier, choose_rejection, load_dataset
from lookalike.estimators.reject_option import predict_with_trust
from lookalike.evaluation.decisions.curves import CoverageCurve
from lookalike.evaluation.decisions.selective import RejectingClassifier, most_answers

data = load_dataset("digits")
IMAGES, LABELS = data.train.images[:600], data.train.labels[:600]
TEST, TEST_LABELS = data.test.images, data.test.labels
KNN = KNeighborsClassifier(3, weights="distance")

Sure = tuple[NDArray[np.float64], NDArray[np.bool_]]
Offers = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


@st.composite
def sure(draw: st.DrawFn) -> Sure:
    """Confidences that often tie, and whether each prediction is right."""
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.integers(0, draw(st.integers(1, 15)), n) / 7, rng.random(n) < 0.8


@given(sure())
def test_a_curve_is_counted_one_by_one(made: Sure) -> None:
    confidence, right = made
    curve = CoverageCurve.of(confidence, right)
    assert curve.thresholds.tolist() == sorted(set(confidence.tolist()), reverse=True)
    risks = np.zeros(len(right))
    for threshold, coverage, accuracy in zip(
        curve.thresholds, curve.coverage, curve.accuracy, strict=True
    ):
        accepted = confidence >= threshold
        assert coverage == accepted.mean()
        assert accuracy == right[accepted].mean()
        risks[confidence == threshold] = 1 - accuracy
    assert curve.area_under_risk == pytest.approx(risks.mean())
    for wanted in (0.5, 0.8, 1.0):
        good = [c for c, a in zip(curve.coverage, curve.accuracy, strict=True) if a >= wanted]
        assert curve.coverage_at(wanted) == max(good, default=0.0)
    json.dumps(curve.to_dict(), allow_nan=False)


def test_answers_are_as_accurate_as_was_asked() -> None:
    chosen = choose_rejection(KNN, IMAGES, LABELS, accuracy=0.995)
    promise = chosen.promise_
    assert promise.accuracy >= 0.995
    predicted, trust = predict_with_trust(clone(KNN).fit(IMAGES, LABELS), None)
    accepted = trust >= chosen.thresholds
    assert promise.n_accepted == accepted.sum()
    assert promise.n_right == np.sum(accepted & (predicted == LABELS))
    # No other threshold gives more answers.
    assert promise.coverage == promise.curve.coverage_at(0.995)
    answers = chosen.predict(TEST)
    plain = clone(KNN).fit(IMAGES, LABELS).predict(TEST)
    np.testing.assert_array_equal(answers[answers >= 0], plain[answers >= 0])
    tested = chosen.evaluate(TEST, TEST_LABELS)
    assert tested.n_accepted == np.sum(answers >= 0)
    assert tested.n_right == np.sum(answers == TEST_LABELS)
    assert tested.accuracy > np.mean(plain == TEST_LABELS)
    np.testing.assert_array_equal(
        chosen.predict_confidence(TEST) >= chosen.thresholds, answers >= 0
    )
    json.dumps(tested.to_dict(), allow_nan=False)


def test_thresholds_of_classes_give_more_answers() -> None:
    one = choose_rejection(KNN, IMAGES, LABELS, accuracy=0.995)
    each = choose_rejection(KNN, IMAGES, LABELS, accuracy=0.995, per_class=True)
    assert each.thresholds.shape == (10,)
    assert each.promise_.accuracy >= 0.995
    assert each.promise_.coverage >= one.promise_.coverage
    answers = each.predict(TEST)
    certain = each.predict_confidence(TEST)
    plain = clone(KNN).fit(IMAGES, LABELS).predict(TEST)
    np.testing.assert_array_equal(answers >= 0, certain >= each.thresholds[plain])


def test_other_classifiers_are_as_sure_as_their_probabilities() -> None:
    flat, flat_test = (images.reshape(len(images), -1) / 16 for images in (IMAGES, TEST))
    names = np.array([f"digit {label}" for label in range(10)])
    logistic = LogisticRegression(max_iter=300)
    chosen = choose_rejection(
        logistic, flat, names[LABELS], accuracy=0.99, cv=3, reject_label="unknown"
    )
    answers = chosen.predict(flat_test)
    assert "unknown" in answers
    confidence = logistic.fit(flat, names[LABELS]).predict_proba(flat_test).max(axis=1)
    np.testing.assert_array_equal(answers == "unknown", confidence < chosen.thresholds)


def test_a_rejection_of_its_own_is_no_answer() -> None:
    rejecting = KNeighborsClassifier(5, reject=0.9)
    chosen = choose_rejection(rejecting, IMAGES, LABELS, accuracy=0.9)
    tested = chosen.evaluate(TEST, TEST_LABELS)
    answers = chosen.predict(TEST)
    assert tested.n_accepted == np.sum(answers >= 0)
    assert tested.n_right == np.sum(answers == TEST_LABELS)
    assert tested.accuracy > 0.85


def test_labels_that_can_not_be_right_are_named() -> None:
    chosen = choose_rejection(KNN, IMAGES, LABELS, accuracy=0.99)
    with pytest.raises(ValueError, match="are strings, but those of training like 0 are numbers"):
        chosen.evaluate(TEST, TEST_LABELS.astype(str))
    unknown = np.where(TEST_LABELS == 3, 77, TEST_LABELS)
    expected = np.sum(chosen.predict(TEST) == unknown)
    assert chosen.evaluate(TEST, unknown).n_right == expected


def test_groups_of_others_stay_out_together_too() -> None:
    flat, groups = IMAGES.reshape(len(IMAGES), -1), np.arange(600) // 4
    tree = DecisionTreeClassifier(min_samples_leaf=5, random_state=0)
    chosen = choose_rejection(tree, flat, LABELS, accuracy=0.5, groups=groups)
    cv = StratifiedGroupKFold(5)
    proba = by_sklearn(tree, flat, LABELS, cv=cv, groups=groups, method="predict_proba")
    assert chosen.promise_.curve.n_right[-1] == np.sum(proba.argmax(axis=1) == LABELS)
    with pytest.raises(ValueError, match="trains on images of group"):
        choose_rejection(
            tree, flat, LABELS, accuracy=0.5, groups=groups, cv=list(KFold(7).split(flat))
        )


def test_groups_stay_out_together() -> None:
    groups = np.arange(600) // 4
    chosen = choose_rejection(KNN, IMAGES, LABELS, accuracy=0.98, groups=groups)
    fitted = clone(KNN).fit(IMAGES, LABELS)
    predicted, trust = predict_with_trust(fitted, None, exclude=groups)
    assert chosen.promise_.n_right == np.sum((trust >= chosen.thresholds) & (predicted == LABELS))


def test_clones_and_pickles() -> None:
    chosen = choose_rejection(KNN, IMAGES, LABELS, accuracy=0.99)
    again = pickle.loads(pickle.dumps(chosen))
    np.testing.assert_array_equal(again.predict(TEST), chosen.predict(TEST))
    cloned = clone(chosen).fit(IMAGES, LABELS)
    np.testing.assert_array_equal(cloned.predict(TEST), chosen.predict(TEST))
    json.dumps(chosen.to_dict(), allow_nan=False)
    axes = chosen.plot_coverage()
    point = [[chosen.promise_.coverage, chosen.promise_.accuracy]]
    assert axes.lines[-1].get_xydata().tolist() == point


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accuracy": 99.9}, "accuracy=99.9; give a share"),
        ({"classifier": SGDClassifier()}, "SGDClassifier has no predict_proba"),
        ({"reject_label": 3}, "reject_label=3 is one of the classes"),
        ({"labels": np.stack([LABELS, LABELS], axis=1)}, r"labels of shape \(600, 2\) are"),
        ({"labels": LABELS / 3}, "are continuous; give one class"),
        ({"labels": np.zeros(600, dtype=int)}, "all labels are 0, so that every answer"),
        ({"labels": np.tile([0, 1], 300), "accuracy": 1.0}, "no threshold makes the answers 100"),
        (
            {"labels": np.tile([0, 1], 300), "accuracy": 1.0, "per_class": True},
            "no threshold makes the answers 100",
        ),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    given = {"classifier": KNN, "images": IMAGES, "labels": LABELS, **change}
    if given.get("accuracy") == 1.0:
        given["images"] = np.repeat(IMAGES[:300], 2, axis=0)  # each once of either class
    with pytest.raises(ValueError, match=message):
        choose_rejection(given.pop("classifier"), given.pop("images"), given.pop("labels"), **given)


def test_thresholds_must_fit_the_classes() -> None:
    with pytest.raises(ValueError, match=r"thresholds of shape \(3,\) but 10 classes"):
        RejectingClassifier(KNN, [1.0, 2.0, 3.0]).fit(IMAGES, LABELS)
    fitted = RejectingClassifier(KNN, 1.1).fit(IMAGES, LABELS)
    for ask in (fitted.to_dict, fitted.plot_coverage):
        with pytest.raises(NotFittedError, match="is a clone or was only fitted"):
            ask()
    with pytest.raises(ValueError, match="0 images tell nothing"):
        fitted.evaluate(TEST[:0], TEST_LABELS[:0])


@st.composite
def offers(draw: st.DrawFn) -> Offers:
    """A few classes with up to five thresholds each, some of them right for no image."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        n = draw(st.integers(0, 5))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        right, wrong = rng.integers(0, 6, n), rng.integers(0, 3, n)
        right += (right + wrong) == 0  # a threshold is one of some image
        made.append(((right + wrong).cumsum(), right.cumsum()))
    return made


@given(offers(), st.sampled_from([0.01, 0.5, 2 / 3, 0.7, 0.9, 0.95, 1.0]))
def test_no_other_choice_gives_more_answers(made: Offers, accuracy: float) -> None:
    def count(choice: tuple[int | None, ...]) -> tuple[int, int]:
        taken = [(o[0][i], o[1][i]) for o, i in zip(made, choice, strict=True) if i is not None]
        return sum(int(answers) for answers, _ in taken), sum(int(right) for _, right in taken)

    best = 0
    for choice in product(*([None, *range(len(answers))] for answers, _ in made)):
        answers, right = count(choice)
        if answers and right / answers >= accuracy:
            best = max(best, answers)
    chosen = most_answers(made, accuracy)
    if chosen is None:
        assert best == 0
        return
    answers, right = count(tuple(chosen))
    assert answers == best
    assert right / answers >= accuracy


@given(st.integers(0, 2**32), st.floats(0.5, 1))
def test_one_threshold_for_all_gives_no_more(seed: int, accuracy: float) -> None:
    rng = np.random.default_rng(seed)
    confidence, right, classes = rng.integers(0, 9, 40), rng.random(40) < 0.8, np.arange(40) % 3
    own = [CoverageCurve.of(confidence[classes == c], right[classes == c]) for c in range(3)]
    chosen = most_answers([(curve.n_accepted, curve.n_right) for curve in own], accuracy)
    coverage = CoverageCurve.of(confidence, right).coverage_at(accuracy)
    if chosen is None:
        assert coverage == 0
    else:
        pairs = zip(own, chosen, strict=True)
        assert sum(c.n_accepted[i] for c, i in pairs if i is not None) >= round(coverage * 40)


def test_strings_have_a_label_for_rejection() -> None:
    names = np.array(["zero", "one", "two", "three"])
    few = LABELS < 4
    knn = KNeighborsClassifier(3, weights="distance")
    chosen = choose_rejection(knn, IMAGES[few], names[LABELS[few]], accuracy=1.0)
    assert set(chosen.predict(np.random.default_rng(0).integers(0, 17, (20, 8, 8)))) <= {
        *names,
        "unknown",
    }
    same = choose_rejection(knn, IMAGES[few], LABELS[few], accuracy=1.0)
    assert chosen.thresholds == same.thresholds
