"""The neighbour table: the one structure that everything produces, refines or reads."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Neighbors(NamedTuple):
    """The nearest training rows of each query, nearest first.

    Rows are ordered by (distance, index): of two training rows at the same distance
    the one with the lower index comes first.

    Attributes
    ----------
    indices : ndarray of shape (n_queries, n_neighbors), int64
        Training rows.
    distances : ndarray of shape (n_queries, n_neighbors), float64
        Their distances, in the unit of the metric.
    variants : ndarray of shape (n_queries, n_neighbors), int64, or None
        Where training rows also stand as variants of themselves: which of them it is, 0 the row
        as it is. Then rows are ordered by (distance, variant, index).
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    variants: NDArray[np.int64] | None = None
