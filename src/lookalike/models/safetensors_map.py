"""Memory-mapped safetensors files: arrays are read from disk when they are used.

The safetensors library copies the arrays that it reads. A mapping opens at once, and processes that
serve the same model share its memory. Files may be hostile, so everything in them is checked; for
the format see https://github.com/huggingface/safetensors (8 bytes for the length of the header, a
JSON header, the arrays in sequence). The library also copies what it writes, and orders metadata at
random; here the same content always makes the same file.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_HEADER = 64 * 2**20
"""Largest size of a header in bytes."""

_DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    **{f"{k}{8 * n}": np.dtype(f"<{k.lower()}{n}") for k in "UIF" for n in (2, 4, 8)},
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}

_MOST_AXES = 32

_ALIGNMENT = 8
"""The arrays begin at a multiple of this many bytes, so that all numbers are aligned."""


class ModelError(ValueError):
    """A model cannot be stored, or a file does not hold one; the message says what to do."""


def write_file(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
    *,
    alignment: int = _ALIGNMENT,
) -> None:
    """Write C-contiguous arrays, and metadata in UTF-8, to a new file.

    With a larger alignment, a power of two, each array begins at a multiple of it in the file;
    others, whose names begin with "~", fill the gaps. `ModelError` if the header is longer than
    `map_file` accepts.
    """
    # Wide dtypes come first, as in the library, so that each array is aligned.
    ordered: list[tuple[str, NDArray[Any]]] = []
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        gap = -array.nbytes % alignment if alignment > _ALIGNMENT else 0
        ordered += [(name, array), (f"~{name}", np.zeros(gap, np.uint8))][: 1 + (gap > 0)]
    header: dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for name, array in ordered:
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": array.shape,
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * ((-8 - len(text)) % alignment)
    if len(text) > _MOST_HEADER:
        raise ModelError(
            f"the model's description would take {len(text):,} bytes, and a model file's has at "
            f"most {_MOST_HEADER:,}; give labels as an array of strings, not of objects"
        )
    with path.open("xb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in ordered:
            file.write(array.data)


def map_file(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays of a file, read-only, and its metadata; `ModelError` if it is damaged."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 8:
            raise ModelError(f"{path} is not a model file: it has only {size} bytes")
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, _MOST_HEADER) or length % _ALIGNMENT:
            raise ModelError(
                f"{path} is not a model file, or was cut short: its header would take {length:,} "
                f"bytes, but the file has {size:,}"
            )
        header = _parse(file.read(length), path)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    metadata = header.pop("__metadata__", {})
    if type(metadata) is not dict or any(type(value) is not str for value in metadata.values()):
        raise ModelError(f"{path} is damaged: its metadata are not strings")
    whole = np.frombuffer(mapped, np.uint8, offset=8 + length)
    return _cut(whole, header, path), metadata


def _parse(header: bytes, path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(header.decode(), object_pairs_hook=once, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not a model file: its header is not JSON") from error
    if type(parsed) is not dict:
        raise ModelError(f"{path} is not a model file: its header is not a JSON object")
    return parsed


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, and refuse duplicate keys, of which `json` would take the last."""
    if len(made := dict(pairs)) < len(pairs):
        raise ValueError("a key occurs twice")
    return made


def no_number(constant: str) -> float:
    """Refuse NaN and infinity, which `json` accepts and JSON does not allow."""
    raise ValueError(f"{constant} is not a number")


def _cut(whole: NDArray[np.uint8], header: dict[str, Any], path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays, which must be adjacent and fill the file."""
    places = []
    for name, entry in header.items():
        try:
            dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        except (TypeError, KeyError, ValueError):
            raise ModelError(f"{path} is damaged: array {name[:40]!r} has no description") from None
        if type(dtype) is not str or dtype not in _DTYPES:
            raise ModelError(f"{path} is damaged: array {name[:40]!r} has an unknown type")
        if (
            type(shape) is not list
            or len(shape) > _MOST_AXES
            or any(type(n) is not int or n < 0 for n in (*shape, start, end))
            or math.prod(n or 1 for n in shape) >= 2**63
            or end - start != math.prod(shape) * _DTYPES[dtype].itemsize
        ):
            raise ModelError(f"{path} is damaged: array {name[:40]!r} does not match its size")
        places.append((start, end, name, _DTYPES[dtype], tuple(shape)))
    places.sort(key=lambda place: place[:2])
    at = 0
    for start, end, name, dtype, _ in places:
        if start != at:
            raise ModelError(f"{path} is damaged: array {name[:40]!r} does not follow the others")
        if start % dtype.itemsize:
            raise ModelError(f"{path} is damaged: array {name[:40]!r} is not aligned")
        at = end
    if at != len(whole):
        raise ModelError(
            f"{path} is damaged or was cut short: its arrays take {at:,} bytes, "
            f"but the file has {len(whole):,}"
        )
    return {
        name: whole[start:end].view(dtype).reshape(shape)
        for start, end, name, dtype, shape in places
    }
