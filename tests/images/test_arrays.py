"""NumPy's files: every layout in use is read, and nothing that could run code or exhaust memory."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traced_memory import TracedMemory

from lookalike.images.arrays import read_npy, read_npz
from lookalike.images.exceptions import DatasetError

IMAGES = np.arange(4 * 3 * 2, dtype=np.uint8).reshape(4, 3, 2)
LABELS = np.array([0, 1, 0, 1])


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_header(header: str) -> bytes:
    """Return the beginning of a .npy file of version 1.0 with this header."""
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header.encode("latin1")


def npz(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "names",
    [
        ("images", "labels"),
        ("data", "target"),
        ("X", "y"),
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_layouts_of_npz(save, names: tuple[str, ...], tmp_path: Path) -> None:
    arrays = [IMAGES, LABELS, IMAGES[:2], LABELS[:2]]
    path = tmp_path / "set.npz"
    save(path, **dict(zip(names, arrays, strict=False)), unrelated=np.zeros(3))
    raw = read_npz(path)
    np.testing.assert_array_equal(raw.train.images, IMAGES)
    np.testing.assert_array_equal(raw.train.labels, LABELS)
    assert (raw.test is None) == (len(names) == 2)
    if raw.test is not None:
        np.testing.assert_array_equal(raw.test.images, IMAGES[:2])
    assert raw.class_names is None


@given(order=st.sampled_from("CF"), byteorder=st.sampled_from("<>"), kind=st.sampled_from("iuf"))
def test_any_order_is_read(
    order: str, byteorder: str, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images = np.asarray(IMAGES, dtype=f"{byteorder}{kind}4", order=order)
    path = tmp_path_factory.getbasetemp() / "order.npz"
    np.savez(path, images=images, labels=np.array(["a", "ü", "a", "ü"]))
    raw = read_npz(path)
    np.testing.assert_array_equal(raw.train.images, IMAGES)
    assert raw.train.images.dtype == np.dtype(f"{kind}4")
    assert raw.train.labels.tolist() == ["a", "ü", "a", "ü"]


def test_class_names(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=IMAGES, labels=LABELS, class_names=np.array(["cat", "dog"]))
    assert read_npz(path).class_names == ("cat", "dog")
    np.savez(path, images=IMAGES, labels=LABELS, class_names=np.array([1, 2]))
    with pytest.raises(DatasetError, match=r"class_names of dtype int64 .* not a list of names"):
        read_npz(path)


def test_folder_of_npy(tmp_path: Path) -> None:
    for name in ("images", "train-images"):
        np.save(tmp_path / f"{name}.npy", IMAGES if name == "images" else IMAGES + 1)
        np.save(tmp_path / f"{name.replace('images', 'labels')}.npy", LABELS)
    first = read_npy(tmp_path).train.images  # train-images go before images
    np.testing.assert_array_equal(first, IMAGES + 1)
    named = read_npy(tmp_path / "images.npy").train.images
    np.testing.assert_array_equal(named, IMAGES)


def test_npy_without_its_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "y.npy", LABELS)
    with pytest.raises(DatasetError, match=r"images with their labels, only \['images'\]"):
        read_npy(tmp_path / "images.npy")
    np.save(tmp_path / "other.npy", IMAGES)
    with pytest.raises(DatasetError, match="only nothing"):
        read_npy(tmp_path / "other.npy")


def test_half_a_test_part(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=IMAGES, labels=LABELS, test_images=IMAGES)
    with pytest.raises(DatasetError, match="only one of test_images and test_labels"):
        read_npz(path)


class Explosive:
    """Fails the test if it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was loaded",)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=np.array([Explosive()] * 4), labels=LABELS)
    with pytest.raises(DatasetError, match=r"\(images\.npy\) holds pickled objects"):
        read_npz(path)
    np.save(tmp_path / "images.npy", np.array([Explosive()] * 4))
    np.save(tmp_path / "labels.npy", LABELS)
    with pytest.raises(DatasetError, match=r"images\.npy holds pickled objects"):
        read_npy(tmp_path)


HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s}\n"


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (npy(IMAGES)[:-1], "is cut short: its header promises 24 bytes of data .* only 23"),
        (npy(IMAGES) + b"x", "is too long"),
        (b"", "is not an array in NumPy's format"),
        (b"\x93NUMPY\7\0" + npy(IMAGES)[8:], "is not an array in NumPy's format"),
        (npy_header("{'descr': '|u1'"), "is not an array in NumPy's format"),
        (npy_header("(" * 3000), "is not an array in NumPy's format"),
        (npy_header(HEADER % ("|u1", "(1073741824, 1024, 1024)")), "max_bytes=1,048,576; raise"),
        (npy_header(HEADER % ("|u1", "(-1, 5)")), r"shape \(-1, 5\) holds neither images nor"),
        (npy_header(HEADER % ("<U0", "(1073741824,)")), "dtype <U0 .* neither images nor labels"),
        (npy_header(HEADER % ("<M8[s]", "(4,)")), "dtype datetime64.* neither images nor labels"),
        (npy_header(HEADER % ("|u1", f"({'1,' * 99})")), "is cut short|cannot be read"),
    ],
)
def test_damage_is_named(images: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(npz({"images": images, "labels": npy(LABELS)}))
    with pytest.raises(DatasetError, match=message) as caught:
        read_npz(path, max_bytes=2**20)
    assert "set.npz" in str(caught.value)

    (tmp_path / "images.npy").write_bytes(images)
    (tmp_path / "labels.npy").write_bytes(npy(LABELS))
    with pytest.raises(DatasetError, match=message) as caught:
        read_npy(tmp_path / "images.npy", max_bytes=2**20)
    assert "images.npy" in str(caught.value)


def test_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    sound = npz({"images": npy(IMAGES), "labels": npy(LABELS)}, zipfile.ZIP_STORED)
    where = sound.index(IMAGES.tobytes())
    for damaged in (sound[:-30], b"PK", sound[:where] + b"\xff" + sound[where + 1 :]):
        path.write_bytes(damaged)
        with pytest.raises(DatasetError, match=r"set\.npz.* (cannot be read|Bad CRC-32)"):
            read_npz(path)
    with pytest.raises(DatasetError, match=r"nowhere\.npz cannot be read"):
        read_npz(tmp_path / "nowhere.npz")


def test_other_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(npz({"images": npy(IMAGES), "labels": npy(LABELS)}, zipfile.ZIP_LZMA))
    with pytest.raises(DatasetError, match=r"compressed by method 14.*np\.savez_compressed"):
        read_npz(path)


def test_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    images = npy_header(HEADER % ("|u1", "(16777216, 1, 1)")) + bytes(2**24)
    path.write_bytes(npz({"images": images, "labels": npy(LABELS)}))
    del images
    message = "promises 16,777,216 bytes but the limit is"
    with TracedMemory() as memory, pytest.raises(DatasetError, match=message):
        read_npz(path, max_bytes=2**20)
    assert memory.peak < 2**20


@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=100).map(lambda rest: b"\x93NUMPY\1\0" + rest),
        st.text("{}()'descrfotan_:, 0123456789<|uU", max_size=100).map(npy_header),
    )
)
def test_any_bytes_are_read_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed-arrays"
    folder.mkdir(exist_ok=True)
    (folder / "labels.npy").write_bytes(npy(LABELS))
    (folder / "images.npy").write_bytes(content)
    archive = folder / "set.npz"
    for read, path, stored in (
        (read_npy, folder / "images.npy", content),
        (read_npz, archive, content),
        (read_npz, archive, npz({"images": content, "labels": npy(LABELS)})),
    ):
        path.write_bytes(stored)
        try:
            raw = read(path, max_bytes=2**16)
        except DatasetError:
            continue
        assert raw.train.images.nbytes <= 2**16


@given(data=st.data())
def test_flipped_bytes_of_a_sound_archive(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(npz({"images": npy(IMAGES), "labels": npy(LABELS)}))
    where = data.draw(st.integers(0, len(content) - 1))
    content[where] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    path.write_bytes(content)
    try:
        raw = read_npz(path, max_bytes=2**16)
    except DatasetError:
        return
    np.testing.assert_array_equal(raw.train.images, IMAGES)
