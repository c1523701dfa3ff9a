"""Files of a user: listed without what programs leave among them, and replaced only as a whole.

File managers, cameras' programs and network disks put files of their own beside pictures. These are
left out wherever they lie below a folder that was named, and counted by kind. A new
file replaces the old one only when it is whole, so that one of them is there at any moment.
"""

from __future__ import annotations

import glob
import mimetypes
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

_CLUTTER = (
    ".*",  # hidden: .DS_Store, ._copies of macOS, .ipynb_checkpoints, .thumbnails, .git
    *("__macosx", "icon\r"),
    *("thumbs.db", "thumbs.db:*", "ehthumbs*.db", "desktop.ini"),
    *("#recycle", "@recycle", "$recycle.bin", "lost+found", "system volume information"),
    *("@eadir", "picasa.ini", "zbthumbnail.info", "__pycache__"),
    *("*.xmp", "*.aae"),  # what photo programs note beside a picture
    *("*~", "*.bak", "*.tmp", "*.part", "*.crdownload"),  # copies, and unfinished downloads
)
"""Names of clutter, in lower case; a folder of such a name is left out with all it holds."""

_MOST_NAMED = 20  # names in a line

_ABANDONED = 3600.0  # seconds after which an unfinished file is nobody's


def clutter_kind(name: str) -> str | None:
    """Return what kind of clutter a name is, or None if a user may have given it."""
    lower = name.lower()
    found = next((pattern for pattern in _CLUTTER if fnmatchcase(lower, pattern)), None)
    return "hidden" if found == ".*" else found and found.strip()


def list_folder(folder: Path, left_out: Counter[str]) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder, sorted by name, without clutter.

    Links that lead back to a folder above, and what is neither file nor folder, such as a pipe, are
    left out as well: reading them would not end. ``left_out`` gets the number of files left out, by
    kind.
    """
    folders, files = [], []
    for path in sorted(folder.iterdir()):
        kind = clutter_kind(path.name)
        if kind is not None:
            left_out[kind] += _count_files(path)
        elif path.is_dir():
            if path.is_symlink() and folder.resolve().is_relative_to(path.resolve()):
                left_out["links to folders"] += 1
            else:
                folders.append(path)
        elif path.is_file() or not path.exists():  # a link that leads nowhere is a broken file
            files.append(path)
        else:
            left_out["pipes and devices"] += 1
    return folders, files


def files_below(folder: Path, left_out: Counter[str]) -> list[Path]:
    """Return all files below a folder, those of each folder together, without clutter.

    Links to folders are not followed, except for the folder itself.
    """
    folders, files = list_folder(folder, left_out)
    for inner in folders:
        if inner.is_symlink():
            left_out["links to folders"] += 1
        else:
            files += files_below(inner, left_out)
    return files


def told_left_out(left_out: Mapping[str, int]) -> str:
    """Return in words how much was passed over, by kind; nothing if nothing was."""
    kinds = sorted(((n, kind) for kind, n in left_out.items() if n), reverse=True)
    told = ", ".join(f"{kind} ({n:,})" for n, kind in kinds)
    return told and f"passed over: {told}"


def counted(n: int, what: str) -> str:
    """Return a number with what is counted, in the plural where there are several."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}{'es' if what.endswith('s') else 's'}"


def some_of(names: Sequence[str]) -> str:
    """Return names in a line: the first ones, and how many there are, if there are many."""
    shown = ", ".join(names[:_MOST_NAMED])
    return shown + (f", … ({len(names)} in all)" if len(names) > _MOST_NAMED else "")


def called_a_picture(name: str) -> bool:
    """Return whether a file's name is that of a picture."""
    return (mimetypes.guess_type(name)[0] or "").startswith("image/")


def _count_files(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return 1
    return sum(len(files) for _, _, files in os.walk(path))


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` make a file beside the path, and move it there when all is on the disk.

    If the path is a link, the file that it leads to is replaced. If writing fails, the old file
    stays and nothing else is left.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder; make it, or name another")
    # Names are limited to 255 bytes on most systems.
    stem = f".{path.name[:40]}"
    _clear_away(path.parent, stem)
    beside = path.with_name(f"{stem}.{os.urandom(6).hex()}.tmp")
    try:
        write(beside)
        _move(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    _flush_folder(path.parent)


@contextmanager
def filled_folder(folder: Path, *, cure: str = "name another folder") -> Iterator[Path]:
    """Give the block an empty folder to write files into; at the end they move to ``folder``.

    It is made beside ``folder``, on the same disk, so that moving is renaming; and at the start, so
    that a place that cannot be written to is an OSError, which ends with the ``cure``, before the
    work is done. If the work fails, it goes away with all that is in it.
    """
    import tempfile  # here, because the command line imports this module at once

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
    """Return what differs between a file and any that takes its place; None if there is none."""
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
