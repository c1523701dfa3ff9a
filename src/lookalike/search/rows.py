"""Rows and their native indexes: one is built by fit, others on demand.

An index follows from its rows, so it is never pickled or copied: the first search that needs it
builds it again.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning

from lookalike.images.exceptions import warn_caller
from lookalike.images.progress import Progress
from lookalike.search.dtypes import common_dtype, exactly
from lookalike.search.index import ExactIndex
from lookalike.search.neighbors import Neighbors

SECOND_INDEX_MIB = 1.0
"""A second index of at least this size is announced by a warning."""

# All objects share one lock for builds, because objects with locks can not be pickled; a build
# uses all its threads anyway. They also share one count of the running searches of each
# `IndexedRows`, by its id: `appended` moves an index only if no search uses it. A child process
# resets both, because the threads of its parent do not exist there.
_building = threading.Lock()
_counting = threading.Lock()
_searches: Counter[int] = Counter()


def _start_afresh() -> None:
    global _building, _counting
    _building, _counting = threading.Lock(), threading.Lock()
    _searches.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)


class IndexedRows:
    """Rows of one native dtype that the native index searches.

    Parameters
    ----------
    rows : ndarray of shape (n, d), C-contiguous, uint8, int8, int16, float32 or float64
        Kept by reference.
    metric : str
    shifts, frame
        As for `ExactIndex`.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        metric: str,
        shifts: Sequence[tuple[int, int]] = (),
        frame: tuple[int, int, int] = (0, 0, 1),
    ) -> None:
        self.rows = rows
        self.metric = metric
        self.shifts = shifts
        self.frame = frame
        self._indexes: dict[np.dtype[Any], ExactIndex] = {}
        self._n_built = len(rows)

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("rows", "metric", "shifts", "frame")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def build(self, n_threads: int) -> IndexedRows:
        """Build the index of the rows now, so that no search has to."""
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
        progress: Progress | None = None,
    ) -> Neighbors:
        """Find the k nearest rows of each query, which may have any native dtype."""
        given, queries = queries.dtype, self._comparable(queries)
        if queries.dtype != self.rows.dtype and queries.dtype not in self._indexes:
            self._announce_second_index(given, queries.dtype)
        with self._searching():
            return self._index(queries.dtype, n_threads).query(
                queries,
                k,
                query_groups=query_groups,
                row_groups=row_groups,
                n_threads=n_threads,
                working_memory=working_memory,
                progress=progress,
            )

    def appended(self, rows: NDArray[Any], n_threads: int) -> IndexedRows:
        """Return the same search with more rows; the index grows if its dtype fits them.

        An index keeps the projection that was chosen for its first rows. It is rebuilt when
        the rows have doubled, so that the projection suits them; all builds together then take
        at most twice as long as the last one. It is also rebuilt if a search is using it.
        """
        fitting = exactly(rows, self.rows.dtype)
        rows = rows if fitting is None else fitting
        dtype = common_dtype(self.rows.dtype, rows.dtype)
        index = None
        if fitting is not None and len(self.rows) + len(rows) <= 2 * self._n_built:
            # The index moves to the new object. If appending fails, the index is lost and these
            # rows, which are still complete, build theirs again.
            with _counting:
                index = None if _searches[id(self)] else self._indexes.pop(dtype, None)
        if index is None:
            grown = np.concatenate([self.rows, rows], dtype=dtype)
            return self._of(grown).build(n_threads)
        index.append(rows, n_threads=n_threads)
        moved = self._of(index.rows)
        moved._indexes[dtype] = index
        moved._n_built = self._n_built
        return moved

    def kept(self, keep: NDArray[np.bool_], n_threads: int) -> IndexedRows:
        """Return the same search with only the rows marked True, and a new index."""
        return self._of(self.rows[keep]).build(n_threads)

    def _of(self, rows: NDArray[Any]) -> IndexedRows:
        return IndexedRows(rows, self.metric, self.shifts, self.frame)

    def _comparable(self, queries: NDArray[Any]) -> NDArray[Any]:
        """Return the queries in the dtype of the rows, or in the smallest that holds both."""
        dtype = self.rows.dtype
        wider = (common_dtype(dtype, np.dtype(other)) for other in (np.int16, np.float32))
        for candidate in (dtype, *wider):
            converted = exactly(queries, candidate)
            if converted is not None:
                return converted
        return queries.astype(np.float64)

    def _announce_second_index(self, given: np.dtype[Any], common: np.dtype[Any]) -> None:
        rows = self.rows
        mib = rows.size * common.itemsize / 2**20
        if mib < SECOND_INDEX_MIB:
            return
        warn_caller(
            f"X ({given}) holds values that are not exact in {rows.dtype}, the dtype of the fitted "
            f"rows: they are compared in {common}, for which the rows are copied and indexed a "
            f"second time, in more than {mib:.3g} MiB. Fit rows of dtype {common} to have one "
            f"index, or pass X.astype('{rows.dtype}') if that is precise enough",
            DataConversionWarning,
        )

    @contextmanager
    def _searching(self) -> Iterator[None]:
        """Keep the indexes in place while the block runs."""
        with _counting:
            _searches[id(self)] += 1
        try:
            yield
        finally:
            with _counting:
                _searches[id(self)] -= 1
                if not _searches[id(self)]:
                    del _searches[id(self)]

    def _index(self, dtype: np.dtype[Any], n_threads: int) -> ExactIndex:
        if dtype not in self._indexes:
            with _building:
                if dtype not in self._indexes:
                    rows = np.ascontiguousarray(self.rows, dtype=dtype)
                    self._indexes[dtype] = ExactIndex(
                        rows,
                        self.metric,
                        n_threads=n_threads,
                        shifts=self.shifts,
                        frame=self.frame,
                    )
        return self._indexes[dtype]
