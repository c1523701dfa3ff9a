"""Images that are given as files to be cleaned, with their values as they are.

A data set is made of bytes; noisy images need not be, for noise added to a byte reaches beyond 255.
So here grey images of 16 bits and NumPy's arrays of any numbers keep their numbers, and nothing is
resized, converted or clipped: what differs from the images expected is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.arrays import read_array
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError, NoPictureError
from lookalike.images.files import called_a_picture
from lookalike.images.pictures import DEEP_MODES, decode, opened
from lookalike.images.sources import ARRAYS, find_sources

# Grey of more than 8 bits keeps the file's own numbers in these formats alone: Pillow stretches
# others to all 16 bits.
_DEEP_FORMATS = {"PNG", "TIFF"}


class GivenImage(NamedTuple):
    """One image.

    Attributes
    ----------
    name : str
        Told apart from all others, whatever case letters have: to make names of files from.
    path : Path
        The file it was read from.
    pixels : ndarray of shape (h, w) or (h, w, c), of any numbers
    """

    name: str
    path: Path
    pixels: NDArray[Any]


def read_images(paths: Sequence[Path], image_shape: tuple[int, ...]) -> list[GivenImage]:
    """Read images of one shape.

    Parameters
    ----------
    paths : sequence of Path
        Image files, grey ones of 8 or 16 bits or colour of 8; ``.npy`` files, and ``.npz`` files
        of one array or one named ``images``, of an image or a stack of them; folders, in which
        such files are looked for.
    image_shape : tuple of shape (h, w) or (h, w, c)
        That the images must have.

    Returns
    -------
    list of GivenImage
        At least one; named as their files, with a number where several would be named alike.

    Raises
    ------
    DatasetError
        If a file is missing, is no image, is damaged, holds images of another shape or values
        that are no finite numbers, or a folder holds none.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "noisy.npy"), np.full((2, 8, 8), 300))
    ...     [image.name for image in read_images([Path(folder)], (8, 8))]
    ['noisy-0', 'noisy-1']
    """
    found: list[GivenImage] = []
    failed: list[ValueError] = []
    for source in find_sources([str(path) for path in paths], Counter()):
        try:
            found += _read(source.content, image_shape)
        except ValueError as error:
            if (
                source.is_named
                or called_a_picture(source.name)
                or not isinstance(error, NoPictureError)
            ):
                failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise DatasetError(f"{len(failed):,} files cannot be read: {'; '.join(map(str, failed))}")
    if not found:
        raise DatasetNotFoundError(f"{paths[0]} holds no pictures; name another folder")
    names = _told_apart([image.name for image in found])
    return [image._replace(name=name) for image, name in zip(found, names, strict=True)]


def _read(content: Path | bytes | ValueError, image_shape: tuple[int, ...]) -> Iterator[GivenImage]:
    if isinstance(content, ValueError):
        raise content
    assert isinstance(content, Path)  # what stdin holds is not asked for here
    is_array = content.suffix.lower() in ARRAYS
    array = read_array(content) if is_array else _read_picture(content, image_shape)
    images = _cut(array, image_shape, content)
    width = len(str(len(images) - 1))
    for i, pixels in enumerate(images):
        stem = content.stem
        name = stem if array.ndim == len(image_shape) else f"{stem}-{i:0{width}}"
        yield GivenImage(name, content, pixels)


def _read_picture(path: Path, image_shape: tuple[int, ...]) -> NDArray[Any]:
    from PIL import ImageOps

    with opened(path) as image:
        if image.mode in DEEP_MODES and image.format in _DEEP_FORMATS:
            deep = np.asarray(ImageOps.exif_transpose(image))
            return deep.astype(deep.dtype.newbyteorder("="), copy=False)
        # Pillow leaves out the lower 8 of 16 bits in colour, and tells so in the raw mode alone.
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
            f"{path} holds values of dtype {array.dtype}, which are no pixels; save numbers"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DatasetError(
            f"{path} holds NaN or infinity, which are no pixels; replace them, as by np.nan_to_num"
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
