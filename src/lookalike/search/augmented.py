"""Search among rows and all augmented variants of their images.

Whole-pixel shifts cost no copy under a Euclidean metric: the native index follows them (see
``src/core/shifts.hpp``). All other variants are computed in parts, searched and dropped at every
search, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Literal, Self, Unpack

import numpy as np
from numpy.typing import NDArray

from lookalike.images.augmentation import Augmentation
from lookalike.images.exceptions import warn_caller
from lookalike.images.progress import Meter
from lookalike.images.variants import Shift, Variant
from lookalike.search.index import IndexedRows
from lookalike.search.neighbors import Neighbors, SearchOptions, merge, native_name
from lookalike.search.validation import check_shape_of_images

ANNOUNCED_MIB = 1.0
"""Warn that variants are computed anew at every search if their images take this much."""

SMALLEST_PART = 256  # images that are changed at once, even where memory is short


class AugmentationWarning(UserWarning):
    """The variants of the training images are computed anew at every search, which takes time."""


class AugmentedRows:
    """Rows and the variants of their images, with the same methods as `IndexedRows`.

    Variant i of the sequence ``variants`` has the number i + 1; the row itself has the number 0.
    With ``whole`` the values of variants are rounded to whole numbers, even if the rows are floats.
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
        self._base = IndexedRows(
            rows,
            native_name(metric),  # as models in files have it
            tuple(shift for _, shift in followed),
            (*image_shape, 1)[:3],  # type: ignore[arg-type]
        )

    @property
    def scale(self) -> Literal["bytes", "shares"] | None:
        """What the rows look like, if they are pixels."""
        return self._base.scale

    def build(self, n_threads: int, n_neighbors: int = 0) -> Self:
        """Build the index now, for searches of so many neighbours, so that no search has to."""
        self._base.build(n_threads, n_neighbors)
        mib = self.rows.nbytes * len(self._made) / 2**20
        if mib >= ANNOUNCED_MIB:
            number = self._made[0][0]
            warn_caller(
                f"{mib:,.0f} MiB of variants are computed anew at every search, within "
                f"working_memory: '{self.variants[number - 1]}' and all others that are not "
                "whole-pixel shifts under a Euclidean metric; for many small searches, fit the "
                "images that expand() returns, if memory allows",
                AugmentationWarning,
            )
        return self

    def query(self, queries: NDArray[Any], k: int, **options: Unpack[SearchOptions]) -> Neighbors:
        """Find the k nearest rows and variants; a variant belongs to the group of its row.

        Answers to "euclidean" are squared.
        """
        memory = options.get("working_memory", 256 * 2**20)
        parts = list(self._parts(memory // 2))  # the other half is for the search
        options["working_memory"] = memory - memory // 2
        if options.get("progress") is not None:
            n = len(queries)
            options["progress"] = Meter(n * (1 + len(parts)), options["progress"], shown=n)
        table = self._base.query(queries, k, **options)
        numbers = np.zeros_like(table.indices) if table.variants is None else table.variants
        # Empty slots hold the largest index, whose variant is out of range.
        numbers = self._followed[np.minimum(numbers, len(self._followed) - 1)]
        found = table._replace(variants=numbers)
        row_groups = options.get("row_groups")
        for number, rows in parts:
            made = IndexedRows(self._make(number, rows), self._base.metric)
            if row_groups is not None:
                options["row_groups"] = row_groups[rows]
            table = made.query(queries, min(k, len(made.rows)), **options)
            table = table._replace(variants=np.full_like(table.indices, number))
            found = merge([found, table], [0, rows.start], k)
        return found._replace(squared=self.metric == "euclidean")

    def appended(self, rows: NDArray[Any], n_threads: int) -> AugmentedRows:
        """Return the same search with more rows."""
        return self._on(self._base.appended(rows, n_threads))

    def kept(self, keep: NDArray[np.bool_], n_threads: int) -> AugmentedRows:
        """Return the same search with only the rows marked True."""
        return self._on(self._base.kept(keep, n_threads))

    without = kept

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def take(self, which: Any) -> NDArray[Any]:
        """Return ``rows[which]``."""
        return self.rows[which]  # type: ignore[no-any-return]

    def _on(self, base: IndexedRows) -> AugmentedRows:
        changed = AugmentedRows(base.rows, self.metric, self.variants, self.image_shape, self.whole)
        changed._base = base
        return changed

    def _parts(self, n_bytes: int) -> Iterator[tuple[int, slice]]:
        """Yield (variant number, rows) for parts of bounded size."""
        # A part is in memory as images, possibly in float64, and once more in its index.
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


def list_variants(
    augmentation: Any, given: Any, image_shape: tuple[int, ...] | None, width: int
) -> tuple[Variant, ...]:
    """Check ``augmentation`` and return its variants of images of this shape.

    ``given`` is the parameter ``image_shape``, and ``image_shape`` that of X if it held images.
    """
    if augmentation is None:
        return ()
    if not isinstance(augmentation, Augmentation):
        raise TypeError(
            f"augmentation={augmentation!r} is not an augmentation; give for example Shifts(1), "
            "or None"
        )
    return augmentation.variants(check_shape_of_images(given, image_shape, width))
