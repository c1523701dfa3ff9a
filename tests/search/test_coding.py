"""Manhattan distances are found with any groups, steps and ranges, and good ones are chosen."""

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reference.neighbors import assert_nearest, count_computed, distances

from lookalike import _core
from lookalike.search import index as index_module
from lookalike.search.coding import choose_coding
from lookalike.search.index import ExactIndex

CPU_PATHS = _core.available_cpu_paths()
DTYPES = ("uint8", "int8", "int16", "float32", "float64")
KINDS = ("any", "far", "outlier axes", "large beside small", "denormal", "ties")


def hard_rows(rng: np.random.Generator, kind: str, dtype: str, shape: tuple[int, int]) -> Any:
    """Rows whose differences are hard to see in bytes of one step."""
    rows = rng.normal(size=shape) * 20
    is_float = dtype.startswith("float")
    if kind == "far":
        rows += 1e6 if dtype == "float64" else 90
    elif kind == "outlier axes":
        rows[:, ::5] *= 1e4 if is_float else 5
    elif kind == "large beside small" and is_float:
        rows *= 10.0 ** rng.choice([-30, 0, 30], shape)
    elif kind == "denormal" and is_float:
        rows *= 1e-309 if dtype == "float64" else 1e-40
    elif kind == "ties":
        rows = np.rint(rows / 20)
    if is_float:
        return rows.astype(dtype)
    info = np.iinfo(dtype)
    return np.clip(np.rint(rows), info.min, info.max).astype(dtype)


def any_coding(rng: np.random.Generator, rows: NDArray[Any]) -> _core.ManhattanCoding:
    """Groups of some of the coordinates, with ranges and a step that may suit them badly."""
    d = rows.shape[1]
    coordinates = rng.permutation(d)[: rng.integers(1, d + 1)].astype(np.int32)
    n_groups = int(rng.integers(1, len(coordinates) + 1))
    cuts = rng.choice(np.arange(1, len(coordinates)), n_groups - 1, replace=False)
    values = rows.astype(np.float64)
    step = float(max(np.ptp(values), 1e-280)) / 255 * 2.0 ** rng.integers(-6, 4)
    return _core.ManhattanCoding(
        coordinates,
        np.append(np.sort(cuts), len(coordinates)).astype(np.int32),
        rng.choice(values.ravel(), n_groups),
        rng.integers(0, 4, n_groups).astype(np.int32),
        step=step,
    )


@pytest.mark.parametrize("cpu_path", CPU_PATHS)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_coding_finds_what_the_reference_finds(cpu_path: str, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype, kind = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from(KINDS))
    n, d = data.draw(st.integers(2, 900)), data.draw(st.sampled_from([1, 3, 16, 17, 70]))
    rows = hard_rows(rng, kind, dtype, (n, d))
    queries = hard_rows(rng, data.draw(st.sampled_from(KINDS)), dtype, (11, d))
    queries[::2] = rows[rng.integers(0, n, 6)]
    coding = any_coding(rng, rows)
    n_first = int(rng.integers(1, n))
    with (
        patch.dict("os.environ", LOOKALIKE_CPU=cpu_path),
        patch.object(index_module, "choose_coding", lambda *_, **__: coding),
    ):
        index = ExactIndex(rows[:n_first], "manhattan")
    index.append(rows[n_first:], n_threads=2)
    k = data.draw(st.sampled_from([1, min(5, n), n]))
    found = index.query(queries, k, n_threads=2)
    table = distances(queries, rows, "manhattan")
    assert_nearest((found.distances, found.indices), table, k, exact=rows.dtype.kind in "iu")


def test_pixels_that_change_together_share_bytes() -> None:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 200, (3000, 8, 8))
    pictures = np.kron(blocks, np.ones((1, 4, 4), int)) + rng.integers(0, 3, (3000, 32, 32))
    rows = pictures.reshape(3000, -1).astype(np.uint8)
    index = ExactIndex(rows, "manhattan", n_neighbors=3)
    assert index.nbytes < 3000 * (1024 / 4)
    found = index.query(rows[:20], 3)
    table = distances(rows[:20], rows, "manhattan")
    assert_nearest((found.distances, found.indices), table, 3, exact=True)


def test_values_without_structure_are_not_summed() -> None:
    rows = np.random.default_rng(0).normal(size=(3000, 64)).astype(np.float32)
    assert ExactIndex(rows, "manhattan", n_neighbors=3).nbytes >= 3000 * 64


def test_outlier_axes_take_more_bytes_and_not_the_step_of_others() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 100))
    rows[:, 3] *= 20
    index = ExactIndex(rows, "manhattan", n_neighbors=3)
    assert 2000 * 112 <= index.nbytes <= 2000 * 140
    assert count_computed(index, rows[:50], 3) < 50 * 150


@pytest.mark.parametrize("value", [0.0, 7.0, 1e300])
def test_rows_that_are_all_alike_have_a_coding(value: float) -> None:
    rows = np.full((600, 5), value)
    found = ExactIndex(rows, "manhattan").query(rows[:2], 3)
    assert found.indices.tolist() == [[0, 1, 2]] * 2


def test_rows_beyond_the_bytes_of_a_coding_have_none() -> None:
    assert choose_coding(np.broadcast_to(np.uint8(0), (2, 2**21))) is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"step": 0.0}, "step"),
        ({"step": 5e-324}, "step"),
        ({"ends": [1, 3]}, "groups"),
        ({"ends": [2, 1]}, "follow"),
        ({"bytes": [1, -1]}, "follow"),
        ({"bytes": [2**20, 2**21]}, "bytes"),
        ({"lows": [0.0]}, "low"),
        ({"lows": [0.0, np.inf]}, "finite"),
        ({"coordinates": [0, 0]}, "one group"),
    ],
)
def test_a_wrong_coding_is_refused(wrong: dict[str, Any], message: str) -> None:
    given = {"coordinates": [0, 1], "ends": [1, 2], "lows": [0.0, 0.0], "bytes": [1, 1]} | wrong
    arrays = [
        np.array(given[name], dtype)
        for name, dtype in zip(
            ("coordinates", "ends", "lows", "bytes"), ("i4", "i4", "f8", "i4"), strict=True
        )
    ]
    with pytest.raises(ValueError, match=message):
        _core.ManhattanCoding(*arrays, step=given.get("step", 1.0))


def test_a_coding_is_of_the_width_and_the_metric_of_the_rows() -> None:
    one = np.array([1], np.int32)
    coding = _core.ManhattanCoding(one, one, np.zeros(1), one, step=1.0)
    rows = np.zeros((4, 1))
    with pytest.raises(ValueError, match="width"):
        _core.Index(rows, metric="manhattan", cpu=CPU_PATHS[0], coding=coding)
    with pytest.raises(ValueError, match="manhattan"):
        _core.Index(np.zeros((4, 2)), metric="sqeuclidean", cpu=CPU_PATHS[0], coding=coding)
