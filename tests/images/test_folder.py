"""Folders of images: size, colour and orientation come out right, and bad files are named."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike import load_dataset
from lookalike.images import pictures as pictures_module
from lookalike.images.exceptions import DatasetError
from lookalike.images.folder import read_image_folder

RAMP = np.arange(6 * 4, dtype=np.uint8).reshape(6, 4) * 10


def save(path: Path, pixels: np.ndarray | Image.Image = RAMP, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def encoded(image_format: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(RAMP).save(stream, image_format)
    return stream.getvalue()


def test_grey_images_of_one_size(tmp_path: Path) -> None:
    save(tmp_path / "dog" / "1.png", RAMP + 1)
    save(tmp_path / "cat" / "2.bmp", RAMP + 2)
    save(tmp_path / "cat" / "1.pgm", RAMP + 3)
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "cat" / "Thumbs.db").touch()
    raw = read_image_folder(tmp_path)
    np.testing.assert_array_equal(raw.train.images, [RAMP + 3, RAMP + 2, RAMP + 1])
    assert raw.train.images.dtype == np.uint8
    assert raw.train.labels.tolist() == ["cat", "cat", "dog"]
    assert raw.test is None


def test_train_and_test_folders(tmp_path: Path) -> None:
    for part, n in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            for i in range(n):
                save(tmp_path / part / name / f"{i}.png", RAMP + i)
    data = load_dataset(tmp_path)
    assert (len(data.train), len(data.test)) == (6, 4)
    assert data.class_names == ("cat", "dog")
    assert data.test.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("extension", ["png", "jpg", "jpeg", "gif", "tif", "webp", "PNG"])
def test_formats(extension: str, tmp_path: Path) -> None:
    flat = np.full((5, 7), 200, np.uint8)
    save(tmp_path / "class" / f"image.{extension}", flat)
    raw = read_image_folder(tmp_path, image_shape=(5, 7, 1))
    np.testing.assert_allclose(raw.train.images[0], flat, atol=2)


def test_one_colour_image_makes_all_colour(tmp_path: Path) -> None:
    colour = np.stack([RAMP, RAMP + 5, RAMP + 9], axis=-1)
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "a" / "2.png", colour)
    images = read_image_folder(tmp_path).train.images
    np.testing.assert_array_equal(images[0], np.stack([RAMP] * 3, axis=-1))
    np.testing.assert_array_equal(images[1], colour)
    grey = read_image_folder(tmp_path, image_shape=(6, 4, 1)).train.images
    assert grey.shape == (2, 6, 4)
    with pytest.raises(DatasetError, match="ask for 1 or 3 channels"):
        read_image_folder(tmp_path, image_shape=(6, 4, 4))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_exif_orientation(orientation: int, extension: str, tmp_path: Path) -> None:
    # what a camera stores for each orientation when the scene is RAMP (EXIF 2.3, tag 274)
    stored = {
        1: RAMP,
        2: RAMP[:, ::-1],
        3: RAMP[::-1, ::-1],
        4: RAMP[::-1],
        5: RAMP.T,
        6: np.rot90(RAMP),
        7: RAMP[::-1, ::-1].T,
        8: np.rot90(RAMP, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / "a" / f"image.{extension}", np.ascontiguousarray(stored), exif=exif)
    np.testing.assert_array_equal(read_image_folder(tmp_path).train.images[0], RAMP)


def test_sizes_are_made_one_and_that_is_said(tmp_path: Path) -> None:
    for i, shape in enumerate([(4, 8), (6, 10), (20, 12)]):
        save(tmp_path / "a" / f"{i}.png", np.full(shape, 50 * i, np.uint8))
    with pytest.warns(
        UserWarning, match="of 4 × 8 to 20 × 12 pixels are brought to 8 × 10, padded"
    ):
        images = read_image_folder(tmp_path).train.images
    assert images.shape == (3, 8, 10)
    assert [int(image[4, 5]) for image in images] == [0, 50, 100]
    assert images[2, 0, 0] == 50  # the ground beside the third, which is higher than wide
    stretched = read_image_folder(tmp_path, image_shape=(8, 10), fit="stretch").train.images
    np.testing.assert_array_equal(stretched, np.full((3, 8, 10), [[[0]], [[50]], [[100]]]))
    small = load_dataset(tmp_path, image_shape=(3, 2), test_size=1)
    assert small.train.images.shape == (2, 3, 2)


def test_warning_points_at_the_caller(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / "a" / f"{i}.png", RAMP[i:])
        save(tmp_path / "b" / f"{i}.png", RAMP[i:])
    with pytest.warns(UserWarning, match="are brought to") as caught:
        load_dataset(tmp_path, test_size=2)
    assert caught[0].filename == __file__


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[0, 0] = (10, 20, 30, 255)
    save(tmp_path / "a" / "rgba.png", clear)
    palette = Image.fromarray(np.array([[0, 1], [1, 1]], np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 90, 90, 90])
    save(tmp_path / "a" / "palette.png", palette, transparency=1)
    expected = np.full((2, 2, 3), 255)
    expected[0, 0] = (10, 20, 30)
    np.testing.assert_array_equal(read_image_folder(tmp_path).train.images, [expected] * 2)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    save(tmp_path / "a" / "deep.png", RAMP.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image_folder(tmp_path).train.images, [RAMP])


def test_all_broken_files_are_named_at_once_or_passed_over(tmp_path: Path) -> None:
    for i in range(6):
        save(tmp_path / "ab"[i % 2] / f"{i}.jpg", np.full((32, 32), 40 * i, np.uint8))
    whole = (tmp_path / "a" / "0.jpg").read_bytes()
    bad = {"a/2.jpg": whole[: len(whole) // 2], "b/3.jpg": b"", "b/notes.txt": b"no picture"}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=r"3 of 7 files cannot be read: .* skip_broken=True"):
        load_dataset(tmp_path, test_size=0)
    with pytest.raises(DatasetError) as caught:
        load_dataset(tmp_path, test_size=2)
    assert all(str(tmp_path / name) in str(caught.value) for name in bad)
    with pytest.warns(UserWarning, match="3 of 7 files passed over: "):
        data = load_dataset(tmp_path, test_size=2, skip_broken=True)
    assert sorted(path.relative_to(tmp_path).as_posix() for path, _ in data.skipped) == sorted(bad)
    assert len(data.train) + len(data.test) == 4
    for part in (data.train, data.test):
        assert part.paths is not None
        for path, image, label in zip(part.paths, part.images, part.labels, strict=True):
            assert path.parent.name == data.class_names[label]
            np.testing.assert_array_equal(image, np.asarray(Image.open(path)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "holds no data set: neither IDX files"),
        (
            lambda root: (root / "a").mkdir(),
            r"folder a in .*: empty, but a class needs pictures; add pictures",
        ),
        (
            lambda root: [save(root / "a" / "1.png"), save(root / "2.png")],
            r"holds the file 2\.png beside",
        ),
        (lambda root: save(root / "1.png"), r"1 picture, such as 1\.png, but no folder for each"),
    ],
)
def test_wrong_layouts(make: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(DatasetError, match=message):
        read_image_folder(tmp_path)


def test_all_faults_of_a_layout_are_named_at_once(tmp_path: Path) -> None:
    save(tmp_path / "train" / "a" / "1.png")
    (tmp_path / "train" / "b").mkdir()
    save(tmp_path / "test" / "2.png")
    save(tmp_path / "training" / "a" / "1.png")
    save(tmp_path / "test" / "c" / "a" / "1.png")
    with pytest.raises(DatasetError) as caught:
        read_image_folder(tmp_path)
    told = str(caught.value)
    for i, (fault, cure) in enumerate(
        [
            ("both have a name of the train part", "rename one"),
            ("holds the file 2.png beside its folders", "move each into a class or away"),
            ("folder c in", "or move the pictures of classes up"),
            ("folder b in", "add pictures or remove it"),
        ],
        1,
    ):
        own = told[told.index(f"({i})") :].split(f"({i + 1})")[0]
        assert fault in own
        assert cure in own
    (tmp_path / "training").rename(tmp_path / "more")
    (tmp_path / "train" / "b").rmdir()
    (tmp_path / "test" / "c" / "a").rename(tmp_path / "test" / "a")
    (tmp_path / "test" / "c").rmdir()
    (tmp_path / "test" / "2.png").rename(tmp_path / "test" / "a" / "2.png")
    with pytest.warns(UserWarning, match="folder more beside the parts"):
        raw = read_image_folder(tmp_path)
    assert raw.test is not None
    assert (len(raw.train.images), len(raw.test.images)) == (1, 2)


def test_files_that_are_data_sets_say_what_to_do(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / "a" / f"{i}.png", RAMP + i)
    np.save(tmp_path / "a" / "x.npy", RAMP)
    np.savez(tmp_path / "a" / "x.npz", RAMP)
    (tmp_path / "a" / "x.csv").write_text("label,pixel0\n1,0\n")
    with zipfile.ZipFile(tmp_path / "a" / "x.zip", "w") as archive:
        archive.write(tmp_path / "a" / "0.png", "0.png")
    with pytest.raises(DatasetError, match="4 of 7 files cannot be read") as caught:
        read_image_folder(tmp_path)
    for name, cure in {
        "x.npy": "holds arrays and is no picture; save its images as PNG files, or all images",
        "x.npz": "holds arrays and is no picture; save its images as PNG files, or all images",
        "x.csv": "is a table and no picture; move it away, or give it alone",
        "x.zip": "is an archive and no picture; unpack it there, then remove it",
    }.items():
        assert f"{tmp_path / 'a' / name} {cure}" in str(caught.value)
    with pytest.warns(UserWarning, match="4 of 7 files passed over"):
        assert len(read_image_folder(tmp_path, skip_broken=True).train.images) == 3


def test_promise_of_a_bomb_is_not_kept(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    for width, height in ((2**13 + 1, 2**13), (2**31 - 1, 2**31 - 1)):
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        path = tmp_path / "a" / "bomb.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x"))
        with pytest.raises(DatasetError, match=r"bomb\.png.*(67,108,864|exceeds limit)"):
            read_image_folder(tmp_path)


def test_pixel_limit_is_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a" / "1.png")
    monkeypatch.setattr(pictures_module, "MAX_PIXELS", RAMP.size)
    assert len(read_image_folder(tmp_path).train.images) == 1
    monkeypatch.setattr(pictures_module, "MAX_PIXELS", RAMP.size - 1)
    with pytest.raises(DatasetError, match=r"promises 4 × 6 pixels but the limit is 23; shrink it"):
        read_image_folder(tmp_path)


def test_too_much_in_all(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png")
    said = r"1 picture of \(6, 4, 3\) take 72 bytes .*=71; .*--size"
    with pytest.raises(DatasetError, match=said):
        read_image_folder(tmp_path, max_bytes=71)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow's, before it gives the file up
@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_truncated_images_are_named(image_format: str, tmp_path: Path) -> None:
    content = encoded(image_format)
    path = tmp_path / "a" / f"cut.{image_format.lower()}"
    path.parent.mkdir()
    for length in (0, 10, len(content) // 2):
        path.write_bytes(content[:length])
        with pytest.raises(
            DatasetError, match=r"cut\.\w+ (is empty|does not decode|is no picture)"
        ):
            read_image_folder(tmp_path)


def test_formats_that_run_programs_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a" / "script.png"
    path.parent.mkdir()
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(DatasetError, match="is no picture that can be read"):
        read_image_folder(tmp_path)


ENCODED = {name: encoded(name) for name in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")}


@pytest.mark.filterwarnings("ignore")  # Pillow warns of much that is odd, and still decodes it
@given(data=st.data())
def test_any_bytes_are_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(ENCODED[data.draw(st.sampled_from(sorted(ENCODED)))])
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where : where + 1] = data.draw(st.binary(max_size=3))
    path = tmp_path_factory.getbasetemp() / "fuzzed-images" / "a" / "image.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        raw = read_image_folder(path.parent.parent, image_shape=(6, 4))
    except DatasetError:
        return
    assert raw.train.images.shape[:3] == (1, 6, 4)
