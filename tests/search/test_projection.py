"""The choice of a projection, and its basis in whole steps."""

import warnings
from unittest.mock import patch

import numpy as np
import pytest
from tests.reference.neighbors import assert_nearest, count_computed, distances

from lookalike import NearestNeighbors
from lookalike.search import projection
from lookalike.search.index import ExactIndex
from lookalike.search.projection import whole_steps


@pytest.mark.parametrize("d", [1, 2, 784, 100_001])
@pytest.mark.parametrize("kind", ["noise", "one column", "equal sizes"])
def test_whole_steps_are_fine_and_their_sums_stay_within_32_bits(d: int, kind: str) -> None:
    rng = np.random.default_rng(d)
    basis = rng.normal(size=(d, 3))
    if kind == "one column":
        basis[1:] = 0.0
    if kind == "equal sizes":
        basis = np.where(basis > 0, 1.0, -1.0)
    basis /= np.linalg.norm(basis, axis=0)
    integers, steps = whole_steps(basis)
    assert integers.dtype == np.int16
    assert np.abs(integers.astype(np.int64)).sum(axis=0).max() * 255 <= np.iinfo(np.int32).max
    assert (np.abs(integers * steps - basis) <= steps * 0.50001).all()
    assert (steps <= np.maximum(1 / 32767, np.sqrt(d) / 8e6)).all()


def test_wide_rows_of_bytes_are_searched_exactly() -> None:
    rng = np.random.default_rng(0)
    low_rank = rng.normal(size=(600, 5)) @ rng.normal(size=(5, 4_001)) * 30 + 128
    rows = np.clip(np.rint(low_rank + rng.normal(size=low_rank.shape)), 0, 255).astype(np.uint8)
    index = ExactIndex(rows, metric="sqeuclidean")
    found = index.query(rows[:40], 3)
    table = distances(rows[:40], rows, "sqeuclidean")
    assert_nearest((found.distances, found.indices), table, 3, exact=True)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
def test_noisy_rows_are_filtered_twice(metric: str, dtype: str) -> None:
    rng = np.random.default_rng(4)
    clean = rng.normal(size=(4000, 12)) @ rng.normal(size=(12, 600)) * 30 + 300
    rows = (clean + rng.integers(0, 200, clean.shape)).astype(dtype)
    queries = (clean[:30] + rng.integers(0, 200, (30, 600))).astype(dtype)
    with patch.object(projection, "make_projection", wraps=projection.make_projection) as made:
        index = ExactIndex(rows, metric, n_threads=2)
    assert made.call_args.args[3].wide
    found = index.query(queries, 5, n_threads=2)
    exact = dtype == "int16" and metric == "sqeuclidean"
    table = distances(queries, rows, metric)
    assert_nearest((found.distances, found.indices), table, 5, exact=exact, atol=1e-12)
    assert count_computed(index, queries, 5) < 30 * 100


@pytest.mark.parametrize("d", [300, 768, 1024, 5000])
@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
def test_rows_with_outlier_axes_are_rotated(metric: str, d: int) -> None:
    rng = np.random.default_rng(d)
    rows = rng.normal(size=(1500, d)).astype(np.float32)
    rows[:, rng.choice(d, 3, replace=False)] *= 20
    queries = rows[:20] + rng.normal(size=(20, d)).astype(np.float32) / 3
    with patch.object(projection._core, "Projection", wraps=projection._core.Projection) as made:
        index = ExactIndex(rows, metric, n_threads=2)
    assert made.call_args.kwargs["signs"] is not None
    table = distances(queries, rows, metric)
    for k in (1, 20, 300):
        found = index.query(queries, k, n_threads=2)
        assert_nearest((found.distances, found.indices), table, k, exact=False, atol=1e-12)
    assert count_computed(index, queries, 1) < 20 * 100
    plain = rows / np.where(np.abs(rows).max(axis=0) > 30, 20, 1).astype(np.float32)
    with patch.object(projection._core, "Projection", wraps=projection._core.Projection) as made:
        ExactIndex(plain, metric)
    assert made.call_args.kwargs["signs"] is None


@pytest.mark.parametrize("d", [1, 2, 5, 64, 200, 256, 768, 1000])
def test_a_rotation_is_orthogonal(d: int) -> None:
    signs = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), d)
    turned = projection._core.rotated(np.eye(d, dtype=np.float32), signs).astype(np.float64)
    np.testing.assert_allclose(turned @ turned.T, np.eye(d), atol=1e-6)
    if d & (d - 1) == 0:  # Hadamard's matrix, its rows in some order
        np.testing.assert_allclose(np.abs(turned), d**-0.5, rtol=1e-6)
    elif d >= 200:
        assert np.abs(turned).max() < 0.3


def test_rows_far_out_do_not_spoil_the_axes_of_noisy_ones() -> None:
    rng = np.random.default_rng(5)
    rows = (rng.normal(size=(6000, 10)) @ rng.normal(size=(10, 400)) * 3).astype(np.float32)
    rows += rng.normal(size=rows.shape).astype(np.float32) * 3
    rows[rng.integers(0, len(rows), 5)] *= np.float32(1e30)
    found = ExactIndex(rows).query(rows[:20], 2)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(20))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("far", [1e30, 1e6])
def test_rows_far_out_in_the_sample_do_not_spoil_the_bounds_of_others(
    far: float, dtype: str
) -> None:
    rng = np.random.default_rng(5)
    rows = (rng.normal(size=(8000, 8)) @ rng.normal(size=(8, 96))).astype(dtype)
    rows += rng.normal(size=rows.shape) * 0.05
    rows, queries = rows[:7900], rows[7900:]
    rows[::50] *= far
    index = ExactIndex(rows)
    assert count_computed(index, queries, 5) / len(queries) < len(rows) / 50 + 50
    found, table = index.query(queries, 5), distances(queries, rows, "sqeuclidean")
    assert_nearest((found.distances, found.indices), table, 5, exact=False)


def test_rows_far_out_do_not_overflow_the_shares_of_many_rows() -> None:
    rng = np.random.default_rng(5)  # the first sample has none of them, the second has one
    rows = rng.normal(size=(80_000, 20)).astype(np.float32)
    rows[rng.integers(100, 80_000, 50)] = 1e30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ExactIndex(rows).query(rows[:20], 2)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(20))


def test_bounds_are_chosen_again_once_they_leave_too_many_rows() -> None:
    rng = np.random.default_rng(6)
    rows = np.repeat(rng.normal(size=(100, 300)) * 2, 50, axis=0) + rng.normal(size=(5000, 300))
    search = NearestNeighbors(n_neighbors=2, n_jobs=1).fit(rows)
    queries = rows[:1000] + 0.1
    table = distances(queries[:20], rows, "euclidean")
    chosen_for = []
    for k in (2, 16, 300, 300, 200, 3):
        found = search.kneighbors(queries, k)
        assert_nearest((found[0][:20], found[1][:20]), table, k, exact=False)
        (index,) = search._searcher._indexes.values()
        chosen_for.append(index.n_neighbors)
    assert chosen_for == [2, 2, 2, 300, 300, 300]
