"""What another classifier changes: the errors it mends and makes, and the image behind each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.mistakes import surest_mistakes
from lookalike.images.dataset import Dataset
from lookalike.images.variants import Variant


class Changes(NamedTuple):
    """Queries whose prediction changed from wrong to right, and from right to wrong.

    Attributes
    ----------
    mended : ndarray of shape (n_mended,), int64
        The errors before that are right after, in the order of `surest_mistakes`.
    made : ndarray of shape (n_made,), int64
        The errors after that were right before, in the order of `surest_mistakes`.
    """

    mended: NDArray[np.int64]
    made: NDArray[np.int64]


def find_changes(before: Explanation, after: Explanation, labels: NDArray[np.int64]) -> Changes:
    """Return the queries whose errors are mended and made.

    Parameters
    ----------
    before, after : Explanation
        They explain the same n queries, one label each.
    labels : ndarray of shape (n,), int64
        The true labels.

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


class Decider(NamedTuple):
    """The neighbour that spoke loudest for a prediction.

    Attributes
    ----------
    row : int
        The training image.
    variant : int
        0 for the image as it is, v for its v-th variant.
    label : int
    share : float
        Its part of the vote.
    distance : float
    """

    row: int
    variant: int
    label: int
    share: float
    distance: float


def decider(explanation: Explanation, query: int) -> Decider:
    """Return the neighbour of the largest share among those that voted for the prediction.

    Among equal shares it is the nearest.
    """
    agreeing = explanation.labels[query] == explanation.prediction[query]
    i = int(np.argmax(np.where(agreeing, explanation.shares[query], -1)))
    return Decider(
        int(explanation.indices[query, i]),
        int(explanation.variants[query, i]),
        int(explanation.labels[query, i]),
        float(explanation.shares[query, i]),
        float(explanation.distances[query, i]),
    )


def as_matched(images: NDArray[Any], decided: Decider, variants: Sequence[Variant]) -> NDArray[Any]:
    """Return a training image as the search saw it: as it is, or changed by the variant."""
    image = images[decided.row : decided.row + 1]
    matched: NDArray[Any] = variants[decided.variant - 1].apply(image) if decided.variant else image
    return matched[0]  # type: ignore[no-any-return]


def change_to_dict(
    data: Dataset, before: Explanation, after: Explanation, row: int
) -> dict[str, Any]:
    """Return a changed prediction and what decided before and after, for JSON.

    Parameters
    ----------
    data : Dataset
    before, after : Explanation
        The explanations of all test images.
    row : int
        The test image.
    """
    names = data.class_names
    entry: dict[str, Any] = {
        "test_row": row,
        "file": data.test.name(row),
        "true": names[data.test.labels[row]],
    }
    for when, explanation in (("before", before), ("after", after)):
        decided = decider(explanation, row)
        entry[when] = {
            "predicted": names[decided.label],
            "train_row": decided.row,
            "file": data.train.name(decided.row),
            "variant": after.variant_names[decided.variant],
            "share": decided.share,
            "distance": decided.distance,
        }
    return entry
