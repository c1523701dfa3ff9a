"""Images as data URIs."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lookalike.reports.thumbnails import as_pixels, thumbnail


def decode(uri: str) -> np.ndarray:
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(b64decode(data))))


@pytest.mark.parametrize("shape", [(28, 28), (28, 20, 3), (9, 8, 4)])
def test_pixels_stay_as_they_are(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(decode(thumbnail(image).uri), image)


def test_one_channel_is_grey() -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    np.testing.assert_array_equal(decode(thumbnail(image).uri), image[:, :, 0])


@pytest.mark.parametrize(
    ("shape", "size", "pixelated"),
    [
        ((8, 8), (80, 80), True),
        ((28, 28), (84, 84), True),
        ((32, 16), (48, 96), True),
        ((100, 50), (50, 100), False),
        ((400, 1000, 3), (84, 34), False),
        ((1, 2000), (84, 1), False),
        ((1, 1), (84, 84), True),
    ],
)
def test_sizes(shape: tuple[int, ...], size: tuple[int, int], pixelated: bool) -> None:
    small = thumbnail(np.zeros(shape, dtype=np.uint8))
    assert (small.width, small.height) == size
    assert small.pixelated == pixelated


def test_photographs_are_made_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 900, 3), dtype=np.uint8)
    assert decode(thumbnail(noise).uri).shape == (128, 192, 3)


def test_shades_reach_from_black_to_white() -> None:
    shades = as_pixels(np.array([[-1.0, 0.0, 8.0, 16.0, 99.0]]), brightest=16)
    assert shades.dtype == np.uint8
    assert shades.tolist() == [[0, 0, 128, 255, 255]]
