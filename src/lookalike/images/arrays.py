"""Read images and labels that lie in arrays: NumPy's files, scikit-learn's own data sets.

Arrays lie in one ``.npz``, or in ``.npy`` files side by side, which are read as if they were an
``.npz`` unpacked. Nothing is ever unpickled, since loading data must not run code.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.checks import (
    MAX_BYTES,
    RawDataset,
    RawPart,
    check_deflated_bytes,
    read_promised,
    stack_images,
)
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError

# Names that the arrays have: train images, train labels, test images, test labels.
_LAYOUTS = (
    ("train_images", "train_labels", "test_images", "test_labels"),  # MedMNIST
    ("train-images", "train-labels", "test-images", "test-labels"),
    ("x_train", "y_train", "x_test", "y_test"),  # Keras
    ("X_train", "y_train", "X_test", "y_test"),
    ("images", "labels", "test_images", "test_labels"),
    ("data", "target", "data_test", "target_test"),
    ("X", "y", "X_test", "y_test"),
    ("x", "y", "x_test", "y_test"),
)

_Reader = Callable[[], NDArray[Any]]


def read_npz(path: Path, *, max_bytes: int = MAX_BYTES) -> RawDataset:
    """Read images and labels from an ``.npz`` file.

    Its arrays are called ``train_images``, ``train_labels`` and, if it has a test part,
    ``test_images``, ``test_labels``; or as Keras has them, ``x_train``, ``y_train``, ``x_test``,
    ``y_test``; or ``images``, ``labels``; ``data``, ``target``; ``X``, ``y``. An array
    ``class_names`` names the labels 0, 1, ... Arrays by other names are not read. A DatasetError
    says if the file cannot be read, is damaged, lacks these arrays, has pickled objects in them, or
    promises an array of more than ``max_bytes``.
    """
    with _members(path, max_bytes) as readers:
        return _read_layout(readers, str(path))


def read_npy(path: Path, *, max_bytes: int = MAX_BYTES) -> RawDataset:
    """Read the ``.npy`` files of a folder, named as the arrays of an ``.npz`` are.

    The path is that of the folder, or of one file of such a pair, for example ``images.npy`` beside
    ``labels.npy``. Errors are those of `read_npz`.
    """
    folder = path if path.is_dir() else path.parent
    readers = {
        file.stem: partial(_read_file, file, max_bytes) for file in sorted(folder.glob("*.npy"))
    }
    if path != folder:
        layouts = [layout for layout in _LAYOUTS if path.stem in layout]
        readers = {name: readers[name] for layout in layouts for name in layout if name in readers}
    return _read_layout(readers, str(path))


def read_array(path: Path, *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read one array of numbers: an ``.npy`` file, or an ``.npz`` file that holds a single array.

    If an ``.npz`` file holds several arrays, the one named ``images`` is read. It raises the errors
    of `read_npz`.
    """
    if path.suffix.lower() == ".npy":
        return _read_file(path, max_bytes)
    with _members(path, max_bytes) as readers:
        name = next(iter(readers)) if len(readers) == 1 else "images"
        if name not in readers:
            raise DatasetError(
                f"{path} holds {', '.join(sorted(readers)) or 'nothing'}; name the array to "
                "read images, or save it alone"
            )
        return readers[name]()


def _read_layout(readers: Mapping[str, _Reader], where: str) -> RawDataset:
    layout = next((names for names in _LAYOUTS if readers.keys() >= set(names[:2])), None)
    if layout is None:
        raise DatasetError(
            f"{where} holds no images with their labels, only {sorted(readers) or 'nothing'}; "
            "name the arrays images and labels, or train_images, train_labels, test_images and "
            "test_labels"
        )
    train_images, train_labels, test_images, test_labels = layout
    test = None
    if test_images in readers and test_labels in readers:
        test = RawPart(readers[test_images](), readers[test_labels](), f"{where} ({test_images})")
    elif test_images in readers or test_labels in readers:
        raise DatasetError(
            f"{where} holds only one of {test_images} and {test_labels}; add the other, or leave "
            "both out to have a test part split off"
        )
    class_names = None
    if "class_names" in readers:
        names = readers["class_names"]()
        if names.dtype.kind != "U" or names.ndim != 1 or len(names) == 0:
            raise DatasetError(
                f"{where}: class_names of dtype {names.dtype} and shape {names.shape} are not a "
                "list of names; store np.array([...], dtype=str)"
            )
        class_names = tuple(names.tolist())
    train = RawPart(readers[train_images](), readers[train_labels](), f"{where} ({train_images})")
    return RawDataset(train, test, class_names, where)


@contextmanager
def _members(path: Path, max_bytes: int) -> Iterator[dict[str, _Reader]]:
    """Give the readers of a file's arrays to the block; all that fails becomes a DatasetError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield {
                info.filename.removesuffix(".npy"): partial(
                    _read_member, archive, info, path, max_bytes
                )
                for info in archive.infolist()
            }
    except DatasetError:
        raise
    except Exception as error:  # zipfile raises whatever damaged bytes lead it to
        raise DatasetError(f"{path} cannot be read: {error}; get the file again") from error


def _read_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, max_bytes: int
) -> NDArray[Any]:
    where = f"{path} ({info.filename})"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DatasetError(
            f"{where} is compressed by method {info.compress_type}; write it with "
            "np.savez_compressed"
        )
    check_deflated_bytes(info.file_size, info.compress_size, where)
    with archive.open(info) as stream:
        return _read_array(stream, info.file_size, where, max_bytes)


def _read_file(path: Path, max_bytes: int) -> NDArray[Any]:
    try:
        with path.open("rb") as stream:
            return _read_array(stream, path.stat().st_size, str(path), max_bytes)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}; get the file again") from error


def _read_array(stream: IO[bytes], size: int, where: str, max_bytes: int) -> NDArray[Any]:
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        else:  # refuses all but (2, 0); version 3 serves only arrays of records
            shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
    except Exception as error:  # NumPy evaluates the header, and raises whatever that leads to
        raise DatasetError(
            f"{where} is not an array in NumPy's format: {error}; write it with np.save or np.savez"
        ) from error
    if dtype.hasobject:
        raise DatasetError(
            f"{where} holds pickled objects, which are never loaded because that can run code; "
            "store numbers or strings, as in np.save(file, array.astype(str))"
        )
    if dtype.kind not in "biufU" or dtype.itemsize == 0 or min(shape, default=0) < 0:
        raise DatasetError(
            f"{where}: an array of dtype {dtype} and shape {shape} holds neither images nor "
            "labels; store numbers or strings"
        )
    array = read_promised(
        stream,
        dtype,
        shape,
        where,
        n_stored=size - stream.tell(),
        max_bytes=max_bytes,
        order="F" if fortran_order else "C",
    )
    return array.astype(dtype.newbyteorder("="), copy=False)


def read_digits() -> RawDataset:
    """Read the 1,797 digits of 8 × 8 pixels, values 0 to 16, that scikit-learn brings along."""
    from sklearn.datasets import load_digits

    return read_bunch(load_digits(), source="scikit-learn's bundled digits")


def read_bunch(bunch: Mapping[str, Any], *, source: str = "Bunch") -> RawDataset:
    """Read a scikit-learn Bunch, for example ``fetch_olivetti_faces()`` or ``fetch_openml(...)``.

    It has ``images`` or ``data``, and ``target``; ``target_names``, if there are as many as integer
    targets need, name the classes. A DatasetError says what it lacks.
    """
    images = bunch.get("images", bunch.get("data"))
    target = bunch.get("target")
    if images is None or target is None:
        raise DatasetError(
            f"{source} has only {sorted(bunch)}; a Bunch needs data (or images) and target"
        )
    try:
        part = RawPart(np.asarray(stack_images(images)), np.asarray(target), source)
    except ValueError as error:  # ragged lists
        raise DatasetError(f"{source}: {error}; give images of one shape") from error
    names, labels = bunch.get("target_names"), part.labels
    # OpenML's are the names of target columns, not of classes, and so too few
    if names is None or labels.dtype.kind not in "iu" or len(names) <= labels.max(initial=0):
        return RawDataset(part, None, None, source)
    return RawDataset(part, None, tuple(map(str, names)), source)


def read_openml(name: str) -> RawDataset:
    """Read a data set of https://www.openml.org, downloaded once into scikit-learn's data home.

    It is given by its name, for example ``"mnist_784"`` (its active version), or by its number, for
    example ``"554"``, which says the version too. DatasetNotFoundError says if OpenML has no such
    data set or cannot be reached.
    """
    from sklearn.datasets import fetch_openml

    which: dict[str, Any] = {"data_id": int(name)} if name.isdecimal() else {"name": name}
    try:
        bunch = fetch_openml(**which, as_frame=False, n_retries=1)
    except ImportError as error:
        raise DatasetError(
            f"reading {name!r} from OpenML needs pandas: {error}; pip install pandas"
        ) from error
    except (OSError, ValueError) as error:
        raise DatasetNotFoundError(
            f"{name!r} cannot be had from OpenML: {error}; check the name and the network"
        ) from error
    return read_bunch(bunch, source=f"OpenML {name}")
