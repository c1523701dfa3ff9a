"""safetensors files, mapped into memory: arrays that are read when they are looked at.

The library of that name copies what it reads. A mapping opens in no time, and processes that serve
the same model share its memory. Files are foreign, so everything about them is checked; the format
is https://github.com/huggingface/safetensors (8 bytes of the header's length, a JSON header, the
arrays one after the other). The library also copies what it writes, and puts metadata into an order
that is another one each time; here the same content makes the same file.
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

from lookalike.models.errors import ModelError

MOST_HEADER = 64 * 2**20
"""Bytes of a header."""

_DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    **{
        f"{kind}{8 * size}": np.dtype(f"<{kind.lower()}{size}")
        for kind in "UI"
        for size in (2, 4, 8)
    },
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}

_MOST_AXES = 32

_ALIGNMENT = 8
"""Bytes that the arrays' place in the file is a multiple of: no number lies across."""


def write_file(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write arrays, C-contiguous, and metadata, which is UTF-8 text, to a new file.

    Raises
    ------
    ModelError
        If the header would be longer than is read again.
    OSError
        If it can not be written.
    """
    # The widest first, as the library does it, so that each lies at a multiple of its width.
    ordered = sorted(arrays.items(), key=lambda item: -item[1].itemsize)
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
    text += b" " * (-len(text) % _ALIGNMENT)
    if len(text) > MOST_HEADER:
        raise ModelError(
            f"the model's description would take {len(text):,} bytes, and a model file's has at "
            f"most {MOST_HEADER:,}; give labels as an array of strings, not of objects"
        )
    with path.open("xb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in ordered:
            file.write(array.data)


def map_file(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays of a file, read only, and its metadata.

    Raises
    ------
    ModelError
        If it is no such file, or damaged.
    OSError
        If it can not be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 8:
            raise ModelError(f"{path} is no model file: it holds {size} bytes only")
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, MOST_HEADER) or length % _ALIGNMENT:
            raise ModelError(
                f"{path} is no model file, or was cut short: its header would take {length:,} "
                f"bytes, the file holds {size:,}"
            )
        header = _parse(file.read(length), path)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    metadata = header.pop("__metadata__", {})
    if type(metadata) is not dict or any(type(value) is not str for value in metadata.values()):
        raise ModelError(f"{path} is damaged: its metadata are no strings")
    whole = np.frombuffer(mapped, np.uint8, offset=8 + length)
    return _cut(whole, header, path), metadata


def _parse(header: bytes, path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(header.decode(), object_pairs_hook=once, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is no model file, or damaged: its header is no JSON") from error
    if type(parsed) is not dict:
        raise ModelError(f"{path} is no model file: its header is no JSON object")
    return parsed


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object none of whose keys comes twice; `json` would take the last."""
    if len(made := dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice")
    return made


def no_number(constant: str) -> float:
    """Refuse what `json` takes for a number and JSON does not have."""
    raise ValueError(f"{constant} is no number")


def _cut(whole: NDArray[np.uint8], header: dict[str, Any], path: Path) -> dict[str, NDArray[Any]]:
    """Cut out the arrays, which must lie side by side and fill the file."""
    places = []
    for name, entry in header.items():
        try:
            dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        except (TypeError, KeyError, ValueError):
            raise ModelError(f"{path} is damaged: array {name[:40]!r} is not described") from None
        if type(dtype) is not str or dtype not in _DTYPES:
            raise ModelError(f"{path} is damaged: array {name[:40]!r} is of unknown type")
        if (
            type(shape) is not list
            or len(shape) > _MOST_AXES
            or any(type(n) is not int or n < 0 for n in (*shape, start, end))
            or math.prod(n or 1 for n in shape) >= 2**63
            or end - start != math.prod(shape) * _DTYPES[dtype].itemsize
        ):
            raise ModelError(f"{path} is damaged: array {name[:40]!r} does not fit its place")
        places.append((start, end, name, _DTYPES[dtype], tuple(shape)))
    places.sort(key=lambda place: place[:2])
    at = 0
    for start, end, name, dtype, _ in places:
        if start != at:
            raise ModelError(f"{path} is damaged: array {name[:40]!r} does not follow the others")
        if start % dtype.itemsize:
            raise ModelError(f"{path} is damaged: array {name[:40]!r} lies askew")
        at = end
    if at != len(whole):
        raise ModelError(
            f"{path} is damaged or was cut short: its arrays take {at:,} bytes, "
            f"it has {len(whole):,}"
        )
    return {
        name: whole[start:end].view(dtype).reshape(shape)
        for start, end, name, dtype, shape in places
    }
