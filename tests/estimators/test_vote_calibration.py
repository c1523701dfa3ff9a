"""Probabilities of k-NN answers, beside scikit-learn's isotonic regression of the same scores."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.isotonic import IsotonicRegression

from lookalike import KNeighborsClassifier, load_dataset, save_model
from lookalike.estimators.reject_option import predict_with_trust
from lookalike.estimators.vote_calibration import VoteCalibration
from lookalike.images.augmentation import Shifts
from lookalike.models.model import Model, open_model

DATA = load_dataset("digits")
TRAIN, LABELS = DATA.train.images[:600], DATA.train.labels[:600]


@pytest.mark.parametrize(
    "knn",
    [
        KNeighborsClassifier(3),
        KNeighborsClassifier(4, weights="distance"),
        KNeighborsClassifier(20, metric="cosine"),
        KNeighborsClassifier(1, augmentation=Shifts(1)),
    ],
    ids=repr,
)
def test_probabilities_are_the_votes_capped_by_what_was_right(knn) -> None:
    knn.fit(TRAIN, LABELS)
    learned = VoteCalibration.learn(knn)
    left_out = predict_with_trust(knn, None, n_neighbors=max(16, knn.n_neighbors))
    right = left_out.predicted == LABELS
    finite = np.minimum(left_out.trust, 1e9)
    expected = IsotonicRegression(out_of_bounds="clip").fit(finite, right)
    assert_allclose(expected.predict(np.minimum(learned.trust, 1e9)), learned.right, atol=1e-12)

    queries = DATA.test.images
    votes, found = knn.predict_proba(queries), learned.probabilities(knn, queries)
    assert_array_equal(found.argmax(axis=1), votes.argmax(axis=1))
    assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    asked = predict_with_trust(knn, queries, n_neighbors=max(16, knn.n_neighbors)).trust
    step = learned.right[np.maximum((asked[:, None] >= learned.trust).sum(axis=1) - 1, 0)]
    best = np.minimum(votes.max(axis=1), np.maximum(step, 0.5))
    assert_allclose(found.max(axis=1), best, atol=1e-12)
    unchanged = best == votes.max(axis=1)
    assert unchanged.any()
    assert_array_equal(found[unchanged], votes[unchanged])


def test_the_nearest_other_class_gets_what_unanimous_votes_lose() -> None:
    knn = KNeighborsClassifier(2).fit([[[0.0]], [[1.0]], [[9.0]], [[20.0]]], ["a", "a", "b", "c"])
    found = VoteCalibration([0, 3], [0.75, 1]).probabilities(knn, np.array([[[4.0]], [[3.0]]]))
    assert_allclose(found, [[0.75, 0.25, 0], [1, 0, 0]])


def test_all_other_classes_get_it_if_none_is_near() -> None:
    images, labels = np.arange(19.0).reshape(-1, 1, 1), [*"a" * 17, "b", "c"]
    knn = KNeighborsClassifier(2).fit(images, labels)
    found = VoteCalibration([0], [0.75]).probabilities(knn, np.array([[[-9.0]]]))
    assert_allclose(found, [[0.75, 0.125, 0.125]])


def test_few_of_the_wrong_answers_are_sure() -> None:
    rng = np.random.default_rng(0)
    model = Model(KNeighborsClassifier(1).fit(DATA.train.images, DATA.train.labels))
    many = np.repeat(DATA.test.images, 10, axis=0)
    noisy = np.clip(many + rng.normal(0, 3, many.shape), 0, 16).round().astype(np.uint8)
    wrong = model.estimator.predict(noisy) != np.repeat(DATA.test.labels, 10)
    assert wrong.sum() > 50
    assert model.estimator.predict_proba(noisy).max(axis=1).min() == 1  # the vote says nothing
    sure = model.probabilities(noisy).max(axis=1) >= 0.9
    assert sure[wrong].mean() < 0.2
    assert sure[~wrong].mean() > 0.7


def test_few_images_and_images_without_votes_are_not_calibrated() -> None:
    assert VoteCalibration.can_learn(KNeighborsClassifier(3).fit(TRAIN[:200], LABELS[:200]))
    few = KNeighborsClassifier(3).fit(TRAIN[:199], LABELS[:199])
    assert not VoteCalibration.can_learn(few)
    assert_array_equal(Model(few).probabilities(TRAIN[:9]), few.predict_proba(TRAIN[:9]))
    silent = KNeighborsClassifier(3, class_weight={4: 0}).fit(TRAIN, LABELS)
    assert not VoteCalibration.can_learn(silent)
    assert not VoteCalibration.can_learn(KNeighborsClassifier(600).fit(TRAIN, LABELS))


def test_a_model_file_keeps_the_calibration(tmp_path) -> None:
    knn = KNeighborsClassifier(3).fit(TRAIN, LABELS)
    save_model(knn, tmp_path / "m")
    model = open_model(tmp_path / "m")
    assert model._calibration.to_dict() == VoteCalibration.learn(knn).to_dict()
    asked = DATA.test.images
    before = model.probabilities(asked)
    assert_array_equal(before, Model(knn).probabilities(asked))
    explained = model.explain(asked)
    assert_array_equal([one.probabilities for one in explained], before)

    rows = model.add(asked[:50], [str(9 - int(one)) for one in DATA.test.labels[:50]])
    kept = model._calibration
    model.remove(rows)
    assert model._calibration is kept
    assert_array_equal(model.probabilities(asked), before)
    model.add(asked[:50], [str(9 - int(one)) for one in DATA.test.labels[:50]], relearn=True)
    model.probabilities(asked[:1])
    assert model._calibration.to_dict() != kept.to_dict()


@pytest.mark.parametrize("steps", [([], []), ([1, 2], [0.5]), ([[1.0]], [[0.5]])])
def test_steps_that_are_no_function_are_refused(steps) -> None:
    with pytest.raises(ValueError, match="give one share for each"):
        VoteCalibration(*steps)
