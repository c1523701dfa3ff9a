"""Exact search in rows of few values by a k-d tree, and the choice between it and the native index.

An index visits all rows, a tree a few of its leaves (``src/core/tree.hpp``). How many these are
depends on the rows more than on their width: rows near a plane of few dimensions need few. For up
to `ALWAYS_FASTER` values a tree is always faster. Otherwise some of the rows are searched for as a
trial, and the tree is kept if that visits few enough of them.

A tree whose rows are not split is built in a tenth of the time. It visits all rows, but compares
several at once, which is faster than an index that computes all distances: it is the tree of the
first `QUERIES_OF_A_SPLIT` queries.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.search.dtypes import to_native
from lookalike.search.machine import cpu_path
from lookalike.search.neighbors import Neighbors, SearchOptions, native_name

METRICS = ("euclidean", "sqeuclidean", "manhattan")
MOST_VALUES = 16
# The following numbers were measured by `python benchmarks/trees.py`. For rows of so few values a
# tree is faster without a trial.
ALWAYS_FASTER = 4
# A search in a tree takes as long as one in an index if it visits so many rows, for each neighbour
# wanted so many more, and for each row there is so many more.
VISITED, VISITED_FOR_NEIGHBOUR, VISITED_OF_ROWS = 2000, 15, 1 / 200
# So many rows are searched for, at first in a tree of a sample: it visits fewer than that of all.
N_TRIED, SAMPLE_ROWS = 32, 8192
# Rows are split in the time that so many queries take longer without it.
QUERIES_OF_A_SPLIT = 50


def suits_tree(rows: NDArray[Any], metric: str) -> bool:
    """Return whether there are trees for such rows."""
    return rows.shape[1] <= MOST_VALUES and metric in METRICS


class TreeIndex:
    """Exact nearest neighbours among rows of few values, as `ExactIndex` finds them, bit for bit.

    Parameters
    ----------
    rows : ndarray of shape (n, d), d up to `MOST_VALUES`, of a native dtype, float16 or \
            bfloat16
        They are copied in float64.
    metric : {"euclidean", "sqeuclidean", "manhattan"}
        Answers to "euclidean" are squared.
    is_split : bool, default=True
        Whether rows that are near each other are put together.

    Examples
    --------
    >>> rows = np.array([[0, 0], [0, 3], [4, 0], [3, 0]], dtype=np.uint8)
    >>> TreeIndex(rows, "euclidean").query(rows[:1], 3).rooted()[:2]
    (array([[0, 1, 3]]), array([[0., 3., 3.]]))
    """

    def __init__(self, rows: NDArray[Any], metric: str, *, is_split: bool = True) -> None:
        self.metric = metric
        self.is_split = is_split
        self._native = _core.Tree(
            to_native(rows), metric=native_name(metric), cpu=cpu_path(), split=is_split
        )

    def query(self, queries: NDArray[Any], k: int, **options: Unpack[SearchOptions]) -> Neighbors:
        """Find the k nearest rows of each query, of any native dtype."""
        indices, distances = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
        self._native.query(to_native(queries), indices, distances, **options)
        return Neighbors(indices, distances, squared=self.metric == "euclidean")

    def n_visited(self, queries: NDArray[Any], k: int) -> float:
        """Return how many rows a search for the k nearest visits, on average."""
        shape = len(queries), min(k, self._native.n_rows)
        found = np.empty(shape, np.int64), np.empty(shape)
        n_computed = self._native.query(to_native(queries), *found)
        return float(n_computed / len(queries))


def split_tree(rows: NDArray[Any], metric: str, k: int) -> TreeIndex | None:
    """Return the tree of the rows, or None if a native index finds k neighbours sooner."""
    n = len(rows)
    most = VISITED + VISITED_FOR_NEIGHBOUR * k + VISITED_OF_ROWS * n
    if rows.shape[1] <= ALWAYS_FASTER or n <= most:
        return TreeIndex(rows, metric)
    tried = np.ascontiguousarray(rows[:: n // N_TRIED])
    if n > 2 * SAMPLE_ROWS:
        sample = np.ascontiguousarray(rows[:: n // SAMPLE_ROWS])
        if TreeIndex(sample, metric).n_visited(tried, k) > most:
            return None
    tree = TreeIndex(rows, metric)
    return tree if tree.n_visited(tried, k) <= most else None
