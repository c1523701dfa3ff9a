"""Read images and labels from NumPy's files: one ``.npz``, or ``.npy`` files side by side.

A folder of ``.npy`` files is read as if it were an ``.npz`` unpacked. Nothing is ever unpickled,
since loading data must not run code.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.checks import RawDataset, RawPart
from lookalike.images.exceptions import DatasetError
from lookalike.images.limits import (
    MAX_BYTES,
    check_deflated_bytes,
    check_promised_bytes,
    check_stored_bytes,
    read_promised_bytes,
)

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

    Parameters
    ----------
    path : Path
        A file with the arrays ``train_images``, ``train_labels`` and, if it has a test part,
        ``test_images``, ``test_labels``; Keras' ``x_train``, ``y_train``, ``x_test``,
        ``y_test``; or ``images``, ``labels``; ``data``, ``target``; ``X``, ``y``. An array
        ``class_names`` names the labels 0, 1, ... Arrays by other names are not read.
    max_bytes : int
        Bytes each array may take; checked before any memory is set aside.

    Raises
    ------
    DatasetError
        If the file cannot be read, is damaged, lacks these arrays, has pickled objects in
        them, or promises more than ``max_bytes``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            readers = {
                info.filename.removesuffix(".npy"): _member_reader(archive, info, path, max_bytes)
                for info in archive.infolist()
            }
            return _read_layout(readers, str(path))
    except DatasetError:
        raise
    except Exception as error:  # zipfile raises whatever damaged bytes lead it to
        raise DatasetError(f"{path} cannot be read: {error}; get the file again") from error


def read_npy(path: Path, *, max_bytes: int = MAX_BYTES) -> RawDataset:
    """Read the ``.npy`` files of a folder, named as the arrays of an ``.npz`` are.

    Parameters
    ----------
    path : Path
        The folder, or one of its files, such as ``images.npy`` beside ``labels.npy``.
    max_bytes : int
        Bytes each array may take; checked before any memory is set aside.

    Raises
    ------
    DatasetError
        As `read_npz`; also if ``path`` is a file that none of these arrays is read from.
    """
    folder = path if path.is_dir() else path.parent
    readers = {file.stem: _file_reader(file, max_bytes) for file in sorted(folder.glob("*.npy"))}
    if path != folder:
        layouts = [layout for layout in _LAYOUTS if path.stem in layout]
        readers = {name: readers[name] for layout in layouts for name in layout if name in readers}
    return _read_layout(readers, str(path))


def read_array(path: Path, *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read one array of numbers: an ``.npy`` file, or what an ``.npz`` file has for images.

    Parameters
    ----------
    path : Path
        An ``.npz`` file must hold an array named ``images``, or a single one.
    max_bytes : int
        Bytes the array may take; checked before any memory is set aside.

    Raises
    ------
    DatasetError
        As `read_npz`; or if it cannot be told which of several arrays is meant.
    """
    if path.suffix.lower() == ".npy":
        return _file_reader(path, max_bytes)()
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            name = next(iter(members)) if len(members) == 1 else "images"
            if name not in members:
                raise DatasetError(
                    f"{path} holds {', '.join(sorted(members)) or 'nothing'}; name the array to "
                    "read images, or save it alone"
                )
            return _member_reader(archive, members[name], path, max_bytes)()
    except DatasetError:
        raise
    except Exception as error:  # zipfile raises whatever damaged bytes lead it to
        raise DatasetError(f"{path} cannot be read: {error}; get the file again") from error


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
                f"{where}: class_names of dtype {names.dtype} and shape {names.shape} are no list "
                "of names; store np.array([...], dtype=str)"
            )
        class_names = tuple(names.tolist())
    train = RawPart(readers[train_images](), readers[train_labels](), f"{where} ({train_images})")
    return RawDataset(train, test, class_names, where)


def _member_reader(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, max_bytes: int
) -> _Reader:
    def read() -> NDArray[Any]:
        where = f"{path} ({info.filename})"
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DatasetError(
                f"{where} is compressed by method {info.compress_type}; write it with "
                "np.savez_compressed"
            )
        check_deflated_bytes(info.file_size, info.compress_size, where)
        with archive.open(info) as stream:
            return _read_array(stream, info.file_size, where, max_bytes)

    return read


def _file_reader(path: Path, max_bytes: int) -> _Reader:
    def read() -> NDArray[Any]:
        try:
            with path.open("rb") as stream:
                return _read_array(stream, path.stat().st_size, str(path), max_bytes)
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {error}; get the file again") from error

    return read


def _read_array(stream: IO[bytes], size: int, where: str, max_bytes: int) -> NDArray[Any]:
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        else:  # refuses all but (2, 0); version 3 serves only arrays of records
            shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
    except Exception as error:  # NumPy evaluates the header, and raises whatever that leads to
        raise DatasetError(
            f"{where} is no array in NumPy's format: {error}; write it with np.save or np.savez"
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
    promised = dtype.itemsize
    for n in shape:
        promised *= n
    check_promised_bytes(promised, where, max_bytes=max_bytes)
    check_stored_bytes(promised, size - stream.tell(), where)
    content = read_promised_bytes(stream, promised, where)
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran_order else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)
