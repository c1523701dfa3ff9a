"""The exact search against the reference: every bit on integers, 1e-9 on floats.

Every case runs on one of the native paths that this machine has, drawn with it.
"""

import os
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reference.neighbors import METRICS, assert_nearest, distances, exclude

from lookalike import NearestNeighbors, _core

# Around the widths of vector registers and of the index's panels.
SIZES = (1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65)
CPU_PATHS = tuple(_core.available_cpu_paths())
INTEGERS = ("uint8", "int8", "int16")
FLOATS = ("float32", "float64")
# 1 - cosine loses its relative accuracy near 0.
COSINE_ATOL = 1e-12


class Case(NamedTuple):
    rows: NDArray[Any]
    queries: NDArray[Any]
    k: int
    metric: str
    cpu_path: str

    @property
    def exact(self) -> bool:
        integers = {self.rows.dtype.kind, self.queries.dtype.kind} <= set("iu")
        return integers and self.metric != "cosine"

    def check(self, found: Any, table: NDArray[np.float64], k: int | None = None) -> None:
        atol = COSINE_ATOL if self.metric == "cosine" else 0.0
        assert_nearest(found, table, k or self.k, exact=self.exact, atol=atol)


def values(rng: np.random.Generator, kind: str, dtype: str, shape: tuple[int, int]) -> Any:
    """Numbers of one dtype that are hard in one way."""
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        choices = {
            "any": lambda: rng.integers(info.min, info.max, shape, endpoint=True),
            "few": lambda: rng.integers(0, 1, shape, endpoint=True),
            "extremes": lambda: rng.choice([info.min, info.max], shape),
            "constant": lambda: np.full(shape, rng.choice([info.min, 0, 1, info.max])),
            "sparse": lambda: rng.integers(0, info.max, shape) * (rng.random(shape) < 0.1),
        }
    else:
        choices = {
            "any": lambda: rng.normal(size=shape),
            "few": lambda: rng.integers(-1, 1, shape, endpoint=True),
            "extremes": lambda: rng.normal(size=shape) * 10.0 ** rng.integers(-18, 18),
            "constant": lambda: np.full(shape, rng.normal()),
            "sparse": lambda: rng.normal(size=shape) * (rng.random(shape) < 0.1) + 1e4,
        }
    return choices[kind]().astype(dtype)


@st.composite
def cases(draw: st.DrawFn, row_dtypes: tuple[str, ...], query_dtypes: tuple[str, ...] = ()) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    row_dtype = draw(st.sampled_from(row_dtypes))
    query_dtype = draw(st.sampled_from(query_dtypes)) if query_dtypes else row_dtype
    n_rows, n_queries, width = (draw(st.sampled_from(SIZES)) for _ in range(3))
    kinds = st.sampled_from(["any", "few", "extremes", "constant", "sparse"])
    rows = values(rng, draw(kinds), row_dtype, (n_rows, width))
    queries = values(rng, draw(kinds), query_dtype, (n_queries, width))
    if draw(st.booleans()):  # duplicates among the rows, and queries that are rows
        rows = rows[rng.integers(0, n_rows, n_rows)]
        if row_dtype == query_dtype:
            queries[::2] = rows[rng.integers(0, n_rows, len(queries[::2]))]
    k, metric = draw(st.integers(1, n_rows)), draw(st.sampled_from(METRICS))
    return Case(rows, queries, k, metric, draw(st.sampled_from(CPU_PATHS)))


def fitted(case: Case, **params: Any) -> NearestNeighbors:
    search = NearestNeighbors(n_neighbors=case.k, metric=case.metric, **params)
    with patch.dict(os.environ, LOOKALIKE_CPU=case.cpu_path):
        return search.fit(case.rows)


@settings(max_examples=150, deadline=None)
@given(case=cases(INTEGERS))
def test_integers_are_exact_and_ties_go_to_the_lower_index(case: Case) -> None:
    table = distances(case.queries, case.rows, case.metric)
    case.check(fitted(case).kneighbors(case.queries), table)


@settings(max_examples=150, deadline=None)
@given(case=cases(FLOATS))
def test_floats_agree_to_rounding(case: Case) -> None:
    table = distances(case.queries, case.rows, case.metric)
    case.check(fitted(case).kneighbors(case.queries), table)


@settings(max_examples=100, deadline=None)
@given(case=cases(INTEGERS + FLOATS, INTEGERS + FLOATS))
def test_queries_of_another_dtype_are_compared_exactly(case: Case) -> None:
    table = distances(case.queries, case.rows, case.metric)
    case.check(fitted(case).kneighbors(case.queries), table)


@settings(max_examples=100, deadline=None)
@given(case=cases(INTEGERS + FLOATS), data=st.data())
def test_groups_are_kept_apart(case: Case, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    n_groups = data.draw(st.integers(1, 5))
    # Some queries belong to no group of the rows.
    query_groups = rng.integers(0, n_groups + 1, len(case.queries))
    row_groups = rng.integers(0, n_groups, len(case.rows))
    table = distances(case.queries, case.rows, case.metric)
    table = exclude(table, query_groups, row_groups)
    remaining = int(np.isfinite(table).sum(axis=1).min())
    search = fitted(case)
    if remaining < case.k:
        with pytest.raises(ValueError, match=f"n_neighbors={case.k} but for query"):
            search.kneighbors(case.queries, exclude=(query_groups, row_groups))
    if remaining:
        k = min(case.k, remaining)
        found = search.kneighbors(case.queries, k, exclude=(query_groups, row_groups))
        case.check(found, table, k)


@settings(max_examples=100, deadline=None)
@given(case=cases(INTEGERS + FLOATS), data=st.data())
def test_leave_one_out(case: Case, data: st.DataObject) -> None:
    table = distances(case.rows, case.rows, case.metric)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    groups = rng.permutation(len(case.rows)) // data.draw(st.integers(1, 3))
    for exclusion, codes in ((None, np.arange(len(case.rows))), (groups, groups)):
        apart = exclude(table, codes, codes)
        k = min(case.k, int(np.isfinite(apart).sum(axis=1).min()))
        if k:
            case.check(fitted(case).kneighbors(None, k, exclude=exclusion), apart, k)


@settings(max_examples=100, deadline=None)
@given(case=cases(INTEGERS + FLOATS), data=st.data())
def test_adding_and_removing_is_as_fitting_what_stays(case: Case, data: st.DataObject) -> None:
    n = len(case.rows)
    cut = data.draw(st.integers(1, n))
    removed = sorted(data.draw(st.sets(st.integers(0, n - 1), max_size=n - 1)))
    search = NearestNeighbors(metric=case.metric).fit(case.rows[:cut])
    if cut < n:
        search.partial_fit(case.rows[cut:])
    stay = np.delete(case.rows, removed, axis=0)
    k = min(case.k, len(stay))
    expected = NearestNeighbors(metric=case.metric).fit(stay).kneighbors(case.queries, k)
    found = search.remove(removed).kneighbors(case.queries, k)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    assert search.n_samples_fit_ == len(stay)


@settings(max_examples=100, deadline=None)
@given(case=cases(INTEGERS + FLOATS), data=st.data())
def test_the_answer_depends_on_no_threads_batches_or_order(case: Case, data: st.DataObject) -> None:
    expected = fitted(case, n_jobs=1).kneighbors(case.queries)
    order = np.array(data.draw(st.permutations(range(len(case.queries)))))
    threads = data.draw(st.integers(2, 5))
    other = case._replace(cpu_path=data.draw(st.sampled_from(CPU_PATHS))) if case.exact else case
    search = fitted(other, n_jobs=threads, working_memory=1e-4)
    shuffled = search.kneighbors(case.queries[order])
    alone = [search.kneighbors(case.queries[i : i + 1]) for i in range(len(case.queries))]
    for part in (0, 1):
        np.testing.assert_array_equal(shuffled[part], expected[part][order])
        np.testing.assert_array_equal(np.concatenate([a[part] for a in alone]), expected[part])


def decaying(rng: np.random.Generator, n: int, width: int) -> NDArray[np.float64]:
    """Rows in 20 clusters whose variance falls along the axes, as that of images does."""
    basis = np.linalg.qr(rng.normal(size=(width, width)))[0]
    scales = 1 / np.arange(1, width + 1)
    centres = rng.normal(size=(20, width)) * scales * 3
    return (centres[rng.integers(0, 20, n)] + rng.normal(size=(n, width)) * scales) @ basis


@pytest.mark.parametrize("cpu_path", CPU_PATHS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@pytest.mark.parametrize("shape", ["decaying", "isotropic"])
def test_many_rows_where_a_filter_skips_most(
    shape: str, dtype: str, metric: str, cpu_path: str
) -> None:
    rng = np.random.default_rng(7)
    data = decaying(rng, 3030, 130) if shape == "decaying" else rng.normal(size=(3030, 130))
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        low, high = data.min(), data.max()
        data = np.rint((data - low) / (high - low) * (info.max - info.min) + info.min)
    data = data.astype(dtype)
    rows, queries = data[30:], data[:30]
    rows[1000:1010] = rows[0]
    queries[0] = rows[0]
    case = Case(rows, queries, 12, metric, cpu_path)
    case.check(fitted(case).kneighbors(queries), distances(queries, rows, metric))


@pytest.mark.parametrize("cpu_path", CPU_PATHS)
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan"])
def test_sums_beyond_int32(metric: str, dtype: str, cpu_path: str) -> None:
    """Above 33,025 features the sum of squares of 255 does not fit an int32."""
    info = np.iinfo(dtype)
    width = 33_100
    rows = np.full((3, width), info.max, dtype=dtype)
    rows[1, :50] = info.min
    rows[2, :] = info.min
    queries = np.full((1, width), info.min, dtype=dtype)
    case = Case(rows, queries, 3, metric, cpu_path)
    case.check(fitted(case).kneighbors(queries), distances(queries, rows, metric))


@pytest.mark.parametrize("cpu_path", CPU_PATHS)
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_float32_near_its_range(scale: float, cpu_path: str) -> None:
    rng = np.random.default_rng(3)
    data = (rng.normal(size=(70, 33)) * scale).astype(np.float32)
    for metric in METRICS:
        case = Case(data[6:], data[:6], 5, metric, cpu_path)
        case.check(fitted(case).kneighbors(data[:6]), distances(data[:6], data[6:], metric))
