"""IDX files: what is written is read back, and every kind of damage is told by name."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from tests.traced_memory import TracedMemory

from lookalike.images.exceptions import DatasetError
from lookalike.images.idx import content_sha256, find_idx_files, read_idx, read_idx_folder

Writer = Callable[[NDArray[Any]], bytes]
IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@given(
    array=npst.arrays(
        st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]),
        npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
    ),
    compressed=st.booleans(),
)
def test_reads_what_was_written(
    array: NDArray[Any],
    compressed: bool,
    idx_bytes: Writer,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = idx_bytes(array)
    path = tmp_path_factory.getbasetemp() / "file"
    path.write_bytes(gzip.compress(content) if compressed else content)
    read = read_idx(path)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


def test_content_hash_is_that_of_the_uncompressed_file(idx_bytes: Writer) -> None:
    assert content_sha256(IMAGES) == hashlib.sha256(idx_bytes(IMAGES)).hexdigest()
    turned = IMAGES.transpose(2, 1, 0)  # not contiguous
    assert content_sha256(turned) == hashlib.sha256(idx_bytes(turned)).hexdigest()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-1], "is cut short: its header promises 24 bytes .* only 23"),
        (lambda content: content[:9], "is cut short within its header"),
        (lambda content: content[:3], "is not an IDX file: it begins with 0x000008"),
        (lambda content: content + b"x", "is too long: its header promises 24 bytes"),
        (lambda content: b"\x89PNG" + content[4:], "is not an IDX file: it begins with 0x89504e47"),
        (lambda content: b"\0\0\x07\3" + content[4:], "is not an IDX file"),
        (lambda content: b"\0\0\x08\0" + content[4:], "is not an IDX file"),
        (lambda content: b"", "is not an IDX file: it begins with 0x,"),
        (
            lambda content: content[:4] + b"\xff" * 12 + content[16:],
            r"promises 79,228,162,458,924,105,385,300,197,375 bytes .* max_bytes=4,294,967,296",
        ),
        (lambda content: b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"x", "255 dimensions"),
    ],
)
def test_damage_is_named(
    damage: Callable[[bytes], bytes],
    message: str,
    compressed: bool,
    idx_bytes: Writer,
    tmp_path: Path,
) -> None:
    content = damage(idx_bytes(IMAGES))
    path = tmp_path / "images-file"
    path.write_bytes(gzip.compress(content) if compressed else content)
    with pytest.raises(DatasetError, match=message) as caught:
        read_idx(path)
    assert "images-file" in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-9],  # no end of stream
        lambda packed: packed[:12],  # within the compressed data
        lambda packed: packed[:-8] + b"\0" * 8,  # wrong checksum
        lambda packed: packed[:10] + b"\xff" * 5 + packed[15:],  # no deflate stream
        lambda packed: packed + b"not another gzip member",
        lambda packed: packed[:2],
    ],
)
def test_damaged_gzip_is_named(
    damage: Callable[[bytes], bytes], idx_bytes: Writer, tmp_path: Path
) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(idx_bytes(IMAGES), mtime=0)))
    with pytest.raises(DatasetError, match=r"file\.gz .*get the file again"):
        read_idx(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere cannot be read"):
        read_idx(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("n_images", "zeros", "max_bytes", "message"),
    [
        (2**30, 2**24, 2**40, "compressed bytes hold at most"),  # a lie: fewer zeros than told
        (2**24, 2**24, 2**20, "promises 16,777,216 bytes but the limit is max_bytes=1,048,576"),
        (16, 2**24, 2**20, "is too long"),  # an honest header before far too much
    ],
)
def test_bombs_take_no_memory(
    n_images: int, zeros: int, max_bytes: int, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.gz"
    header = b"\0\0\x08\3" + np.array([n_images, 1, 1], ">u4").tobytes()
    path.write_bytes(gzip.compress(header + bytes(zeros)))
    with TracedMemory() as memory, pytest.raises(DatasetError, match=message):
        read_idx(path, max_bytes=max_bytes)
    assert memory.peak < 2**20


def read_if_sound(path: Path, content: bytes | bytearray) -> NDArray[Any] | None:
    """Write a file and return its array, or None if it is refused."""
    path.write_bytes(content)
    try:
        return read_idx(path, max_bytes=2**16)
    except DatasetError:
        return None


@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=64).map(lambda rest: b"\0\0\x08\3" + rest),
        st.binary(max_size=64).map(lambda rest: b"\x1f\x8b\x08" + rest),
        st.binary(max_size=64).map(lambda rest: gzip.compress(b"\0\0\x08\1" + rest)),
    )
)
def test_any_bytes_are_read_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    array = read_if_sound(tmp_path_factory.getbasetemp() / "fuzzed", content)
    assert array is None or array.nbytes <= 2**16


@given(data=st.data())
def test_flipped_bytes_of_a_sound_file(
    data: st.DataObject, idx_bytes: Writer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(gzip.compress(idx_bytes(IMAGES), mtime=0))
    where = data.draw(st.integers(0, len(content) - 1))
    content[where] ^= data.draw(st.integers(1, 255))
    array = read_if_sound(tmp_path_factory.getbasetemp() / "flipped", content)
    # gzip guards its contents by a checksum, so what is read is right
    assert array is None or np.array_equal(array, IMAGES)


def test_finds_files_by_the_names_in_use(tmp_path: Path) -> None:
    names = {
        ("train", "images"): "emnist-letters-train-images-idx3-ubyte.gz",
        ("train", "labels"): "train-labels.idx1-ubyte",
        ("test", "images"): "t10k-images-idx3-ubyte",
        ("test", "labels"): "test-labels-idx1-ubyte.gz",
    }
    for name in (*names.values(), "t10k-images-idx3-ubyte.gz", "readme.txt"):
        (tmp_path / name).touch()
    assert find_idx_files(tmp_path) == {key: tmp_path / name for key, name in names.items()}
    (tmp_path / "other-train-labels-idx1-ubyte").touch()
    with pytest.raises(DatasetError, match="holds the train labels twice"):
        find_idx_files(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train-images-idx3-ubyte"], "no file with the train labels"),
        (["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"], "no file with the train images"),
        (
            ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"],
            "no file with the test images",
        ),
    ],
)
def test_incomplete_folder(
    names: list[str], message: str, idx_bytes: Writer, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_bytes(idx_bytes(IMAGES))
    with pytest.raises(DatasetError, match=message):
        read_idx_folder(tmp_path)


def test_files_in_folders_of_their_own_names(idx_bytes: Writer, tmp_path: Path) -> None:
    labels = np.array([0, 1], np.uint8)
    for name, array in (("images-idx3", IMAGES), ("labels-idx1", labels)):
        inner = tmp_path / f"train-{name}-ubyte" / f"train-{name.replace('-', '.')}-ubyte"
        inner.parent.mkdir()
        inner.write_bytes(idx_bytes(array))
    raw = read_idx_folder(tmp_path)
    np.testing.assert_array_equal(raw.train.images, IMAGES)
    copy = tmp_path / "train-images.idx3-ubyte"
    copy.write_bytes(idx_bytes(IMAGES))
    assert find_idx_files(tmp_path)["train", "images"] == copy
    copy.write_bytes(idx_bytes(IMAGES[::-1]))
    with pytest.raises(DatasetError, match="holds the train images twice"):
        read_idx_folder(tmp_path)


def test_one_of_several_data_sets_by_one_of_its_files(idx_bytes: Writer, tmp_path: Path) -> None:
    for i, name in enumerate(("ones", "twos")):
        for kind, array in (("images-idx3", IMAGES + i), ("labels-idx1", np.array([i, i], "u1"))):
            (tmp_path / f"{name}-train-{kind}-ubyte").write_bytes(idx_bytes(array))
    with pytest.raises(DatasetError, match=r"twice, .*give the path of a file instead") as e:
        read_idx_folder(tmp_path)
    named = Path(str(e.value).split("for example ")[1].split(", or keep")[0])
    np.testing.assert_array_equal(read_idx_folder(named).train.labels, [0, 0])
    raw = read_idx_folder(tmp_path / "twos-train-labels-idx1-ubyte")
    np.testing.assert_array_equal(raw.train.images, IMAGES + 1)


def test_signed_bytes_are_read_as_unsigned_ones(idx_bytes: Writer, tmp_path: Path) -> None:
    images = np.array([[[0, 127], [128, 255]]], np.uint8)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(images.view(np.int8)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.array([3], np.uint8)))
    with pytest.warns(UserWarning, match=r"signed bytes, .* read as unsigned bytes, -1 as 255"):
        raw = read_idx_folder(tmp_path)
    np.testing.assert_array_equal(raw.train.images, images)


def test_emnist_says_what_it_is(idx_bytes: Writer, tmp_path: Path) -> None:
    for kind, array in (("images-idx3", IMAGES), ("labels-idx1", np.array([2, 1], np.uint8))):
        (tmp_path / f"emnist-letters-train-{kind}-ubyte").write_bytes(idx_bytes(array))
    assert read_idx_folder(tmp_path).train.labels.tolist() == [2, 1]
    mapping = tmp_path / "emnist-letters-mapping.txt"
    mapping.write_text("1 65 97\n2 66 98\n")
    raw = read_idx_folder(tmp_path)
    assert raw.transposed
    assert raw.train.labels.tolist() == ["B", "A"]
    mapping.write_text("1 65\n")
    with pytest.raises(DatasetError, match=r"label 2 is not in EMNIST's mapping"):
        read_idx_folder(tmp_path)
    for wrong in ("1 A\n", "1\n", "1 7\n", "☃"):
        mapping.write_text(wrong)
        with pytest.raises(DatasetError, match=r"mapping\.txt.* correct or remove"):
            read_idx_folder(tmp_path)


@pytest.mark.parametrize(
    ("folder", "is_one"),
    [("emnist-letters", True), ("EMNIST", True), ("emnists", False), ("mnist", False)],
)
def test_emnist_is_told_by_its_folder(
    folder: str, is_one: bool, idx_bytes: Writer, tmp_path: Path
) -> None:
    where = tmp_path / folder
    where.mkdir()
    (where / "train-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES))
    (where / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.array([3, 4], np.uint8)))
    assert read_idx_folder(where).transposed == is_one
