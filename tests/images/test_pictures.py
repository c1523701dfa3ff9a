"""Pictures of every kind come out with their right values, upright, on a ground that shows them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from lookalike.images.exceptions import NoPictureError, PictureError, PictureTooLargeError
from lookalike.images.pictures import flatten, read_picture, read_size

RAMP = np.arange(6 * 4, dtype=np.uint8).reshape(6, 4) * 10
COLOUR = np.stack([RAMP, RAMP + 5, RAMP + 9], axis=-1)


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_grey_pixels_are_grey_whatever_the_mode_says(mode: str, image_format: str) -> None:
    content = encoded(Image.fromarray(RAMP).convert(mode), image_format)
    np.testing.assert_array_equal(read_picture(content).pixels, RAMP)


@pytest.mark.parametrize(
    "image_format", ["PNG", "BMP", "DIB", "PPM", "TIFF", "TGA", "ICO", "WEBP", "SGI", "PCX"]
)
def test_colours_of_formats_without_loss(image_format: str) -> None:
    options = {"lossless": True} if image_format == "WEBP" else {}
    image = Image.fromarray(COLOUR)
    if image_format == "ICO":
        image = image.resize((16, 16), Image.Resampling.NEAREST)
    content = encoded(image, image_format, **options)
    np.testing.assert_array_equal(read_picture(content).pixels, np.asarray(image))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif() -> None:
    flat = Image.new("RGB", (16, 16), (200, 40, 90))
    found = read_picture(encoded(flat, "AVIF", quality=100)).pixels
    np.testing.assert_allclose(found, np.asarray(flat), atol=3)


def test_cmyk_and_one_bit() -> None:
    flat = Image.new("RGB", (16, 16), (200, 40, 90))
    found = read_picture(encoded(flat.convert("CMYK"), "TIFF")).pixels
    np.testing.assert_array_equal(found, np.asarray(flat))
    bits = RAMP > 100
    found = read_picture(encoded(Image.fromarray(bits), "PNG")).pixels
    np.testing.assert_array_equal(found, 255 * bits)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_to_eight(image_format: str) -> None:
    deep = RAMP.astype(np.uint16) * 257
    deep[0, 0] = 65535
    expected = RAMP.copy()
    expected[0, 0] = 255
    content = encoded(Image.fromarray(deep), image_format)
    np.testing.assert_array_equal(read_picture(content).pixels, expected)


def test_floats_are_read_as_shares_or_as_bytes_or_refused() -> None:
    def read(values: np.ndarray) -> np.ndarray:
        return read_picture(encoded(Image.fromarray(values.astype(np.float32)), "TIFF")).pixels

    np.testing.assert_array_equal(read(RAMP / 255), RAMP)
    np.testing.assert_array_equal(read(RAMP + 0.25), RAMP)
    with pytest.raises(PictureError, match="values from -230 to -1; save it with values of 8 or"):
        read(-RAMP.astype(float) - (RAMP == 0))


def test_dark_sixteen_bits_stay_dark() -> None:
    # a 16-bit picture that uses few of its values is not taken for one of 8 bits
    found = read_picture(encoded(Image.fromarray(RAMP.astype(np.uint16)), "PNG")).pixels
    assert found.max() <= 1


@pytest.mark.parametrize("value", [255, 250])
def test_white_ink_on_a_transparent_ground_is_shown_on_black(value: int) -> None:
    pixels = np.full((6, 4, 4), value, np.uint8)
    pixels[..., 3] = RAMP
    found = read_picture(encoded(Image.fromarray(pixels), "PNG"))
    assert found.is_on_black
    np.testing.assert_allclose(found.pixels, RAMP * (value / 255), atol=1)


def test_other_transparency_is_shown_on_white() -> None:
    pixels = np.zeros((6, 4, 4), np.uint8)
    pixels[..., 3] = RAMP
    np.testing.assert_array_equal(flatten(pixels).pixels, 255 - RAMP)
    blank = flatten(np.full((6, 4, 4), 255, np.uint8))  # opaque: nothing is hidden on white
    assert not blank.is_on_black
    assert (blank.pixels == 255).all()


def test_jpeg_is_decoded_no_larger_than_is_enough() -> None:
    content = encoded(Image.effect_noise((640, 320), 30).convert("RGB"), "JPEG")
    assert read_picture(content).pixels.shape == (320, 640)
    assert read_picture(content, least_size=(60, 60)).pixels.shape == (80, 160)
    assert read_picture(content, least_size=(300, 60)).pixels.shape == (320, 640)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_header_tells_the_size_as_it_is_seen(orientation: int, image_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(COLOUR), image_format, exif=exif)
    assert read_size(content) == read_picture(content).pixels.shape[:2]


@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_header_counts_frames(image_format: str) -> None:
    frames = [Image.fromarray(np.roll(RAMP, i)) for i in range(5)]
    content = encoded(frames[0], image_format, save_all=True, append_images=frames[1:])
    assert read_picture(content).n_frames == 5
    if image_format != "WEBP":  # which keeps no exact values
        np.testing.assert_array_equal(read_picture(content).pixels, RAMP)


def test_a_name_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(encoded(Image.fromarray(RAMP), "PNG"))
    np.testing.assert_array_equal(read_picture(path).pixels, RAMP)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<html>404</html>", "is no picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "pip install pillow-heif"),
    ],
)
def test_what_is_no_picture(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(NoPictureError, match=said) as caught:
        read_picture(path)
    assert str(caught.value).startswith(str(path))


def test_limit_of_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(Image.fromarray(RAMP), "PNG")
    monkeypatch.setattr("lookalike.images.pictures.MAX_PIXELS", 24)
    assert read_picture(content).pixels.shape == (6, 4)
    monkeypatch.setattr("lookalike.images.pictures.MAX_PIXELS", 23)
    with pytest.raises(PictureTooLargeError, match="promises 4 × 6 pixels but the limit is 23"):
        read_picture(content)
