"""Images read file by file: their very values, and nothing that differs from what is expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.images.exceptions import DatasetError, DatasetNotFoundError
from lookalike.images.sources import read_images

SHAPE = (5, 4)
RAMP = np.arange(20, dtype=np.uint8).reshape(SHAPE)
DEEP = RAMP.astype(np.uint16) + 340


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        *((f"a.{ending}", RAMP) for ending in ("png", "bmp", "pgm", "tif", "PNG")),
        *((f"a.{ending}", DEEP) for ending in ("png", "tif")),
        ("a.tif", RAMP / np.float32(3)),
        *((f"a.{ending}", DEEP.astype(np.int16) - 500) for ending in ("npy", "npz")),
        ("a.npy", RAMP / 3),
        ("a.npy", RAMP > 7),
    ],
)
def test_values_are_as_they_are(name: str, pixels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".npy":
        np.save(path, pixels)
    elif path.suffix == ".npz":
        np.savez(path, any_name=pixels)
    else:
        Image.fromarray(pixels).save(path)
    (image,) = read_images([path], SHAPE)
    assert (image.name, image.path) == ("a", path)
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.pixels.dtype.isnative


def test_colour(tmp_path: Path) -> None:
    pixels = np.stack([RAMP, RAMP[::-1], RAMP * 2], axis=2)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", pixels.astype(np.int32) - 9)
    first, second = read_images([tmp_path], (*SHAPE, 3))
    np.testing.assert_array_equal(first.pixels, pixels)
    np.testing.assert_array_equal(second.pixels, pixels.astype(np.int32) - 9)


def test_stacks_folders_and_names_that_collide(tmp_path: Path) -> None:
    stack = np.arange(11 * 20).reshape(11, *SHAPE, 1)
    np.savez(tmp_path / "many.npz", images=stack, labels=np.arange(11))
    (tmp_path / "folder").mkdir()
    for name in ("a.png", "a-2.png", "A.bmp"):
        Image.fromarray(RAMP).save(tmp_path / "folder" / name)
    for clutter in (".a.png", "Thumbs.db", "notes.txt"):
        (tmp_path / "folder" / clutter).write_text("none of them")
    paths = [tmp_path / "folder" / "a.png", tmp_path / "folder", tmp_path / "many.npz"]
    images = read_images(paths, SHAPE)
    assert [image.name for image in images[:4]] == ["a", "A-3", "a-2", "a-4"]
    assert [image.name for image in images[4:]] == [f"many-{i:02}" for i in range(11)]
    for image, pixels in zip(images[4:], stack[..., 0], strict=True):
        np.testing.assert_array_equal(image.pixels, pixels)


def png(*shape: int) -> Image.Image:
    return Image.fromarray(np.zeros(shape, dtype=np.uint8))


def pink(*shape: int) -> Image.Image:
    return Image.fromarray(np.full(shape, (255, 192, 203), dtype=np.uint8))


@pytest.mark.parametrize(
    ("image", "expected", "said"),
    [
        (png(6, 4), SHAPE, "6 × 4 pixels in grey, but .* 5 × 4 pixels in grey; resize them to 5"),
        (pink(5, 4, 3), SHAPE, "5 × 4 pixels in colour, but .* grey; convert them to grey, or"),
        (png(5, 4), (5, 4, 3), "5 × 4 pixels in grey, but .* colour; convert them to colour"),
        (pink(4, 5, 3), SHAPE, "4 × 5 .* resize them to 5 × 4 and convert them to grey, or train"),
        (png(5, 4), (5, 4, 4), r"5 × 4 .* in colour with transparency; give arrays of shape \(5"),
    ],
)
def test_other_sizes_and_colours(
    image: Image.Image, expected: tuple[int, ...], said: str, tmp_path: Path
) -> None:
    image.save(tmp_path / "a.png")
    with pytest.raises(DatasetError, match=rf"a\.png: images of {said}") as caught:
        read_images([tmp_path / "a.png"], expected)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 2)), "2 × 2 pixels in grey, but"),
        (np.zeros((9, 4, 5)), "images of 4 × 5 pixels in grey, but"),
        (np.zeros((9, 5, 4, 2)), "images of 5 × 4 pixels in 2 channels, but .* convert them"),
        (np.zeros((0, 5, 4)), r"no images but an array of shape \(0, 5, 4\)"),
        (np.zeros(20), r"no images but an array of shape \(20,\)"),
        (np.full(SHAPE, np.nan), "NaN or infinity"),
        (np.full(SHAPE, "a"), "dtype <U1, which are not pixels"),
    ],
)
def test_arrays_that_are_no_such_images(array: np.ndarray, said: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DatasetError, match=said):
        read_images([tmp_path / "a.npy"], SHAPE)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    (tmp_path / "a.npz").write_bytes(b"no zip")
    (tmp_path / "a.txt").touch()
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "b.npz", first=RAMP, second=RAMP)
    for name, kind, said in (
        ("a.png", DatasetError, "is no picture that can be read"),
        ("a.npz", DatasetError, "cannot be read"),
        ("a.txt", DatasetError, "is empty; replace or remove it"),
        ("missing.png", DatasetNotFoundError, "does not exist; correct its name"),
        ("empty", DatasetNotFoundError, "holds no pictures; name another folder"),
        ("b.npz", DatasetError, "holds first, second; name the array to read images"),
    ):
        with pytest.raises(kind, match=said):
            read_images([tmp_path / name], SHAPE)


def test_sixteen_bits_are_never_cut_to_eight(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    rows = b"".join(b"\0" + bytes(4 * 3 * 2) for _ in range(5))
    header = struct.pack(">IIBBBBB", 4, 5, 16, 2, 0, 0, 0)  # 16 bits a channel, colour
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    Image.fromarray(DEEP).save(tmp_path / "b.pgm")
    for name in ("a.png", "b.pgm"):
        with pytest.raises(DatasetError, match=r"more than 8 bits a channel .* by np\.save"):
            read_images([tmp_path / name], (5, 4, 3))


def test_all_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no image")
    png(5, 4).save(tmp_path / "good.png")
    with pytest.raises(DatasetError, match=r"2 files cannot be read: .*a\.png is no .*b\.png is"):
        read_images([tmp_path], SHAPE)
