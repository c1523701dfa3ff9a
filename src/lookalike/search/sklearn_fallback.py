"""Searches that scikit-learn does, because the native index does not support them.

The native index finds nearest rows among dense rows by four metrics. `NearestNeighbors` hands
everything else (other metrics, callables, precomputed distances, sparse matrices, radius queries)
over to scikit-learn, and warns about it.
"""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from lookalike.images.exceptions import warn_caller
from lookalike.images.variants import Variant
from lookalike.search.machine import count_threads
from lookalike.search.neighbors import Neighbors, SearchOptions
from lookalike.search.validation import excluded_counts

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

_NATIVE = ("minkowski", *sorted(NATIVE_METRICS))

MINKOWSKI = {1: "manhattan", 2: "euclidean"}  # native metrics by the power p

MOST_AT_ONCE = 1000  # queries that scikit-learn gets in one call


class SklearnFallbackWarning(UserWarning):
    """Scikit-learn does a search, at its own speed, instead of the native index."""


def native_metric(metric: Any, p: float | None, metric_params: Any) -> str | None:
    """Return the native name of a metric, or None if scikit-learn has to do the search."""
    if metric_params or not isinstance(metric, str):
        return None
    if metric == "minkowski":
        return None if p is None else MINKOWSKI.get(p)  # type: ignore[call-overload]
    return NATIVE_METRICS.get(metric)


def check_metric(metric: Any) -> None:
    """Raise ValueError if a metric is a name that neither we nor scikit-learn know."""
    if not isinstance(metric, str) or metric in {"minkowski", *NATIVE_METRICS}:
        return
    from sklearn.neighbors import VALID_METRICS  # a quarter of the time of all imports

    known = sorted({"precomputed", *NATIVE_METRICS, *chain(*VALID_METRICS.values())})
    if metric not in known:
        raise ValueError(
            f"metric={metric!r} is no metric; give one of the native index, "
            f"{', '.join(_NATIVE)}, or one that scikit-learn "
            f"searches by, slower: {', '.join(name for name in known if name not in _NATIVE)}"
        )


class SklearnFallback:
    """Rows that scikit-learn searches, with the same methods as `IndexedRows`.

    ``rows`` are an array or a sparse matrix of shape (n, d), and ``params`` the parameters of
    `sklearn.neighbors.NearestNeighbors`.
    """

    variants: tuple[Variant, ...] = ()

    def __init__(self, rows: Any, params: dict[str, Any]) -> None:
        self.rows = rows
        self.params = params
        from sklearn.neighbors import NearestNeighbors  # a quarter of the time of all imports

        self.searcher = NearestNeighbors(**params).fit(rows)

    def query(self, queries: Any, k: int, **options: Unpack[SearchOptions]) -> Neighbors:
        """Find the k nearest rows of each query; scikit-learn decides the order of ties."""
        query_groups, row_groups = options.get("query_groups"), options.get("row_groups")
        progress, memory = options.get("progress"), options.get("working_memory", 256 * 2**20)
        # To exclude groups, ask for as many spare neighbours as the largest group excludes, and
        # drop those of the query's own group.
        spare = 0
        if query_groups is not None and row_groups is not None:
            spare = int(excluded_counts(query_groups, row_groups).max())
        n_queries, wanted = queries.shape[0], k + spare
        # Progress and Ctrl-C are handled only between two calls of scikit-learn.
        step = max(1, min(MOST_AT_ONCE, memory // (64 * wanted)))
        searcher, tables = self.on_threads(options.get("n_threads", 1)), []
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

    def on_threads(self, n_threads: int) -> Any:
        """Return scikit-learn's search set to this number of threads."""
        return copy.copy(self.searcher).set_params(n_jobs=n_threads)

    def appended(self, rows: Any, n_threads: int) -> SklearnFallback:
        """Return the same search with more rows."""
        if sparse.issparse(self.rows) or sparse.issparse(rows):
            return self._of(sparse.vstack([self.rows, rows], format="csr"), "partial_fit")
        return self._of(np.concatenate([self.rows, rows]), "partial_fit")

    def kept(self, keep: NDArray[np.bool_], n_threads: int) -> SklearnFallback:
        """Return the same search with only the rows marked True."""
        return self._of(self.rows[keep], "remove")

    without = kept

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.rows.shape[0])

    def take(self, which: Any) -> Any:
        """Return ``rows[which]``."""
        return self.rows[which]

    def _of(self, rows: Any, method: str) -> SklearnFallback:
        if self.params["metric"] == "precomputed":
            raise ValueError(
                f"{method} can not change a matrix of precomputed distances; call fit with the "
                "distances among the rows you want"
            )
        return SklearnFallback(rows, self.params)


def hand_over(search: Any, rows: Any, what: str, *, once: bool = False) -> SklearnFallback:
    """Announce that scikit-learn searches these rows with the parameters of a search, and let it.

    ``what`` names the reason. For a single call, ``once``, the building of a tree does not pay.
    """
    warn_caller(
        f"{what}: the work is handed over to scikit-learn, at its speed. The native index "
        f"searches dense rows with metric in {sorted(NATIVE_METRICS)} or minkowski with p=1 "
        "or 2, without metric_params",
        SklearnFallbackWarning,
    )
    if search.augmentation is not None:
        raise ValueError(
            f"augmentation={search.augmentation!r} but scikit-learn does the work of {what}, and "
            "does not support variants; use a native metric, dense images and kneighbors, or fit "
            "the images that expand() returns"
        )
    params = search.get_params(deep=False)
    for name in ("working_memory", "augmentation", "image_shape"):
        del params[name]
    if once and search.algorithm == "auto":
        params["algorithm"] = "brute"
    return SklearnFallback(rows, params)


def handed_over(search: Any, what: str) -> SklearnFallback:
    """Return scikit-learn's search in the fitted rows, and announce it unless `fit` did."""
    own = search._searcher
    if isinstance(own, SklearnFallback):
        return own
    return hand_over(search, own.rows, what, once=True)


class RadiusNeighborsMixin:
    """Radius queries of `NearestNeighbors`, which scikit-learn answers."""

    radius: float
    n_jobs: int | None

    def radius_neighbors(
        self,
        X: Any = None,
        radius: float | None = None,
        return_distance: bool = True,
        sort_results: bool = False,
    ) -> Any:
        """Find the rows within a radius of each query; scikit-learn does the search.

        Parameters
        ----------
        X : array-like as in `fit`, default=None
            None means leave-one-out.
        radius : float, default=None
            None means the estimator's own parameter.
        return_distance : bool, default=True
        sort_results : bool, default=False
            Sort the rows of each query by distance.

        Returns
        -------
        distances : ndarray of shape (n_queries,) of float arrays
            Only with `return_distance`.
        indices : ndarray of shape (n_queries,) of integer arrays

        Raises
        ------
        ValueError, TypeError, NotFittedError
            As `kneighbors`.

        Warns
        -----
        SklearnFallbackWarning
            If the metric is a native one.

        Examples
        --------
        >>> import warnings
        >>> from lookalike import NearestNeighbors
        >>> search = NearestNeighbors().fit([[0], [1], [5]])
        >>> with warnings.catch_warnings(action="ignore"):
        ...     search.radius_neighbors([[4]], 3, return_distance=False)
        array([array([1, 2])], dtype=object)
        """
        return self._search_radius(
            "radius_neighbors",
            X,
            radius,
            return_distance=return_distance,
            sort_results=sort_results,
        )

    def radius_neighbors_graph(
        self,
        X: Any = None,
        radius: float | None = None,
        mode: str = "connectivity",
        sort_results: bool = False,
    ) -> Any:
        """Return the rows within a radius as a sparse graph; scikit-learn does the search.

        Parameters
        ----------
        X, radius, sort_results
            As in `radius_neighbors`.
        mode : {"connectivity", "distance"}, default="connectivity"

        Returns
        -------
        graph : CSR matrix of shape (n_queries, n_samples_fit)

        Raises
        ------
        ValueError, TypeError, NotFittedError
            As `radius_neighbors`, or if `mode` is unknown.

        Warns
        -----
        SklearnFallbackWarning
            If the metric is a native one.
        """
        return self._search_radius(
            "radius_neighbors_graph", X, radius, mode=mode, sort_results=sort_results
        )

    def _search_radius(self, method: str, X: Any, radius: float | None, **options: Any) -> Any:
        check_is_fitted(self)
        search: Any = self
        queries = None if X is None else search._validate_like_fitted(X)
        searcher = handed_over(self, method).on_threads(count_threads(self.n_jobs))
        return getattr(searcher, method)(
            queries, self.radius if radius is None else radius, **options
        )
