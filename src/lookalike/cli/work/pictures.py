"""Images that are named on the command line: finding them, and reading one after the other.

Hundreds of thousands may be named, and some be damaged. So they are found first, by name alone, and
read one at a time when their turn comes; what cannot be read is a value, not an exception.
"""

from __future__ import annotations

import glob
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.arrays import read_array
from lookalike.images.errors import DatasetError, DatasetNotFoundError
from lookalike.images.files import FORMATS, MAX_PIXELS, is_clutter
from lookalike.images.form import Form
from lookalike.images.raw import as_images

Bytes = NDArray[np.uint8]

STDIN = "-"
_ARRAYS = (".npy", ".npz")
_ENDINGS = (*FORMATS, *_ARRAYS)

# How the files of these formats begin.
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_PNM = tuple(b"P%d%s" % (n, space) for n in range(1, 7) for space in (b"\n", b" ", b"\r", b"\t"))


class Source(NamedTuple):
    """A file that is there, the bytes of one, or the reason why it is not there.

    Attributes
    ----------
    name : str
        As it is told to the user.
    content : Path, bytes or ValueError
    """

    name: str
    content: Path | bytes | ValueError


class Picture(NamedTuple):
    """One image, or why there is none.

    Attributes
    ----------
    name : str
        Of its file; of a stack with its place, from 0: ``stack.npy[3]``.
    pixels : ndarray of shape (h, w), (h, w, 3) or (h, w, 4), uint8; or ValueError
    """

    name: str
    pixels: Bytes | ValueError


def find_sources(names: Sequence[str]) -> list[Source]:
    """Find the files that are meant.

    Parameters
    ----------
    names : sequence of str
        Files, folders (with all folders in them), patterns such as ``"scans/*.png"``; ``"-"`` for
        stdin: one image file, or the names of files and folders, one a line.

    Returns
    -------
    list of Source
        Those of a folder or a pattern in the order of their names.
    """
    sources: list[Source] = []
    for name in names:
        if name == STDIN:
            sources += _from_stdin()
        elif not Path(name).exists() and glob.has_magic(name):
            found = sorted(glob.glob(name, recursive=True))
            if not found:
                sources.append(_missing(name, "matches no file; correct the pattern"))
            for match in found:
                sources += _from_path(match)
        else:
            sources += _from_path(name)
    return sources


def read_pictures(
    source: Source, progress: Callable[[int, int], None] | None = None
) -> Iterator[Picture]:
    """Read the images of a file one after the other; of a stack `progress` is told each."""
    name, content = source
    if isinstance(content, ValueError):
        yield Picture(name, content)
    elif isinstance(content, Path) and content.suffix.lower() in _ARRAYS:
        try:
            images, is_one = _as_stack(read_array(content), name)
        except ValueError as error:
            yield Picture(name, error)
            return
        for i, image in enumerate(images):
            if progress is not None:
                progress(i, len(images))
            yield Picture(name if is_one else f"{name}[{i}]", image)
    else:
        try:
            if isinstance(content, bytes):
                pixels = _decode(io.BytesIO(content), name)
            else:
                with content.open("rb") as stream:
                    pixels = _decode(stream, name)
            yield Picture(name, pixels)
        except OSError as error:
            reason = error.strerror or str(error)
            yield Picture(name, DatasetError(f"{name} cannot be read: {reason}"))
        except ValueError as error:
            yield Picture(name, error)


def in_form(picture: Picture, form: Form, *, as_is: bool) -> Picture:
    """Return a picture brought to the form of a model's images.

    Parameters
    ----------
    as_is : bool
        The picture must have that form.
    """
    name, pixels = picture
    if isinstance(pixels, ValueError):
        return picture
    if as_is:
        if pixels.shape != form.image_shape and (*pixels.shape, 1) != form.image_shape:
            error = DatasetError(
                f"{name}: an image of shape {pixels.shape}, but the model's are of "
                f"{form.image_shape}; leave --as-is out, and it is brought to that"
            )
            return Picture(name, error)
        return Picture(name, pixels.reshape(form.image_shape))
    try:
        return Picture(name, form.apply(pixels))
    except ValueError as error:
        return Picture(name, DatasetError(f"{name}: {error}"))


def _from_path(name: str) -> Iterator[Source]:
    path = Path(name)
    if path.is_dir():
        files = [
            file
            for file in sorted(path.rglob("*"))
            if file.suffix.lower() in _ENDINGS and file.is_file() and not is_clutter(file)
        ]
        if not files:
            endings = ", ".join(_ENDINGS)
            yield _missing(name, f"holds no images, whose names end in {endings}")
        yield from (Source(str(file), file) for file in files)
    elif not path.exists():
        yield _missing(name, "does not exist; correct its name")
    else:
        yield Source(name, path)


def _from_stdin() -> Iterator[Source]:
    stream = sys.stdin.buffer
    content = stream.read()
    if not content.strip():
        yield _missing("stdin", "is empty; give an image, or names of files, one a line")
    elif _is_image(content):
        yield Source("stdin", content)
    elif b"\0" in content:
        yield _missing("stdin", "is neither an image that can be read nor names of files")
    else:
        for line in content.splitlines():
            if line.strip():
                yield from _from_path(line.decode(sys.getfilesystemencoding(), "surrogateescape"))


def _is_image(content: bytes) -> bool:
    webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return webp or content.startswith(_BEGINNINGS) or content.startswith(_PNM)


def _missing(name: str, why: str) -> Source:
    return Source(name, DatasetNotFoundError(f"{name} {why}"))


def _as_stack(array: NDArray[Any], name: str) -> tuple[Bytes, bool]:
    """Return images as a stack, and whether it was one image without a stack."""
    in_colour = array.ndim == 3 and array.shape[2] in (1, 3, 4) and array.shape[1] > 4
    is_one = array.ndim == 2 or in_colour
    return as_images(array[np.newaxis] if is_one else array, name), is_one


def _decode(stream: IO[bytes], name: str) -> Bytes:
    """Return the pixels of an image file, upright: grey, RGB, or RGBA if some are transparent."""
    from PIL import Image, UnidentifiedImageError

    from lookalike.models.pictures import DepthError, upright_pixels

    try:
        with Image.open(stream, formats=sorted(set(FORMATS.values()))) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DatasetError(
                    f"{name}: its header promises {image.width} × {image.height} pixels but the "
                    f"limit is {MAX_PIXELS:,}; shrink the image"
                )
            return upright_pixels(image)
    except DatasetError:
        raise
    except DepthError as error:
        raise DatasetError(f"{name} has {error}") from None
    except UnidentifiedImageError:
        raise DatasetError(f"{name} is no image that can be read; remove it") from None
    except Exception as error:  # Pillow's decoders raise whatever damaged bytes lead them to
        raise DatasetError(
            f"{name} does not decode as an image: {error}; replace or remove it"
        ) from error
