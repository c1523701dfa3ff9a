"""The confusion matrix: which classes are taken for which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from lookalike.results import reports

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Above so many classes the picture shows neither names nor counts.
_MOST_NAMED = 40
_LONGEST_NAME = 2.5  # inches


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
        rows, columns = self._where_wrong()
        counts = self.counts[rows, columns]
        order = np.argsort(-counts, kind="stable")[:n]
        cells = zip(rows[order].tolist(), columns[order].tolist(), strict=True)
        return [Confusion(i, j, int(self.counts[i, j])) for i, j in cells]

    def save_png(self, path: Path) -> None:
        """Draw the matrix, shaded by number of errors.

        Up to 40 classes it shows every count beside the classes' names. Of more classes that
        would be too large to look at: each confusion becomes a dot, between positions in
        ``class_names``, on a picture of one size.

        Parameters
        ----------
        path : Path
            The PNG file to write.
        """
        from matplotlib.figure import Figure

        figure = Figure(layout="constrained")
        draw = self._draw_counts if len(self.class_names) <= _MOST_NAMED else self._draw_dots
        axes = draw(figure)
        right, n = int(self.counts.trace()), int(self.counts.sum())
        axes.set_title(f"{n - right:,} of {n:,} wrong; shaded by number of errors", fontsize=10)
        reports("captions").save_picture(figure, path)

    def _draw_counts(self, figure: Figure) -> Axes:
        from sklearn.metrics import ConfusionMatrixDisplay

        names = [
            reports("captions").fitted([name], _LONGEST_NAME, size=10) for name in self.class_names
        ]
        longest = max(map(len, names))
        side = max(4.0, 1.5 + 0.5 * len(names)) + 0.09 * longest  # inches
        figure.set_size_inches(side + 0.8, side)
        axes = figure.subplots()
        display = ConfusionMatrixDisplay(
            self.counts,
            display_labels=[name.replace("$", r"\$") for name in names],  # no formulae
        )
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
        return axes

    def _draw_dots(self, figure: Figure) -> Axes:
        n_classes = len(self.class_names)
        figure.set_size_inches(8.8, 8.0)
        axes = figure.subplots()
        rows, columns = self._where_wrong()
        counts = self.counts[rows, columns]
        # Dots and no raster, which of thousands of classes would lose single errors. The darker
        # ones come later, above the others.
        order = np.argsort(counts, kind="stable")
        dots = axes.scatter(
            columns[order],
            rows[order],
            s=max(2.0, 400 / n_classes) ** 2,  # points; the axes are some 500 wide
            c=counts[order],
            cmap="Blues",
            vmin=-0.5 * counts.max(initial=1),  # so that the rarest is no white on white
            vmax=counts.max(initial=1),
            marker="s",
            linewidths=0,
        )
        axes.plot([0, n_classes - 1], [0, n_classes - 1], color="#c8c8c8", linewidth=0.5, zorder=0)
        axes.set_aspect("equal")
        axes.set_xlim(-0.5, n_classes - 0.5)
        axes.set_ylim(n_classes - 0.5, -0.5)
        axes.locator_params(integer=True)
        axes.set_xlabel("Predicted label, its position in class_names")
        axes.set_ylabel("True label, its position in class_names")
        bar = figure.colorbar(dots, ax=axes, shrink=0.6, label="errors")
        bar.ax.set_ylim(0, None)
        bar.ax.locator_params(axis="y", integer=True)
        return axes

    def _where_wrong(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows and columns of the cells beside the diagonal that count any image."""
        rows, columns = np.nonzero(self.counts)
        wrong = rows != columns
        return rows[wrong], columns[wrong]


def shorten(name: str, longest: int) -> str:
    """Return a name of at most ``longest`` characters, the last an ellipsis if some are left out.

    Examples
    --------
    >>> shorten("nightingale", 6)
    'night…'
    """
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
