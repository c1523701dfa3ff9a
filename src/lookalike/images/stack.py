"""Conversion of pictures as objects, for instance in a column of a table, to one array."""

from __future__ import annotations

from typing import Any

import numpy as np


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
