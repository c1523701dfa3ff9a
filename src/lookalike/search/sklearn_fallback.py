"""Searches that scikit-learn does, because the native index does not support them.

The native index supports dense rows and four metrics. `NearestNeighbors` hands everything else
(other metrics, callables, precomputed distances, sparse matrices, radius queries) over to
scikit-learn, and warns about it.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import neighbors

from lookalike.images.exceptions import warn_caller
from lookalike.images.progress import Progress
from lookalike.search.neighbors import Neighbors

NATIVE_METRICS = {
    "euclidean": "euclidean",
    "l2": "euclidean",
    "sqeuclidean": "sqeuclidean",
    "cosine": "cosine",
    "manhattan": "manhattan",
    "l1": "manhattan",
    "cityblock": "manhattan",
}
"""Native metrics by the names that scikit-learn gives them."""

MINKOWSKI = {1: "manhattan", 2: "euclidean"}
"""Native Minkowski metrics by the power p."""

MOST_AT_ONCE = 1000
"""Number of queries that scikit-learn gets in one call."""


class SklearnFallbackWarning(UserWarning):
    """Scikit-learn does a search, at its own speed, instead of the native index."""


def announce(what: str) -> None:
    """Warn the caller that scikit-learn does the work."""
    warn_caller(
        f"{what}: the work is handed over to scikit-learn, at its speed. The native index "
        f"searches dense rows with metric in {sorted(NATIVE_METRICS)} or minkowski with p=1 "
        "or 2, without metric_params",
        SklearnFallbackWarning,
    )


def native_metric(metric: Any, p: float | None, metric_params: Any) -> str | None:
    """Return the native name of a metric, or None if scikit-learn has to do the search."""
    if metric_params or not isinstance(metric, str):
        return None
    if metric == "minkowski":
        return None if p is None else MINKOWSKI.get(p)  # type: ignore[call-overload]
    return NATIVE_METRICS.get(metric)


class SklearnFallback:
    """Rows that scikit-learn searches, with the same methods as `IndexedRows`.

    Parameters
    ----------
    rows : ndarray or sparse matrix of shape (n, d)
    params : dict
        Parameters of `sklearn.neighbors.NearestNeighbors`.
    """

    def __init__(self, rows: Any, params: dict[str, Any]) -> None:
        self.rows = rows
        self.params = params
        self.searcher = neighbors.NearestNeighbors(**params).fit(rows)

    def query(
        self,
        queries: Any,
        k: int,
        *,
        query_groups: NDArray[np.int64] | None = None,
        row_groups: NDArray[np.int64] | None = None,
        n_threads: int = 1,
        working_memory: int = 256 * 2**20,
        progress: Progress | None = None,
    ) -> Neighbors:
        """Find the k nearest rows of each query; scikit-learn decides the order of ties."""
        # To exclude groups, ask for as many spare neighbours as the largest group excludes, and
        # drop those of the query's own group.
        spare = 0
        if query_groups is not None and row_groups is not None:
            spare = int(excluded_counts(query_groups, row_groups).max())
        n_queries, wanted = queries.shape[0], k + spare
        # Progress and Ctrl-C are handled only between two calls of scikit-learn.
        step = max(1, min(MOST_AT_ONCE, working_memory // (64 * wanted)))
        searcher, tables = self.on_threads(n_threads), []
        for start in range(0, n_queries, step):
            chunk = slice(start, start + step)
            distances, indices = searcher.kneighbors(queries[chunk], wanted)
            if query_groups is not None and row_groups is not None:
                same = row_groups[indices] == query_groups[chunk, None]
                kept = np.argsort(same, axis=1, kind="stable")[:, :k]
                indices = np.take_along_axis(indices, kept, axis=1)
                distances = np.take_along_axis(distances, kept, axis=1)
            tables.append((indices, distances))
            if progress is not None:
                progress(min(start + step, n_queries), n_queries)
        indices, distances = (np.concatenate(parts) for parts in zip(*tables, strict=True))
        return Neighbors(indices.astype(np.int64), distances.astype(np.float64))

    def on_threads(self, n_threads: int) -> neighbors.NearestNeighbors:
        """Return scikit-learn's search set to this number of threads."""
        return copy.copy(self.searcher).set_params(n_jobs=n_threads)

    def appended(self, rows: Any, n_threads: int) -> SklearnFallback:
        """Return the same search with more rows."""
        self._check_not_precomputed("partial_fit")
        if sparse.issparse(self.rows) or sparse.issparse(rows):
            return SklearnFallback(sparse.vstack([self.rows, rows], format="csr"), self.params)
        return SklearnFallback(np.concatenate([self.rows, rows]), self.params)

    def kept(self, keep: NDArray[np.bool_], n_threads: int) -> SklearnFallback:
        """Return the same search with only the rows marked True."""
        self._check_not_precomputed("remove")
        return SklearnFallback(self.rows[keep], self.params)

    def _check_not_precomputed(self, method: str) -> None:
        if self.params["metric"] == "precomputed":
            raise ValueError(
                f"{method} can not change a matrix of precomputed distances; call fit with the "
                "distances among the rows you want"
            )


def excluded_counts(
    query_groups: NDArray[np.int64], row_groups: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many rows share the group of each query."""
    groups, counts = np.unique(row_groups, return_counts=True)
    at = np.minimum(np.searchsorted(groups, query_groups), len(groups) - 1)
    return np.where(groups[at] == query_groups, counts[at], 0)
