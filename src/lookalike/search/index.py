"""Exact search in one array of rows: the native index that all estimators use.

The index refers to the rows without a copy, and adds a quantised projection of each row
(``projection.py`` chooses it, ``src/core/bounds.hpp`` explains it). A filter of integer lower
bounds rejects most rows; distances of the remaining ones are computed from the original values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.images.progress import Progress
from lookalike.search.machine import cpu_path
from lookalike.search.neighbors import Neighbors
from lookalike.search.projection import choose_projection

METRICS = ("euclidean", "sqeuclidean", "cosine", "manhattan")
DTYPES = (np.uint8, np.int8, np.int16, np.float32, np.float64)
MOST_ROWS = 2**31 - 64


class ExactIndex:
    """Exact nearest neighbours among the rows of one array.

    Parameters
    ----------
    rows : ndarray of shape (n, d), C-contiguous, uint8, int8, int16, float32 or float64, finite
        Kept by reference; they must not change during the life of the index.
    metric : {"euclidean", "sqeuclidean", "cosine", "manhattan"}, default="euclidean"
    n_threads : int, default=1
    shifts : sequence of (down, right), default=()
        Moves of the images in whole pixels. The moved images are searched as if they followed
        the rows, shift by shift, without a copy. Only for Euclidean metrics.
    frame : tuple (h, w, c)
        Shape of an image; only needed for shifts.

    Examples
    --------
    >>> rows = np.array([[0, 0], [0, 3], [4, 0]], dtype=np.uint8)
    >>> ExactIndex(rows).query(np.array([[0, 0]], dtype=np.uint8), 2)
    Neighbors(indices=array([[0, 1]]), distances=array([[0., 3.]]), variants=None)
    """

    def __init__(
        self,
        rows: NDArray[Any],
        metric: str = "euclidean",
        *,
        n_threads: int = 1,
        shifts: Sequence[tuple[int, int]] = (),
        frame: tuple[int, int, int] = (0, 0, 1),
    ) -> None:
        if len(rows) > MOST_ROWS:
            raise ValueError(f"{len(rows)} rows but an index holds at most {MOST_ROWS}; split them")
        self.rows = rows
        self.metric = metric
        self.n_shifts = len(shifts)
        native_metric = "sqeuclidean" if metric == "euclidean" else metric
        self.cpu_path = cpu_path()
        projection = choose_projection(rows, native_metric, self.cpu_path, shifted=bool(shifts))
        self._native = _core.Index(
            rows,
            metric=native_metric,
            cpu=self.cpu_path,
            projection=projection,
            n_threads=n_threads,
            shifts=list(shifts),
            frame=frame,
        )

    @property
    def nbytes(self) -> int:
        """Memory in bytes that the index takes in addition to the rows."""
        return self._native.nbytes

    def append(self, rows: NDArray[Any], *, n_threads: int = 1) -> None:
        """Append rows of the same dtype and width."""
        grown = np.concatenate([self.rows, rows])
        if len(grown) > MOST_ROWS:
            raise ValueError(
                f"{len(grown)} rows but an index holds at most {MOST_ROWS}; split them"
            )
        self._native.append(grown, n_threads=n_threads)
        self.rows = grown

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
        """Find the k nearest rows of each query.

        Parameters
        ----------
        queries : ndarray of shape (n_queries, d), C-contiguous, of the dtype of the rows
        k : int
        query_groups, row_groups : ndarray of shape (n_queries,) and (n,), int64, optional
            A row of the query's own group is never its neighbour. The caller makes sure that
            at least k rows remain.
        n_threads : int, default=1
        working_memory : int, default=256 * 2**20
            Bytes that all threads together may use in addition to the answer.
        progress : callable, optional
            Called from time to time with the number of queries done and their total.

        Returns
        -------
        Neighbors
        """
        indices, distances, _ = self._native.query(
            queries,
            k,
            query_groups=query_groups,
            row_groups=row_groups,
            n_threads=n_threads,
            working_memory=working_memory,
            progress=progress,
        )
        if self.metric == "euclidean":
            np.sqrt(distances, out=distances)
        # The native module's int64 is NumPy's long long, which differs in its name only.
        indices = indices.view(np.int64)
        if not self.n_shifts:
            return Neighbors(indices, distances)
        variants, indices = np.divmod(indices, len(self.rows))
        return Neighbors(indices, distances, variants)
