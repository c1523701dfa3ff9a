"""Pictures that a user names one by one, by folder or by pattern: found, then read in their order.

Hundreds of thousands may be named, and some be damaged. So they are found first, by name alone, and
read one at a time when their turn comes; what cannot be read is a value, not an exception.
"""

from __future__ import annotations

import glob
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.arrays import read_array
from lookalike.images.catalogue import CATALOGUE
from lookalike.images.checks import as_images
from lookalike.images.csv_dataset import is_table
from lookalike.images.csv_file import read_table
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError, NoPictureError
from lookalike.images.files import called_a_picture, files_below
from lookalike.images.idx import is_emnist
from lookalike.images.pictures import DEEP_MODES, Findings, decode, opened, read_picture
from lookalike.images.preprocessing import Form, Formed
from lookalike.images.progress import Progress

Bytes = NDArray[np.uint8]

STDIN = "-"
_ARRAYS = (".npy", ".npz")

# Grey of more than 8 bits keeps the file's own numbers in these formats alone: Pillow stretches
# others to all 16 bits.
_DEEP_FORMATS = {"PNG", "TIFF"}


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
    image_shape: tuple[int, ...] = (),
    progress: Progress | None = None,
) -> Iterator[Named]:
    """Read the pictures of a file one after the other.

    Files in folders that are no pictures, neither by content nor by name, count as left out in the
    ``findings``. The ``least_size`` is that of `read_picture`. The rows of a table are images of
    the ``image_shape`` if they have as many pixels, else squares. ``progress`` is called for each
    picture of a stack.
    """
    name, content, is_named = source
    if isinstance(content, ValueError):
        yield Named(name, content)
    elif isinstance(content, Path) and (
        content.suffix.lower() in _ARRAYS or (is_named and is_table(content))
    ):
        try:
            images, is_one = _read_stack(content, name, findings, image_shape)
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


def _read_stack(
    path: Path, name: str, findings: Findings, image_shape: tuple[int, ...]
) -> tuple[Bytes, bool]:
    """Return the pictures of an array or a table, and whether it is only one."""
    if is_table(path):
        table = read_table(path)
        findings.remarks += [f"{name}: {note}" for note in table.notes]
        fits = table.pixels.shape[1] == math.prod(image_shape)
        images = as_images(table.pixels, name, image_shape if fits else None)
        return (images.swapaxes(1, 2) if is_emnist(path) else images), False
    array = read_array(path)
    in_colour = array.ndim == 3 and array.shape[2] in (1, 3, 4) and array.shape[1] > 4
    is_one = array.ndim == 2 or in_colour
    return as_images(array[np.newaxis] if is_one else array, name), is_one


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
    dataset = load_dataset(data[0], test_size=0 if is_file else None, progress=watched)
    train = dataset.train
    for i, (image, code) in enumerate(zip(train.images, train.labels, strict=True)):
        progress(i, len(train))
        yield Named(f"{data[0]}[{i}]", image), dataset.class_names[code]


class GivenImage(NamedTuple):
    """An image of any numbers, shape (h, w) or (h, w, c), and the file it was read from.

    Its name differs from all others, whatever case letters have: to make names of files from.
    """

    name: str
    path: Path
    pixels: NDArray[Any]


def read_images(paths: Sequence[Path], image_shape: tuple[int, ...]) -> list[GivenImage]:
    """Read images of one shape with their values as they are, at least one.

    A data set is made of bytes; noisy images need not be, for noise added to a byte reaches beyond
    255. So grey images of 16 bits and NumPy's arrays of any numbers keep their numbers, and nothing
    is resized, converted or clipped: what differs from ``image_shape`` is refused. The paths are
    those of image files, of ``.npy`` files, of ``.npz`` files of one array or one named ``images``,
    and of folders of such files. Images are named as their files, with a number where several would
    be named alike. A DatasetError names all files that cannot be read or do not fit.
    """
    found: list[GivenImage] = []
    failed: list[ValueError] = []
    for name, content, is_named in find_sources([str(path) for path in paths], Counter()):
        try:
            found += _read_given(content, image_shape)
        except ValueError as error:
            if is_named or called_a_picture(name) or not isinstance(error, NoPictureError):
                failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise DatasetError(f"{len(failed):,} files cannot be read: {'; '.join(map(str, failed))}")
    if not found:
        raise DatasetNotFoundError(f"{paths[0]} holds no pictures; name another folder")
    names = _told_apart([image.name for image in found])
    return [image._replace(name=name) for image, name in zip(found, names, strict=True)]


def _read_given(
    content: Path | bytes | ValueError, image_shape: tuple[int, ...]
) -> Iterator[GivenImage]:
    if isinstance(content, ValueError):
        raise content
    assert isinstance(content, Path)  # what stdin holds is not asked for here
    is_array = content.suffix.lower() in _ARRAYS
    array = read_array(content) if is_array else _read_picture(content, image_shape)
    images = _cut(array, image_shape, content)
    width = len(str(len(images) - 1))
    for i, pixels in enumerate(images):
        number = "" if array.ndim == len(image_shape) else f"-{i:0{width}}"
        yield GivenImage(content.stem + number, content, pixels)


def _read_picture(path: Path, image_shape: tuple[int, ...]) -> NDArray[Any]:
    from PIL import ImageOps

    with opened(path) as image:
        if image.mode in DEEP_MODES and image.format in _DEEP_FORMATS:
            deep = np.asarray(ImageOps.exif_transpose(image))
            return deep.astype(deep.dtype.newbyteorder("="), copy=False)
        # Pillow leaves out the lower 8 of 16 bits in colour; only the raw mode shows it.
        if image.mode in DEEP_MODES or ";16" in str(getattr(image, "tile", "")):
            raise DatasetError(
                f"{path} has more than 8 bits a channel (Pillow's mode {image.mode}), which only "
                "grey PNG and TIFF files are read with; save its values by np.save"
            )
        is_grey = image.mode in ("1", "L", "LA")
        pixels = decode(image).pixels
    # The form is asked for in colour: a colour file whose pixels are all grey is one, too.
    in_colour = image_shape[2:] == (3,) and pixels.ndim == 2 and not is_grey
    return np.stack([pixels] * 3, axis=2) if in_colour else pixels


def _cut(array: NDArray[Any], image_shape: tuple[int, ...], path: Path) -> NDArray[Any]:
    """Return the images that an array of one or more holds, as a stack."""
    if array.dtype.kind not in "biuf":
        raise DatasetError(
            f"{path} holds values of dtype {array.dtype}, which are not pixels; save numbers"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DatasetError(
            f"{path} holds NaN or infinity, which are not pixels; replace them, as by np.nan_to_num"
        )
    if array.size == 0 or array.ndim not in (2, 3, 4):
        raise DatasetError(
            f"{path} holds no images but an array of shape {array.shape}; save (height, width), "
            "with (…, channels), or stacks of these"
        )
    pixels = array[..., 0] if array.ndim > len(image_shape) and array.shape[-1] == 1 else array
    stack = pixels[None] if pixels.ndim == len(image_shape) else pixels
    if stack.shape[1:] != image_shape:
        is_stack = array.ndim == 4 or (array.ndim == 3 and array.shape[2] not in (1, 3, 4))
        shape = array.shape[1:] if is_stack else array.shape
        raise DatasetError(
            f"{path}: images of {_described(shape)}, but the training images are of "
            f"{_described(image_shape)}; {_cure(shape, image_shape)}, or train on images like these"
        )
    return stack.astype(np.uint8) if stack.dtype.kind == "b" else stack


def _described(shape: tuple[int, ...]) -> str:
    return f"{' × '.join(map(str, shape[:2]))} pixels in {_colours(shape)}"


def _colours(shape: tuple[int, ...]) -> str:
    n = 1 if len(shape) == 2 else shape[2]
    named = {1: "grey", 3: "colour", 4: "colour with transparency"}
    return named.get(n, f"{n} channels")


def _cure(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if wanted[2:] == (4,):  # no picture is read with more than 3 channels
        return f"give arrays of shape {wanted}, saved by np.save"
    cures = []
    if shape[:2] != wanted[:2]:
        cures.append(f"resize them to {' × '.join(map(str, wanted[:2]))}")
    if _colours(shape) != _colours(wanted):
        cures.append(f"convert them to {_colours(wanted)}")
    return " and ".join(cures)


def _told_apart(names: Sequence[str]) -> list[str]:
    taken = {name.casefold() for name in names}
    seen: set[str] = set()
    apart = []
    for name in names:
        unique, number = name, 1
        while unique.casefold() in (seen if number == 1 else seen | taken):
            number += 1
            unique = f"{name}-{number}"
        seen.add(unique.casefold())
        apart.append(unique)
    return apart


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
