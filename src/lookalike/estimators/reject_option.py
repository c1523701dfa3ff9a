"""Saying "I don't know": the reject option, and how far a prediction can be trusted.

A prediction with too few votes is replaced by a label. But the share of votes says little where all
neighbours agree, as they do for nine digits of ten. The trust score [1]_ then compares the distance
to the nearest training image of any other class with that to the nearest one of the predicted
class. Nearest unlike neighbours were used for this first in [2]_.

References
----------
.. [1] Jiang, Kim, Guan, Gupta, "To trust or not to trust a classifier", NeurIPS 2018.
.. [2] Dasarathy, "Nearest unlike neighbor (NUN): an aid to decision confidence estimation",
   Optical Engineering 34, 1995.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.base import KNeighborsPredictor
from lookalike.estimators.weights import vote_weights
from lookalike.images.progress import Progress
from lookalike.search.neighbors import Neighbors

N_NEIGHBORS = 50  # among which trust scores look for the nearest of another class


def check_reject(reject: Any) -> None:
    """Raise ValueError unless ``reject`` is None or a probability."""
    if reject is not None and not (isinstance(reject, Real) and 0 <= float(reject) <= 1):
        raise ValueError(
            f"reject={reject!r} but it is compared with the winning class's probability; "
            "use a number from 0 (reject nothing) to 1 (reject all but unanimous votes), or None"
        )


def rejection_label(classes: NDArray[Any], reject_label: Any) -> NDArray[Any]:
    """Return the label of a rejected query as an array of shape ().

    It must not be a class, and must be of their kind: a string among strings, a number among
    numbers. None stands for -1 among integers and for "unknown" among strings.
    """
    kind = classes.dtype.kind
    example = classes.tolist()[0]
    if reject_label is None:
        if kind not in "iu" and not isinstance(example, str):
            raise ValueError(
                f"reject is set but reject_label=None and the classes, like {example!r}, are "
                "neither integers nor strings; give a reject_label that is no class, for example "
                "-1.0 among numbers"
            )
        reject_label = "unknown" if isinstance(example, str) else -1
    label = np.empty((), dtype=object)
    label[()] = reject_label
    if kind != "O":
        label = np.asarray(reject_label)
        if not _fits(label, classes):
            raise ValueError(
                f"reject_label={reject_label!r} does not fit classes of dtype {classes.dtype} "
                f"like {example!r}; give a label of the same kind, and labels of a signed "
                "dtype where it is negative"
            )
    if reject_label in classes.tolist():
        raise ValueError(
            f"reject_label={reject_label!r} is one of the classes, so rejected and predicted "
            "queries could not be distinguished; give a reject_label that is no class"
        )
    return label


def _fits(label: NDArray[Any], classes: NDArray[Any]) -> bool:
    strings = "US"
    if label.ndim or label.dtype.kind == "O":
        return False
    if label.dtype.kind in strings or classes.dtype.kind in strings:
        return label.dtype.kind == classes.dtype.kind
    # uint64 and int64 meet in float64, which does not hold every label exactly.
    exact = label.dtype.kind == "f" or classes.dtype.kind == "f"
    return exact or np.result_type(label, classes).kind != "f"


class Trusted(NamedTuple):
    """Predictions, and the trust score of each: at least 0, and 1 if both classes are as near."""

    predicted: NDArray[Any]
    trust: NDArray[np.float64]


def trust_scores(
    distances: NDArray[np.float64], labels: NDArray[Any], predicted: NDArray[Any]
) -> NDArray[np.float64]:
    """Divide the distance to the nearest other class by that to the predicted class.

    Distances, ascending, and labels are those of the neighbours. Where no neighbour is of another
    class, the last distance stands for that class's: a lower bound. The score is the largest
    float64 where only the predicted class is at distance 0, 1 where both are, and 0 where no
    neighbour is of the predicted class.

    Examples
    --------
    >>> distances = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    >>> trust_scores(distances, np.array([[5, 5, 3], [5, 5, 5]]), np.array([5, 5]))
    array([3., 3.])
    """
    same = labels == predicted[:, np.newaxis]
    own = np.min(distances, axis=1, where=same, initial=np.inf)
    other = np.min(distances, axis=1, where=~same, initial=np.inf)
    other = np.minimum(other, distances[:, -1])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.minimum(other / own, np.finfo(np.float64).max)
    scores: NDArray[np.float64] = np.where(own == other, 1.0, ratios)
    return np.where(same.any(axis=1), scores, 0.0)


def search_for_voters(
    classifier: KNeighborsPredictor,
    X: Any,
    n_neighbors: int,
    exclude: Any = None,
    progress: Progress | None = None,
) -> tuple[Neighbors, Neighbors, NDArray[np.float64]]:
    """Return a table of neighbours, the part of it that votes, and the weights of the votes."""
    table = classifier.neighbors(X, n_neighbors, exclude=exclude, progress=progress)
    near = table.first(classifier.n_neighbors)
    weights = vote_weights(
        near.distances, near.indices, classifier.weights, classifier._row_weights()
    )
    return table, near, weights


def predict_with_trust(
    classifier: KNeighborsPredictor,
    X: Any,
    *,
    n_neighbors: int = N_NEIGHBORS,
    exclude: Any = None,
    progress: Progress | None = None,
) -> Trusted:
    """Predict images, and say how far each prediction can be trusted, by one search.

    The classifier has one label per image and no reject option. Another class is looked for among
    ``n_neighbors``, or as many as there are; ``exclude`` is that of `NearestNeighbors.kneighbors`.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(1).fit([[0.0], [1.0], [9.0]], ["low", "low", "high"])
    >>> predict_with_trust(knn, [[2.0], [6.0]])
    Trusted(predicted=array(['low', 'high'], dtype='<U4'), trust=array([7.        , 1.66666667]))
    """
    k, n_left = classifier.n_neighbors, classifier.n_samples_fit_ - (X is None)
    if exclude is not None:
        n_left = classifier.n_samples_fit_ - int(np.unique(exclude, return_counts=True)[1].max())
    most = max(k, min(n_neighbors, n_left))
    table, near, weights = search_for_voters(classifier, X, most, exclude, progress)
    predicted = classifier._read(near, weights)
    return Trusted(
        predicted, trust_scores(table.distances, classifier._y[table.indices], predicted)
    )
