"""The peak memory of a piece of work, as the operating system counts it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
NOT_TOLD = "the system does not tell how much memory it took"


@dataclass
class Memory:
    """What a piece of work took.

    Attributes
    ----------
    peak_mib : float
        MiB of resident memory at the peak beyond what there was before; NaN where the system does
        not tell. What an earlier piece of work freed and the process kept counts for nothing, so
        that it is a lower bound.
    """

    peak_mib: float = float("nan")


@contextmanager
def peak_memory() -> Iterator[Memory]:
    """Give a `Memory` that at the end holds the peak of what ran inside.

    Examples
    --------
    >>> import numpy as np
    >>> with peak_memory() as memory:
    ...     ones = np.ones(12_000_000)  # so much is always fetched from the system anew
    >>> bool(memory.peak_mib > 80 or np.isnan(memory.peak_mib))
    True
    """
    gc.collect()
    memory = Memory()
    try:
        _CLEAR_REFS.write_text("5")  # forget the peak so far
        before = _resident("VmRSS")
    except OSError:
        yield memory
        return
    try:
        yield memory
    finally:
        memory.peak_mib = max(0.0, (_resident("VmHWM") - before) / 1024)


def _resident(name: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
