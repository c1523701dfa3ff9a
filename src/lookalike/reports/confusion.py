"""The section on a confusion matrix: which classes are taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lookalike.evaluation.errors.confusion import ConfusionMatrix
from lookalike.reports.blocks import Cell, Chart, Column, Section, Table, Text, Undefined
from lookalike.reports.captions import fitted, unformatted
from lookalike.reports.charts import heat_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NAMED = 40  # classes whose picture shows names and counts, and whose table is the matrix
_MOST_PAIRS = 100  # in the table of more classes
_LONGEST_NAME = 2.5  # inches
_LONGEST_HEAD = 5  # letters of a name above a column; with longer ones their numbers stand there
_N_LARGEST = 3  # confusions, and classes, that are told in words


def confusion_section(matrix: ConfusionMatrix, *, title: str = "Confusion matrix") -> Section:
    """Tell which classes are taken for which.

    Parameters
    ----------
    matrix : ConfusionMatrix
    title : str, default="Confusion matrix"

    Returns
    -------
    Section
        The matrix with the error rates of the classes, and the most frequent confusions.
    """
    names, rates = matrix.class_names, matrix.error_rates
    largest = ", ".join(
        f"{names[true]} taken for {names[predicted]} ({count})"
        for true, predicted, count in matrix.largest(_N_LARGEST)
    )
    worst = np.argsort(-np.nan_to_num(rates, nan=-1), kind="stable")[:_N_LARGEST]
    highest = ", ".join(f"{names[i]} ({rates[i]:.1%})" for i in worst.tolist() if rates[i] > 0)
    said = [Text(f"Most often: {largest or 'no class taken for another'}.")]
    said += [Text(f"Highest error rates: {highest}.")] if highest else []
    return Section(title, [_chart(matrix), *said])


def _chart(matrix: ConfusionMatrix) -> Chart:
    n_classes = len(matrix.class_names)
    right, n = int(matrix.counts.trace()), int(matrix.counts.sum())
    is_small = n_classes <= _MOST_NAMED
    side = max(4.0, 1.5 + 0.5 * n_classes)

    def draw(axes: Axes) -> None:
        axes.grid(visible=False)
        (_draw_counts if is_small else _draw_dots)(matrix, axes)
        axes.set_title(f"{n - right:,} of {n:,} wrong; shaded by number of errors", fontsize=10)

    return Chart(
        draw,
        alt=f"Confusion matrix of {n_classes} classes: {right:,} of {n:,} images on the diagonal.",
        caption="A line is a true class, a column what it was taken for.",
        table=_matrix_table(matrix) if is_small else _pair_table(matrix),
        size=(side + 0.2, side) if is_small else (8.8, 8.0),
    )


def _matrix_table(matrix: ConfusionMatrix) -> Table:
    names, heads = list(matrix.class_names), list(matrix.class_names)
    if max(map(len, names)) > _LONGEST_HEAD:
        heads = [str(code) for code in range(len(names))]
        names = [f"{code} {name}" for code, name in enumerate(names)]
    # No comma for the thousands: ten classes of some thousand images are to fit 80 columns.
    columns: list[Column | str] = [
        "true",
        *(Column(head, "d") for head in heads),
        "wrong",
        Column("error", ".1%"),
    ]
    rows: list[list[Cell]] = [
        [name, *counts, n_wrong, Undefined("the class has no image") if rate != rate else rate]
        for name, counts, n_wrong, rate in zip(
            names,
            matrix.counts.tolist(),
            matrix.n_wrong.tolist(),
            matrix.error_rates.tolist(),
            strict=True,
        )
    ]
    return Table(columns, rows, "Images of each true class by the class they are taken for")


def _pair_table(matrix: ConfusionMatrix) -> Table:
    names = matrix.class_names
    rows: list[list[Cell]] = [
        [names[i], names[j], count] for i, j, count in matrix.largest(_MOST_PAIRS)
    ]
    caption = f"The up to {_MOST_PAIRS} most frequent confusions of {len(names):,} classes"
    return Table(["true", "taken for", "images"], rows, caption)


def _draw_counts(matrix: ConfusionMatrix, axes: Axes) -> None:
    from sklearn.metrics import ConfusionMatrixDisplay

    names = [fitted([name], _LONGEST_NAME, size=10) for name in matrix.class_names]
    display = ConfusionMatrixDisplay(
        matrix.counts, display_labels=[unformatted(name) for name in names]
    )
    display.plot(
        ax=axes,
        cmap=heat_colours(),
        colorbar=False,
        values_format="d",
        xticks_rotation="horizontal" if max(map(len, names)) <= 3 else "vertical",
    )
    # Shades of the errors alone: beside hundreds of right ones no error would be seen.
    errors = matrix.counts.astype(float)
    np.fill_diagonal(errors, 0.0)
    display.im_.set_data(errors)
    display.im_.set_clim(0, max(1.0, errors.max()))
    display.im_.set_interpolation("none")
    for (i, j), text in np.ndenumerate(display.text_):
        text.set(color="black", fontweight="bold" if i == j else "normal")
        if not matrix.counts[i, j]:  # what never happens need not be read
            text.set_text("")


def _draw_dots(matrix: ConfusionMatrix, axes: Axes) -> None:
    n_classes = len(matrix.class_names)
    rows, columns = matrix.where_wrong()
    counts = matrix.counts[rows, columns]
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
    bar = axes.figure.colorbar(dots, ax=axes, shrink=0.6, label="errors")
    bar.ax.set_ylim(0, None)
    bar.ax.locator_params(axis="y", integer=True)
