"""Trust scores, against a plain walk along the neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import KNeighborsClassifier, Shifts, load_dataset
from lookalike.estimators.reject_option import predict_with_trust, trust_scores


@given(st.integers(1, 8), st.integers(1, 6), st.integers(0, 2**32))
def test_scores_are_those_of_a_plain_walk(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = np.sort(rng.integers(0, 4, (n, k)).astype(float), axis=1)
    labels, predicted = rng.integers(0, 3, (n, k)), rng.integers(0, 3, n)
    for i, score in enumerate(trust_scores(distances, labels, predicted)):
        own = [d for d, c in zip(distances[i], labels[i], strict=True) if c == predicted[i]]
        other = [d for d, c in zip(distances[i], labels[i], strict=True) if c != predicted[i]]
        if not own:
            assert score == 0
            continue
        far = other[0] if other else distances[i, -1]
        if far == own[0]:
            assert score == 1
        elif own[0] == 0:
            assert score == np.finfo(float).max
        else:
            assert score == far / own[0]


@pytest.mark.parametrize("augmentation", [None, Shifts(1)])
def test_predictions_are_the_classifiers_own(augmentation: Shifts | None) -> None:
    data = load_dataset("digits")
    train, test = data.train, data.test.images[:90]
    knn = KNeighborsClassifier(4, weights="distance", augmentation=augmentation)
    knn.fit(train.images[:400], train.labels[:400])
    for queries in (test, None):
        predicted, trust = predict_with_trust(knn, queries)
        np.testing.assert_array_equal(predicted, knn.predict(queries))
        assert np.all(trust > 0)
    right = predict_with_trust(knn, test)
    is_right = right.predicted == data.test.labels[:90]
    if not is_right.all():
        assert np.median(right.trust[is_right]) > np.median(right.trust[~is_right])


def test_few_images_have_few_neighbors() -> None:
    knn = KNeighborsClassifier(1).fit([[0.0], [1.0], [5.0]], [0, 0, 1])
    assert predict_with_trust(knn, None).trust.tolist() == [5.0, 4.0, 5 / 4]
    grouped = predict_with_trust(knn, None, exclude=[0, 0, 1])
    assert grouped.predicted.tolist() == [1, 1, 0]
