"""The base of classifier and regressor: a search whose rows carry targets and weights.

A k-nearest-neighbour predictor is a `NearestNeighbors` with a ``y``. A prediction has two steps: a
search for the neighbour table, and an evaluation of the table. Subclasses implement how targets
are learned and how the table is read (`_learn`, `_read`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import _num_samples, check_array, check_is_fitted

from lookalike.array_types import FloatArray
from lookalike.estimators.explanation import Explanation
from lookalike.estimators.growing import appended
from lookalike.estimators.weights import (
    Weights,
    check_sample_weight,
    check_weights,
    vote_weights,
)
from lookalike.images.augmentation import Augmentation
from lookalike.images.progress import Progress
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.neighbors import NO_ROW, KNeighborsMixin, Neighbors
from lookalike.search.validation import check_count, rows_to_keep


class KNeighborsPredictor(KNeighborsMixin, BaseEstimator):  # type: ignore[misc]
    """Base of predictors by nearest neighbours: classifier and regressor.

    Subclasses implement `_check_targets`, `_learn` and `_read`, and add to `_learning_params`.
    """

    # Parameters that do not change the search, so that a hyperparameter search reads all of their
    # values from one neighbour table: a fitted predictor accepts the first ones by `set_params`;
    # the others determine how targets are learned.
    _reading_params: ClassVar[frozenset[str]] = frozenset(
        {"n_neighbors", "weights", "n_jobs", "working_memory"}
    )
    _learning_params: ClassVar[frozenset[str]] = frozenset()

    _search: NearestNeighbors
    _y: NDArray[Any]  # (n_rows,) or (n_rows, n_outputs)
    _sample_weight: FloatArray  # (n_rows,)
    _declared: Any  # the classes given to partial_fit, or None

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
        working_memory: float = 256,
        augmentation: Augmentation | None = None,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.working_memory = working_memory
        self.augmentation = augmentation
        self.image_shape = image_shape

    @property
    def n_features_in_(self) -> int:
        """Number of values of an image."""
        return int(self._search.n_features_in_)

    @property
    def feature_names_in_(self) -> Any:
        """Column names of the training data, if it had any."""
        return self._search.feature_names_in_

    @property
    def n_samples_fit_(self) -> int:
        """Number of training images."""
        return int(self._search.n_samples_fit_)

    @property
    def image_shape_(self) -> Any:
        """``(h, w)`` or ``(h, w, c)`` if the training data were images."""
        return self._search.image_shape_

    @property
    def effective_metric_(self) -> Any:
        """Metric of the distances."""
        return self._search.effective_metric_

    @property
    def effective_metric_params_(self) -> Any:
        """Further arguments of the metric."""
        return self._search.effective_metric_params_

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Store training images and their targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, h, w[, c]), or \
                NearestNeighbors
            Training images, in any layout that `NearestNeighbors` takes, or a search fitted to
            them, as `open_index` returns it, whose index is then used.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, integers or strings, or the finite numbers of a regression.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each image in a vote or an average. An image of weight 0 does not count, but
            is still one of the k nearest.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``y`` and ``X`` differ in length, labels are continuous or missing, targets are not
            finite numbers, weights are negative, or a parameter is out of range; if a search has
            another metric or augmentation than the predictor.
        """
        return self._fit(X, y, sample_weight)

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict each image: the class with the most votes, or the average of the targets.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features) or (n_queries, h, w[, c]), None, or \
                Neighbors
            None means leave-one-out: each training image is predicted from the others. A table of
            neighbours among the training images is not searched again: one of many neighbours
            serves any smaller n_neighbors, and one that `lookalike.search.merge` made serves as
            well. A slot without a row does not vote.

        Returns
        -------
        ndarray of shape (n_queries,) or (n_queries, n_outputs)
            Labels, or ``reject_label``; averages in float64.

        Raises
        ------
        ValueError
            If ``X`` does not fit the training images, ``n_neighbors`` exceeds their number, or
            all neighbours of a query have weight zero.

        Examples
        --------
        >>> from lookalike import KNeighborsClassifier
        >>> knn = KNeighborsClassifier().fit([[0], [1], [5], [6]], ["low", "low", "high", "high"])
        >>> table = knn.neighbors([[3.5]], 3)
        >>> [knn.set_params(n_neighbors=k).predict(table).tolist() for k in (1, 3)]
        [['high'], ['high']]
        """
        return self._read(*self._neighbors(X))

    def neighbors(
        self,
        X: Any = None,
        n_neighbors: int | None = None,
        *,
        exclude: Any = None,
        progress: Progress | None = None,
    ) -> Neighbors:
        """Find the nearest training images, as one table: see `NearestNeighbors.neighbors`.

        X may be such a table already, of which the first columns are returned.
        """
        search = self._fitted_search()
        if isinstance(X, Neighbors):
            k = check_count(self.n_neighbors if n_neighbors is None else n_neighbors, "n_neighbors")
            return first_of_table(X, k, self.n_samples_fit_).rooted()
        with self._named():
            return search.neighbors(X, n_neighbors, exclude=exclude, progress=progress)

    def explain(self, X: Any = None, *, progress: Progress | None = None) -> Explanation:
        """Return the neighbours that support each prediction, with their shares of the vote.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features) or (n_queries, h, w[, c]), or None
            Queries, in the layout of the training images. None means leave-one-out: each training
            image is explained by the others.
        progress : callable, default=None
            Called as ``progress(done, total)`` with the number of queries searched.

        Returns
        -------
        Explanation
            ``indices``, ``distances``, ``labels``, ``shares`` (summing to 1 for each query),
            ``prediction``, and with `augmentation` the ``variants`` that matched.

        Raises
        ------
        ValueError
            As ``predict``.
        """
        table, weights = self._neighbors(X, progress)
        if np.isinf(table.distances).any():
            raise ValueError(
                "the table has slots without a row, which explain nothing; lower n_neighbors"
            )
        labels = self._y[table.indices]
        has_images = not (sparse.issparse(X) or isinstance(X, Neighbors))
        shape = self.image_shape_ if has_images else None
        given = self.training_images() if X is None and shape is not None else X
        return Explanation(
            indices=table.indices,
            distances=table.distances,
            labels=labels,
            shares=weights / weights.sum(axis=1, keepdims=True),
            prediction=self._read(table, weights),
            variants=np.zeros_like(table.indices) if table.variants is None else table.variants,
            variant_names=self._search.variant_names_,
            classes=getattr(self, "classes_", None) if labels.ndim == 2 else None,
            doubtful=(labels != labels[:, :1]).any(axis=1) if labels.ndim == 2 else None,
            images=None if shape is None else np.reshape(np.asarray(given), (-1, *shape)),
            source=copy.copy(self),
        )

    def by_search(self, change: Callable[[NearestNeighbors], NearestNeighbors]) -> Self:
        """Return the same predictor with its search replaced by one of the same rows."""
        check_is_fitted(self)
        changed = copy.copy(self)
        changed._search = change(self._search)
        return changed

    def relabelled(
        self, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> Self:
        """Return a predictor that has learnt other targets of the same images.

        It shares the index, so that nothing is fitted again.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            By default the images keep their weights.
        **params
            Other parameters of the predictor that do not change its search, as for ``set_params``.
        """
        check_is_fitted(self)
        made = clone(self).set_params(**params)
        weights = self._sample_weight if sample_weight is None else sample_weight
        return made._fit_on(self._search, y, weights)  # type: ignore[no-any-return]

    def training_images(self, rows: Any = slice(None)) -> NDArray[Any]:
        """Return training images in their original form.

        Parameters
        ----------
        rows : int array-like or slice, default=slice(None)
            Rows of the images; by default all, without a copy.

        Returns
        -------
        ndarray of shape (n, h, w[, c])

        Raises
        ------
        ValueError
            If the training data were not images.
        """
        check_is_fitted(self)
        if self.image_shape_ is None:
            raise ValueError("the training data were rows of numbers, not images; fit images")
        images = np.asarray(self._search._searcher.take(rows))
        return images.reshape(-1, *self.image_shape_)

    @property
    def training_labels_(self) -> NDArray[Any]:
        """Labels or targets of the training images."""
        return self._y

    @property
    def sample_weight_(self) -> FloatArray:
        """Factor of each training image's vote, shape (n_samples,)."""
        return self._sample_weight

    def remove(self, ids: ArrayLike) -> Self:
        """Remove training images, with the same result as if the model had never seen them.

        Parameters
        ----------
        ids : int or array-like of int
            Training rows, as in the ``indices`` of a neighbour table. The other rows keep their
            order and are renumbered.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is no row of an id, if an id is given twice, or if no row would remain.
        TypeError
            If ids are not integers.
        """
        search = self._fitted_search()
        keep = rows_to_keep(ids, self.n_samples_fit_)
        return self._become(
            lambda: search.remove(ids), self._y[keep], self._sample_weight[keep], self._declared
        )

    def _fit(self, X: Any, y: Any, sample_weight: ArrayLike | None, declared: Any = None) -> Self:
        check_weights(self.weights)
        is_search = isinstance(X, NearestNeighbors)
        if is_search:
            check_same_search(X, self._new_search())
        n_rows = X.n_samples_fit_ if is_search else None
        y, sample_weight = self._check_rows(X, y, sample_weight, n_rows)
        with self._named():
            return self._become(
                lambda: X if is_search else self._new_search().fit(X), y, sample_weight, declared
            )

    def _fit_on(self, search: NearestNeighbors, y: Any, sample_weight: ArrayLike | None) -> Self:
        """Fit to the rows of a search that is already fitted, as `fit` does to X."""
        check_weights(self.weights)
        y = self._check_targets(y)
        return self._become(lambda: search, y, check_sample_weight(sample_weight, len(y)), None)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let errors of the search name this estimator, which is what the user called."""
        try:
            yield
        except (TypeError, ValueError) as error:
            name = NearestNeighbors.__name__
            error.args = tuple(
                part.replace(name, type(self).__name__) if isinstance(part, str) else part
                for part in error.args
            )
            raise

    def _new_search(self) -> NearestNeighbors:
        """Return an unfitted search with the parameters of this predictor."""
        return NearestNeighbors(
            n_neighbors=self.n_neighbors,
            algorithm=self.algorithm,
            leaf_size=self.leaf_size,
            metric=self.metric,
            p=self.p,
            metric_params=self.metric_params,
            n_jobs=self.n_jobs,
            working_memory=self.working_memory,
            augmentation=self.augmentation,
            image_shape=self.image_shape,
        )

    def _append(
        self, X: Any, y: Any, sample_weight: ArrayLike | None, declared: Any = None
    ) -> Self:
        if not hasattr(self, "_search"):
            return self._fit(X, y, sample_weight, declared)
        y, sample_weight = self._check_rows(X, y, sample_weight)
        if y.shape[1:] != self._y.shape[1:]:
            raise ValueError(
                f"y has shape {y.shape} but earlier targets had shape {self._y.shape}; "
                "give as many outputs as before"
            )
        # Joined with strings, NumPy would turn numbers into strings.
        if (y.dtype.kind in "OUS") != (self._y.dtype.kind in "OUS"):
            raise ValueError(
                f"y has dtype {y.dtype} but earlier targets have dtype {self._y.dtype}; "
                "give numbers after numbers and strings after strings"
            )
        n_new = len(y)
        y, sample_weight = appended(self._y, y), appended(self._sample_weight, sample_weight)
        declared = self._declared if declared is None else declared
        search = self._fitted_search()
        with self._named():
            return self._become(lambda: search.partial_fit(X), y, sample_weight, declared, n_new)

    def _become(
        self,
        make_search: Callable[[], NearestNeighbors],
        y: NDArray[Any],
        sample_weight: FloatArray,
        declared: Any,
        n_new: int | None = None,
    ) -> Self:
        """Learn new targets and make their search; if either fails, nothing has changed."""
        learned = self._learn(y, sample_weight, declared, n_new)
        self._search = make_search()
        self._y, self._sample_weight, self._declared = y, sample_weight, declared
        self.__dict__.update(learned)
        return self

    def _check_rows(
        self, X: Any, y: Any, sample_weight: ArrayLike | None, n_rows: int | None = None
    ) -> tuple[NDArray[Any], FloatArray]:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None; "
                "give one target per training image"
            )
        y = self._check_targets(y)
        if len(y) != (n_rows := _num_samples(X) if n_rows is None else n_rows):
            raise ValueError(
                f"y has {len(y)} targets but X has {n_rows} images; "
                "give one target per training image"
            )
        return y, check_sample_weight(sample_weight, len(y))

    def _fitted_search(self) -> NearestNeighbors:
        """Return a copy of the search with the parameters that ``set_params`` may change.

        It shares rows and index with ``_search``, which it leaves unchanged.
        """
        if not hasattr(self, "_search"):  # tells it sooner than scikit-learn's check
            check_is_fitted(self)
        search = copy.copy(self._search)
        search.n_neighbors, search.n_jobs = self.n_neighbors, self.n_jobs
        search.working_memory = self.working_memory
        return search

    def _neighbors(self, X: Any, progress: Progress | None = None) -> tuple[Neighbors, FloatArray]:
        """Search; return the neighbour table and the weights of the neighbours."""
        table = self.neighbors(X, progress=progress)
        weights = vote_weights(table.distances, table.indices, self.weights, self._row_weights())
        is_row = table.indices != NO_ROW
        if not is_row.all():  # any row will do, its weight is 0
            table = table._replace(indices=np.where(is_row, table.indices, 0))
        return table, weights

    def _check_targets(self, y: Any) -> NDArray[Any]:
        """Return y as a new array of shape (n_rows,) or (n_rows, n_outputs)."""
        raise NotImplementedError

    def _learn(
        self, y: NDArray[Any], sample_weight: FloatArray, declared: Any, n_new: int | None = None
    ) -> dict[str, Any]:
        """Return the attributes that follow from the targets of all rows.

        If ``n_new`` is not None, all but so many last ones are those that were learned before.
        """
        return {}

    def _row_weights(self) -> FloatArray:
        """Return the weight of each training row."""
        return self._sample_weight

    def _read(self, table: Neighbors, weights: FloatArray) -> NDArray[Any]:
        """Return the predictions from a table."""
        raise NotImplementedError

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_search")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = NearestNeighbors(metric=self.metric).__sklearn_tags__().input_tags
        tags.target_tags.multi_output = True
        return tags


def check_same_search(search: NearestNeighbors, own: NearestNeighbors) -> None:
    """Check that a search is fitted, and measures distances as the predictor's own would do."""
    check_is_fitted(search)
    for name in ("metric", "p", "metric_params", "augmentation", "image_shape"):
        given, wanted = getattr(search, name), getattr(own, name)
        if given != wanted:
            raise ValueError(
                f"the search has {name}={given!r}, but the predictor {name}={wanted!r}; give both "
                "the same"
            )


def first_of_table(table: Neighbors, k: int, n_rows: int) -> Neighbors:
    """Return the first k columns of a table of neighbours among n_rows rows, after checks."""
    width = table.indices.shape[1]
    if k > width:
        raise ValueError(
            f"n_neighbors={k} but the table has only {width} for each query; lower n_neighbors, or "
            "search for more"
        )
    near = table.first(k)
    wrong = near.indices[(near.indices != NO_ROW) & ~(near.indices < n_rows) | (near.indices < 0)]
    if wrong.size:
        raise ValueError(
            f"the table has the row {wrong[0]}, but there are {n_rows} training images; give a "
            "table of neighbours among these"
        )
    return near


def check_target_array(y: Any, dtype: Any) -> NDArray[Any]:
    """Return y as a new finite array of at most two dimensions."""
    return np.array(check_array(y, ensure_2d=False, dtype=dtype, input_name="y"), order="C")
