"""Queries beside the training images that their predictions rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.images.dataset import Dataset
from lookalike.reports.blocks import Cell, Column, Gallery, Picture, Report, Section, Table
from lookalike.reports.captions import called_lines
from lookalike.reports.pictures import right_or_wrong, with_arrows
from lookalike.reports.thumbnails import as_pixels

_N_QUERIES, _N_NEIGHBORS = 10, 6
_DECIMALS_BELOW = 1000  # distances have decimals below it


def describe(explanation: Explanation) -> Report:
    """Return the report of what stands behind the first predictions."""
    n = min(len(explanation), _N_QUERIES)
    shown = f"; the first {n} are shown" if n < len(explanation) else ""
    n_neighbors = explanation.indices.shape[1]
    subtitle = f"{len(explanation):,} predictions by {n_neighbors} neighbors each{shown}"
    if explanation.images is None:
        blocks: list[Any] = [_neighbor_table(explanation, query) for query in range(n)]
    else:
        pictures = Explained(explanation)
        blocks = [
            Gallery(
                [pictures.query(query) for query in range(n)],
                "Each query before the training images nearest to it"
                + (f", {_N_NEIGHBORS} of {n_neighbors}" if n_neighbors > _N_NEIGHBORS else "")
                + ".",
            )
        ]
    return Report(
        "What stands behind the predictions", subtitle, sections=[Section("Neighbors", blocks)]
    )


def explained_gallery(
    explanation: Explanation,
    labels: NDArray[Any],
    shown: NDArray[np.int64],
    caption: str,
    data: Dataset | None = None,
    margins: NDArray[np.float64] | None = None,
    numbers: NDArray[np.int64] | None = None,
) -> Gallery:
    """Show queries of known labels beside the training images that their predictions rest on.

    Parameters
    ----------
    explanation : Explanation of n queries
    labels, data, numbers
        As of `Explained`.
    shown : ndarray of shape (n_shown,), int64, n_shown at least 1
        The places of the queries to show.
    caption : str
    margins : ndarray of shape (n,), float64, optional
        By how much the true class won, written instead of the probability of the prediction.
    """
    pictures = Explained(explanation, labels, data, numbers)
    if explanation.deformed is not None and explanation.deformed[shown].any():
        caption += " Arrows: where the query's pixels find their like."
    return Gallery(
        [
            pictures.query(query, [] if margins is None else [f"margin {margins[query]:+.0%}"])
            for query in shown.tolist()
        ],
        caption,
    )


class Explained:
    """Makes pictures of queries, each with its neighbours.

    Parameters
    ----------
    explanation : Explanation of n queries
    labels : ndarray of shape (n,), optional
        Their true labels.
    data : Dataset, optional
        Where queries are test images and neighbours training images of it: they are named by their
        files and shown as they were. Labels that are integers are positions in its class names.
    numbers : ndarray of shape (n,), int64, optional
        Which test images the queries are; their places if not given.
    """

    def __init__(
        self,
        explanation: Explanation,
        labels: NDArray[Any] | None = None,
        data: Dataset | None = None,
        numbers: NDArray[np.int64] | None = None,
    ) -> None:
        self._explanation, self._labels, self._data = explanation, labels, data
        self._numbers = np.arange(len(explanation)) if numbers is None else numbers
        self._compared_brightest = 255.0  # of a matcher's bytes
        if explanation.matcher is None and explanation.images is not None:
            self._compared_brightest = max(1, float(np.max(explanation.images, initial=0)))

    def query(self, query: int, notes: Sequence[str] = ()) -> Picture:
        """Return a query with its nearest neighbours.

        Where pixels moved, arrows over the nearest one lead to where the query's find their like.

        Parameters
        ----------
        query : int
            Its place in the explanation.
        notes : sequence of str
            Further lines below the query; the probability of the prediction if there are none.
        """
        found, data = self._explanation, self._data
        predicted = found.prediction[query]
        said = self._name(predicted)
        state: Literal["right", "wrong"] | None = None
        if self._labels is not None:
            true = self._labels[query]
            is_right = np.array_equal(true, predicted)
            state = right_or_wrong(is_right)
            said = self._name(true) if is_right else f"{self._name(true)}, not {said}"
        number = int(self._numbers[query])
        called = f"test {number:,}" if data is None else f"test {data.test.called(number)}"
        return Picture(
            self._query_image(query),
            f"T{called[1:]}: {said}",
            [said, *called_lines(called), *(notes or self._probability(query))],
            state=state,
            neighbors=[
                self._neighbor(query, place)
                for place in range(min(found.indices.shape[1], _N_NEIGHBORS))
            ],
        )

    def _neighbor(self, query: int, place: int) -> Picture:
        found, data = self._explanation, self._data
        row, label = int(found.indices[query, place]), found.labels[query, place]
        name, share = self._name(label), found.shares[query, place]
        variant = int(found.variants[query, place])
        called = f"train {row:,}" if data is None else f"train {data.train.called(row)}"
        wanted = found.prediction[query] if self._labels is None else self._labels[query]
        return Picture(
            self._neighbor_image(query, place),
            f"T{called[1:]}: {name}, {share:.0%}",
            [
                name,
                f"{share:.0%} at {distance_text(found.distances[query, place])}",
                *called_lines(called),
                *([found.variant_names[variant]] if variant else []),
            ],
            state=right_or_wrong(np.array_equal(label, wanted)),
        )

    def _query_image(self, query: int) -> NDArray[np.uint8]:
        if self._data is not None and not self._has_moved(query):
            image = self._data.test.shown[int(self._numbers[query])]
            return as_pixels(image, brightest=self._data.brightest)
        assert self._explanation.images is not None  # or there were no pictures to make
        return self._as_compared(self._explanation.images[query])

    def _neighbor_image(self, query: int, place: int) -> NDArray[np.uint8]:
        found = self._explanation
        if place == 0 and self._has_moved(query):
            moves = found.displacements(query)[0]
            compared = self._as_compared(found.compared(query, 0))
            return with_arrows(compared, self._query_image(query), moves)
        if self._data is None:
            return self._as_compared(found.compared(query, place))
        image = self._data.train.shown[int(found.indices[query, place])]
        return as_pixels(image, brightest=self._data.brightest)

    def _as_compared(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        pixels = as_pixels(image, brightest=self._compared_brightest)
        return pixels[..., :1] if pixels.shape[2:] == (2,) else pixels

    def _has_moved(self, query: int) -> bool:
        return self._explanation.deformed is not None and bool(self._explanation.deformed[query])

    def _probability(self, query: int) -> list[str]:
        found = self._explanation
        if found.classes is None:
            return []
        return [f"{found[query].class_shares(found.classes).max():.0%}"]

    def _name(self, label: Any) -> str:
        if self._data is not None and isinstance(label, int | np.integer):
            return self._data.class_names[int(label)]
        return ", ".join(map(str, label)) if np.ndim(label) else str(label)


def _neighbor_table(explanation: Explanation, query: int) -> Table:
    """Return the neighbours of a query that is not an image."""
    rows: list[list[Cell]] = [
        [str(label), float(share), float(distance), int(row)]
        for label, share, distance, row in zip(
            explanation.labels[query],
            explanation.shares[query],
            explanation.distances[query],
            explanation.indices[query],
            strict=True,
        )
    ]
    return Table(
        ["label", Column("share", ".1%"), "distance", "training row"],
        rows,
        f"Query {query}: {explanation.prediction[query]}",
    )


def distance_text(distance: float) -> str:
    """Return a distance as it is read: whole where it is large.

    Examples
    --------
    >>> distance_text(1234.5), distance_text(0.123456)
    ('1,234', '0.1235')
    """
    return f"{distance:,.0f}" if distance >= _DECIMALS_BELOW else f"{distance:.4g}"
