"""Padding, windows and tiles."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lookalike.denoising.patches import (
    TRAINING_TILE,
    corners,
    padded,
    tile_at,
    training_tiles,
    windows,
)


@pytest.mark.parametrize("shape", [(2, 8, 9, 1), (1, 2, 1, 3), (3, 7, 7, 2)])
def test_padding_mirrors_as_numpy_does(shape):
    stack = np.random.default_rng(0).random(shape, dtype=np.float32)
    expected = np.pad(stack, ((0, 0), (3, 4), (3, 3), (0, 0)), mode="symmetric")
    assert_array_equal(
        padded([stack[..., :1], stack[..., 1:]] if shape[3] > 1 else [stack], 3), expected
    )


def test_windows_are_those_around_the_pixels():
    stack = np.random.default_rng(1).random((2, 11, 12, 2), dtype=np.float32)
    at = np.array([1, 0]), np.array([0, 4]), np.array([2, 5])
    got = windows(stack, 1, at, centre=3)
    for i, (n, y, x) in enumerate(zip(*at, strict=True)):
        assert_array_equal(got[i], stack[n, y + 2 : y + 5, x + 2 : x + 5].ravel())


@pytest.mark.parametrize(("h", "w"), [(5, 300), (97, 96), (1, 1)])
def test_tiles_cover_an_image(h, w):
    image = np.arange(h * w, dtype=np.float32).reshape(h, w, 1)
    whole = np.full(image.shape, np.nan)
    for y, x in corners((h, w), 96):
        tile = tile_at(image, y, x, 96, 4)
        assert tile.shape == (104, 104, 1)
        place = whole[y : y + 96, x : x + 96]
        place[:] = tile[4 : 4 + place.shape[0], 4 : 4 + place.shape[1]]
    assert_array_equal(whole, image)


@pytest.mark.parametrize(("h", "w"), [(48, 48), (20, 100), (130, 49)])
def test_training_tiles_have_one_size_and_show_every_pixel(h, w):
    image = np.arange(h * w).reshape(h, w, 1)
    tiles = training_tiles(image)
    assert {tile.shape for tile in tiles} == {(TRAINING_TILE, TRAINING_TILE, 1)}
    assert set(np.unique(np.stack(tiles))) == set(range(h * w))
