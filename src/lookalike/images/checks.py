"""What every reader hands over, and the checks that turn it into images and labels.

Readers differ in where they read; what makes an array a set of images, or labels, is the same
for all of them and stands here once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.exceptions import DatasetError

if TYPE_CHECKING:
    from lookalike.images.originals import Originals
    from lookalike.images.preprocessing import Form


class RawPart(NamedTuple):
    """Images and labels as a source holds them, where (for error messages), and in which files.

    ``originals`` has what is told and shown of pictures in files.
    """

    images: NDArray[Any]
    labels: NDArray[Any]
    where: str
    paths: tuple[Path, ...] | None = None
    originals: Originals | None = None


class RawDataset(NamedTuple):
    """A data set as a source holds it; ``test`` and ``class_names`` where it has them.

    ``skipped`` names the files that were passed over, as `Dataset.skipped`; ``form`` is what
    pictures in files were brought to; ``transposed`` tells that images lie on their side, rows for
    columns.
    """

    train: RawPart
    test: RawPart | None
    class_names: tuple[str, ...] | None
    source: str
    skipped: tuple[tuple[Path, str], ...] = ()
    form: Form | None = None
    transposed: bool = False


def check_image_shape(image_shape: Sequence[int] | None) -> tuple[int, ...] | None:
    """Return ``image_shape`` as a tuple (h, w) or (h, w, c), or None; raise DatasetError."""
    if image_shape is None:
        return None
    shape = tuple(image_shape) if isinstance(image_shape, Iterable) else ()
    if (
        len(shape) not in (2, 3)
        or not all(isinstance(n, (int, np.integer)) and n >= 1 for n in shape)
        or (len(shape) == 3 and shape[2] not in (1, 3, 4))
    ):
        raise DatasetError(
            f"image_shape={image_shape!r} is no shape of an image; give (height, width) or "
            "(height, width, channels), with 1, 3 or 4 channels"
        )
    return tuple(int(n) for n in shape)


def as_images(
    array: NDArray[Any], where: str, image_shape: tuple[int, ...] | None = None
) -> NDArray[np.uint8]:
    """Check an array of images and return it as uint8.

    Parameters
    ----------
    array : ndarray of shape (n, h, w), (n, h, w, c) or (n, d)
        Whole numbers 0 to 255 of any real dtype. Rows of d values are reshaped to
        ``image_shape``, or to squares.
    where : str
        Where the array comes from, for messages.
    image_shape : tuple of shape (h, w) or (h, w, c), optional
        The shape that each image has.

    Returns
    -------
    ndarray of shape (n, h, w) or (n, h, w, c), uint8, C-contiguous
        A single channel is dropped: (n, h, w, 1) becomes (n, h, w).

    Raises
    ------
    DatasetError
        If the shape or a value is none that images have.
    """
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        raise DatasetError(
            f"{where}: an array of shape {array.shape} holds no images; they have the shape "
            "(n, height, width) or (n, height, width, channels), or are rows (n, values)"
        )
    array = _as_bytes(array, where)
    if array.ndim == 2:
        array = array.reshape(len(array), *_shape_of_rows(array.shape[1], where, image_shape))
    if array.ndim == 4 and array.shape[3] not in (1, 3, 4):
        raise DatasetError(
            f"{where}: images of shape {array.shape[1:]} have {array.shape[3]} channels; "
            "channels come last and are 1, 3 or 4 (np.moveaxis(images, 1, -1) moves them there)"
        )
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if image_shape is not None:
        wanted = image_shape[:2] if image_shape[2:] == (1,) else image_shape
        if array.shape[1:] != wanted:
            raise DatasetError(
                f"{where}: image_shape={image_shape} but its images are {array.shape[1:]}; only "
                "folders of image files are resized, leave image_shape (--size) out"
            )
    return np.ascontiguousarray(array)


def _as_bytes(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "iuf":
        raise DatasetError(
            f"{where}: images of dtype {array.dtype} are not numbers; store them as uint8"
        )
    # NaN fails every comparison, so it is refused with the rest
    whole = (array >= 0) & (array <= 255) & (array == np.floor(array))
    if not whole.all():
        value = array[~whole][0]
        cure = "scale and round them yourself, as in np.rint(255 * images).astype('uint8')"
        if array.dtype == np.int8:
            cure = "if they are bytes that were read as signed ones, give images.view('uint8')"
        raise DatasetError(
            f"{where}: images of dtype {array.dtype} hold {value}, but pixels are whole numbers "
            f"0 to 255; {cure}"
        )
    return array.astype(np.uint8)


def _shape_of_rows(
    n_values: int, where: str, image_shape: tuple[int, ...] | None
) -> tuple[int, ...]:
    if image_shape is not None:
        if int(np.prod(image_shape)) != n_values:
            raise DatasetError(
                f"{where}: rows of {n_values:,} values are no images of "
                f"image_shape={image_shape}, which have {int(np.prod(image_shape)):,}; correct it"
            )
        return image_shape
    side = int(np.sqrt(n_values))
    if side * side != n_values:
        raise DatasetError(
            f"{where}: rows of {n_values:,} values are no square images; give "
            "image_shape=(height, width) or (height, width, channels)"
        )
    return side, side


def check_labels(labels: NDArray[Any], n_images: int, where: str) -> NDArray[Any]:
    """Check one label an image and return them as an array of shape (n,), integer or str.

    Raises
    ------
    DatasetError
        If the labels are neither whole numbers nor strings, or not one an image.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:  # as in the files of CIFAR and MedMNIST
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DatasetError(
            f"{where}: labels of shape {labels.shape} are not one for each image; "
            "give an array of shape (n,)"
        )
    if labels.dtype == object and all(isinstance(label, str) for label in labels):
        labels = labels.astype(str)
    if labels.dtype.kind == "S" or any(isinstance(label, bytes) for label in labels[:1]):
        raise DatasetError(
            f"{where}: labels are bytes, such as {labels[0]!r}; decode them, as by "
            "np.char.decode(labels.astype(bytes), 'utf-8')"
        )
    if labels.dtype.kind not in "iuU":
        raise DatasetError(
            f"{where}: labels of dtype {labels.dtype} name no classes; give whole numbers "
            "(labels.astype('int64')) or strings"
        )
    if len(labels) != n_images:
        raise DatasetError(
            f"{where}: {n_images:,} images but {len(labels):,} labels; give every image one label"
        )
    return labels


def encode_labels(
    parts: Sequence[NDArray[Any]], class_names: tuple[str, ...] | None, where: str
) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Turn labels into positions in the class names.

    Parameters
    ----------
    parts : sequence of ndarrays of shape (n_i,), integer or str
        The labels of each part (train, test); all integers or all strings.
    class_names : tuple of str, optional
        What integer labels 0, 1, ... are called, or the order of string labels. Without
        it, the classes are the sorted labels of all parts, and so are their names.

    Returns
    -------
    codes : list of ndarrays of shape (n_i,), int64
    class_names : tuple of str

    Raises
    ------
    DatasetError
        If some parts have strings and others integers, or a label has no class name.
    """
    if len({labels.dtype.kind == "U" for labels in parts}) > 1:
        raise DatasetError(
            f"{where}: the train and test labels are integers in one and strings in the other; "
            "make them alike"
        )
    if class_names is None:
        # Python's numbers, because NumPy would make floats of int64 together with uint64
        classes = sorted({label for labels in parts for label in np.unique(labels).tolist()})
        class_names = tuple(str(label) for label in classes)
    elif parts[0].dtype.kind == "U":
        classes = list(class_names)
    else:
        classes = list(range(len(class_names)))
    code_of = {label: code for code, label in enumerate(classes)}

    codes = []
    for labels in parts:
        own, inverse = np.unique(labels, return_inverse=True)
        unnamed = [label for label in own.tolist() if label not in code_of]
        if unnamed:
            raise DatasetError(
                f"{where}: label {unnamed[0]!r} is none of the {len(classes)} classes "
                f"({classes[0]!r} to {classes[-1]!r}) that class_names has; correct either"
            )
        own_codes = np.array([code_of[label] for label in own.tolist()], dtype=np.int64)
        codes.append(own_codes[inverse])
    return codes, class_names
