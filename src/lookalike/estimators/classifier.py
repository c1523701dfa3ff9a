"""The k-nearest-neighbours classifier: the nearest training images vote for their classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from lookalike.array_types import FloatArray
from lookalike.estimators.base import KNeighborsPredictor, check_target_array
from lookalike.estimators.reject_option import check_reject, rejection_label
from lookalike.estimators.votes import (
    Codes,
    class_probabilities,
    encode_more,
    encode_outputs,
    winning_classes,
    winning_classes_of_outputs,
)
from lookalike.estimators.weights import Weights, class_weights
from lookalike.images.augmentation import Augmentation
from lookalike.search.machine import count_threads
from lookalike.search.neighbors import Neighbors


class KNeighborsClassifier(ClassifierMixin, KNeighborsPredictor):  # type: ignore[misc]
    """Classify images by a vote of the nearest training images.

    It replaces scikit-learn's class of the same name, with the same parameters and predictions,
    except if two training images are at exactly the same distance from a query. Here the one with
    the lower index always comes first; scikit-learn's choice depends on its algorithm.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of nearest training images that vote.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        Weights of the votes. "uniform" (or None) weighs all equally; "distance" weighs by
        1 / distance, and if some neighbours are at distance zero only these count. A callable
        maps distances of shape (n_queries, n_neighbors) to non-negative weights of that shape,
        for example `Softmax` for embeddings.
    algorithm, leaf_size, metric, p, metric_params, n_jobs
        Parameters of the search: see `NearestNeighbors`.
    class_weight : dict, "balanced", list of dicts or None, default=None
        Factors of each class's votes, as in scikit-learn: {label: weight}, "balanced" for
        n_samples / (n_classes * n_samples_of_class), or a list of dicts for multi-output labels
        (the weights of an image's outputs are multiplied).
    reject : float in [0, 1] or None, default=None
        ``predict`` returns ``reject_label`` if the winning class's probability is below this
        threshold. ``predict_proba`` does not change; ``score`` counts rejected images as wrong.
        In multi-output each output is rejected separately.
    reject_label : object, default=None
        Label of rejected images, different from all classes. None means -1 among
        integers and "unknown" among strings; other classes need a label.
    working_memory : float, default=256
        MiB that search and vote may use in addition to data and answer.
    augmentation : Augmentation or None, default=None
        Predict as if variants of all training images had been fitted too, for example with
        ``Shifts(1)``; shifts need no copies. In leave-one-out and cross-validation, variants
        of an image never predict that image itself.
    image_shape : tuple (h, w) or (h, w, c), default=None
        Shape of the images if X holds flat rows; `augmentation` needs it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of n_outputs such arrays
        Sorted labels, in the order of ``predict_proba``'s columns.
    outputs_2d_ : bool
        Whether ``y`` had several outputs.
    n_samples_fit_, n_features_in_ : int
    effective_metric_ : str or callable

    See Also
    --------
    KNeighborsRegressor : Averages the neighbours' targets instead.
    NearestNeighbors : The search alone.

    Notes
    -----
    Equal votes go to the lowest class, as in scikit-learn. Cover and Hart, "Nearest neighbor
    pattern classification", IEEE Trans. Inf. Theory 13 (1967).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from lookalike import KNeighborsClassifier
    >>> digits = load_digits()
    >>> knn = KNeighborsClassifier(4, weights="distance")
    >>> knn = knn.fit(digits.images[:1500], digits.target[:1500])
    >>> knn.predict(digits.images[1500:1506])
    array([1, 7, 4, 6, 3, 1])
    >>> round(knn.score(digits.images[1500:], digits.target[1500:]), 3)
    0.96
    """

    _learning_params: ClassVar[frozenset[str]] = frozenset(
        {"class_weight", "reject", "reject_label"}
    )

    classes_: Any
    outputs_2d_: bool
    _codes: Codes  # (n_rows, n_outputs)
    _vote_weights: FloatArray  # (n_rows,), sample weight times class weight

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        weights: Weights = "uniform",
        algorithm: str = "auto",
        leaf_size: int = 30,
        p: float = 2,
        metric: Any = "minkowski",
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        class_weight: Any = None,
        reject: float | None = None,
        reject_label: Any = None,
        working_memory: float = 256,
        augmentation: Augmentation | None = None,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            n_neighbors,
            weights=weights,
            algorithm=algorithm,
            leaf_size=leaf_size,
            metric=metric,
            p=p,
            metric_params=metric_params,
            n_jobs=n_jobs,
            working_memory=working_memory,
            augmentation=augmentation,
            image_shape=image_shape,
        )
        self.class_weight = class_weight
        self.reject = reject
        self.reject_label = reject_label

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add training images, with the same result as a fit to all of them at once.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like of shape (n_classes,), or list of n_outputs such, default=None
            All possible labels: ``predict_proba`` has columns for all of them at once, and other
            labels are refused. By default, classes are added when they occur.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`, and if a label is not among the declared classes.
        """
        return self._append(X, y, sample_weight, classes)

    def predict_proba(self, X: Any) -> FloatArray | list[FloatArray]:
        """Return each class's share of the votes.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features) or (n_queries, h, w[, c]), or None
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_queries, n_classes), float64, or list of n_outputs such arrays
            In the order of ``classes_``; rows sum to 1.

        Raises
        ------
        ValueError
            As `predict`.
        """
        return self._shares(*self._neighbors(X))

    def _shares(self, table: Neighbors, weights: FloatArray) -> FloatArray | list[FloatArray]:
        """Return each class's share of the votes, as `predict_proba` does."""
        shares = [
            class_probabilities(table.indices, weights, codes, len(classes), self.working_memory)
            for codes, classes in self._outputs()
        ]
        return shares if self.outputs_2d_ else shares[0]

    def _check_targets(self, y: Any) -> NDArray[Any]:
        labels = check_target_array(y, dtype=None)
        if labels.dtype.kind == "S" or any(isinstance(one, bytes) for one in labels.flat[:1]):
            raise ValueError(
                f"y holds bytes, for example {labels.flat[0]!r}, which equal no text; decode them, "
                "as by numpy.char.decode(y.astype(bytes), 'utf-8')"
            )
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = column_or_1d(labels, warn=True)
        if labels.ndim == 2 and labels.dtype.kind in "biu":
            return labels  # always classes; the check below is slow for pixels as labels
        try:
            check_classification_targets(labels)
        except (TypeError, ValueError) as error:
            if labels.dtype != object and not isinstance(error, TypeError):
                raise
            kinds = sorted({type(label).__name__ for label in labels.ravel().tolist()})
            if len(kinds) == 1:
                raise ValueError(
                    f"Unknown label type: objects of {kinds[0]}, for example {labels.flat[0]!r}; "
                    "give an array of numbers or strings, as by np.array(y.tolist())"
                ) from error
            raise ValueError(
                f"labels like {labels.flat[0]!r} cannot be sorted because they have the types "
                f"{', '.join(kinds)}; give labels of one type, all numbers or all strings, and "
                "none missing"
            ) from error
        return labels

    def _learn(
        self, y: NDArray[Any], sample_weight: FloatArray, declared: Any, n_new: int | None = None
    ) -> dict[str, Any]:
        check_reject(self.reject)
        outputs_2d = y.ndim == 2
        labels = y if outputs_2d else y[:, np.newaxis]
        if declared is None or not outputs_2d:
            class_lists = None if declared is None else [declared]
        elif len(declared) == labels.shape[1]:
            class_lists = list(declared)
        else:
            raise ValueError(
                f"classes holds {len(declared)} arrays but y has {labels.shape[1]} outputs; "
                "give one array of classes per output"
            )
        codes = None
        if n_new is not None and declared is self._declared and y.dtype == self._y.dtype:
            classes = [*self.classes_] if outputs_2d else [self.classes_]
            codes = encode_more(self._codes, labels[-n_new:], classes)
        if codes is None:
            n_threads = count_threads(self.n_jobs)
            classes, codes = encode_outputs(labels, class_lists, n_threads=n_threads)
        if self.reject is not None:
            for output_classes in classes:
                rejection_label(output_classes, self.reject_label)
        return {
            "_codes": codes,
            "_vote_weights": sample_weight
            if self.class_weight is None
            else sample_weight * class_weights(self.class_weight, y),
            "classes_": classes if outputs_2d else classes[0],
            "outputs_2d_": outputs_2d,
        }

    def _row_weights(self) -> FloatArray:
        return self._vote_weights

    def _outputs(self) -> Iterator[tuple[Codes, NDArray[Any]]]:
        """Yield the codes of the training rows and the classes of each output."""
        return zip(
            self._codes.T, self.classes_ if self.outputs_2d_ else [self.classes_], strict=True
        )

    def _read(self, table: Neighbors, weights: FloatArray) -> NDArray[Any]:
        check_reject(self.reject)
        if self.outputs_2d_ and self.reject is None and self._codes.dtype.itemsize <= 2:
            # Labels of the codes' dtype have the same order as the codes, so votes can count them.
            are_codes = all(self._y.dtype == c.dtype == self._codes.dtype for c in self.classes_)
            winners = winning_classes_of_outputs(
                table.indices,
                weights,
                self._y if are_codes else self._codes,
                n_threads=count_threads(self.n_jobs),
            )
            if are_codes:
                return winners
            pairs = zip(self.classes_, winners.T, strict=True)
            return np.stack([classes[codes] for classes, codes in pairs], axis=1)
        columns = []
        for codes, classes in self._outputs():
            winners, shares = winning_classes(
                table.indices, weights, codes, len(classes), self.working_memory
            )
            labels = classes[winners]
            if self.reject is not None:
                label = rejection_label(classes, self.reject_label)
                # The dtype holds both, whether or not anything was rejected.
                labels = np.where(shares < self.reject, label, labels)
            columns.append(labels)
        return np.stack(columns, axis=1) if self.outputs_2d_ else columns[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
