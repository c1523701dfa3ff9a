"""Pictures that stand side by side as objects, such as in a column of a table, as one array."""

from __future__ import annotations

from typing import Any

import numpy as np


def stack_images(X: Any) -> Any:
    """Return pictures that are arrays of their own as one array; anything else as it is.

    Parameters
    ----------
    X : object
        An array of objects, a pandas Series, or a DataFrame of one column, each element an array
        of numbers, a list or a Pillow image.

    Raises
    ------
    ValueError
        If they are of several shapes.

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
            f"{images[row].shape}; bring them to one shape by padding, cropping or resizing, and "
            "np.stack(images)"
        )
    return np.stack(images)
