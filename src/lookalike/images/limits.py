"""How much a file may claim to hold before memory is set aside for it.

A header is a promise made by whoever wrote the file. Every reader checks the promise here,
against a limit and against the bytes that are really there, before it allocates anything, so
that neither a damaged header nor a decompression bomb can exhaust the memory.
"""

import io
from typing import IO

from lookalike.images.exceptions import DatasetError

MAX_BYTES = 4 * 2**30
"""Bytes that one array of a data set may take unless the caller allows more (4 GiB)."""

# A deflate stream codes at most 258 bytes in two bits (RFC 1951), and so never unpacks to more
# than 1032 times its length. https://zlib.net/zlib_tech.html
_DEFLATE_MAX_RATIO = 1032

_CHUNK = 2**20  # decompressors copy what they read, so read a megabyte at a time


def check_promised_bytes(promised: int, where: str, *, max_bytes: int) -> None:
    """Raise DatasetError if a header promises more than ``max_bytes`` bytes."""
    if promised > max_bytes:
        raise DatasetError(
            f"{where}: its header promises {promised:,} bytes but the limit is "
            f"max_bytes={max_bytes:,}; raise max_bytes if the file is sound"
        )


def check_stored_bytes(promised: int, stored: int, where: str) -> None:
    """Raise DatasetError unless exactly the promised number of bytes is stored."""
    if promised != stored:
        wrong, found = (
            ("is cut short", f"only {stored:,}") if stored < promised else ("is too long", "more")
        )
        raise DatasetError(
            f"{where} {wrong}: its header promises {promised:,} bytes of data but the file "
            f"holds {found}; get the file again"
        )


def check_deflated_bytes(promised: int, compressed: int, where: str) -> None:
    """Raise DatasetError if so few compressed bytes cannot unpack to the promised number."""
    if promised > compressed * _DEFLATE_MAX_RATIO:
        raise DatasetError(
            f"{where} is damaged: its header promises {promised:,} bytes, but {compressed:,} "
            f"compressed bytes hold at most {compressed * _DEFLATE_MAX_RATIO:,}; get the file again"
        )


def read_promised_bytes(
    stream: IO[bytes] | io.BufferedIOBase, promised: int, where: str
) -> bytearray:
    """Read the promised number of bytes; raise DatasetError unless the stream ends there."""
    content = bytearray(promised)
    filled = 0
    while chunk := stream.read(min(_CHUNK, promised - filled)):
        content[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    left_over = len(stream.read(1))  # reaching the end also has the checksum compared
    check_stored_bytes(promised, filled + left_over, where)
    return content
