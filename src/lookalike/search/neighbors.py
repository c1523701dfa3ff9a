"""The neighbour table that all searches return."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Neighbors(NamedTuple):
    """The nearest training rows of each query, nearest first.

    Rows are ordered by (distance, index): of two training rows at the same distance
    the one with the lower index comes first.

    Attributes
    ----------
    indices : ndarray of shape (n_queries, n_neighbors), int64
        Indices of the training rows.
    distances : ndarray of shape (n_queries, n_neighbors), float64
        Distances in the unit of the metric.
    variants : ndarray of shape (n_queries, n_neighbors), int64, or None
        With augmentation, the number of the variant of each row; 0 is the row itself. Rows
        are then ordered by (distance, variant, index).
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    variants: NDArray[np.int64] | None = None

    def take(self, queries: Any) -> Neighbors:
        """Return the neighbours of some of the queries.

        Examples
        --------
        >>> table = Neighbors(np.array([[0, 4], [2, 3]]), np.array([[1.0, 2.0], [0.5, 3.0]]))
        >>> table.take([1]).indices
        array([[2, 3]])
        """
        variants = None if self.variants is None else self.variants[queries]
        return Neighbors(self.indices[queries], self.distances[queries], variants)

    def first(self, k: int) -> Neighbors:
        """Return the k nearest rows of each query, in new arrays."""
        variants = None if self.variants is None else self.variants[:, :k].copy()
        return Neighbors(self.indices[:, :k].copy(), self.distances[:, :k].copy(), variants)
