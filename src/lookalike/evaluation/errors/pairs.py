"""Confused pairs: for each class taken for another, the images that were, the surest first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.mistakes import surest_mistakes


class ConfusedPair(NamedTuple):
    """One class taken for another.

    Attributes
    ----------
    true, predicted : int
    rows : ndarray of shape (n,), int64
        The images of class ``true`` that were taken for ``predicted``; the surest mistake first.
    """

    true: int
    predicted: int
    rows: NDArray[np.int64]


def confused_pairs(explanation: Explanation, labels: NDArray[np.int64]) -> list[ConfusedPair]:
    """Return the pairs of classes that are confused, the most frequent first.

    Parameters
    ----------
    explanation : Explanation of n queries, of one label each
    labels : ndarray of shape (n,), int64
        The true labels.

    Returns
    -------
    list of ConfusedPair
        Among equally frequent ones the lower true class comes first, then the lower predicted one.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(2, weights="distance").fit([[0.0], [4.0], [9.0]], [0, 1, 1])
    >>> confused_pairs(knn.explain([[7.0], [8.0], [1.0]]), np.array([0, 0, 1]))
    [ConfusedPair(true=0, predicted=1, rows=array([1, 0])), \
ConfusedPair(true=1, predicted=0, rows=array([2]))]
    """
    rows = surest_mistakes(explanation, labels)
    by_pair: dict[tuple[int, int], list[int]] = {}
    for row in rows.tolist():
        pair = int(labels[row]), int(explanation.prediction[row])
        by_pair.setdefault(pair, []).append(row)
    ordered = sorted(by_pair.items(), key=lambda item: (-len(item[1]), item[0]))
    return [ConfusedPair(*pair, np.array(of_it, dtype=np.int64)) for pair, of_it in ordered]
