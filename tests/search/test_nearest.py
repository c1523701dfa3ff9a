"""What `NearestNeighbors` promises beside exact answers: its methods, state and threads."""

import _thread
import copy
import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn import neighbors
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from lookalike import NearestNeighbors
from lookalike.search import index as index_module
from lookalike.search import stages
from lookalike.search.index import ExactIndex


@pytest.fixture(scope="module")
def images() -> Any:
    return load_digits().images.astype(np.uint8)


@pytest.fixture
def search(images: Any) -> NearestNeighbors:
    return NearestNeighbors().fit(images[:1000])


def assert_same(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine", "manhattan"])
def test_agrees_with_scikit_learn(images: Any, metric: str) -> None:
    rows, queries = images[:1000].reshape(1000, -1), images[1000:].reshape(797, -1)
    theirs = neighbors.NearestNeighbors(metric=metric, algorithm="brute").fit(rows.astype(float))
    ours = NearestNeighbors(metric=metric).fit(rows)
    expected, _ = theirs.kneighbors(queries.astype(float))
    distances, indices = ours.kneighbors(queries)
    np.testing.assert_allclose(distances, expected, rtol=1e-9, atol=1e-12)
    # Rows at the same distance may stand in another order there: compare by distance.
    all_distances = neighbors.NearestNeighbors(metric=metric, n_neighbors=1000).fit(rows)
    far, order = all_distances.kneighbors(queries[:20].astype(float))
    table = np.take_along_axis(far, np.argsort(order, axis=1), axis=1)
    np.testing.assert_allclose(
        np.take_along_axis(table, indices[:20], axis=1), distances[:20], rtol=1e-9, atol=1e-12
    )


def test_parameters_and_their_defaults_are_scikit_learns() -> None:
    theirs = neighbors.NearestNeighbors().get_params()
    ours = NearestNeighbors().get_params()
    assert ours.items() >= theirs.items()
    assert set(ours) - set(theirs) == {"working_memory", "augmentation", "image_shape"}


@pytest.mark.parametrize(
    ("params", "effective"),
    [
        ({}, "euclidean"),
        ({"metric": "l2"}, "euclidean"),
        ({"metric": "euclidean", "p": 1}, "euclidean"),
        ({"p": 1}, "manhattan"),
        ({"p": 2.0}, "euclidean"),
        ({"metric": "l1"}, "manhattan"),
        ({"metric": "cityblock"}, "manhattan"),
    ],
)
def test_names_of_metrics(params: dict[str, Any], effective: str) -> None:
    search = NearestNeighbors(n_neighbors=1, **params).fit([[0, 0], [3, 4]])
    assert search.effective_metric_ == effective
    expected = {"euclidean": 5.0, "manhattan": 7.0}[effective]
    assert search.kneighbors()[0].tolist() == [[expected], [expected]]


@pytest.mark.parametrize("algorithm", ["ball_tree", "kd_tree", "brute"])
def test_algorithm_changes_nothing(search: NearestNeighbors, images: Any, algorithm: str) -> None:
    other = NearestNeighbors(algorithm=algorithm, leaf_size=3).fit(images[:1000])
    assert_same(other.kneighbors(images[1000:]), search.kneighbors(images[1000:]))


def test_images_and_flat_rows_are_the_same_data(search: NearestNeighbors, images: Any) -> None:
    assert search.image_shape_ == (8, 8)
    assert search.n_features_in_ == 64
    assert search.n_samples_fit_ == 1000
    flat = images.reshape(len(images), -1)
    of_rows = NearestNeighbors().fit(flat[:1000])
    assert of_rows.image_shape_ is None
    expected = search.kneighbors(images[1000:])
    assert_same(search.kneighbors(flat[1000:]), expected)
    assert_same(of_rows.kneighbors(images[1000:]), expected)
    coloured = np.repeat(images[:20, :, :, None], 3, axis=3)
    assert NearestNeighbors().fit(coloured).image_shape_ == (8, 8, 3)


def test_rows_of_native_dtype_are_not_copied(images: Any) -> None:
    search = NearestNeighbors().fit(images)
    assert np.shares_memory(search._searcher.rows, images)


def test_refitting_forgets_what_was_fitted(search: NearestNeighbors) -> None:
    search.fit(pd.DataFrame({"a": [0, 1], "b": [0, 2]}))
    assert list(search.feature_names_in_) == ["a", "b"]
    search.fit([[0.0], [1.0], [4.0]])
    assert not hasattr(search, "feature_names_in_")
    assert (search.n_features_in_, search.n_samples_fit_, search.image_shape_) == (1, 3, None)
    assert search.kneighbors([[3.0]], 1)[1] == [[2]]


def test_return_distance_and_n_neighbors(search: NearestNeighbors, images: Any) -> None:
    distances, indices = search.kneighbors(images[1000:1003], 2)
    assert distances.shape == indices.shape == (3, 2)
    only = search.kneighbors(images[1000:1003], n_neighbors=2, return_distance=False)
    np.testing.assert_array_equal(only, indices)
    assert search.kneighbors(images[1000:1003])[0].shape == (3, 5)


def test_duplicates_tie_to_the_lower_index() -> None:
    search = NearestNeighbors(n_neighbors=1).fit(np.ones((3, 1)))
    distances, indices = search.kneighbors()
    assert distances.tolist() == [[0], [0], [0]]
    assert indices.tolist() == [[1], [0], [0]]
    graph = search.kneighbors_graph(mode="distance")
    assert graph.data.tolist() == [0, 0, 0]
    assert graph.indices.tolist() == [1, 0, 0]


@pytest.mark.parametrize("mode", ["connectivity", "distance"])
def test_graph_is_scikit_learns(mode: str) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 4))
    theirs = neighbors.NearestNeighbors(n_neighbors=3).fit(rows)
    ours = NearestNeighbors(n_neighbors=3).fit(rows)
    for X in (None, rows[:7]):
        expected = theirs.kneighbors_graph(X, mode=mode)
        graph = ours.kneighbors_graph(X, mode=mode)
        assert issparse(graph)
        assert type(graph) is type(expected)
        np.testing.assert_allclose(graph.toarray(), expected.toarray(), rtol=1e-9)


def test_unfitted() -> None:
    search = NearestNeighbors()
    for call in (search.kneighbors, search.kneighbors_graph, search.radius_neighbors):
        with pytest.raises(NotFittedError):
            call([[0]])
    with pytest.raises(NotFittedError):
        search.remove([0])


class TestExclude:
    def test_labels_of_any_kind_mean_the_same(self, images: Any) -> None:
        search = NearestNeighbors(n_neighbors=3).fit(images[:60])
        codes = np.arange(60) % 7
        expected = search.kneighbors(exclude=codes)
        assert not (codes[expected[1]] == codes[:, None]).any()
        strings = np.array([f"fold {c}" for c in codes])
        tuples = [(int(c), None) for c in codes]
        mixed = [None if c == 0 else "a" if c == 1 else int(c) for c in codes]
        for labels in (strings, tuples, mixed, pd.Series(strings), codes.astype(np.uint8)):
            assert_same(search.kneighbors(exclude=labels), expected)

    def test_labels_are_matched_between_queries_and_rows(self) -> None:
        search = NearestNeighbors(n_neighbors=1).fit([[0], [1], [5]])
        pair = (["b", "z"], ["a", "b", "b"])
        assert search.kneighbors([[4], [4]], exclude=pair)[1].tolist() == [[0], [2]]

    def test_leave_one_out_keeps_a_group_from_itself(self) -> None:
        search = NearestNeighbors(n_neighbors=1).fit([[0], [1], [5]])
        assert search.kneighbors(exclude=["a", "a", "b"])[1].tolist() == [[2], [2], [1]]

    def test_too_few_rows_remain(self) -> None:
        search = NearestNeighbors(n_neighbors=2).fit([[0], [1], [5]])
        with pytest.raises(ValueError, match=r"n_neighbors=2 but for query 0 only 1 of 3 rows"):
            search.kneighbors(exclude=["a", "a", "b"])
        with pytest.raises(ValueError, match=r"query 1 only 0 of 3 .* 1 of 2 queries.*lower"):
            search.kneighbors([[0], [0]], exclude=([1, 2], [2, 2, 2]))

    @pytest.mark.parametrize(
        ("X", "exclude", "error", "message"),
        [
            (None, [0, 1], ValueError, "2 group labels for 3 rows"),
            (None, "abc", TypeError, "one group label per row"),
            (None, 3, TypeError, "one group label per row"),
            (None, [[], [], []], TypeError, "hashable"),
            (None, np.zeros((3, 1)), ValueError, r"shape \(3, 1\)"),
            ([[0]], [0, 1, 2], TypeError, "pair"),
            ([[0]], ([0, 1], [0, 1, 2]), ValueError, "2 group labels for 1 queries"),
            ([[0]], ([0], [0]), ValueError, "1 group labels for 3 rows"),
            (
                None,
                [1.0, np.nan, np.nan],
                ValueError,
                "group label nan.*fill missing labels",
            ),
            (None, np.array([1, np.nan, np.nan]), ValueError, "fill missing"),
            (None, pd.Series(["a", None, None], dtype="string"), ValueError, "<NA>"),
            (None, pd.to_datetime(["2020", None, None]), ValueError, "NaT"),
            (None, [("a", 1), ("a", np.nan), ("a", np.nan)], ValueError, "nan"),
            ([[0]], ([np.nan], [0, 1, 2]), ValueError, "nan"),
        ],
    )
    def test_bad_groups(self, X: Any, exclude: Any, error: type, message: str) -> None:
        search = NearestNeighbors(n_neighbors=1).fit([[0], [1], [5]])
        with pytest.raises(error, match=message):
            search.kneighbors(X, exclude=exclude)


class TestGrowingAndForgetting:
    def test_partial_fit_of_another_dtype_changes_no_value(self) -> None:
        search = NearestNeighbors(n_neighbors=1).partial_fit(np.array([[200]], np.uint8))
        search.partial_fit(np.array([[-100]], np.int8)).partial_fit([[0.1]])
        search.partial_fit(np.array([[7]], np.int64))
        assert search.n_samples_fit_ == 4
        distances, indices = search.kneighbors([[0.1], [-100], [200], [7]])
        assert indices.ravel().tolist() == [2, 1, 0, 3]
        assert distances.ravel().tolist() == [0, 0, 0, 0]

    def test_rows_added_bit_by_bit_are_filtered_as_if_fitted_at_once(self, images: Any) -> None:
        builds: list[int] = []

        def build(rows: Any, *args: Any, **kwargs: Any) -> Any:
            builds.append(len(rows))
            return ExactIndex(rows, *args, **kwargs)

        search = NearestNeighbors()
        with (
            patch.object(index_module, "ExactIndex", build),
            patch.object(index_module, "MOST_LAZY_ROWS", 0),
            patch.object(stages, "MOST_LAZY_ROWS", 0),
        ):
            for start in range(0, 1600, 50):
                search.partial_fit(images[start : start + 50])
        assert builds == [50, 150, 350, 750, 1550]
        grown, at_once = (
            index.nbytes
            for index in (
                search._searcher._indexes[np.dtype(np.uint8)],
                ExactIndex(images[:1600].reshape(1600, -1)),
            )
        )
        # The filter takes some bytes a row; the index over the first 50 rows needed none.
        assert grown > at_once / 2 > 1600 * 4

    def test_a_failed_change_leaves_the_old_state_whole(self, images: Any) -> None:
        search = NearestNeighbors().fit(images[:100])
        before, expected = vars(search).copy(), search.kneighbors(images[100:200])
        failures = [
            lambda: search.fit([["a"]]),
            lambda: search.fit(pd.DataFrame({"a": [np.nan]})),
            lambda: search.fit([[2**60]]),
            lambda: search.partial_fit(np.zeros((2, 63))),
            lambda: search.partial_fit(np.full((1, 64), np.inf)),
            lambda: search.partial_fit(np.zeros((1, 4, 16), np.uint8)),
            lambda: search.remove([3, 100]),
        ]
        for change in failures:
            with pytest.raises(ValueError):  # noqa: PT011  (test_validation.py tells them apart)
                change()
            assert vars(search) == before
        assert_same(search.kneighbors(images[100:200]), expected)

    def test_an_append_that_fails_leaves_the_old_state_whole(
        self, images: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        search = NearestNeighbors().fit(images[:100])
        expected = search.kneighbors(images[100:200])

        def append(self: Any, rows: Any, *, n_threads: int) -> None:
            raise MemoryError

        with monkeypatch.context() as patch:
            patch.setattr(index_module.ExactIndex, "append", append)
            with pytest.raises(MemoryError):
                search.partial_fit(images[200:210])
        assert search.n_samples_fit_ == 100
        assert_same(search.kneighbors(images[100:200]), expected)

    @pytest.mark.parametrize(
        ("ids", "error", "message"),
        [
            ([3], ValueError, r"id 3 is not a row: rows are numbered 0 to 2"),
            ([-1], ValueError, "id -1 is not a row"),
            ([1, 0, 1], ValueError, "id 1 is given more than once"),
            ([0, 1, 2], ValueError, "all 3 rows would be removed"),
            ([0.0], TypeError, "row numbers"),
            ([True, False, False], TypeError, "flatnonzero"),
            ([[0]], TypeError, r"shape \(1, 1\)"),
        ],
    )
    def test_bad_ids(self, ids: Any, error: type, message: str) -> None:
        search = NearestNeighbors(n_neighbors=1).fit([[0], [1], [5]])
        with pytest.raises(error, match=message):
            search.remove(ids)
        assert search.n_samples_fit_ == 3
        assert search.kneighbors([[5]])[1] == [[2]]

    def test_removing_one_or_none(self) -> None:
        search = NearestNeighbors(n_neighbors=1).fit([[0], [1], [5]])
        assert search.remove([]).n_samples_fit_ == 3
        assert search.remove(0).kneighbors([[0]])[1] == [[0]]
        assert search.n_samples_fit_ == 2


class TestStateInThreadsAndProcesses:
    def test_copies_answer_the_same(self, search: NearestNeighbors, images: Any) -> None:
        expected = search.kneighbors(images[1000:1010])
        for other in (pickle.loads(pickle.dumps(search)), copy.deepcopy(search)):
            assert_same(other.kneighbors(images[1000:1010]), expected)
            other.remove([0]).partial_fit(images[:1])
        assert_same(search.kneighbors(images[1000:1010]), expected)

    def test_a_pickle_holds_the_rows_once(self, search: NearestNeighbors) -> None:
        search.kneighbors(np.full((1, 64), 0.5))
        assert len(pickle.dumps(search)) < 1000 * 64 + 5000

    def test_clone_is_unfitted(self, search: NearestNeighbors) -> None:
        with pytest.raises(NotFittedError):
            clone(search).kneighbors()

    @pytest.mark.parametrize("unpickled", [False, True])
    def test_threads_search_at_once(
        self, search: NearestNeighbors, images: Any, unpickled: bool
    ) -> None:
        queries = images[1000:1200]
        expected = search.kneighbors(queries)
        shared = pickle.loads(pickle.dumps(search)) if unpickled else search
        with ThreadPoolExecutor(8) as pool:
            for found in pool.map(shared.kneighbors, [queries] * 32):
                assert_same(found, expected)

    def test_a_search_under_way_keeps_its_index(
        self, search: NearestNeighbors, images: Any
    ) -> None:
        queries, native_query = images[1000:1100], ExactIndex.query
        expected = search.kneighbors(queries)
        searched: list[ExactIndex] = []

        def query(index: ExactIndex, *args: Any, **kwargs: Any) -> Any:
            """Search only after another thread has added rows and forgotten some."""
            searched.append(index)
            if len(searched) == 1:
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(search.partial_fit, queries).result(60)
                    pool.submit(search.remove, range(500)).result(60)
            assert len(index.rows) == 1000 if len(searched) == 1 else 600
            return native_query(index, *args, **kwargs)

        with patch.object(ExactIndex, "query", query):
            assert_same(search.kneighbors(queries), expected)
            distances, indices = search.kneighbors(queries, 1)
        assert not distances.any()
        np.testing.assert_array_equal(indices.ravel(), np.arange(500, 600))
        assert searched[0] is not searched[1]
        # Nothing searches any more, so the next rows go into the index that is there.
        search.partial_fit(images[:10])
        assert search._searcher._indexes[np.dtype(np.uint8)] is searched[1]
        assert not index_module._searches

    def test_rows_are_added_while_threads_search(self, images: Any) -> None:
        queries = images[1000:1200]
        fitted = {n: NearestNeighbors().fit(images[:n]) for n in range(600, 1000, 20)}
        answers = {n: search.kneighbors(queries) for n, search in fitted.items()}
        shared = NearestNeighbors().fit(images[:600])
        done = threading.Event()

        def search_on() -> int:
            found = 0
            while not done.is_set() or not found:
                distances, indices = shared.kneighbors(queries)
                assert any(
                    np.array_equal(distances, expected[0]) and np.array_equal(indices, expected[1])
                    for expected in answers.values()
                )
                assert shared.kneighbors_graph(queries[:1]).shape[1] in answers
                found += 1
            return found

        with ThreadPoolExecutor(3) as pool:
            searches = [pool.submit(search_on) for _ in range(3)]
            for n in range(600, 980, 20):
                shared.partial_fit(images[n : n + 20])
            done.set()
            assert all(search.result(60) for search in searches)
        assert_same(shared.kneighbors(queries), answers[980])

    @pytest.mark.skipif(
        "fork" not in multiprocessing.get_all_start_methods(), reason="this system can not fork"
    )
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_searches(self, search: NearestNeighbors, images: Any) -> None:
        expected = search.kneighbors(images[1000:1010])
        with (
            index_module._building,  # as if another thread were building an index right now
            multiprocessing.get_context("fork").Pool(2) as pool,
        ):
            results = pool.map_async(search.kneighbors, [images[1000:1010]] * 4)
            fresh = pool.apply_async(_fit_and_search, (images,))
            for found in results.get(60):
                assert_same(found, expected)
            assert_same(fresh.get(60), expected)


@pytest.mark.slow("searches 60,000 rows")
def test_ctrl_c_ends_a_long_search_within_a_second() -> None:
    # Noise without structure, which no bound can skip: the whole search takes far longer.
    rows = np.random.default_rng(0).integers(0, 255, (60_000, 256), dtype=np.uint8)
    search = NearestNeighbors(n_neighbors=50).fit(rows)
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.monotonic())
        _thread.interrupt_main()

    timer = threading.Timer(0.5, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        search.kneighbors()
    assert time.monotonic() - pressed[0] < 1
    assert search.kneighbors(rows[7:8], 1)[1] == [[7]]


def _fit_and_search(images: Any) -> Any:
    return NearestNeighbors().fit(images[:1000]).kneighbors(images[1000:1010])


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 5, -1, -2, -100])
def test_n_jobs(search: NearestNeighbors, images: Any, n_jobs: int | None) -> None:
    expected = search.kneighbors(images[1000:])
    other = NearestNeighbors(n_jobs=n_jobs).fit(images[:1000])
    assert_same(other.kneighbors(images[1000:]), expected)


def test_progress(search: NearestNeighbors, images: Any) -> None:
    calls: list[tuple[int, int]] = []
    search.kneighbors(images[1000:], progress=lambda *call: calls.append(call))
    done = [d for d, _ in calls]
    assert calls[-1] == (797, 797)
    assert done == sorted(set(done))
    assert {total for _, total in calls} == {797}


def test_an_exception_in_progress_ends_the_search(search: NearestNeighbors, images: Any) -> None:
    class Enough(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        search.kneighbors(images[1000:], progress=stop)
    assert search.kneighbors(images[:1], 1)[1] == [[0]]


class Tensor:
    """What a CPU tensor shows of itself: a shape and the array protocol."""

    def __init__(self, array: Any) -> None:
        self._array, self.shape, self.ndim = array, array.shape, array.ndim

    def __len__(self) -> int:
        return len(self._array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self._array, dtype=dtype)


def test_frames_and_tensors(search: NearestNeighbors, images: Any) -> None:
    expected = search.kneighbors(images[1000:1010])
    assert_same(search.kneighbors(Tensor(images[1000:1010])), expected)
    assert NearestNeighbors().fit(Tensor(images)).image_shape_ == (8, 8)
    frame = pd.DataFrame(images.reshape(-1, 64)).add_prefix("pixel")
    framed = NearestNeighbors().fit(frame[:1000])
    assert framed._searcher.rows.dtype == np.uint8
    assert_same(framed.kneighbors(frame[1000:1010]), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        framed.kneighbors(frame[1000:1010].add_prefix("x"))
