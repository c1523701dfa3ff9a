"""By how much each vote was won: the first sign of a prediction that could have gone otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation

FloatArray = NDArray[np.float64]


def vote_margins(explanation: Explanation) -> FloatArray:
    """Return the share of the winning class less that of the runner-up.

    Parameters
    ----------
    explanation : Explanation of n queries, of one label each

    Returns
    -------
    ndarray of shape (n,), float64
        From 0, a draw, to 1, where all neighbours that count agree.

    Raises
    ------
    ValueError
        If queries have several labels each.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(4).fit([[0], [1], [2], [9]], ["a", "a", "a", "b"])
    >>> vote_margins(knn.explain([[1]]))
    array([0.5])
    """
    votes = explanation.class_shares(_classes(explanation))
    if votes.shape[1] == 1:
        return np.ones(len(votes))
    ordered = np.partition(votes, -2, axis=1)
    margins: FloatArray = ordered[:, -1] - ordered[:, -2]
    return margins


def true_margins(explanation: Explanation, labels: NDArray[Any]) -> FloatArray:
    """Return the share of the true class less the largest share of any other.

    It tells right from wrong and hard from easy at once: 1 where all neighbours are of the true
    class, 0 at a draw, -1 where all are of one other class.

    Parameters
    ----------
    explanation : Explanation of n queries, of one label each
    labels : ndarray of shape (n,)
        The true labels.

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    ValueError
        If queries have several labels each, or there is not one true label for each.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(4).fit([[0], [1], [2], [9]], ["a", "a", "a", "b"])
    >>> true_margins(knn.explain([[1], [8]]), np.array(["a", "b"]))
    array([ 0.5, -0.5])
    """
    if len(labels) != len(explanation):
        raise ValueError(
            f"{len(labels)} labels but {len(explanation)} predictions; give one label for each"
        )
    classes = _classes(explanation)
    votes = explanation.class_shares(classes)
    is_true = classes == np.asarray(labels)[:, np.newaxis]
    own = np.sum(votes, axis=1, where=is_true)
    margins: FloatArray = own - np.max(votes, axis=1, where=~is_true, initial=0.0)
    return margins


def _classes(explanation: Explanation) -> NDArray[Any]:
    known = explanation.classes
    return np.unique(explanation.labels) if known is None else known
