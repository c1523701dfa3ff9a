"""Pictures that a user names one by one, by folder or by pattern: found, then read in their order.

Hundreds of thousands may be named, and some be damaged. So they are found first, by name alone, and
read one at a time when their turn comes; what cannot be read is a value, not an exception.
"""

from __future__ import annotations

import glob
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.arrays import read_array, read_npz
from lookalike.images.catalogue import CATALOGUE
from lookalike.images.checks import as_images, check_labels, encode_labels
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError, NoPictureError
from lookalike.images.files import called_a_picture, files_below
from lookalike.images.pictures import Findings, read_picture
from lookalike.images.preprocessing import Form, Formed
from lookalike.images.progress import Progress

Bytes = NDArray[np.uint8]

STDIN = "-"
ARRAYS = (".npy", ".npz")


class Source(NamedTuple):
    """A file that is there, the bytes of one, or the reason why it is not there."""

    name: str
    content: Path | bytes | ValueError
    is_named: bool = True  # by the user; otherwise by a folder that holds it


class Named(NamedTuple):
    """A picture, shape (h, w), (h, w, 3) or (h, w, 4), with its name, or why there is none.

    The name is the file's; for one of a stack with its place, from 0: ``stack.npy[3]``.
    """

    name: str
    pixels: Bytes | ValueError
    path: Path | None = None  # of the file, if it holds this picture alone


def find_sources(names: Sequence[str], left_out: Counter[str]) -> list[Source]:
    """Find files, those of folders (with all folders in them) and of patterns by their names.

    The name ``"-"`` is stdin: one image file, or the names of files and folders, one a line.
    ``left_out`` gets the number of files that were passed over, by kind.
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

    Files in folders that are no pictures, neither by content nor by name, count as left out in the
    ``findings``. The ``least_size`` is that of `read_picture`; ``progress`` is called for each
    picture of a stack.
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
    """Return a picture brought to a form, or, with ``as_is``, one that has that form.

    It is a ValueError if it could not be read or cannot be brought to the form.
    """
    name, pixels, _ = picture
    if isinstance(pixels, ValueError):
        raise pixels
    try:
        return Formed(form.check(pixels), None) if as_is else form.read(pixels)
    except ValueError as error:
        cure = "; leave --as-is out, and it is brought to that" if as_is else ""
        raise DatasetError(f"{name}: {error}{cure}") from None


def read_labelled(
    data: Sequence[str],
    label: str | None,
    *,
    least_size: tuple[int, int] | None = None,
    watched: bool = False,
    progress: Progress = lambda done, total: None,
    on_note: Callable[[str], None],
) -> Iterator[tuple[Named, str]]:
    """Read labelled pictures one after the other, each with the name of its class.

    With a ``label``, ``data`` names pictures of that class as for `find_sources`. Otherwise it is
    one data set as `load_dataset` takes it: its training images, or all of a file that has no test
    images of its own. A download shows its progress if it is ``watched``; ``on_note`` is called
    with remarks about the files.
    """
    from lookalike.images.dataset import is_picture_folder, load_dataset
    from lookalike.images.folder import lay_out

    path = Path(data[0]).expanduser()
    is_known = data[0] in ("digits", *CATALOGUE) or not path.exists()
    if label is not None or (not is_known and is_picture_folder(path)):
        findings = Findings()
        if label is not None:
            sources = [(source, label) for source in find_sources(data, findings.left_out)]
        else:
            layout = lay_out(path)
            for note in layout.notes:
                on_note(note)
            files = layout.parts["train"]
            sources = [(Source(str(file), file, False), own) for own, file in files]
        for done, (source, own) in enumerate(sources):
            progress(done, len(sources))
            for picture in read_source(source, findings, least_size=least_size):
                yield picture, own
        for note in findings.notes():
            on_note(note)
        return
    is_file = not is_known and path.suffix == ".npz"
    images, labels = _read_npz(path) if is_file else (None, [])
    if images is None:
        dataset = load_dataset(data[0], progress=watched)
        images = dataset.train.images
        labels = [dataset.class_names[code] for code in dataset.train.labels]
    for i, (image, own) in enumerate(zip(images, labels, strict=True)):
        progress(i, len(images))
        yield Named(f"{data[0]}[{i}]", image), own


def _read_npz(path: Path) -> tuple[Bytes | None, list[str]]:
    """Return all images of a file; None if it has test images of its own."""
    raw = read_npz(path)
    if raw.test is not None:
        return None, []
    images = as_images(raw.train.images, raw.train.where)
    found = check_labels(raw.train.labels, len(images), raw.train.where)
    (codes,), names = encode_labels([found], raw.class_names, raw.source)
    return images, [names[code] for code in codes]


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
