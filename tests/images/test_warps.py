"""Warps against SciPy's map_coordinates, and what is promised of their seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from lookalike import AffineWarps, ElasticWarps, Rotations, Scalings, Shifts
from lookalike.images import variants as module
from lookalike.images.variants import (
    AffineWarp,
    ElasticWarp,
    Flip,
    Rotation,
    Scaling,
    Warp,
    bilinear_matrix,
)

WARPS: list[Warp] = [
    Rotation(10.0),
    Rotation(-90.0),
    Rotation(180.0),
    Scaling(0.5),
    Scaling(1.3),
    AffineWarp(1, 20.0, 0.2, 10.0, 2.0, seed=3),
    ElasticWarp(1, 20.0, 3.0, seed=3),
    ElasticWarp(2, 300.0, 1.0, seed=3),
]


def by_scipy(warp: Warp, images: np.ndarray) -> np.ndarray:
    """Read every channel of every image on its own, as floats."""
    coordinates = warp.coordinates(*images.shape[1:3])
    result = np.empty(images.shape, dtype=np.float64)
    for channel in np.ndindex(images.shape[3:]):
        for i in range(len(images)):
            where = (i, slice(None), slice(None), *channel)
            result[where] = ndimage.map_coordinates(
                images[where].astype(np.float64), coordinates, order=1, mode="grid-constant"
            )
    return result


@given(
    warp=st.sampled_from(WARPS),
    n=st.integers(0, 3),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.sampled_from([None, 1, 3]),
    dtype=st.sampled_from(["?", "u1", "i2", "u4", "i8", "f2", "f4", "f8"]),
    seed=st.integers(0, 2**32),
)
def test_equals_scipy_to_rounding(
    warp: Warp, n: int, height: int, width: int, channels: int | None, dtype: str, seed: int
) -> None:
    shape = (n, height, width) if channels is None else (n, height, width, channels)
    rng = np.random.default_rng(seed)
    images = (rng.random(shape) * 200).astype(dtype)
    expected = by_scipy(warp, images)
    result = warp.apply(images)
    assert result.dtype == images.dtype
    assert result.flags.c_contiguous
    if images.dtype.kind == "f":
        tolerance = {"f2": 0.2, "f4": 1e-4, "f8": 1e-10}[dtype]
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)
    else:  # a half may fall to either side by the last bit
        assert (np.abs(result.astype(np.float64) - expected) <= 0.5 + 1e-9).all()
    if result.size:
        assert result.min() >= min(0, images.min())
        assert result.max() <= images.max()


@given(
    coordinates=st.lists(
        st.tuples(*[st.floats(-1e300, 1e300) | st.floats(-2, 6) | st.integers(-2, 6)] * 2),
        min_size=12,
        max_size=12,
    )
)
def test_any_coordinates(coordinates: list[tuple[float, float]]) -> None:
    places = np.array(coordinates, dtype=np.float64).T.reshape(2, 3, 4)
    matrix = bilinear_matrix(places)
    assert matrix.shape == (12, 12)
    assert matrix.nnz == 0 or (matrix.data.min() > 0 and matrix.sum(axis=1).max() <= 1 + 1e-15)
    assert np.diff(matrix.indptr).max() <= 4
    image = np.random.default_rng(0).random((3, 4))
    clipped = np.clip(places, -3, 8)  # what SciPy can take
    expected = ndimage.map_coordinates(image, clipped, order=1, mode="grid-constant")
    np.testing.assert_allclose((matrix @ image.ravel()).reshape(3, 4), expected, atol=1e-12)


IMAGES = np.random.default_rng(0).random((3, 11, 8))


@pytest.mark.parametrize("degrees", [10.0, -25.0, 90.0, 180.0, 133.3])
def test_rotations_are_scipys_and_counter_clockwise(degrees: float) -> None:
    expected = ndimage.rotate(
        IMAGES, degrees, axes=(1, 2), reshape=False, order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(Rotation(degrees).apply(IMAGES), expected, atol=1e-10)


def test_quarter_turns_only_move_pixels() -> None:
    square = IMAGES[:, :8, :8]
    np.testing.assert_array_equal(Rotation(90.0).apply(square), np.rot90(square, 1, axes=(1, 2)))
    np.testing.assert_array_equal(Rotation(-90.0).apply(square), np.rot90(square, 3, axes=(1, 2)))
    np.testing.assert_array_equal(Rotation(180.0).apply(IMAGES), Flip(True, True).apply(IMAGES))


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_scalings_are_scipys(factor: float) -> None:
    middle = (np.array(IMAGES.shape[1:]) - 1) / 2
    expected = [
        ndimage.affine_transform(
            image,
            np.eye(2) / factor,
            offset=middle - middle / factor,
            order=1,
            mode="grid-constant",
        )
        for image in IMAGES
    ]
    np.testing.assert_allclose(Scaling(factor).apply(IMAGES), expected, atol=1e-12)


def test_affine_warps_stay_within_their_limits_and_use_them() -> None:
    height = width = 21
    grid = np.indices((height, width)) - 10.0
    found = []
    for warp in AffineWarps(200, rotation=15, scale=0.2, shear=0, translation=3).variants((21, 21)):
        places = warp.coordinates(height, width) - 10.0
        inverse = np.stack(
            [places[:, 11, 10] - places[:, 10, 10], places[:, 10, 11] - places[:, 10, 10]], 1
        )
        np.testing.assert_allclose(  # it is affine
            places, np.einsum("ij,jhw->ihw", inverse, grid) + places[:, 10:11, 10:11], atol=1e-9
        )
        forward = np.linalg.inv(inverse)
        scale = np.sqrt(np.linalg.det(forward))
        angle = np.degrees(np.arctan2(forward[1, 0], forward[0, 0]))
        moved = -forward @ places[:, 10, 10]
        found.append([angle, scale - 1, *moved])
    extremes = np.abs(found).max(axis=0)
    assert (extremes <= np.array([15, 0.2, 3, 3]) + 1e-9).all()
    assert (extremes > 0.9 * np.array([15, 0.2, 3, 3])).all()
    assert np.abs(np.mean(found, axis=0) / [15, 0.2, 3, 3]).max() < 0.15


def test_shear_alone_slants_what_was_upright() -> None:
    (warp,) = AffineWarps(1, rotation=0, scale=0, shear=20, translation=0).variants((9, 9))
    places = warp.coordinates(9, 9)
    np.testing.assert_allclose(places[0], np.indices((9, 9))[0])
    slant = np.unique(
        (places[1] - np.indices((9, 9))[1])[1:, 4] - (places[1] - np.indices((9, 9))[1])[:-1, 4]
    )
    assert 0 < np.abs(slant).max() <= np.tan(np.radians(20))
    np.testing.assert_allclose(slant, slant[0])


def test_elastic_warps_are_those_of_simard() -> None:
    (warp,) = ElasticWarps(1, alpha=34.0, sigma=4.0, random_state=7).variants((28, 28))
    moved = warp.coordinates(28, 28) - np.indices((28, 28))
    noise = np.random.default_rng([7, 1]).uniform(-1, 1, size=(2, 28, 28))
    for axis in (0, 1):
        smooth = ndimage.gaussian_filter(noise[axis], 4.0, mode="constant")
        np.testing.assert_allclose(moved[axis], 34.0 * smooth, atol=1e-12)
    many = [
        w.coordinates(64, 64)[:, 20:44, 20:44] - np.indices((64, 64))[:, 20:44, 20:44]
        for w in ElasticWarps(30).variants((64, 64))
    ]
    assert np.sqrt(np.mean(np.square(many))) == pytest.approx(0.16 * 34 / 4, rel=0.1)


@pytest.mark.parametrize("kind", [AffineWarps, ElasticWarps])
def test_the_same_seed_gives_the_same_everything(kind: Any) -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    few = [variant.apply(images) for variant in kind(2, random_state=3).variants((28, 28))]
    many = [variant.apply(images) for variant in kind(4, random_state=3).variants((28, 28, 1))]
    np.testing.assert_array_equal(few, many[:2])
    assert not any(np.array_equal(one, other) for one in many[:2] for other in many[2:])
    others = [variant.apply(images) for variant in kind(2, random_state=4).variants((28, 28))]
    assert not np.array_equal(few, others)


@pytest.mark.parametrize("warp", WARPS, ids=str)
def test_a_variant_never_depends_on_the_batch(warp: Warp, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(1).random((7, 12, 10, 3))
    whole = warp.apply(images)
    for i, image in enumerate(images):
        np.testing.assert_array_equal(warp.apply(image[None])[0], whole[i])
        for channel in range(3):
            np.testing.assert_array_equal(
                warp.apply(image[None, ..., channel])[0], whole[i, ..., channel]
            )
    monkeypatch.setattr(module, "_BLOCK_BYTES", 2 * 8 * 12 * 10 * 3)  # blocks of 2 images
    np.testing.assert_array_equal(warp.apply(images), whole)
    np.testing.assert_array_equal(warp.apply(np.asfortranarray(images)), whole)


def test_halves_go_to_even() -> None:
    half = bilinear_matrix(np.array([[[0.0, 0.0]], [[0.5, 1.0]]]))
    images = np.array([[[1, 2]], [[2, 3]], [[0, 1]], [[254, 255]]], dtype=np.uint8)
    assert module.resample(images, half)[:, 0, 0].tolist() == [2, 2, 0, 254]


def test_integers_that_floats_do_not_hold() -> None:
    images = np.full((1, 3, 3), -(2**53) - 1)
    with pytest.raises(ValueError, match=r"reach 9007199254740993.*exact up to 2\*\*53; scale"):
        Rotation(10.0).apply(images)
    np.testing.assert_array_equal(
        Shifts(1).variants((3, 3))[0].apply(images)[0, :, 1:], images[0, :, 1:]
    )


def test_largest_values_stay_in_range() -> None:
    for dtype in ("u1", "i1", "i4", "u4"):
        info = np.iinfo(dtype)
        for value in (info.min, info.max):
            images = np.full((1, 9, 9), value, dtype=dtype)
            for variant in (Rotations([7, 33]) + Scalings([0.7, 1.7])).variants((9, 9)):
                assert variant.apply(images)[0, 4, 4] == value
