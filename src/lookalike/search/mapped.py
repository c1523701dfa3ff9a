"""Rows in mapped files: where they lie, and what the system is told about how they are read."""

from __future__ import annotations

import mmap
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.search.machine import available_bytes

MOST_IN_MEMORY = 0.5
"""Rows of at most this part of the free memory are taken to stay there once they are read."""


def mapping_of(array: Any) -> mmap.mmap | None:
    """Return the mapping of the file that an array lies in; None if it lies in memory."""
    owner = array
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
    return owner


def file_of(array: Any) -> tuple[str, int] | None:
    """Return the path of the file that an array of ``numpy.load`` lies in, and where it begins."""
    owner = array
    while owner is not None and not (isinstance(owner, np.memmap) and owner.filename):
        owner = getattr(owner, "base", None)
    if owner is None:
        return None
    # The mapping begins at a whole page; the offset of a part of a mapped array is that of all.
    first = owner.offset - owner.offset % mmap.ALLOCATIONGRANULARITY
    return str(owner.filename), first + array.ctypes.data - _address(mapping_of(owner))


def is_on_disk(array: NDArray[Any]) -> bool:
    """Return whether an array lies in a mapped file that does not fit in memory."""
    if mapping_of(array) is None:
        return False
    free = available_bytes()
    return free is not None and array.nbytes > MOST_IN_MEMORY * free


def advise(array: NDArray[Any], order: Literal["sequential", "random"]) -> None:
    """Tell the system how a mapped array is read, which changes what it reads besides."""
    mapping = mapping_of(array)
    if mapping is None or not hasattr(mmap, "MADV_RANDOM"):
        return
    advice = mmap.MADV_RANDOM if order == "random" else mmap.MADV_SEQUENTIAL
    within = array.ctypes.data - _address(mapping)
    start = within // mmap.PAGESIZE * mmap.PAGESIZE
    mapping.madvise(advice, start, within - start + array.nbytes)


def _address(mapping: Any) -> int:
    return int(np.frombuffer(mapping, np.uint8).ctypes.data)
