"""Local scaling: distances relative to the local density of training images."""

from __future__ import annotations

import numpy as np

from lookalike import _core
from lookalike.array_types import FloatArray
from lookalike.search.neighbors import Neighbors

N_LOCAL = 3
"""Number of neighbours whose mean distance measures the local density."""

_LEAST = 0.1
"""Least radius relative to the mean, so that the radius of a duplicated image is not 0."""


def local_radii(distances: FloatArray, unit: float | None = None) -> FloatArray:
    """Return the local radii of training images, relative to the mean radius.

    They come from the distances of each image to its nearest other ones, of which the three least
    are used. `unit` is the mean radius (`mean_radius`), by default of these images. The radii are
    at least 0.1, and all 1 if every distance is 0.

    References
    ----------
    Zelnik-Manor, Perona, "Self-tuning spectral clustering", NIPS 2004.

    Examples
    --------
    >>> local_radii(np.array([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]]))
    array([0.5, 1.5])
    """
    if unit is None:
        unit = mean_radius(distances)
    if not unit > 0:
        return np.ones(len(distances))
    return np.maximum(_radii(distances) / unit, _LEAST)


def mean_radius(distances: FloatArray) -> float:
    """Return the mean radius; `distances` as in `local_radii`."""
    return float(_radii(distances).mean())


def _radii(distances: FloatArray) -> FloatArray:
    return np.asarray(np.sort(distances, axis=1)[:, :N_LOCAL].mean(axis=1))


def rescale(table: Neighbors, factors: FloatArray, *, n_threads: int = 1) -> Neighbors:
    """Multiply each distance of a table by the factor of its training image, and sort.

    Local scaling divides by a power of the local radii; for squared distances that is twice the
    power. Ties are ordered by training row.

    Examples
    --------
    >>> table, radii = Neighbors(np.array([[0, 1]]), np.array([[1.0, 1.2]])), np.array([0.5, 1.5])
    >>> rescale(table, radii**-1.0).indices
    array([[1, 0]])
    """
    indices, distances = np.empty_like(table.indices), np.empty_like(table.distances)
    _core.rescale_table(
        *table[:2],
        factors=factors,
        out_indices=indices,
        out_distances=distances,
        n_threads=n_threads,
    )
    return Neighbors(indices, distances)
