"""What the regressor adds to scikit-learn's."""

import numpy as np
import pytest

from lookalike import KNeighborsRegressor

rng = np.random.default_rng(4)
X = rng.normal(size=(80, 5))
QUERIES = rng.normal(size=(12, 5))


@pytest.mark.parametrize("shape", [(80,), (80, 3)])
def test_sample_weights_are_those_of_the_average(shape):
    y, weights = rng.normal(size=shape), rng.random(80)
    knn = KNeighborsRegressor(6, weights="distance").fit(X, y, weights)
    distances, indices = knn.kneighbors(QUERIES)
    expected = [
        np.average(y[row], axis=0, weights=weights[row] / d)
        for d, row in zip(distances, indices, strict=True)
    ]
    np.testing.assert_allclose(knn.predict(QUERIES), expected, rtol=1e-12)


def test_an_image_as_target():
    clean = rng.integers(0, 256, (80, 784), dtype=np.uint8)
    knn = KNeighborsRegressor(3).fit(X, clean)
    expected = clean[knn.kneighbors(QUERIES, return_distance=False)].mean(axis=1)
    np.testing.assert_allclose(knn.predict(QUERIES), expected, rtol=1e-14)


@pytest.mark.parametrize("shape", [(80,), (80, 3)])
def test_partial_fit_and_remove_are_a_fit_on_the_rows_that_remain(shape):
    y, weights = rng.normal(size=shape), rng.random(80)
    knn = KNeighborsRegressor(3)
    for rows in np.array_split(np.arange(80), 3):
        knn.partial_fit(X[rows], y[rows], weights[rows])
    knn.remove([0, 41, 79])
    kept = np.delete(np.arange(80), [0, 41, 79])
    expected = KNeighborsRegressor(3).fit(X[kept], y[kept], weights[kept])
    np.testing.assert_array_equal(knn.predict(QUERIES), expected.predict(QUERIES))


def test_numbers_as_objects_are_numbers():
    y = np.arange(80).astype(object)
    np.testing.assert_array_equal(
        KNeighborsRegressor().fit(X, y).predict(QUERIES),
        KNeighborsRegressor().fit(X, np.arange(80)).predict(QUERIES),
    )


@pytest.mark.slow("averages 10,000 images")
def test_ten_thousand_images_as_answers_take_seconds():
    y = rng.integers(0, 256, (500, 784), dtype=np.uint8)
    averages = KNeighborsRegressor().fit(rng.random((500, 4)), y).predict(rng.random((10_000, 4)))
    assert averages.shape == (10_000, 784)
