"""A tree's neighbours are the reference's and, bit for bit, those of the native index."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reference.neighbors import assert_nearest, distances, exclude

from lookalike import NearestNeighbors
from lookalike.search import tree as tree_module
from lookalike.search.index import ExactIndex, IndexedRows
from lookalike.search.tree import ALWAYS_FASTER, METRICS, MOST_VALUES, TreeIndex

DTYPES = ("uint8", "int8", "int16", "float32", "float64")
KINDS = ("any", "grid", "far", "constant", "large beside small", "copies")


def points(rng: np.random.Generator, kind: str, dtype: str, shape: tuple[int, int]) -> NDArray[Any]:
    """Rows that are hard for a tree in one way."""
    if dtype in ("uint8", "int8", "int16"):
        info = np.iinfo(dtype)
        if kind in ("grid", "copies"):
            return rng.integers(0, 3, shape).astype(dtype)
        if kind == "constant":
            return np.full(shape, info.max, dtype)
        return rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)
    made = {
        "any": lambda: rng.normal(size=shape),
        "grid": lambda: rng.integers(0, 3, shape) / 10,
        "far": lambda: rng.normal(size=shape) + 1e6,
        "constant": lambda: np.full(shape, 0.1),
        "large beside small": lambda: 10.0 ** rng.integers(-18, 18, shape),
        "copies": lambda: rng.normal(size=(5, shape[1]))[rng.integers(0, 5, shape[0])],
    }[kind]()
    return made.astype(dtype)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_neighbours_are_those_of_the_reference_and_of_the_native_index(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype = data.draw(st.sampled_from(DTYPES))
    metric = data.draw(st.sampled_from(METRICS))
    n, n_queries = data.draw(st.integers(1, 200)), data.draw(st.sampled_from([1, 9, 70]))
    width = data.draw(st.integers(1, MOST_VALUES))
    kinds = st.sampled_from(KINDS)
    rows = points(rng, data.draw(kinds), dtype, (n, width))
    queries = points(rng, data.draw(kinds), dtype, (n_queries, width))
    queries[::2] = rows[rng.integers(0, n, len(queries[::2]))]
    options: dict[str, Any] = {"working_memory": data.draw(st.sampled_from([1, 500, 2**28]))}
    table = distances(queries, rows, metric)
    if data.draw(st.booleans()):
        groups = rng.integers(0, 4, n_queries), rng.integers(0, 3, n)
        options |= {"query_groups": groups[0], "row_groups": groups[1]}
        table = exclude(table, *groups)
    most = int(np.isfinite(table).sum(axis=1).min())
    if most == 0:
        return
    k = data.draw(st.integers(1, most))
    expected = ExactIndex(rows, metric).query(queries, k, **options).rooted()
    for is_split in (False, True):
        tree = TreeIndex(rows, metric, is_split=is_split)
        found = tree.query(queries, k, n_threads=2, **options).rooted()
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.distances, expected.distances)
        assert_nearest((found.distances, found.indices), table, k, exact=rows.dtype.kind in "iu")


def test_a_million_equal_rows_take_no_longer_than_others() -> None:
    rows = np.ones((1_000_000, 2), np.uint8)
    tree = TreeIndex(rows, "euclidean")
    assert tree.n_visited(rows[:100], 5) < 100
    assert tree.query(rows[:1], 3).indices.tolist() == [[0, 1, 2]]


def test_progress_ends_with_all_queries() -> None:
    done: list[tuple[int, int]] = []
    rows = np.arange(100.0)[:, None]
    TreeIndex(rows, "manhattan").query(rows, 3, progress=lambda *numbers: done.append(numbers))
    assert done[-1] == (100, 100)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_estimators_search_rows_of_few_values_by_a_tree(metric: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 99, (600, 3), dtype=np.uint8)
    search = NearestNeighbors(n_neighbors=4, metric=metric).fit(rows)
    table = distances(rows, rows, metric)
    apart = exclude(table, np.arange(len(rows)), np.arange(len(rows)))
    assert_nearest(search.kneighbors(), apart, 4, exact=True)
    assert search._searcher._tree is not None
    # Queries of another dtype need no second index.
    assert_nearest(
        search.kneighbors(rows + 0.5), distances(rows + 0.5, rows, metric), 4, exact=True
    )
    assert not search._searcher._indexes  # nobody needs one
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.kneighbors(rows)[1], search.kneighbors(rows)[1])


def test_rows_are_split_after_as_many_queries_as_that_costs() -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 2))
    searched = IndexedRows(rows, "euclidean").build(1)
    tables = [searched.query(rows[:1], 5) for _ in range(tree_module.QUERIES_OF_A_SPLIT - 1)]
    assert searched._tree is not None
    assert not searched._tree.is_split
    tables.append(searched.query(rows[:1], 5))
    assert searched._tree.is_split
    for table in tables:
        np.testing.assert_array_equal(table.indices, tables[-1].indices)
        np.testing.assert_array_equal(table.distances, tables[-1].distances)


def test_many_rows_are_split_at_once() -> None:
    rows = np.random.default_rng(0).normal(size=(5000, 2))
    searched = IndexedRows(rows, "euclidean").build(1)
    assert searched._tree is not None
    assert searched._tree.is_split
    grown = searched.appended(rows[:1], 1)
    grown.query(rows[:1], 5)  # by all distances, which takes less time than to split anew
    assert grown._tree is None
    grown.query(rows[: tree_module.QUERIES_OF_A_SPLIT], 5)
    assert grown._tree is not None


@pytest.mark.parametrize("n", [5000, 20_000])
def test_a_tree_that_would_visit_most_rows_gives_way_to_an_index(n: int) -> None:
    rng = np.random.default_rng(0)
    near_a_plane = rng.normal(size=(n, 2)) @ rng.normal(size=(2, 16))
    everywhere = rng.normal(size=(n, 16))
    for rows, metric, has_tree in [
        (near_a_plane, "euclidean", True),
        (everywhere, "euclidean", False),
        (everywhere, "manhattan", False),
        (everywhere[:, :ALWAYS_FASTER].copy(), "euclidean", True),
    ]:
        searched = IndexedRows(rows, metric).build(1, n_neighbors=5)
        assert (searched._tree is not None) == has_tree
        assert bool(searched._indexes) != has_tree
        # The choice holds when rows are added.
        grown = searched.appended(rows[:9], 1)
        grown.query(rows[: tree_module.QUERIES_OF_A_SPLIT], 5)
        assert (grown._tree is not None) == has_tree


@pytest.mark.parametrize(("metric", "width"), [("euclidean", 16), ("manhattan", 16), ("cosine", 0)])
def test_wide_rows_and_cosine_have_no_tree(metric: str, width: int) -> None:
    for d in range(1, 20):
        assert tree_module.suits_tree(np.zeros((9, d)), metric) == (d <= width)
