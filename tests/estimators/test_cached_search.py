"""Predictors that know the neighbours of some images, and those that learn other labels."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike import KNeighborsClassifier, NearestNeighbors, Shifts, load_dataset
from lookalike.estimators.cached_search import searched_once

DIGITS = load_dataset("digits")
TRAIN, TEST = DIGITS.train, DIGITS.test


@pytest.mark.parametrize("augmentation", [None, Shifts(1)])
def test_images_that_are_known_are_not_searched_again(
    augmentation: Shifts | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    knn = KNeighborsClassifier(3, augmentation=augmentation).fit(TRAIN.images, TRAIN.labels)
    expected = knn.explain(TEST.images), knn.predict_proba(TEST.images), knn.kneighbors(TEST.images)
    known = searched_once(knn, TEST.images, 10)
    others = knn.predict(TEST.images[:5])
    with monkeypatch.context() as patch:
        patch.setattr(NearestNeighbors, "neighbors", None)
        found = known.explain(TEST.images)
        for name in ("indices", "distances", "variants", "shares", "prediction"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected[0], name))
        np.testing.assert_array_equal(known.predict_proba(TEST.images), expected[1])
        for own, one in zip(known.kneighbors(TEST.images), expected[2], strict=True):
            np.testing.assert_array_equal(own, one)
    np.testing.assert_array_equal(known.predict(TEST.images[:5]), others)


def test_other_labels_are_learnt_without_another_index(monkeypatch: pytest.MonkeyPatch) -> None:
    knn = KNeighborsClassifier(3, weights="distance").fit(TRAIN.images, TRAIN.labels)
    odd = TRAIN.labels % 2 == 1
    expected = KNeighborsClassifier(3, class_weight={True: 2.0}).fit(TRAIN.images, odd)
    monkeypatch.setattr(NearestNeighbors, "fit", None)
    made = knn.relabelled(odd, weights="uniform", class_weight={True: 2.0})
    np.testing.assert_array_equal(
        made.predict_proba(TEST.images), expected.predict_proba(TEST.images)
    )
    assert knn.classes_.tolist() == list(range(10))
    weights = np.arange(len(odd)) + 1.0
    weighted = made.relabelled(odd, weights)
    np.testing.assert_array_equal(weighted.sample_weight_, weights)
    np.testing.assert_array_equal(weighted.relabelled(odd).sample_weight_, weights)
