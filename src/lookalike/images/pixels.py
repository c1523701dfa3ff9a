"""Checks of users' pixels: pictures as objects are stacked, and other scales are noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.exceptions import warn_caller


def stack_images(X: Any) -> Any:
    """Return an array of pictures if X holds them as objects; return anything else unchanged.

    Parameters
    ----------
    X : object
        An array of objects, a pandas Series, or a DataFrame with one column. Each element is an
        array of numbers, a list or a Pillow image.

    Raises
    ------
    ValueError
        If the images differ in shape.

    Examples
    --------
    >>> column = np.empty(2, object)
    >>> column[:] = [np.zeros((8, 8)), np.ones((8, 8))]
    >>> stack_images(column).shape
    (2, 8, 8)
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


_FEWEST_VALUES = 16
"""Rows with fewer values are not taken for pictures."""

_SAMPLE = 64
"""Number of rows that every search checks; all rows are checked only if these leave a doubt."""


def are_bytes(images: NDArray[Any]) -> bool:
    """Return whether pixels are whole numbers 0 to 255, not only 0 and 1, in any dtype.

    Examples
    --------
    >>> are_bytes(np.array([0.0, 255.0])), are_bytes(np.array([0.0, 0.5]))
    (True, False)
    """
    if images.dtype == np.uint8:
        return True
    if images.dtype.kind not in "iuf" or not (images.min() >= 0 and 1 < images.max() <= 255):
        return False
    return images.dtype.kind != "f" or all(_are_whole(part) for part in images)


def warn_of_other_scale(fitted: NDArray[Any], given: NDArray[Any]) -> None:
    """Warn if bytes are compared with pixels from 0 (or -1) to 1.

    Parameters
    ----------
    fitted, given : ndarray of shape (n, d)
        Rows that were fitted, and queries.
    """
    if given.dtype.kind != "f" and fitted[0].max() > 1:  # fast, because most searches are of bytes
        return
    sample = fitted[:_SAMPLE]
    if fitted.shape[1] < _FEWEST_VALUES or not (sample.min() >= -1 and sample.max() <= 255):
        return
    if not _are_shares(sample):
        mistaken = given.dtype.kind == "f" and _are_whole(sample) and _are_shares(given)
        if mistaken and not _are_whole(given):
            warn_caller(
                "X holds pixels from 0 to 1, but fit got pixels from 0 to 255, so distances are "
                "meaningless; multiply X by 255, or fit to pixels divided by 255"
            )
    elif given.min() >= 0 and given.max() > 1 and _are_whole(given) and _are_shares(fitted):
        warn_caller(
            f"X holds whole numbers up to {given.max():g}, but fit got pixels of at most "
            f"{fitted.max():g}, so distances are meaningless; scale X like those, for example X / "
            "255, or fit to whole numbers"
        )


def _are_shares(values: NDArray[Any]) -> bool:
    return bool(values.min() >= -1 and values.max() <= 1)


def _are_whole(values: NDArray[Any]) -> bool:
    return values.dtype.kind != "f" or bool((values == np.floor(values)).all())
