"""Read a folder of images with one sub-folder a class.

Either ``folder/<class>/<image>``, or ``folder/train/<class>/<image>`` with
``folder/test/<class>/<image>``. All images come to one size and one kind, grey or colour. A first
pass reads only headers, to decide both and to refuse too much before any pixel is decoded.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.images.errors import DatasetError
from lookalike.images.files import COLOUR_MODES, GREY_MODES, is_clutter, opened, to_bytes
from lookalike.images.limits import MAX_BYTES, check_promised_bytes
from lookalike.images.raw import RawDataset, RawPart

_Item = TypeVar("_Item")

_ORIENTATION = 0x0112  # EXIF tag; its values 5 to 8 swap height and width


class _Header(NamedTuple):
    path: Path
    size: tuple[int, int]  # height, width, as the image is meant to be seen
    grey: bool


def read_image_folder(
    folder: Path,
    *,
    image_shape: tuple[int, ...] | None = None,
    max_bytes: int = MAX_BYTES,
    progress: bool = False,
) -> RawDataset:
    """Read a folder of images with one sub-folder a class.

    Parameters
    ----------
    folder : Path
        Holds a sub-folder for each class, named as the class, with its images and nothing
        else; or the sub-folders ``train`` and ``test``, each with these.
    image_shape : tuple of shape (h, w) or (h, w, c), optional
        The size to resize every image to (stretched, Lanczos filter), and with c, 1 for
        grey or 3 for colour. Without it: the size that all images have or, with a warning,
        their median height and width; grey if all images are grey, else colour.
    max_bytes : int
        Bytes the images may take after resizing.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    RawDataset
        Images uint8, labels the names of the sub-folders. EXIF orientation is applied;
        what is transparent is shown on white.

    Raises
    ------
    DatasetError
        If the folder has not this layout, a class is empty, or an image does not decode,
        has more than 8 bits a channel or more than ``MAX_PIXELS`` pixels.
    """
    folders = _class_folders(folder)
    if {path.name for path in folders} == {"train", "test"}:
        parts = {path.name: _headers(_class_folders(path), progress) for path in folders}
    else:
        parts = {"train": _headers(folders, progress)}
    everything = [header for headers in parts.values() for header in headers]
    shape = _common_shape(everything, folder, image_shape)
    check_promised_bytes(
        len(everything) * int(np.prod(shape)),
        f"{folder}, {len(everything):,} images of {shape}",
        max_bytes=max_bytes,
    )
    raw = {part: _read_part(headers, shape, progress) for part, headers in parts.items()}
    names = {part: np.array([h.path.parent.name for h in parts[part]]) for part in parts}
    train, test = (
        RawPart(raw[part], names[part], str(folder), tuple(h.path for h in parts[part]))
        if part in raw
        else None
        for part in ("train", "test")
    )
    assert train is not None
    return RawDataset(train, test, None, str(folder))


def _class_folders(folder: Path) -> list[Path]:
    entries = [path for path in sorted(folder.iterdir()) if not is_clutter(path)]
    folders = [path for path in entries if path.is_dir()]
    if not folders:
        raise DatasetError(
            f"{folder} holds no data set: neither IDX files, nor .npy files, nor a sub-folder of "
            "images for each class; arrange it as one of these"
        )
    files = [path.name for path in entries if not path.is_dir()]
    if files:
        raise DatasetError(
            f"{folder} holds the file {files[0]} beside its sub-folders, so it belongs to no "
            "class; move it into a class or away"
        )
    return folders


def _headers(class_folders: list[Path], progress: bool) -> list[_Header]:
    paths = []
    for folder in class_folders:
        images = [path for path in sorted(folder.iterdir()) if not is_clutter(path)]
        if not images:
            raise DatasetError(f"{folder} is an empty class; add images to it or remove it")
        paths += images
    return [_read_header(path) for path in _track(paths, "Looking at images", progress)]


def _read_header(path: Path) -> _Header:
    if path.is_dir():
        raise DatasetError(f"{path} is a folder within a class; classes hold only images, move it")
    with opened(path) as image:
        if image.mode not in GREY_MODES | COLOUR_MODES:
            raise DatasetError(
                f"{path} has more than 8 bits a channel (Pillow's mode {image.mode}), which would "
                "be clipped; convert it to 8 bits"
            )
        if image.format == "TIFF":
            image.load()  # Pillow turns these upright itself, but not before it decodes them
        width, height = image.size
        swapped = image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
        size = (width, height) if swapped else (height, width)
        return _Header(path, size, image.mode in GREY_MODES)


def _common_shape(
    headers: list[_Header], folder: Path, image_shape: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Return the shape that all images come to: (h, w) for grey ones, else (h, w, 3)."""
    height, width, *channels = image_shape or _common_size(headers, folder)
    if channels == [4]:
        raise DatasetError(
            f"image_shape={image_shape} but image files are read as grey (1 channel) or colour "
            "(3), what is transparent shown on white; ask for 1 or 3 channels"
        )
    grey = channels == [1] if channels else all(header.grey for header in headers)
    return (height, width) if grey else (height, width, 3)


def _common_size(headers: list[_Header], folder: Path) -> tuple[int, int]:
    sizes = np.array([header.size for header in headers])
    height, width = (int(n) for n in np.median(sizes, axis=0))
    if (sizes != (height, width)).any():
        smallest, largest = sizes.min(axis=0), sizes.max(axis=0)
        warnings.warn(
            f"{folder}: images of {smallest[0]} to {largest[0]} by {smallest[1]} to {largest[1]} "
            f"pixels are resized to {height} by {width}, their median; choose another size with "
            "image_shape=(height, width)",
            stacklevel=6,
        )
    return height, width


def _read_part(headers: list[_Header], shape: tuple[int, ...], progress: bool) -> NDArray[np.uint8]:
    images = np.empty((len(headers), *shape), np.uint8)
    for row, header in enumerate(_track(headers, "Reading images", progress)):
        images[row] = _decode(header.path, shape)
    return images


def _decode(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    from PIL import Image

    with opened(path) as image:
        decoded = to_bytes(image, grey=len(shape) == 2)
        height, width = shape[:2]
        if decoded.size != (width, height):
            decoded = decoded.resize((width, height), Image.Resampling.LANCZOS)
        return np.asarray(decoded)


def _track(items: list[_Item], description: str, progress: bool) -> Iterable[_Item]:
    if not progress:
        return items
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        items, description, console=console, transient=True, disable=not console.is_terminal
    )
