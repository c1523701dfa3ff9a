"""What stands behind a prediction: the neighbours, their labels and their shares of the vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHOWN_QUERIES = 5
_SHOWN_NEIGHBORS = 10
_SHOWN_OUTPUTS = 4


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """The neighbours behind each prediction, nearest first.

    Printing it shows the first queries as small tables; ``explanation[i]`` and
    ``explanation[mask]`` pick queries.

    Attributes
    ----------
    indices : ndarray of shape (n_queries, n_neighbors), int64
        Training rows.
    distances : ndarray of shape (n_queries, n_neighbors), float64
        Their distances, in the unit of the metric.
    labels : ndarray of shape (n_queries, n_neighbors) or (n_queries, n_neighbors, n_outputs)
        Their labels, or targets for a regressor.
    shares : ndarray of shape (n_queries, n_neighbors), float64
        What part of the vote each neighbour has; sums to 1 for each query. A neighbour has the
        same share in every output.
    prediction : ndarray of shape (n_queries,) or (n_queries, n_outputs)
        What ``predict`` returns, rejections included.
    variants : ndarray of shape (n_queries, n_neighbors), int64
        Under which variant of `augmentation` each neighbour is one: 0 as it is.
    variant_names : tuple of str
        What ``variants`` stand for, "original" first.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(3, weights="distance")
    >>> knn = knn.fit([[0.0], [1.0], [2.0], [9.0]], ["low", "low", "mid", "high"])
    >>> print(knn.explain([[1.5]]))
    1 prediction by 3 neighbors each
    query 0: low
      share  label  distance  row
      42.9%  low         0.5    1
      42.9%  mid         0.5    2
      14.3%  low         1.5    0
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    labels: NDArray[Any]
    shares: NDArray[np.float64]
    prediction: NDArray[Any]
    variants: NDArray[np.int64]
    variant_names: tuple[str, ...] = ("original",)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, queries: Any) -> Explanation:
        """Return the explanation of some queries: an index, a slice, a mask or indices."""
        rows = np.atleast_1d(np.arange(len(self))[queries])
        return Explanation(
            self.indices[rows],
            self.distances[rows],
            self.labels[rows],
            self.shares[rows],
            self.prediction[rows],
            self.variants[rows],
            self.variant_names,
        )

    def class_shares(self, classes: NDArray[Any]) -> NDArray[np.float64]:
        """Return what part of the vote each class has, as ``predict_proba`` does.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
            Sorted, all labels of neighbours among them, such as the classifier's ``classes_``.

        Returns
        -------
        ndarray of shape (n_queries, n_classes), float64

        Raises
        ------
        ValueError
            If queries have several labels each, or a label is none of the classes.

        Examples
        --------
        >>> from lookalike import KNeighborsClassifier
        >>> knn = KNeighborsClassifier(2).fit([[0.0], [1.0], [9.0]], ["low", "mid", "mid"])
        >>> knn.explain([[0.4], [8.0]]).class_shares(knn.classes_)
        array([[0.5, 0.5],
               [0. , 1. ]])
        """
        if self.labels.ndim != 2:
            raise ValueError(
                f"labels of shape {self.labels.shape}: each query has {self.labels.shape[-1]} "
                "labels, so there is no one vote; explain one output at a time"
            )
        codes = np.searchsorted(classes, self.labels)
        codes = np.minimum(codes, len(classes) - 1)
        unknown = classes[codes] != self.labels
        if unknown.any():
            label = self.labels[unknown].tolist()[0]
            raise ValueError(
                f"label {label!r} is none of the {len(classes)} classes; give all classes of the "
                "training images, sorted"
            )
        shares = np.zeros((len(self), len(classes)))
        np.add.at(shares, (np.arange(len(self))[:, np.newaxis], codes), self.shares)
        return shares

    def __repr__(self) -> str:
        n_queries, n_neighbors = self.indices.shape
        what = "prediction" if n_queries == 1 else "predictions"
        by = "neighbor" if n_neighbors == 1 else "neighbors"
        lines = [f"{n_queries} {what} by {n_neighbors} {by} each"]
        for i in range(min(n_queries, _SHOWN_QUERIES)):
            lines += self._query_lines(i)
        if n_queries > _SHOWN_QUERIES:
            lines.append(f"... and {n_queries - _SHOWN_QUERIES} more queries")
        return "\n".join(lines)

    def _query_lines(self, i: int) -> list[str]:
        shown = range(min(self.indices.shape[1], _SHOWN_NEIGHBORS))
        variants = [self.variant_names[self.variants[i, j]] for j in shown]
        columns = [
            ["share", *(f"{self.shares[i, j]:.1%}" for j in shown)],
            ["label", *(_label(self.labels[i, j]) for j in shown)],
            ["distance", *(f"{self.distances[i, j]:.6g}" for j in shown)],
            ["row", *(str(self.indices[i, j]) for j in shown)],
            ["variant", *variants],
        ]
        if len(self.variant_names) == 1:
            columns.pop()
        widths = [max(map(len, column)) for column in columns]
        aligned = (">", "<", ">", ">", "<")
        lines = [f"query {i}: {_label(self.prediction[i])}"]
        for cells in zip(*columns, strict=True):
            padded = (
                f"{cell:{side}{width}}"
                for cell, side, width in zip(cells, aligned, widths, strict=False)
            )
            lines.append(("  " + "  ".join(padded)).rstrip())
        if self.indices.shape[1] > _SHOWN_NEIGHBORS:
            rest = self.shares[i, _SHOWN_NEIGHBORS:]
            lines.append(f"  {rest.sum():.1%} in {len(rest)} more neighbors")
        return lines


def _label(label: Any) -> str:
    if np.ndim(label) == 0:
        return f"{label:.6g}" if isinstance(label, float | np.floating) else str(label)
    parts = [_label(part) for part in label[:_SHOWN_OUTPUTS]]
    if len(label) > _SHOWN_OUTPUTS:
        parts.append(f"... ({len(label)} outputs)")
    return ", ".join(parts)
