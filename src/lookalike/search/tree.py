"""Exact search in rows of few values by a k-d tree.

A native search visits all rows, a tree a few of its leaves. Their number grows fast with the width
of the rows: up to `TREE_WIDTHS` values the tree is the faster one at every number of rows. It is
`scipy.spatial.KDTree`.

The tree rounds distances in its own way and takes any of several rows at one distance, so it only
names candidates. Their distances are computed again, summed in the order of the native kernels,
and sorted by (distance, index). Rounding moves a tree's distance by a share of `ROUNDING` at most.
The k first candidates are therefore the answer if the k-th is nearer by more than that share than
the last one which the tree named: all other rows are at least as far as that. Otherwise, at ties
or where rows of a query's own group are among the candidates, the tree is asked for more of them,
and at last the query goes to the native index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from lookalike.search.neighbors import Neighbors, SearchOptions

TREE_WIDTHS = {"euclidean": 4, "sqeuclidean": 4, "manhattan": 6}
# With fewer rows an exhaustive search of the queries takes less time than to call the tree.
FEWEST_ROWS = 512
# A tree is built in the time that so many queries take to visit all rows.
QUERIES_OF_A_BUILD = 20
# More than d + 4 roundings of a distance and two at each level of the tree, below 2**21 of them.
ROUNDING, UNDERFLOW = 1e-9, 1e-300
# At first there is one more candidate than neighbours; of integers, which tie often, there are a
# quarter and some more. Then there are so many times as many, up to the most.
GROWTH, MOST_CANDIDATES, SPARE = 3, 4096, 8
# Queries between two reports of the progress, and queries for which threads are started.
MOST_AT_ONCE, FEW_QUERIES = 16384, 256
LANES = 8  # partial sums of the native kernels
POWERS = {"euclidean": 2, "sqeuclidean": 2, "manhattan": 1}


def suits_tree(rows: NDArray[Any], metric: str) -> bool:
    """Return whether a tree is faster than the native index."""
    return rows.shape[1] <= TREE_WIDTHS.get(metric, 0) and len(rows) >= FEWEST_ROWS


class TreeIndex:
    """Exact nearest neighbours among rows of few values, as `ExactIndex` finds them, bit for bit.

    Parameters
    ----------
    rows : ndarray of shape (n, d), d up to `LANES`, of a native dtype
    metric : {"euclidean", "sqeuclidean", "manhattan"}

    Examples
    --------
    >>> from lookalike.search.index import ExactIndex
    >>> rows = np.array([[0, 0], [0, 3], [4, 0], [3, 0]], dtype=np.uint8)
    >>> TreeIndex(rows, "euclidean").query(rows[:1], 3, ExactIndex(rows).query)[:2]
    (array([[0, 1, 3]]), array([[0., 3., 3.]]))
    """

    def __init__(self, rows: NDArray[Any], metric: str) -> None:
        self.metric = metric
        self.are_whole = rows.dtype.kind in "iu"
        # Splits in the middle of boxes take half the time of medians, and searches no longer.
        self.tree = KDTree(rows, balanced_tree=False, compact_nodes=False)

    def query(
        self,
        queries: NDArray[Any],
        k: int,
        ask_native: Callable[..., Neighbors],
        **options: Unpack[SearchOptions],
    ) -> Neighbors:
        """Find the k nearest rows of each query, of any native dtype.

        ``ask_native(queries, k, **options)`` searches for the queries that the tree leaves.
        """
        n_queries, progress = len(queries), options.get("progress")
        indices = np.empty((n_queries, k), np.int64)
        distances = np.empty((n_queries, k))
        left = np.arange(n_queries)
        are_whole = self.are_whole and queries.dtype.kind in "iu"
        n_candidates = k + (k // 4 + SPARE if are_whole else 1)
        most = max(MOST_CANDIDATES, n_candidates)
        while len(left) and n_candidates <= most:
            uncertain = []
            for chunk in self._chunks(left, n_candidates, options):
                found, near, is_certain = self._search(
                    queries, k, chunk, n_candidates, are_whole, options
                )
                indices[chunk], distances[chunk] = found, near
                uncertain.append(chunk[~is_certain])
                if progress is not None and is_certain.all():
                    progress(int(chunk[-1]) + 1, n_queries)
            left = np.concatenate(uncertain)
            n_candidates *= GROWTH
        if self.metric == "euclidean":
            np.sqrt(distances, out=distances)
        if len(left):
            groups = options.get("query_groups")
            options["query_groups"] = None if groups is None else groups[left]
            options["progress"] = None
            table = ask_native(queries[left], k, **options)
            indices[left], distances[left] = table.indices, table.distances
        if progress is not None:
            progress(n_queries, n_queries)
        return Neighbors(indices, distances)

    def _chunks(
        self, queries: NDArray[np.int64], n_candidates: int, options: SearchOptions
    ) -> Iterator[NDArray[np.int64]]:
        """Divide queries such that their candidates, in several arrays, fit the working memory."""
        memory = options.get("working_memory", 256 * 2**20)
        step = max(1, min(MOST_AT_ONCE, memory // (64 * n_candidates * LANES)))
        return (queries[start : start + step] for start in range(0, len(queries), step))

    def _search(
        self,
        queries: NDArray[Any],
        k: int,
        chunk: NDArray[np.int64],
        n_candidates: int,
        are_whole: bool,
        options: SearchOptions,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return the k nearest candidates of some queries, and whether they are certain."""
        rows, n_rows = self.tree.data, len(self.tree.data)
        n_candidates = min(n_candidates, n_rows)
        points = queries[chunk].astype(np.float64)
        power = POWERS[self.metric]
        workers = options.get("n_threads", 1) if len(chunk) >= FEW_QUERIES else 1
        # Asked for 1 to n neighbours, it returns an axis even for one.
        named, indices = self.tree.query(
            points, np.arange(1, n_candidates + 1), p=power, workers=workers
        )
        distances = native_distances(points[:, None], rows[indices], power)
        query_groups, row_groups = options.get("query_groups"), options.get("row_groups")
        if query_groups is not None and row_groups is not None:
            distances[row_groups[indices] == query_groups[chunk, None]] = np.inf
        nearest_first(distances, indices, n_rows, are_whole)
        if n_candidates == n_rows:
            is_certain = np.ones(len(chunk), dtype=bool)
        else:
            farthest = named[:, -1] ** power * (1 - ROUNDING) - UNDERFLOW
            is_certain = distances[:, k - 1] < farthest
        return indices[:, :k], distances[:, :k], is_certain


def nearest_first(
    distances: NDArray[np.float64], indices: NDArray[np.int64], n_rows: int, are_whole: bool
) -> None:
    """Sort candidates by (distance, index), in place."""
    # The tree's order is nearly always that of the distances.
    wrong = np.flatnonzero((distances[:, 1:] <= distances[:, :-1]).any(axis=1))
    bits = (n_rows - 1).bit_length()
    if are_whole and len(wrong) and distances[wrong].max() < 2.0 ** (63 - bits):
        # One number for both is sorted several times faster.
        keys = (distances[wrong].astype(np.int64) << bits) + indices[wrong]
        keys.sort(axis=1)
        indices[wrong], distances[wrong] = keys & ((1 << bits) - 1), keys >> bits
        return
    order = np.lexsort((indices[wrong], distances[wrong]))
    indices[wrong] = np.take_along_axis(indices[wrong], order, axis=1)
    distances[wrong] = np.take_along_axis(distances[wrong], order, axis=1)


def native_distances(
    a: NDArray[np.float64], b: NDArray[np.float64], power: int
) -> NDArray[np.float64]:
    """Return distances of up to `LANES` values, squared for power 2, rounded as the kernels do.

    ``src/core/kernels_impl.hpp`` defines the order: a lane for each value, and their sum in pairs.
    """
    differences = np.abs(a - b)
    terms = differences * differences if power == 2 else differences
    lanes: list[Any] = [terms[..., j] if j < terms.shape[-1] else 0.0 for j in range(LANES)]
    for half in (4, 2, 1):
        lanes = [lanes[j] + lanes[j + half] for j in range(half)]
    total: NDArray[np.float64] = lanes[0]
    return total
