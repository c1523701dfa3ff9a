"""Readers of the folds of a cross-validation: what each candidate scores on each of them.

A candidate is read by a real predictor, fitted on the fold's search and targets, so that any
scorer sees what it would see after a fit of its own. Where the score is the accuracy of our
classifier, one walk along the neighbours counts the winners at every ``n_neighbors``.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from traceback import format_exc
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _score
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_method_params

from lookalike.estimators.base import KNeighborsPredictor
from lookalike.estimators.cached_search import Fold, FoldMaker, QueryPart
from lookalike.estimators.candidates import Candidate, learning_key
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.votes import winning_classes_at
from lookalike.estimators.weights import prefix_weights

Result = dict[str, Any]  # as scikit-learn's _fit_and_score returns it


@dataclass(eq=False)
class FoldScorer:
    """Reads the scores of candidates off folds.

    ``labels`` are ``y`` as the predictor checked it. ``is_accuracy`` tells whether the scorer gives
    the accuracy of a classifier.
    """

    maker: FoldMaker
    labels: NDArray[Any]
    scorer: Any
    scorer_params: dict[str, Any]
    error_score: Any
    is_accuracy: bool

    def read(self, fold: Fold) -> Iterator[tuple[Candidate, Result]]:
        """Yield each candidate of the fold with its result."""
        fit_time = fold.seconds / len(fold.candidates)
        learners: dict[Hashable, list[Candidate]] = defaultdict(list)
        for candidate in fold.candidates:
            learners[learning_key(candidate.predictor)].append(candidate)
        for alike in learners.values():
            start = perf_counter()
            learned, error = self._learn(fold, alike[0])
            learning = (perf_counter() - start) / len(alike)
            if learned is None:
                for candidate in alike:
                    yield candidate, self._failure(fold, error, fit_time + learning)
                continue
            start = perf_counter()
            counted = [self._accuracies(part, learned, alike) for part in fold.parts]
            counting = (perf_counter() - start) / max(1, len(counted[0]))
            for candidate in alike:
                start = perf_counter()
                scores = [
                    known[candidate.number]
                    if candidate.number in known
                    else self._plain_score(fold, part, learned, candidate)
                    for part, known in zip(fold.parts, counted, strict=True)
                ]
                score_time = perf_counter() - start
                if candidate.number in counted[0]:
                    score_time += counting
                yield candidate, self._result(fold, scores, None, fit_time + learning, score_time)

    def _learn(
        self, fold: Fold, candidate: Candidate
    ) -> tuple[KNeighborsPredictor | None, str | None]:
        """Return a predictor that knows the fold's targets, or the traceback of why not."""
        if fold.search is None:
            return None, fold.error
        train = self.maker.splits[fold.number].train
        try:
            predictor = copy.copy(candidate.predictor)
            y = _safe_indexing(self.maker.y, train)
            weight = self.maker.fit_params.sample_weight(train)
            return predictor._fit_on(fold.search, y, weight), None
        except Exception:
            if self.error_score == "raise":
                raise
            return None, format_exc()

    def _plain_score(
        self, fold: Fold, part: QueryPart, learned: KNeighborsPredictor, candidate: Candidate
    ) -> Any:
        predictor = copy.copy(learned)
        predictor.set_params(**candidate.predictor.get_params(deep=False))
        estimator = known_estimator(candidate.estimator, predictor, fold)
        params = _check_method_params(self.maker.X, self.scorer_params, indices=part.rows)
        y = _safe_indexing(self.maker.y, part.rows)
        return _score(estimator, part.images, y, self.scorer, params, self.error_score)

    def _accuracies(
        self, part: QueryPart, learned: KNeighborsPredictor, candidates: list[Candidate]
    ) -> dict[int, float]:
        """Return the accuracies of the candidates, by their numbers, that one walk can count."""
        # A subclass may predict in another way.
        if not (self.is_accuracy and type(learned) is KNeighborsClassifier):
            return {}
        if learned.outputs_2d_ or learned.reject is not None:
            return {}
        truth = self.labels[part.rows]
        walks: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            weights = candidate.predictor.weights
            if not callable(weights):
                walks[weights or "uniform"].append(candidate)
        accuracies = {}
        for weights, alike in walks.items():
            ks = sorted({int(candidate.predictor.n_neighbors) for candidate in alike})
            winners = _winners_at(part, learned, weights, ks)
            if winners is not None:
                n_right = np.count_nonzero(learned.classes_[winners] == truth[:, None], axis=0)
                by_k = dict(zip(ks, (n_right / len(truth)).tolist(), strict=True))
                for candidate in alike:
                    accuracies[candidate.number] = by_k[int(candidate.predictor.n_neighbors)]
        return accuracies

    def _failure(self, fold: Fold, error: str | None, fit_time: float) -> Result:
        score: Any = self.error_score
        if isinstance(self.scorer, _MultimetricScorer):
            score = dict.fromkeys(self.scorer._scorers, score)
        # Each its own, since scikit-learn changes them in place.
        return self._result(fold, [copy.copy(score), copy.copy(score)], error, fit_time, 0.0)

    def _result(
        self, fold: Fold, scores: list[Any], error: str | None, fit_time: float, score_time: float
    ) -> Result:
        return {
            "fit_error": error,
            "test_scores": scores[0],
            "train_scores": scores[-1],
            "n_test_samples": len(self.maker.splits[fold.number].test),
            "fit_time": fit_time,
            "score_time": score_time,
        }


def _winners_at(
    part: QueryPart, learned: KNeighborsClassifier, weights: str, ks: list[int]
) -> NDArray[np.int32] | None:
    """Return the winners at each k, or None if they can not be counted in one walk."""
    indices, distances = part.table.indices[:, : ks[-1]], part.table.distances[:, : ks[-1]]
    by_distance = prefix_weights(distances, weights, ks)
    if by_distance is None:
        return None
    product = by_distance * learned._vote_weights[indices]
    if not product[:, : ks[0]].any(axis=1).all():  # an error, which the plain way raises
        return None
    n_classes = len(learned.classes_)
    return winning_classes_at(indices, product, learned._codes[:, 0], n_classes, ks)


class KnownPipeline(Pipeline):  # type: ignore[misc]
    """A fitted pipeline that does not transform again what a fold has transformed already."""

    _parts: Sequence[QueryPart]

    def _queries(self, X: Any, params: dict[str, Any]) -> Any:
        """Return the transformed images if X is known, else None."""
        known = (part.queries for part in self._parts if X is part.images and not params)
        return next(known, None)

    def predict(self, X: Any, **params: Any) -> Any:
        """As `Pipeline.predict`."""
        queries = self._queries(X, params)
        if queries is None:
            return super().predict(X, **params)
        return self.steps[-1][1].predict(queries)

    @available_if(lambda self: hasattr(self.steps[-1][1], "predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any, **params: Any) -> Any:
        """As `Pipeline.predict_proba`."""
        queries = self._queries(X, params)
        if queries is None:
            return super().predict_proba(X, **params)
        return self.steps[-1][1].predict_proba(queries)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any) -> Any:
        """As `Pipeline.score`."""
        queries = self._queries(X, params)
        if queries is None:
            return super().score(X, y, sample_weight, **params)
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self.steps[-1][1].score(queries, y, **given)


def known_estimator(estimator: Any, predictor: KNeighborsPredictor, fold: Fold) -> Any:
    """Return a predictor of a fold, or if the estimator is a pipeline a fitted one with it."""
    if not isinstance(estimator, Pipeline):
        return predictor
    known = KnownPipeline([*fold.transformers, (estimator.steps[-1][0], predictor)])
    known._parts = fold.parts
    return known
