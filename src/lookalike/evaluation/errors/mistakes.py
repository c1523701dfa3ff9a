"""Wrong predictions, the surest first: these most often point at a hard image or a wrong label."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.images.dataset import Dataset


def winning_shares(explanation: Explanation) -> NDArray[np.float64]:
    """Return what part of the vote each prediction had, or its probability, shape (n_queries,)."""
    if explanation.probabilities is not None:
        return np.asarray(explanation.probabilities.max(axis=1))
    agreeing = explanation.labels == explanation.prediction[:, None]
    shares: NDArray[np.float64] = np.sum(explanation.shares, axis=1, where=agreeing)
    return shares


def surest_mistakes(explanation: Explanation, labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the rows predicted wrongly: of each confusion the surest, then the second, ...

    So a handful of them shows different confusions (a class taken for another), not one many
    times. Surer is what had the larger part of the vote or the higher probability, among equal
    ones what has the nearer nearest neighbour, then the lower row.

    Parameters
    ----------
    explanation : Explanation of n queries, of one label each
    labels : ndarray of shape (n,)
        The true labels.

    Returns
    -------
    ndarray of shape (n_wrong,), int64

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(2, weights="distance").fit([[0.0], [4.0], [9.0]], [0, 1, 1])
    >>> surest_mistakes(knn.explain([[7.0], [8.0], [1.0]]), np.array([0, 0, 1]))
    array([1, 2, 0])
    """
    wrong = np.flatnonzero(explanation.prediction != labels)
    # Rounded, since equal votes may differ in the last bit.
    shares = winning_shares(explanation)[wrong].round(9)
    surest = wrong[np.lexsort((explanation.distances[wrong, 0], -shares))]
    seen: Counter[tuple[Any, Any]] = Counter()
    turns = []
    for confusion in zip(labels[surest], explanation.prediction[surest], strict=True):
        turns.append(seen[confusion])
        seen[confusion] += 1
    return surest[np.argsort(turns, kind="stable")]


def mistake_to_dict(
    data: Dataset, explanation: Explanation, query: int, test_row: int, **more: Any
) -> dict[str, Any]:
    """Return a wrong prediction and the training images behind it, for JSON.

    Parameters
    ----------
    data : Dataset
    explanation : Explanation
        The explanation of the test images; labels are positions in ``data.class_names``.
    query : int
        Its place in the explanation.
    test_row : int
        Which test image it is.
    **more
        What else there is to say of the prediction.
    """
    names, indices = data.class_names, explanation.indices[query].tolist()
    return {
        "test_row": test_row,
        "file": data.test.name(test_row),
        "true": names[data.test.labels[test_row]],
        "predicted": names[explanation.prediction[query]],
        **more,
        "neighbors": indices,
        "neighbor_files": [data.train.name(row) for row in indices],
        "neighbor_labels": [names[label] for label in explanation.labels[query]],
    }
