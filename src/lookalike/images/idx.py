"""Read IDX files, the format of MNIST and EMNIST, with or without gzip compression.

An IDX file has two zero bytes, a byte for the type, a byte for the number of dimensions, each
dimension as a big-endian 32-bit integer, then the values in big-endian C order (Y. LeCun,
C. Cortes, C. Burges, "The MNIST database of handwritten digits"). EMNIST stores its images column
by column, and a mapping beside them gives the character codes of each label (G. Cohen, S. Afshar,
J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten letters", IJCNN 2017).
"""

from __future__ import annotations

import filecmp
import gzip
import hashlib
import io
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.checks import MAX_BYTES, RawDataset, RawPart, read_promised
from lookalike.images.exceptions import DatasetError, warn_caller
from lookalike.images.files import clutter_kind

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
_EMNIST = re.compile(r"emnist(?![a-z])", re.IGNORECASE)
_MAPPING_LINE = re.compile(r"\s*(\d{1,9})\s+(\d{1,7})(\s+\d+)*\s*")


def read_idx(path: Path, *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Return the array of an IDX file, in native byte order.

    The first bytes decide whether the file is compressed, not its name. A DatasetError says if it
    cannot be read, is not an IDX file, is cut short, damaged or too long, or if its header promises
    more than ``max_bytes``.
    """
    try:
        with path.open("rb") as raw:
            if raw.peek(2)[:2] != _GZIP_MAGIC:
                return _read_array(raw, path, is_deflated=False, max_bytes=max_bytes)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _read_array(unpacked, path, is_deflated=True, max_bytes=max_bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read: {error}; get the file again") from error


def _read_array(
    stream: io.BufferedIOBase, path: Path, *, is_deflated: bool, max_bytes: int
) -> NDArray[Any]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        raise DatasetError(
            f"{path} is not an IDX file: it begins with 0x{magic.hex()}, not with two zero bytes, "
            "a type and a number of dimensions; check that it is the right file"
        )
    dims = stream.read(4 * magic[3])
    if len(dims) < 4 * magic[3]:
        raise DatasetError(f"{path} is cut short within its header; get the file again")
    array = read_promised(
        stream,
        _DTYPES[magic[2]],
        tuple(np.frombuffer(dims, ">u4").tolist()),
        str(path),
        n_stored=path.stat().st_size - (0 if is_deflated else 4 + len(dims)),
        max_bytes=max_bytes,
        is_deflated=is_deflated,
    )
    # Always copy: NumPy allocates huge pages for its own large arrays, which makes a search among
    # the images 10 % faster.
    return array.astype(array.dtype.newbyteorder("="))


def content_sha256(array: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of the one uncompressed IDX file that holds this uint8 array."""
    header = bytes([0, 0, 0x08, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def is_idx_name(name: str) -> bool:
    """Return whether a file is named like those of MNIST."""
    return _NAME.fullmatch(name) is not None


def find_idx_files(where: Path) -> dict[tuple[str, str], Path]:
    """Return the IDX file of each ``(part, kind)``, "train" or "test" and "images" or "labels".

    They are found by their names in the folder, or, for the path of one of its files, are those
    with the same prefix. Some programs unpack a file into a sub-folder of its name, where it is
    found too. If a file has a compressed copy beside it, the uncompressed one is read; any other
    two files of one part and kind are a DatasetError.
    """
    folder = where if where.is_dir() else where.parent
    wanted = None if where.is_dir() else _prefix(where)
    found: dict[tuple[str, str], Path] = {}
    paths = sorted(folder.iterdir())  # a name sorts before the same name with .gz
    inner = [path for path in paths if is_idx_name(path.name) and path.is_dir()]
    paths = [path for path in paths if path not in inner]
    for path in (*paths, *(file for own in inner for file in sorted(own.iterdir()))):
        match = _NAME.fullmatch(path.name)
        if match is None or clutter_kind(path.name) or wanted not in (None, _prefix(path)):
            continue
        key = ("train" if match["part"] == "train" else "test", match["kind"])
        if key not in found:
            found[key] = path
        elif path.name != f"{found[key].name}.gz" and not (
            _prefix(path) == _prefix(found[key]) and filecmp.cmp(path, found[key], shallow=False)
        ):
            raise DatasetError(
                f"{folder} holds the {key[0]} {key[1]} twice, {found[key].name} and {path.name}; "
                f"give the path of a file instead, for example {found[key]}, or keep each data set "
                "in a folder of its own"
            )
    return found


def _prefix(path: Path) -> str:
    match = _NAME.fullmatch(path.name)
    return "" if match is None else match["prefix"] or ""


def read_idx_folder(where: Path, *, max_bytes: int = MAX_BYTES) -> RawDataset:
    """Read the train part, and the test part if there is one, of files as `find_idx_files` finds.

    A missing file is a DatasetError. Images of signed bytes, some of them negative, are read as
    unsigned bytes, with a warning.
    """
    folder = where if where.is_dir() else where.parent
    files = find_idx_files(where)
    parts: dict[str, RawPart] = {}
    for part in ("train", "test"):
        images, labels = files.get((part, "images")), files.get((part, "labels"))
        if images and labels:
            pixels = read_idx(images, max_bytes=max_bytes)
            if pixels.dtype == np.int8 and pixels.min(initial=0) < 0:
                warn_caller(
                    f"{images} holds signed bytes, some of them negative; they were read as "
                    "unsigned bytes, -1 as 255, because pixels are 0 to 255"
                )
                pixels = pixels.view(np.uint8)
            codes = read_idx(labels, max_bytes=max_bytes)
            names = name_emnist_labels(codes, labels, _prefix(labels))
            parts[part] = RawPart(pixels, names, str(images))
        elif images or labels or part == "train":
            missing = "images" if images is None else "labels"
            raise DatasetError(
                f"{folder} has no file with the {part} {missing} (for example "
                f"{part}-{missing}-idx{3 if missing == 'images' else 1}-ubyte.gz); add it"
            )
    transposed = is_emnist(files["train", "images"])
    return RawDataset(parts["train"], parts.get("test"), None, str(where), transposed=transposed)


def is_emnist(path: Path) -> bool:
    """Return whether a file, or the folder that holds it, is named as EMNIST's are."""
    return any(_EMNIST.match(name) for name in (path.name, path.absolute().parent.name))


def name_emnist_labels(labels: NDArray[Any], file: Path, prefix: str) -> NDArray[Any]:
    """Return labels by the names in EMNIST's mapping, if ``file`` is EMNIST's and it is beside it.

    The names of both begin with ``prefix``, for example ``"emnist-letters-"``. A DatasetError says
    if the file is no mapping or lacks a label.
    """
    path = file.with_name(f"{prefix}mapping.txt")
    if not is_emnist(file) or not path.is_file():
        return labels
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}; correct or remove it") from error
    names: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        match = _MAPPING_LINE.fullmatch(line)
        character = "" if match is None else chr(int(match[2]) % 0x110000)
        if match is None or not character.isprintable():
            raise DatasetError(
                f"{path}, line {number}: {line[:40]!r} is not a label with the code of its "
                "character, for example '10 65'; correct or remove the file"
            )
        names[int(match[1])] = character
    own, positions = np.unique(labels, return_inverse=True)
    lacking = [label for label in own.tolist() if label not in names]
    if lacking:
        raise DatasetError(
            f"{file}: label {lacking[0]!r} is not in EMNIST's mapping beside it; correct or "
            "remove the mapping"
        )
    return np.array([names[label] for label in own.tolist()])[positions]
