"""Predictions equal scikit-learn's on the same data, where no two rows are equally distant."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix, csr_matrix, dok_matrix
from sklearn import neighbors
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances

from lookalike import KNeighborsClassifier, KNeighborsRegressor, Softmax

rng = np.random.default_rng(7)
# Continuous values, so that no two training rows are equally far from a query.
X = rng.normal(size=(300, 20))
QUERIES = np.concatenate([rng.normal(size=(60, 20)), X[:10]])  # some at distance zero
LABELS = {
    "integers": rng.integers(-3, 4, 300),
    "bytes": rng.integers(0, 5, 300).astype(np.uint8),
    "strings": rng.choice(["ant", "bee", "caterpillar"], 300),
    "objects": rng.choice(["ant", "bee", "caterpillar"], 300).astype(object),
    "booleans": rng.random(300) < 0.4,
    "floats": rng.integers(0, 3, 300).astype(float),
    "several": rng.integers(0, 4, (300, 3)),
    "several strings": rng.choice(["x", "yy", "zzz"], (300, 2)),
    "indicators": rng.integers(0, 2, (300, 4)),
}


def gaussian(distances):
    return np.exp(-(distances**2) / 10)


WEIGHTS = [None, "uniform", "distance", gaussian, Softmax(0.5)]


def both(ours, theirs, *args, **params):
    # scikit-learn's trees sum squared differences; its brute force rounds small distances away.
    params = {"algorithm": "kd_tree", **params}
    return ours(**params).fit(*args), theirs(**params).fit(*args)


def assert_same(ours, theirs, **tolerance):
    if isinstance(theirs, list):
        assert isinstance(ours, list)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b, **tolerance)
    elif tolerance:
        np.testing.assert_allclose(ours, theirs, **tolerance)
    else:
        np.testing.assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("labels", LABELS)
def test_classifier(labels, weights):
    y = LABELS[labels]
    ours, theirs = both(
        KNeighborsClassifier,
        neighbors.KNeighborsClassifier,
        X,
        y,
        n_neighbors=7,
        weights=weights,
    )
    assert_same(ours.classes_, theirs.classes_)
    for queries in (QUERIES, None):
        assert_same(
            ours.predict_proba(queries), theirs.predict_proba(queries), rtol=1e-12, atol=1e-12
        )
        assert_same(ours.predict(queries), theirs.predict(queries))
    if y.ndim == 1:
        assert ours.score(None, y) == theirs.score(None, y)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine", "manhattan"])
def test_classifier_with_each_native_metric(metric):
    ours, theirs = both(
        KNeighborsClassifier,
        neighbors.KNeighborsClassifier,
        X,
        LABELS["strings"],
        metric=metric,
        algorithm="auto",
        weights=gaussian,
    )
    assert_same(ours.predict_proba(QUERIES), theirs.predict_proba(QUERIES), atol=1e-9)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("shape", [(300,), (300, 1), (300, 5)])
def test_regressor(shape, weights):
    y = rng.normal(size=shape)
    ours, theirs = both(
        KNeighborsRegressor, neighbors.KNeighborsRegressor, X, y, n_neighbors=7, weights=weights
    )
    for queries in (QUERIES, None):
        assert_same(ours.predict(queries), theirs.predict(queries), rtol=1e-11, atol=1e-12)
    assert ours.score(QUERIES, y[:70]) == pytest.approx(theirs.score(QUERIES, y[:70]), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 40),
    d=st.integers(1, 8),
    n_classes=st.integers(1, 6),
    weights=st.sampled_from(WEIGHTS),
    data=st.data(),
)
def test_both_on_any_data(seed, n, d, n_classes, weights, data):
    local = np.random.default_rng(seed)
    rows, y = local.normal(size=(n, d)), local.integers(0, n_classes, n)
    queries = local.normal(size=(5, d))
    k = data.draw(st.integers(1, n))
    params = {"n_neighbors": k, "weights": weights}
    ours, theirs = both(KNeighborsClassifier, neighbors.KNeighborsClassifier, rows, y, **params)
    assert_same(ours.predict_proba(queries), theirs.predict_proba(queries), atol=1e-9)
    ours, theirs = both(KNeighborsRegressor, neighbors.KNeighborsRegressor, rows, y, **params)
    assert_same(ours.predict(queries), theirs.predict(queries), atol=1e-9)


def test_digits_as_images_and_as_bytes():
    digits = load_digits()
    train, test = slice(0, 1400), slice(1400, None)
    theirs = neighbors.KNeighborsClassifier(4, weights="distance", algorithm="brute")
    expected = theirs.fit(digits.data[train], digits.target[train]).predict(digits.data[test])
    for images in (digits.images, digits.images.astype(np.uint8), digits.data):
        ours = KNeighborsClassifier(4, weights="distance")
        ours.fit(images[train], digits.target[train])
        np.testing.assert_array_equal(ours.predict(images[test]), expected)


def test_graph_is_scikit_learns():
    ours, theirs = both(KNeighborsClassifier, neighbors.KNeighborsClassifier, X, LABELS["integers"])
    for mode in ("connectivity", "distance"):
        a = ours.kneighbors_graph(QUERIES, mode=mode)
        b = theirs.kneighbors_graph(QUERIES, mode=mode)
        np.testing.assert_allclose(a.toarray(), b.toarray(), atol=1e-6)


@pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning")
@pytest.mark.parametrize("rows", [csr_matrix, csc_matrix, dok_matrix, np.asarray])
@pytest.mark.parametrize("queries", [csr_matrix, csc_matrix, dok_matrix, np.asarray])
def test_sparse_rows(rows, queries):
    y = rng.normal(size=300)
    expected = KNeighborsRegressor().fit(X, y).predict(QUERIES)
    knn = KNeighborsRegressor().fit(rows(X), y)
    np.testing.assert_allclose(knn.predict(queries(QUERIES)), expected)


@pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning")
def test_precomputed_distances():
    y = rng.normal(size=300)
    expected = KNeighborsRegressor().fit(X, y).predict(QUERIES)
    knn = KNeighborsRegressor(metric="precomputed").fit(pairwise_distances(X), y)
    np.testing.assert_allclose(knn.predict(pairwise_distances(QUERIES, X)), expected)
