"""Read a folder of pictures with a sub-folder for each class, each picture brought to one form.

The classes lie side by side, or in sub-folders for the parts of the data set (train and test, or as
they are usually called). A first pass reads headers alone, to choose a size and to refuse too much
before any pixel is decoded. A second one reads each picture and brings it to the form, so that no
more than one a thread is in memory as it was given. All that cannot be read is named at once.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.images.checks import MAX_BYTES, RawDataset, RawPart
from lookalike.images.exceptions import DatasetError, warn_caller
from lookalike.images.files import (
    called_a_picture,
    counted,
    files_below,
    list_folder,
    told_left_out,
)
from lookalike.images.originals import Originals, make_thumbnail
from lookalike.images.pictures import Findings, Picture, read_picture, read_size
from lookalike.images.preprocessing import MOST_SIDE, SHOWN, Fit, Form, learn_form

Bytes = NDArray[np.uint8]
_Work = TypeVar("_Work")

_MOST_AS_THEY_ARE = 64  # pixels of the longer side up to which pictures of one size keep it
_LEAST_SIDE = 8  # pixels of the shorter side that can be matched
_GROUND_SAMPLE = 200  # pictures by whose borders the ground is found

# Words in the names of parts, in lower case: Train, test_set, letters-validation.
_PARTS = {
    "train": {"train", "training", "trainset"},
    "test": {"test", "testing", "testset"},
    "val": {"val", "valid", "validation", "dev"},
}


class Layout(NamedTuple):
    """The (class name, path) of each file of the "train" and, if there is one, "test" part.

    Class names are in order, numbers by their value; the notes are what a user should know.
    """

    parts: dict[str, list[tuple[str, Path]]]
    class_names: tuple[str, ...]
    notes: list[str]


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
    """Read a folder of pictures as `load_dataset` says; labels are the names of the sub-folders.

    Without an ``image_shape`` it is the size that all pictures have, if it is one and small, else
    the shape of the median picture at ``working_side``. Images are grey if all pixels of all
    pictures are. Without a ``fit`` pictures are padded, unless they are strokes on an empty ground.
    A given ``form`` decides all of this. ``max_bytes`` is what the pictures may take in their form.
    """
    if form is not None and (image_shape is not None or fit is not None):
        raise DatasetError(
            "image_shape and fit (--size and --fit) have no part here: pictures are brought to the "
            "form that the model or the network needs; leave them out"
        )
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
        each = "; ".join(reading.broken.values())
        told = f"{folder}: {len(reading.broken):,} of {counted(len(files), 'file')}"
        if not skip_broken:
            raise DatasetError(
                f"{told} cannot be read: {each}. Mend or remove them, or go on without them by "
                "skip_broken=True (--skip-broken)"
            )
        warn_caller(f"{told} passed over: {each}")
    for note in (*layout.notes, *reading.notes(folder, form)):
        warn_caller(note)
    parts, start = {}, 0
    for part, own in layout.parts.items():
        kept = [(name, path) for name, path in own if path not in reading.broken]
        rows = slice(start, start + len(kept))
        start += len(kept)
        paths = tuple(path for _, path in kept)
        names = [path.relative_to(folder).as_posix() for path in paths]
        parts[part] = RawPart(
            images[rows],
            np.array([name for name, _ in kept], dtype=str),
            str(folder),
            paths,
            Originals(names, reading.thumbnails[rows]),
        )
    train, test = parts["train"], parts.get("test")
    if not len(train.images):
        raise DatasetError(f"{folder}: no file of its training part can be read as a picture")
    there = {name for part in parts.values() for name in part.labels.tolist()}
    class_names = tuple(name for name in layout.class_names if name in there)
    if test is not None and not len(test.images):
        test = None
    return RawDataset(train, test, class_names, str(folder), tuple(reading.broken.items()), form)


def lay_out(folder: Path) -> Layout:
    """Return which files of a folder belong to which part and class.

    A DatasetError names all that is wrong at once: no sub-folders of classes, an empty class, or
    pictures that belong to none.
    """
    left_out: Counter[str] = Counter()
    notes: list[str] = []
    faults: list[str] = []
    root = _unwrapped(folder)
    beside_folders: Counter[str] = Counter()
    folders, files = list_folder(root, beside_folders)
    parts = _find_parts(folders, faults)
    if parts:
        left_out.update(beside_folders)
        beside = [own for own in folders if own not in parts.values()]
        if beside:
            notes.append(f"{_listed(beside)} beside the parts of {root}: not read")
        found = {part: _classes_in(own, left_out, notes, faults) for part, own in parts.items()}
        for part in ("test", "val"):
            if part in found and not found[part]:
                del found[part]
                notes.append(f"{parts[part]} has no folder for each class: it is not read")
        if "val" in found:
            to = "train" if "test" in found else "test"
            joined = (
                "joins the training part"
                if to == "train"
                else "is the test part, since there is no other"
            )
            notes.append(f"{parts['val']} {joined}")
            found[to] = found.get(to, []) + found.pop("val")
    else:
        found = {"train": _classes_in(root, left_out, notes, faults)}
    if not found["train"] and not faults:
        pictures = _pictures_of(files)
        faults.append(
            f"{folder} holds no data set: "
            + (
                f"{counted(len(pictures), 'picture')}, such as {pictures[0].name}, but no folder "
                "for each class; put them into folders that are named as their classes"
                if pictures
                else "neither IDX files, nor .npy files, nor a table, nor a sub-folder of pictures "
                "for each class; arrange it as one of these"
            )
        )
    if len(faults) > 1:
        each = "; ".join(f"({i}) {fault}" for i, fault in enumerate(faults, 1))
        raise DatasetError(f"{folder} has {len(faults)} faults: {each}")
    if faults:
        raise DatasetError(faults[0])
    if told := told_left_out(left_out):
        notes.append(f"{folder}: {told}")
    return Layout(found, _class_names(found, notes), notes)


def _find_parts(folders: list[Path], faults: list[str]) -> dict[str, Path]:
    """Return the folders of parts by their usual names; none unless there are at least two.

    A folder that holds pictures is a class, whatever it is called; but unsorted pictures lie in
    many a folder called test.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        words = set(re.findall("[a-z]+", folder.name.lower()))
        own = [part for part, names in _PARTS.items() if words & names]
        if len(own) != 1 or not (_holds_folders_alone(folder) or folder.name.lower() == "test"):
            continue
        (part,) = own
        if part in found:
            faults.append(
                f"{found[part]} and {folder} both have a name of the {part} part; rename one"
            )
        else:
            found[part] = folder
    return found if "train" in found and len(found) > 1 else {}


def _unwrapped(folder: Path) -> Path:
    """Return a folder, or the one within it that an archive has put around all others."""
    folders, files = list_folder(folder, Counter())
    is_wrapper = len(folders) == 1 and not _pictures_of(files)
    if is_wrapper and _holds_folders_alone(folders[0]):
        return _unwrapped(folders[0])
    return folder


def _pictures_of(files: list[Path]) -> list[Path]:
    return [path for path in files if called_a_picture(path.name)]


def _holds_folders_alone(folder: Path) -> bool:
    folders, files = list_folder(folder, Counter())
    return bool(folders) and not _pictures_of(files)


def _classes_in(
    part: Path, left_out: Counter[str], notes: list[str], faults: list[str]
) -> list[tuple[str, Path]]:
    """Return the files of the classes in a part; what is wrong with it joins the faults."""
    part = _unwrapped(part)
    folders, files = list_folder(part, left_out)
    if not folders:
        return []
    if loose := _pictures_of(files):
        faults.append(
            f"{part} holds the {_listed(loose)} beside its folders; they belong to no class, so "
            "move each into a class or away"
        )
    elif files:
        notes.append(f"{_listed(files)} beside the classes of {part}: not read")
    if no_text := [own for own in folders if re.search("[\ud800-\udfff]", own.name)]:
        faults.append(
            f"{no_text[0].name!a} in {part}: the name of this folder is not valid UTF-8, but "
            "it is that of a class; rename the folder"
        )
    if all(map(_holds_folders_alone, folders)):
        faults.append(
            f"{_listed(folders)} in {part} hold folders alone, as parts of a data set do and not "
            "classes: call parts train and test (or val), or name one of them; or move the "
            "pictures of classes up"
        )
    below = {own: files_below(own, left_out) for own in folders}
    if empty := [own for own in folders if not below[own]]:
        faults.append(
            f"{_listed(empty)} in {part}: empty, but a class needs pictures; add pictures or "
            f"remove {'it' if len(empty) == 1 else 'them'}"
        )
    return [
        (unicodedata.normalize("NFC", own.name), path) for own in folders for path in below[own]
    ]


def _class_names(parts: dict[str, list[tuple[str, Path]]], notes: list[str]) -> tuple[str, ...]:
    names = {part: {name for name, _ in files} for part, files in parts.items()}
    every = set.union(*names.values())
    of_lower: dict[str, list[str]] = {}
    for name in sorted(every):
        of_lower.setdefault(name.casefold(), []).append(name)
    alike = [own for own in of_lower.values() if len(own) > 1]
    if alike:
        told = "; ".join(" and ".join(own) for own in alike)
        notes.append(f"classes that differ in their capital letters alone: {told}")
    unknown = sorted(names.get("test", set()) - names["train"])
    if unknown:
        notes.append(
            f"the test part has classes that the training part lacks: {', '.join(unknown)}; none "
            "of their pictures can come out right"
        )
    if all(re.fullmatch(r"[0-9]+", name) for name in every):
        return tuple(sorted(every, key=lambda name: (int(name), name)))
    return tuple(sorted(every))


def _listed(paths: list[Path]) -> str:
    """Return what the paths are called, of many the first."""
    kind = "folder" if paths[0].is_dir() else "file"
    names = ", ".join(path.name for path in paths[:5])
    more = f" and {len(paths) - 5:,} more" if len(paths) > 5 else ""
    return f"{kind} {names}" if len(paths) == 1 else f"{kind}s {names}{more}"


class _Reading:
    """The files of a folder as they are read, with what was found on the way."""

    def __init__(self, files: list[Path], progress: bool) -> None:
        self.files, self.progress = files, progress
        self.broken: dict[Path, str] = {}
        self.whole: list[Path] = []  # their headers can be read
        sizes = []
        for path in _track(files, "Looking at pictures", progress, len(files)):
            try:
                sizes.append(read_size(path))
                self.whole.append(path)
            except DatasetError as error:
                self.broken[path] = str(error)
        self.sizes = np.array(sizes, np.int64).reshape(-1, 2)  # heights and widths

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

        def read(path: Path) -> tuple[Bytes, bytes, Picture] | None:
            picture = None if path in self.broken else self.read(path, form)
            if picture is None:
                return None
            pixels = picture.pixels
            small = picture._replace(pixels=pixels[:1, :1].copy())  # not all find room whole
            return _formed(pixels, form), make_thumbnail(pixels, size), small

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                reading = pool.map(read, self.files)
                n_files = len(self.files)
                for found in _track(reading, "Reading pictures", self.progress, n_files):
                    if found is None:
                        continue
                    images[n], thumbnail, picture = found
                    self.thumbnails.append(thumbnail)
                    self.is_grey &= picture.pixels.ndim == 2
                    self.findings.add(picture)
                    n += 1
            finally:
                pool.shutdown(cancel_futures=True)
        self.broken = {path: self.broken[path] for path in self.files if path in self.broken}
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
        are_of_size = bool((self.sizes == form.image_shape).all())
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
        sizes = self.sizes
        if form != SHOWN and (sizes != form.image_shape[:2]).any():
            ends = sizes.min(axis=0), sizes.max(axis=0)
            found = " to ".join(dict.fromkeys(f"{h:,} × {w:,}" for h, w in ends))
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
    reading: _Reading, image_shape: tuple[int, ...] | None, fit: Fit | None, working_side: int
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
        shape = (*_working_size(reading.sizes, working_side), 3)
    form = Form(shape, 255, None, fit or "pad")
    if form.fit == "pad" and (reading.sizes != shape[:2]).any():
        form = replace(form, ground=_ground(reading, form))
    return form


def _working_size(sizes: NDArray[np.int64], working_side: int) -> tuple[int, int]:
    if working_side < _LEAST_SIDE:
        raise DatasetError(f"working_side={working_side}; give {_LEAST_SIDE} or more")
    if not len(sizes):
        return working_side, working_side
    height, width = np.median(sizes, axis=0)
    if (sizes == sizes[0]).all() and max(height, width) <= _MOST_AS_THEY_ARE:
        return int(height), int(width)
    scale = min(1.0, working_side / max(height, width))
    return max(_LEAST_SIDE, round(height * scale)), max(_LEAST_SIDE, round(width * scale))


def _ground(reading: _Reading, form: Form) -> int:
    """Return the median grey value of the border of some pictures, evenly spaced."""
    rows = np.unique(np.linspace(0, len(reading.whole) - 1, _GROUND_SAMPLE).astype(int))
    whole = replace(form, fit="stretch", image_shape=form.image_shape[:2])
    borders = []
    for row in rows.tolist():
        picture = reading.read(reading.whole[row], form)
        if picture is not None:
            image = whole.apply(picture.pixels)
            borders.append(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]))
    return int(np.median(borders)) if borders else 255


def _track(work: Iterable[_Work], description: str, progress: bool, total: int) -> Iterable[_Work]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = not progress or not console.is_terminal
    how: dict[str, Any] = {"console": console, "transient": True, "disable": hidden}
    return track(work, description, total, **how)
