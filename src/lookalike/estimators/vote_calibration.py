"""Probabilities of a k-NN classifier's answers, from how often such answers were right.

The neighbours of nine images of ten agree. Their share of the vote is then 1, right or wrong. The
trust score says more: the distance to the nearest training image of another class, divided by that
to the nearest one of the predicted class. How the share of right answers depends on it is learned
from training images, each of which is left out while it is predicted.

References
----------
Jiang, Kim, Guan, Gupta, "To trust or not to trust a classifier", NeurIPS 2018.
Zadrozny, Elkan, "Transforming classifier scores into accurate multiclass probability estimates",
KDD 2002.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from lookalike.array_types import FloatArray
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.reject_option import search_for_voters, trust_scores

_N_NEIGHBORS = 16  # among which the nearest image of another class is looked for

_LEAST, _MOST = 200, 10_000
"""Least number of training images, and the largest number of those that are left out in turn."""


class VoteCalibration:
    """The share of right answers as a step function of the trust score, which never decreases.

    Parameters
    ----------
    trust : array-like of shape (n_steps,)
        Trust score at which each step begins, ascending.
    right : array-like of shape (n_steps,)
        Share of right answers of each step. Scores below the first step have its share.

    Examples
    --------
    >>> from lookalike import load_dataset
    >>> data = load_dataset("digits")
    >>> knn = KNeighborsClassifier(3).fit(data.train.images, data.train.labels)
    >>> unanimous = data.test.images[[163, 165]]
    >>> knn.predict_proba(unanimous).max(axis=1)
    array([1., 1.])
    >>> VoteCalibration.learn(knn).probabilities(knn, unanimous).max(axis=1).round(2)
    array([1.  , 0.85])
    """

    def __init__(self, trust: ArrayLike, right: ArrayLike) -> None:
        self.trust, self.right = np.asarray(trust, np.float64), np.asarray(right, np.float64)
        if self.trust.ndim != 1 or not self.trust.size or self.trust.shape != self.right.shape:
            raise ValueError(
                f"trust has shape {self.trust.shape} and right {self.right.shape}; give one share "
                "for each of at least one step"
            )

    @staticmethod
    def can_learn(classifier: Any) -> bool:
        """Return whether it is a k-NN classifier of at least 200 images, all of which may vote."""
        return (
            isinstance(classifier, KNeighborsClassifier)
            and classifier.n_samples_fit_ >= max(_LEAST, classifier.n_neighbors + 1)
            and bool(classifier._row_weights().min() > 0)
        )

    @classmethod
    def learn(cls, classifier: KNeighborsClassifier) -> Self:
        """Learn from the training images of a classifier, at most 10,000 spread over all.

        The classifier is fitted to images with one label each, and `can_learn` is true.
        """
        n = classifier.n_samples_fit_
        rows = np.arange(n) if n <= _MOST else np.arange(_MOST) * n // _MOST
        images = classifier.training_images(rows)
        votes = _vote(classifier, images, exclude=(rows, np.arange(n)))
        right = classifier._codes[rows, 0] == votes.winners
        order = np.argsort(votes.trust, kind="stable")
        trust, right = votes.trust[order], right[order]
        # Equal scores are one step, however their answers are sorted.
        starts = np.flatnonzero(np.diff(trust, prepend=-1))
        counts = np.diff(starts, append=len(trust))
        shares = np.add.reduceat(right.astype(float), starts) / counts
        shares = isotonic_regression(shares, weights=counts).x
        first = np.flatnonzero(np.diff(shares, prepend=-1))
        return cls(trust[starts][first], shares[first])

    def to_dict(self) -> dict[str, list[float]]:
        """Return the parameters as JSON has them."""
        return {"trust": self.trust.tolist(), "right": self.right.tolist()}

    def probabilities(self, classifier: KNeighborsClassifier, images: NDArray[Any]) -> FloatArray:
        """Return the probability of each class, shape (n, n_classes).

        That of the predicted class is its share of the vote, but at most the share of right answers
        with such a trust score, and no less than half for that reason: it stays the most probable.
        The other classes have the rest in proportion to their votes. If all votes agree, the
        nearest of the other classes has it, or all have equal parts if none is near.
        """
        votes = _vote(classifier, images)
        step = np.maximum(np.searchsorted(self.trust, votes.trust, side="right") - 1, 0)
        right = np.maximum(self.right[step], np.nextafter(0.5, 1))
        capped = np.flatnonzero(votes.shares.max(axis=1) > right)
        winners, best = votes.winners[capped], right[capped]
        others = votes.shares[capped]
        queries = np.arange(len(capped))
        others[queries, winners] = 0
        unanimous = queries[~others.any(axis=1)]
        others[unanimous] = votes.others[capped[unanimous]]
        others *= ((1 - best) / others.sum(axis=1))[:, np.newaxis]
        others[queries, winners] += best
        votes.shares[capped] = others
        return votes.shares


class _Votes(NamedTuple):
    """Shares of the vote; the code and the trust score of the winner; and for each class 1 if it is
    the nearest other class, or if none is near and it is any other, and 0 if not."""

    shares: FloatArray
    winners: NDArray[np.int64]
    trust: FloatArray
    others: FloatArray


def _vote(classifier: KNeighborsClassifier, images: NDArray[Any], *, exclude: Any = None) -> _Votes:
    most = max(classifier.n_neighbors, min(_N_NEIGHBORS, classifier.n_samples_fit_ - 1))
    table, near, weights = search_for_voters(classifier, images, most, exclude)
    shares = classifier._shares(near, weights)
    assert isinstance(shares, np.ndarray)  # because images have one label each
    winners = shares.argmax(axis=1)[:, np.newaxis]
    codes = classifier._codes[table.indices, 0]
    first = (codes != winners).argmax(axis=1)[:, np.newaxis]
    nearest = np.take_along_axis(codes, first, axis=1)
    columns = np.arange(shares.shape[1])
    others = (columns != winners) & ((columns == nearest) | (nearest == winners))
    trust = trust_scores(table.distances, codes, winners[:, 0])
    return _Votes(shares, winners[:, 0], trust, others.astype(float))
