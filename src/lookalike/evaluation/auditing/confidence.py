"""Which labels are likely wrong, and how many: self-confidence and the confident joint.

What neighbours vote for an image that is left out is a probability of each class that the image's
own label had no part in. Confident learning [1]_ reads wrong labels off such probabilities: an
image is confidently of class j if its share of j is no less than the mean share of j among the
images labelled j. The confident joint counts images by their given label and the class they are
confidently of; off its diagonal stand the likely wrong ones.

References
----------
.. [1] Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels",
   Journal of Artificial Intelligence Research 70, 2021.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# As cleanlab: means of equal shares must not fall above them by rounding, and a class whose images
# have no share of it at all must not be what every image is confidently of.
_ROUNDING = 1e-6
_LEAST_THRESHOLD = 2 * _ROUNDING


class ConfidentJoint(NamedTuple):
    """Images counted by given label and by the class they are confidently of.

    Attributes
    ----------
    counts : ndarray of shape (n_classes, n_classes), int64
        Row: the given label. The diagonal is at least 1. Images that are confidently of no class
        are not counted.
    thresholds : ndarray of shape (n_classes,), float64
        The share from which on an image is confidently of a class.
    classes : ndarray of shape (n,), int64
        The class that each image is confidently of, of several the one with the largest share;
        -1 where it is of none.
    """

    counts: IntArray
    thresholds: FloatArray
    classes: IntArray

    def estimate(self, labels: IntArray) -> FloatArray:
        """Return the estimated joint distribution of given and true labels, summing to 1.

        Each row is scaled to the share of the images that have its label , as [1]_ does.

        Parameters
        ----------
        labels : ndarray of shape (n,), int64
            The given labels, as codes.
        """
        n_given = np.bincount(labels, minlength=len(self.counts))
        rows = self.counts / self.counts.sum(axis=1, keepdims=True) * n_given[:, np.newaxis]
        joint: FloatArray = rows / rows.sum()
        return joint


def count_votes(neighbor_labels: IntArray, n_classes: int) -> IntArray:
    """Count the neighbours of each class.

    Parameters
    ----------
    neighbor_labels : ndarray of shape (n, k), int64
        Codes from 0 to n_classes - 1.
    n_classes : int

    Returns
    -------
    ndarray of shape (n, n_classes), int64

    Examples
    --------
    >>> count_votes(np.array([[0, 2, 2]]), 3)
    array([[1, 0, 2]])
    """
    n = len(neighbor_labels)
    cells = neighbor_labels + np.arange(n)[:, np.newaxis] * n_classes
    return np.bincount(cells.ravel(), minlength=n * n_classes).reshape(n, n_classes)


def suggest_classes(neighbor_labels: IntArray, labels: IntArray, votes: IntArray) -> IntArray:
    """Return the class of most neighbours of each image, its own left out.

    Parameters
    ----------
    neighbor_labels : ndarray of shape (n, k), int64
        Nearest first.
    labels : ndarray of shape (n,), int64
        The given ones.
    votes : ndarray of shape (n, n_classes), int64
        The neighbours counted by class.

    Returns
    -------
    ndarray of shape (n,), int64
        Of equally frequent classes that of the nearest; the given one where there is no other.

    Examples
    --------
    >>> neighbor_labels = np.array([[2, 1, 1, 2], [0, 0, 0, 0]])
    >>> suggest_classes(neighbor_labels, np.array([0, 0]), count_votes(neighbor_labels, 3))
    array([2, 0])
    """
    scores = np.take_along_axis(votes, neighbor_labels, axis=1)
    scores[neighbor_labels == labels[:, np.newaxis]] = 0
    best = scores.argmax(axis=1)[:, np.newaxis]  # the first, and so the nearest, of equals
    suggested: IntArray = np.take_along_axis(neighbor_labels, best, axis=1)[:, 0]
    return suggested


def count_confident_joint(labels: IntArray, shares: FloatArray) -> ConfidentJoint:
    """Count the confident joint of given labels and the shares of each class.

    Parameters
    ----------
    labels : ndarray of shape (n,), int64
        Given labels as codes; every class has at least one image.
    shares : ndarray of shape (n, n_classes), float64
        Probabilities that the image's own label had no part in.

    Returns
    -------
    ConfidentJoint

    Examples
    --------
    >>> shares = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [1, 0]])
    >>> count_confident_joint(np.array([0, 0, 1, 1, 1]), shares).counts
    array([[1, 0],
           [1, 2]])
    """
    n, n_classes = shares.shape
    own = shares[np.arange(n), labels]
    means = np.bincount(labels, own, minlength=n_classes) / np.bincount(labels, minlength=n_classes)
    thresholds = np.maximum(means, _LEAST_THRESHOLD)
    is_confident = shares >= thresholds - _ROUNDING
    # The largest share of all is meant, as in cleanlab, which may be of a class not confident.
    several = is_confident.sum(axis=1) > 1
    classes = np.where(several, shares.argmax(axis=1), is_confident.argmax(axis=1))
    classes[~is_confident.any(axis=1)] = -1
    counted = classes >= 0
    cells = labels[counted] * n_classes + classes[counted]
    counts = np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)
    np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
    return ConfidentJoint(counts, thresholds, classes)


def rank_by_suspicion(
    own_votes: IntArray, is_own: NDArray[np.bool_], distances: FloatArray
) -> IntArray:
    """Return all images, those with the most suspicious labels first.

    First those that the fewest of the voting neighbours agree with. Among equals those first whose
    nearest image of another label is nearest, as a multiple of the distance of the nearest of their
    own; where none of the one or the other is among the neighbours, it is as far as the last.

    Parameters
    ----------
    own_votes : ndarray of shape (n,), int64
        Voting neighbours of the image's own label.
    is_own : ndarray of shape (n, width), bool
        Which neighbours have the image's own label; more of them than vote tell ties apart better.
    distances : ndarray of shape (n, width), float64
        Nearest first.

    Returns
    -------
    ndarray of shape (n,), int64

    Examples
    --------
    >>> is_own = np.array([[True, False], [False, True], [True, True]])
    >>> rank_by_suspicion(np.array([1, 1, 2]), is_own, np.array([[1.0, 2], [1, 2], [1, 2]]))
    array([1, 0, 2])
    """
    nearest_own = _first_distance(is_own, distances)
    nearest_other = _first_distance(~is_own, distances)
    # Where both are 0, copies under two labels, neither is nearer.
    ratio = np.ones(len(distances))
    np.divide(nearest_other, nearest_own, out=ratio, where=nearest_own > 0)
    ratio[(nearest_own == 0) & (nearest_other > 0)] = np.inf
    return np.lexsort((ratio, own_votes))


def _first_distance(wanted: NDArray[np.bool_], distances: FloatArray) -> FloatArray:
    rows = np.arange(len(distances))
    found: FloatArray = distances[rows, wanted.argmax(axis=1)]
    return np.where(wanted.any(axis=1), found, distances[:, -1])
