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

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics.intervals import share_interval

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# As cleanlab: means of equal shares must not fall above them by rounding, and a class whose images
# have no share of it at all must not be what every image is confidently of.
_ROUNDING = 1e-6
_LEAST_THRESHOLD = 2 * _ROUNDING


@dataclass(frozen=True)
class LabelIssue:
    """An image whose label is likely wrong.

    Attributes
    ----------
    row : int
    given, suggested : object
        Its label, and the one that its neighbours have.
    self_confidence : float
        The share of its neighbours with the given label, from 0 to 1.
    suggested_share : float
        The share with the suggested one.
    """

    row: int
    given: Any
    suggested: Any
    self_confidence: float
    suggested_share: float


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

        Each row is scaled to the share of the images that have its label, as [1]_ does.

        Parameters
        ----------
        labels : ndarray of shape (n,), int64
            The given labels, as codes.
        """
        n_given = np.bincount(labels, minlength=len(self.counts))
        rows = self.counts / self.counts.sum(axis=1, keepdims=True) * n_given[:, np.newaxis]
        joint: FloatArray = rows / rows.sum()
        return joint


def count_votes(neighbor_labels: IntArray) -> IntArray:
    """Count, for each neighbour of an image, the neighbours with the same label as that one.

    Classes that no neighbour has have no vote, and no place here either: a count of every class
    would be far larger than the table where there are many classes.

    Parameters
    ----------
    neighbor_labels : ndarray of shape (n, k), int64
        Codes.

    Returns
    -------
    ndarray of shape (n, k), int64
        From 1 to k.

    Examples
    --------
    >>> count_votes(np.array([[2, 0, 2]]))
    array([[2, 1, 2]])
    """
    order = np.argsort(neighbor_labels, axis=1, kind="stable")
    ordered = np.take_along_axis(neighbor_labels, order, axis=1)
    is_first = np.ones(ordered.shape, dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=is_first[:, 1:])
    runs = np.cumsum(is_first.ravel()) - 1
    votes = np.empty_like(neighbor_labels)
    np.put_along_axis(votes, order, np.bincount(runs)[runs].reshape(ordered.shape), axis=1)
    return votes


def suggest_classes(neighbor_labels: IntArray, labels: IntArray, votes: IntArray) -> IntArray:
    """Return the class of most neighbours of each image, its own left out.

    Parameters
    ----------
    neighbor_labels : ndarray of shape (n, k), int64
        Nearest first.
    labels : ndarray of shape (n,), int64
        The given ones.
    votes : ndarray of shape (n, k), int64
        How many of the neighbours have the label of each.

    Returns
    -------
    ndarray of shape (n,), int64
        The nearest neighbour decides between equally frequent classes; the given class, where there
        is no other.

    Examples
    --------
    >>> neighbor_labels = np.array([[2, 1, 1, 2], [0, 0, 0, 0]])
    >>> suggest_classes(neighbor_labels, np.array([0, 0]), count_votes(neighbor_labels))
    array([2, 0])
    """
    scores = np.where(neighbor_labels == labels[:, np.newaxis], 0, votes)
    best = scores.argmax(axis=1)[:, np.newaxis]  # the first, and so the nearest, of equals
    suggested: IntArray = np.take_along_axis(neighbor_labels, best, axis=1)[:, 0]
    return suggested


def count_confident_joint(
    labels: IntArray, neighbor_labels: IntArray, votes: IntArray, n_classes: int
) -> ConfidentJoint:
    """Count the confident joint of given labels and the shares of each class.

    The shares, the probabilities of [1]_, are those of the votes. A class that no neighbour has has
    none, and nothing is confidently of it.

    Parameters
    ----------
    labels : ndarray of shape (n,), int64
        Given labels as codes; every class has at least one image.
    neighbor_labels : ndarray of shape (n, k), int64
        Votes of neighbours other than the image itself.
    votes : ndarray of shape (n, k), int64
        How many of the neighbours have the label of each.
    n_classes : int

    Returns
    -------
    ConfidentJoint

    Examples
    --------
    >>> neighbor_labels = np.array([[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]])
    >>> votes = count_votes(neighbor_labels)
    >>> count_confident_joint(np.array([0, 0, 1, 1, 1]), neighbor_labels, votes, 2).counts
    array([[1, 1],
           [1, 2]])
    """
    shares = votes / votes.shape[1]
    own = (neighbor_labels == labels[:, np.newaxis]).mean(axis=1)
    means = np.bincount(labels, own, minlength=n_classes) / np.bincount(labels, minlength=n_classes)
    thresholds = np.maximum(means, _LEAST_THRESHOLD)
    is_confident = shares >= thresholds[neighbor_labels] - _ROUNDING
    first = np.where(is_confident, neighbor_labels, n_classes).min(axis=1)
    last = np.where(is_confident, neighbor_labels, -1).max(axis=1)  # -1 if of no class
    # The largest share of all is meant, as in cleanlab, which may be of a class not confident; of
    # several such the first class.
    is_largest = votes == votes.max(axis=1, keepdims=True)
    largest = np.where(is_largest, neighbor_labels, n_classes).min(axis=1)
    classes = np.where(first < last, largest, last)
    counted = classes >= 0
    cells = labels[counted] * n_classes + classes[counted]
    counts = np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)
    np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
    return ConfidentJoint(counts, thresholds, classes)


def vote_accuracy(neighbor_labels: IntArray, labels: IntArray, votes: IntArray) -> float:
    """Return the share of images whose neighbours vote for their label.

    Where classes have equally many votes, that of the nearest neighbour counts.

    Parameters
    ----------
    neighbor_labels, labels, votes
        As of `suggest_classes`.

    Examples
    --------
    >>> neighbor_labels = np.array([[2, 1, 1], [0, 1, 2]])
    >>> vote_accuracy(neighbor_labels, np.array([1, 2]), count_votes(neighbor_labels))
    0.5
    """
    best = votes.argmax(axis=1)
    return float((neighbor_labels[np.arange(len(labels)), best] == labels).mean())


def strong_evidence(
    neighbor_labels: IntArray, labels: IntArray, votes: IntArray, least: float
) -> NDArray[np.bool_]:
    """Tell which labels the neighbours contradict in such a way as is right nearly always.

    Where neighbours often err, their majority says little, but agreement on some classes may still
    say much. An image's label is contradicted strongly if none of its neighbours has it, and of the
    images with at least as many votes for the same class the lower end of Wilson's 95 % interval of
    the share that is labelled so is at least ``least``.

    Parameters
    ----------
    neighbor_labels, labels, votes
        As of `suggest_classes`.
    least : float

    Returns
    -------
    ndarray of shape (n,), bool
    """
    rows = np.arange(len(labels))
    best = votes.argmax(axis=1)
    classes, counts = neighbor_labels[rows, best], votes[rows, best]
    is_strong = np.zeros(len(labels), dtype=bool)
    for label in np.unique(classes).tolist():
        of_class = classes == label
        for count in np.unique(counts[of_class]).tolist():
            agreeing = of_class & (counts >= count)
            n_right = int((labels[agreeing] == label).sum())
            if share_interval(n_right, int(agreeing.sum()))[0] >= least:
                is_strong |= agreeing
    is_strong &= ~(neighbor_labels == labels[:, np.newaxis]).any(axis=1)
    return is_strong


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


def list_issues(
    given: NDArray[Any],
    suggested: NDArray[Any],
    own_shares: FloatArray,
    suggested_shares: FloatArray,
    first: IntArray,
) -> list[LabelIssue]:
    """Return label issues: images whose neighbours have another label more often than their own.

    Parameters
    ----------
    given, suggested : ndarray of shape (n,)
        The labels, and those that most neighbours have.
    own_shares, suggested_shares : ndarray of shape (n,), float64
        The shares of neighbours that have them.
    first : ndarray of shape (n_looked_at,), int64
        The rows to look at, in the order of the issues.
    """
    rows = first[suggested_shares[first] > own_shares[first]]
    columns = (rows, given[rows], suggested[rows], own_shares[rows], suggested_shares[rows])
    return [LabelIssue(*fields) for fields in zip(*(c.tolist() for c in columns), strict=True)]
