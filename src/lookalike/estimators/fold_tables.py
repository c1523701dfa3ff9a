"""Conversion of the splits of a cross-validation to neighbour tables.

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
from functools import partial
from time import perf_counter
from traceback import format_exc
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _num_samples

from lookalike.estimators.base import KNeighborsPredictor
from lookalike.estimators.cached_search import CachedNeighbors, QueryPart
from lookalike.estimators.candidates import SharedImages, SharedSearch
from lookalike.estimators.fit_params import FitParams
from lookalike.images.progress import Progress
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.neighbors import Neighbors
from lookalike.search.sklearn_fallback import native_metric

Rows = NDArray[np.int64]


class CVSplit(NamedTuple):
    """Rows to train on and rows to test, in the order of the splitter."""

    train: Rows
    test: Rows


class Fold(NamedTuple):
    """One split of one search.

    Attributes
    ----------
    number : int
        Number of the split.
    shared : SharedSearch
    seconds : float
        Time of fitting and searching; work for several folds or searches is divided among them.
    search : CachedNeighbors or None
        Fitted to the training fold; None if this failed.
    parts : sequence of QueryPart
        The test images, and the training images if their scores are needed; empty if fitting
        failed.
    transformers : sequence of (name, fitted transformer)
    error : str or None
        The traceback, if fitting failed.
    """

    number: int
    shared: SharedSearch
    seconds: float
    search: CachedNeighbors | None = None
    parts: Sequence[QueryPart] = ()
    transformers: Sequence[tuple[str, Any]] = ()
    error: str | None = None


class _Images(NamedTuple):
    """A split's transformed training images, and the images to predict.

    Attributes
    ----------
    train : training images that the search is fitted to
    given : list of test images and training images, as scorers get them
    queries : list of test images and, if wanted, training images, as the search gets them
    transformers : list of (name, fitted transformer)
    """

    train: Any
    given: list[Any]
    queries: list[Any]
    transformers: list[tuple[str, Any]]


class FoldMaker:
    """Creates the folds of searches among images.

    Parameters
    ----------
    X, y : as given to fit
    splits : list of CVSplit
    leave_one_out : bool
        Test each image on all others; the one split lists all images on both sides.
    with_train : bool
        Also find the neighbours of the training images, each of which is its own neighbour.
    fit_params : FitParams
    n_jobs : int or None
        Number of threads; None means the predictor's.
    raises : bool
        Raise errors of a fold instead of storing them in `Fold.error`.

    Attributes
    ----------
    progress : callable or None
        Passed to every search; None at first.
    search_of_all : NearestNeighbors or None
        The last search that was fitted to all images, for reuse.
    """

    def __init__(
        self,
        X: Any,
        y: Any,
        splits: list[CVSplit],
        *,
        leave_one_out: bool,
        with_train: bool,
        fit_params: FitParams,
        n_jobs: int | None,
        raises: bool,
    ) -> None:
        self.X = X
        self.y = y
        self.splits = splits
        self.leave_one_out = leave_one_out
        self.with_train = with_train
        self.fit_params = fit_params
        self.n_jobs = n_jobs
        self.raises = raises
        self.n = _num_samples(X)
        self.progress: Progress | None = None
        self.search_of_all: NearestNeighbors | None = None

    @property
    def n_queries(self) -> int:
        """Number of queries of one search over all splits."""
        n_train = sum(len(split.train) for split in self.splits) if self.with_train else 0
        return n_train + sum(len(split.test) for split in self.splits)

    def folds(self, images: SharedImages) -> Iterator[Fold]:
        """Yield the folds of all searches among the same images."""
        if self.leave_one_out:
            yield from map(self._leave_one_out, images.searches)
            return
        rounds: list[list[int]] = []
        if not images.transformers and not issparse(self.X):
            rounds = complementary_rounds(self.splits, self.n)
        in_rounds = {number for numbers in rounds for number in numbers}
        for shared in images.searches:
            if in_rounds and _is_native(shared.predictor):
                yield from self._in_rounds(shared, rounds)
        for number in range(len(self.splits)):
            for pairwise in (False, True):
                apart = [
                    shared
                    for shared in images.searches
                    if _is_pairwise(shared) == pairwise
                    and not (number in in_rounds and _is_native(shared.predictor))
                ]
                if apart:
                    yield from self._apart(number, apart, images.transformers)

    def _leave_one_out(self, shared: SharedSearch) -> Fold:
        start = perf_counter()
        search = self.search_of_all = self._new_search(shared).fit(self.X)
        rows, k = self.splits[0].test, shared.n_neighbors
        parts = [QueryPart(rows, self._query(search, None, k), partial(_itself, self.X))]
        if self.with_train:
            copies = _safe_indexing(self.X, rows)  # a different object from the test images
            parts.append(QueryPart(rows, self._query(search, copies, k), partial(_itself, copies)))
        known = CachedNeighbors.of(search, parts)
        return Fold(0, shared, perf_counter() - start, known, parts)

    def _in_rounds(self, shared: SharedSearch, rounds: list[list[int]]) -> Iterator[Fold]:
        start = perf_counter()
        search = self.search_of_all = self._new_search(shared).fit(self.X)
        fitting = (perf_counter() - start) / sum(map(len, rounds))
        for numbers in rounds:
            start = perf_counter()
            tested, labels, table = self._search_round(search, numbers, shared.n_neighbors)
            at = np.empty(self.n, dtype=np.int64)  # each row's position in the table
            at[tested] = np.arange(len(tested))
            seconds = fitting + (perf_counter() - start) / len(numbers)
            for label, number in enumerate(numbers):
                start = perf_counter()
                rows = at[self.splits[number].test]
                own = table.take(rows)
                parts = self._parts_in_round(search, number, label, labels, own)
                known = CachedNeighbors.of(search, parts, labels != label)
                yield Fold(number, shared, seconds + perf_counter() - start, known, parts)

    def _search_round(
        self, search: NearestNeighbors, numbers: list[int], k: int
    ) -> tuple[Rows, Rows, Neighbors]:
        """Search for all test images of a round; return them, each image's fold, and the table."""
        labels = np.full(self.n, -1, dtype=np.int64)
        for label, number in enumerate(numbers):
            labels[self.splits[number].test] = label
        tested = np.flatnonzero(labels >= 0)
        if len(tested) == self.n:
            return tested, labels, self._query(search, None, k, labels)
        queries = _safe_indexing(self.X, tested)
        return tested, labels, self._query(search, queries, k, (labels[tested], labels))

    def _parts_in_round(
        self, search: NearestNeighbors, number: int, label: int, labels: Rows, own: Neighbors
    ) -> list[QueryPart]:
        train, test = self.splits[number]
        within = np.cumsum(labels != label) - 1  # each row's position in the training fold
        table = own._replace(indices=within[own.indices])
        parts = [QueryPart(test, table, partial(_safe_indexing, self.X, test))]
        if self.with_train:
            images = _safe_indexing(self.X, train)
            groups = (np.full(len(train), label), labels)
            own = self._query(search, images, own.indices.shape[1], groups)
            table = own._replace(indices=within[own.indices])
            parts.append(QueryPart(train, table, partial(_itself, images)))
        return parts

    def _apart(
        self, number: int, searches: list[SharedSearch], transformers: list[tuple[str, Any]]
    ) -> Iterator[Fold]:
        """Yield one split of each of several searches, with an index fitted to it."""
        estimator = searches[0].candidates[0].estimator
        images, error, seconds = self._attempt(
            self._transform, self.splits[number], estimator, transformers
        )
        for shared in searches:
            share = seconds / len(searches)
            if error is not None:
                yield Fold(number, shared, share, error=error)
                continue
            known, failed, own = self._attempt(self._fit_apart, self.splits[number], shared, images)
            if failed is not None:
                yield Fold(number, shared, share + own, error=failed)
                continue
            yield Fold(number, shared, share + own, known, known.parts, images.transformers)

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
        self, split: CVSplit, estimator: Any, transformers: list[tuple[str, Any]]
    ) -> _Images:
        X_train, y_train = _safe_split(estimator, self.X, self.y, split.train)
        X_test, _ = _safe_split(estimator, self.X, None, split.test, split.train)
        fitted: list[tuple[str, Any]] = []
        train, queries = X_train, [X_test, X_train][: 1 + self.with_train]
        for name, transformer in transformers:
            step, params = clone(transformer), self.fit_params.of_step(name, split.train)
            if hasattr(step, "fit_transform"):
                train = step.fit_transform(train, y_train, **params)
            else:
                train = step.fit(train, y_train, **params).transform(train)
            # Queries are never fitted, and the result of fit_transform may differ in rounding.
            queries = list(map(step.transform, queries))
            fitted.append((name, step))
        return _Images(train, [X_test, X_train], queries, fitted)

    def _fit_apart(self, split: CVSplit, shared: SharedSearch, images: _Images) -> CachedNeighbors:
        search = self._new_search(shared).fit(images.train)
        parts = []
        # zip ends with the queries, of which there may be one.
        for rows, given, queries in zip(split[::-1], images.given, images.queries, strict=False):
            table = self._query(search, queries, shared.n_neighbors)
            parts.append(QueryPart(rows, table, partial(_itself, given), queries))
        return CachedNeighbors.of(search, parts)

    def _new_search(self, shared: SharedSearch) -> NearestNeighbors:
        search = shared.predictor._new_search().set_params(n_neighbors=shared.n_neighbors)
        if self.n_jobs is not None:
            search.set_params(n_jobs=self.n_jobs)
        return search  # type: ignore[no-any-return]

    def _query(self, search: NearestNeighbors, X: Any, k: int, exclude: Any = None) -> Neighbors:
        return search.neighbors(X, k, exclude=exclude, progress=self.progress)


def complementary_rounds(splits: Sequence[CVSplit], n: int) -> list[list[int]]:
    """Find the splits that train on all other rows, in rounds that test no row twice.

    Training rows must ascend, so that ties have the same order in the fold and among all rows.

    Parameters
    ----------
    splits : sequence of CVSplit
    n : int
        Number of rows.

    Returns
    -------
    list of list of int
        Numbers of splits.

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


def as_splits(splits: Iterable[tuple[Any, Any]]) -> list[CVSplit]:
    """Convert splits of row numbers or masks to arrays of row numbers."""
    return [CVSplit(_row_numbers(train), _row_numbers(test)) for train, test in splits]


def _row_numbers(rows: Any) -> Rows:
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)


def _itself(value: Any) -> Any:
    return value


def _is_native(predictor: KNeighborsPredictor) -> bool:
    return native_metric(predictor.metric, predictor.p, predictor.metric_params) is not None


def _is_pairwise(shared: SharedSearch) -> bool:
    return bool(get_tags(shared.candidates[0].estimator).input_tags.pairwise)
