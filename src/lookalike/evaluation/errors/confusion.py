"""Which classes are taken for which: the confusion matrix, and the images of confused pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.mistakes import surest_mistakes
from lookalike.results import Result, reports


class Confusion(NamedTuple):
    """One class taken for another: class codes, and how often."""

    true: int
    predicted: int
    n: int


@dataclass(frozen=True, eq=False)
class ConfusionMatrix(Result):
    """How often each class was taken for each.

    Attributes
    ----------
    counts : ndarray of shape (n_classes, n_classes), int64
        ``counts[i, j]`` images of class i were predicted to be of class j.
    class_names : tuple of str

    Examples
    --------
    >>> matrix = ConfusionMatrix.of(np.array([0, 0, 1]), np.array([0, 1, 1]), ("cat", "dog"))
    >>> matrix.counts
    array([[1, 1],
           [0, 1]])
    >>> matrix.n_wrong
    array([1, 0])
    >>> matrix.largest(5)
    [Confusion(true=0, predicted=1, n=1)]
    """

    _described_by = "errors"

    counts: NDArray[np.int64]
    class_names: tuple[str, ...]

    @classmethod
    def of(
        cls, labels: NDArray[np.int64], predicted: NDArray[np.int64], class_names: tuple[str, ...]
    ) -> ConfusionMatrix:
        """Count; labels and predictions are positions in ``class_names``, shape (n,)."""
        codes = np.arange(len(class_names))
        return cls(confusion_matrix(labels, predicted, labels=codes), class_names)

    @property
    def n_images(self) -> NDArray[np.int64]:
        """Images of each class, shape (n_classes,)."""
        n_images: NDArray[np.int64] = self.counts.sum(axis=1)
        return n_images

    @property
    def n_wrong(self) -> NDArray[np.int64]:
        """Wrong predictions of each class's images, shape (n_classes,)."""
        return self.n_images - self.counts.diagonal()

    @property
    def error_rates(self) -> NDArray[np.float64]:
        """Share of each class's images predicted wrongly, shape (n_classes,).

        NaN for a class without images.
        """
        rates = np.full(len(self.counts), np.nan)
        np.divide(self.n_wrong, self.n_images, out=rates, where=self.n_images > 0)
        return rates

    def largest(self, n: int) -> list[Confusion]:
        """Return the up to n most frequent confusions, most frequent first."""
        cells = np.argwhere(self.counts).tolist()
        wrong = [Confusion(i, j, int(self.counts[i, j])) for i, j in cells if i != j]
        return sorted(wrong, key=lambda confusion: -confusion.n)[:n]

    def normalized(
        self, normalize: str | None = None, *, errors_only: bool = False
    ) -> NDArray[np.float64]:
        """Return the matrix in shares.

        Parameters
        ----------
        normalize : {"true", "pred"} or None
            "true" divides each row by its sum, "pred" each column; None leaves the counts.
        errors_only : bool, default=False
            Leave out the right predictions first, so that a row says what a class's errors are
            taken for.

        Returns
        -------
        ndarray of shape (n_classes, n_classes), float64
            NaN in a row or column that has no image, or with ``errors_only`` no error.

        Raises
        ------
        ValueError
            If ``normalize`` is anything else.
        """
        matrix = self.counts.astype(np.float64)
        if errors_only:
            np.fill_diagonal(matrix, 0.0)
        if normalize is None:
            return matrix
        if normalize not in ("true", "pred"):
            raise ValueError(f'normalize={normalize!r}; give "true", "pred" or None')
        sums = matrix.sum(axis=1 if normalize == "true" else 0, keepdims=True)
        shares = np.full_like(matrix, np.nan)
        np.divide(matrix, sums, out=shares, where=sums > 0)
        return shares

    def save_png(self, path: Path) -> None:
        """Write the chart of the matrix to a PNG file."""
        reports("png").save_png(path, reports("errors").confusion_chart(self))


class ConfusedPair(NamedTuple):
    """One class taken for another.

    Attributes
    ----------
    true, predicted : int
    rows : ndarray of shape (n,), int64
        The images of class ``true`` that were taken for ``predicted``; the surest mistake first.
    """

    true: int
    predicted: int
    rows: NDArray[np.int64]


def confused_pairs(explanation: Explanation, labels: NDArray[np.int64]) -> list[ConfusedPair]:
    """Return the pairs of classes that are confused, the most frequent first.

    Parameters
    ----------
    explanation : Explanation of n queries, of one label each
    labels : ndarray of shape (n,), int64
        The true labels.

    Returns
    -------
    list of ConfusedPair
        Among equally frequent ones the lower true class comes first, then the lower predicted one.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(2, weights="distance").fit([[0.0], [4.0], [9.0]], [0, 1, 1])
    >>> confused_pairs(knn.explain([[7.0], [8.0], [1.0]]), np.array([0, 0, 1]))
    [ConfusedPair(true=0, predicted=1, rows=array([1, 0])), \
ConfusedPair(true=1, predicted=0, rows=array([2]))]
    """
    rows = surest_mistakes(explanation, labels)
    by_pair: dict[tuple[int, int], list[int]] = {}
    for row in rows.tolist():
        pair = int(labels[row]), int(explanation.prediction[row])
        by_pair.setdefault(pair, []).append(row)
    ordered = sorted(by_pair.items(), key=lambda item: (-len(item[1]), item[0]))
    return [ConfusedPair(*pair, np.array(of_it, dtype=np.int64)) for pair, of_it in ordered]
