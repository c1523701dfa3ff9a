"""A fitted search that already knows the answers for some queries.

A predictor on it looks as if it were fitted to a training fold, but predicts the fold's test images
without a search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.images.progress import Progress
from lookalike.search.machine import count_threads
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.neighbors import Neighbors

if TYPE_CHECKING:
    from lookalike.estimators.base import KNeighborsPredictor

Predictor = TypeVar("Predictor", bound="KNeighborsPredictor")


class QueryPart:
    """Images to predict, with their neighbours.

    Parameters
    ----------
    rows : ndarray of shape (n,), int64
        Row numbers among all images.
    table : Neighbors
        Their neighbours, as rows of the training fold.
    take : callable
        Returns the images for scorers; called at their first use.
    queries : object, optional
        The transformed images for the predictor, if there are transformers.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        table: Neighbors,
        take: Callable[[], Any],
        queries: Any = None,
    ) -> None:
        self.rows = rows
        self.table = table
        self._take = take
        self._queries = queries

    @cached_property
    def images(self) -> Any:
        """The images for scorers."""
        return self._take()

    @property
    def queries(self) -> Any:
        """The images for the predictor."""
        return self.images if self._queries is None else self._queries


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

    def neighbors(
        self,
        X: Any = None,
        n_neighbors: int | None = None,
        *,
        exclude: Any = None,
        progress: Progress | None = None,
    ) -> Neighbors:
        """See `NearestNeighbors.neighbors`."""
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        for part in self.parts:
            if X is part.queries and k <= part.table.indices.shape[1] and exclude is None:
                return part.table.first(k)  # new arrays, because callers may change them
        return super().neighbors(X, n_neighbors, exclude=exclude, progress=progress)


def searched_once(
    predictor: Predictor,
    images: Any,
    n_neighbors: int,
    *,
    progress: Progress | None = None,
) -> Predictor:
    """Return a fitted predictor that knows the neighbours of some images.

    Whatever it is asked about these very images, it does not search again.

    Parameters
    ----------
    predictor : KNeighborsClassifier or KNeighborsRegressor, fitted
    images : array-like
    n_neighbors : int
        How many to look for at least; as many as there are, if these are fewer.
    progress : callable, optional
        Called as ``progress(done, total)`` with images searched.

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
    part = QueryPart(np.arange(len(table.indices)), table, lambda: images)
    return predictor.by_search(lambda search: CachedNeighbors.of(search, [part]))
