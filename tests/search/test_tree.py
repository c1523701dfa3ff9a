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
from lookalike.search.neighbors import Neighbors
from lookalike.search.tree import LANES, POWERS, TreeIndex

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
    metric = data.draw(st.sampled_from(list(POWERS)))
    n, n_queries = data.draw(st.integers(1, 200)), data.draw(st.integers(1, 20))
    width = data.draw(st.integers(1, LANES))
    kinds = st.sampled_from(KINDS)
    rows = points(rng, data.draw(kinds), dtype, (n, width))
    queries = points(rng, data.draw(kinds), dtype, (n_queries, width))
    queries[::2] = rows[rng.integers(0, n, len(queries[::2]))]
    options: dict[str, Any] = {"working_memory": data.draw(st.sampled_from([1, 2**28]))}
    table = distances(queries, rows, metric)
    if data.draw(st.booleans()):
        groups = rng.integers(0, 4, n_queries), rng.integers(0, 3, n)
        options |= {"query_groups": groups[0], "row_groups": groups[1]}
        table = exclude(table, *groups)
    most = int(np.isfinite(table).sum(axis=1).min())
    if most == 0:
        return
    k = data.draw(st.integers(1, most))
    native = ExactIndex(rows, metric)
    found = TreeIndex(rows, metric).query(queries, k, native.query, **options)
    expected = native.query(queries, k, **options)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.distances, expected.distances)
    assert_nearest((found.distances, found.indices), table, k, exact=rows.dtype.kind in "iu")


def test_queries_that_a_tree_leaves_go_to_the_native_index() -> None:
    rows = np.zeros((30_000, 2), np.uint8)
    rows[:10] = 9
    queries = np.array([[9, 9], [0, 0], [9, 9]], np.uint8)
    asked = []

    def ask(left: NDArray[Any], k: int, **options: Any) -> Neighbors:
        asked.append(left)
        return ExactIndex(rows).query(left, k, **options)

    done: list[tuple[int, int]] = []
    found = TreeIndex(rows, "euclidean").query(
        queries, 3, ask, progress=lambda n, total: done.append((n, total))
    )
    # All rows of zeros are at one distance: any of 29,990 may be the first.
    np.testing.assert_array_equal(asked, [[[0, 0]]])
    assert found.indices.tolist() == [[0, 1, 2], [10, 11, 12], [0, 1, 2]]
    assert done[-1] == (3, 3)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_estimators_search_rows_of_few_values_by_a_tree(metric: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 99, (tree_module.FEWEST_ROWS, 3), dtype=np.uint8)
    search = NearestNeighbors(n_neighbors=4, metric=metric).fit(rows)
    assert search._searcher._tree is not None
    assert not search._searcher._indexes  # nobody needs it
    table = distances(rows, rows, metric)
    apart = exclude(table, np.arange(len(rows)), np.arange(len(rows)))
    assert_nearest(search.kneighbors(), apart, 4, exact=True)
    # Queries of another dtype need no second index.
    assert_nearest(
        search.kneighbors(rows + 0.5), distances(rows + 0.5, rows, metric), 4, exact=True
    )
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.kneighbors(rows)[1], search.kneighbors(rows)[1])


def test_a_tree_is_built_after_as_many_queries_as_it_costs() -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 2))
    searched = IndexedRows(rows, "euclidean")
    tables = []
    for _ in range(tree_module.QUERIES_OF_A_BUILD):
        assert searched._tree is None
        tables.append(searched.query(rows[:1], 5))
    assert searched._tree is not None
    for table in tables:
        np.testing.assert_array_equal(table.indices, tables[-1].indices)
        np.testing.assert_array_equal(table.distances, tables[-1].distances)


@pytest.mark.parametrize(("metric", "width"), [("euclidean", 4), ("manhattan", 4), ("cosine", 0)])
def test_wide_rows_and_few_rows_have_no_tree(metric: str, width: int) -> None:
    for d in range(1, 9):
        assert tree_module.suits_tree(np.zeros((1000, d)), metric) == (d <= width)
        assert not tree_module.suits_tree(np.zeros((100, d)), metric)


def test_many_rows_have_a_tree_at_more_widths_for_manhattan() -> None:
    for n, widest in ((10_000, 4), (100_000, 5), (1_000_000, 6)):
        rows = np.broadcast_to(0.0, (n, widest + 1))
        assert tree_module.suits_tree(rows[:, :-1], "manhattan")
        assert not tree_module.suits_tree(rows, "manhattan")
