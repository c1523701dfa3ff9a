"""The confusion matrix: which classes are taken for which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix


class Confusion(NamedTuple):
    """One class taken for another: class codes, and how often."""

    true: int
    predicted: int
    n: int


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
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
        errors = self.counts.copy()
        np.fill_diagonal(errors, 0)
        order = np.argsort(-errors, axis=None, kind="stable")[:n]
        rows, columns = np.unravel_index(order, errors.shape)
        cells = zip(rows.tolist(), columns.tolist(), strict=True)
        return [Confusion(i, j, int(errors[i, j])) for i, j in cells if errors[i, j]]

    def save_png(self, path: Path) -> None:
        """Draw the matrix, shaded by share of the true class, with its counts."""
        from matplotlib.figure import Figure
        from sklearn.metrics import ConfusionMatrixDisplay

        longest = max(map(len, self.class_names))
        side = max(4.0, 1.5 + 0.5 * len(self.class_names)) + 0.09 * longest  # inches
        figure = Figure(figsize=(side + 0.8, side), layout="constrained")
        axes = figure.subplots()
        labels = [name.replace("$", r"\$") for name in self.class_names]  # no formulae
        display = ConfusionMatrixDisplay(self.counts, display_labels=labels)
        display.plot(
            ax=axes,
            cmap="Blues",
            colorbar=False,
            values_format=",d",
            xticks_rotation="horizontal" if longest <= 3 else "vertical",
        )
        # Shades of the errors alone: beside hundreds of right ones no error would be seen.
        errors = self.counts.astype(float)
        np.fill_diagonal(errors, 0.0)
        display.im_.set_data(errors)
        display.im_.set_clim(0, max(1.0, errors.max()))
        for (i, j), text in np.ndenumerate(display.text_):
            dark = errors[i, j] > 0.5 * errors.max() and i != j
            text.set_color("white" if dark else "#1a1a1a" if self.counts[i, j] else "#c8c8c8")
            text.set_fontweight("bold" if i == j else "normal")
        right, n = int(self.counts.trace()), int(self.counts.sum())
        axes.set_title(f"{n - right:,} of {n:,} wrong; shaded by number of errors", fontsize=10)
        figure.savefig(path, dpi=150)
