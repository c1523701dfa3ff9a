"""Out-of-fold predictions by classifiers that have not seen the image, from one neighbour table.

`sklearn.model_selection.cross_val_predict` fits and searches once per fold. A neighbour predictor
can read all folds from one search, as `KNeighborsSearchCV` does. Here scikit-learn's own function
still iterates over the folds and joins their predictions, so that the result is always the same;
but it gets row numbers instead of images, and the estimator that it fits has the neighbours.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.model_selection import LeaveOneOut, check_cv
from sklearn.model_selection import cross_val_predict as cross_val_predict_by_sklearn
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags, indexable
from sklearn.utils.validation import _num_samples

from lookalike.estimators.base import KNeighborsPredictor
from lookalike.estimators.cached_search import CVSplit, Fold, FoldMaker, Rows, as_splits
from lookalike.estimators.candidates import (
    Candidate,
    FitParams,
    last_step,
    own_predictor,
    share_work,
)
from lookalike.estimators.fold_scores import known_estimator
from lookalike.images.progress import Meter, Progress


def cross_val_predict(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    cv: Any = None,
    n_jobs: int | None = None,
    method: str = "predict",
    params: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Any:
    """Predict every image by an estimator fitted to the other folds.

    It replaces scikit-learn's function. Predictors of this package, and pipelines that end with
    one, need one search among all images instead of a fit and a search per fold.

    Parameters
    ----------
    estimator : estimator
        Any estimator; those of other packages are fitted fold by fold.
    X : array-like of shape (n, n_features) or (n, h, w[, c])
    y : array-like of shape (n,) or (n, n_outputs)
    groups : array-like of shape (n,), optional
        Needed by some splitters.
    cv : int, splitter, iterable of splits or "loo", default=None
        As in scikit-learn; 5 folds if None. "loo" predicts each image from all others (with
        class_weight="balanced" the weights then come from all images).
    n_jobs : int or None, default=None
        Number of threads; for other packages' estimators, of processes that fit folds in parallel.
    method : {"predict", "predict_proba", ...}, default="predict"
    params : dict, optional
        Parameters of the estimator's ``fit``, for example ``{"sample_weight": ...}``; for a
        pipeline ``{"<step>__sample_weight": ...}``. With metadata routing enabled, scikit-learn
        fits fold by fold.
    progress : callable, optional
        Called as ``progress(done, total)`` with images searched; only for predictors of ours.

    Returns
    -------
    ndarray of shape (n,), (n, n_classes) or (n, n_outputs), or list of n_outputs arrays
        Results of ``method``. Probabilities have the columns of all classes, sorted, including
        classes that are missing in a training fold.

    Raises
    ------
    ValueError
        If the folds test an image twice or not at all, or if the estimator refuses images, targets
        or weights.
    TypeError
        If the estimator's ``fit`` does not have such a parameter.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier, cross_val_predict, load_dataset
    >>> train = load_dataset("digits").train
    >>> predicted = cross_val_predict(KNeighborsClassifier(3), train.images, train.labels, cv=5)
    >>> round(float((predicted == train.labels).mean()), 3)
    0.97
    """
    is_loo = isinstance(cv, str) and cv == "loo"
    cv = LeaveOneOut() if is_loo else cv
    is_ours = isinstance(last_step(estimator), KNeighborsPredictor)
    if not is_ours or (params and get_config()["enable_metadata_routing"]):
        return cross_val_predict_by_sklearn(
            estimator, X, y, groups=groups, cv=cv, n_jobs=n_jobs, method=method, params=params
        )
    X, y, groups = indexable(X, y, groups)
    rows = np.arange(_num_samples(X))
    fit_params = FitParams(estimator, X, params or {})
    own_predictor(estimator)._check_rows(X, y, fit_params.sample_weight())
    # One search can leave each image out, but a transformer would have seen that image.
    at_once = is_loo and not isinstance(estimator, Pipeline)
    if at_once:
        splits = [CVSplit(rows, rows)]
    else:
        splitter = check_cv(cv, y, classifier=is_classifier(estimator))
        splits = as_splits(splitter.split(X, y, groups), len(rows))
    (searches,) = share_work([Candidate(0, {}, clone(estimator))])
    maker = FoldMaker(X, y, splits, fit_params, leave_one_out=at_once, n_jobs=n_jobs)
    maker.progress = None if progress is None else Meter(maker.n_queries, progress)
    folds = {_key(*splits[fold.number]): fold for fold in maker.folds(searches)}
    return cross_val_predict_by_sklearn(
        _Searched(estimator, folds, fit_params),
        rows,
        y,
        cv=list(map(tuple, splits)),
        method=method,
    )


class _Searched(BaseEstimator):  # type: ignore[misc]
    """An estimator for scikit-learn that gets row numbers and already knows the neighbours."""

    def __init__(
        self, estimator: Any, folds: dict[tuple[bytes, bytes], Fold], fit_params: FitParams
    ) -> None:
        self.estimator = estimator
        self.folds = folds
        self.fit_params = fit_params

    def __sklearn_clone__(self) -> Self:
        return copy.copy(self)

    def __sklearn_tags__(self) -> Any:
        tags = get_tags(self.estimator)
        tags.input_tags.pairwise = False  # row numbers are not a distance matrix
        return tags

    def fit(self, rows: Rows, y: Any) -> Self:
        """Store the training fold and its targets."""
        self._rows, self._y = rows, y
        return self

    @property
    def classes_(self) -> Any:
        """Classes of the training fold."""
        return self._fitted.classes_

    def __getattr__(self, method: str) -> Any:
        """Return a method that predicts the images of the given rows, which were left out."""
        if method.startswith("_"):
            raise AttributeError(method)
        return partial(self._predict, method)

    def _predict(self, method: str, rows: Rows) -> Any:
        # Only now the fold is known: two folds may train on the same images.
        fold = self.folds[_key(self._rows, rows)]
        weight = self.fit_params.sample_weight(self._rows)
        predictor = clone(own_predictor(self.estimator))._fit_on(fold.search, self._y, weight)
        self._fitted = known_estimator(self.estimator, predictor, fold)
        return getattr(self._fitted, method)(fold.parts[0].images)


def _key(train: Rows, test: Rows) -> tuple[bytes, bytes]:
    return train.tobytes(), test.tobytes()
