"""A data set of labelled images, and loading one from wherever it lies."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.arrays import read_npy, read_npz
from lookalike.images.bunch import read_bunch, read_digits, read_openml
from lookalike.images.catalogue import CATALOGUE
from lookalike.images.errors import DatasetError, DatasetNotFoundError
from lookalike.images.folder import read_image_folder
from lookalike.images.idx import find_idx_files, read_idx_folder
from lookalike.images.limits import MAX_BYTES
from lookalike.images.raw import (
    RawDataset,
    as_images,
    check_image_shape,
    check_labels,
    encode_labels,
)
from lookalike.images.store import (
    TIMEOUT,
    data_folders,
    fetch_dataset,
    find_datasets,
    find_folder,
    read_named,
)

_OPENML = "openml:"


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """One part of a data set, to train or to test with.

    Attributes
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c), uint8
    labels : ndarray of shape (n,), int64
        Positions in the data set's ``class_names``.
    paths : tuple of (Path or None), or None
        The file of each picture; None if the pictures do not lie in files of their own.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    paths: tuple[Path | None, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, rows: NDArray[np.int64]) -> Split:
        """Return some of the pictures."""
        paths = None if self.paths is None else tuple(self.paths[row] for row in rows)
        return Split(self.images[rows], self.labels[rows], paths)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images of {_times(self.images.shape[1:])})"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set of labelled images, as `load_dataset` returns it.

    Attributes
    ----------
    train, test : Split
        The images and labels to train and to test with.
    class_names : tuple of str
        What the labels 0, 1, ... are called: ``class_names[label]``.
    source : str
        Where the data set came from.
    skipped : tuple of (Path, str)
        Files that could not be read as pictures and were passed over, and why.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    source: str
    skipped: tuple[tuple[Path, str], ...] = ()

    def __repr__(self) -> str:
        classes = ", ".join(self.class_names[:10]) + (", ..." if len(self.class_names) > 10 else "")
        return (
            f"Dataset({len(self.train):,} train and {len(self.test):,} test images of "
            f"{_times(self.train.images.shape[1:])}, {len(self.class_names)} classes ({classes}), "
            f"from {self.source})"
        )


def load_dataset(
    name_or_path: str | os.PathLike[str] | Mapping[str, Any],
    *,
    test_size: float | int = 0.2,
    random_state: int | None = 0,
    image_shape: Sequence[int] | None = None,
    max_bytes: int = MAX_BYTES,
    download: bool = True,
    timeout: float = TIMEOUT,
    progress: bool = True,
) -> Dataset:
    """Load a data set of labelled images.

    Parameters
    ----------
    name_or_path : str, path or Bunch
        One of

        - ``"digits"``, bundled with scikit-learn (8 × 8 pixels, values 0 to 16);
        - ``"mnist"``, ``"fashion-mnist"``, ``"kmnist"``: looked for in
          ``$LOOKALIKE_DATA/<name>/``, then in the user's cache folder, else downloaded;
        - the name of any other folder in ``$LOOKALIKE_DATA`` or in the cache folder;
        - the path of a folder of IDX files (``.gz`` or not), of images with one sub-folder a
          class, or of ``.npy`` files; or of an ``.npz`` or ``.npy`` file;
        - ``"openml:<name>"`` or ``"openml:<number>"``, a data set on OpenML;
        - a Bunch of scikit-learn.

        Names go before paths: write ``"./digits"`` for a folder of that name.
    test_size : float or int
        Share (0 to 1) or number of images to hold out for testing, stratified by class; 0 for none.
        Where the source has a test part of its own, that is used and this is not.
    random_state : int or None
        Seed of the choice of held-out images; None for another choice each time.
    image_shape : tuple of shape (h, w) or (h, w, c), optional
        Shape of each image. Folders of images are resized to it, flat rows are reshaped to
        it (without it, to squares); of other sources it is checked.
    max_bytes : int
        Bytes that one array of the data set may take (4 GiB). A header that promises more is
        refused before memory is set aside.
    download : bool
        Whether named data sets may be downloaded.
    timeout : float
        Seconds after which a network that does not answer is taken for none.
    progress : bool
        Show a progress bar on a terminal while downloading or reading many images.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetNotFoundError
        If there is no such data set, or it cannot be downloaded.
    DatasetError
        If the data set is damaged, has a wrong layout, exceeds ``max_bytes``, or is too small
        to hold a test part out of.

    Warns
    -----
    UserWarning
        If images of several sizes are resized and no ``image_shape`` was given.

    Examples
    --------
    >>> from lookalike import load_dataset
    >>> data = load_dataset("digits")
    >>> data.train.images.shape, data.test.images.shape
    ((1437, 8, 8), (360, 8, 8))
    >>> data.class_names[data.test.labels[0]]
    '1'
    """
    shape = check_image_shape(image_shape)
    if isinstance(name_or_path, Mapping):
        raw = read_bunch(name_or_path)
    elif name_or_path == "digits":
        raw = read_digits()
    elif name_or_path in CATALOGUE:
        raw = _read_catalogued(str(name_or_path), download, timeout, progress)
    elif isinstance(name_or_path, str) and name_or_path.startswith(_OPENML):
        raw = read_openml(name_or_path.removeprefix(_OPENML))
    else:
        raw = _read_path(_resolve(name_or_path), shape, max_bytes, progress)
    return _assemble(raw, shape, test_size, random_state)


def _read_catalogued(name: str, download: bool, timeout: float, progress: bool) -> RawDataset:
    folder = find_folder(name)
    if folder is None and not download:
        raise DatasetNotFoundError(
            f"{name} lies in none of {', '.join(str(path / name) for path in data_folders())}; "
            "put its files there or allow download=True"
        )
    return read_named(name, folder or fetch_dataset(name, timeout=timeout, progress=progress))


def _resolve(name_or_path: str | os.PathLike[str]) -> Path:
    path = Path(name_or_path).expanduser()
    if path.exists():
        return path
    name = os.fspath(name_or_path)
    folder = find_folder(name) if Path(name).name == name else None
    if folder is not None:
        return folder
    names = [dataset.name for dataset in find_datasets()]
    close = get_close_matches(name, names, n=1)
    meant = f"did you mean {close[0]!r}?" if close else f"names are {', '.join(names)}."
    raise DatasetNotFoundError(
        f"{name!r} is neither a data set's name nor an existing path; {meant} "
        f"Data sets on OpenML are called {_OPENML + '<name>'!r}"
    )


def _read_path(
    path: Path, image_shape: tuple[int, ...] | None, max_bytes: int, progress: bool
) -> RawDataset:
    try:
        if path.is_dir():
            if find_idx_files(path):
                return read_idx_folder(path, max_bytes=max_bytes)
            if any(path.glob("*.npy")):
                return read_npy(path, max_bytes=max_bytes)
            return read_image_folder(
                path, image_shape=image_shape, max_bytes=max_bytes, progress=progress
            )
        if path.suffix == ".npz":
            return read_npz(path, max_bytes=max_bytes)
        if path.suffix == ".npy":
            return read_npy(path, max_bytes=max_bytes)
    except OSError as error:  # a folder that may not be listed
        raise DatasetError(f"{path} cannot be read: {error}; check its permissions") from error
    raise DatasetError(
        f"{path} is no data set by its name; give an .npz or .npy file, or the folder that holds "
        "IDX files or images"
    )


def _assemble(
    raw: RawDataset,
    image_shape: tuple[int, ...] | None,
    test_size: float | int,
    random_state: int | None,
) -> Dataset:
    parts = [raw.train] if raw.test is None else [raw.train, raw.test]
    images = [as_images(part.images, part.where, image_shape) for part in parts]
    labels = [
        check_labels(part.labels, len(part_images), part.where)
        for part, part_images in zip(parts, images, strict=True)
    ]
    codes, class_names = encode_labels(labels, raw.class_names, raw.source)
    paths = [part.paths for part in parts]
    splits = [Split(*columns) for columns in zip(images, codes, paths, strict=True)]
    if len(splits) == 1:
        splits = _hold_out(splits[0], class_names, raw.source, test_size, random_state)
    train, test = splits
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DatasetError(
            f"{raw.source}: train images are {_times(train.images.shape[1:])} but test images "
            f"{_times(test.images.shape[1:])}; make them alike"
        )
    return Dataset(train, test, class_names, raw.source, raw.skipped)


def _hold_out(
    whole: Split,
    class_names: tuple[str, ...],
    source: str,
    test_size: float | int,
    random_state: int | None,
) -> list[Split]:
    from sklearn.model_selection import train_test_split

    if test_size == 0:
        return [whole, whole.rows(np.empty(0, dtype=np.int64))]
    counts = np.bincount(whole.labels, minlength=len(class_names))
    single = np.flatnonzero(counts == 1)
    if len(single):
        raise DatasetError(
            f"{source}: class {class_names[single[0]]!r} has 1 image, but holding a test part out "
            "takes at least 2 of each class; add images or remove the class"
        )
    try:
        rows = train_test_split(
            np.arange(len(whole)),
            test_size=test_size,
            random_state=random_state,
            stratify=whole.labels,
        )
    except ValueError as error:
        raise DatasetError(
            f"{source}: test_size={test_size!r} cannot be held out of {len(whole):,} images of "
            f"{np.count_nonzero(counts)} classes: {error}; change test_size"
        ) from error
    # sorted, so that both parts keep the source's order
    return [whole.rows(np.sort(part)) for part in rows]


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(str(n) for n in shape)
