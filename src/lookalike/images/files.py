"""Files as people have them: what lies in a folder, without what programs have left there.

File managers, cameras' programs and network disks put files of their own beside pictures. These are
passed over wherever they lie below a folder that was named, and counted by kind, so that whoever
reads the folder can tell how many there were.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

_CLUTTER = (
    ".*",  # hidden: .DS_Store, ._copies of macOS, .ipynb_checkpoints, .thumbnails, .git
    "__macosx",
    "@eadir",  # Synology's thumbnails
    "#recycle",
    "@recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "__pycache__",
    "icon\r",  # macOS's icon of a folder
    "thumbs.db",
    "thumbs.db:*",
    "ehthumbs*.db",
    "desktop.ini",
    "picasa.ini",
    "zbthumbnail.info",
    "*.xmp",  # what photo programs note beside a picture
    "*.aae",
    "*~",  # copies that editors keep, and downloads that have not ended
    "*.bak",
    "*.tmp",
    "*.part",
    "*.crdownload",
)
"""Names of clutter, in lower case; a folder of such a name is passed over with all it holds."""


def clutter_kind(name: str) -> str | None:
    """Return what kind of clutter a name is, or None if a user may have given it.

    Examples
    --------
    >>> clutter_kind("Thumbs.db"), clutter_kind("._cup.png"), clutter_kind("cup.png")
    ('thumbs.db', 'hidden', None)
    """
    lower = name.lower()
    found = next((pattern for pattern in _CLUTTER if fnmatchcase(lower, pattern)), None)
    return "hidden" if found == ".*" else found and found.strip()


def list_folder(folder: Path, left_out: Counter[str]) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder, sorted by name, without clutter.

    Parameters
    ----------
    folder : Path
    left_out : Counter
        Gets the number of files passed over, by kind.

    Raises
    ------
    OSError
        If the folder cannot be listed.
    """
    folders, files = [], []
    for path in sorted(folder.iterdir()):
        kind = clutter_kind(path.name)
        if kind is not None:
            left_out[kind] += _count_files(path)
        elif path.is_dir():
            folders.append(path)
        else:
            files.append(path)
    return folders, files


def files_below(folder: Path, left_out: Counter[str]) -> list[Path]:
    """Return all files below a folder, those of each folder together, without clutter.

    Links to folders are not followed, except for the folder itself.
    """
    folders, files = list_folder(folder, left_out)
    for inner in folders:
        if not inner.is_symlink():
            files += files_below(inner, left_out)
    return files


def told_left_out(left_out: Mapping[str, int]) -> str:
    """Return in words how much was passed over, by kind; nothing if nothing was.

    Examples
    --------
    >>> told_left_out({"hidden": 2, "__macosx": 6})
    'passed over: __macosx (6), hidden (2)'
    """
    kinds = sorted(((n, kind) for kind, n in left_out.items() if n), reverse=True)
    if not kinds:
        return ""
    return "passed over: " + ", ".join(f"{kind} ({n:,})" for n, kind in kinds)


def counted(n: int, what: str) -> str:
    """Return a number with what is counted, in the plural where there are several.

    Examples
    --------
    >>> counted(1, "image"), counted(1200, "image"), counted(2, "class")
    ('1 image', '1,200 images', '2 classes')
    """
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}{'es' if what.endswith('s') else 's'}"


def _count_files(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return 1
    return sum(len(files) for _, _, files in os.walk(path))
