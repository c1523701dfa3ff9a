"""The table of neighbours: what every search returns, by which options, and how users get it.

Tables of parts of the rows are merged to the table of all rows. Their distances must not be rounded
before: the square roots of two different squares may be equal. So parts exchange squares.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import get_config
from sklearn.utils.validation import check_is_fitted

from lookalike.images.progress import Progress

NO_ROW = int(np.iinfo(np.int64).max)
"""The index of a slot of a table that no row is left for; its distance is infinite."""


def native_name(metric: str) -> str:
    """Return the native metric of a search by a metric: "euclidean" is searched by squares."""
    return "sqeuclidean" if metric == "euclidean" else metric


class Neighbors(NamedTuple):
    """The nearest training rows of each query, nearest first.

    Rows are ordered by (distance, index): of two training rows at the same distance
    the one with the lower index comes first.

    Attributes
    ----------
    indices : ndarray of shape (n_queries, n_neighbors), int64
        Indices of the training rows.
    distances : ndarray of shape (n_queries, n_neighbors), float64
        Distances in the unit of the metric.
    variants : ndarray of shape (n_queries, n_neighbors), int64, or None
        With augmentation, the number of the variant of each row; 0 is the row itself. Rows
        are then ordered by (distance, variant, index).
    squared : bool
        Whether the distances are the squares of those of the metric, as parts exchange them.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    variants: NDArray[np.int64] | None = None
    squared: bool = False

    def take(self, queries: Any) -> Neighbors:
        """Return the neighbours of some of the queries.

        Examples
        --------
        >>> table = Neighbors(np.array([[0, 4], [2, 3]]), np.array([[1.0, 2.0], [0.5, 3.0]]))
        >>> table.take([1]).indices
        array([[2, 3]])
        """
        variants = None if self.variants is None else self.variants[queries]
        return Neighbors(self.indices[queries], self.distances[queries], variants, self.squared)

    def first(self, k: int) -> Neighbors:
        """Return the k nearest rows of each query, in new arrays."""
        variants = None if self.variants is None else self.variants[:, :k].copy()
        indices, distances = self.indices[:, :k].copy(), self.distances[:, :k].copy()
        return Neighbors(indices, distances, variants, self.squared)

    def rooted(self) -> Neighbors:
        """Return the table with distances in the unit of the metric.

        Examples
        --------
        >>> Neighbors(np.array([[4]]), np.array([[9.0]]), squared=True).rooted().distances
        array([[3.]])
        """
        if not self.squared:
            return self
        return self._replace(distances=np.sqrt(self.distances), squared=False)

    def padded(self, k: int, offset: int = 0) -> Neighbors:
        """Return k columns, with `offset` added to all rows and `NO_ROW` in slots without one."""
        n_spare = k - self.indices.shape[1]
        if n_spare == offset == 0 and np.isfinite(self.distances).all():
            return self
        spare = ((0, 0), (0, max(0, n_spare)))
        distances = np.pad(self.distances[:, :k], spare, constant_values=np.inf)
        known = np.isfinite(distances)
        indices = np.where(known, np.pad(self.indices[:, :k], spare) + offset, NO_ROW)
        variants = self.variants
        if variants is not None:
            variants = np.where(known, np.pad(variants[:, :k], spare), 0)
        return Neighbors(indices, distances, variants, self.squared)


def merge(
    tables: Sequence[Neighbors], offsets: Sequence[int], n_neighbors: int | None = None
) -> Neighbors:
    """Merge the neighbour tables of parts of the rows to the table of all rows.

    The result equals the table of one search among all rows, to the last bit, if each table is
    `NearestNeighbors.table` of the same queries in its part: distances are compared as squares,
    and equal ones are ordered by variant and row. Merging may go in steps, in any order; a merged
    table has the offset 0.

    Parameters
    ----------
    tables : sequence of Neighbors, at least one
        They have the same queries, and are all squared or none. A table of fewer than
        `n_neighbors` columns holds all rows of its part. Slots without a row, or of an infinite
        distance, are passed over.
    offsets : sequence of int
        For each table the number of the first row of its part among all rows.
    n_neighbors : int, default=None
        Columns of the result; None means those of the widest table.

    Returns
    -------
    Neighbors
        Slots that no row is left for have the index `NO_ROW` and an infinite distance. `variants`
        are None if no table has any.

    Raises
    ------
    ValueError
        If there is no table or not one offset for each, if tables differ in the number of queries,
        or if some are squared and others are not.

    Examples
    --------
    >>> from lookalike import NearestNeighbors
    >>> from lookalike.search import merge
    >>> rows, queries = np.array([[0], [2], [9], [3]]), [[2]]
    >>> parts = [NearestNeighbors().fit(rows[:3]), NearestNeighbors().fit(rows[3:])]
    >>> merge([part.table(queries, 2) for part in parts], [0, 3]).rooted()
    Neighbors(indices=array([[1, 3]]), distances=array([[0., 1.]]), variants=None, squared=False)
    """
    if not len(tables) or len(tables) != len(offsets):
        raise ValueError(
            f"{len(tables)} tables and {len(offsets)} offsets; give at least one table, and the "
            "number of the first row for each"
        )
    if len({(len(table.indices), table.squared) for table in tables}) > 1:
        shapes = [(table.indices.shape, table.squared) for table in tables]
        raise ValueError(
            f"the tables' shapes, and whether they are squared, are {shapes}; give tables of the "
            "same queries, all from NearestNeighbors.table"
        )
    k = n_neighbors or max(table.indices.shape[1] for table in tables)
    widths = [min(k, table.indices.shape[1]) for table in tables]
    moved = [
        table.padded(width, int(offset))
        for table, width, offset in zip(tables, widths, offsets, strict=True)
    ]
    indices = np.concatenate([table.indices for table in moved], axis=1)
    distances = np.concatenate([table.distances for table in moved], axis=1)
    variants = None
    keys: tuple[NDArray[Any], ...] = (indices, distances)
    if any(table.variants is not None for table in moved):
        every = [
            np.zeros_like(table.indices) if table.variants is None else table.variants
            for table in moved
        ]
        variants = np.concatenate(every, axis=1)
        keys = (indices, variants, distances)
    order = np.lexsort(keys, axis=-1)[:, :k]
    taken = [None if a is None else np.take_along_axis(a, order, 1) for a in (indices, variants)]
    nearest = np.take_along_axis(distances, order, axis=1)
    return Neighbors(taken[0], nearest, taken[1], moved[0].squared).padded(k)  # type: ignore[arg-type]


def stacked(tables: Sequence[Neighbors]) -> Neighbors:
    """Return the table of the queries of several tables, one after the other."""
    columns = zip(*(table[:3] for table in tables), strict=True)
    indices, distances, variants = (
        None if own[0] is None else np.concatenate(own) for own in columns
    )
    return Neighbors(indices, distances, variants, tables[0].squared)  # type: ignore[arg-type]


class SearchOptions(TypedDict, total=False):
    """Options of ``query(queries, k, **options)``, which every search has, the native one too.

    Attributes
    ----------
    query_groups, row_groups : ndarray of shape (n_queries,) and (n_rows,), int64, or None
        A row of a query's own group is never its neighbour. The caller makes sure that at least
        k rows remain for every query.
    n_threads : int, default=1
    working_memory : int, default=256 * 2**20
        Bytes that all threads together may use in addition to the answer.
    progress : callable or None
        Called from time to time with the number of queries done and their total.
    """

    query_groups: NDArray[np.int64] | None
    row_groups: NDArray[np.int64] | None
    n_threads: int
    working_memory: int
    progress: Progress | None


class KNeighborsMixin:
    """`kneighbors` and its graph for estimators that have a method ``neighbors``."""

    def kneighbors(
        self,
        X: Any = None,
        n_neighbors: int | None = None,
        return_distance: bool = True,
        *,
        exclude: Any = None,
        progress: Progress | None = None,
        return_variant: bool = False,
    ) -> Any:
        """Find the nearest rows of each query.

        Parameters
        ----------
        X : array-like as in `fit`, default=None
            The queries. None means leave-one-out: every fitted row is a query, and is not its
            own neighbour.
        n_neighbors : int, default=None
            None means the estimator's own parameter.
        return_distance : bool, default=True
        exclude : array-like or pair of array-likes of hashable labels, default=None
            Groups, for instance folds or the variants of one image: rows of a query's own group
            are never its neighbours. With X=None the group of each fitted row, shape
            (n_samples_fit,); with X the pair ``(query_groups, row_groups)``.
        progress : callable, default=None
            Called from time to time, and at the end, as ``progress(done, total)`` with numbers
            of queries. An exception that it raises ends the search.
        return_variant : bool, default=False
            Also return the variant in which each row is a neighbour.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors), float64
            In the unit of the metric, nearest first; only with `return_distance`.
        indices : ndarray of shape (n_queries, n_neighbors), int64
            The rows; at equal distances the lowest index comes first. With `augmentation` a row
            may occur several times, in several variants; at equal distances the lowest
            variant comes first, then the lowest index.
        variants : ndarray of shape (n_queries, n_neighbors), int64
            0 for a row itself, v for the v-th of ``augmentation.variants(image_shape)``; only
            with `return_variant`.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        ValueError
            If X is not finite or does not match the fitted rows; if fewer than `n_neighbors`
            rows remain for a query; if there are missing, too many or too few labels; if a
            parameter that was set after `fit` is out of range.
        TypeError
            If n_neighbors is not an integer, or `exclude` has the wrong form.

        Warns
        -----
        DataConversionWarning
            If the dtype of the rows does not hold the queries exactly, and a second index
            takes 1 MiB or more.
        SklearnFallbackWarning
            If the queries are sparse and the rows are not.
        UserWarning
            If the queries are pixels from 0 to 255 but the rows from 0 to 1, or vice versa.

        Examples
        --------
        >>> from lookalike import NearestNeighbors
        >>> search = NearestNeighbors(n_neighbors=1).fit([[0], [1], [5]])
        >>> distances, indices = search.kneighbors()
        >>> distances.ravel(), indices.ravel()
        (array([1., 1., 4.]), array([1, 0, 1]))
        >>> distances, indices = search.kneighbors(exclude=["a", "a", "b"])
        >>> distances.ravel(), indices.ravel()
        (array([5., 4., 4.]), array([2, 2, 1]))
        """
        search: Any = self
        table = search.neighbors(X, n_neighbors, exclude=exclude, progress=progress)
        answer = [table.distances, table.indices] if return_distance else [table.indices]
        if return_variant:
            variants = table.variants
            answer.append(np.zeros_like(table.indices) if variants is None else variants)
        return tuple(answer) if len(answer) > 1 else answer[0]

    def kneighbors_graph(
        self, X: Any = None, n_neighbors: int | None = None, mode: str = "connectivity"
    ) -> Any:
        """Return the nearest rows of each query as a sparse graph.

        Parameters
        ----------
        X, n_neighbors
            As in `kneighbors`.
        mode : {"connectivity", "distance"}, default="connectivity"
            Value of an edge: 1, or the distance.

        Returns
        -------
        graph : CSR matrix of shape (n_queries, n_samples_fit), float64
            `graph[i, j]` is the edge from query i to row j; distances of 0 are stored.

        Raises
        ------
        ValueError, TypeError, NotFittedError
            As `kneighbors`, or if `mode` is unknown.
        """
        check_is_fitted(self)
        if mode not in ("connectivity", "distance"):
            raise ValueError(
                'Unsupported mode, must be one of "connectivity", or "distance" but got '
                f'"{mode}" instead'
            )
        fitted: Any = copy.copy(self)  # its rows stay if another thread changes self
        if fitted.augmentation is not None:
            raise ValueError(
                f"augmentation={fitted.augmentation!r} but a graph has only one edge from a query "
                "to a row, which may be its neighbour in several variants; use kneighbors, or fit "
                "the images that expand() returns"
            )
        distances, indices = fitted.kneighbors(X, n_neighbors)
        data = distances if mode == "distance" else np.ones_like(distances)
        n_queries, k = indices.shape
        # scikit-learn's releases differ in which of SciPy's two interfaces they return.
        as_array = get_config().get("sparse_interface") == "sparray"
        return (sparse.csr_array if as_array else sparse.csr_matrix)(
            (data.ravel(), indices.ravel(), np.arange(0, n_queries * k + 1, k)),
            shape=(n_queries, fitted.n_samples_fit_),
        )
