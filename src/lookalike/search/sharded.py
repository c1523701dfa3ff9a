"""Search among rows in parts, each of which has an index of its own.

Parts may be arrays in memory or mapped files, of any number of rows. Each is searched, and the
tables are merged (``neighbors.py``): answers are those of one index, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, Self, Unpack

import numpy as np
from numpy.typing import NDArray

from lookalike.images.progress import Meter
from lookalike.images.variants import Variant
from lookalike.search.augmented import AugmentedRows
from lookalike.search.index import IndexedRows
from lookalike.search.neighbors import Neighbors, SearchOptions, merge, stacked


class RowParts:
    """Arrays that are searched as if they were one, without a copy.

    `NearestNeighbors`, and whatever uses it, is fitted to it as to an array; row numbers count
    through all parts. Taking rows copies only those; ``numpy.asarray`` copies all.

    Parameters
    ----------
    arrays : sequence of ndarray of shape (n_i, d), (n_i, h, w) or (n_i, h, w, c)
        The parts in the order of their rows, for example ``numpy.load(file, mmap_mode="r")`` for
        each of several files. Empty ones are left out.

    Raises
    ------
    ValueError
        If there are no rows, or if the parts' rows differ in shape.

    Examples
    --------
    >>> from lookalike import NearestNeighbors
    >>> parts = RowParts([np.array([[0], [2]]), np.array([[9], [3]])])
    >>> len(parts), parts[[3, 0]].ravel()
    (4, array([3, 0]))
    >>> NearestNeighbors(n_neighbors=2).fit(parts).kneighbors([[2]], return_distance=False)
    array([[1, 3]])
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        self.parts = [array for array in arrays if len(array)]
        if len({array.shape[1:] for array in self.parts}) != 1:
            shapes = [array.shape for array in arrays]
            raise ValueError(f"parts of the shapes {shapes}; give rows of one shape, at least one")
        self.offsets = np.cumsum([0, *map(len, self.parts)])
        self.shape: tuple[int, ...] = (len(self), *self.parts[0].shape[1:])
        self.ndim = len(self.shape)
        self.dtype = np.result_type(*self.parts)

    def __len__(self) -> int:
        return int(self.offsets[-1])

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, *others = key if isinstance(key, tuple) else (key,)  # as X[rows, ...]
        numbers = np.arange(len(self))[rows]
        which = np.searchsorted(self.offsets, numbers, "right") - 1
        if numbers.ndim == 0:
            row: NDArray[Any] = self.parts[which][numbers - self.offsets[which]][tuple(others)]
            return row
        taken: NDArray[Any] = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        for i in np.unique(which):
            own = which == i
            taken[own] = self.parts[i][numbers[own] - self.offsets[i]]
        return taken[(slice(None), *others)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("parts are copied to one array; call numpy.array")
        return np.concatenate(self.parts).astype(dtype or self.dtype, copy=False)

    def slices(self) -> list[slice]:
        """Return the row numbers of each part."""
        return [slice(start, stop) for start, stop in pairwise(self.offsets.tolist())]


class ShardedRows:
    """Rows in parts with an index each, with the same methods as `IndexedRows`.

    Parameters
    ----------
    parts : sequence of IndexedRows or AugmentedRows, at least one, none of them empty
        All of the same metric and variants.
    """

    def __init__(self, parts: Sequence[IndexedRows | AugmentedRows]) -> None:
        self.parts = list(parts)
        self.metric = self.parts[0].metric
        self.variants: tuple[Variant, ...] = self.parts[0].variants

    @property
    def rows(self) -> RowParts:
        """The rows, without a copy."""
        return RowParts([part.rows for part in self.parts])

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return sum(part.n_rows for part in self.parts)

    @property
    def scale(self) -> Literal["bytes", "shares"] | None:
        """What the rows look like, if they are pixels: in all parts alike, or None."""
        scales = {part.scale for part in self.parts}
        return scales.pop() if len(scales) == 1 else None

    def take(self, which: Any) -> NDArray[Any]:
        """Return ``rows[which]``."""
        return self.rows[which]

    def build(self, n_threads: int, n_neighbors: int = 0) -> Self:
        """Build the index of each part, for searches of so many neighbours."""
        for part in self.parts:
            part.build(n_threads, n_neighbors)
        return self

    def query(self, queries: Any, k: int, **options: Unpack[SearchOptions]) -> Neighbors:
        """Find the k nearest rows of each query; the queries may be `RowParts`, too.

        Memory is taken for the answer, twice that of a part and the working memory.
        """
        blocks, slices = [queries], [slice(0, len(queries))]
        if isinstance(queries, RowParts):
            blocks, slices = queries.parts, queries.slices()
        offsets = np.cumsum([0, *(part.n_rows for part in self.parts)]).tolist()
        query_groups, row_groups = options.get("query_groups"), options.get("row_groups")
        n, meter = len(queries), None
        if options.get("progress") is not None:
            meter = Meter(n * len(self.parts), options["progress"], shown=n)
        tables = []
        for block, own in zip(blocks, slices, strict=True):
            found: Neighbors | None = None
            for part, start in zip(self.parts, offsets, strict=False):
                wanted = min(k, part.n_rows * (1 + len(self.variants)))
                asked: SearchOptions = {**options, "progress": meter}
                if query_groups is not None and row_groups is not None:
                    asked["query_groups"] = query_groups[own]
                    asked["row_groups"] = row_groups[start : start + part.n_rows]
                table = part.query(block, wanted, **asked)
                both = ([table], [start]) if found is None else ([found, table], [0, start])
                found = merge(*both, k)
            assert found is not None
            tables.append(found)
        return stacked(tables)

    def appended(self, rows: NDArray[Any], n_threads: int) -> ShardedRows:
        """Return the same search with more rows, which are those of the last part."""
        *before, last = self.parts
        return ShardedRows([*before, last.appended(rows, n_threads)])

    def kept(self, keep: NDArray[np.bool_], n_threads: int) -> ShardedRows:
        """Return the same search with only the rows marked True, with indexes built again."""
        return self._of(keep, "kept", n_threads)

    def without(self, keep: NDArray[np.bool_], n_threads: int) -> ShardedRows:
        """Return the same search with only the rows marked True."""
        return self._of(keep, "without", n_threads)

    def _of(self, keep: NDArray[np.bool_], method: str, n_threads: int) -> ShardedRows:
        own = np.split(keep, np.cumsum([part.n_rows for part in self.parts])[:-1])
        pairs = zip(self.parts, own, strict=True)
        return ShardedRows(
            [
                part if kept.all() else getattr(part, method)(kept, n_threads)
                for part, kept in pairs
                if kept.any()
            ]
        )
