"""What every reader hands over, and the checks of what comes in.

Readers differ in where they read. What makes an array a set of images or labels, and how much a
file may claim to hold before memory is set aside for it, is the same for all of them.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.images.exceptions import DatasetError, warn_caller

if TYPE_CHECKING:
    from lookalike.images.originals import Originals
    from lookalike.images.preprocessing import Form

MAX_BYTES = 4 * 2**30  # of one array of a data set, unless the caller allows more (4 GiB)

# A deflate stream codes at most 258 bytes in two bits (RFC 1951), and so never unpacks to more
# than 1032 times its length. https://zlib.net/zlib_tech.html
_DEFLATE_MAX_RATIO = 1032
_CHUNK = 2**20  # decompressors copy what they read, so read a megabyte at a time

_FEWEST_VALUES = 16  # rows with fewer values are not taken for pictures
_SAMPLE = 64  # rows that every search checks; all are checked only if these leave a doubt


class RawPart(NamedTuple):
    """Images and labels as a source holds them; ``where`` names their place in messages."""

    images: NDArray[Any]
    labels: NDArray[Any]
    where: str
    paths: tuple[Path, ...] | None = None
    originals: Originals | None = None


class RawDataset(NamedTuple):
    """A data set as a source holds it; ``test`` and ``class_names`` are None if it has none.

    ``skipped`` and ``form`` are those of `Dataset`. ``transposed`` says that the images are stored
    with rows and columns exchanged.
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
            f"image_shape={image_shape!r} is not the shape of an image; give (height, width) or "
            "(height, width, channels), with 1, 3 or 4 channels"
        )
    return tuple(int(n) for n in shape)


def as_images(
    array: NDArray[Any], where: str, image_shape: tuple[int, ...] | None = None
) -> NDArray[np.uint8]:
    """Return an array of images as uint8, shape (n, h, w) or (n, h, w, c), C-contiguous.

    The array has the shape (n, h, w) or (n, h, w, c), or its rows of d values are reshaped to
    ``image_shape``, by default to squares. Its values are whole numbers 0 to 255 of any real dtype.
    A single channel is dropped. A DatasetError, which names ``where``, says what does not fit.
    """
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        raise DatasetError(
            f"{where}: an array of shape {array.shape} holds no images; they have the shape "
            "(n, height, width) or (n, height, width, channels), or are rows (n, values)"
        )
    array = _as_bytes(array, where)
    if array.ndim == 2:
        n_values, side = array.shape[1], math.isqrt(array.shape[1])
        shape = image_shape or (side, side)
        if math.prod(shape) != n_values and image_shape is None:
            raise DatasetError(
                f"{where}: rows of {n_values:,} values are not square images; give "
                "image_shape=(height, width) or (height, width, channels)"
            )
        if math.prod(shape) != n_values:
            raise DatasetError(
                f"{where}: rows of {n_values:,} values are not images of "
                f"image_shape={image_shape}, which have {math.prod(shape):,}; correct it"
            )
        array = array.reshape(len(array), *shape)
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
            + (", as by images * np.uint8(255)" if array.dtype == bool else "")
        )
    # NaN fails every comparison, so it is refused with the rest
    whole = (array >= 0) & (array <= 255) & (array == np.floor(array))
    if not whole.all():
        value = array[~whole][0]
        if array.dtype == np.int8:
            cure = "if they are bytes that were read as signed ones, give images.view('uint8')"
        elif not np.isfinite(array).all():
            cure = "replace NaN and infinity, as by np.nan_to_num"
        else:
            scaled = "255 * (images - images.min()) / np.ptp(images)"
            if array.dtype == np.uint16:
                scaled = "images / 257"
            elif array.min() >= 0 and array.max() <= 1:
                scaled = "255 * images"
            cure = f"scale and round them yourself, as in np.rint({scaled}).astype('uint8')"
        raise DatasetError(
            f"{where}: images of dtype {array.dtype} hold {value}, but pixels are whole numbers "
            f"0 to 255; {cure}"
        )
    return array.astype(np.uint8)


def check_labels(labels: NDArray[Any], n_images: int, where: str) -> NDArray[Any]:
    """Return one label for each image as an array of shape (n,), integer or str.

    Labels that are neither whole numbers nor strings, or too few or many, are a DatasetError.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:  # as in the files of CIFAR and MedMNIST
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DatasetError(
            f"{where}: labels of shape {labels.shape} are not one for each image; "
            "give an array of shape (n,), of one-hot rows labels.argmax(axis=1)"
        )
    if labels.dtype == object and all(isinstance(label, str) for label in labels):
        labels = labels.astype(str)
    if labels.dtype.kind == "S" or any(isinstance(label, bytes) for label in labels[:1]):
        raise DatasetError(
            f"{where}: labels are bytes, for example {labels[0]!r}; decode them, as by "
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
    """Return the labels of each part as positions in the class names, and these names.

    The labels of all parts are integers, or all are strings; else it is a DatasetError. The class
    names are what integers 0, 1, ... are called, or the order of strings, and must have all labels.
    Without them, the sorted labels of all parts are the classes and their names.
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


def read_promised(
    stream: IO[bytes] | io.BufferedIOBase,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    where: str,
    *,
    n_stored: int,
    max_bytes: int,
    is_deflated: bool = False,
    order: Literal["C", "F"] = "C",
) -> NDArray[Any]:
    """Read the array that a header promises, to which the stream must hold exactly the bytes.

    A header is a promise made by whoever wrote the file. It is compared with ``max_bytes``, and
    with the ``n_stored`` bytes of the file, before any memory is set aside, so that neither a
    damaged header nor a decompression bomb can exhaust the memory.
    """
    promised = dtype.itemsize * math.prod(shape)
    if promised > max_bytes:
        raise DatasetError(
            f"{where}: its header promises {promised:,} bytes but the limit is "
            f"max_bytes={max_bytes:,}; raise max_bytes if the file is sound"
        )
    if is_deflated:
        check_deflated_bytes(promised, n_stored, where)
    else:
        _check_stored_bytes(promised, n_stored, where)
    content = bytearray(promised)
    filled = 0
    while chunk := stream.read(min(_CHUNK, promised - filled)):
        content[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    left_over = len(stream.read(1))  # reaching the end also has the checksum compared
    _check_stored_bytes(promised, filled + left_over, where)
    try:
        return np.frombuffer(content, dtype).reshape(shape, order=order)
    except ValueError as error:  # more dimensions than NumPy has
        raise DatasetError(f"{where}: {len(shape)} dimensions cannot be read: {error}") from error


def check_deflated_bytes(promised: int, compressed: int, where: str) -> None:
    """Raise DatasetError if so few compressed bytes cannot unpack to the promised number."""
    if promised > compressed * _DEFLATE_MAX_RATIO:
        raise DatasetError(
            f"{where} is damaged: its header promises {promised:,} bytes, but {compressed:,} "
            f"compressed bytes hold at most {compressed * _DEFLATE_MAX_RATIO:,}; get the file again"
        )


def _check_stored_bytes(promised: int, stored: int, where: str) -> None:
    if promised != stored:
        wrong, found = (
            ("is cut short", f"only {stored:,}") if stored < promised else ("is too long", "more")
        )
        raise DatasetError(
            f"{where} {wrong}: its header promises {promised:,} bytes of data but the file "
            f"holds {found}; get the file again"
        )


def stack_images(X: Any) -> Any:
    """Return an array of pictures if X holds them as objects; return anything else unchanged.

    X may be an array of objects, a pandas Series, or a DataFrame with one column, whose elements
    are arrays of numbers, lists or Pillow images. Images that differ in shape are a ValueError.
    """
    column = X
    if hasattr(X, "iloc") and getattr(X, "ndim", 1) == 2 and X.shape[1] == 1:
        column = X.iloc[:, 0]
    if getattr(column, "dtype", None) != np.dtype(object):
        return X
    values = np.asarray(column)
    if values.size == 0 or values.size != len(values) or np.ndim(values.flat[0]) == 0:
        return X
    images = [np.asarray(image) for image in values.ravel()]
    row = next((i for i, image in enumerate(images) if image.shape != images[0].shape), None)
    if row is not None:
        raise ValueError(
            f"X holds images of several shapes, {images[0].shape} and, in row {row}, "
            f"{images[row].shape}; pad, crop or resize them to one shape, and use "
            "np.stack(images)"
        )
    return np.stack(images)


def are_bytes(images: NDArray[Any]) -> bool:
    """Return whether pixels are whole numbers 0 to 255, not only 0 and 1, in any dtype."""
    if images.dtype == np.uint8:
        return True
    if images.dtype.kind not in "iuf" or not (images.min() >= 0 and 1 < images.max() <= 255):
        return False
    return images.dtype.kind != "f" or all(_are_whole(part) for part in images)


def scale_of(fitted: NDArray[Any]) -> Literal["bytes", "shares"] | None:
    """Return whether the first rows look like pixels from 0 to 255 or from 0 (or -1) to 1."""
    if fitted.shape[1] < _FEWEST_VALUES:
        return None
    sample = _native(fitted[:_SAMPLE])
    if _are_shares(sample):
        return "shares"
    return "bytes" if _core.are_within(sample, -1, 255) and _are_whole(sample) else None


def warn_of_other_scale(
    given: NDArray[Any],
    scale: Literal["bytes", "shares"] | None,
    all_fitted: Callable[[], NDArray[Any]],
) -> None:
    """Warn if rows of bytes that were fitted meet queries from 0 (or -1) to 1, or the reverse.

    ``scale`` is that of the first fitted rows, which the caller keeps for the next queries;
    ``all_fitted`` is called if it leaves a doubt.
    """
    if scale == "bytes":
        if given.dtype.kind == "f" and _are_shares(given) and not _are_whole(given):
            warn_caller(
                "X holds pixels from 0 to 1, but fit got pixels from 0 to 255, so distances are "
                "meaningless; multiply X by 255, or fit to pixels divided by 255"
            )
    elif (
        scale == "shares"
        and not _are_shares(given)
        and _core.are_within(given, 0, math.inf)
        and _are_whole(given)
        and _are_shares(fitted := _native(all_fitted()))
    ):
        warn_caller(
            f"X holds whole numbers up to {given.max():g}, but fit got pixels of at most "
            f"{fitted.max():g}, so distances are meaningless; scale X like those, for example X / "
            "255, or fit to whole numbers"
        )


def _native(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows in a dtype that the native module computes with: not float16 or bfloat16."""
    return rows.astype(np.float32) if rows.itemsize == 2 and rows.dtype.kind in "fV" else rows


def _are_shares(values: NDArray[Any]) -> bool:
    return _core.are_within(values, -1, 1)


def _are_whole(values: NDArray[Any]) -> bool:
    return values.dtype.kind != "f" or bool((values == np.floor(values)).all())
