"""Wrong predictions, the surest first, and by how much each vote was won.

The surest mistakes most often point at a hard image or a wrong label. A small margin is the first
sign of a prediction that could have gone otherwise.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.array_types import FloatArray
from lookalike.estimators.explanation import Explanation
from lookalike.images.dataset import Dataset


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

    There is one true label for each query of the explanation, and each query has one.

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
    times. A surer mistake had the larger part of the vote or the higher probability; among equal
    ones it has the nearer nearest neighbour, then the lower row.

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


class Changes(NamedTuple):
    """Queries whose errors another classifier mends and makes, in the order of `surest_mistakes`.

    Attributes
    ----------
    mended : ndarray of shape (n_mended,), int64
    made : ndarray of shape (n_made,), int64
    """

    mended: NDArray[np.int64]
    made: NDArray[np.int64]


def find_changes(before: Explanation, after: Explanation, labels: NDArray[np.int64]) -> Changes:
    """Return the queries, explained before and after, whose errors are mended and made.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(1).fit([[0.0], [4.0], [9.0]], [0, 1, 0])
    >>> queries, labels = [[1.0], [5.0], [8.0]], np.array([0, 0, 0])
    >>> find_changes(knn.explain(queries), knn.set_params(n_neighbors=3).explain(queries), labels)
    Changes(mended=array([1]), made=array([], dtype=int64))
    """
    mended, made = surest_mistakes(before, labels), surest_mistakes(after, labels)
    return Changes(
        mended[after.prediction[mended] == labels[mended]],
        made[before.prediction[made] == labels[made]],
    )


def decider(explanation: Explanation, query: int) -> int:
    """Return the place of the neighbour that spoke loudest for the prediction of a query.

    It has the largest share of those that voted for the prediction; among equal ones it is the
    nearest.
    """
    agreeing = explanation.labels[query] == explanation.prediction[query]
    return int(np.argmax(np.where(agreeing, explanation.shares[query], -1)))


def mistake_to_dict(
    data: Dataset, explanation: Explanation, query: int, test_row: int, **more: Any
) -> dict[str, Any]:
    """Return a wrong prediction and the training images behind it, for JSON.

    Labels are positions in ``data.class_names``; ``query`` is the place of the test image in the
    explanation, and ``more`` is what else there is to say of the prediction.
    """
    names, indices = data.class_names, explanation.indices[query].tolist()
    return {
        **_image_to_dict(data, test_row),
        "predicted": names[explanation.prediction[query]],
        **more,
        "neighbors": indices,
        "neighbor_files": [data.train.name(row) for row in indices],
        "neighbor_labels": [names[label] for label in explanation.labels[query]],
    }


def change_to_dict(
    data: Dataset, before: Explanation, after: Explanation, row: int
) -> dict[str, Any]:
    """Return a changed prediction of a test image and what decided before and after, for JSON."""
    entry = _image_to_dict(data, row)
    for when, explanation in (("before", before), ("after", after)):
        i = decider(explanation, row)
        train_row = int(explanation.indices[row, i])
        entry[when] = {
            "predicted": data.class_names[explanation.labels[row, i]],
            "train_row": train_row,
            "file": data.train.name(train_row),
            "variant": after.variant_names[explanation.variants[row, i]],
            "share": float(explanation.shares[row, i]),
            "distance": float(explanation.distances[row, i]),
        }
    return entry


def _image_to_dict(data: Dataset, test_row: int) -> dict[str, Any]:
    return {
        "test_row": test_row,
        "file": data.test.name(test_row),
        "true": data.class_names[data.test.labels[test_row]],
    }
