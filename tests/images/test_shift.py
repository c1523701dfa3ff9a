"""shift against scipy.ndimage.shift, for every dtype, layout and direction."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from lookalike import shift

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", ">i2", ">f4"]
LAYOUTS: list[tuple[tuple[str, ...], int | None]] = [
    (("h", "w"), None),
    (("n", "h", "w"), None),
    (("n", "h", "w", "c"), None),
    (("h", "w", "c"), -1),
    (("h", "w", "c"), 2),
    (("c", "h", "w"), 0),
    (("n", "c", "h", "w"), 1),
    (("n", "c", "h", "w"), -3),
    (("n", "h", "w", "c"), 3),
]


def pixels(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.random(shape) < 0.5
    if kind.kind == "f":
        return (rng.standard_normal(shape) * 1e3).astype(kind)
    info = np.iinfo(kind)
    low, high = max(info.min, -(2**52)), min(info.max, 2**52)  # SciPy goes through float64
    return rng.integers(low, high, shape, endpoint=True).astype(kind)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, int | None, dict[str, int], int, int]:
    axes, channel_axis = draw(st.sampled_from(LAYOUTS))
    sizes = {
        "n": draw(st.integers(0, 4)),
        "h": draw(st.integers(1, 7)),
        "w": draw(st.integers(1, 7)),
        "c": draw(st.integers(1, 4)),
    }
    array = pixels(
        tuple(sizes[axis] for axis in axes),
        draw(st.sampled_from(DTYPES)),
        draw(st.integers(0, 2**32)),
    )
    where = {axis: position for position, axis in enumerate(axes)}
    dy, dx = (draw(st.integers(1 - sizes[axis], sizes[axis] - 1)) for axis in "hw")
    return array, channel_axis, where, dy, dx


def by_scipy(array: np.ndarray, where: dict[str, int], dy: float, dx: float, **options: Any) -> Any:
    """Shift every channel of every image on its own."""
    moved = np.moveaxis(array, (where["h"], where["w"]), (-2, -1))
    expected = np.empty_like(moved)
    for index in np.ndindex(moved.shape[:-2]):
        expected[index] = ndimage.shift(moved[index], [dy, dx], **options)
    return np.moveaxis(expected, (-2, -1), (where["h"], where["w"]))


@given(case=cases(), fill=st.sampled_from([0, 1]))
def test_equals_scipy_for_every_dtype_and_layout(case: Any, fill: int) -> None:
    array, channel_axis, where, dy, dx = case
    before = array.copy()
    moved = shift(array, dy, dx, fill, channel_axis=channel_axis)
    assert moved.dtype == array.dtype
    assert not np.shares_memory(moved, array)
    np.testing.assert_array_equal(moved, by_scipy(array, where, dy, dx, cval=fill, order=0))
    np.testing.assert_array_equal(array, before)


@given(case=cases(), part=st.sampled_from([0.25, -0.5, 1e-3]))
def test_parts_of_a_pixel_are_scipys(case: Any, part: float) -> None:
    array, channel_axis, where, dy, dx = case
    dy, dx = (
        dy * 0.9,
        dx * 0.9 + (part if abs(dx * 0.9 + part) < array.shape[where["w"]] - 1 else 0),
    )
    if float(dy).is_integer() and float(dx).is_integer():
        return
    if array.dtype.kind == "b":
        with pytest.raises(ValueError, match="not interpolate pixels of dtype bool"):
            shift(array, dy, dx, channel_axis=channel_axis)
        return
    moved = shift(array, dy, dx, 1, channel_axis=channel_axis)
    assert moved.dtype == array.dtype
    expected = by_scipy(array, where, dy, dx, cval=1, order=1)
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("dtype", ["i8", "u8", "f2", "g"])
def test_exact_where_scipy_is_not(dtype: str) -> None:
    large = 2**62 + 1 if dtype in ("i8", "u8") else 3
    image = np.array([[large, large + 1]], dtype=dtype)
    np.testing.assert_array_equal(shift(image, 0, 1), np.array([[0, large]], dtype=dtype))


def test_whole_floats_and_numpys_integers_are_whole() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    expected = shift(image, 1, -1)
    np.testing.assert_array_equal(shift(image, 1.0, np.int8(-1)), expected)
    np.testing.assert_array_equal(shift(image.tolist(), np.float32(1), -1), expected)


def test_any_memory_layout() -> None:
    images = np.arange(2 * 4 * 5).reshape(2, 4, 5)
    expected = shift(images, 1, 2)
    np.testing.assert_array_equal(shift(np.asfortranarray(images), 1, 2), expected)
    np.testing.assert_array_equal(shift(images[::-1], 1, 2), expected[::-1])


def test_values_that_are_no_numbers_move_too() -> None:
    image = np.array([[np.nan, np.inf, 2.0]], dtype=np.float32)
    np.testing.assert_array_equal(shift(image, 0, 1, fill=-np.inf), [[-np.inf, np.nan, np.inf]])
    np.testing.assert_array_equal(shift(image, 0, -2, fill=np.nan), [[2, np.nan, np.nan]])


def test_one_colour_image_is_told_from_a_batch() -> None:
    image = np.random.default_rng(0).random((28, 20, 3))
    with pytest.raises(ValueError, match=r"one colour image of 28 × 20.*channel_axis=-1.*None\]"):
        shift(image, 1, 0)
    as_one = shift(image, 1, 0, channel_axis=-1)
    np.testing.assert_array_equal(as_one, shift(image[None], 1, 0)[0])
    np.testing.assert_array_equal(as_one[1:], image[:-1])
    as_many = shift(image[..., None], 1, 0)[..., 0]
    np.testing.assert_array_equal(as_many[:, 1:], image[:, :-1])


IMAGE = np.zeros((28, 20), dtype=np.uint8)


@pytest.mark.parametrize(
    ("dy", "dx", "message"),
    [
        (28, 0, r"dy=28 but the images are 28 pixels high.*at most 27 either way"),
        (-28, 0, r"dy=-28 but"),
        (0, 20, r"dx=20 but the images are 20 pixels wide.*at most 19"),
        (0, 19.5, r"dx=19\.5 but"),
        (10**400, 0, "dy=1000"),
        (float("nan"), 0, "dy=nan is not a number of pixels; give a finite number"),
        (0, float("-inf"), "dx=-inf is not a number of pixels"),
        ("1", 0, "dy='1' is not a number"),
        (1j, 0, "dy=1j is not a number"),
        (None, 0, "dy=None is not a number"),
    ],
)
def test_distances_that_make_no_sense(dy: Any, dx: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shift(IMAGE, dy, dx)


@pytest.mark.parametrize(
    ("dtype", "fill", "held"),
    [
        ("u1", 256, "whole numbers 0 to 255"),
        ("u1", -1, "whole numbers 0 to 255"),
        ("u1", 0.5, "whole numbers 0 to 255"),
        ("i1", 128, "whole numbers -128 to 127"),
        ("u8", 2**64, "fill=18446744073709551616"),
        ("i8", float("nan"), "whole numbers"),
        ("i4", 1e30, "whole numbers"),
        ("i8", 2.0**63, "whole numbers"),
        ("?", 2, "True and False"),
        ("?", 0.5, "True and False"),
        ("f4", 1e300, "finite numbers of its range"),
        ("f8", "0", "fill='0'"),
        ("f8", 1j, "fill=1j"),
        ("f8", [0, 1], r"fill=\[0, 1\]"),
        ("f8", None, "fill=None"),
    ],
)
@pytest.mark.parametrize("dx", [0, 1, 0.5])
def test_fill_that_the_dtype_does_not_hold(dtype: str, fill: Any, held: str, dx: float) -> None:
    with pytest.raises(ValueError, match=held):
        shift(np.zeros((3, 3), dtype=dtype), 0, dx, fill)


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [("u1", 255), ("u1", 7.0), ("u1", np.uint64(7)), ("?", True), ("?", 1.0), ("f4", 0.1)],
)
def test_fill_that_it_holds(dtype: str, fill: Any) -> None:
    moved = shift(np.zeros((1, 2), dtype=dtype), 0, 1, fill)
    assert moved[0, 0] == np.dtype(dtype).type(fill)


@pytest.mark.parametrize(
    ("shape", "channel_axis", "message"),
    [
        ((5,), None, r"\(5,\) have 1 axes"),
        ((1, 2, 3, 4, 5), None, "have 5 axes"),
        ((0, 5), None, "0 × 5 pixels"),
        ((2, 5, 0), None, "5 × 0 pixels"),
        ((4, 5), -1, "channel_axis=-1 but images have the shape"),
        ((4, 5, 3), 3, "channel_axis=3 but"),
        ((4, 5, 3), 1, "between rows and columns"),
        ((2, 4, 3, 5), 2, "between rows and columns"),
    ],
)
def test_shapes_of_no_images(
    shape: tuple[int, ...], channel_axis: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        shift(np.zeros(shape), 0, 0, channel_axis=channel_axis)


@pytest.mark.parametrize("images", [np.array([["a"]]), np.array([[1j]]), np.array([[None]])])
def test_values_of_no_pixels(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match=f"dtype {re.escape(str(images.dtype))} are not numeric"):
        shift(images, 0, 0)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 3), "f2"), "not interpolate pixels of dtype float16"),
        (np.full((3, 3), 2**52 + 1), r"exact up to 2\*\*52.*reach 4503599627370497"),
        (np.full((3, 3), -(2**63)), "reach 9223372036854775808"),
    ],
)
def test_parts_of_a_pixel_that_would_be_wrong(images: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shift(images, 0.5, 0)
