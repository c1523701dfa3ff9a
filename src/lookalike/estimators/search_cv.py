"""`KNeighborsSearchCV`: scikit-learn's search over hyperparameters, with one search per fold.

A grid search fits and predicts once for every candidate and fold. But candidates that differ only
in ``n_neighbors``, ``weights`` and the like find the same neighbours. Here each fold is searched
once, for the largest n_neighbors of all candidates, and its table is read once per candidate.

Everything around the evaluation is scikit-learn's: the constructor, scorers, splitters, metadata
routing, ``cv_results_``, the choice of the best, and all methods after ``fit``.
"""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from numbers import Integral
from time import perf_counter
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import KFold, check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import (
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags, indexable
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_method_params, _num_samples, check_is_fitted

from lookalike.estimators.base import KNeighborsPredictor
from lookalike.estimators.cached_search import CVSplit, FoldMaker, as_splits
from lookalike.estimators.candidates import (
    Candidate,
    FitParams,
    SharedImages,
    learning_key,
    list_candidates,
    own_predictor,
    share_work,
)
from lookalike.estimators.fold_scores import FoldScorer, Result
from lookalike.estimators.weights import check_sample_weight
from lookalike.images.exceptions import warn_caller
from lookalike.images.progress import Progress, metered
from lookalike.results import Result as Shown
from lookalike.search.machine import count_threads
from lookalike.search.nearest import NearestNeighbors, check_rows


class KNeighborsSearchCV(BaseSearchCV, Shown):  # type: ignore[misc]
    """Find the best hyperparameters of a nearest-neighbour predictor by cross-validation.

    It replaces scikit-learn's `GridSearchCV` and `RandomizedSearchCV`, with the same results, for
    predictors of this package. All values of ``n_neighbors``, ``weights``, ``class_weight``,
    ``reject`` and ``reject_label`` are read from one neighbour table per fold; each setting of
    other parameters, for example ``metric``, needs one search. Steps of a pipeline are fitted once
    per fold for each setting of their own parameters.

    Parameters
    ----------
    estimator : KNeighborsClassifier, KNeighborsRegressor, or Pipeline that ends with one
    param_grid : dict or list of dicts
        Values of each parameter to try, as in `GridSearchCV`; with ``n_iter`` values or
        distributions, as in `RandomizedSearchCV`.
    n_iter : int or None, default=None
        Number of random candidates; None tries the whole grid.
    random_state : int, RandomState or None, default=None
        Seed of the random candidates.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in `GridSearchCV`. The accuracy of a classifier, which is also the meaning of None, is
        computed for all ``n_neighbors`` in one pass over the neighbours.
    n_jobs : int or None, default=None
        Number of threads of each search; None means the estimator's ``n_jobs``.
    refit : bool, str or callable, default=True
        As in `GridSearchCV`.
    cv : int, splitter, iterable of splits, "loo" or None, default=None
        As in `GridSearchCV`. "loo" is exact leave-one-out from a single search: each image is
        predicted from all others, and the score is that of all these predictions together, with
        one split and no spread. Classes and their weights come from all images.
    verbose : int, default=0
        Above 0, a progress bar with the time left is shown on stderr.
    error_score : "raise" or number, default=nan
        Score if fitting or scoring fails in a fold, as in `GridSearchCV`. Errors of a candidate
        that do not depend on the fold are raised before the search begins.
    return_train_score : bool, default=False
        Also score the training images, each of which is its own nearest neighbour.
    client : distributed.Client or None, default=None
        The workers of this dask cluster do the searches; tables are read, and the best candidate
        is fitted, in this process. It needs the extra ``lookalike[dask]``.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        As in `GridSearchCV`. A candidate's ``fit_time`` is its share of the fold's search, its
        ``score_time`` the time of reading the table.
    best_index_, best_params_, best_score_, best_estimator_, refit_time_
    scorer_, multimetric_, n_splits_, classes_, n_features_in_, feature_names_in_
        As in `GridSearchCV`.

    See Also
    --------
    lookalike.evaluation.tuning.read_tuning : The curve of score against ``n_neighbors``, the
        one-standard-error rule, and a picture.

    Notes
    -----
    Once fitted, ``plot()`` draws the score against ``n_neighbors``, and ``report(path)`` writes a
    page with the table of candidates.

    Ctrl-C keeps partial results: if any candidate is complete, ``cv_results_``, ``best_index_``,
    ``best_params_`` and ``best_score_`` describe the complete ones, there is no
    ``best_estimator_``, and `KeyboardInterrupt` is raised. An error leaves the object unchanged.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from lookalike import KNeighborsClassifier, KNeighborsSearchCV
    >>> digits = load_digits()
    >>> grid = {"n_neighbors": range(1, 11), "weights": ["uniform", "distance"]}
    >>> search = KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=5)
    >>> search = search.fit(digits.images[:1500], digits.target[:1500])
    >>> search.best_params_
    {'n_neighbors': 1, 'weights': 'uniform'}
    >>> round(float(search.best_score_), 4)
    0.974
    >>> round(search.score(digits.images[1500:], digits.target[1500:]), 4)
    0.9461
    """

    _described_by = "training"
    client: Any = None  # model files of before have none
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "param_grid": [dict, list],
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "cv": ["cv_object", StrOptions({"loo"})],
        "client": "no_validation",
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        n_iter: int | None = None,
        random_state: Any = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        client: Any = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid
        self.n_iter = n_iter
        self.random_state = random_state
        self.client = client

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        groups: Any = None,
        progress: Progress | None = None,
        **params: Any,
    ) -> Self:
        """Score all candidates on all splits, and fit the best to all images.

        Parameters
        ----------
        X : array-like of shape (n, d), images of shape (n, h, w) or (n, h, w, c), ...
            Any input of the estimator.
        y : array-like of shape (n,) or (n, n_outputs)
            Targets of the estimator.
        groups : array-like of shape (n,), default=None
            The group of each image, for splitters that keep groups together.
        progress : callable, default=None
            Called as ``progress(done, total)`` with the number of queries of all searches.
        **params : dict
            Further parameters of the estimator's ``fit``, for example ``sample_weight``, and, by
            scikit-learn's metadata routing, of the scorer and splitter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, if the grid is empty or has an unknown parameter, if
            ``n_neighbors`` exceeds a training fold, or if images, targets or groups do not match.
            All of this is checked before any search.
        TypeError
            If the estimator is not one of this package.
        """
        self._validate_params()
        count_threads(self.n_jobs)
        if getattr(self, "_skl_callbacks", None):  # since scikit-learn 1.9
            warn_caller(
                "callbacks are not called, because candidates are not fitted separately; use "
                "fit(..., progress=) or verbose=1",
                UserWarning,
            )
        scorer, refit_metric = self._get_scorers()
        labels, _ = own_predictor(self.estimator)._check_rows(X, y, None)
        X, y = indexable(X, y)
        if groups is not None:
            params["groups"] = groups
        routed = self._get_routed_params_for_fit(_check_method_params(X, params=params))
        fit_params = FitParams(self.estimator, X, routed.estimator.fit)
        splits = self._list_splits(X, y, routed.splitter.split)
        candidates = list_candidates(
            self.estimator, self.param_grid, self.n_iter, self.random_state
        )
        work = share_work(candidates)
        self._check_candidates(work, X, labels, fit_params, splits)
        n_searches = sum(map(len, work))
        folds = FoldMaker(
            X,
            y,
            splits,
            fit_params,
            leave_one_out=self._is_leave_one_out(),
            with_train=self.return_train_score,
            n_jobs=self.n_jobs,
            raises=self.error_score == "raise",
            client=self.client,
        )
        is_accuracy = self.scoring is None or self._is("scoring", "accuracy")
        is_accuracy = is_accuracy and not routed.scorer.score
        reader = FoldScorer(
            folds, labels, scorer, routed.scorer.score, self.error_score, is_accuracy
        )
        results: dict[int, dict[int, Result]] = {c.number: {} for c in candidates}
        try:
            n_queries = folds.n_queries * n_searches
            with metered(n_queries, progress, show=self.verbose > 0) as folds.progress:
                for images in work:
                    for fold in folds.folds(images):
                        for candidate, result in reader.read(fold):
                            results[candidate.number][fold.number] = result
            fitted = self._summarise(candidates, results, len(splits), scorer, refit_metric)
            if self.refit:
                is_here = n_searches == 1 and self.client is None
                search = folds.search_of_all if is_here else None
                fitted |= self._refit(fitted["best_params_"], X, y, fit_params, search, routed)
        except KeyboardInterrupt:
            done = [c for c in candidates if len(results[c.number]) == len(splits)]
            if done:
                self._become(self._summarise(done, results, len(splits), scorer, refit_metric))
            raise
        return self._become(fitted)

    def get_metadata_routing(self) -> Any:
        """See `GridSearchCV.get_metadata_routing`."""
        if not self._is_leave_one_out():
            return super().get_metadata_routing()
        # "loo" needs no parameters, like this splitter.
        return clone(self).set_params(cv=KFold()).get_metadata_routing()

    def __sklearn_tags__(self) -> Any:
        tags, own = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags.three_d_array = own.input_tags.three_d_array
        tags.target_tags.multi_output = own.target_tags.multi_output
        return tags

    def _run_search(self, evaluate_candidates: Any) -> None:
        """It is never called: `fit` evaluates all candidates together."""
        raise NotImplementedError

    def _is(self, name: str, value: str) -> bool:
        """Return whether a parameter, which may be an array, equals this string."""
        given = getattr(self, name)
        return isinstance(given, str) and given == value

    def _is_leave_one_out(self) -> bool:
        return self._is("cv", "loo")

    def _list_splits(self, X: Any, y: Any, split_params: dict[str, Any]) -> list[CVSplit]:
        if self._is_leave_one_out():
            if isinstance(self.estimator, Pipeline) and len(self.estimator.steps) > 1:
                raise ValueError(
                    "cv='loo' is one search, for which transformers would be fitted to the images "
                    "that are left out; use cv=LeaveOneOut() or folds"
                )
            rows = np.arange(_num_samples(X))
            return [CVSplit(rows, rows)]
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        try:
            n_splits = cv.get_n_splits(X, y, **split_params)
            splits = as_splits(cv.split(X, y, **split_params), _num_samples(X))
        except ValueError as error:
            if split_params.get("groups") is None and "'groups'" in str(error):
                raise ValueError(f"{error} Pass them: fit(X, y, groups=groups)") from error
            if "number of members in each class" in str(error):
                raise ValueError(f"{error} Lower cv, or add images") from error
            raise
        if not splits or len(splits) != n_splits:
            raise ValueError(
                f"cv gives {len(splits)} splits but its get_n_splits says {n_splits}; give a "
                "consistent splitter, or a list of at least one split"
            )
        return splits

    def _check_candidates(
        self,
        work: list[SharedImages],
        X: Any,
        labels: NDArray[Any],
        fit_params: FitParams,
        splits: list[CVSplit],
    ) -> None:
        """Raise errors of candidates that do not depend on the fold."""
        if self._is_leave_one_out():
            n_train, where = len(labels) - 1, "leaving one image out leaves"
        else:
            n_train, where = min(len(s.train) for s in splits), "the smallest training fold has"
        sample_weight = check_sample_weight(fit_params.sample_weight(), len(labels))
        for shared in chain.from_iterable(work):
            for candidate in shared:
                n_neighbors = candidate.predictor.n_neighbors
                if n_neighbors > n_train:
                    raise ValueError(
                        f"n_neighbors={n_neighbors} but {where} {n_train} training images; lower "
                        "n_neighbors in param_grid, or add images"
                    )
            learners = {learning_key(c.predictor): c.predictor for c in shared}
            for predictor in learners.values():
                predictor._learn(labels, sample_weight, None)
            if not shared[0].transformers:
                check_rows(shared[0].predictor._new_search(), X)

    def _summarise(
        self,
        candidates: list[Candidate],
        results: dict[int, dict[int, Result]],
        n_splits: int,
        scorer: Any,
        refit_metric: Any,
    ) -> dict[str, Any]:
        """Return the attributes that `BaseSearchCV.fit` sets from the scores."""
        out = [results[c.number][number] for c in candidates for number in range(n_splits)]
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        table = self._format_results([c.params for c in candidates], n_splits, out)
        multimetric = isinstance(out[0]["test_scores"], dict)
        if callable(self.scoring) and multimetric:
            self._check_refit_for_multimetric(out[0]["test_scores"])
            refit_metric = self.refit
        fitted = {
            "cv_results_": table,
            "multimetric_": multimetric,
            "n_splits_": n_splits,
            "scorer_": _as_attribute(scorer),
        }
        if self.refit or not multimetric:
            best = self._select_best_index(self.refit, refit_metric, table)
            fitted["best_index_"] = best
            fitted["best_params_"] = table["params"][best]
            if not callable(self.refit):
                fitted["best_score_"] = table[f"mean_test_{refit_metric}"][best]
        return fitted

    def _refit(
        self,
        best_params: dict[str, Any],
        X: Any,
        y: Any,
        fit_params: FitParams,
        search: NearestNeighbors | None,
        routed: Any,
    ) -> dict[str, Any]:
        """Fit the best candidate to all images; a search fitted to them is used again."""
        best = clone(self.estimator).set_params(**clone(best_params, safe=False))
        start = perf_counter()
        if search is not None and isinstance(best, KNeighborsPredictor):
            search.set_params(**best._new_search().get_params(deep=False))
            best._fit_on(search, y, fit_params.sample_weight())
        else:
            best.fit(X, y, **routed.estimator.fit)
        fitted = {"best_estimator_": best, "refit_time_": perf_counter() - start}
        if hasattr(best, "feature_names_in_"):
            fitted["feature_names_in_"] = best.feature_names_in_
        return fitted

    @cached_property
    def scorer_(self) -> Any:
        """The scorer, or a dict of them; a model file does not store it."""
        check_is_fitted(self)
        return _as_attribute(self._get_scorers()[0])

    def _become(self, fitted: dict[str, Any]) -> Self:
        """Take over new results in one step, and remove those of an earlier fit."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        self.__dict__.update(fitted)
        return self


def _as_attribute(scorer: Any) -> Any:
    return scorer._scorers if isinstance(scorer, _MultimetricScorer) else scorer
