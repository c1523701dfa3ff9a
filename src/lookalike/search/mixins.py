"""Methods of `NearestNeighbors` for sparse graphs and radius queries.

Scikit-learn answers radius queries: the native index only finds nearest rows.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.utils.validation import check_is_fitted

from lookalike.search.machine import count_threads
from lookalike.search.sklearn_fallback import SklearnFallback


class NeighborsGraphMixin:
    """`kneighbors_graph` of `NearestNeighbors`."""

    augmentation: Any

    def kneighbors_graph(
        self, X: Any = None, n_neighbors: int | None = None, mode: str = "connectivity"
    ) -> Any:
        """Return the nearest rows of each query as a sparse graph.

        Parameters
        ----------
        X, n_neighbors
            As in `kneighbors`.
        mode : {"connectivity", "distance"}, default="connectivity"
            Value of an edge: 1, or the distance.

        Returns
        -------
        graph : CSR matrix of shape (n_queries, n_samples_fit), float64
            `graph[i, j]` is the edge from query i to row j; distances of 0 are stored.

        Raises
        ------
        ValueError, TypeError, NotFittedError
            As `kneighbors`, or if `mode` is unknown.
        """
        check_is_fitted(self)
        if mode not in ("connectivity", "distance"):
            raise ValueError(
                'Unsupported mode, must be one of "connectivity", or "distance" but got '
                f'"{mode}" instead'
            )
        if self.augmentation is not None:
            raise ValueError(
                f"augmentation={self.augmentation!r} but a graph has only one edge from a query to "
                "a row, which may be its neighbour in several variants; use kneighbors, or fit the "
                "images that expand() returns"
            )
        fitted: Any = copy.copy(self)  # its rows stay if another thread changes self
        distances, indices = fitted.kneighbors(X, n_neighbors)
        data = distances if mode == "distance" else np.ones_like(distances)
        n_queries, k = indices.shape
        # scikit-learn's releases differ in which of SciPy's two interfaces they return.
        as_array = get_config().get("sparse_interface") == "sparray"
        return (sparse.csr_array if as_array else sparse.csr_matrix)(
            (data.ravel(), indices.ravel(), np.arange(0, n_queries * k + 1, k)),
            shape=(n_queries, fitted.n_samples_fit_),
        )


class RadiusNeighborsMixin:
    """`radius_neighbors` and its graph for `NearestNeighbors`."""

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
        queries = None if X is None else self._validate_like_fitted(X)
        searcher = self._hand_over(method).on_threads(count_threads(self.n_jobs))
        radius = self.radius if radius is None else radius
        return getattr(searcher, method)(queries, radius, **options)

    def _validate_like_fitted(self, X: Any) -> Any:
        raise NotImplementedError

    def _hand_over(self, what: str) -> SklearnFallback:
        raise NotImplementedError
