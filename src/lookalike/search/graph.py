"""Neighbours as a sparse graph, as scikit-learn's transformers and clusterers expect them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.utils.validation import check_is_fitted


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
