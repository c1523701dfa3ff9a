"""`NearestNeighbors`: exact search with scikit-learn's interface.

It checks the arguments and delegates the search to the native index (`IndexedRows`) or, for a
metric or data that this does not support, to scikit-learn (`SklearnFallback`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lookalike.images.augmentation import Augmentation
from lookalike.images.checks import warn_of_other_scale
from lookalike.images.progress import Progress
from lookalike.images.variants import Variant
from lookalike.search.augmented import AugmentedRows, list_variants
from lookalike.search.dtypes import check_magnitude, to_native
from lookalike.search.index import IndexedRows
from lookalike.search.machine import ELSEWHERE, count_threads
from lookalike.search.neighbors import KNeighborsMixin, Neighbors
from lookalike.search.sharded import RowParts, ShardedRows
from lookalike.search.sklearn_fallback import (
    RadiusNeighborsMixin,
    SklearnFallback,
    check_metric,
    hand_over,
    handed_over,
    native_metric,
)
from lookalike.search.validation import (
    check_count,
    check_enough_rows,
    check_graph_format,
    check_parameters,
    count_bytes,
    encode_groups,
    rows_to_keep,
    validate_rows,
)

# Work that one thread does in less time than two: pairs of values of a search, and values that are
# indexed. A pair of rows costs as much as `PAIR` values more. At this limit one thread takes 0.7 ms
# or more, and two take 0.2 to 0.4 ms of the CPU in addition: medians of `time.process_time` with
# n_jobs=1 and 2, for 300 to 10,000 rows of 6 to 784 values, AVX-512.
SHORT_PAIRS, PAIR, SHORT_VALUES = 5e7, 64, 2**20


class NearestNeighbors(KNeighborsMixin, RadiusNeighborsMixin, BaseEstimator):  # type: ignore[misc]
    """Exact nearest neighbours of images or rows, a drop-in replacement for scikit-learn's.

    Every answer is exact: distances of integers are computed in integers, distances of floats in
    float64, and of two rows at the same distance the one with the lower index comes first. The
    answer is therefore the same on every machine, for every number of threads and in every
    order of the queries.

    Parameters
    ----------
    n_neighbors : int, default=5
        Default number of neighbours that `kneighbors` finds.
    radius : float, default=1.0
        Default radius of `radius_neighbors`.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"}, default="auto"
        Ignored by the native search; passed on to scikit-learn if it does the search.
    leaf_size : int, default=30
        As for `algorithm`.
    metric : str or callable, default="minkowski"
        Native metrics are "euclidean" ("l2", "minkowski" with p=2), "sqeuclidean", "cosine" and
        "manhattan" ("l1", "cityblock", "minkowski" with p=1). With any other metric,
        a callable or "precomputed", scikit-learn does the search, with a `SklearnFallbackWarning`.
        With "cosine" a row of zeros is at distance 1 from every row.
    p : float, default=2
        Power of the Minkowski metric.
    metric_params : dict, default=None
        Further arguments of the metric; if there are any, scikit-learn does the search.
    n_jobs : int, default=None
        Number of threads: -1 uses all CPUs, -2 all but one, and so on. None also uses all CPUs,
        but at most OMP_NUM_THREADS if that is set, as joblib does in its worker processes. The
        answer does not depend on it.
    working_memory : float, default=256
        MiB, at most 2**40, that a search may use in addition to rows, queries and answer.
    augmentation : Augmentation or None, default=None
        Search also among variants of the images, for example with ``Shifts(1)``. Neighbours
        and distances equal those of a search among the images that `expand` returns. Whole-pixel
        shifts cost no copy; other variants are computed in parts at every search, with a warning
        if they take 1 MiB or more. Only for native metrics and dense images.
    image_shape : tuple (h, w) or (h, w, c), default=None
        Shape of the images if X holds flat rows; `augmentation` needs it.

    Attributes
    ----------
    n_features_in_ : int
        Number of values of a row or an image.
    feature_names_in_ : ndarray of shape (n_features,), object
        Column names, if X was a DataFrame with string column names.
    image_shape_ : tuple of int or None
        ``(h, w)`` or ``(h, w, c)`` if X held images.
    n_samples_fit_ : int
        Number of rows.
    variant_names_ : tuple of str
        Name of each variant by its number: "original", then for example "right 1".
    effective_metric_ : str or callable
        Metric of the distances, for example "euclidean" for "minkowski" with p=2.
    effective_metric_params_ : dict
        Further arguments of the metric.

    Notes
    -----
    Rows of uint8, int8, int16, float32, float64, float16 and ``ml_dtypes.bfloat16`` are searched
    without a copy: do not change the array after `fit`. Other dtypes are converted according to the
    table in `lookalike.search.dtypes`, which changes no value. Queries of another dtype are copied
    into the dtype of the rows; if that does not hold them exactly, both are compared in int16,
    float32 or float64. Rows of floats are converted one at a time; for integers this needs a copy
    of the rows in that dtype with an index of its own, which is made once, and announced by a
    `DataConversionWarning` if it takes 1 MiB or more.

    Rows in a mapped file, as ``numpy.load(file, mmap_mode="r")`` returns, are read once by `fit`,
    in their order; NaN and infinity are found then. Searches read those rows whose bounds do not
    rule them out. See `RowParts` for several files.

    Rows of at most 16 values are searched by a k-d tree, unless the metric is cosine. For Euclidean
    distances of more than 4 values, `fit` or a search first tries whether that takes less time. The
    answer is the same, to the last bit; the tree copies the rows in float64.

    The index is chosen for searches of ``n_neighbors``. Answers are the same for any other number,
    and the index is chosen again if many searches want a very different one.

    Several threads may search one fitted object at once, even while another thread calls
    `partial_fit` or `remove`: a search sees either the whole change or none of it. `fit` must not
    run during a search. If one of the three methods fails, the object stays as it was.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from lookalike import NearestNeighbors
    >>> images = load_digits().images.astype("uint8")
    >>> search = NearestNeighbors(n_neighbors=3).fit(images[:1000])
    >>> distances, indices = search.kneighbors(images[1000:1002])
    >>> indices
    array([[994, 972, 517],
           [970, 929, 919]])
    >>> (distances**2).round()
    array([[145., 245., 398.],
           [575., 648., 682.]])
    """

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        radius: float = 1.0,
        algorithm: str = "auto",
        leaf_size: int = 30,
        metric: str | Callable[..., float] = "minkowski",
        p: float = 2,
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        working_memory: float = 256,
        augmentation: Augmentation | None = None,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.working_memory = working_memory
        self.augmentation = augmentation
        self.image_shape = image_shape

    def fit(self, X: Any, y: Any = None) -> Self:
        """Store the rows and build the index; of up to 4,096 rows, searches build it.

        Parameters
        ----------
        X : array-like of shape (n, d), images of shape (n, h, w) or (n, h, w, c), \
                DataFrame, CPU tensor, sparse matrix or `RowParts`
            The rows, or the square matrix of their distances with metric="precomputed".
        y : ignored

        Returns
        -------
        self : NearestNeighbors

        Raises
        ------
        ValueError
            If X is empty, ragged, not numeric or not finite, if no native dtype holds all of
            its values exactly, or if a parameter is out of range.
        TypeError
            If a parameter has the wrong type, or if X can not be read as an array.

        Warns
        -----
        SklearnFallbackWarning
            If scikit-learn does the search.
        """
        check_parameters(self.__dict__)
        check_metric(self.metric)
        fitted = _copied(self)
        first, *others = X.parts if isinstance(X, RowParts) else [X]
        rows, variants, is_ready = check_rows(fitted, first)
        parts = [(rows, is_ready)]
        for other in others:
            own, _, is_ready = validate_rows(
                fitted, other, reset=False, allow_nan=fitted._allows_nan()
            )
            parts.append((own, is_ready))
        metric = native_metric(self.metric, self.p, self.metric_params)
        if metric is None or sparse.issparse(rows):
            rows = np.concatenate([part for part, _ in parts]) if others else rows
            given = f"metric={self.metric!r}, p={self.p}, metric_params={self.metric_params}"
            fallback = hand_over(self, rows, given if metric is None else "sparse rows")
            fitted.effective_metric_ = fallback.searcher.effective_metric_
            fitted.effective_metric_params_ = fallback.searcher.effective_metric_params_
            return self._become(fitted, fallback)
        fitted.effective_metric_, fitted.effective_metric_params_ = metric, {}
        whole = all(part.dtype.kind in "biu" for part, _ in parts)
        searchers: list[IndexedRows | AugmentedRows] = []
        for part, is_ready in parts:
            if not is_ready:
                # Whole-pixel shifts are of dtypes that kernels compute with.
                part = to_native(part, stored=not variants)
                check_magnitude(part, metric)
            if variants:
                shape = fitted.image_shape_ if self.image_shape is None else self.image_shape
                searchers.append(AugmentedRows(part, metric, variants, tuple(shape), whole))
            else:
                searchers.append(IndexedRows(part, metric))
        searcher = ShardedRows(searchers) if isinstance(X, RowParts) else searchers[0]
        is_short = sum(part.size for part, _ in parts) < SHORT_VALUES
        n_threads = count_threads(self.n_jobs, is_short=is_short)
        return self._become(fitted, searcher.build(n_threads, self.n_neighbors))

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Add rows after those fitted so far; the first call is a `fit`.

        A call takes time for its own rows. All rows are copied by the first one, and again when
        they are half as many more; the index is built anew if their number has doubled or another
        thread is searching.

        Parameters
        ----------
        X : array-like as in `fit`, of the fitted width or image shape
        y : ignored

        Returns
        -------
        self : NearestNeighbors

        Raises
        ------
        ValueError, TypeError
            As `fit`, or if X has another width, or with metric="precomputed".
        """
        if not hasattr(self, "_searcher"):
            return self.fit(X)
        rows = self._validate_like_fitted(X)
        if not isinstance(self._searcher, SklearnFallback) and sparse.issparse(rows):
            raise ValueError(
                "sparse rows can not be added to dense ones; pass X.toarray(), or fit all of "
                "them as one sparse matrix"
            )
        grown = self._searcher.appended(rows, count_threads(self.n_jobs))
        return self._become(_copied(self), grown)

    def remove(self, ids: Any) -> Self:
        """Remove rows, with the same result as if they had never been fitted.

        The other rows keep their order and are renumbered, as by `numpy.delete`. Up to 64 rows stay
        in memory, and in the index, until it is built anew: no answer, pickle or model file has
        them. It is built anew if more are removed, or if another thread is searching.

        Parameters
        ----------
        ids : int or array-like of int
            Numbers of the rows to remove.

        Returns
        -------
        self : NearestNeighbors

        Raises
        ------
        ValueError
            If there is no row of an id, if an id is given twice, if no row would remain, or with
            metric="precomputed".
        TypeError
            If ids are not integers.

        Examples
        --------
        >>> from lookalike import NearestNeighbors
        >>> search = NearestNeighbors(n_neighbors=1).fit([[0], [4], [9]])
        >>> search.remove([0]).kneighbors([[0]])
        (array([[4.]]), array([[0]]))
        """
        check_is_fitted(self)
        keep = rows_to_keep(ids, self.n_samples_fit_)
        kept = self._searcher.without(keep, count_threads(self.n_jobs))
        return self._become(_copied(self), kept)

    def neighbors(
        self,
        X: Any = None,
        n_neighbors: int | None = None,
        *,
        exclude: Any = None,
        progress: Progress | None = None,
    ) -> Neighbors:
        """Find the nearest rows of each query, as one table.

        Parameters
        ----------
        X, n_neighbors, exclude, progress
            As of `kneighbors`, which returns the parts of the table.

        Returns
        -------
        Neighbors
            Its ``variants`` are None without `augmentation`.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As `kneighbors`.

        Examples
        --------
        >>> from lookalike import NearestNeighbors
        >>> search = NearestNeighbors(n_neighbors=1).fit([[0], [4]])
        >>> search.neighbors([[1]])
        Neighbors(indices=array([[0]]), distances=array([[1.]]), variants=None, squared=False)
        """
        if not hasattr(self, "_searcher"):  # tells it sooner than scikit-learn's check
            check_is_fitted(self)
        return self._find(X, n_neighbors, exclude, progress).rooted()

    def table(
        self,
        X: Any = None,
        n_neighbors: int | None = None,
        *,
        exclude: Any = None,
        progress: Progress | None = None,
    ) -> Neighbors:
        """Find the nearest rows of each query, as a table that `lookalike.search.merge` takes.

        It is that of `neighbors`, with two differences. Euclidean distances are squared, so that
        tables of parts are merged without rounding. A query for which fewer rows remain is no
        error: slots without a row have the index `NO_ROW` and an infinite distance.

        Parameters
        ----------
        X, n_neighbors, exclude, progress
            As of `kneighbors`.

        Returns
        -------
        Neighbors
            It has n_neighbors columns; ``rooted()`` has distances in the unit of the metric.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As `kneighbors`, but for too few rows only if scikit-learn does the search.

        Examples
        --------
        >>> from lookalike import NearestNeighbors
        >>> table = NearestNeighbors().fit([[0], [4]]).table([[1]], 3)
        >>> table.distances, table.indices[:, :2]
        (array([[ 1.,  9., inf]]), array([[0, 1]]))
        """
        if not hasattr(self, "_searcher"):
            check_is_fitted(self)
        return self._find(X, n_neighbors, exclude, progress, may_lack=True)

    def _find(
        self,
        X: Any,
        n_neighbors: int | None,
        exclude: Any,
        progress: Progress | None,
        may_lack: bool = False,
    ) -> Neighbors:
        """Return the table of the searcher; with ``may_lack`` it may lack rows, and is padded."""
        k = check_count(self.n_neighbors if n_neighbors is None else n_neighbors, "n_neighbors")
        searcher: Any = self._searcher
        queries = searcher.rows if X is None else self._validate_like_fitted(X)
        if sparse.issparse(queries):
            searcher = handed_over(self, "sparse queries")
        # n_samples_fit_ may have changed: another thread may add rows.
        n_queries, n_rows = queries.shape[0], searcher.n_rows
        groups = None
        if X is None or exclude is not None:
            groups = encode_groups(exclude, None if X is None else n_queries, n_rows)
        forms = 1 + len(searcher.variants)
        may_lack &= not isinstance(searcher, SklearnFallback)
        if not may_lack:
            check_enough_rows(k, n_rows, n_queries, groups, forms=forms, leave_one_out=X is None)
        query_groups, row_groups = groups or (None, None)
        pairs = n_queries * n_rows * forms * (queries.shape[1] + PAIR)
        is_short = isinstance(searcher, IndexedRows) and (n_queries == 1 or pairs < SHORT_PAIRS)
        place = None if pairs < SHORT_PAIRS else ELSEWHERE.get()
        if place is not None and isinstance(searcher, IndexedRows | AugmentedRows):
            searcher = place(searcher)
        table: Neighbors = searcher.query(
            queries,
            min(k, n_rows * forms),
            query_groups=query_groups,
            row_groups=row_groups,
            n_threads=count_threads(self.n_jobs, is_short=is_short),
            working_memory=count_bytes(self.working_memory),
            progress=progress,
        )
        return table.padded(k) if may_lack else table

    @property
    def training_rows_(self) -> Any:
        """The training data as rows, shape (n_samples, n_features).

        They are not copied, unless rows were removed since the index was built.
        """
        check_is_fitted(self)
        return self._searcher.rows

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.positive_only = self.metric == "precomputed"
        tags.input_tags.allow_nan = self._allows_nan()
        return tags

    def _become(
        self, fitted: Self, searcher: IndexedRows | AugmentedRows | ShardedRows | SklearnFallback
    ) -> Self:
        """Take over a new state in one step, so that a failure before it changes nothing."""
        fitted._searcher = searcher
        fitted.variant_names_ = ("original", *map(str, searcher.variants))
        fitted.n_samples_fit_ = searcher.n_rows
        self.__dict__ = fitted.__dict__
        return self

    def _validate_like_fitted(self, X: Any) -> Any:
        if self.metric == "precomputed":
            check_graph_format(X)
        rows, _, is_ready = validate_rows(self, X, reset=False, allow_nan=self._allows_nan())
        searcher = self._searcher
        if not isinstance(searcher, SklearnFallback) and (is_ready or not sparse.issparse(rows)):
            if not is_ready:
                rows = to_native(rows)
                check_magnitude(rows, searcher.metric)
            warn_of_other_scale(rows, searcher.scale, lambda: np.asarray(searcher.rows))
        return rows

    def _allows_nan(self) -> bool:
        return isinstance(self.metric, str) and self.metric == "nan_euclidean"


def _copied(search: NearestNeighbors) -> NearestNeighbors:
    """Return ``copy.copy(search)``, in a tenth of the time that scikit-learn's pickling takes."""
    copied = object.__new__(type(search))
    copied.__dict__.update(search.__dict__)
    return copied


def check_rows(search: NearestNeighbors, X: Any) -> tuple[Any, tuple[Variant, ...], bool]:
    """Check X as `fit` does; return its rows, and the variants that `augmentation` gives.

    Also return whether the rows are searched as they are, as `validate_rows` tells it. ``search``
    then has the attributes that tell the width and the image shape.
    """
    rows, shape, is_ready = validate_rows(search, X, reset=True, allow_nan=search._allows_nan())
    search.image_shape_ = shape
    variants = list_variants(search.augmentation, search.image_shape, shape, rows.shape[1])
    return rows, variants, is_ready
