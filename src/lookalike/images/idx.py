"""Reading of IDX files, the format of MNIST, with or without gzip compression.

An IDX file has two zero bytes, a byte for the type, a byte for the number of dimensions, each
dimension as a big-endian 32-bit integer, then the values in big-endian C order (Y. LeCun,
C. Cortes, C. Burges, "The MNIST database of handwritten digits"). Every array has exactly one such
file, so the hash of the file can be computed from the array.
"""

from __future__ import annotations

import filecmp
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.checks import RawDataset, RawPart
from lookalike.images.emnist import is_emnist, name_labels, read_mapping
from lookalike.images.exceptions import DatasetError, warn_caller
from lookalike.images.files import clutter_kind
from lookalike.images.limits import (
    MAX_BYTES,
    check_deflated_bytes,
    check_promised_bytes,
    check_stored_bytes,
    read_promised_bytes,
)

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_GZIP_MAGIC = b"\x1f\x8b"

# train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte, emnist-letters-test-images-idx3-ubyte, ...
_NAME = re.compile(
    r"(?P<prefix>.*[-_.])?(?P<part>train|t10k|test)[-_.](?P<kind>images|labels)[-_.]idx\d-\w+"
    r"(?:\.gz)?"
)


def read_idx(path: Path, *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read an IDX file, with or without gzip compression.

    Parameters
    ----------
    path : Path
        The file. Its first bytes decide whether it is compressed, not its name.
    max_bytes : int
        Largest size of the array, checked before memory is allocated.

    Returns
    -------
    ndarray
        The array, in the shape and the (native-endian) dtype of the header.

    Raises
    ------
    DatasetError
        If the file cannot be read, is not an IDX file, is cut short, damaged or too long, or
        has an array of more than ``max_bytes``.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as raw:
            compressed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            if not compressed:
                return _read_array(raw, path, size, compressed=False, max_bytes=max_bytes)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _read_array(unpacked, path, size, compressed=True, max_bytes=max_bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read: {error}; get the file again") from error


def _read_array(
    stream: io.BufferedIOBase, path: Path, size: int, *, compressed: bool, max_bytes: int
) -> NDArray[Any]:
    where = str(path)
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        raise DatasetError(
            f"{where} is not an IDX file: it begins with 0x{magic.hex()}, not with two zero bytes, "
            "a type and a number of dimensions; check that it is the right file"
        )
    dtype, n_dims = _DTYPES[magic[2]], magic[3]
    dims = stream.read(4 * n_dims)
    if len(dims) < 4 * n_dims:
        raise DatasetError(f"{where} is cut short within its header; get the file again")
    shape = tuple(int(n) for n in np.frombuffer(dims, ">u4"))

    # Python's integers, because NumPy's overflow for huge dimensions
    promised = dtype.itemsize
    for n in shape:
        promised *= n
    check_promised_bytes(promised, where, max_bytes=max_bytes)
    if compressed:
        check_deflated_bytes(promised, size, where)
    else:
        check_stored_bytes(promised, size - len(magic) - len(dims), where)

    content = read_promised_bytes(stream, promised, where)
    try:
        array = np.frombuffer(content, dtype).reshape(shape)
    except ValueError as error:  # more dimensions than NumPy has
        raise DatasetError(f"{where}: {n_dims} dimensions cannot be read: {error}") from error
    # Always copy: NumPy allocates huge pages for its own large arrays, which makes a search among
    # the images 10 % faster.
    return array.astype(array.dtype.newbyteorder("="))


def content_sha256(array: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of the uncompressed IDX file that holds this uint8 array."""
    header = bytes([0, 0, 0x08, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def is_idx_name(name: str) -> bool:
    """Return whether a file is named like those of MNIST."""
    return _NAME.fullmatch(name) is not None


def find_idx_files(where: Path) -> dict[tuple[str, str], Path]:
    """Find the IDX files of a folder by their names.

    Parameters
    ----------
    where : Path
        The folder; or one of its files, to select files with the same prefix. Files in sub-folders
        of their own names, as some unpacking programs create them, are found too.

    Returns
    -------
    dict
        The file of each ``(part, kind)``, part "train" or "test", kind "images" or "labels". If
        a file exists compressed and uncompressed, the uncompressed one.

    Raises
    ------
    DatasetError
        If the folder has two files of one part and kind that are not copies of each other.
    """
    folder = where if where.is_dir() else where.parent
    wanted = None if where.is_dir() else _prefix(where)
    found: dict[tuple[str, str], Path] = {}
    for path in _files(folder):
        match = _NAME.fullmatch(path.name)
        if match is None or wanted not in (None, _prefix(path)):
            continue
        key = ("train" if match["part"] == "train" else "test", match["kind"])
        if key not in found:
            found[key] = path
        elif path.name != f"{found[key].name}.gz" and not (
            _prefix(path) == _prefix(found[key]) and is_copy(path, found[key])
        ):
            raise DatasetError(
                f"{folder} holds the {key[0]} {key[1]} twice, {found[key].name} and {path.name}; "
                f"give the path of a file instead, for example {found[key]}, or keep each data set "
                "in a folder of its own"
            )
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, then those of sub-folders that are named like a file."""
    folders = []
    for path in sorted(folder.iterdir()):  # a name sorts before the same name with .gz
        if is_idx_name(path.name) and path.is_dir():
            folders.append(path)
        elif clutter_kind(path.name) is None:
            yield path
    for path in folders:
        yield from (file for file in sorted(path.iterdir()) if clutter_kind(file.name) is None)


def _prefix(path: Path) -> str:
    match = _NAME.fullmatch(path.name)
    return "" if match is None else match["prefix"] or ""


def is_copy(path: Path, other: Path) -> bool:
    """Return whether two files have the same content."""
    return filecmp.cmp(path, other, shallow=False)


def read_idx_folder(where: Path, *, max_bytes: int = MAX_BYTES) -> RawDataset:
    """Read a folder of IDX files: images and labels for training and, if they exist, for test.

    Parameters
    ----------
    where : Path
        As for `find_idx_files`.
    max_bytes : int
        Largest size of each array.

    Raises
    ------
    DatasetError
        If a file is missing or cannot be read.

    Warns
    -----
    UserWarning
        If images are signed bytes with negative values, which are read as unsigned bytes.
    """
    folder = where if where.is_dir() else where.parent
    files = find_idx_files(where)
    parts: dict[str, RawPart] = {}
    for part in ("train", "test"):
        images, labels = files.get((part, "images")), files.get((part, "labels"))
        if images and labels:
            parts[part] = RawPart(
                _unsigned(read_idx(images, max_bytes=max_bytes), images),
                _named(read_idx(labels, max_bytes=max_bytes), labels),
                str(images),
            )
        elif images or labels or part == "train":
            missing = "images" if images is None else "labels"
            raise DatasetError(
                f"{folder} has no file with the {part} {missing} (for example "
                f"{part}-{missing}-idx{3 if missing == 'images' else 1}-ubyte.gz); add it"
            )
    transposed = is_emnist(files["train", "images"])
    return RawDataset(parts["train"], parts.get("test"), None, str(where), transposed=transposed)


def _unsigned(images: NDArray[Any], path: Path) -> NDArray[Any]:
    if images.dtype != np.int8 or images.size == 0 or images.min() >= 0:
        return images
    warn_caller(
        f"{path} holds signed bytes, some of them negative; they were read as unsigned bytes, -1 "
        "as 255, because pixels are 0 to 255"
    )
    return images.view(np.uint8)


def _named(labels: NDArray[Any], path: Path) -> NDArray[Any]:
    names = read_mapping(path, _prefix(path)) if is_emnist(path) else None
    return labels if names is None else name_labels(labels, names, str(path))
