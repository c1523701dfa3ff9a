"""Which dtype numbers are searched in: the documented table, and that no value changes."""

import tracemalloc
import warnings
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from sklearn.exceptions import DataConversionWarning

from lookalike import NearestNeighbors
from lookalike.search.dtypes import NATIVE, common_dtype, exactly, to_native

MIB = 2**20
INTEGER_DTYPES = ["int16", "uint16", "int32", "uint32", "int64", "uint64", ">i2", ">i8"]


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.uint8([[3]]), "uint8"),
        (np.int8([[3]]), "int8"),
        (np.int16([[3]]), "int16"),
        (np.float32([[3]]), "float32"),
        (np.float64([[3]]), "float64"),
        (np.array([[True, False]]), "uint8"),
        (np.float16([[0.1]]), "float16"),
        ([[0, 255]], "uint8"),
        ([[-128, 127]], "int8"),
        ([[-1, 128]], "int16"),
        ([[0, 256]], "int16"),
        ([[-(2**15), 2**15 - 1]], "int16"),
        (np.uint16([[2**15 - 1]]), "int16"),
        (np.uint16([[2**15]]), "float32"),
        ([[-(2**15) - 1]], "float32"),
        ([[-(2**24), 2**24]], "float32"),
        ([[0, 2**24 + 1]], "float64"),
        ([[-(2**53), 2**53]], "float64"),
        (np.array([[1, 2.5]], dtype=object), "float64"),
        (np.array([[1.0, -2.5]], dtype=">f4"), "float32"),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, 1]}), "float64"),
        (pd.DataFrame({"a": [True], "b": [False]}), "uint8"),
    ],
)
def test_the_table(array: Any, dtype: str) -> None:
    rows = NearestNeighbors().fit(array)._searcher.rows
    assert rows.dtype == dtype
    assert rows.dtype.isnative
    np.testing.assert_array_equal(rows, np.asarray(array, dtype=rows.dtype))


@given(
    array=st.sampled_from([np.dtype(name) for name in INTEGER_DTYPES]).flatmap(
        lambda dtype: nps.arrays(
            dtype,
            nps.array_shapes(min_dims=2, max_dims=2, max_side=4),
            elements=st.integers(
                max(np.iinfo(dtype).min, -(2**53)), min(np.iinfo(dtype).max, 2**53)
            ),
        )
    )
)
def test_integers_never_change(array: Any) -> None:
    native = to_native(array)
    assert native.dtype in NATIVE
    assert native.flags.c_contiguous
    assert [[int(v) for v in row] for row in native] == array.tolist()


@given(
    array=st.sampled_from(NATIVE).flatmap(
        lambda dtype: nps.arrays(
            dtype,
            (2, 3),
            elements=nps.from_dtype(dtype, allow_nan=False, allow_infinity=False),
        )
    ),
    target=st.sampled_from(NATIVE),
)
def test_exactly_converts_all_or_nothing(array: Any, target: np.dtype[Any]) -> None:
    converted = exactly(array, target)
    # Through float64, which holds every value of these dtypes, and compares them.
    wide = array.astype(np.float64)
    if target.kind in "iu":
        info = np.iinfo(target)
        fits = ((wide == np.rint(wide)) & (wide >= info.min) & (wide <= info.max)).all()
    else:
        with np.errstate(over="ignore"):
            fits = (wide.astype(target).astype(np.float64) == wide).all()
    assert (converted is not None) == fits
    if converted is not None:
        assert converted.dtype == target
        np.testing.assert_array_equal(converted.astype(np.float64), wide)


def test_conversion_needs_little_memory_and_ends_at_the_first_misfit() -> None:
    array = np.ones((4096, 1024))  # 32 MiB
    whole, late = _peak_memory(array), array.copy()
    assert 4 * MIB <= whole[1] < 8 * MIB  # the answer itself has 4 MiB
    assert whole[0] is not None
    late[-1, -1] = 0.5
    assert _peak_memory(late)[0] is None
    array[5, 5] = 0.5
    with patch.object(np, "array_equal", wraps=np.array_equal) as compared:
        assert exactly(array, np.uint8) is None
    assert compared.call_count == 1


def _peak_memory(array: Any) -> tuple[Any, int]:
    tracemalloc.start()
    try:
        return exactly(array, np.uint8), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("rows", "queries", "common", "mib"),
    [
        ("uint8", "float32", "float32", 1),
        ("int16", "float32", "float32", 1),
        ("uint8", "float64", "float64", 2),
        ("int8", "float64", "float64", 2),
    ],
)
def test_a_second_index_is_announced_once(rows: str, queries: str, common: str, mib: int) -> None:
    search = NearestNeighbors(n_neighbors=1).fit(np.zeros((4096, 64), rows))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.kneighbors(np.ones((2, 64), queries))  # exact in the dtype of the rows
    X = np.full((2, 64), 0.1, queries)
    message = (
        rf"X \({queries}\) .* not exact in {rows}, .* compared in {common}, .* {mib} MiB\. "
        rf"Fit rows of dtype {common} .* pass X\.astype\('{rows}'\)"
    )
    with pytest.warns(DataConversionWarning, match=message) as warned:
        first = search.kneighbors(X)
    assert [warning.filename for warning in warned] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(search.kneighbors(X), first)
        search.kneighbors(X.astype(rows))
        NearestNeighbors(n_neighbors=1).fit(np.zeros((9, 64), rows)).kneighbors(X)  # nearly free
        NearestNeighbors(n_neighbors=1).fit(np.zeros((9, 64), common)).kneighbors(X)


def test_common_dtype_holds_both() -> None:
    for a in NATIVE:
        for b in NATIVE:
            common = common_dtype(a, b)
            assert common in NATIVE
            assert np.can_cast(a, common, "safe")
            assert np.can_cast(b, common, "safe")
            assert common == common_dtype(b, a)


def test_a_view_is_laid_out_in_rows() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(4, 6)
    for view in (array.T, array[:, ::2], np.asfortranarray(array)):
        search = NearestNeighbors(n_neighbors=1).fit(view)
        assert search._searcher.rows.flags.c_contiguous
        assert search.kneighbors(view)[1].ravel().tolist() == list(range(len(view)))


def test_numbers_at_odd_addresses_are_moved() -> None:
    odd = np.frombuffer(b"." + np.arange(6.0).tobytes(), offset=1).reshape(3, 2)
    assert not odd.flags.aligned
    search = NearestNeighbors(n_neighbors=1).fit(odd)
    assert search._searcher.rows.flags.aligned
    assert search.kneighbors(odd)[1].ravel().tolist() == [0, 1, 2]
    even = np.arange(6.0).reshape(3, 2)
    assert np.shares_memory(to_native(even), even)
