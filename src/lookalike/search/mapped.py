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
    whole = np.frombuffer(mapping, np.uint8).ctypes.data
    start = (array.ctypes.data - whole) // mmap.PAGESIZE * mmap.PAGESIZE
    mapping.madvise(advice, start, array.ctypes.data - whole - start + array.nbytes)
