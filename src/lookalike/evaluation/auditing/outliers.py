"""Images unlike all others: those whose k-th neighbour is unusually far [1]_.

The usual distance is given by the median of the distances' logarithms, and by their spread above:
the median of what exceeds it, scaled to the standard deviation of a normal distribution [2]_. The
spread below says nothing here, and neither is moved by the outliers themselves.

References
----------
.. [1] Ramaswamy, Rastogi, Shim, "Efficient algorithms for mining outliers from large data sets",
   Proceedings of the ACM SIGMOD, 2000.
.. [2] Iglewicz, Hoaglin, "How to detect and handle outliers", ASQC Quality Press, 1993; Rousseeuw,
   Croux, "Alternatives to the median absolute deviation", Journal of the American Statistical
   Association 88, 1993 (the factor, and the advice for skewed data).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

THRESHOLD = 3.0
"""Standard deviations above the median: 1.3 of 1,000 if the logarithms were normal."""


class Outliers(NamedTuple):
    """Images whose k-th neighbour is unusually far.

    Attributes
    ----------
    rows : ndarray of shape (n_outliers,), int64
        Farthest first.
    distances : ndarray of shape (n,), float64
        The distance from every image to its k-th neighbour.
    cutoff : float
        The distance beyond which an image is an outlier; NaN, with no outlier, where at least half
        of the images have k copies, which leaves no usual distance.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]
    cutoff: float


def find_outliers(distances: NDArray[np.float64]) -> Outliers:
    """Find the images whose k-th neighbour is unusually far.

    Parameters
    ----------
    distances : ndarray of shape (n,), float64, n at least 1
        To the k-th leave-one-out neighbour.

    Returns
    -------
    Outliers

    Examples
    --------
    >>> found = find_outliers(np.array([4.0, 5, 5, 6, 7, 90]))
    >>> found.rows, round(found.cutoff, 1)
    (array([5]), 16.1)
    """
    middle = np.median(distances)
    if middle == 0:
        return Outliers(np.empty(0, dtype=np.int64), distances, float("nan"))
    excess = np.log(distances[distances > middle] / middle)
    spread = np.median(excess) / norm.ppf(0.75) if len(excess) else 0.0
    cutoff = float(middle * np.exp(THRESHOLD * spread))
    rows = np.flatnonzero(distances > cutoff)
    return Outliers(rows[np.argsort(-distances[rows], kind="stable")], distances, cutoff)
