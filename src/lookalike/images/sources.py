"""Pictures that a user names one by one, by folder or by pattern: found, then read in their order.

Hundreds of thousands may be named, and some be damaged. So they are found first, by name alone, and
read one at a time when their turn comes; what cannot be read is a value, not an exception.
"""

from __future__ import annotations

import glob
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.arrays import read_array
from lookalike.images.checks import as_images
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError, NoPictureError
from lookalike.images.files import called_a_picture, counted, files_below, told_left_out
from lookalike.images.pictures import Picture, read_picture
from lookalike.images.preprocessing import Form, Formed
from lookalike.images.progress import Progress

Bytes = NDArray[np.uint8]

STDIN = "-"
ARRAYS = (".npy", ".npz")


class Source(NamedTuple):
    """A file that is there, the bytes of one, or the reason why it is not there.

    Attributes
    ----------
    name : str
        As it is told to the user.
    content : Path, bytes or ValueError
    is_named : bool
        Whether the user named it, rather than a folder that holds it.
    """

    name: str
    content: Path | bytes | ValueError
    is_named: bool = True


class Named(NamedTuple):
    """A picture with its name, or why there is none.

    Attributes
    ----------
    name : str
        The file's; for one of a stack with its place, from 0: ``stack.npy[3]``.
    pixels : ndarray of shape (h, w), (h, w, 3) or (h, w, 4), uint8; or ValueError
    path : Path or None
        The file, if it holds this picture alone.
    """

    name: str
    pixels: Bytes | ValueError
    path: Path | None = None


@dataclass
class Findings:
    """What a user should know of many pictures that were read.

    Attributes
    ----------
    left_out : Counter of str
        Files that were passed over, by kind.
    n_of_several, n_frames : int
        Files of several pages or frames, and how many of these were not read.
    n_on_black : int
        Pictures that are shown on black, as nothing could be seen on white.
    """

    left_out: Counter[str] = field(default_factory=Counter)
    n_of_several: int = 0
    n_frames: int = 0
    n_on_black: int = 0

    def add(self, picture: Picture) -> None:
        """Count a picture that was read."""
        self.n_of_several += picture.n_frames > 1
        self.n_frames += picture.n_frames - 1
        self.n_on_black += picture.is_on_black

    def notes(self) -> list[str]:
        """Return a sentence for each of these that there is.

        Examples
        --------
        >>> Findings(n_on_black=2).notes()
        ['white ink on a transparent ground is shown on black in 2 pictures']
        """
        notes = []
        if self.n_frames:
            notes.append(
                f"several pages or frames lie in {counted(self.n_of_several, 'file')}; the first "
                f"was read, {self.n_frames:,} others were not"
            )
        if self.n_on_black:
            notes.append(
                "white ink on a transparent ground is shown on black in "
                f"{counted(self.n_on_black, 'picture')}"
            )
        told = told_left_out(self.left_out)
        return [*notes, told] if told else notes


def find_sources(names: Sequence[str], left_out: Counter[str]) -> list[Source]:
    """Find the files that are meant.

    Parameters
    ----------
    names : sequence of str
        Files, folders (with all folders in them), patterns such as ``"scans/*.png"``; ``"-"`` for
        stdin: one image file, or the names of files and folders, one a line.
    left_out : Counter
        Gets the number of files that were passed over, by kind.

    Returns
    -------
    list of Source
        Those of a folder or a pattern in the order of their names.
    """
    sources: list[Source] = []
    for name in names:
        if name == STDIN:
            sources += _from_stdin(left_out)
        elif not Path(name).exists() and glob.has_magic(name):
            found = sorted(glob.glob(name, recursive=True))
            if not found:
                sources.append(_missing(name, "matches no file; correct the pattern"))
            for match in found:
                sources += _from_path(match, left_out)
        else:
            sources += _from_path(name, left_out)
    return sources


def read_source(
    source: Source,
    findings: Findings,
    *,
    least_size: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> Iterator[Named]:
    """Read the pictures of a file one after the other.

    Parameters
    ----------
    source : Source
    findings : Findings
        Gets what was found; files in folders that are no pictures, neither by content nor by name,
        count as left out.
    least_size : tuple of int, optional
        As of `read_picture`.
    progress : callable, optional
        Called for each picture of a stack.
    """
    name, content, is_named = source
    if isinstance(content, ValueError):
        yield Named(name, content)
    elif isinstance(content, Path) and content.suffix.lower() in ARRAYS:
        try:
            images, is_one = as_stack(read_array(content), name)
        except ValueError as error:
            yield Named(name, error)
            return
        for i, image in enumerate(images):
            if progress is not None:
                progress(i, len(images))
            yield Named(name if is_one else f"{name}[{i}]", image)
    else:
        path = content if isinstance(content, Path) else None
        try:
            picture = read_picture(content, name=name, least_size=least_size)
            findings.add(picture)
            yield Named(name, picture.pixels, path)
        except NoPictureError as error:
            if is_named or called_a_picture(name):
                yield Named(name, error, path)
            else:
                findings.left_out["files of other kinds"] += 1
        except ValueError as error:
            yield Named(name, error, path)


def in_form(picture: Named, form: Form, *, as_is: bool) -> Formed:
    """Return a picture brought to a form, or, with `as_is`, one that has that form.

    Raises
    ------
    ValueError
        If it could not be read, or cannot be brought to the form.
    """
    name, pixels, _ = picture
    if isinstance(pixels, ValueError):
        raise pixels
    try:
        return Formed(form.check(pixels), None) if as_is else form.read(pixels)
    except ValueError as error:
        cure = "; leave --as-is out, and it is brought to that" if as_is else ""
        raise DatasetError(f"{name}: {error}{cure}") from None


def as_stack(array: NDArray[Any], name: str) -> tuple[Bytes, bool]:
    """Return images as a stack, and whether it was one image without a stack."""
    in_colour = array.ndim == 3 and array.shape[2] in (1, 3, 4) and array.shape[1] > 4
    is_one = array.ndim == 2 or in_colour
    return as_images(array[np.newaxis] if is_one else array, name), is_one


def _from_path(name: str, left_out: Counter[str]) -> Iterator[Source]:
    path = Path(name)
    if path.is_dir():
        try:
            files = files_below(path, left_out)
        except OSError as error:
            yield _missing(name, f"cannot be listed: {error.strerror or error}")
            return
        if not files:
            yield _missing(name, "holds no pictures; name another folder")
        yield from (Source(str(file), file, False) for file in files)
    elif not path.exists():
        yield _missing(name, "does not exist; correct its name")
    else:
        yield Source(name, path)


def _from_stdin(left_out: Counter[str]) -> Iterator[Source]:
    """Give what stdin holds: names, if it is text, else a picture."""
    content = sys.stdin.buffer.read()
    lines = content.decode(sys.getfilesystemencoding(), "surrogateescape").split("\n")
    names = [name for line in lines if (name := line.strip())]
    if not names:
        yield _missing("stdin", "is empty; give an image, or names of files, one a line")
    elif b"\0" not in content and (all(map(str.isprintable, names)) or Path(names[0]).exists()):
        for name in names:
            yield from _from_path(name, left_out)
    else:
        yield Source("stdin", content)


def _missing(name: str, why: str) -> Source:
    return Source(name, DatasetNotFoundError(f"{name} {why}"))
