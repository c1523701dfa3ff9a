"""The index with enough rows for its filter, against the reference, on every native path.

`test_nearest_exact.py` draws small tables, which are searched exhaustively; here every table has
a projection, unless none pays.
"""

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reference.neighbors import assert_nearest, count_computed, distances

from lookalike import _core
from lookalike.search import projection
from lookalike.search.index import ExactIndex
from lookalike.search.stages import Stage

CPU_PATHS = _core.available_cpu_paths()
ROWS = (projection.SMALLEST, 700, 1023, 1025)
METRICS = ("euclidean", "sqeuclidean", "cosine", "manhattan")


def table(rng: np.random.Generator, kind: str, dtype: str, n: int, d: int) -> NDArray[Any]:
    """Rows that are hard for the filter in one way."""
    rank = max(1, d // 3)
    made = {
        "noise": lambda: rng.normal(size=(n, d)),
        "low rank": lambda: rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d)),
        "clusters": lambda: (
            rng.normal(size=(5, d))[rng.integers(0, 5, n)] * 9 + rng.normal(size=(n, d))
        ),
        "duplicates": lambda: rng.normal(size=(7, d))[rng.integers(0, 7, n)],
        "outliers": lambda: rng.normal(size=(n, d)) * np.where(rng.random((n, 1)) < 0.01, 300, 1),
        "offset": lambda: rng.normal(size=(n, d)) + 1e4,
        "constant columns": lambda: rng.normal(size=(n, d)) * (rng.random(d) < 0.3),
        "few values": lambda: rng.integers(0, 2, (n, d)).astype(float),
        "outlier axes": lambda: rng.normal(size=(n, d)) * np.where(rng.random(d) < 0.1, 40, 1),
    }[kind]()
    if dtype in ("float32", "float64"):
        return made.astype(dtype)
    info = np.iinfo(dtype)
    low, high = made.min(), made.max()
    scaled = info.min + (made - low) / max(high - low, 1e-9) * (info.max - info.min)
    return np.rint(scaled).astype(dtype)


KINDS = (
    "noise",
    "low rank",
    "clusters",
    "duplicates",
    "outliers",
    "offset",
    "constant columns",
    "few values",
    "outlier axes",
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any], int, str, str, int]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["uint8", "int8", "int16", "float32", "float64"]))
    n, d = draw(st.sampled_from(ROWS)), draw(st.sampled_from([1, 3, 16, 17, 48, 64, 131]))
    both = table(rng, draw(st.sampled_from(KINDS)), dtype, n + 9, d)
    k = draw(st.sampled_from([1, 4, 5, 70, n]))
    n_threads = draw(st.integers(1, 3))
    return both[9:], both[:9], k, draw(st.sampled_from(METRICS)), dtype, n_threads


def widths_of_a_wide_bound(centred: NDArray[Any], axes: NDArray[Any], *_: Any) -> Any:
    fine = min(17, centred.shape[1] - 1, axes.shape[1] + 1)
    return projection.Widths(fine, fine, True) if fine else None


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("cpu_path", CPU_PATHS)
@settings(deadline=None, max_examples=60)
@given(case=cases())
def test_filter_equals_reference(cpu_path: str, wide: bool, case: Any) -> None:
    rows, queries, k, metric, dtype, n_threads = case
    rows, queries = np.ascontiguousarray(rows), np.ascontiguousarray(queries)
    chosen = widths_of_a_wide_bound if wide else projection.choose_widths
    with (
        patch.dict("os.environ", LOOKALIKE_CPU=cpu_path),
        patch.object(projection, "choose_widths", chosen),
    ):
        index = ExactIndex(rows, metric, n_threads=n_threads)
    found = index.query(queries, k, n_threads=n_threads).rooted()
    exact = dtype in ("uint8", "int8", "int16") and metric != "cosine"
    atol = 1e-12 if metric == "cosine" else 0.0
    table = distances(queries, rows, metric)
    assert_nearest((found.distances, found.indices), table, k, exact=exact, atol=atol)


@pytest.mark.parametrize("cpu_path", CPU_PATHS)
def test_wide_rows_stay_in_range(cpu_path: str) -> None:
    rng = np.random.default_rng(0)
    rows = (rng.integers(0, 2, (600, 40_000)) * 255).astype(np.uint8)
    with patch.dict("os.environ", LOOKALIKE_CPU=cpu_path):
        index = ExactIndex(rows, n_threads=2)
    found = index.query(rows[:5], 2, n_threads=2)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(5))
    table = np.array([((rows[:5, None, i::8] ^ rows[None, :, i::8]) > 0).sum(2) for i in range(8)])
    expected = np.sort(table.sum(0), axis=1)[:, :2] * 255.0**2
    np.testing.assert_array_equal(found.distances, expected)


@pytest.mark.parametrize("scale", [1e-18, 1e-12, 1.0, 1e12, 1e18])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_filter_near_the_range_of_floats(scale: float, dtype: str, metric: str) -> None:
    rng = np.random.default_rng(1)
    rows = (rng.normal(size=(900, 30)) * scale).astype(dtype)
    queries = np.concatenate([rows[:3], (rng.normal(size=(3, 30)) * scale).astype(dtype)])
    found = ExactIndex(rows, metric).query(queries, 6).rooted()
    table = distances(queries, rows, metric)
    assert_nearest((found.distances, found.indices), table, 6, exact=False)


def test_appended_rows_are_found_like_the_others() -> None:
    rng = np.random.default_rng(2)
    rows = rng.integers(0, 256, (1500, 50), dtype=np.uint8)
    grown = ExactIndex(rows[:900])
    grown.append(rows[900:1000])
    grown.append(rows[1000:])
    found, whole = grown.query(rows, 5, n_threads=2), ExactIndex(rows).query(rows, 5)
    np.testing.assert_array_equal(found.indices, whole.indices)
    np.testing.assert_array_equal(found.distances, whole.distances)


def test_filter_spares_most_distances() -> None:
    rng = np.random.default_rng(3)
    rows = (rng.normal(size=(4000, 6)) @ rng.normal(size=(6, 100))).astype(np.float32)
    assert count_computed(ExactIndex(rows), rows[:50], 3) < 50 * 400


@pytest.mark.parametrize("cpu_path", CPU_PATHS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_products_of_words_find_the_rows_that_bytes_cannot_tell_apart(
    dtype: str, metric: str, cpu_path: str
) -> None:
    rng = np.random.default_rng(5)
    n, n_queries, d, k = 900, 130, 301, 60
    made = table(rng, "noise", dtype, n + n_queries, d)
    rows, queries = made[:n], made[n:]
    rows[500:510] = rows[3]
    rows[700] = queries[5] = 0
    if dtype.startswith("float"):
        rows[100:103] *= 1e15  # beyond what a product sees
        rows[103], queries[6] = rows[103] * 1e6, queries[6] * 1e6
    of_rows, of_queries = rng.integers(0, 40, n), rng.integers(0, 40, n_queries)
    with patch.dict("os.environ", LOOKALIKE_CPU=cpu_path):
        index = ExactIndex(rows, metric, stage=Stage.UNPROJECTED)
    exact = metric != "cosine" and dtype in ("uint8", "int16")
    atol = 1e-12 if metric == "cosine" else 0.0
    reference = distances(queries, rows, metric)
    for options in ({}, {"row_groups": of_rows, "query_groups": of_queries}):
        if options:
            reference[of_queries[:, None] == of_rows] = np.inf
        found = index.query(queries, k, **options).rooted()
        assert_nearest((found.distances, found.indices), reference, k, exact=exact, atol=atol)
