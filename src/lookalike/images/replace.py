"""Files that are replaced whole: at any moment there is the old one or the new one."""

from __future__ import annotations

import glob
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_ABANDONED = 3600.0
"""Seconds after which an unfinished file is nobody's."""


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Have a file written beside its place, and put it there when it is whole and on the disk.

    Parameters
    ----------
    path : Path
        Of a link, what it leads to is replaced.
    write : callable
        Writes the file whose path it is given.

    Raises
    ------
    OSError
        If it can not be written; the old file stays, and nothing else is left.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder; make it, or name another")
    # Names are limited to 255 bytes on most systems.
    stem = f".{path.name[:40]}"
    _clear_away(path.parent, stem)
    beside = path.with_name(f"{stem}.{secrets.token_hex(6)}.tmp")
    try:
        write(beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _clear_away(folder: Path, stem: str) -> None:
    """Remove what writers that were killed left; who still writes is younger."""
    for left in folder.glob(f"{glob.escape(stem)}.{'[0-9a-f]' * 12}.tmp"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()


def _flush_folder(folder: Path) -> None:
    """Have the new name on the disk, too, where folders can be flushed."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
