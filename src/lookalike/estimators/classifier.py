"""The k-nearest-neighbours classifier: a class wins by the votes of the most alike images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from lookalike.estimators.base import KNeighborsPredictor, check_target_array
from lookalike.estimators.labels import encode_outputs
from lookalike.estimators.rejection import check_reject, reject_unsure, rejection_label
from lookalike.estimators.votes import (
    Codes,
    class_probabilities,
    winning_classes,
    winning_classes_of_outputs,
)
from lookalike.estimators.weights import FloatArray, Weights, class_weights
from lookalike.images.augmentation import Augmentation
from lookalike.search.table import Neighbors
from lookalike.search.threads import count_threads


class KNeighborsClassifier(ClassifierMixin, KNeighborsPredictor):  # type: ignore[misc]
    """Classify images by a vote of the training images nearest to them.

    A drop-in for scikit-learn's class of the same name: same parameters, same predictions,
    except where two training images are at exactly the same distance from a query. Here the
    one with the lower index comes first, always; scikit-learn's choice depends on its path.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many of the nearest training images vote.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        What a vote counts. "uniform" (or None): 1. "distance": 1 / distance; where some
        neighbours are at distance zero these alone count, each 1. A callable takes distances
        of shape (n_queries, n_neighbors) to non-negative weights of that shape, such as
        `Softmax` for embeddings.
    algorithm, leaf_size, metric, p, metric_params, n_jobs
        How neighbours are searched: see `NearestNeighbors`.
    class_weight : dict, "balanced", list of dicts or None, default=None
        What each class's votes are multiplied with, as in scikit-learn: {label: weight},
        "balanced" for n_samples / (n_classes * n_samples_of_class), a list of dicts for
        multi-output labels (an image's weights of several outputs are multiplied).
    reject : float in [0, 1] or None, default=None
        ``predict`` returns ``reject_label`` where the winning class's probability is below
        this. ``predict_proba`` is not changed; ``score`` counts a rejected image as wrong.
        In multi-output each output is rejected on its own.
    reject_label : object, default=None
        The label of rejected images, no class itself. None stands for -1 where classes are
        integers; other classes need one, say "unknown".
    working_memory : float, default=256
        MiB that a search and the counting of votes may use beyond data and answer.
    augmentation : Augmentation or None, default=None
        Such as ``Shifts(1)``: predict as if the variants of all training images had been fitted
        too, without copies of shifted ones. No variant of an image ever predicts that image
        itself, in leave-one-out as in cross-validation.
    image_shape : tuple (h, w) or (h, w, c), default=None
        What flat rows are images of, for `augmentation`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of n_outputs such arrays
        The labels, sorted; the order of ``predict_proba``'s columns.
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

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Remember training images and their labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, h, w[, c])
            Training images, in any layout `NearestNeighbors` takes.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, integers or strings.
        sample_weight : array-like of shape (n_samples,), default=None
            What each image's vote is multiplied with; a weight of 0 mutes an image, which
            still takes its place among the k nearest.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``y`` and ``X`` differ in length, labels are continuous or missing, weights are
            negative, or a parameter is out of its range.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add training images; afterwards the model is as if fitted on all of them at once.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like of shape (n_classes,), or list of n_outputs such, default=None
            All labels that may ever come, so that ``predict_proba`` has their columns at once
            and no other label is accepted from now on. Without it, classes grow as they come.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`, and if a label is not among the declared classes.
        """
        return self._append(X, y, sample_weight, classes)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class with most votes for each image.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features) or (n_queries, h, w[, c]), or None
            None predicts every training image from the others (leave-one-out).

        Returns
        -------
        ndarray of shape (n_queries,) or (n_queries, n_outputs)
            Labels, or ``reject_label``.

        Raises
        ------
        ValueError
            If ``X`` does not fit the training images, ``n_neighbors`` exceeds their number, or
            all neighbours of a query weigh zero.
        """
        return self._read(*self._neighbors(X))

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
            As `predict` does.
        """
        return self._shares(*self._neighbors(X))

    def _predict_both(self, X: Any) -> tuple[NDArray[Any], FloatArray | list[FloatArray]]:
        """Return what `predict` and `predict_proba` do, by one search."""
        table, weights = self._neighbors(X)
        return self._read(table, weights), self._shares(table, weights)

    def _shares(self, table: Neighbors, weights: FloatArray) -> FloatArray | list[FloatArray]:
        """Return each class's share of the votes, as `predict_proba` does."""
        shares = [
            class_probabilities(
                table.indices, weights, codes, len(classes), working_memory=self.working_memory
            )
            for codes, classes in self._outputs()
        ]
        return shares if self.outputs_2d_ else shares[0]

    def _check_targets(self, y: Any) -> NDArray[Any]:
        labels = check_target_array(y, dtype=None)
        if labels.dtype.kind == "S" or any(isinstance(one, bytes) for one in labels.flat[:1]):
            raise ValueError(
                f"y holds bytes, such as {labels.flat[0]!r}, which equal no text; decode them, as "
                "by numpy.char.decode(y.astype(bytes), 'utf-8')"
            )
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = column_or_1d(labels, warn=True)
        if labels.ndim == 2 and labels.dtype.kind in "biu":
            return labels  # always classes; to look for them takes long where pixels are the labels
        try:
            check_classification_targets(labels)
        except (TypeError, ValueError) as error:
            if labels.dtype != object and not isinstance(error, TypeError):
                raise
            kinds = sorted({type(label).__name__ for label in labels.ravel().tolist()})
            if len(kinds) == 1:
                raise ValueError(
                    f"Unknown label type: objects of {kinds[0]}, such as {labels.flat[0]!r}; give "
                    "an array of numbers or strings, such as np.array(y.tolist())"
                ) from error
            raise ValueError(
                f"labels like {labels.flat[0]!r} cannot be sorted among one another: they are of "
                f"{', '.join(kinds)}; give labels of one type, all numbers or all strings, and "
                "none missing"
            ) from error
        return labels

    def _learn(self, y: NDArray[Any], sample_weight: FloatArray, declared: Any) -> dict[str, Any]:
        check_reject(self.reject)
        outputs_2d = y.ndim == 2
        labels = y if outputs_2d else y[:, np.newaxis]
        class_lists = _class_lists(declared, outputs_2d, labels.shape[1])
        classes, codes = encode_outputs(labels, class_lists, n_threads=count_threads(self.n_jobs))
        if self.reject is not None:
            for output_classes in classes:
                rejection_label(output_classes, self.reject_label)
        return {
            "_codes": codes,
            "_vote_weights": sample_weight * class_weights(self.class_weight, y),
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
            # Labels of the codes' dtype are ordered as the codes are: votes can count them as well.
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
            won = winning_classes(
                table.indices, weights, codes, len(classes), working_memory=self.working_memory
            )
            labels = classes[won.codes]
            if self.reject is not None:
                label = rejection_label(classes, self.reject_label)
                labels = reject_unsure(labels, won.probabilities, self.reject, label)
            columns.append(labels)
        return np.stack(columns, axis=1) if self.outputs_2d_ else columns[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _class_lists(declared: Any, outputs_2d: bool, n_outputs: int) -> list[Any] | None:
    if declared is None:
        return None
    if not outputs_2d:
        return [declared]
    if len(declared) != n_outputs:
        raise ValueError(
            f"classes holds {len(declared)} arrays but y has {n_outputs} outputs; "
            "give one array of classes an output"
        )
    return list(declared)
