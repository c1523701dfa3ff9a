"""Votes and averages of neighbours, computed from a neighbour table.

These are pure functions of a table's ``indices``, of labels or targets of the training rows, and of
the ``weights`` of the neighbours. Votes are summed in float64, nearest first: two classes with the
same votes tie exactly, and the lower class wins.

Work is done in batches of queries or outputs, which limits memory, apart from the answer, to
``working_memory`` MiB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.utils import gen_batches

from lookalike import _core

FloatArray = NDArray[np.float64]
Indices = NDArray[np.int64]
Codes = NDArray[np.integer[Any]]


class Winners(NamedTuple):
    """The winning class of each query.

    Attributes
    ----------
    codes : ndarray of shape (n_queries,), intp
        Class with the most votes; the lowest class in a tie.
    probabilities : ndarray of shape (n_queries,), float64
        Share of the votes of that class.
    """

    codes: NDArray[np.intp]
    probabilities: FloatArray


def class_votes(indices: Indices, weights: FloatArray, codes: Codes, n_classes: int) -> FloatArray:
    """Sum the weights of each query's neighbours by class.

    Parameters
    ----------
    indices, weights : ndarray of shape (n_queries, n_neighbors)
        Training rows and their weights.
    codes : ndarray of shape (n_rows,), integer
        Class of each training row, in ``range(n_classes)``.
    n_classes : int

    Returns
    -------
    ndarray of shape (n_queries, n_classes), float64

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
    indices: Indices,
    weights: FloatArray,
    codes: Codes,
    n_classes: int,
    *,
    working_memory: float = 256,
) -> FloatArray:
    """Return each class's share of the votes.

    Parameters
    ----------
    indices, weights, codes, n_classes
        As in `class_votes`; every query has a neighbour of positive weight.
    working_memory : float, default=256
        MiB that may be used in addition to the answer.

    Returns
    -------
    ndarray of shape (n_queries, n_classes), float64
        Rows sum to 1.
    """
    shares = np.empty((len(indices), n_classes))
    for batch in _vote_batches(indices, n_classes, working_memory):
        votes = class_votes(indices[batch], weights[batch], codes, n_classes)
        shares[batch] = votes / votes.sum(axis=1, keepdims=True)
    return shares


def winning_classes(
    indices: Indices,
    weights: FloatArray,
    codes: Codes,
    n_classes: int,
    *,
    working_memory: float = 256,
) -> Winners:
    """Return the class with the most votes, and its share of them.

    Parameters
    ----------
    indices, weights, codes, n_classes, working_memory
        As in `class_probabilities`.

    Returns
    -------
    Winners
    """
    winners = np.empty(len(indices), dtype=np.intp)
    shares = np.empty(len(indices))
    for batch in _vote_batches(indices, n_classes, working_memory):
        votes = class_votes(indices[batch], weights[batch], codes, n_classes)
        winners[batch] = votes.argmax(axis=1)
        shares[batch] = votes.max(axis=1) / votes.sum(axis=1)
    return Winners(winners, shares)


def winning_classes_at(
    indices: Indices, weights: FloatArray, codes: Codes, n_classes: int, ks: Sequence[int]
) -> NDArray[np.int32]:
    """Return the class with the most votes among the first k neighbours, for several k at once.

    Parameters
    ----------
    indices, weights, codes, n_classes
        As in `class_votes`; weights must be finite and at least 0.
    ks : sequence of int
        Ascending, each from 1 to n_neighbors.

    Returns
    -------
    ndarray of shape (n_queries, len(ks)), int32
        As `winning_classes` for the first k columns; class 0 if there are no votes.

    Raises
    ------
    ValueError
        If ``ks`` do not ascend from 1 to n_neighbors.

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

    Parameters
    ----------
    indices, weights
        As in `class_votes`; weights must be finite and at least 0.
    codes : ndarray of shape (n_rows, n_outputs), uint8 or uint16, C-contiguous
        Class of each training row in each output.
    n_threads : int, default=1

    Returns
    -------
    ndarray of shape (n_queries, n_outputs), of the dtype of codes
        As `winning_classes` for each output.

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
    """Return weighted averages of the neighbours' targets.

    Parameters
    ----------
    indices, weights : ndarray of shape (n_queries, n_neighbors)
        Training rows and their weights; every query has a positive weight.
    targets : ndarray of shape (n_rows, n_outputs), any real dtype
    working_memory : float, default=256
        MiB that may be used in addition to the answer.

    Returns
    -------
    ndarray of shape (n_queries, n_outputs), float64

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


def _vote_batches(indices: Indices, n_classes: int, working_memory: float) -> list[slice]:
    n_queries, n_neighbors = indices.shape
    # Memory of a query: votes and shares, cells and their codes.
    return _batches(n_queries, 8 * (2 * n_classes + 3 * n_neighbors), working_memory)


def _batches(n_items: int, bytes_per_item: int, working_memory: float) -> list[slice]:
    return list(gen_batches(n_items, max(1, int(working_memory * 2**20) // bytes_per_item)))
