"""The hardest images of a class, and the training images that speak for it and against it.

An image is hard if its own class had a small share of the vote. A training image is typical of its
class if it is a neighbour of many images of that class, and misleading if it is a neighbour of many
images of other classes: good and bad hubs [1]_. All are read off one explanation.

References
----------
.. [1] Radovanović, Nanopoulos, Ivanović, "Hubs in space: popular nearest neighbors in
   high-dimensional data", Journal of Machine Learning Research 11, 2010.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.mistakes import true_margins


class Occurrences(NamedTuple):
    """How often each training image is a neighbour.

    Attributes
    ----------
    good : ndarray of shape (n_train,), int64
        How often it is a neighbour of queries of its own class.
    bad : ndarray of shape (n_train,), int64
        How often it is a neighbour of queries of other classes.
    """

    good: NDArray[np.int64]
    bad: NDArray[np.int64]


def hardest(
    explanation: Explanation, labels: NDArray[np.int64], label: int, n: int
) -> NDArray[np.int64]:
    """Return the images of a class that are hardest to classify.

    Parameters
    ----------
    explanation : Explanation of n_queries queries, of one label each
    labels : ndarray of shape (n_queries,), int64
        The true labels.
    label : int
        The class.
    n : int
        How many, at most.

    Returns
    -------
    ndarray of shape (up to n,), int64
        They have the lowest `true_margins`; among equal ones the first is the farthest from its
        nearest neighbour, for it has no lookalike.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(1).fit([[0], [4], [9]], [0, 1, 0])
    >>> hardest(knn.explain([[0], [5], [7], [2]]), np.array([0, 0, 0, 0]), 0, 2)
    array([1, 2])
    """
    rows = np.flatnonzero(labels == label)
    # Rounded, since equal votes may differ in the last bit.
    margins = true_margins(explanation, labels)[rows].round(9)
    return rows[np.lexsort((-explanation.distances[rows, 0], margins))[:n]]


def count_occurrences(
    explanation: Explanation, labels: NDArray[np.int64], n_train: int
) -> Occurrences:
    """Count how often each training image is a neighbour of its own class, and of others.

    Parameters
    ----------
    explanation, labels
        As for `hardest`.
    n_train : int
        Training images.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(2).fit([[0], [4], [9]], [0, 1, 1])
    >>> count_occurrences(knn.explain([[1], [8]]), np.array([0, 1]), 3)
    Occurrences(good=array([1, 1, 1]), bad=array([0, 1, 0]))
    """
    same = explanation.labels == np.asarray(labels)[:, np.newaxis]
    return Occurrences(
        np.bincount(explanation.indices[same], minlength=n_train),
        np.bincount(explanation.indices[~same], minlength=n_train),
    )


def most_typical(
    occurrences: Occurrences, train_labels: NDArray[np.int64], label: int, n: int
) -> NDArray[np.int64]:
    """Return the training images of a class that are most often neighbours of their own class.

    The number of times that they are neighbours of other classes is subtracted; among equal ones
    the lower row comes first.

    Parameters
    ----------
    occurrences : Occurrences
    train_labels : ndarray of shape (n_train,), int64
    label, n : int
        The class, and how many rows at most.

    Returns
    -------
    ndarray of shape (up to n,), int64
        Fewer than n where fewer are neighbours at all.

    Examples
    --------
    >>> seen = Occurrences(np.array([2, 0, 5]), np.array([0, 1, 1]))
    >>> most_typical(seen, np.array([0, 0, 0]), 0, 5)
    array([2, 0])
    """
    return _first(np.where(train_labels == label, occurrences.good - occurrences.bad, 0), n)


def most_misleading(occurrences: Occurrences, n: int) -> NDArray[np.int64]:
    """Return the training images most often neighbours of other classes, less of their own.

    Only images that are neighbours of other classes more often than of their own are returned, up
    to n.

    Examples
    --------
    >>> most_misleading(Occurrences(np.array([2, 0, 0]), np.array([1, 1, 3])), 5)
    array([2, 1])
    """
    return _first(occurrences.bad - occurrences.good, n)


def _first(balance: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return up to n rows of the highest positive balance, among equal ones the lower row first."""
    rows = np.flatnonzero(balance > 0)
    return rows[np.argsort(-balance[rows], kind="stable")[:n]]
