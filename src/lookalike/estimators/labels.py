"""Class labels as codes: small integers that votes can be counted by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def encode_labels(
    labels: NDArray[Any], declared: ArrayLike | None = None
) -> tuple[NDArray[Any], NDArray[np.unsignedinteger[Any]]]:
    """Number the classes of one output in sorted order.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        Numbers or strings.
    declared : array-like of shape (n_classes,), optional
        All classes there are, including such as no row has yet.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted, of the labels' dtype.
    codes : ndarray of shape (n_rows,)
        ``classes[codes]`` equals ``labels``; the smallest unsigned dtype that holds them, since
        images as targets make one output of each pixel.

    Raises
    ------
    ValueError
        If a label is not among the declared classes.

    Examples
    --------
    >>> classes, codes = encode_labels(np.array(["cat", "ant", "cat"]))
    >>> classes.tolist(), codes.tolist()
    (['ant', 'cat'], [1, 0, 1])
    """
    classes, codes = _sorted_classes(labels)
    if declared is not None:
        every_class = np.unique(np.asarray(declared))
        unknown = ~np.isin(classes, every_class)
        if unknown.any():
            raise ValueError(
                f"y contains {classes[unknown].tolist()} but classes={every_class.tolist()}; "
                "declare every label that may come"
            )
        codes = np.searchsorted(every_class, classes)[codes]
        classes = every_class
    return classes, codes.astype(np.min_scalar_type(len(classes) - 1))


def _sorted_classes(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.integer[Any]]]:
    """Return what ``np.unique(labels, return_inverse=True)`` does."""
    if labels.dtype in (np.uint8, np.int8, np.uint16, np.int16):
        # A table of all values there may be: each pixel of images as targets comes here.
        least = int(labels.min())
        offsets = labels.astype(np.int32) - least
        is_class = np.bincount(offsets) > 0
        classes = np.flatnonzero(is_class) + least
        return classes.astype(labels.dtype), (np.cumsum(is_class) - 1)[offsets]
    return np.unique(labels, return_inverse=True)
