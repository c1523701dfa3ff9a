"""Files that are replaced whole: at any moment there is the old one or the new one."""

from __future__ import annotations

import glob
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ABANDONED = 3600.0
"""Seconds after which an unfinished file is nobody's."""


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Have a file written beside its place, and put it there when it is whole and on the disk.

    Parameters
    ----------
    path : Path
        If it is a link, the file that it leads to is replaced.
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
        _move(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    _flush_folder(path.parent)


@contextmanager
def filled_folder(folder: Path, *, cure: str = "name another folder") -> Iterator[Path]:
    """Give an empty folder to write files into; at the end they move to ``folder``.

    The folder to write into is made beside ``folder``, on the same disk, so that moving is
    renaming; and it is made at the start, so that a place that cannot be written to is known
    before the work is done. If the work fails it goes away with all that is in it.

    Parameters
    ----------
    folder : Path
        Made at the end if it is missing.
    cure : str, default="name another folder"
        What to do if it cannot be written to, for the error.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    place = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    try:
        scratch = tempfile.TemporaryDirectory(prefix=".lookalike-", dir=place)
    except OSError as error:
        raise OSError(f"{folder} cannot be written to: {error.strerror}; {cure}") from error
    with scratch as path:
        yield Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(Path(path).iterdir()):
            _move(file, folder / file.name)
    _flush_folder(folder)


def file_signature(path: Path) -> tuple[int, ...] | None:
    """Return what tells a file from any other that may take its place; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


def _move(file: Path, place: Path) -> None:
    """Put a file that is written in its place, once all of it is on the disk."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
    if place.exists():
        file.chmod(place.stat().st_mode & 0o777)
    file.replace(place)


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
