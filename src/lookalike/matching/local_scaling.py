"""Local scaling: distances relative to the local density of training images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.search.neighbors import Neighbors

FloatArray = NDArray[np.float64]

N_LOCAL = 3
"""Number of neighbours whose mean distance measures the local density."""

_LEAST = 0.1
"""Least radius relative to the mean, so that the radius of a duplicated image is not 0."""


def local_radii(distances: FloatArray, unit: float | None = None) -> FloatArray:
    """Return the local radii of training images, relative to the mean radius.

    Parameters
    ----------
    distances : ndarray of shape (n, at least 1)
        Distances of each training image to its nearest other ones, ascending; three are used.
    unit : float, default=None
        The mean radius of a larger set (`mean_radius`); None means that of these images.

    Returns
    -------
    ndarray of shape (n,)
        At least 0.1; all 1 if every distance is 0.

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
    return np.maximum(_own_radii(distances) / unit, _LEAST)


def mean_radius(distances: FloatArray) -> float:
    """Return the mean radius; `distances` as in `local_radii`."""
    return float(_own_radii(distances).mean())


def _own_radii(distances: FloatArray) -> FloatArray:
    radii: FloatArray = np.sort(distances, axis=1)[:, :N_LOCAL].mean(axis=1)
    return radii


def scale_locally(
    table: Neighbors, radii: FloatArray, power: float, *, n_threads: int = 1
) -> Neighbors:
    """Divide each distance of a table by a power of its training image's radius, and sort.

    Ties are ordered by training row. For squared distances give twice the power.

    Examples
    --------
    >>> table = Neighbors(np.array([[0, 1]]), np.array([[1.0, 1.2]]))
    >>> scale_locally(table, np.array([0.5, 1.5]), 1).indices
    array([[1, 0]])
    """
    return rescale(table, radii ** -float(power), n_threads=n_threads)


def rescale(table: Neighbors, factors: FloatArray, *, n_threads: int = 1) -> Neighbors:
    """Multiply each distance of a table by the factor of its training image, and sort."""
    indices, distances = np.empty_like(table.indices), np.empty_like(table.distances)
    _core.rescale_table(
        table.indices,
        table.distances,
        factors=factors,
        out_indices=indices,
        out_distances=distances,
        n_threads=n_threads,
    )
    return Neighbors(indices, distances)
