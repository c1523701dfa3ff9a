"""Read a folder of pictures, each brought to one form.

A first pass reads headers alone, to choose a size and to refuse too much before any pixel is
decoded. A second one reads each picture and brings it to the form, so that no more than one is in
memory as it was given. What cannot be read is collected, and told at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.images.checks import MAX_BYTES, RawDataset, RawPart
from lookalike.images.exceptions import DatasetError, warn_caller
from lookalike.images.files import counted
from lookalike.images.folder_layout import lay_out
from lookalike.images.originals import Originals, make_thumbnail
from lookalike.images.pictures import Header, Picture, read_header, read_picture
from lookalike.images.preprocessing import MOST_SIDE, Fit, Form, learn_form
from lookalike.images.sources import Findings

_Item = TypeVar("_Item")
Bytes = NDArray[np.uint8]

MOST_AS_THEY_ARE = 64
"""Pixels of the longer side up to which pictures that are all of one size keep it."""

LEAST_SIDE = 8
"""Pixels of the shorter side, at least: what can be matched."""

_GROUND_SAMPLE = 200  # pictures whose borders tell the ground


def read_image_folder(
    folder: Path,
    *,
    image_shape: tuple[int, ...] | None = None,
    fit: Fit | None = None,
    form: Form | None = None,
    working_side: int = 32,
    skip_broken: bool = False,
    max_bytes: int = MAX_BYTES,
    progress: bool = False,
) -> RawDataset:
    """Read a folder of pictures with one sub-folder a class.

    Parameters
    ----------
    folder : Path
        As `lay_out` takes it.
    image_shape : tuple of shape (h, w) or (h, w, c), optional
        The size to bring every picture to, and with c, 1 for grey or 3 for colour. Without it:
        the size that all pictures have, if it is one and small, else the shape of the median
        picture at `working_side`; grey if all pixels of all pictures are grey, else colour.
    fit : {"pad", "crop", "stretch"}, optional
        How pictures are brought to that size, as of `Form`; strokes are not looked for then.
        Without it they are padded, unless they are strokes on an empty ground.
    form : Form, optional
        The form to bring the pictures to, such as a model's; then the three above have no part.
    working_side : int
        Pixels of the longer side of pictures that are not kept as they are.
    skip_broken : bool
        Go on without files that cannot be read as pictures.
    max_bytes : int
        Bytes the pictures may take in their form.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    RawDataset
        Images uint8, labels the names of the sub-folders, and the form.

    Raises
    ------
    DatasetError
        If the folder has not this layout, or files cannot be read, which it names all.
    """
    layout = lay_out(folder)
    files = [path for own in layout.parts.values() for _, path in own]
    reading = _Reading(files, progress)
    if form is None:
        form = _choose_form(reading, image_shape, fit, working_side)
        n_bytes = len(files) * int(np.prod(form.image_shape))
        if n_bytes > max_bytes:
            raise DatasetError(
                f"{folder}: {counted(len(files), 'picture')} of {form.image_shape} take "
                f"{n_bytes:,} bytes but the limit is max_bytes={max_bytes:,}; bring them to a "
                "smaller size: image_shape=(h, w), --size HxW"
            )
        images, form = reading.learn(form, is_free=len(image_shape or ()) < 3, fit=fit)
    else:
        images = reading.images(form)
    if reading.broken:
        _tell_broken(reading.broken, folder, len(files), skip_broken=skip_broken)
    for note in (*layout.notes, *reading.notes(folder, form)):
        warn_caller(note)
    parts, start = {}, 0
    for part, own in layout.parts.items():
        kept = [one for one in own if one[1] not in reading.broken]
        parts[part] = RawPart(
            images[start : start + len(kept)],
            np.array([name for name, _ in kept], dtype=str),
            str(folder),
            tuple(path for _, path in kept),
            Originals(
                [path.relative_to(folder).as_posix() for _, path in kept],
                reading.thumbnails[start : start + len(kept)],
            ),
        )
        start += len(kept)
    train, test = parts["train"], parts.get("test")
    if not len(train.images):
        raise DatasetError(f"{folder}: no file of its training part can be read as a picture")
    there = {name for part in parts.values() for name in part.labels.tolist()}
    names = tuple(name for name in layout.class_names if name in there)
    if test is not None and not len(test.images):
        test = None
    return RawDataset(train, test, names, str(folder), tuple(reading.broken.items()), form)


def _tell_broken(broken: dict[Path, str], folder: Path, n_files: int, *, skip_broken: bool) -> None:
    each = "; ".join(broken.values())
    files = f"{len(broken):,} of {counted(n_files, 'file')}"
    if not skip_broken:
        raise DatasetError(
            f"{folder}: {files} cannot be read: {each}. Mend or remove them, or go on without them "
            "by skip_broken=True (--skip-broken)"
        )
    warn_caller(f"{folder}: {files} passed over: {each}")


class _Reading:
    """The files of a folder as they are read, with what was found on the way."""

    def __init__(self, files: list[Path], progress: bool) -> None:
        self.files, self.progress = files, progress
        self.broken: dict[Path, str] = {}
        self.headers: dict[Path, Header] = {}
        for path in _track(files, "Looking at pictures", progress):
            try:
                self.headers[path] = read_header(path)
            except DatasetError as error:
                self.broken[path] = str(error)

    def sizes(self) -> NDArray[np.int64]:
        """Return heights and widths, shape (n, 2)."""
        return np.array([header.size for header in self.headers.values()], np.int64).reshape(-1, 2)

    def read(self, path: Path, form: Form) -> Picture | None:
        try:
            return read_picture(path, least_size=form.least_size)
        except DatasetError as error:
            self.broken[path] = str(error)
            return None

    def images(self, form: Form) -> Bytes:
        """Return all pictures that can be read, in a form."""
        self.findings, self.is_grey = Findings(), True
        self.thumbnails: list[bytes] = []
        size = form.image_shape[0], form.image_shape[1]
        images, n = np.empty((len(self.files), *form.image_shape), np.uint8), 0
        for path in _track(self.files, "Reading pictures", self.progress):
            picture = None if path in self.broken else self.read(path, form)
            if picture is not None:
                images[n] = _formed(picture.pixels, form)
                self.thumbnails.append(make_thumbnail(picture.pixels, size))
                self.is_grey &= picture.pixels.ndim == 2
                self.findings.add(picture)
                n += 1
        return images[:n]

    def learn(self, form: Form, *, is_free: bool, fit: Fit | None) -> tuple[Bytes, Form]:
        """Return all pictures in a form, which becomes grey, and one of strokes, where they are."""
        images = self.images(form)
        if len(form.image_shape) == 3 and self.is_grey and is_free:
            form = replace(form, image_shape=form.image_shape[:2])
            images = np.ascontiguousarray(images[..., 0])
        if len(form.image_shape) == 3 or not len(images):
            return images, form
        learnt = replace(learn_form(images), fit=form.fit)
        are_of_size = all(header.size == form.image_shape for header in self.headers.values())
        if fit is not None or learnt.strokes is None:
            if form.fit != "pad" or are_of_size:  # else their borders are what they are padded by
                form = replace(form, ground=learnt.ground)
            return images, form
        if are_of_size:
            return np.stack([_formed(image, learnt) for image in images]), learnt
        return self.images(learnt), learnt

    def notes(self, folder: Path, form: Form) -> list[str]:
        """Return what a user should know of how pictures were read."""
        notes = [f"{folder}: {note}" for note in self.findings.notes()]
        sizes = self.sizes()
        if len(sizes) and (sizes != form.image_shape[:2]).any():
            low, high = sizes.min(axis=0), sizes.max(axis=0)
            found = " to ".join(dict.fromkeys(f"{h:,} × {w:,}" for h, w in (low, high)))
            how = {"pad": "padded", "crop": "cropped", "stretch": "stretched"}[form.fit]
            if form.strokes is not None:
                how = "their strokes cut out and centred"
            height, width = form.image_shape[:2]
            notes.append(
                f"{folder}: {len(sizes):,} pictures of {found} pixels are brought to {height} × "
                f"{width}, {how}; another size: --size HxW, image_shape=(h, w); another way: fit"
            )
        return notes


def _formed(pixels: Bytes, form: Form) -> Bytes:
    try:
        return form.apply(pixels)
    except ValueError:  # it has no strokes
        return replace(form, strokes=None).apply(pixels)


def _choose_form(
    reading: _Reading,
    image_shape: tuple[int, ...] | None,
    fit: Fit | None,
    working_side: int,
) -> Form:
    """Return a form in colour, or as it was asked for, without strokes."""
    if image_shape is not None:
        height, width, *channels = image_shape
        if channels == [4]:
            raise DatasetError(
                f"image_shape={image_shape} but pictures are read as grey (1 channel) or colour "
                "(3), what is transparent shown on white; ask for 1 or 3 channels"
            )
        if max(height, width) > MOST_SIDE:
            raise DatasetError(
                f"image_shape={image_shape}, but sides are at most {MOST_SIDE:,}; give a smaller "
                "size (--size)"
            )
        shape = (height, width) if channels == [1] else (height, width, 3)
    else:
        shape = (*_working_size(reading.sizes(), working_side), 3)
    form = Form(shape, 255, None, fit or "pad")
    sizes = reading.sizes()
    if form.fit == "pad" and len(sizes) and (sizes != shape[:2]).any():
        form = replace(form, ground=_ground(reading, form))
    return form


def _working_size(sizes: NDArray[np.int64], working_side: int) -> tuple[int, int]:
    if working_side < LEAST_SIDE:
        raise DatasetError(f"working_side={working_side}; give {LEAST_SIDE} or more")
    if not len(sizes):
        return working_side, working_side
    height, width = np.median(sizes, axis=0)
    if (sizes == sizes[0]).all() and max(height, width) <= MOST_AS_THEY_ARE:
        return int(height), int(width)
    scale = min(1.0, working_side / max(height, width))
    return max(LEAST_SIDE, round(height * scale)), max(LEAST_SIDE, round(width * scale))


def _ground(reading: _Reading, form: Form) -> int:
    """Return the median grey value of the border of some pictures, evenly spaced."""
    rows = np.unique(np.linspace(0, len(reading.headers) - 1, _GROUND_SAMPLE).astype(int))
    paths = list(reading.headers)
    whole = replace(form, fit="stretch", image_shape=form.image_shape[:2])
    borders = []
    for path in (paths[row] for row in rows.tolist()):
        picture = reading.read(path, form)
        if picture is not None:
            image = whole.apply(picture.pixels)
            borders.append(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]))
    return int(np.median(borders)) if borders else 255


def _track(items: list[_Item], description: str, progress: bool) -> Iterable[_Item]:
    if not progress:
        return items
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        items, description, console=console, transient=True, disable=not console.is_terminal
    )
