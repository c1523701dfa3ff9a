"""The main job: MNIST's test images, classified as scikit-learn classifies them."""

import numpy as np
import pytest
from sklearn import neighbors

from lookalike import KNeighborsClassifier, load_dataset

pytestmark = [pytest.mark.mnist, pytest.mark.slow("searches MNIST")]

PARAMS = {"n_neighbors": 4, "weights": "distance"}


@pytest.fixture(scope="module")
def mnist():
    data = load_dataset("mnist")
    return data.train.images, data.train.labels, data.test.images, data.test.labels


@pytest.fixture(scope="module")
def knn(mnist):
    return KNeighborsClassifier(**PARAMS).fit(*mnist[:2])


def assert_equal_but_for_ties(ours, theirs, distances):
    """Where the fourth and the fifth image are equally distant either may vote."""
    different = ours != theirs
    assert (distances[different, 3] == distances[different, 4]).all()


def test_accuracy(mnist, knn):
    assert knn.score(*mnist[2:]) == 0.9714


def test_predictions_differ_from_scikit_learns_only_by_equal_distances(mnist, knn):
    train, labels, test, _ = mnist
    rows, queries = train.reshape(len(train), -1), test.reshape(len(test), -1)
    theirs = neighbors.KNeighborsClassifier(**PARAMS, algorithm="brute", n_jobs=-1)
    theirs.fit(rows.astype(np.float32), labels)
    expected = theirs.predict(queries.astype(np.float32))
    assert_equal_but_for_ties(knn.predict(test), expected, knn.kneighbors(test, 5)[0])


def test_leave_one_out_of_a_part_is_scikit_learns(mnist):
    rows, labels = mnist[0][:3000].reshape(3000, -1), mnist[1][:3000]
    ours = KNeighborsClassifier(**PARAMS).fit(rows, labels)
    theirs = neighbors.KNeighborsClassifier(**PARAMS, algorithm="brute").fit(
        rows.astype(float), labels
    )
    distances, _ = ours.kneighbors(n_neighbors=5)
    assert_equal_but_for_ties(ours.predict(None), theirs.predict(None), distances)
