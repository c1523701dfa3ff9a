"""The neighbour table that all searches return."""

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
