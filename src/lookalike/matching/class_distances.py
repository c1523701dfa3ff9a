"""Distances of images to each class, computed from a neighbour table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.search.neighbors import Neighbors

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]


def class_distances(
    table: Neighbors, codes: Codes, n_classes: int, k: int, *, n_threads: int = 1
) -> FloatArray:
    """Return the sum of the k smallest distances to each class.

    A missing neighbour counts with the largest distance of the table.

    Parameters
    ----------
    table : Neighbors
        Sorted, nearest first.
    codes : ndarray of shape (n_training_images,), int32
        Classes of the training images, in ``range(n_classes)``.
    n_classes, k, n_threads : int

    Returns
    -------
    ndarray of shape (n_queries, n_classes), float64

    Examples
    --------
    >>> table = Neighbors(np.array([[7, 3, 9]]), np.array([[1.0, 2.0, 4.0]]))
    >>> codes = np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0], np.int32)
    >>> class_distances(table, codes, 2, 2)
    array([[5., 6.]])
    """
    sums = np.empty((1, len(table.indices), n_classes))
    _core.sum_classes(
        table.indices,
        table.distances,
        codes=codes,
        ks=np.array([k], np.int64),
        sums=sums,
        n_threads=n_threads,
    )
    return np.asarray(sums[0])


def hyperplane_distances(
    queries: NDArray[np.int8],
    rows: NDArray[np.int8],
    table: Neighbors,
    codes: Codes,
    n_classes: int,
    *,
    k: int = 10,
    ridge: float = 0.3,
    n_threads: int = 1,
) -> FloatArray:
    """Return the squared distances of queries to the local hyperplane of each class.

    The hyperplane is the affine hull of the k nearest neighbours of a class. Ridge regression finds
    the weights of its directions; the ridge penalty is part of the distance.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, d), int8
    rows : ndarray of shape (n_training_images, d), int8
    table : Neighbors
        Neighbours of the queries, nearest first.
    codes : ndarray of shape (n_training_images,), int32
        Classes of the training images, in ``range(n_classes)``.
    n_classes : int
    k : int, default=10
        At most 32.
    ridge : float, default=0.3
        Penalty, relative to the mean squared distance of the k neighbours to their mean.
    n_threads : int, default=1

    Returns
    -------
    ndarray of shape (n_queries, n_classes), float64
        A class without neighbours gets the largest distance of the query.

    References
    ----------
    Vincent, Bengio, "K-local hyperplane and convex distance nearest neighbor algorithms",
    NIPS 2001.

    Examples
    --------
    >>> rows = np.array([[0, 0], [2, 0], [1, 5]], np.int8)
    >>> table = Neighbors(np.array([[0, 1, 2]]), np.array([[2.0, 2.0, 16.0]]))
    >>> codes = np.array([0, 0, 1], np.int32)
    >>> hyperplane_distances(np.array([[1, 1]], np.int8), rows, table, codes, 2, ridge=0)
    array([[ 1., 16.]])
    """
    out = np.empty((len(queries), n_classes))
    _core.hyperplane_distances(
        queries,
        rows,
        table.indices,
        table.distances,
        codes=codes,
        k=k,
        ridge=ridge,
        out=out,
        n_threads=n_threads,
    )
    farthest: NDArray[Any] = out.max(axis=1, keepdims=True, initial=0)
    return np.where(out < 0, farthest, out)
