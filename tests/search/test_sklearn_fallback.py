"""What is handed over to scikit-learn: announced, the same answers, the same face."""

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import neighbors
from sklearn.metrics import DistanceMetric, pairwise_distances

from lookalike import NearestNeighbors
from lookalike.search.sklearn_fallback import SklearnFallbackWarning

RNG = np.random.default_rng(5)
ROWS, QUERIES = RNG.normal(size=(60, 7)), RNG.normal(size=(11, 7))


def chessboard(a: Any, b: Any) -> float:
    return float(np.abs(a - b).max())


OTHER_METRICS: list[dict[str, Any]] = [
    {"metric": "chebyshev"},
    {"p": 3},
    {"p": np.inf},
    {"metric": "canberra"},
    {"metric": chessboard},
    {"metric": DistanceMetric.get_metric("euclidean")},
    {"metric": "seuclidean", "metric_params": {"V": np.arange(1.0, 8.0)}},
    {"metric": "minkowski", "metric_params": {"w": np.arange(1.0, 8.0)}},
]


@pytest.mark.parametrize(
    "call",
    [
        lambda search: search.set_params(metric="chebyshev").fit(ROWS),
        lambda search: search.kneighbors(sparse.csr_array(QUERIES)),
        lambda search: search.radius_neighbors(QUERIES),
        lambda search: search.radius_neighbors_graph(QUERIES),
    ],
)
def test_the_warning_points_at_the_line_that_asked(call: Any) -> None:
    search = NearestNeighbors().fit(ROWS)
    with pytest.warns(SklearnFallbackWarning) as warned:
        call(search)
    assert [warning.filename for warning in warned] == [__file__]


def fit(rows: Any, **params: Any) -> NearestNeighbors:
    with pytest.warns(SklearnFallbackWarning, match="handed over to scikit-learn"):
        return NearestNeighbors(n_neighbors=4, **params).fit(rows)


def assert_same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("params", OTHER_METRICS)
def test_other_metrics(params: dict[str, Any]) -> None:
    theirs = neighbors.NearestNeighbors(n_neighbors=4, **params).fit(ROWS)
    ours = fit(ROWS, **params)
    assert ours.effective_metric_ == theirs.effective_metric_
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # announced once, at fit
        found = ours.kneighbors(QUERIES)
        alone = ours.kneighbors()
    assert_same(found, theirs.kneighbors(QUERIES))
    assert_same(alone, theirs.kneighbors())
    assert found[0].dtype == np.float64
    assert found[1].dtype == np.int64


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine", "manhattan"])
def test_native_metrics_are_not_handed_over(metric: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NearestNeighbors(metric=metric).fit(ROWS).kneighbors(QUERIES)


def test_precomputed() -> None:
    table, queries = pairwise_distances(ROWS), pairwise_distances(QUERIES, ROWS)
    expected = NearestNeighbors(n_neighbors=4).fit(ROWS)
    search = fit(table, metric="precomputed")
    assert_same(search.kneighbors(queries), expected.kneighbors(QUERIES))
    groups = np.arange(60) % 5
    assert_same(search.kneighbors(exclude=groups), expected.kneighbors(exclude=groups))
    for change in (lambda: search.partial_fit(queries), lambda: search.remove([0])):
        with pytest.raises(ValueError, match=r"precomputed distances; call fit"):
            change()


def test_images_with_another_metric() -> None:
    images = RNG.integers(0, 255, (30, 4, 5), dtype=np.uint8)
    search = fit(images, metric="chebyshev")
    assert search.image_shape_ == (4, 5)
    rows = images.reshape(30, 20).astype(float)
    theirs = neighbors.NearestNeighbors(n_neighbors=4, metric="chebyshev").fit(rows)
    np.testing.assert_array_equal(search.kneighbors(images)[0], theirs.kneighbors(rows)[0])


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array])
def test_sparse_rows(container: Any) -> None:
    expected = NearestNeighbors(n_neighbors=4).fit(ROWS)
    search = fit(container(ROWS))
    for queries in (QUERIES, container(QUERIES)):
        found, right = search.kneighbors(queries), expected.kneighbors(QUERIES)
        np.testing.assert_allclose(found[0], right[0])
        np.testing.assert_array_equal(found[1], right[1])
    search.partial_fit(container(QUERIES)).remove([0])
    assert search.n_samples_fit_ == 70
    assert search.kneighbors(QUERIES, 1)[1].ravel().tolist() == list(range(59, 70))


def test_sparse_queries_of_dense_rows_are_announced() -> None:
    search = NearestNeighbors(n_neighbors=4).fit(ROWS)
    with pytest.warns(SklearnFallbackWarning, match="sparse queries"):
        found = search.kneighbors(sparse.csr_array(QUERIES))
    np.testing.assert_array_equal(found[1], search.kneighbors(QUERIES)[1])
    with pytest.raises(ValueError, match="sparse rows can not be added to dense"):
        search.partial_fit(sparse.csr_array(QUERIES))


@pytest.mark.parametrize("working_memory", [256, 1e-3])
def test_groups_progress_and_memory(working_memory: float) -> None:
    """All as in the native search, whatever the size of the steps."""
    search = fit(ROWS, metric="chebyshev", working_memory=working_memory)
    query_groups, row_groups = np.arange(11) % 4, np.arange(60) % 3
    calls: list[tuple[int, int]] = []
    distances, indices = search.kneighbors(
        QUERIES, exclude=(query_groups, row_groups), progress=lambda *call: calls.append(call)
    )
    table = pairwise_distances(QUERIES, ROWS, "chebyshev")
    table[query_groups[:, None] == row_groups] = np.inf
    np.testing.assert_array_equal(indices, np.argsort(table, axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(table, axis=1)[:, :4])
    assert calls[-1] == (11, 11)
    assert (len(calls) > 1) == (working_memory < 1)


def test_many_queries_tell_their_progress_and_can_be_stopped() -> None:
    search = fit(ROWS, metric="chebyshev")
    queries = np.resize(QUERIES, (2500, 7))
    calls: list[tuple[int, int]] = []
    found = search.kneighbors(queries, progress=lambda *call: calls.append(call))
    assert calls == [(1000, 2500), (2000, 2500), (2500, 2500)]
    few = search.kneighbors(QUERIES)
    assert_same([part[:11] for part in found], few)
    assert_same([part[2497:] for part in found], [part[:3] for part in few])

    def press_ctrl_c(done: int, total: int) -> None:
        assert done == 1000
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.kneighbors(queries, progress=press_ctrl_c)


def test_n_jobs_set_after_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    search = fit(ROWS, metric="chebyshev", n_jobs=1)
    used: list[Any] = []
    for method in ("kneighbors", "radius_neighbors"):
        theirs = getattr(neighbors.NearestNeighbors, method)

        def spy(self: Any, *args: Any, theirs: Any = theirs, **kwargs: Any) -> Any:
            used.append(self.n_jobs)
            return theirs(self, *args, **kwargs)

        monkeypatch.setattr(neighbors.NearestNeighbors, method, spy)
    for n_jobs in (1, 3):
        search.set_params(n_jobs=n_jobs).kneighbors(QUERIES)
        search.radius_neighbors(QUERIES)
    assert used == [1, 1, 3, 3]


def test_radius_set_after_fit() -> None:
    search = fit(ROWS, metric="chebyshev", radius=1.5)
    before = search.radius_neighbors(QUERIES)[1]
    after = search.set_params(radius=2.0).radius_neighbors(QUERIES)[1]
    table = pairwise_distances(QUERIES, ROWS, "chebyshev")
    assert [len(found) for found in before] == (table <= 1.5).sum(axis=1).tolist()
    assert [len(found) for found in after] == (table <= 2.0).sum(axis=1).tolist()


def test_nan_where_the_metric_allows_it() -> None:
    search = fit([[0, 1], [np.nan, 2], [5, 5], [6, 6]], metric="nan_euclidean")
    assert search.kneighbors([[np.nan, 2]], 1)[1] == [[1]]


def test_growing_forgetting_and_pickling() -> None:
    search = fit(ROWS[:50], metric="chebyshev").partial_fit(ROWS[50:]).remove([3])
    expected = fit(np.delete(ROWS, 3, axis=0), metric="chebyshev").kneighbors(QUERIES)
    assert_same(search.kneighbors(QUERIES), expected)
    assert_same(pickle.loads(pickle.dumps(search)).kneighbors(QUERIES), expected)


def test_radius_queries_are_announced() -> None:
    search = NearestNeighbors(radius=2.5).fit(ROWS)
    theirs = neighbors.NearestNeighbors(radius=2.5).fit(ROWS)
    for X in (None, QUERIES):
        with pytest.warns(SklearnFallbackWarning, match="radius_neighbors"):
            distances, indices = search.radius_neighbors(X, sort_results=True)
        expected = theirs.radius_neighbors(X, sort_results=True)
        for query in range(len(indices)):
            np.testing.assert_allclose(distances[query], expected[0][query])
            np.testing.assert_array_equal(indices[query], expected[1][query])
    with pytest.warns(SklearnFallbackWarning, match="radius_neighbors_graph"):
        graph = search.radius_neighbors_graph(QUERIES, 2.0, mode="distance")
    expected = theirs.radius_neighbors_graph(QUERIES, 2.0, mode="distance")
    np.testing.assert_allclose(graph.toarray(), expected.toarray())


def test_precomputed_distances_in_a_format_that_loses_zeros() -> None:
    distances = pairwise_distances(QUERIES, ROWS)
    search = fit(pairwise_distances(ROWS), metric="precomputed")
    assert_same(search.kneighbors(sparse.coo_array(distances)), search.kneighbors(distances))
    for lossy in (sparse.dok_array, sparse.bsr_array):
        with pytest.raises(TypeError, match=r"'(dok|bsr)' are not supported .*csr.*X\.tocsr\(\)"):
            search.kneighbors(lossy(distances))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"metric": "chebyshov"}, "chebyshov"),
        ({"p": 0.5, "algorithm": "kd_tree"}, "does not support 0 < p < 1"),
        ({"metric": chessboard, "algorithm": "kd_tree"}, "callable metric"),
        ({"metric": "precomputed"}, "must be square"),
    ],
)
@pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning")
def test_scikit_learn_checks_what_it_is_handed(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NearestNeighbors(**params).fit(np.abs(ROWS))
