"""The k-nearest-neighbours regressor: an average over the nearest images."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin

from lookalike.array_types import FloatArray
from lookalike.estimators.base import KNeighborsPredictor, check_target_array
from lookalike.estimators.votes import target_averages
from lookalike.search.neighbors import Neighbors


class KNeighborsRegressor(RegressorMixin, KNeighborsPredictor):  # type: ignore[misc]
    """Predict numbers as averages over the nearest training images.

    It replaces scikit-learn's class of the same name, with the same parameters and, up to rounding,
    the same predictions, always in float64, except if two training images are at exactly the same
    distance from a query. Here the one with the lower index always comes first.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of nearest training images to average.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        Weights of the average. "uniform" (or None) weighs all equally; "distance" weighs by
        1 / distance, and if some neighbours are at distance zero only these count. A callable
        maps distances of shape (n_queries, n_neighbors) to non-negative weights of that shape.
    algorithm, leaf_size, metric, p, metric_params, n_jobs
        Parameters of the search: see `NearestNeighbors`.
    working_memory : float, default=256
        MiB that search and average may use in addition to data and answer.
    augmentation : Augmentation or None, default=None
        Predict as if variants of all training images had been fitted too, for example with
        ``Shifts(1)``; shifts need no copies. In leave-one-out and cross-validation, variants
        of an image never predict that image itself.
    image_shape : tuple (h, w) or (h, w, c), default=None
        Shape of the images if X holds flat rows; `augmentation` needs it.

    Attributes
    ----------
    n_samples_fit_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
    effective_metric_ : str or callable

    See Also
    --------
    KNeighborsClassifier : Predicts classes by a vote of the neighbours.

    Examples
    --------
    Predict the lower half of a digit from its upper half:

    >>> from sklearn.datasets import load_digits
    >>> from lookalike import KNeighborsRegressor
    >>> images = load_digits().images
    >>> upper, lower = images[:, :4], images[:, 4:].reshape(len(images), -1)
    >>> knn = KNeighborsRegressor(weights="distance").fit(upper[:1500], lower[:1500])
    >>> knn.predict(upper[1500:1501]).reshape(4, 8).round().astype(int)
    array([[ 0,  0,  2,  3, 12, 13,  2,  0],
           [ 0,  2,  3,  3, 10, 12,  2,  0],
           [ 0,  1,  3,  3, 12, 15,  5,  0],
           [ 0,  0,  0,  1, 11, 15,  5,  0]])
    """

    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Add training images, with the same result as a fit to all of them at once.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`.
        """
        return self._append(X, y, sample_weight)

    def _check_targets(self, y: Any) -> NDArray[Any]:
        return check_target_array(y, dtype="numeric")

    def _read(self, table: Neighbors, weights: FloatArray) -> FloatArray:
        targets, memory = self._y.reshape(len(self._y), -1), self.working_memory
        averages = target_averages(table.indices, weights, targets, working_memory=memory)
        return averages if self._y.ndim == 2 else averages[:, 0]
