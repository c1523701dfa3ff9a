"""Rows that are added and removed in any order are found as if fitted at once, and no others."""

import copy
import pickle
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike import KNeighborsClassifier, NearestNeighbors
from lookalike.search import index as index_module
from lookalike.search import stages, tree
from lookalike.search.index import MOST_REMOVED


@pytest.fixture(autouse=True)
def indexed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Index few rows as many are."""
    for module in (index_module, stages):
        monkeypatch.setattr(module, "MOST_LAZY_ROWS", 0)


def assert_as_fitted(search: NearestNeighbors, rows: NDArray[Any], queries: NDArray[Any]) -> None:
    fresh = NearestNeighbors(n_neighbors=3, metric=search.metric).fit(rows)
    assert search.n_samples_fit_ == len(rows)
    np.testing.assert_array_equal(search.training_rows_, rows)
    row_groups = np.arange(len(rows)) % 3
    calls: list[tuple[Any, Any]] = [
        (queries, None),
        (None, None),
        (None, np.arange(len(rows)) % 4),
        (queries, (np.arange(len(queries)) % 5, row_groups)),
    ]
    for X, exclude in calls:
        found = search.kneighbors(X, 3, exclude=exclude)
        for got, wanted in zip(found, fresh.kneighbors(X, 3, exclude=exclude), strict=True):
            np.testing.assert_array_equal(got, wanted)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_order_of_changes_equals_one_fit(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype = data.draw(st.sampled_from(["uint8", "float32", "float64"]))
    metric = data.draw(st.sampled_from(["euclidean", "cosine", "manhattan"]))
    width = data.draw(st.sampled_from([3, 20]))

    def more(n: int) -> NDArray[Any]:
        return rng.integers(0, 8, (n, width)).astype(dtype)

    rows, queries = more(700), more(10)
    search = NearestNeighbors(n_neighbors=3, metric=metric).fit(rows)
    with patch.object(index_module, "MOST_REMOVED", 9):
        for _ in range(data.draw(st.integers(1, 6))):
            if data.draw(st.booleans()):
                added = more(data.draw(st.sampled_from([1, 2, 40])))
                search.partial_fit(added)
                rows = np.concatenate([rows, added])
            else:
                ids = rng.choice(len(rows), data.draw(st.sampled_from([1, 2, 30])), replace=False)
                search.remove(ids)
                rows = np.delete(rows, ids, axis=0)
    assert_as_fitted(search, rows, queries)


@pytest.fixture
def rows() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 99, (800, 30), np.uint8)


def test_a_row_is_removed_without_another_index(rows: NDArray[Any]) -> None:
    search = NearestNeighbors(n_neighbors=3).fit(rows)
    index = search._searcher._indexes[rows.dtype]
    removed: list[int] = []
    for id_ in range(MOST_REMOVED):
        search.remove([id_])
        removed.append(2 * id_)  # the numbers of the others fall
        assert search._searcher._indexes[rows.dtype] is index
    left = np.delete(rows, removed, axis=0)
    assert_as_fitted(search, left, rows[:20])
    search.remove([0])
    assert search._searcher._indexes[rows.dtype] is not index
    assert_as_fitted(search, left[1:], rows[:20])


def test_removed_rows_are_in_no_pickle(rows: NDArray[Any]) -> None:
    secret = np.arange(70, 100, dtype=np.uint8)
    rows[5] = secret
    search = NearestNeighbors(n_neighbors=3).fit(rows)
    assert secret.tobytes() in pickle.dumps(search)
    search.remove([5])
    assert secret.tobytes() not in pickle.dumps(search)
    assert_as_fitted(pickle.loads(pickle.dumps(search)), np.delete(rows, 5, axis=0), rows[:9])


def test_copies_of_a_search_change_apart(rows: NDArray[Any]) -> None:
    search = NearestNeighbors(n_neighbors=3).fit(rows[:600]).partial_fit(rows[600:700])
    one, other = copy.copy(search), copy.copy(search)
    one.partial_fit(rows[700:750])
    other.partial_fit(rows[750:800]).remove([0, 3])
    assert_as_fitted(one, rows[:750], rows[:9])
    assert_as_fitted(
        other, np.delete(np.concatenate([rows[:700], rows[750:]]), [0, 3], axis=0), rows[:9]
    )
    assert_as_fitted(search, rows[:700], rows[:9])


def test_rows_are_appended_in_place(rows: NDArray[Any]) -> None:
    search = NearestNeighbors().fit(rows[:500])
    search.partial_fit(rows[500:501])
    first = search.training_rows_
    search.partial_fit(rows[501:600])
    assert np.shares_memory(first, search.training_rows_)
    assert_as_fitted(search.set_params(n_neighbors=3), rows[:600], rows[:9])


def test_images_of_rows_that_follow_removed_ones(rows: NDArray[Any]) -> None:
    images = rows.reshape(-1, 5, 6)
    knn = KNeighborsClassifier(2).fit(images, np.arange(800) % 3).remove([0, 7, 8, 799])
    left = np.delete(images, [0, 7, 8, 799], axis=0)
    for which in (0, -1, [5, 6, 7], np.array([795, 0]), slice(None), slice(3, 20, 4)):
        np.testing.assert_array_equal(
            knn.training_images(which).reshape(-1, 5, 6), left[which].reshape(-1, 5, 6)
        )
    np.testing.assert_array_equal(knn.explain(left[:1]).indices[0, 0], 0)


def test_a_tree_keeps_removed_rows() -> None:
    rows = np.random.default_rng(0).integers(0, 9, (500, 2), np.uint8)
    search = NearestNeighbors(n_neighbors=3).fit(rows)
    grown = search._searcher._tree
    assert grown is not None
    search.remove([4])
    assert search._searcher._tree is grown
    assert_as_fitted(search, np.delete(rows, 4, axis=0), rows[:9])


def test_a_tree_grows_anew_with_the_queries() -> None:
    rows = np.random.default_rng(0).integers(0, 9, (500, 2), np.uint8)
    search = NearestNeighbors(n_neighbors=3).fit(rows[:-1]).partial_fit(rows[-1:])
    search.kneighbors(rows[:1])
    assert search._searcher._tree is None
    assert_as_fitted(search, rows, rows[:9])
    search.kneighbors(rows[: tree.QUERIES_OF_A_SPLIT])
    assert search._searcher._tree is not None
    assert_as_fitted(search, rows, rows[:9])
