"""Distances relative to how far apart training images lie locally."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.search.table import Neighbors

FloatArray = NDArray[np.float64]

N_LOCAL = 3
"""Neighbours whose mean distance tells how densely an image is surrounded."""

_LEAST = 0.1
"""Of the mean: a duplicated image is not infinitely densely surrounded."""


def local_radii(distances: FloatArray, unit: float | None = None) -> FloatArray:
    """Return how far training images have their likes, relative to the mean of all.

    Parameters
    ----------
    distances : ndarray of shape (n, at least 1)
        Of each training image to its nearest other ones, ascending; the first three count.
    unit : float, default=None
        The mean, if others count too (`mean_radius`); None for that of these.

    Returns
    -------
    ndarray of shape (n,)
        At least 0.1; all 1 where every distance is 0.

    References
    ----------
    Zelnik-Manor, Perona, "Self-tuning spectral clustering", NIPS 2004: the idea of local scaling.

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
    """Return what radii are relative to; `distances` as `local_radii` takes them."""
    return float(_own_radii(distances).mean())


def _own_radii(distances: FloatArray) -> FloatArray:
    radii: FloatArray = np.sort(distances, axis=1)[:, :N_LOCAL].mean(axis=1)
    return radii


def scale_locally(
    table: Neighbors, radii: FloatArray, power: float, *, n_threads: int = 1
) -> Neighbors:
    """Refine a table: divide each distance by a power of its training image's radius.

    Of equal ones the lower training row comes first. Squared distances take twice the power.

    Examples
    --------
    >>> table = Neighbors(np.array([[0, 1]]), np.array([[1.0, 1.2]]))
    >>> scale_locally(table, np.array([0.5, 1.5]), 1).indices
    array([[1, 0]])
    """
    return rescale(table, radii ** -float(power), n_threads=n_threads)


def rescale(table: Neighbors, factors: FloatArray, *, n_threads: int = 1) -> Neighbors:
    """Refine a table: multiply each distance by the factor of its training image."""
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
