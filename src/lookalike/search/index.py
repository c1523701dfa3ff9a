"""Exact search in arrays of rows: the native index that all estimators use.

An index refers to its rows without a copy, and adds a quantised projection of each row
(``projection.py`` chooses it, ``src/core/bounds.hpp`` explains it), or for Manhattan distances its
bytes (``coding.py``, ``src/core/manhattan.hpp``). A filter of integer lower bounds rejects most
rows; distances of the remaining ones are computed from the original values.

An index follows from its rows, so it is never pickled or copied: `IndexedRows` builds it again
when the first search needs it. Rows of few values get a tree instead (``tree.py``), and few rows an
index in stages (``stages.py``).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, Literal, Self, Unpack

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning

from lookalike import _core
from lookalike.images.checks import scale_of
from lookalike.images.exceptions import warn_caller
from lookalike.images.variants import Variant
from lookalike.search.coding import choose_coding, native_coding
from lookalike.search.dtypes import HALVES, common_dtype, exactly
from lookalike.search.machine import cpu_path
from lookalike.search.mapped import advise, is_on_disk
from lookalike.search.neighbors import Neighbors, SearchOptions, native_name
from lookalike.search.projection import (
    choose_projection,
    native_projection,
    without_projection,
)
from lookalike.search.stages import MOST_LAZY_ROWS, Stage, stage_of
from lookalike.search.tree import QUERIES_OF_A_SPLIT, TreeIndex, split_tree, suits_tree
from lookalike.search.validation import check_finite, is_checked_later

MOST_ROWS = 2**31 - 64
SPARE = 0.5  # of the rows; memory is taken only as they come
MOST_REMOVED = 64  # rows in an index that answers drop: as many neighbours more are searched

SECOND_INDEX_MIB = 1.0  # a second index of at least this size is announced by a warning

NONE = np.broadcast_to(np.int64(0), 0)  # no numbers, read-only

# Bounds are chosen for a number of neighbours. They are chosen again if searches want more than so
# many times that number, or less than that part of it, and have computed so many distances for each
# row, beyond twice those that they wanted, that this took as long as another build.
OTHER_NEIGHBORS, SPARE_DISTANCES = 8, 60

# All objects share one lock for builds, because objects with locks can not be pickled; a build
# uses all its threads anyway. They also share one list of the running searches, by the id of their
# `IndexedRows`: an index is moved only if no search uses it. A search enters the list before it
# looks for an index, and an index is taken away before the list is read, so no lock is needed. A
# child process resets both, because the threads of its parent do not exist there.
_building = threading.Lock()
_searches: list[int] = []


def _start_afresh() -> None:
    global _building
    _building = threading.Lock()
    _searches.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)


class ExactIndex:
    """Exact nearest neighbours among the rows of one array.

    Parameters
    ----------
    rows : ndarray of shape (n, d), C-contiguous, uint8, int8, int16, float32, float64, float16 or \
            bfloat16, finite
        Kept by reference; they must not change during the life of the index. They may lie in a
        mapped file, which is read once, in their order; searches then read few of them.
    metric : {"euclidean", "sqeuclidean", "cosine", "manhattan"}, default="euclidean"
        Answers to "euclidean" are squared, so that they can be merged.
    n_threads : int, default=1
    shifts : sequence of (down, right), default=()
        Moves of the images in whole pixels. The moved images are searched as if they followed
        the rows, shift by shift, without a copy. Only for Euclidean metrics.
    frame : tuple (h, w, c)
        Shape of an image; only needed for shifts.
    stage : Stage, default=Stage.PROJECTED
        How much is built.
    n_neighbors : int, default=1
        Number of neighbours of most searches, for which the bounds are chosen.

    Examples
    --------
    >>> rows = np.array([[0, 0], [0, 3], [4, 0]], dtype=np.uint8)
    >>> ExactIndex(rows).query(np.array([[0, 0]], dtype=np.uint8), 2).rooted()[:2]
    (array([[0, 1]]), array([[0., 3.]]))
    """

    def __init__(
        self,
        rows: NDArray[Any],
        metric: str = "euclidean",
        *,
        n_threads: int = 1,
        shifts: Sequence[tuple[int, int]] = (),
        frame: tuple[int, int, int] = (0, 0, 1),
        stage: Stage = Stage.PROJECTED,
        n_neighbors: int = 1,
    ) -> None:
        self.rows = self._buffer = _check_number(rows)
        self.metric = metric
        self.n_shifts = len(shifts)
        self.stage = stage
        self.n_neighbors = n_neighbors
        self._n_spare = 0  # distances computed beyond twice those wanted
        self._is_opened = False
        cpu = cpu_path()
        native_metric = native_name(metric)
        projection = coding = None
        on_disk = is_on_disk(rows)
        advise(rows, "random")
        if metric == "manhattan":
            if stage > Stage.EXHAUSTIVE:
                coding = choose_coding(
                    rows,
                    n_neighbors=n_neighbors,
                    grouped=stage == Stage.PROJECTED,
                    on_disk=on_disk,
                )
        elif stage == Stage.PROJECTED:
            projection = choose_projection(
                rows,
                native_metric,
                cpu,
                n_neighbors=n_neighbors,
                shifted=bool(shifts),
                on_disk=on_disk,
            )
        elif stage == Stage.UNPROJECTED:
            projection = without_projection(rows, native_metric)
        advise(rows, "sequential")
        words, bits = words_of(rows)
        self._native = _core.Index(
            words,
            bits=bits,
            metric=native_metric,
            cpu=cpu,
            projection=projection,
            n_threads=n_threads,
            shifts=list(shifts),
            frame=frame,
            coding=coding,
            on_disk=on_disk,
        )
        if is_checked_later(rows) and not self._native.is_finite:
            check_finite(rows)
        if projection is not None or coding is not None:  # otherwise searches read all rows, too
            advise(rows, "random")
        self.projection, self.coding = projection, coding

    def save(self) -> dict[str, Any]:
        """Return all that `opened` needs beside the rows, with views of the index's arrays."""
        arrays, numbers = self._native.save()
        return {
            "metric": self.metric,
            "stage": int(self.stage),
            "n_neighbors": self.n_neighbors,
            "projection": self.projection and self.projection.arguments,  # type: ignore[attr-defined]
            "coding": self.coding and self.coding.arguments,  # type: ignore[attr-defined]
            "arrays": arrays,
            "numbers": list(numbers),
        }

    @classmethod
    def opened(cls, rows: NDArray[Any], saved: dict[str, Any]) -> ExactIndex:
        """Return the index of these rows that `save` was called of, in memory that it keeps.

        ValueError if it cannot be theirs.
        """
        self = cls.__new__(cls)
        self.rows = self._buffer = _check_number(rows)
        self.metric, self.n_shifts = saved["metric"], 0
        self.stage, self.n_neighbors = Stage(saved["stage"]), saved["n_neighbors"]
        self._n_spare, self._is_opened = 0, True
        self.projection = self.coding = None
        if saved["projection"] is not None:
            args, options = saved["projection"]
            self.projection = native_projection(*args, **options)
        if saved["coding"] is not None:
            args, options = saved["coding"]
            self.coding = native_coding(*args, **options)
        if self.projection or self.coding:
            advise(rows, "random")
        words, bits = words_of(rows)
        self._native = _core.Index(
            words,
            bits=bits,
            metric=native_name(self.metric),
            cpu=cpu_path(),
            projection=self.projection,
            coding=self.coding,
            on_disk=is_on_disk(rows),
            saved=(saved["arrays"], saved["numbers"]),
        )
        return self

    @property
    def nbytes(self) -> int:
        """Memory in bytes that the index takes in addition to the rows."""
        return self._native.nbytes

    def append(self, rows: NDArray[Any], *, n_threads: int = 1) -> None:
        """Append rows of the same dtype and width, in time that grows with their number alone.

        Now and then all rows are copied, into an array with space for `SPARE` of their number.
        """
        n = len(self.rows)
        n_grown = n + len(rows)
        if n_grown > len(self._buffer):
            self._buffer = np.empty((int(n_grown * (1 + SPARE)), *rows.shape[1:]), rows.dtype)
            self._buffer[:n] = self.rows
        self._buffer[n:n_grown] = rows
        grown = _check_number(self._buffer[:n_grown])
        self._native.append(words_of(grown)[0], n_threads=n_threads)
        self.rows = grown

    def query(self, queries: NDArray[Any], k: int, **options: Unpack[SearchOptions]) -> Neighbors:
        """Find the k nearest rows of each query.

        The queries have the dtype of the rows or, if these are floats, a wider one: rows of 16 bits
        are compared as float32 or float64.
        """
        shape = len(queries), k
        indices, distances = np.empty(shape, np.int64), np.empty(shape)
        n_computed = self._native.query(queries, indices, distances, **options)
        self._n_spare += max(0, n_computed - 2 * indices.size)
        squared = self.metric == "euclidean"
        if not self.n_shifts:
            return Neighbors(indices, distances, None, squared)
        variants, indices = np.divmod(indices, len(self.rows))
        return Neighbors(indices, distances, variants, squared)

    def suits(self, k: int) -> bool:
        """Return whether its bounds suit searches of k neighbours, as far as is known.

        One that was opened is never chosen again: it may not fit in memory.
        """
        usual = self.n_neighbors
        is_usual = usual / OTHER_NEIGHBORS <= k <= usual * OTHER_NEIGHBORS
        is_projected = self.stage == Stage.PROJECTED
        has_few = self._n_spare < SPARE_DISTANCES * len(self.rows)
        return is_usual or not is_projected or self._is_opened or has_few


def words_of(rows: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Return rows as the native index takes them, and their dtype if it has no name for it."""
    name = rows.dtype.name
    return (rows.view(np.uint16), name) if name in HALVES else (rows, "")


def _check_number(rows: NDArray[Any]) -> NDArray[Any]:
    if len(rows) > MOST_ROWS:
        raise ValueError(f"{len(rows)} rows but an index holds at most {MOST_ROWS}; split them")
    return rows


class IndexedRows:
    """Rows of one native dtype with their indexes: one is built by `build`, others on demand.

    The rows are kept by reference; ``metric``, ``shifts`` and ``frame`` are those of `ExactIndex`.
    """

    variants: tuple[Variant, ...] = ()

    def __init__(
        self,
        rows: NDArray[Any],
        metric: str,
        shifts: Sequence[tuple[int, int]] = (),
        frame: tuple[int, int, int] = (0, 0, 1),
    ) -> None:
        self.metric = metric
        self.shifts = shifts
        self.frame = frame
        self._stored = rows
        self._removed = NONE  # of the rows stored, ascending
        self._indexes: dict[np.dtype[Any], ExactIndex] = {}
        self._n_built = len(rows)
        self._has_tree = not shifts and suits_tree(rows, metric) and not is_on_disk(rows)
        self._tree: TreeIndex | None = None
        self._n_asked = 0
        self._n_neighbors = 0  # of most searches; 0 if unknown
        self._scale: Literal["bytes", "shares", "unknown"] | None = "unknown"

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("rows", "metric", "shifts", "frame")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def rows(self) -> NDArray[Any]:
        """The rows, shape (n_rows, d): copied if some that are stored were removed."""
        removed = self._removed
        return np.delete(self._stored, removed, axis=0) if len(removed) else self._stored

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self._stored) - len(self._removed)

    def take(self, which: Any) -> NDArray[Any]:
        """Return ``rows[which]``, without a copy of all rows if these are numbers."""
        numbers = which
        if len(self._removed):
            numbers = np.arange(self.n_rows)[which]
            before = self._removed - np.arange(len(self._removed))  # rows before each removed one
            numbers = numbers + np.searchsorted(before, numbers, "right")
        taken: NDArray[Any] = self._stored[numbers]
        return taken

    def build(self, n_threads: int, n_neighbors: int = 0) -> Self:
        """Build the tree of the rows or their index now, so that no search has to.

        Few rows get neither before searches have shown that it pays. Both are chosen for
        `n_neighbors`, or, if that is 0, for what the first search wants.
        """
        self._n_neighbors = n_neighbors or self._n_neighbors
        is_lazy = not self.shifts and len(self._stored) <= MOST_LAZY_ROWS
        if not is_lazy and self._grow_tree(QUERIES_OF_A_SPLIT, 1) is None:
            self._index(self._stored.dtype, 1, 0, n_threads)
        return self

    def save(self) -> dict[str, Any] | None:
        """Return what `open` needs beside the rows; None if no index of them was built."""
        index = self._indexes.get(self._stored.dtype)
        return None if index is None or len(self._removed) else index.save()

    def open(self, saved: dict[str, Any] | None) -> Self:
        """Take over an index of these rows that was saved."""
        if saved is not None:
            self._indexes[self._stored.dtype] = ExactIndex.opened(self._stored, saved)
            self._n_neighbors = saved["n_neighbors"]
        return self

    @property
    def scale(self) -> Literal["bytes", "shares"] | None:
        """What the rows look like, if they are pixels."""
        if self._scale == "unknown":
            self._scale = scale_of(self._stored)
        return self._scale

    def query(self, queries: NDArray[Any], k: int, **options: Unpack[SearchOptions]) -> Neighbors:
        """Find the k nearest rows of each query, which may have any native dtype."""
        if not len(self._removed):
            return self._query(queries, k, **options)
        # The removed rows are neighbours, too: drop them from as many more.
        row_groups = options.get("row_groups")
        if row_groups is not None:
            groups = np.full(len(self._stored), -1)  # nobody's group
            groups[self._is_kept()] = row_groups
            options["row_groups"] = groups
        table = self._query(queries, k + len(self._removed), **options)
        places = np.searchsorted(self._removed, table.indices)
        is_removed = self._removed.take(places, mode="clip") == table.indices
        kept = np.argsort(is_removed, axis=1, kind="stable")[:, :k]
        indices = np.take_along_axis(table.indices - places, kept, axis=1)
        return table._replace(
            indices=indices, distances=np.take_along_axis(table.distances, kept, axis=1)
        )

    def _query(self, queries: NDArray[Any], k: int, **options: Unpack[SearchOptions]) -> Neighbors:
        """Find the k nearest of all rows that are stored."""
        self._n_asked += len(queries)
        tree = self._grow_tree(self._n_asked, k)
        if tree is not None:
            return tree.query(queries, k, **options)
        return self._ask_native(queries, k, **options)

    def _grow_tree(self, n_queries: int, k: int) -> TreeIndex | None:
        """Return the tree that pays for so many queries, if one does."""
        is_split = n_queries >= QUERIES_OF_A_SPLIT
        if self._is_grown(is_split) or not (is_split or len(self._stored) <= MOST_LAZY_ROWS):
            return self._tree
        with _building:
            if not self._is_grown(is_split):
                if is_split:
                    usual = self._n_neighbors or k
                    self._tree = split_tree(self._stored, self.metric, usual)
                    self._has_tree = self._tree is not None
                else:
                    self._tree = TreeIndex(self._stored, self.metric, is_split=False)
        return self._tree

    def _is_grown(self, is_split: bool) -> bool:
        tree = self._tree
        return not self._has_tree or (tree is not None and tree.is_split >= is_split)

    def _ask_native(
        self, queries: NDArray[Any], k: int, **options: Unpack[SearchOptions]
    ) -> Neighbors:
        given, queries = queries.dtype, self._comparable(queries)
        # Rows of floats are converted one at a time, others all at once.
        are_floats = self._stored.dtype.kind == "f" or self._stored.dtype.name in HALVES
        dtype = self._stored.dtype if are_floats else queries.dtype
        if dtype != self._stored.dtype and dtype not in self._indexes:
            self._announce_second_index(given, dtype)
        n_queries = self._n_asked
        _searches.append(id(self))  # keeps the indexes in place
        try:
            index = self._index(dtype, k, n_queries, options.get("n_threads", 1))
            return index.query(queries, k, **options)
        finally:
            _searches.remove(id(self))

    def appended(self, rows: NDArray[Any], n_threads: int) -> IndexedRows:
        """Return the same search with more rows; the index grows if its dtype fits them.

        An index keeps the projection that was chosen for its first rows. It is rebuilt when
        the rows have doubled, so that the projection suits them; all builds together then take
        at most twice as long as the last one. It is also rebuilt if a search is using it. A tree
        grows anew once that pays.
        """
        fitting = exactly(rows, self._stored.dtype)
        rows = rows if fitting is None else fitting
        dtype = common_dtype(self._stored.dtype, rows.dtype)
        index = None
        if fitting is not None and len(self._stored) + len(rows) <= 2 * self._n_built:
            # The index moves to the new object. If appending fails, the index is lost and these
            # rows, which are still complete, build theirs again.
            index = (self._taken_indexes() or {}).get(dtype)
        if index is None:
            grown = self._of(np.concatenate([self.rows, rows], dtype=dtype))
            return grown if self._has_tree else grown.build(n_threads)
        index.append(rows, n_threads=n_threads)
        moved = self._of(index.rows)
        moved._indexes[dtype] = index
        moved._n_built, moved._removed = self._n_built, self._removed
        return moved

    def without(self, keep: NDArray[np.bool_], n_threads: int) -> IndexedRows:
        """Return the same search with only the rows marked True.

        Few rows stay in the index, which moves to the new object, and are dropped from answers.
        It is built again without them once they are more than `MOST_REMOVED`.
        """
        n_left = len(self._removed) + np.count_nonzero(~keep)
        if self.shifts or n_left > MOST_REMOVED or len(keep) <= MOST_LAZY_ROWS:
            return self.kept(keep, n_threads)
        indexes = self._taken_indexes()
        if indexes is None:
            return self.kept(keep, n_threads)
        changed = self._of(self._stored)
        changed._indexes, changed._tree, changed._n_built = indexes, self._tree, self._n_built
        is_kept = self._is_kept()
        is_kept[is_kept] = keep
        changed._removed = np.flatnonzero(~is_kept)
        return changed

    def _taken_indexes(self) -> dict[np.dtype[Any], ExactIndex] | None:
        """Take the indexes away, for another object, or return None if a search may use them."""
        with _building:
            taken, self._indexes = self._indexes, {}
            if id(self) not in _searches:
                return taken
            self._indexes = taken
        return None

    def _is_kept(self) -> NDArray[np.bool_]:
        """Mark the rows that are stored and not removed."""
        is_kept = np.ones(len(self._stored), dtype=bool)
        is_kept[self._removed] = False
        return is_kept

    def kept(self, keep: NDArray[np.bool_], n_threads: int) -> IndexedRows:
        """Return the same search with only the rows marked True, and a new index."""
        return self._of(self.rows[keep]).build(n_threads)

    def _of(self, rows: NDArray[Any]) -> IndexedRows:
        changed = IndexedRows(rows, self.metric, self.shifts, self.frame)
        changed._has_tree = self._has_tree
        changed._n_asked = 0 if self._has_tree else self._n_asked
        changed._n_neighbors = self._n_neighbors
        return changed

    def _comparable(self, queries: NDArray[Any]) -> NDArray[Any]:
        """Return the queries in the dtype of the rows, or in the smallest that holds both."""
        dtype = self._stored.dtype
        if dtype.name in HALVES:
            dtype = np.dtype(np.float32)
        if queries.dtype == dtype:
            return queries
        wider = (common_dtype(dtype, np.dtype(other)) for other in (np.int16, np.float32))
        for candidate in (dtype, *wider):
            converted = exactly(queries, candidate)
            if converted is not None:
                return converted
        return queries.astype(np.float64)

    def _announce_second_index(self, given: np.dtype[Any], common: np.dtype[Any]) -> None:
        rows = self._stored
        mib = rows.size * common.itemsize / 2**20
        if mib < SECOND_INDEX_MIB:
            return
        warn_caller(
            f"X ({given}) holds values that are not exact in {rows.dtype}, the dtype of the fitted "
            f"rows: they are compared in {common}, for which the rows are copied and indexed a "
            f"second time, in more than {mib:.3g} MiB. Fit rows of dtype {common} to have one "
            f"index, or pass X.astype('{rows.dtype}') if that is precise enough",
            DataConversionWarning,
        )

    def _index(self, dtype: np.dtype[Any], k: int, n_queries: int, n_threads: int) -> ExactIndex:
        """Return the index of the rows in a dtype, built as far as so many queries pay for."""
        stage = Stage.PROJECTED
        if self._has_tree:  # it will be grown
            stage = Stage.EXHAUSTIVE
        elif not self.shifts:
            n, d = self._stored.shape
            stage = stage_of(n, d, dtype, self.metric, k, n_queries)
        index = self._indexes.get(dtype)
        if index is not None and index.stage >= stage and index.suits(k):
            return index
        with _building:
            index = self._indexes.get(dtype)
            if index is None or index.stage < stage or not index.suits(k):
                usual = self._n_neighbors
                if index is not None and index.stage >= stage:  # it does not suit this number
                    usual, stage = k, index.stage
                index = self._indexes[dtype] = ExactIndex(
                    self._stored.astype(dtype, copy=False) if index is None else index.rows,
                    self.metric,
                    n_threads=n_threads,
                    shifts=self.shifts,
                    frame=self.frame,
                    stage=stage,
                    n_neighbors=usual or k,
                )
        return index
