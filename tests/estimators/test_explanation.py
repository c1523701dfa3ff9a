"""What stands behind a prediction."""

import numpy as np
import pytest

from lookalike import KNeighborsClassifier, KNeighborsRegressor, Softmax

rng = np.random.default_rng(0)
X = rng.random((60, 5))
QUERIES = rng.random((9, 5))


@pytest.mark.parametrize("weights", ["uniform", "distance", Softmax(0.1)])
@pytest.mark.parametrize("n_outputs", [None, 3])
def test_shares_add_up_to_the_probabilities(weights, n_outputs):
    y = rng.integers(0, 4, 60 if n_outputs is None else (60, n_outputs))
    knn = KNeighborsClassifier(6, weights=weights).fit(X, y, sample_weight=rng.random(60))
    explanation = knn.explain(QUERIES)
    distances, indices = knn.kneighbors(QUERIES)

    np.testing.assert_array_equal(explanation.indices, indices)
    np.testing.assert_array_equal(explanation.distances, distances)
    np.testing.assert_array_equal(explanation.labels, y[indices])
    np.testing.assert_array_equal(explanation.prediction, knn.predict(QUERIES))
    np.testing.assert_allclose(explanation.shares.sum(axis=1), 1, rtol=1e-14)
    outputs = [knn.predict_proba(QUERIES)] if n_outputs is None else knn.predict_proba(QUERIES)
    for j, probabilities in enumerate(outputs):
        labels = explanation.labels.reshape(9, 6, -1)[:, :, j]
        for c in range(4):
            votes = np.where(labels == c, explanation.shares, 0).sum(axis=1)
            np.testing.assert_allclose(votes, probabilities[:, c], atol=1e-14)
    if n_outputs is None:
        shares = explanation.class_shares(knn.classes_)
        np.testing.assert_allclose(shares, outputs[0], atol=1e-14)


def test_class_shares_need_one_label_a_query_and_all_classes():
    labels = np.repeat([1, 3, 5], 20)
    explanation = KNeighborsClassifier(30).fit(X, labels).explain(QUERIES)
    assert explanation.class_shares(np.array([0, 1, 3, 5, 9])).shape == (9, 5)
    with pytest.raises(ValueError, match="label 1 is none of the 2 classes"):
        explanation.class_shares(np.array([3, 5]))
    of_two = KNeighborsClassifier(3).fit(X, rng.integers(0, 2, (60, 2))).explain(QUERIES)
    with pytest.raises(ValueError, match="each query has 2 labels"):
        of_two.class_shares(np.array([0, 1]))


def test_the_regressors_prediction_is_the_targets_weighted_by_shares():
    y = rng.random((60, 2))
    explanation = KNeighborsRegressor(4, weights="distance").fit(X, y).explain(QUERIES)
    expected = (explanation.labels * explanation.shares[:, :, None]).sum(axis=1)
    np.testing.assert_allclose(explanation.prediction, expected, rtol=1e-13)


def test_without_queries_every_image_is_explained_by_the_others():
    y = rng.integers(0, 4, 60)
    explanation = KNeighborsClassifier(3).fit(X, y).explain()
    assert len(explanation) == 60
    assert (explanation.indices != np.arange(60)[:, None]).all()


def test_progress_is_told_of_all_queries():
    told = []
    knn = KNeighborsClassifier(3).fit(X, rng.integers(0, 4, 60))
    knn.explain(QUERIES, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (9, 9)


def test_queries_can_be_picked():
    explanation = KNeighborsClassifier(3).fit(X, rng.integers(0, 4, 60)).explain(QUERIES)
    for pick in (4, -5, slice(4, 5), np.arange(9) == 4, [4]):
        picked = explanation[pick]
        assert len(picked) == 1
        for field in ("indices", "distances", "labels", "shares", "prediction"):
            np.testing.assert_array_equal(getattr(picked, field), getattr(explanation, field)[4:5])
    with pytest.raises(IndexError):
        explanation[9]


def test_a_long_explanation_says_how_much_it_leaves_out():
    knn = KNeighborsClassifier(25).fit(X, rng.integers(0, 4, 60))
    text = repr(knn.explain(QUERIES))
    assert text.startswith("9 predictions by 25 neighbors each\nquery 0: ")
    assert "60.0% in 15 more neighbors" in text
    assert text.endswith("... and 4 more queries")


def test_many_outputs_are_shortened():
    text = repr(KNeighborsRegressor(1).fit(X, np.ones((60, 9))).explain(QUERIES[:1]))
    assert "query 0: 1, 1, 1, 1, ... (9 outputs)" in text
