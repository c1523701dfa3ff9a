"""Rows that are searched as if all variants of their images stood among them.

Whole-pixel shifts cost no copy: the native index follows them (``src/core/shifts.hpp`` has the
algebra). Any other variant, and all of them where the metric is no Euclidean one, is made of the
rows part by part, searched and dropped again at every search, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.notices import warn_caller
from lookalike.images.variants import Shift, Variant
from lookalike.search.rows import IndexedRows
from lookalike.search.table import Neighbors

ANNOUNCED_MIB = 1.0
"""From this size on it is announced that variants are made anew at every search."""


SMALLEST_PART = 256
"""Images that are made at once, whatever memory there is."""


class AugmentationWarning(UserWarning):
    """Variants of the training images are made anew at every search, which takes time."""


class AugmentedRows:
    """Rows and the variants of their images, with the interface of `IndexedRows`.

    Parameters
    ----------
    rows : ndarray of shape (n, d), C-contiguous, uint8, int8, int16, float32 or float64
        Kept by reference.
    metric : {"euclidean", "sqeuclidean", "cosine", "manhattan"}
    variants : sequence of Variant
        Numbered from 1 on; 0 is the row as it is.
    image_shape : tuple (h, w) or (h, w, c)
    whole : bool
        Variants have whole numbers for values, even if the rows are floats.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        metric: str,
        variants: Sequence[Variant],
        image_shape: tuple[int, ...],
        whole: bool,
    ) -> None:
        self.rows = rows
        self.metric = metric
        self.variants = tuple(variants)
        self.image_shape = image_shape
        self.whole = whole
        numbered = list(enumerate(self.variants, start=1))
        followed = [
            (number, (variant.dy, variant.dx))
            for number, variant in numbered
            if isinstance(variant, Shift) and metric in ("euclidean", "sqeuclidean")
        ]
        self._followed = np.array([0, *(number for number, _ in followed)])
        self._made = [pair for pair in numbered if pair[0] not in set(self._followed.tolist())]
        # Of squared distances, so that tables are merged before a square root can make ties.
        self._base = IndexedRows(
            rows,
            "sqeuclidean" if metric == "euclidean" else metric,
            tuple(shift for _, shift in followed),
            (*image_shape, 1)[:3],  # type: ignore[arg-type]
        )

    def build(self, n_threads: int) -> AugmentedRows:
        """Build the index now, so that no search has to."""
        self._base.build(n_threads)
        mib = self.rows.nbytes * len(self._made) / 2**20
        if mib >= ANNOUNCED_MIB:
            number = self._made[0][0]
            warn_caller(
                f"'{self.variants[number - 1]}' and all else that is no whole-pixel shift under a "
                f"Euclidean metric, {mib:,.0f} MiB of images, is made anew at every search, within "
                "working_memory; for many small searches fit what expand() makes, if there is "
                "memory for it",
                AugmentationWarning,
            )
        return self

    def query(
        self,
        queries: NDArray[Any],
        k: int,
        *,
        query_groups: NDArray[np.int64] | None = None,
        row_groups: NDArray[np.int64] | None = None,
        n_threads: int = 1,
        working_memory: int = 256 * 2**20,
        progress: Callable[[int, int], None] | None = None,
    ) -> Neighbors:
        """Find the k nearest of all rows and variants; a variant has the group of its row."""
        half = working_memory // 2  # for a part of the variants, the rest for its search
        parts = list(self._parts(half))
        total, searches = len(queries), 1 + len(parts)

        def tell(search: int) -> Callable[[int, int], None] | None:
            if progress is None:
                return None
            return lambda done, _: progress((search * total + done) // searches, total)

        how: dict[str, Any] = {
            "n_threads": n_threads,
            "working_memory": working_memory - working_memory // 2,
        }
        table = self._base.query(
            queries,
            k,
            query_groups=query_groups,
            row_groups=row_groups,
            progress=tell(0),
            **how,
        )
        numbers = np.zeros_like(table.indices) if table.variants is None else table.variants
        # A row that stands for none has the greatest number; its shift is none of the list.
        numbers = self._followed[np.minimum(numbers, len(self._followed) - 1)]
        found = Neighbors(table.indices, table.distances, numbers)
        for search, (number, rows) in enumerate(parts, start=1):
            made = IndexedRows(self._make(number, rows), self._base.metric)
            table = made.query(
                queries,
                min(k, len(made.rows)),
                query_groups=query_groups,
                row_groups=None if row_groups is None else row_groups[rows],
                progress=tell(search),
                **how,
            )
            found = merged(found, table, rows.start, number, k)
        if self.metric == "euclidean":
            np.sqrt(found.distances, out=found.distances)
        return found

    def appended(self, rows: NDArray[Any], n_threads: int) -> AugmentedRows:
        """The same search with more rows."""
        return self._on(self._base.appended(rows, n_threads))

    def kept(self, keep: NDArray[np.bool_], n_threads: int) -> AugmentedRows:
        """The same search with only the rows marked True."""
        return self._on(self._base.kept(keep, n_threads))

    def _on(self, base: IndexedRows) -> AugmentedRows:
        changed = AugmentedRows(base.rows, self.metric, self.variants, self.image_shape, self.whole)
        changed._base = base
        return changed

    def _parts(self, n_bytes: int) -> Iterator[tuple[int, slice]]:
        """Yield the variants to make and the rows to make them of, in parts of bounded size."""
        # A part is held as images, perhaps in float64 on the way, and as an index of them.
        size = max(
            SMALLEST_PART, n_bytes // (prod(self.image_shape) * (8 + 2 * self.rows.itemsize))
        )
        for number, _ in self._made:
            for start in range(0, len(self.rows), size):
                yield number, slice(start, min(start + size, len(self.rows)))

    def _make(self, number: int, part: slice) -> NDArray[Any]:
        images = self.rows[part].reshape(-1, *self.image_shape)
        made = self.variants[number - 1].apply(images)
        if self.whole and made.dtype.kind == "f":
            made = np.rint(made)
        return np.ascontiguousarray(made.reshape(len(images), -1))


def merged(found: Neighbors, more: Neighbors, first: int, number: int, k: int) -> Neighbors:
    """The k nearest of a table and another, of rows `first` ... under variant `number`."""
    known = np.isfinite(more.distances)
    indices = np.concatenate([found.indices, np.where(known, more.indices + first, 0)], axis=1)
    distances = np.concatenate([found.distances, more.distances], axis=1)
    assert found.variants is not None
    variants = np.concatenate([found.variants, np.full_like(more.indices, number)], axis=1)
    order = np.lexsort((indices, variants, distances), axis=-1)[:, :k]
    return Neighbors(
        *(np.take_along_axis(a, order, axis=1) for a in (indices, distances, variants))
    )
