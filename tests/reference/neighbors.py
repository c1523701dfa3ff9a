"""Exact neighbours, so plainly written that they are obviously right."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

METRICS = ("euclidean", "sqeuclidean", "cosine", "manhattan")


def distances(queries: NDArray[Any], rows: NDArray[Any], metric: str) -> NDArray[np.float64]:
    """All distances, shape (n_queries, n_rows): exact for integers, else in float64."""
    integers = queries.dtype.kind in "iu" and rows.dtype.kind in "iu"
    wide = np.int64 if integers else np.float64
    q, x = queries.astype(wide), rows.astype(wide)
    if metric == "cosine":
        return _cosine(q, x)
    table = np.empty((len(q), len(x)))
    for i in range(len(q)):
        difference = q[i] - x
        if metric == "manhattan":
            table[i] = np.abs(difference).sum(axis=1)
        else:
            table[i] = (difference * difference).sum(axis=1)
    return np.sqrt(table) if metric == "euclidean" else table


def _cosine(q: NDArray[Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """1 - cosine; a row of zeros is at distance 1 from every row, as in scikit-learn."""
    norms = np.sqrt((q * q).sum(axis=1))[:, None] * np.sqrt((x * x).sum(axis=1))
    products = np.array([(row * x).sum(axis=1) for row in q], dtype=np.float64)
    return 1 - np.divide(products, norms, out=np.zeros_like(norms), where=norms > 0)


def exclude(
    table: NDArray[np.float64], query_groups: NDArray[Any], row_groups: NDArray[Any]
) -> NDArray[np.float64]:
    """The distances with the pairs of one group made infinite."""
    return np.where(query_groups[:, None] == row_groups, np.inf, table)


def assert_nearest(
    found: tuple[NDArray[np.float64], NDArray[np.int64]],
    table: NDArray[np.float64],
    k: int,
    *,
    exact: bool,
    atol: float = 0.0,
) -> None:
    """Assert that (distances, indices) are the k nearest in a table of all distances.

    `exact` asks for every bit, and for the lower index of two rows at the same distance.
    Otherwise distances may differ by 1e-9 of their size or by `atol`, and rows whose distances
    lie closer than that may change places.
    """
    got, indices = found
    order = np.argsort(table, axis=1, kind="stable")[:, :k]
    nearest = np.take_along_axis(table, order, axis=1)
    assert got.shape == indices.shape == order.shape
    assert got.dtype == np.float64
    assert indices.dtype == np.int64
    if exact:
        np.testing.assert_array_equal(indices, order)
        np.testing.assert_array_equal(got, nearest)
        return
    np.testing.assert_allclose(got, nearest, rtol=1e-9, atol=atol)
    np.testing.assert_allclose(
        np.take_along_axis(table, indices, axis=1), got, rtol=1e-9, atol=atol
    )
    assert (np.diff(got, axis=1) >= 0).all()
    assert all(len(set(row)) == k for row in indices.tolist())


def count_computed(index: Any, queries: NDArray[Any], k: int) -> int:
    """Return how many distances an `ExactIndex` computes from the original values in a search."""
    shape = len(queries), k
    n_computed: int = index._native.query(queries, np.empty(shape, np.int64), np.empty(shape))
    return n_computed
