"""Labels as codes, and votes and averages of neighbours, computed from a neighbour table.

These are pure functions of a table's ``indices``, of codes or targets of the training rows, and of
the ``weights`` of the neighbours, shape (n_queries, n_neighbors). Votes are summed in float64,
nearest first: two classes with the same votes tie exactly, and the lower class wins.

Work is done in batches of queries or outputs, which limits memory, apart from the answer, to
``working_memory`` MiB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from lookalike import _core
from lookalike.array_types import FloatArray
from lookalike.estimators.growing import appended

Indices = NDArray[np.int64]
Codes = NDArray[np.integer[Any]]

MANY_ROWS = 1024  # so many labels take more memory than a table of all values of each output


def check_class_labels(y: ArrayLike, n: int) -> NDArray[Any]:
    """Return the classes of n images as an array of shape (n,), none of them missing."""
    if y is None:
        raise ValueError("fit requires y to be passed, but the target y is None")
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = column_or_1d(labels, warn=True)
    if labels.ndim != 1 or len(labels) != n:
        raise ValueError(f"{n} images but labels of shape {labels.shape}; give one label per image")
    objects = labels.tolist() if labels.dtype == object else []
    is_missing = any(label is None or label != label for label in objects)
    if is_missing or (labels.dtype.kind == "f" and not np.isfinite(labels).all()):
        raise ValueError("a label is missing, NaN or infinite; give a class to every image")
    check_classification_targets(labels)
    return labels


def encode_labels(
    labels: NDArray[Any], declared: ArrayLike | None = None
) -> tuple[NDArray[Any], Codes]:
    """Number the classes of one output, numbers or strings, in sorted order.

    Return the classes, of the labels' dtype, and codes: ``classes[codes]`` equals ``labels``. The
    codes have the smallest unsigned dtype, because images as targets have one output per pixel.
    If classes are declared, all of them are numbered, and other labels are refused.

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
) -> tuple[list[NDArray[Any]], Codes]:
    """Number the classes of each output, for example of each pixel of images as targets.

    Labels and codes have the shape (n_rows, n_outputs), and ``declared`` one list per output.

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
    lists = [None] * len(columns) if declared is None else declared
    classes, codes = zip(*map(encode_labels, columns, lists), strict=True)
    return list(classes), np.stack(codes, axis=1)


def encode_more(
    codes: Codes, labels: NDArray[Any], classes: Sequence[NDArray[Any]]
) -> Codes | None:
    """Append the codes of more rows, or return None if one of their labels is no known class.

    ``labels`` have the shape (n_new, n_outputs); earlier rows keep their codes.

    Examples
    --------
    >>> classes, codes = encode_outputs(np.array([["cat"], ["ant"]]))
    >>> encode_more(codes, np.array([["cat"]]), classes).tolist()
    [[1], [0], [1]]
    """
    new = np.empty(labels.shape, codes.dtype)
    for column, own, numbers in zip(labels.T, classes, new.T, strict=True):
        numbers[:] = np.minimum(np.searchsorted(own, column), len(own) - 1)
        if not np.array_equal(own[numbers], column):
            return None
    return appended(codes, new)


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


def class_votes(indices: Indices, weights: FloatArray, codes: Codes, n_classes: int) -> FloatArray:
    """Sum the weights of each query's neighbours by class.

    ``codes`` number the class of each training row, in ``range(n_classes)``.

    Examples
    --------
    >>> class_votes(np.array([[0, 1, 2]]), np.array([[1.0, 0.5, 0.25]]), np.array([0, 1, 1]), 3)
    array([[1.  , 0.75, 0.  ]])
    """
    n_queries = len(indices)
    # One histogram over all (query, class) cells serves all queries at once.
    cells = codes[indices] + n_classes * np.arange(n_queries)[:, np.newaxis]
    votes = np.bincount(cells.ravel(), weights.ravel(), minlength=n_queries * n_classes)
    return votes.astype(np.float64, copy=False).reshape(n_queries, n_classes)


def class_probabilities(
    indices: Indices, weights: FloatArray, codes: Codes, n_classes: int, working_memory: float = 256
) -> FloatArray:
    """Return each class's share of the votes; every query has a neighbour of positive weight."""
    shares = np.empty((len(indices), n_classes))
    for batch, votes in _votes_in_batches(indices, weights, codes, n_classes, working_memory):
        shares[batch] = votes / votes.sum(axis=1, keepdims=True)
    return shares


def winning_classes(
    indices: Indices, weights: FloatArray, codes: Codes, n_classes: int, working_memory: float = 256
) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the code of the class with the most votes for each query, and its share of them."""
    winners = np.empty(len(indices), dtype=np.intp)
    shares = np.empty(len(indices))
    for batch, votes in _votes_in_batches(indices, weights, codes, n_classes, working_memory):
        winners[batch] = votes.argmax(axis=1)
        shares[batch] = votes.max(axis=1) / votes.sum(axis=1)
    return winners, shares


def _votes_in_batches(
    indices: Indices, weights: FloatArray, codes: Codes, n_classes: int, working_memory: float
) -> Iterator[tuple[slice, FloatArray]]:
    n_queries, n_neighbors = indices.shape
    # Memory of a query: votes and shares, cells and their codes.
    n_bytes = 8 * (2 * n_classes + 3 * n_neighbors)
    for batch in _batches(n_queries, n_bytes, working_memory):
        yield batch, class_votes(indices[batch], weights[batch], codes, n_classes)


def winning_classes_at(
    indices: Indices, weights: FloatArray, codes: Codes, n_classes: int, ks: Sequence[int]
) -> NDArray[np.int32]:
    """Return the class with the most votes among the first k neighbours, for several k at once.

    The ``ks`` ascend, each from 1 to n_neighbors. Column i equals `winning_classes` for the first
    ``ks[i]`` columns, and is 0 if there are no votes; weights must be finite and at least 0.

    Examples
    --------
    >>> weights = np.array([[1.0, 0.5, 0.75]])
    >>> winning_classes_at(np.array([[0, 1, 2]]), weights, np.array([0, 1, 1]), 2, [1, 2, 3])
    array([[0, 0, 1]], dtype=int32)
    """
    weights = np.ascontiguousarray(weights)
    return _core.winners_at(codes[indices].astype(np.int32), weights, n_classes, list(ks))


def winning_classes_of_outputs(
    indices: Indices, weights: FloatArray, codes: NDArray[Any], *, n_threads: int = 1
) -> NDArray[Any]:
    """Return the class with the most votes in each of many outputs, for example pixels.

    ``codes`` are C-contiguous uint8 or uint16 of shape (n_rows, n_outputs). Each column equals
    `winning_classes` for its output; weights must be finite and at least 0.

    Examples
    --------
    >>> codes = np.array([[0, 1], [2, 1], [2, 0]], dtype=np.uint8)
    >>> winning_classes_of_outputs(np.array([[0, 1, 2]]), np.array([[1.0, 0.5, 0.75]]), codes)
    array([[2, 1]], dtype=uint8)
    """
    weights = np.ascontiguousarray(weights)
    return _core.winners_of_outputs(codes, np.ascontiguousarray(indices), weights, n_threads)


def target_averages(
    indices: Indices, weights: FloatArray, targets: NDArray[Any], *, working_memory: float = 256
) -> FloatArray:
    """Return weighted averages of the neighbours' targets, shape (n_queries, n_outputs).

    The targets have the shape (n_rows, n_outputs); every query has a positive weight.

    Examples
    --------
    >>> target_averages(np.array([[0, 1]]), np.array([[3.0, 1.0]]), np.array([[0.0], [1.0]]))
    array([[0.25]])
    """
    n_queries, n_neighbors = indices.shape
    n_rows, n_outputs = targets.shape
    # Weighted sums of rows are a product with a sparse matrix: row i holds query i's weights.
    starts = np.arange(n_queries + 1) * n_neighbors
    mixing = csr_array((weights.ravel(), indices.ravel(), starts), shape=(n_queries, n_rows))
    total = weights.sum(axis=1, keepdims=True)

    averages = np.empty((n_queries, n_outputs))
    # The product needs a float64 copy of the targets and one of the answer.
    for batch in _batches(n_outputs, 8 * (n_rows + 2 * n_queries), working_memory):
        averages[:, batch] = (mixing @ targets[:, batch]) / total
    return averages


def _batches(n_items: int, bytes_per_item: int, working_memory: float) -> list[slice]:
    step = max(1, int(working_memory * 2**20) // bytes_per_item)
    return [slice(start, min(start + step, n_items)) for start in range(0, n_items, step)]
