"""Rows in mapped files, and rows in fewer bits than they are compared in."""

import mmap
import warnings
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import NearestNeighbors, Shifts, _core
from lookalike.search import RowParts, index, mapped, projection, validation
from lookalike.search.coding import choose_coding
from lookalike.search.index import ExactIndex
from lookalike.search.machine import cpu_path
from lookalike.search.mapped import is_on_disk, mapping_of
from lookalike.search.stages import Stage

METRICS = ("euclidean", "sqeuclidean", "cosine", "manhattan")
PAIRS = (  # of rows and queries
    (np.float16, np.float32),
    (np.float16, np.float64),
    (ml_dtypes.bfloat16, np.float32),
    (ml_dtypes.bfloat16, np.float64),
    (np.float32, np.float64),
)


def make_file(folder: Path, rows: np.ndarray, name: str = "rows") -> np.memmap:
    np.save(folder / f"{name}.npy", rows)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


def blobs(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    centres = 3 * rng.standard_normal((max(1, n // 30), d))
    return centres[rng.integers(0, len(centres), n)] + rng.standard_normal((n, d))


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 900),
    d=st.sampled_from([1, 3, 8, 15, 16, 17, 40, 129]),
    pair=st.sampled_from(PAIRS),
    metric=st.sampled_from(METRICS),
    stage=st.sampled_from(list(Stage)),
)
def test_rows_in_fewer_bits_than_queries(
    seed: int, n: int, d: int, pair: tuple[type, type], metric: str, stage: Stage
) -> None:
    rng = np.random.default_rng(seed)
    stored, asked = pair
    rows = blobs(rng, n, d).astype(stored)
    rows[: n // 2] *= rng.choice([1, 0, 1e-7])  # denormal float16, too
    queries = np.concatenate([rows[:3].astype(asked), blobs(rng, 5, d).astype(asked)])
    k = int(rng.integers(1, n + 1))
    found = ExactIndex(rows, metric, stage=stage).query(queries, k)
    wanted = ExactIndex(rows.astype(asked), metric, stage=Stage.EXHAUSTIVE).query(queries, k)
    np.testing.assert_array_equal(found.indices, wanted.indices)
    np.testing.assert_array_equal(found.distances, wanted.distances)


@pytest.mark.parametrize("stored", [np.float16, ml_dtypes.bfloat16])
def test_every_float_of_16_bits_is_converted_exactly(stored: type) -> None:
    values = np.arange(2**16, dtype=np.uint16).view(stored)
    values = values[np.isfinite(values.astype(np.float32))]
    values = np.resize(values, (len(values) // 16, 16))
    query = np.zeros((1, 16), np.float32)
    found = ExactIndex(values, "manhattan").query(query, len(values))
    wanted = ExactIndex(values.astype(np.float64), "manhattan").query(
        query.astype(np.float64), len(values)
    )
    np.testing.assert_array_equal(found.distances, wanted.distances)
    np.testing.assert_array_equal(found.indices, wanted.indices)


@pytest.mark.parametrize("stored", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(600, 3), (5000, 3), (5000, 24)])
@pytest.mark.parametrize("metric", METRICS)
def test_16_bits_stay(stored: type, shape: tuple[int, int], metric: str) -> None:
    rng = np.random.default_rng(1)
    rows = blobs(rng, *shape).astype(stored)
    one = NearestNeighbors(metric=metric).fit(rows)
    assert np.shares_memory(one.training_rows_, rows)
    other = NearestNeighbors(metric=metric).fit(rows.astype(np.float32))
    for queries in (rows[:9], rows[:9].astype(np.float32) + 0.3, rows[:9] + np.float64(0.1), None):
        for found, wanted in zip(one.kneighbors(queries), other.kneighbors(queries), strict=True):
            np.testing.assert_array_equal(found, wanted)
    one.partial_fit(rows[:5].astype(np.float32)).remove([3])
    assert one.training_rows_.dtype == stored
    other.partial_fit(rows[:5].astype(np.float32)).remove([3])
    np.testing.assert_array_equal(one.kneighbors(rows[:9])[1], other.kneighbors(rows[:9])[1])
    wrong = rows.copy()
    wrong[7, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        NearestNeighbors().fit(wrong)


@pytest.mark.parametrize("augmentation", [None, Shifts(1)])
def test_wider_queries_make_no_second_index(augmentation: Shifts | None) -> None:
    rng = np.random.default_rng(2)
    rows = blobs(rng, 6000, 64).astype(np.float32).reshape(-1, 8, 8)
    queries = blobs(rng, 9, 64).reshape(-1, 8, 8)
    search = NearestNeighbors(augmentation=augmentation).fit(rows)
    with warnings.catch_warnings(action="error"):
        found = search.kneighbors(queries)
    wide = NearestNeighbors(augmentation=augmentation).fit(rows.astype(np.float64))
    for one, other in zip(found, wide.kneighbors(queries), strict=True):
        np.testing.assert_array_equal(one, other)
    searcher = search._searcher if augmentation is None else search._searcher._base
    assert list(searcher._indexes) == [np.float32]


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("k", [3, 40])
def test_mapped_rows(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
    metric: str,
    on_disk: bool,
    k: int,
) -> None:
    monkeypatch.setattr(mapped, "MOST_IN_MEMORY", 0 if on_disk else 1)
    rng = np.random.default_rng(3)
    rows = (blobs(rng, 6000, 200) * 8 + 100).clip(0, 255).astype(dtype)
    file = make_file(tmp_path, rows)
    assert is_on_disk(np.asarray(file)) == on_disk
    search = NearestNeighbors(metric=metric).fit(file)
    assert mapping_of(search.training_rows_) is not None
    one = NearestNeighbors(metric=metric).fit(rows)
    queries = np.concatenate([rows[:40], rows[40:60] // 2 + 3])
    for X in (queries, queries[:1]):
        for found, wanted in zip(search.kneighbors(X, k), one.kneighbors(X, k), strict=True):
            np.testing.assert_array_equal(found, wanted)
    parts = RowParts(
        [make_file(tmp_path, own, str(i)) for i, own in enumerate([rows[:9], rows[9:]])]
    )
    found = NearestNeighbors(metric=metric).fit(parts).kneighbors(queries, k)
    np.testing.assert_array_equal(found[1], one.kneighbors(queries, k)[1])


def test_narrow_rows_on_disk_have_no_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mapped, "MOST_IN_MEMORY", 0)
    rows = np.random.default_rng(4).integers(0, 256, (5000, 3), dtype=np.uint8)
    search = NearestNeighbors().fit(make_file(tmp_path, rows))
    assert search._searcher._grow_tree(1000, 5) is None
    wanted = NearestNeighbors().fit(rows).kneighbors(rows)[1]
    np.testing.assert_array_equal(search.kneighbors(rows)[1], wanted)


def test_the_coding_of_rows_on_disk_fits_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(4).integers(0, 256, (5000, 300), dtype=np.uint8)
    for n_bytes in (400, 100, 20):
        free = n_bytes * len(rows) / projection.INDEX_PART
        monkeypatch.setattr(projection, "available_bytes", lambda free=free: free)
        native = _core.Index(
            rows, metric="manhattan", cpu=cpu_path(), coding=choose_coding(rows, on_disk=True)
        )
        assert native.nbytes <= (n_bytes + 32) * len(rows)


def test_rows_on_disk_have_no_wide_bound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []
    choose = index.choose_projection
    monkeypatch.setattr(
        index, "choose_projection", lambda *args, **how: asked.append(how) or choose(*args, **how)
    )
    monkeypatch.setattr(mapped, "MOST_IN_MEMORY", 0)
    rows = np.random.default_rng(4).integers(0, 256, (5000, 300), dtype=np.uint8)
    NearestNeighbors().fit(rows)
    NearestNeighbors().fit(make_file(tmp_path, rows))
    assert [how["on_disk"] for how in asked] == [False, True]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_mapped_rows_are_checked_in_the_pass_that_indexes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float, metric: str, dtype: str
) -> None:
    rows = blobs(np.random.default_rng(5), 5000, 20).astype(dtype)
    looked = []
    check = validation.check_finite
    monkeypatch.setattr(index, "check_finite", lambda own: looked.append(len(own)) or check(own))
    NearestNeighbors(metric=metric).fit(make_file(tmp_path, rows))
    assert not looked
    rows[4321, 3] = value
    with pytest.raises(ValueError, match="row 4321"):
        NearestNeighbors(metric=metric).fit(make_file(tmp_path, rows))


def test_the_system_is_told_how_rows_are_read(tmp_path: Path) -> None:
    rows = make_file(tmp_path, np.zeros((3, 5), np.uint8))
    assert isinstance(mapping_of(np.asarray(rows)[1:]), mmap.mmap)
    assert mapping_of(np.zeros(3)) is None
    with mmap.mmap(-1, 10_000) as memory:
        array = np.frombuffer(memory, np.uint8)[5000:5100]
        mapped.advise(array, "random")
        assert mapping_of(memoryview(array)) is memory
        del array
