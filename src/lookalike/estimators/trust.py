"""How far a prediction can be trusted: is the next class much farther away than the winning one?

The share of votes says little where all neighbours agree, as they do for nine digits of ten. The
trust score [1]_ goes on: the distance to the nearest training image of any other class by that to
the nearest one of the predicted class. Nearest unlike neighbours were used for this first in [2]_.

References
----------
.. [1] Jiang, Kim, Guan, Gupta, "To trust or not to trust a classifier", NeurIPS 2018.
.. [2] Dasarathy, "Nearest unlike neighbor (NUN): an aid to decision confidence estimation",
   Optical Engineering 34, 1995.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.weights import vote_weights
from lookalike.search.table import Neighbors

FloatArray = NDArray[np.float64]
Progress = Callable[[int, int], None]

N_NEIGHBORS = 50
"""Neighbours among which the nearest of another class is looked for."""


class Trusted(NamedTuple):
    """Predictions, and how far each can be trusted.

    Attributes
    ----------
    predicted : ndarray of shape (n,)
    trust : ndarray of shape (n,), float64
        At least 0; 1 where both classes are as near.
    """

    predicted: NDArray[Any]
    trust: FloatArray


def trust_scores(
    distances: FloatArray, labels: NDArray[Any], predicted: NDArray[Any]
) -> FloatArray:
    """Return the distance to the nearest other class by that to the predicted one.

    Parameters
    ----------
    distances : ndarray of shape (n, n_neighbors), float64, ascending
    labels : ndarray of shape (n, n_neighbors)
        Labels of the neighbours.
    predicted : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,), float64
        Where no neighbour is of another class, the last distance stands for that class's: a lower
        bound. The largest float64 where only the predicted class is at distance 0, and 1 where
        both are; 0 where no neighbour is of the predicted class.

    Examples
    --------
    >>> distances = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    >>> trust_scores(distances, np.array([[5, 5, 3], [5, 5, 5]]), np.array([5, 5]))
    array([3., 3.])
    """
    same = labels == predicted[:, np.newaxis]
    own = np.min(distances, axis=1, where=same, initial=np.inf)
    other = np.min(distances, axis=1, where=~same, initial=np.inf)
    other = np.minimum(other, distances[:, -1])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.minimum(other / own, np.finfo(np.float64).max)
    scores: FloatArray = np.where(own == other, 1.0, ratios)
    return np.where(same.any(axis=1), scores, 0.0)


def predict_with_trust(
    classifier: KNeighborsClassifier,
    X: Any,
    *,
    n_neighbors: int = N_NEIGHBORS,
    exclude: Any = None,
    progress: Progress | None = None,
) -> Trusted:
    """Predict images, and say how far each prediction can be trusted, by one search.

    Parameters
    ----------
    classifier : KNeighborsClassifier, fitted, of one label each and without rejection
    X : array-like of shape (n, n_features) or (n, h, w[, c]), or None
        None predicts every training image from the others.
    n_neighbors : int, default=50
        Among which another class is looked for; as many as there are, if these are fewer.
    exclude : array-like, optional
        Groups whose members are never each other's neighbours, as of
        `NearestNeighbors.kneighbors`.
    progress : callable, optional
        Called as ``progress(done, total)`` with images searched.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(1).fit([[0.0], [1.0], [9.0]], ["low", "low", "high"])
    >>> predict_with_trust(knn, [[2.0], [6.0]])
    Trusted(predicted=array(['low', 'high'], dtype='<U4'), trust=array([7.        , 1.66666667]))
    """
    k, n_left = classifier.n_neighbors, classifier.n_samples_fit_ - (X is None)
    if exclude is not None:
        n_left = classifier.n_samples_fit_ - int(np.unique(exclude, return_counts=True)[1].max())
    most = max(k, min(n_neighbors, n_left))
    distances, indices = classifier.kneighbors(X, most, exclude=exclude, progress=progress)
    near = Neighbors(indices[:, :k], distances[:, :k])
    weights = vote_weights(
        near.distances, near.indices, classifier.weights, classifier._row_weights()
    )
    predicted = classifier._read(near, weights)
    return Trusted(predicted, trust_scores(distances, classifier._y[indices], predicted))
