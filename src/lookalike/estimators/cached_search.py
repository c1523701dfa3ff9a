"""Searches that already know the neighbours of some queries, so that one table serves many uses.

A predictor on such a search looks as if it were fitted to a training fold, but predicts the fold's
test images without a search. `FoldMaker` makes them from the splits of a cross-validation.

If splits train on all images but those that they test, and no two test the same image, one index
over all images serves every fold: each image is searched for among all images but those of its own
fold. This holds for k-fold splits, stratified or grouped ones too, and for each repeat of repeated
ones. For other splits, for transformers (fitted to each training fold) and for searches by
scikit-learn, each fold gets an index of its own.

Either way the tables equal those of a search fitted to the training fold: rows are numbered within
the fold, and at equal distances the lower comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from time import perf_counter
from traceback import format_exc
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _num_samples

from lookalike.estimators.base import KNeighborsPredictor
from lookalike.estimators.candidates import Candidate, FitParams, SharedImages, SharedSearch
from lookalike.images.progress import Progress
from lookalike.search.machine import count_threads
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.neighbors import Neighbors
from lookalike.search.sklearn_fallback import native_metric

Predictor = TypeVar("Predictor", bound=KNeighborsPredictor)
Rows = NDArray[np.int64]
Steps = Sequence[tuple[str, Any]]


class QueryPart(NamedTuple):
    """Images to predict, with their neighbours as rows of the training fold.

    ``rows`` are their numbers among all images, ``images`` the form that scorers get, and
    ``queries`` the form that the search gets: the same object, unless there are transformers.
    """

    rows: Rows
    table: Neighbors
    images: Any
    queries: Any


class CachedNeighbors(NearestNeighbors):
    """The search fitted to one training fold, with the neighbours of some parts.

    Queries are known if they are the same object as `QueryPart.queries`. `NearestNeighbors`
    searches for all others; if the index covers all images, one of the training fold is built
    first.
    """

    parts: Sequence[QueryPart]
    _of_all: tuple[Any, NDArray[np.bool_]]

    @classmethod
    def of(
        cls,
        search: NearestNeighbors,
        parts: Sequence[QueryPart],
        keep: NDArray[np.bool_] | None = None,
    ) -> CachedNeighbors:
        """Create it from a fitted search and those of its rows that are marked True, or all."""
        known = cls(**search.get_params(deep=False))
        fitted = dict(search.__dict__)
        if keep is not None:
            known._of_all = fitted.pop("_searcher"), keep
            fitted["n_samples_fit_"] = int(np.count_nonzero(keep))
        known.__dict__.update(fitted, parts=parts)
        return known

    # Python calls it only if the instance has no attribute _searcher, that is at its first use.
    @cached_property
    def _searcher(self) -> Any:
        searcher, keep = self._of_all
        return searcher.kept(keep, count_threads(self.n_jobs))

    def neighbors(self, X: Any = None, n_neighbors: int | None = None, **options: Any) -> Neighbors:
        """See `NearestNeighbors.neighbors`."""
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        excludes = options.get("exclude") is not None
        for part in self.parts:
            if X is part.queries and k <= part.table.indices.shape[1] and not excludes:
                return part.table.first(k)  # new arrays, because callers may change them
        return super().neighbors(X, n_neighbors, **options)


def searched_once(
    predictor: Predictor, images: Any, n_neighbors: int, *, progress: Progress | None = None
) -> Predictor:
    """Return a fitted predictor that does not search again for neighbours of these very images.

    It knows at least ``n_neighbors`` of each, or as many as there are.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> queries = [[2.0], [6.0]]
    >>> knn = KNeighborsClassifier(1).fit([[0.0], [1.0], [9.0]], ["low", "low", "high"])
    >>> searched_once(knn, queries, 3).predict(queries)
    array(['low', 'high'], dtype='<U4')
    """
    n = min(max(predictor.n_neighbors, n_neighbors), predictor.n_samples_fit_)
    table = predictor.neighbors(images, n, progress=progress)
    part = QueryPart(np.arange(len(table.indices)), table, images, images)
    return predictor.by_search(lambda search: CachedNeighbors.of(search, [part]))


class CVSplit(NamedTuple):
    """Rows to train on and rows to test, in the order of the splitter."""

    train: Rows
    test: Rows


class Fold(NamedTuple):
    """One split of one search, with the candidates that read its table.

    The search is fitted to the training fold. It knows the neighbours of the test images and, if
    their scores are needed, of the training images. If fitting failed, there is a traceback in its
    place. Seconds of work for several folds or searches are divided among them.
    """

    number: int
    candidates: SharedSearch
    seconds: float
    search: CachedNeighbors | None
    transformers: Steps = ()
    error: str | None = None

    @property
    def parts(self) -> Sequence[QueryPart]:
        """The test images and, if needed, the training images."""
        return () if self.search is None else self.search.parts


@dataclass(eq=False)
class FoldMaker:
    """Creates the folds of searches among images.

    With ``leave_one_out`` each image is tested on all others, and the one split lists all images on
    both sides. ``with_train`` also finds the neighbours of the training images, each of which is
    its own neighbour. ``raises`` raises errors of a fold instead of storing them in `Fold.error`.
    """

    X: Any
    y: Any
    splits: list[CVSplit]
    fit_params: FitParams
    _: KW_ONLY
    leave_one_out: bool
    n_jobs: int | None
    with_train: bool = False
    raises: bool = True
    progress: Progress | None = None
    client: Any = None  # of the dask cluster whose workers search
    search_of_all: NearestNeighbors | None = None  # the last that was fitted to all images

    @property
    def n_queries(self) -> int:
        """Number of queries of one search over all splits."""
        n_train = sum(len(split.train) for split in self.splits) if self.with_train else 0
        return n_train + sum(len(split.test) for split in self.splits)

    def folds(self, searches: SharedImages) -> Iterator[Fold]:
        """Yield the folds of all searches among the same images."""
        if self.leave_one_out:
            yield from map(self._leave_one_out, searches)
            return
        rounds: list[list[int]] = []
        if not searches[0][0].transformers and not issparse(self.X):
            rounds = complementary_rounds(self.splits, _num_samples(self.X))
        in_rounds = {number for numbers in rounds for number in numbers}
        for shared in searches:
            if in_rounds and _is_native(shared):
                yield from self._in_rounds(shared, rounds)
        for number in range(len(self.splits)):
            for pairwise in (False, True):
                apart = [
                    shared
                    for shared in searches
                    if _is_pairwise(shared) == pairwise
                    and not (number in in_rounds and _is_native(shared))
                ]
                if apart:
                    yield from self._apart(number, apart)

    def _leave_one_out(self, shared: SharedSearch) -> Fold:
        start = perf_counter()
        search = self.search_of_all = self._new_search(shared).fit(self.X)
        rows = self.splits[0].test
        parts = [QueryPart(rows, self._query(search, None), self.X, self.X)]
        if self.with_train:
            copies = _safe_indexing(self.X, rows)  # a different object from the test images
            parts.append(QueryPart(rows, self._query(search, copies), copies, copies))
        known = CachedNeighbors.of(search, parts)
        return Fold(0, shared, perf_counter() - start, known)

    def _in_rounds(self, shared: SharedSearch, rounds: list[list[int]]) -> Iterator[Fold]:
        start = perf_counter()
        search = self.search_of_all = self._new_search(shared).fit(self.X)
        fitting = (perf_counter() - start) / sum(map(len, rounds))
        for numbers in rounds:
            start = perf_counter()
            folds = np.full(_num_samples(self.X), -1, dtype=np.int64)  # the one that tests each row
            for fold, number in enumerate(numbers):
                folds[self.splits[number].test] = fold
            tested = np.flatnonzero(folds >= 0)
            if len(tested) == len(folds):
                table = self._query(search, None, folds)
            else:
                queries = _safe_indexing(self.X, tested)
                table = self._query(search, queries, (folds[tested], folds))
            seconds = fitting + (perf_counter() - start) / len(numbers)
            for fold, number in enumerate(numbers):
                start = perf_counter()
                own = table.take(np.searchsorted(tested, self.splits[number].test))
                known = self._fold_of_round(search, number, fold, folds, own)
                yield Fold(number, shared, seconds + perf_counter() - start, known)

    def _fold_of_round(
        self, search: NearestNeighbors, number: int, fold: int, folds: Rows, own: Neighbors
    ) -> CachedNeighbors:
        """Return the search among the training images of a fold, from that among all images."""
        is_train = folds != fold
        within = np.cumsum(is_train) - 1  # each row's position in the training fold

        def part(rows: Rows, table: Neighbors, images: Any) -> QueryPart:
            return QueryPart(rows, table._replace(indices=within[table.indices]), images, images)

        train, test = self.splits[number]
        parts = [part(test, own, _safe_indexing(self.X, test))]
        if self.with_train:
            images = _safe_indexing(self.X, train)
            table = self._query(search, images, (np.full(len(train), fold), folds))
            parts.append(part(train, table, images))
        return CachedNeighbors.of(search, parts, is_train)

    def _apart(self, number: int, searches: list[SharedSearch]) -> Iterator[Fold]:
        """Yield one split of each of several searches, with an index fitted to it."""
        made, error, seconds = self._attempt(self._transform, self.splits[number], searches[0][0])
        for shared in searches:
            search, failed, own = None, error, 0.0
            if error is None:
                search, failed, own = self._attempt(self._fit_apart, shared, *made[:2])
            steps = () if error is not None else made[2]
            yield Fold(number, shared, seconds / len(searches) + own, search, steps, failed)

    def _attempt(self, work: Callable[..., Any], *args: Any) -> tuple[Any, str | None, float]:
        """Return the result of `work` or None, the traceback of a failure, and the seconds."""
        start = perf_counter()
        try:
            done, error = work(*args), None
        except Exception:
            if self.raises:
                raise
            done, error = None, format_exc()
        return done, error, perf_counter() - start

    def _transform(
        self, split: CVSplit, candidate: Candidate
    ) -> tuple[Any, list[tuple[Rows, Any, Any]], Steps]:
        """Return the transformed training images, the parts to predict, and the fitted steps.

        A part has its rows, its images as scorers get them, and as the search gets them.
        """
        X_train, y_train = _safe_split(candidate.estimator, self.X, self.y, split.train)
        X_test, _ = _safe_split(candidate.estimator, self.X, None, split.test, split.train)
        images = [X_test, X_train][: 1 + self.with_train]
        fitted: list[tuple[str, Any]] = []
        train, queries = X_train, images
        for name, transformer in candidate.transformers:
            step, params = clone(transformer), self.fit_params.of_step(name, split.train)
            if hasattr(step, "fit_transform"):
                train = step.fit_transform(train, y_train, **params)
            else:
                train = step.fit(train, y_train, **params).transform(train)
            # Queries are never fitted, and the result of fit_transform may differ in rounding.
            queries = list(map(step.transform, queries))
            fitted.append((name, step))
        rows = [split.test, split.train][: 1 + self.with_train]
        return train, list(zip(rows, images, queries, strict=True)), fitted

    def _fit_apart(
        self, shared: SharedSearch, train: Any, parts: list[tuple[Rows, Any, Any]]
    ) -> CachedNeighbors:
        search = self._new_search(shared).fit(train)
        known = [
            QueryPart(rows, self._query(search, queries), images, queries)
            for rows, images, queries in parts
        ]
        return CachedNeighbors.of(search, known)

    def _new_search(self, shared: SharedSearch) -> NearestNeighbors:
        search = shared[0].predictor._new_search()
        search.set_params(n_neighbors=max(int(c.predictor.n_neighbors) for c in shared))
        if self.n_jobs is not None:
            search.set_params(n_jobs=self.n_jobs)
        if self.client is not None:
            from lookalike.search.dask_nearest import DaskNearestNeighbors

            search = DaskNearestNeighbors(**search.get_params(deep=False))
            search.client = self.client
        return search

    def _query(self, search: NearestNeighbors, X: Any, exclude: Any = None) -> Neighbors:
        return search.neighbors(X, exclude=exclude, progress=self.progress)


def complementary_rounds(splits: Sequence[CVSplit], n: int) -> list[list[int]]:
    """Return the numbers of splits that train on all other rows, in rounds that test no row twice.

    Training rows must ascend, so that ties have the same order in the fold and among all n rows.

    Examples
    --------
    >>> parts = ([0, 1], [2]), ([2], [0, 1]), ([1, 0], [2]), ([0, 1], [2]), ([2], [0, 1])
    >>> splits = [CVSplit(np.array(train), np.array(test)) for train, test in parts]
    >>> complementary_rounds(splits, 3)
    [[0, 1], [3, 4]]
    """
    rounds: list[list[int]] = []
    tested = np.zeros(n, dtype=bool)  # of the last round
    for number, (train, test) in enumerate(splits):
        others = np.ones(n, dtype=bool)
        others[test] = False
        if len(train) + len(test) != n or not np.array_equal(train, np.flatnonzero(others)):
            continue
        if not rounds or tested[test].any():
            rounds.append([])
            tested[:] = False
        rounds[-1].append(number)
        tested[test] = True
    return rounds


def as_splits(splits: Iterable[tuple[Any, Any]], n: int) -> list[CVSplit]:
    """Convert splits of masks or of row numbers, also counted from the end, to row numbers."""
    every_row = np.arange(n)

    def numbers(rows: Any) -> Rows:
        rows = np.asarray(rows)
        own: Rows = every_row[rows if rows.dtype == bool else rows.astype(np.int64)]
        return own

    return [CVSplit(numbers(train), numbers(test)) for train, test in splits]


def _is_native(shared: SharedSearch) -> bool:
    predictor = shared[0].predictor
    return native_metric(predictor.metric, predictor.p, predictor.metric_params) is not None


def _is_pairwise(shared: SharedSearch) -> bool:
    return bool(get_tags(shared[0].estimator).input_tags.pairwise)
