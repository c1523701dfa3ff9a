"""The weights of neighbours: weights by distance, times the weights of training rows.

Weights have three sources: the ``weights`` parameter (a function of distance), ``sample_weight``
and ``class_weight`` (numbers for training rows). Their product is the array of shape
``(n_queries, n_neighbors)`` that all functions of a neighbour table take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import compute_sample_weight

from lookalike.array_types import FloatArray
from lookalike.search.neighbors import NO_ROW

Weights = str | Callable[[FloatArray], Any] | None


@dataclass(frozen=True)
class Softmax:
    """Weights ``exp(similarity / temperature)`` with similarity = 1 - cosine distance.

    This is the weighted k-NN protocol for self-supervised vision models [1]_ [2]_: embeddings,
    ``metric="cosine"``, 20 or 200 neighbours, temperature 0.07.

    The weights of a query are divided by the largest of them, so that no temperature overflows;
    shares of the vote do not change. Hence only *differences* of distance matter, and the weights
    are well defined for any metric, as ``exp(-distance / temperature)``.

    Parameters
    ----------
    temperature : float, default=0.07
        Positive and finite, in the unit of the distance. Towards zero only the nearest
        neighbour votes; towards infinity all neighbours have the same weight.

    Raises
    ------
    ValueError
        If the temperature is not a positive finite number.

    References
    ----------
    .. [1] Wu, Xiong, Yu, Lin, "Unsupervised feature learning via non-parametric instance
       discrimination", CVPR 2018, section 3.4.
    .. [2] Caron et al., "Emerging properties in self-supervised vision transformers",
       ICCV 2021, section 4.1.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier, Softmax
    >>> X = [[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]]
    >>> knn = KNeighborsClassifier(3, weights=Softmax(0.07), metric="cosine")
    >>> knn.fit(X, ["east", "east", "north", "north"]).predict_proba([[1.0, 0.0]]).round(4)
    array([[0.9969, 0.0031]])
    """

    temperature: float = 0.07

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise ValueError(
                f"temperature={self.temperature!r} but it must be a positive finite number; "
                "use 0.07 if in doubt"
            )

    def __call__(self, distances: ArrayLike) -> FloatArray:
        """Return the weights of neighbours by their distances.

        Parameters
        ----------
        distances : array-like of shape (n_queries, n_neighbors)

        Returns
        -------
        ndarray of shape (n_queries, n_neighbors), float64
            Weights in [0, 1]; the nearest neighbour of every query has weight 1.
        """
        d = np.asarray(distances, dtype=np.float64)
        weights: FloatArray = np.exp((d.min(axis=1, keepdims=True) - d) / self.temperature)
        return weights


def check_weights(weights: Weights) -> None:
    """Raise ValueError unless ``weights`` is a known name, a callable or None."""
    if not (weights is None or callable(weights) or weights in ("uniform", "distance")):
        raise ValueError(
            f"weights={weights!r} is unknown; use 'uniform', 'distance' or a function "
            "from distances to weights, for example Softmax(0.07)"
        )


def distance_weights(distances: FloatArray, weights: Weights) -> FloatArray:
    """Apply the ``weights`` parameter to the distances of a neighbour table.

    None means uniform. "distance" means 1 / distance; if some neighbours are at distance zero only
    these count, each with weight 1 (scikit-learn's rule). A callable must return as many finite
    weights of at least 0 as it gets distances.
    """
    check_weights(weights)
    if weights is None or weights == "uniform":
        return np.ones_like(distances, dtype=np.float64)
    if callable(weights):
        # A copy, because a callable may change distances that explain() shows afterwards.
        w = np.asarray(weights(distances.copy()), dtype=np.float64)
        if w.shape != distances.shape:
            raise ValueError(
                f"the weights callable returned shape {w.shape} for distances of shape "
                f"{distances.shape}; it must return one weight per distance"
            )
        cure = "use weights='distance' if a distance can be 0"
        return _check_non_negative(w, "the weights callable", cure)
    with np.errstate(divide="ignore", over="ignore"):
        inverse = 1.0 / distances
        # Zero, or so small that the sum of k such weights is infinite.
        coincident = np.isinf(inverse * distances.shape[1])
    return np.where(coincident.any(axis=1, keepdims=True), coincident, inverse)


def prefix_weights(distances: FloatArray, weights: Weights, ks: Sequence[int]) -> FloatArray | None:
    """Return weights whose first k columns are those of the k nearest neighbours, for all k.

    The ``ks`` ascend. The result is None if there are no such weights: for a callable, and for
    distances so near zero that the sum of their inverses is finite for few of them and infinite
    for more.

    Examples
    --------
    >>> prefix_weights(np.array([[0.5, 2.0]]), "distance", [1, 2])
    array([[2. , 0.5]])
    """
    check_weights(weights)
    if callable(weights):
        return None
    if weights == "distance":
        with np.errstate(divide="ignore", over="ignore"):
            inverse = 1.0 / distances
            coincident = np.isinf(inverse * ks[-1])
            if not np.array_equal(coincident, np.isinf(inverse * ks[0])):
                return None
        # A user's metric may return NaN.
        if not (np.diff(distances, axis=1) >= 0).all():
            return None
    return distance_weights(distances[:, : ks[-1]], weights)


def vote_weights(
    distances: FloatArray, indices: NDArray[np.int64], weights: Weights, row_weights: FloatArray
) -> FloatArray:
    """Multiply the weights by distance by the weights of the training rows, shape (n_rows,).

    Distances and indices are those of a neighbour table, whose shape the weights have. Slots
    without a row have the weight 0.
    """
    is_row = indices != NO_ROW
    own = row_weights[indices if is_row.all() else np.where(is_row, indices, 0)]
    product = np.where(is_row, distance_weights(distances, weights) * own, 0)
    mute = np.flatnonzero(~product.any(axis=1))
    if len(mute):
        raise ValueError(
            # The first sentence is scikit-learn's, because callers may look for it.
            "All neighbors of some sample is getting zero weights. Please modify 'weights' to "
            "avoid this case if you are using a user-defined function. This affects "
            f"{len(mute)} of {len(product)} queries, first query {mute[0]}; otherwise raise "
            "n_neighbors, or give fewer images a sample_weight or class_weight of 0"
        )
    return product


def check_sample_weight(sample_weight: ArrayLike | None, n_samples: int) -> FloatArray:
    """Return one weight per training row, shape (n_samples,); None gives ones."""
    if sample_weight is None:
        return np.ones(n_samples)
    w = np.array(sample_weight, dtype=np.float64)
    if w.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {w.shape} but there are {n_samples} training images; "
            f"give one weight per image, shape ({n_samples},)"
        )
    _check_non_negative(w, "sample_weight", "set the weight of rows that must not vote to 0")
    if not w.any():
        raise ValueError(
            f"all {n_samples} entries of sample_weight are zero, so nothing could vote; "
            "give some image a positive weight"
        )
    return w


def class_weights(class_weight: Any, y: NDArray[Any]) -> FloatArray:
    """Return the weight of each training row's class; None gives ones.

    The parameter is that of `sklearn.utils.compute_sample_weight`; the weights of several outputs
    are multiplied.
    """
    if class_weight is None:
        return np.ones(len(y))
    w: FloatArray = compute_sample_weight(class_weight, y)
    cure = "give a class that must not vote 0"
    return _check_non_negative(w, f"class_weight={class_weight!r}", cure)


def _check_non_negative(values: FloatArray, what: str, cure: str) -> FloatArray:
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        raise ValueError(
            f"{what} gives {values[bad][0]} (first of {bad.sum()} such) but weights must be "
            f"finite and at least 0; {cure}"
        )
    return values
