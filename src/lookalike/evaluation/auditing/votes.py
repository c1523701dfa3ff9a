"""What the votes of an image's neighbours tell: wrong labels, and the worth of each image.

What neighbours vote for an image that is left out is a probability of each class that the image's
own label had no part in. Confident learning [1]_ reads wrong labels off such probabilities: an
image is confidently of class j if its share of j is no less than the mean share of j among the
images labelled j. The confident joint counts images by their given label and the class they are
confidently of; off its diagonal stand the likely wrong ones.

The worth of an image is its exact k-NN Shapley value. The game [2]_: images come together in every
order there is, and each is paid by how much more of the query's vote is right once it has joined.
The vote of a set S is::

    v(S) = 1/k * (how many of the min(k, |S|) nearest of S have the query's label)

With the rows in order of distance, 1_i telling whether the i-th nearest of N has the query's
label, and s_i its Shapley value, Theorem 1 of [2]_ is a recurrence from the farthest row::

    s_N = 1_N * min(k, N) / (k N)
    s_i = s_(i+1) + (1_i - 1_(i+1)) * min(k, i) / (k i)

(The paper has 1_N / N, which takes N to be at least k.) All s_i of one query sum to v of all rows.
An image's value is the mean of its s over the queries.

Theorem 2: with the recurrence begun by s = 0 at rank K* >= k, and 0 for all rows farther than
that, no value is off by more than 1 / K*.

That is far more than most images are worth, which share what a whole class earns. Truncated values
tell who misleads, less what an image is worth: of 6,000 images of MNIST the 300 with the lowest
exact values have 70 % in common with the 300 lowest by K* = 100, 96 % with those by K* = 1,000.

In all functions ``neighbor_labels`` of shape (n, k) are the labels of each image's neighbours as
codes, nearest first, and ``votes`` of the same shape are what `count_votes` makes of them.

References
----------
.. [1] Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels",
   Journal of Artificial Intelligence Research 70, 2021.
.. [2] Jia, Dao, Wang, Hubis, Gurel, Li, Zhang, Spanos, Song, "Efficient task-specific data
   valuation for nearest neighbor algorithms", Proceedings of the VLDB Endowment 12, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.array_types import FloatArray, IntArray
from lookalike.evaluation.metrics.intervals import share_interval

# As cleanlab: means of equal shares must not fall above them by rounding, and a class whose images
# have no share of it at all must not be what every image is confidently of.
_ROUNDING = 1e-6
_LEAST_THRESHOLD = 2 * _ROUNDING

_BATCH_CELLS = 1 << 18  # of the table at a time, so that the work stays in the cache


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


def count_votes(neighbor_labels: IntArray) -> IntArray:
    """Count, for each neighbour of an image, the neighbours with the same label as that one.

    Classes that no neighbour has have no vote, and no place here either: a count of every class
    would be far larger than the table where there are many classes.
    """
    votes = np.zeros_like(neighbor_labels)
    for column in neighbor_labels.T:
        votes += neighbor_labels == column[:, np.newaxis]
    return votes


def suggest_classes(neighbor_labels: IntArray, labels: IntArray, votes: IntArray) -> IntArray:
    """Return the class of most neighbours of each image, its own left out.

    The nearest neighbour decides between equally frequent classes. Where there is no other class,
    it is the given one.
    """
    others = np.where(neighbor_labels == labels[:, np.newaxis], 0, votes)
    return _most_voted(neighbor_labels, others)[0]


def vote_accuracy(neighbor_labels: IntArray, labels: IntArray, votes: IntArray) -> float:
    """Return the share of images whose neighbours vote for their label."""
    return float((_most_voted(neighbor_labels, votes)[0] == labels).mean())


def _most_voted(neighbor_labels: IntArray, votes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the class with the most votes, the nearest of equals, and its votes."""
    at = np.arange(len(votes)), votes.argmax(axis=1)
    return neighbor_labels[at], votes[at]


def count_confident_joint(
    labels: IntArray, neighbor_labels: IntArray, votes: IntArray, n_classes: int
) -> IntArray:
    """Count images by their given label (row) and by the class they are confidently of.

    The shares, the probabilities of [1]_, are those of the votes. A class that no neighbour has has
    none, and nothing is confidently of it. Images that are confidently of no class are not counted.
    The diagonal is at least 1. Every class must be the label of at least one image.
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
    return counts


def estimate_joint(counts: IntArray, labels: IntArray) -> FloatArray:
    """Return the estimated joint distribution of given and true labels from the confident joint.

    Each row is scaled to the share of the images that have its label, as [1]_ does.
    """
    n_given = np.bincount(labels, minlength=len(counts))
    rows = counts / counts.sum(axis=1, keepdims=True) * n_given[:, np.newaxis]
    joint: FloatArray = rows / rows.sum()
    return joint


def strong_evidence(
    neighbor_labels: IntArray, labels: IntArray, votes: IntArray, least: float
) -> NDArray[np.bool_]:
    """Tell which labels the neighbours contradict in such a way as is right nearly always.

    Where neighbours often err, their majority says little, but agreement on some classes may still
    say much. An image's label is contradicted strongly if none of its neighbours has it, and of the
    images with at least as many votes for the same class the lower end of Wilson's 95 % interval of
    the share that is labelled so is at least ``least``.
    """
    classes, counts = _most_voted(neighbor_labels, votes)
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

    First come those that the fewest of the voting neighbours agree with. Among equals those come
    first whose nearest image of another label is nearest, as a multiple of the distance of the
    nearest of their own; where none of the one or the other is among the neighbours, it is as far
    as the last. ``is_own`` says which neighbours have the image's own label, and ``distances`` how
    far they are, both of shape (n, width): more neighbours than vote tell ties apart better.
    """
    nearest_own = _first_distance(is_own, distances)
    nearest_other = _first_distance(~is_own, distances)
    # Where both are 0, copies under two labels, neither is nearer.
    ratio = np.ones(len(distances))
    np.divide(nearest_other, nearest_own, out=ratio, where=nearest_own > 0)
    ratio[(nearest_own == 0) & (nearest_other > 0)] = np.inf
    return np.lexsort((ratio, own_votes))


def rank_by_share(is_own: NDArray[np.bool_], weights: FloatArray) -> IntArray:
    """Return all images, those first of whose neighbours' weighted votes their label has least.

    ``is_own`` says which neighbours have the image's own label, and ``weights`` how much they vote,
    both of shape (n, width).
    """
    shares = (weights * is_own).sum(axis=1) / weights.sum(axis=1)
    order: IntArray = shares.argsort(kind="stable")
    return order


def _first_distance(wanted: NDArray[np.bool_], distances: FloatArray) -> FloatArray:
    found: FloatArray = distances[np.arange(len(distances)), wanted.argmax(axis=1)]
    return np.where(wanted.any(axis=1), found, distances[:, -1])


def knn_shapley(
    indices: IntArray, row_labels: NDArray[Any], query_labels: NDArray[Any], k: int, n_rows: int
) -> FloatArray:
    """Return the k-NN Shapley value of every training image, negative where it misleads.

    ``indices`` of shape (n_queries, width) are training rows, nearest first, of the ``n_rows`` that
    each query was searched among: all images, or all others. With ``width == n_rows`` the values
    are exact, else they are truncated, and `shapley_error_bound` tells how far they may be off.
    """
    n_queries, width = indices.shape
    if n_queries == 0 or len(query_labels) != n_queries:
        raise ValueError(
            f"{n_queries} rows of neighbours and {len(query_labels)} query labels; give one label "
            "for each query, and at least one query"
        )
    if k < 1:
        raise ValueError(f"k={k} is less than 1; let at least one neighbour vote")
    if not min(k, n_rows) <= width <= n_rows:
        raise ValueError(
            f"the table has {width} neighbours of each query but k={k} and n_rows={n_rows}; search "
            f"for {min(k, n_rows)} to {n_rows}"
        )
    ranks = np.arange(1, width + 1)
    weights = np.minimum(k, ranks) / (k * ranks)
    values = np.zeros(len(row_labels))
    batch = max(1, _BATCH_CELLS // width)
    for start in range(0, n_queries, batch):
        rows = indices[start : start + batch]
        is_right = row_labels[rows] == query_labels[start : start + batch, np.newaxis]
        shares = np.zeros(rows.shape)
        np.subtract(is_right[:, :-1], is_right[:, 1:], out=shares[:, :-1], dtype=np.float64)
        if width == n_rows:
            shares[:, -1] = is_right[:, -1]
        shares *= weights
        shares = np.cumsum(shares[:, ::-1], axis=1)[:, ::-1]
        values += np.bincount(rows.ravel(), shares.ravel(), minlength=len(values))
    values /= n_queries
    return values


def shapley_error_bound(width: int, n_rows: int) -> float:
    """Return how far a value by `knn_shapley` may be off at most, in either direction."""
    return 0.0 if width >= n_rows else 1 / width
