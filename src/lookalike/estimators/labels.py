"""Class labels as codes: small integers for counting votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike import _core

MANY_ROWS = 1024
"""With at least this many rows, a table of all values of each output is smaller than the labels."""


def encode_labels(
    labels: NDArray[Any], declared: ArrayLike | None = None
) -> tuple[NDArray[Any], NDArray[np.unsignedinteger[Any]]]:
    """Number the classes of one output in sorted order.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        Numbers or strings.
    declared : array-like of shape (n_classes,), optional
        All possible classes, including those without rows.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted, of the labels' dtype.
    codes : ndarray of shape (n_rows,)
        ``classes[codes]`` equals ``labels``. The dtype is the smallest unsigned one, because
        images as targets have one output per pixel.

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
                "declare every possible label"
            )
        codes = np.searchsorted(every_class, classes)[codes]
        classes = every_class
    return classes, codes.astype(np.min_scalar_type(len(classes) - 1))


def encode_outputs(
    labels: NDArray[Any], declared: Sequence[ArrayLike] | None = None, *, n_threads: int = 1
) -> tuple[list[NDArray[Any]], NDArray[np.unsignedinteger[Any]]]:
    """Number the classes of many outputs, for example the pixels of images as targets.

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_outputs)
    declared : sequence of n_outputs array-likes, optional
        Classes of each output, as in `encode_labels`.
    n_threads : int, default=1

    Returns
    -------
    classes : list of n_outputs ndarrays
    codes : ndarray of shape (n_rows, n_outputs), unsigned integers
        Both as from `encode_labels` for each output.

    Examples
    --------
    >>> classes, codes = encode_outputs(np.array([[5, 7], [3, 7]]))
    >>> [own.tolist() for own in classes], codes.tolist()
    ([[3, 5], [7]], [[1, 0], [0, 0]])
    """
    if declared is None and labels.dtype == np.uint8 and len(labels) >= MANY_ROWS:
        labels = np.ascontiguousarray(labels)
        present = _core.labels_of_outputs(labels, n_threads).view(bool)
        table = np.maximum(np.cumsum(present, axis=1, dtype=np.int16) - 1, 0).astype(np.uint8)
        classes = [np.flatnonzero(values).astype(np.uint8) for values in present]
        return classes, _core.relabelled(labels, table, n_threads)
    columns = np.ascontiguousarray(labels.T)
    encoded = [
        encode_labels(column, None if declared is None else declared[i])
        for i, column in enumerate(columns)
    ]
    return [classes for classes, _ in encoded], np.stack([codes for _, codes in encoded], axis=1)


def _sorted_classes(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.integer[Any]]]:
    """Return the result of ``np.unique(labels, return_inverse=True)``."""
    if labels.dtype in (np.uint8, np.int8, np.uint16, np.int16):
        # A table of all possible values is fast, which matters for pixels as targets.
        least = int(labels.min())
        offsets = labels.astype(np.int32) - least
        is_class = np.bincount(offsets) > 0
        classes = np.flatnonzero(is_class) + least
        return classes.astype(labels.dtype), (np.cumsum(is_class) - 1)[offsets]
    return np.unique(labels, return_inverse=True)
