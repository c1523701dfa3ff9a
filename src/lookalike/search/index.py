"""Exact search in one array of rows (temporary NumPy stand-in of the native index)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.search.table import Neighbors

METRICS = ("euclidean", "sqeuclidean", "cosine", "manhattan")


class ExactIndex:
    """Exact nearest neighbours among the rows of one array.

    Parameters
    ----------
    rows : ndarray of shape (n, d), C-contiguous, uint8, int8, float32 or float64, finite
    metric : one of METRICS
    n_threads : int >= 1
    """

    def __init__(self, rows: NDArray[Any], metric: str = "euclidean", *, n_threads: int = 1) -> None:
        self.rows = rows
        self.metric = metric

    def append(self, rows: NDArray[Any]) -> None:
        self.rows = np.concatenate([self.rows, rows])

    def query(
        self,
        queries: NDArray[Any],
        k: int,
        *,
        query_groups: NDArray[np.int64] | None = None,
        row_groups: NDArray[np.int64] | None = None,
        n_threads: int = 1,
        working_memory: int = 256 * 2**20,
        progress: Callable[[int, int], None] | None = None,
    ) -> Neighbors:
        """Find the k nearest rows of each query.

        A row whose group equals the query's group is never its neighbour; the caller has
        made sure that at least k rows remain. ``queries`` has the dtype of the rows, or is
        float where the rows are integers. ``progress(done, total)`` counts queries.
        """
        from scipy.spatial.distance import cdist

        d = cdist(queries.astype("f8"), self.rows.astype("f8"), "cityblock" if self.metric == "manhattan" else self.metric)
        if query_groups is not None and row_groups is not None:
            d[query_groups[:, None] == row_groups] = np.inf
        order = np.argsort(d, axis=1, kind="stable")[:, :k]
        if progress is not None:
            progress(len(queries), len(queries))
        return Neighbors(order.astype(np.int64), np.take_along_axis(d, order, 1))
