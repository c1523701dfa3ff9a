"""Conversion of numbers to the dtype they are searched in, which never changes a value.

========================== ============================================================
input                      searched as
========================== ============================================================
uint8, int8, int16         as they are, without a copy
float32, float64           as they are, without a copy
float16, bfloat16          float32; rows stay as they are, and are converted one at a time
bool                       uint8
other integers             the first of uint8, int8 and int16 that every value fits,
                           else float32 if no magnitude exceeds 2**24, else float64
                           up to 2**53; beyond that `ValueError`
longdouble                 float64 if every value is a float64, else `ValueError`
object holding numbers     float64, by scikit-learn's validation
complex, str, bytes, dates `ValueError`
========================== ============================================================

The answer therefore does not depend on the dtype in which the same numbers arrive.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lookalike import _core

INTEGERS = {
    "uint8": (0, 2**8 - 1),
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "float32": (-(2**24), 2**24),
    "float64": (-(2**53), 2**53),
}
"""The native dtypes, with the first and the last of the integers that they hold exactly."""

NATIVE = tuple(map(np.dtype, INTEGERS))

HALVES = frozenset({"float16", "bfloat16"})
"""Names of the dtypes in which rows are stored, and converted for each distance."""

SMALLEST_FOR_COSINE = float((np.finfo(np.float64).tiny / np.finfo(np.float64).eps) ** 0.5)
"""The squares of smaller float64 values lose precision or become zero."""

SMALLEST_FOR_EUCLIDEAN = SMALLEST_FOR_COSINE / float(np.finfo(np.float64).eps)
"""The squared differences of rows with smaller values lose precision or become zero."""

MODERATE = {
    np.dtype(np.float32): (float(np.finfo(np.float32).max), 0.0),
    np.dtype(np.float64): (2.0**480, 2.0**-400),
}
"""The largest and, beside zero, the smallest magnitude that `check_magnitude` surely accepts."""

VALUES_AT_ONCE = 2**18  # values that are converted and compared at once


def to_native(array: NDArray[Any], *, stored: bool = False) -> NDArray[Any]:
    """Convert an array of numbers, not empty, according to the table above.

    It is the array itself if nothing had to change, and always C-contiguous and aligned. With
    ``stored``, as for rows, floats of 16 bits stay as they are.

    Examples
    --------
    >>> import numpy as np
    >>> to_native(np.array([[0, 255]])).dtype, to_native(np.array([[-1, 255]])).dtype
    (dtype('uint8'), dtype('int16'))
    """
    flags = array.flags
    if type(array) is np.ndarray and array.dtype in NATIVE and flags.c_contiguous and flags.aligned:
        return array
    # Native code needs the machine's byte order and alignment; numpy.frombuffer, for instance,
    # returns arrays with neither.
    native = array.dtype if stored and array.dtype.name in HALVES else _native_dtype(array)
    return np.require(array, native, ["C_CONTIGUOUS", "ALIGNED", "ENSUREARRAY"])


def _native_dtype(array: NDArray[Any]) -> np.dtype[Any]:
    dtype = array.dtype.newbyteorder("=")
    if dtype in NATIVE:
        return dtype
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind in "iu":
        return _smallest_holding(int(array.min()), int(array.max()))
    if dtype.name in HALVES:
        return np.dtype(np.float32)
    if dtype != np.longdouble:
        raise ValueError(
            f"X has dtype {dtype}, but only numbers and booleans can be searched; convert "
            "it, for example with X.astype(numpy.float64)"
        )
    if exactly(array, np.float64) is None:
        raise ValueError(
            f"X of dtype {dtype} holds values that are not exact in float64, the widest "
            "dtype searched; round them yourself with X.astype(numpy.float64)"
        )
    return np.dtype(np.float64)


def _smallest_holding(low: int, high: int) -> np.dtype[Any]:
    """Return the first native dtype that holds every integer in low..high exactly."""
    for dtype, (least, most) in zip(NATIVE, INTEGERS.values(), strict=True):
        if least <= low and high <= most:
            return dtype
    raise ValueError(
        f"X holds integers from {low} to {high}, but beyond ±2**53 not every integer is "
        "exact in float64, the widest dtype searched; subtract an offset or scale them down"
    )


def exactly(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any] | None:
    """Return the array in another dtype, or None if a value would change.

    It stops at the first part that does not fit, and needs no memory beyond that of the result.

    Examples
    --------
    >>> import numpy as np
    >>> exactly(np.array([0.0, 255.0]), np.uint8)
    array([  0, 255], dtype=uint8)
    >>> exactly(np.array([0.5]), np.uint8) is None
    True
    """
    if np.can_cast(array.dtype, dtype, "safe"):
        return np.ascontiguousarray(array, dtype=dtype)
    converted = np.empty(array.shape, dtype)
    rows_at_once = max(1, VALUES_AT_ONCE * len(array) // array.size)
    for start in range(0, len(array), rows_at_once):
        part = slice(start, start + rows_at_once)
        with np.errstate(invalid="ignore", over="ignore"):
            converted[part] = array[part]
        if not np.array_equal(converted[part], array[part]):
            return None
    return converted


def are_moderate(array: NDArray[Any]) -> bool:
    """Return whether an array of a native dtype is finite and `check_magnitude` surely accepts it.

    One pass over the values tells it. `check_magnitude` accepts some other arrays too.
    """
    if array.dtype.kind != "f":
        return True
    most, least = MODERATE[array.dtype]
    return array.size <= 2**20 * len(array) and _core.are_within(array, -most, most, least)


def check_magnitude(array: NDArray[Any], metric: str) -> None:
    """Check that no distance of these rows overflows float64, and that no row underflows it.

    Manhattan distances sum differences, all others sum squares.
    """
    if array.dtype != np.float64:
        return
    magnitudes = np.maximum(array.max(axis=1), -array.min(axis=1))
    power = 1.0 if metric == "manhattan" else 0.5
    limit = (np.finfo(np.float64).max / array.shape[1]) ** power / 2
    largest = magnitudes.max()
    if largest > limit:
        raise ValueError(
            f"X holds a value of magnitude {largest:.3g}, but beyond {limit:.3g} a {metric} "
            f"distance over {array.shape[1]} features overflows float64; scale all data down"
        )
    if metric == "manhattan":
        return
    least, why, cure = SMALLEST_FOR_COSINE, "a row has no length for cosine", "scale such rows up"
    if metric != "cosine":
        least, why = SMALLEST_FOR_EUCLIDEAN, "distances are wrong"
        cure = "scale all data up, as by X * 2.0**900"
    tiny = np.flatnonzero((magnitudes > 0) & (magnitudes < least))
    if tiny.size:
        raise ValueError(
            f"row {tiny[0]} of X holds no value beyond magnitude {magnitudes[tiny[0]]:.3g}, "
            f"but below {least:.3g} squares underflow float64 and {why}; {cure}, or set such rows "
            "to zero"
        )


def common_dtype(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """Return the smallest native dtype that holds every value of two native dtypes.

    Examples
    --------
    >>> import numpy as np
    >>> common_dtype(np.dtype(np.uint8), np.dtype(np.int8))
    dtype('int16')
    """
    common = a if a == b else np.result_type(a, b)
    return common if common in NATIVE or a == b else np.dtype(np.float32)
