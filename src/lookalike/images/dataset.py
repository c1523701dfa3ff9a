"""A data set of labelled images, and loading one from wherever it lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.arrays import read_bunch, read_digits, read_npy, read_npz, read_openml
from lookalike.images.catalogue import CATALOGUE
from lookalike.images.checks import (
    MAX_BYTES,
    RawDataset,
    as_images,
    check_image_shape,
    check_labels,
    encode_labels,
)
from lookalike.images.csv_dataset import find_tables, is_table, read_tables
from lookalike.images.exceptions import DatasetError, warn_caller
from lookalike.images.holdout import hold_out
from lookalike.images.idx import find_idx_files, is_idx_name, read_idx_folder
from lookalike.images.originals import Originals, Shown
from lookalike.images.store import TIMEOUT, read_catalogued, resolve, warn_if_shadowed

if TYPE_CHECKING:
    from lookalike.images.preprocessing import Fit, Form

_OPENML = "openml:"
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """One part of a data set, to train or to test with.

    Attributes
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c), uint8
    labels : ndarray of shape (n,), int64
        Positions in the data set's ``class_names``.
    paths : tuple of Path, or None
        The file of each picture; None if the pictures do not lie in files of their own.
    originals : Originals or None
        Names and thumbnails of these files.
    vectors : ndarray of shape (n, n_features), float32, or None
        What a network makes of the pictures.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    paths: tuple[Path, ...] | None = None
    originals: Originals | None = None
    vectors: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def inputs(self) -> NDArray[Any]:
        """What classifiers take: the vectors if there are any, else the images."""
        return self.images if self.vectors is None else self.vectors

    @property
    def pictures(self) -> Sequence[Any] | NDArray[np.uint8]:
        """What a network takes: the files if they are known, else the images."""
        return self.images if self.paths is None else self.paths

    @property
    def thumbnails(self) -> Originals:
        """The originals, with a thumbnail of every picture."""
        return (self.originals or Originals.unknown(len(self))).filled(self.images)

    def rows(self, rows: NDArray[np.int64]) -> Split:
        """Return some of the pictures."""
        paths = None if self.paths is None else tuple(self.paths[row] for row in rows)
        originals = None if self.originals is None else self.originals.rows(rows)
        vectors = None if self.vectors is None else self.vectors[rows]
        return Split(self.images[rows], self.labels[rows], paths, originals, vectors)

    def joined(self, other: Split) -> Split:
        """Return the pictures of this part, and after them those of another."""
        own, more = self.paths, other.paths
        ours, theirs = self.originals, other.originals
        left, right = self.vectors, other.vectors
        return Split(
            np.concatenate([self.images, other.images]),
            np.concatenate([self.labels, other.labels]),
            None if own is None or more is None else own + more,
            None if ours is None or theirs is None else ours.joined(theirs),
            None if left is None or right is None else np.concatenate([left, right]),
        )

    def name(self, row: int) -> str | None:
        """Return the name of a picture's file below the data set's folder, if it has one."""
        return None if self.originals is None else self.originals.name(row)

    def called(self, row: int) -> str:
        """Return what a picture is called: its row, and its file if it has one."""
        name = self.name(row)
        return f"{row:,}" if name is None else f"{row:,}, {name}"

    @property
    def shown(self) -> Any:
        """The pictures for people to look at, by row: as they were, if larger than the images."""
        return self.images if self.originals is None else Shown(self.images, self.originals)

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
    form : Form
        What brings a picture to the form that these have: the one that the files of a folder
        were read by, else the one that the training images teach.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    source: str
    skipped: tuple[tuple[Path, str], ...] = ()
    read_by: Form | None = None

    @cached_property
    def form(self) -> Form:
        """What brings a picture to the form that these have."""
        if self.read_by is not None:
            return self.read_by
        from lookalike.images.preprocessing import learn_form

        return learn_form(self.train.images)

    def with_vectors(self, transform: Callable[[Sequence[Any]], NDArray[np.float32]]) -> Dataset:
        """Return the data set with the vectors that a function makes of all its pictures."""
        made = transform([*self.train.pictures, *self.test.pictures])
        n = len(self.train)
        train, test = replace(self.train, vectors=made[:n]), replace(self.test, vectors=made[n:])
        return replace(self, train=train, test=test)

    @property
    def brightest(self) -> int:
        """The value that is shown as white."""
        return 255 if self.train.originals else max(1, int(self.train.images.max()))

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
    test_size: float | int | None = None,
    random_state: int | None = 0,
    image_shape: Sequence[int] | None = None,
    fit: Fit | None = None,
    form: Form | None = None,
    working_side: int = 32,
    skip_broken: bool = False,
    transpose: bool | None = None,
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
        - the path of a folder of IDX files (``.gz`` or not), or of one of them; of images with
          one sub-folder a class; or of ``.npy`` files; or of an ``.npz`` or ``.npy`` file;
        - the path of a table (``.csv`` or ``.tsv``, ``.gz`` or not), a row an image, with its
          label in one column and its pixels in the others, as Kaggle has them; or of a folder
          of such tables, called train and test;
        - ``"openml:<name>"`` or ``"openml:<number>"``, a data set on OpenML;
        - a Bunch of scikit-learn.

        The names of data sets that are bundled or can be downloaded go before paths: write
        ``"./digits"`` for a folder of that name. Paths go before other names.
    test_size : float, int or None
        Share (0 to 1) or number of images to hold out for testing, stratified by class; 0 for
        none. None is a fifth, or one image of each class where a fifth has not one of each. The
        only image of a class is never held out. A source with a test part of its own ignores it.
    random_state : int or None
        Seed of the choice of held-out images; None for another choice each time.
    image_shape : tuple of shape (h, w) or (h, w, c), optional
        Shape of each image. Pictures in folders are brought to it, flat rows are reshaped to
        it (without it, to squares); for other sources it is checked.
    fit : {"pad", "crop", "stretch"}, optional
        How pictures in folders are brought to one size: whole with the ground beside them, cut to
        cover it, or stretched. Without it they are padded; strokes on an empty ground, for example
        drawn digits, are cut out and centred.
    form : Form, optional
        The form to bring pictures in folders to, for example that of a model file.
    working_side : int
        Longer side, in pixels, that pictures in folders are brought to if they are larger than 64
        pixels or of several sizes and no ``image_shape`` is given.
    skip_broken : bool
        Whether files in folders that cannot be read as pictures are passed over, and named by
        ``skipped``, instead of an error that names them all.
    transpose : bool, optional
        Whether rows and columns of each image are exchanged; ``image_shape`` is the shape after
        that. None exchanges those of EMNIST, which stores images transposed, and whose files or
        folder are called ``emnist-...``.
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
        to hold ``test_size`` out of.

    Warns
    -----
    UserWarning
        If pictures in folders are brought to another size, or anything else was decided while they
        were read; if a folder and a data set have the same name; if less than a fifth is held out,
        or none of a class that has a single image; if images were transposed; or if something of a
        table had to be guessed or was left out.

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
    if fit is not None and fit not in ("pad", "crop", "stretch"):
        raise DatasetError(f"fit={fit!r}; give 'pad', 'crop' or 'stretch', or leave it out")
    if isinstance(name_or_path, Mapping):
        raw = read_bunch(name_or_path)
    elif name_or_path == "digits":
        warn_if_shadowed("digits", None)
        raw = read_digits()
    elif name_or_path in CATALOGUE:
        raw = read_catalogued(
            str(name_or_path), may_fetch=download, timeout=timeout, progress=progress
        )
    elif isinstance(name_or_path, str) and name_or_path.startswith(_OPENML):
        raw = read_openml(name_or_path.removeprefix(_OPENML))
    else:
        raw = _read_path(
            resolve(name_or_path),
            max_bytes,
            image_shape=shape,
            fit=fit,
            form=form,
            working_side=working_side,
            skip_broken=skip_broken,
            progress=progress,
        )
    if raw.transposed and transpose is None:
        warn_caller(
            f"{raw.source} has the name of EMNIST, whose images are stored transposed; they were "
            "turned upright; transpose=False leaves them as they are"
        )
    if raw.form is not None:
        shape = None  # the pictures were brought to it
        if transpose:
            raise DatasetError(
                f"{raw.source}: transpose=True but pictures in files lie as they are seen; leave "
                "it out, or turn the files"
            )
    elif fit is not None:
        raise DatasetError(
            f"{raw.source}: fit={fit!r} but only folders of image files are brought to another "
            "size; leave fit (--fit) out"
        )
    if raw.test is not None and len(raw.test.images) and test_size:
        warn_caller(
            f"{raw.source} has a test part of its own: test_size={test_size} (--test-size) is "
            "not used"
        )
    transposed = raw.transposed if transpose is None else transpose
    return _assemble(raw, shape, test_size, random_state, transposed)


def _read_path(path: Path, max_bytes: int, **pictures: Any) -> RawDataset:
    try:
        read = _reader(path)
        if read is not None:
            return read(max_bytes=max_bytes)
        if path.is_dir():
            from lookalike.images.folder import read_image_folder

            return read_image_folder(path, max_bytes=max_bytes, **pictures)
    except OSError as error:  # a folder that may not be listed
        raise DatasetError(f"{path} cannot be read: {error}; check its permissions") from error
    unpacked = "unpack it, or " if path.suffix.lower() in _ARCHIVES else ""
    raise DatasetError(
        f"{path} is not a data set by its name; {unpacked}give an .npz, .npy or .csv file, or the "
        "folder that holds IDX files or images"
    )


def _reader(path: Path) -> Callable[..., RawDataset] | None:
    """Return what reads the arrays or tables of a file or folder; None if there are none."""
    if path.is_dir():
        # where torchvision keeps files, if the folder has those of one data set
        raw = [own for own in (path / "raw", *path.glob("*/raw")) if own.is_dir()]
        for folder in (path, *(raw if len(raw) == 1 else [])):
            if find_idx_files(folder):
                return partial(read_idx_folder, folder)
        if any(path.glob("*.npy")):
            return partial(read_npy, path)
        tables = find_tables(path)
        return partial(read_tables, path, tables) if tables else None
    if is_idx_name(path.name):
        return partial(read_idx_folder, path)
    if is_table(path):
        return partial(read_tables, path.parent, [path])
    by_suffix = {".npz": read_npz, ".npy": read_npy}
    return partial(by_suffix[path.suffix], path) if path.suffix in by_suffix else None


def is_picture_folder(path: Path) -> bool:
    """Return whether a path is read as a folder of pictures, with a sub-folder for each class."""
    return path.is_dir() and _reader(path) is None


def _assemble(
    raw: RawDataset,
    image_shape: tuple[int, ...] | None,
    test_size: float | int | None,
    random_state: int | None,
    transposed: bool,
) -> Dataset:
    parts = [raw.train] if raw.test is None else [raw.train, raw.test]
    if raw.test is not None and len(raw.test.images) == 0 == len(raw.test.labels):
        parts = [raw.train]  # nothing was held out when it was written
        test_size = 0
    if transposed and image_shape is not None:
        image_shape = (image_shape[1], image_shape[0], *image_shape[2:])  # as they are stored
    images = [as_images(part.images, part.where, image_shape) for part in parts]
    if transposed:
        images = [np.ascontiguousarray(own.swapaxes(1, 2)) for own in images]
    labels = [check_labels(part.labels, len(part.images), part.where) for part in parts]
    codes, class_names = encode_labels(labels, raw.class_names, raw.source)
    splits = [
        Split(own, own_codes, part.paths, part.originals)
        for part, own, own_codes in zip(parts, images, codes, strict=True)
    ]
    if len(splits) == 1:
        (whole,) = splits
        rows = hold_out(whole.labels, class_names, raw.source, test_size, random_state)
        splits = [whole.rows(own) for own in rows]
    train, test = splits
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DatasetError(
            f"{raw.source}: train images are {_times(train.images.shape[1:])} but test images "
            f"{_times(test.images.shape[1:])}; make them alike"
        )
    return Dataset(train, test, class_names, raw.source, raw.skipped, raw.form)


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(str(n) for n in shape)
