"""Rows with the native indexes over them: one when they are fitted, others on demand.

An index is derived from its rows, so it is never pickled or copied: it is built again when
the first search asks for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.search.dtypes import common_dtype, exactly
from lookalike.search.index import ExactIndex
from lookalike.search.table import Neighbors

# One lock for all builds keeps the objects themselves free of locks, which can not be
# pickled; a build uses all its threads anyway. A child process starts with a fresh one, as
# the thread that held it in the parent does not live there.
_building = threading.Lock()


def _renew_lock() -> None:
    global _building
    _building = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class IndexedRows:
    """Rows of one native dtype, searched by the native index.

    Parameters
    ----------
    rows : ndarray of shape (n, d), C-contiguous, uint8, int8, float32 or float64
        Kept by reference.
    metric : str
        One of `ExactIndex`'s.
    """

    def __init__(self, rows: NDArray[Any], metric: str) -> None:
        self.rows = rows
        self.metric = metric
        self._indexes: dict[np.dtype[Any], ExactIndex] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_indexes": {}}

    def build(self, n_threads: int) -> IndexedRows:
        """Build the index over the rows now, so that no search has to."""
        self._index(self.rows.dtype, n_threads)
        return self

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
        """Find the k nearest rows of each query, which may have any native dtype."""
        queries, row_dtype = self._comparable(queries)
        return self._index(row_dtype, n_threads).query(
            queries,
            k,
            query_groups=query_groups,
            row_groups=row_groups,
            n_threads=n_threads,
            working_memory=working_memory,
            progress=progress,
        )

    def appended(self, rows: NDArray[Any], n_threads: int) -> IndexedRows:
        """The same search with more rows; the index grows where their values fit its dtype."""
        dtype = self.rows.dtype
        fitting = exactly(rows, dtype)
        if fitting is None:
            dtype = common_dtype(dtype, rows.dtype)
            promoted = np.concatenate([self.rows, rows], dtype=dtype)
            return IndexedRows(promoted, self.metric).build(n_threads)
        grown = IndexedRows(np.concatenate([self.rows, fitting]), self.metric)
        # The index moves to the grown rows. Should it fail on its way, it is lost, and these
        # rows, still whole, build theirs again.
        index = self._indexes.pop(dtype, None)
        if index is not None:
            index.append(fitting)
            grown._indexes[dtype] = index
        return grown.build(n_threads)

    def kept(self, keep: NDArray[np.bool_], n_threads: int) -> IndexedRows:
        """The same search with only the rows marked True, built as if there never were more."""
        return IndexedRows(self.rows[keep], self.metric).build(n_threads)

    def _comparable(self, queries: NDArray[Any]) -> tuple[NDArray[Any], np.dtype[Any]]:
        """The queries in a dtype that the index compares, and the dtype of the rows to index.

        The index takes queries of the rows' dtype, and float queries for integer rows.
        Float32 rows meet float64 queries in float64.
        """
        dtype = self.rows.dtype
        converted = exactly(queries, dtype)
        if converted is not None:
            return converted, dtype
        if dtype.kind in "iu":
            return queries if queries.dtype.kind == "f" else queries.astype(np.float32), dtype
        return queries, common_dtype(dtype, queries.dtype)

    def _index(self, dtype: np.dtype[Any], n_threads: int) -> ExactIndex:
        if dtype not in self._indexes:
            with _building:
                if dtype not in self._indexes:
                    rows = np.ascontiguousarray(self.rows, dtype=dtype)
                    self._indexes[dtype] = ExactIndex(rows, self.metric, n_threads=n_threads)
        return self._indexes[dtype]
