"""Queries beside the training images that their predictions rest on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.images.dataset import Dataset
from lookalike.reports.blocks import Block, Column, Gallery, Picture, Report, Section, Table
from lookalike.reports.pictures import as_pixels, called_lines, right_or_wrong, with_arrows

_N_QUERIES, _N_NEIGHBORS = 10, 6
_DECIMALS_BELOW = 1000  # distances have decimals below it


def describe(explanation: Explanation) -> Report:
    """Return the report of what stands behind the first predictions."""
    n = min(len(explanation), _N_QUERIES)
    shown = f"; the first {n} are shown" if n < len(explanation) else ""
    n_neighbors = explanation.indices.shape[1]
    subtitle = f"{len(explanation):,} predictions by {n_neighbors} neighbors each{shown}"
    blocks: list[Block]
    if explanation.images is None:
        blocks = [_neighbor_table(explanation, query) for query in range(n)]
    else:
        caption = "Each query before the training images nearest to it"
        caption += f", {_N_NEIGHBORS} of {n_neighbors}." if n_neighbors > _N_NEIGHBORS else "."
        blocks = [explained_gallery(explanation, None, np.arange(n), caption)]
    return Report(
        "What stands behind the predictions", subtitle, sections=[Section("Neighbors", blocks)]
    )


def explained_gallery(
    explanation: Explanation,
    labels: NDArray[Any] | None,
    shown: NDArray[np.int64],
    caption: str,
    data: Dataset | None = None,
    margins: NDArray[np.float64] | None = None,
    numbers: NDArray[np.int64] | None = None,
) -> Gallery:
    """Show queries beside the training images that their predictions rest on.

    Parameters
    ----------
    explanation : Explanation of n queries
    labels : ndarray of shape (n,) or None
        Their true labels, if they are known.
    shown : ndarray of shape (n_shown,), int64
        The places of the queries to show, at least one.
    caption : str
    data : Dataset, optional
        Where queries are test images and neighbours training images of it: they are named by their
        files and shown as they were. Labels that are integers are positions in its class names.
    margins : ndarray of shape (n,), float64, optional
        By how much the true class won, written instead of the probability of the prediction.
    numbers : ndarray of shape (n,), int64, optional
        Which test images the queries are; their places if not given.
    """
    numbers = np.arange(len(explanation)) if numbers is None else numbers
    explained = _Explained(explanation, labels, data, margins, numbers)
    if explanation.deformed is not None and explanation.deformed[shown].any():
        caption += " Arrows lead from pixels of the query to similar ones of the training image."
    return Gallery([explained.query(query) for query in shown.tolist()], caption)


@dataclass(frozen=True)
class _Explained:
    """Makes pictures of queries, each with its neighbours; see `explained_gallery`."""

    explanation: Explanation
    labels: NDArray[Any] | None
    data: Dataset | None
    margins: NDArray[np.float64] | None
    numbers: NDArray[np.int64]

    def query(self, query: int) -> Picture:
        """Return a query with its nearest neighbours.

        If pixels moved, arrows over the nearest one lead from pixels of the query to similar ones.
        """
        found = self.explanation
        said = self._name(found.prediction[query])
        is_right = True
        if self.labels is not None:
            is_right = np.array_equal(self.labels[query], found.prediction[query])
            true = self._name(self.labels[query])
            said = true if is_right else f"{true}, not {said}"
        notes = []
        if self.margins is not None:
            notes = [f"margin {self.margins[query]:+.0%}"]
        elif found.classes is not None:
            notes = [f"{found[query].class_shares(found.classes).max():.0%}"]
        number = int(self.numbers[query])
        called = (
            f"test {number:,}" if self.data is None else f"test {self.data.test.called(number)}"
        )
        return Picture(
            self._query_image(query),
            f"T{called[1:]}: {said}",
            [said, *called_lines(called), *notes],
            state=None if self.labels is None else right_or_wrong(is_right),
            neighbors=[
                self._neighbor(query, place)
                for place in range(min(found.indices.shape[1], _N_NEIGHBORS))
            ],
        )

    def _neighbor(self, query: int, place: int) -> Picture:
        found, data = self.explanation, self.data
        row, label = int(found.indices[query, place]), found.labels[query, place]
        name, share = self._name(label), found.shares[query, place]
        variant = int(found.variants[query, place])
        distance = found.distances[query, place]
        far = f"{distance:,.0f}" if distance >= _DECIMALS_BELOW else f"{distance:.4g}"
        called = f"train {row:,}" if data is None else f"train {data.train.called(row)}"
        wanted = found.prediction[query] if self.labels is None else self.labels[query]
        return Picture(
            self._neighbor_image(query, place),
            f"T{called[1:]}: {name}, {share:.0%}",
            [
                name,
                f"{share:.0%} at {far}",
                *called_lines(called),
                *([found.variant_names[variant]] if variant else []),
            ],
            state=right_or_wrong(np.array_equal(label, wanted)),
        )

    def _query_image(self, query: int) -> NDArray[np.uint8]:
        if self.data is not None and not self._has_moved(query):
            image = self.data.test.shown[int(self.numbers[query])]
            return as_pixels(image, brightest=self.data.brightest)
        assert self.explanation.images is not None  # or there were no pictures to make
        return self._as_compared(self.explanation.images[query])

    def _neighbor_image(self, query: int, place: int) -> NDArray[np.uint8]:
        found = self.explanation
        if place == 0 and self._has_moved(query):
            moves = found.displacements(query)[0]
            compared = self._as_compared(found.compared(query, 0))
            return with_arrows(compared, self._query_image(query), moves)
        if self.data is None:
            return self._as_compared(found.compared(query, place))
        image = self.data.train.shown[int(found.indices[query, place])]
        return as_pixels(image, brightest=self.data.brightest)

    def _as_compared(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        pixels = as_pixels(image, brightest=self._brightest)
        return pixels[..., :1] if pixels.shape[2:] == (2,) else pixels

    @cached_property
    def _brightest(self) -> float:
        """The brightest value of compared images, of which a matcher's are bytes."""
        found = self.explanation
        if found.matcher is not None or found.images is None:
            return 255.0
        return max(1.0, float(np.max(found.images, initial=0)))

    def _has_moved(self, query: int) -> bool:
        return self.explanation.deformed is not None and bool(self.explanation.deformed[query])

    def _name(self, label: Any) -> str:
        if self.data is not None and isinstance(label, int | np.integer):
            return self.data.class_names[int(label)]
        return ", ".join(map(str, label)) if np.ndim(label) else str(label)


def _neighbor_table(explanation: Explanation, query: int) -> Table:
    """Return the neighbours of a query that is not an image."""
    numbers = (explanation.shares, explanation.distances, explanation.indices)
    return Table(
        ["label", Column("share", ".1%"), "distance", "training row"],
        [
            [str(label), *cells]
            for label, *cells in zip(
                explanation.labels[query], *(own[query].tolist() for own in numbers), strict=True
            )
        ],
        f"Query {query}: {explanation.prediction[query]}",
    )
