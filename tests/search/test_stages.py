"""Few rows are indexed in stages, as queries pay for them, and every stage finds the same."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.neighbors import assert_nearest, distances, exclude

from lookalike import NearestNeighbors
from lookalike.search import projection
from lookalike.search.index import ExactIndex
from lookalike.search.stages import MOST_LAZY_ROWS, Stage, stage_of

DTYPES = ("uint8", "int8", "int16", "float32", "float64")


def hard_rows(rng: np.random.Generator, kind: str, dtype: str, shape: tuple[int, int]) -> Any:
    """Rows whose values one step quantises badly."""
    rows = rng.normal(size=shape) * 20
    if kind == "outlier axes":
        rows[:, ::7] *= 1e3 if dtype.startswith("float") else 5
    elif kind == "far":
        rows += 100 if dtype.startswith("int") else 1e6 if dtype == "float64" else 200
    elif kind == "ties":
        rows = np.rint(rows / 20)
    elif kind == "large beside small":
        rows *= 10.0 ** rng.integers(-18, 18, shape) if dtype.startswith("float") else 1
    if dtype.startswith("float"):
        return rows.astype(dtype)
    info = np.iinfo(dtype)
    return np.clip(np.rint(rows), info.min, info.max).astype(dtype)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_unprojected_filter_finds_what_the_reference_finds(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype = data.draw(st.sampled_from(DTYPES))
    metric = data.draw(st.sampled_from(["euclidean", "sqeuclidean", "cosine", "manhattan"]))
    kinds = st.sampled_from(["any", "outlier axes", "far", "ties", "large beside small"])
    n, width = data.draw(st.integers(1, 300)), data.draw(st.sampled_from([1, 3, 16, 63, 130]))
    rows = hard_rows(rng, data.draw(kinds), dtype, (n, width))
    queries = hard_rows(rng, data.draw(kinds), dtype, (9, width))
    queries[::2] = rows[rng.integers(0, n, 5)]
    k = data.draw(st.integers(1, n))
    found = ExactIndex(rows, metric, stage=Stage.UNPROJECTED).query(queries, k).rooted()
    plain = ExactIndex(rows, metric, stage=Stage.EXHAUSTIVE).query(queries, k).rooted()
    np.testing.assert_array_equal(found.indices, plain.indices)
    np.testing.assert_array_equal(found.distances, plain.distances)
    exact = metric != "cosine" and rows.dtype.kind in "iu"
    atol = 1e-12 if metric == "cosine" else 0.0
    table = distances(queries, rows, metric)
    assert_nearest((found.distances, found.indices), table, k, exact=exact, atol=atol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_queries_far_out_find_rows_far_out(dtype: str) -> None:
    rows = (np.arange(200.0)[:, None] ** 9).astype(dtype)  # 0 to 5e20: few near each other
    rows[:150] = np.arange(150)[:, None] / 150
    found = ExactIndex(rows, "sqeuclidean", stage=Stage.UNPROJECTED).query(rows[140:], 3)
    plain = ExactIndex(rows, "sqeuclidean", stage=Stage.EXHAUSTIVE).query(rows[140:], 3)
    np.testing.assert_array_equal(found.indices, plain.indices)
    np.testing.assert_array_equal(found.distances, plain.distances)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_an_index_grows_with_the_queries_and_answers_stay(dtype: str) -> None:
    rng = np.random.default_rng(0)
    rows = (rng.integers(0, 256, (2000, 1)) // 2 + rng.integers(0, 99, (2000, 200))).astype(dtype)
    search = NearestNeighbors(n_neighbors=3).fit(rows)
    searcher = search._searcher
    assert not searcher._indexes
    seen, asked = [], 0
    table = distances(rows[:300], rows, "euclidean")
    while asked < 100_000 and (not seen or seen[-1] != Stage.PROJECTED):
        n = 1 if asked < 10 else 300
        assert_nearest(search.kneighbors(rows[:n]), table[:n], 3, exact=rows.dtype.kind in "iu")
        asked += n
        seen.append(searcher._indexes[rows.dtype].stage)
    assert seen[0] == Stage.EXHAUSTIVE
    assert seen == sorted(seen)
    assert set(seen) == set(Stage)


def test_an_appended_index_keeps_its_stage() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 100)).astype(np.float32)
    search = NearestNeighbors(n_neighbors=3).fit(rows)
    search.kneighbors(np.repeat(rows, 5, axis=0))
    stage = search._searcher._indexes[rows.dtype].stage
    assert stage == Stage.UNPROJECTED
    search.partial_fit(rows[:100] + 1)
    assert search._searcher._indexes[rows.dtype].stage == stage
    grown = np.concatenate([rows, rows[:100] + 1])
    groups = np.arange(700)
    apart = exclude(distances(grown, grown, "euclidean"), groups, groups)
    assert_nearest(search.kneighbors(), apart, 3, exact=False)


def test_the_stage_rises_with_the_queries_alone() -> None:
    float32 = np.dtype(np.float32)
    for metric in ("euclidean", "manhattan"):
        found = [stage_of(2000, 784, float32, metric, 5, 10**q) for q in range(7)]
        assert found == sorted(found)
        assert set(found) == set(Stage)
        assert stage_of(MOST_LAZY_ROWS + 1, 784, float32, metric, 5, 0) == Stage.PROJECTED
    # Too few rows to choose a projection from, or so few and narrow ones that nothing pays.
    assert stage_of(100, 784, float32, "euclidean", 5, 10**9) == Stage.UNPROJECTED
    assert stage_of(100, 16, float32, "manhattan", 5, 10**9) == Stage.EXHAUSTIVE


def test_values_beyond_those_of_a_filter_are_searched_exhaustively() -> None:
    rows = np.array([[0.0, 1e30], [1e30, 0.0], [1e-30, 0.0]])
    assert projection.without_projection(rows, "euclidean") is None
    found = ExactIndex(rows, stage=Stage.UNPROJECTED).query(rows, 2)
    plain = ExactIndex(rows, stage=Stage.EXHAUSTIVE).query(rows, 2)
    np.testing.assert_array_equal(found.indices, plain.indices)
