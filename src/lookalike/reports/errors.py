"""Errors: which classes are taken for which, and the images behind it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.confusion import ConfusedPair, ConfusionMatrix, confused_pairs
from lookalike.evaluation.errors.hubness import (
    Occurrences,
    count_occurrences,
    hardest,
    most_misleading,
    most_typical,
)
from lookalike.evaluation.errors.mistakes import true_margins, vote_margins
from lookalike.images.dataset import Dataset
from lookalike.reports.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Gallery,
    Heading,
    Picture,
    Report,
    Section,
    Table,
    Text,
    number_cell,
)
from lookalike.reports.charts import axes_or_new, heat_colours
from lookalike.reports.explanation import explained_gallery
from lookalike.reports.pictures import called_lines, picture, plot_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_COUNTED = 30  # classes whose cells show their numbers
_MOST_NAMED = 40  # classes whose names have room
_MOST_CELLS = 30  # classes whose confusion matrix is a table too; of more it is a list of pairs
_MOST_PAIRS = 100
_NO_ERROR = "there is no error, or no image"
_LONGEST_HEAD = 6  # letters of a class's name above its column
_CAPTIONS = {
    None: "How many images of each class are taken for each; shaded by number of errors.",
    "true": "The errors alone: for each class, what its errors are taken for, in percent.",
    "pred": "The errors alone: for each prediction, what it was taken for wrongly, in percent.",
}

_PAIRS_LISTED, _PAIRS_SHOWN, _OF_A_PAIR = 20, 6, 2
_CLASSES_SHOWN, _OF_A_CLASS = 10, 3
_MISLEADING_SHOWN = 10
_BINS = 20


def describe(matrix: ConfusionMatrix) -> Report:
    """Return the report of which classes are taken for which."""
    n, n_wrong = int(matrix.counts.sum()), int(matrix.n_wrong.sum())
    charts = [confusion_chart(matrix)]
    if n_wrong:
        charts += [confusion_chart(matrix, how, detail=True) for how in ("true", "pred")]
    return Report(
        "Which classes are taken for which",
        f"{n_wrong:,} of {n:,} images are taken for another class",
        sections=[Section("Confusion matrix", charts)],
    )


def confusion_chart(
    matrix: ConfusionMatrix, normalize: str | None = None, *, detail: bool = False
) -> Chart:
    """Draw the confusion matrix, or in percent the errors of each "true" or "pred" class alone.

    The table has the numbers drawn; of more than 30 classes the most frequent confusions.
    """
    n_classes, caption = len(matrix.class_names), _CAPTIONS[normalize]
    side = min(9.0, 1.75 + 0.33 * max(n_classes, 4))  # of ten classes two stand side by side
    if n_classes <= _MOST_NAMED:  # and room for the names
        side += min(1.7, 0.08 * (max(map(len, matrix.class_names)) - 1))
    alt = f"Confusion matrix of {n_classes} classes, with no error."
    for true, predicted, n in matrix.largest(1):
        pair = f"{matrix.class_names[true]} taken for {matrix.class_names[predicted]}"
        alt = (
            f"Confusion matrix of {n_classes} classes. {caption} {pair}: {n:,} images, the most "
            "frequent confusion."
        )

    def draw(axes: Axes) -> None:
        plot_confusion(matrix, normalize, errors_only=normalize is not None, ax=axes)
        axes.set_title("")
        if not axes.texts:
            return
        axes.images[0].set(cmap=heat_colours(), interpolation="none")
        for text in axes.texts:
            text.set(color="black", fontsize=min(8, text.get_fontsize()))
            if text.get_text() == "0":  # what never happens need not be read
                text.set_text("")

    table = _confusion_table(matrix, normalize)
    return Chart(draw, alt, caption, table, size=(side, side - 0.35), detail=detail)


def plot_confusion(
    matrix: ConfusionMatrix,
    normalize: str | None = None,
    *,
    errors_only: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw the confusion matrix, shaded by number of errors, by `ConfusionMatrixDisplay`.

    ``normalize`` and ``errors_only`` are those of `ConfusionMatrix.normalized`. Up to 30 classes
    have numbers in the cells (percent, if normalized), and up to 40 their names. With more classes
    each confusion is a dot, between positions in ``class_names``.
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    names = [plot_name(name) for name in matrix.class_names]
    n_classes, longest = len(names), max(map(len, names))
    side = min(9.0, 1.6 + 0.5 * n_classes)
    axes = axes_or_new(ax, (side + 0.4, side))
    shares = np.nan_to_num(matrix.normalized(normalize, errors_only=errors_only))
    shown = shares.astype(int) if normalize is None else 100 * shares
    # Shades of the errors alone: beside hundreds of right ones no error would be seen.
    errors = shown.astype(float)
    np.fill_diagonal(errors, 0.0)
    if n_classes > _MOST_NAMED:
        _draw_dots(errors, axes)
    else:
        display = ConfusionMatrixDisplay(shown, display_labels=names).plot(
            ax=axes,
            cmap="Blues",
            colorbar=False,
            include_values=n_classes <= _MOST_COUNTED,
            values_format=",d" if normalize is None else ".0f",
            xticks_rotation="horizontal" if longest <= 3 else "vertical",
            text_kw={"fontsize": 9 if n_classes <= 12 else 6},
        )
        display.im_.set_data(errors)
        display.im_.set_clim(0, max(1.0, errors.max()))
        for (i, j), text in [] if display.text_ is None else np.ndenumerate(display.text_):
            is_dark = i != j and errors[i, j] > 0.5 * errors.max()
            text.set_color("white" if is_dark else "black")
            text.set_fontweight("bold" if i == j else "normal")
    axes.grid(visible=False)
    unit = "images"
    if normalize is not None:
        unit = f"percent of each {'true class' if normalize == 'true' else 'prediction'}"
    axes.set_title(f"errors only, {unit}" if errors_only else unit, fontsize=10)
    return axes


def _draw_dots(errors: Any, axes: Axes) -> Any:
    """Draw dots and no raster, which of thousands of classes would lose single errors."""
    n_classes = len(errors)
    rows, columns = np.nonzero(errors)
    counts = errors[rows, columns]
    order = np.argsort(counts, kind="stable")  # the darker ones come later, above the others
    dots = axes.scatter(
        columns[order],
        rows[order],
        s=max(2.0, 400 / n_classes) ** 2,  # points; the axes are some 500 wide
        c=counts[order],
        cmap="Blues",
        vmin=-0.5 * counts.max(initial=1),  # so that the rarest is not white on white
        vmax=counts.max(initial=1),
        marker="s",
        linewidths=0,
    )
    axes.plot([0, n_classes - 1], [0, n_classes - 1], color="#c8c8c8", linewidth=0.5, zorder=0)
    axes.set_aspect("equal")
    axes.set_xlim(-0.5, n_classes - 0.5)
    axes.set_ylim(n_classes - 0.5, -0.5)
    axes.locator_params(integer=True)
    axes.set(xlabel="predicted class, its position", ylabel="true class, its position")
    bar = axes.figure.colorbar(dots, ax=axes, shrink=0.6, label="errors")
    bar.ax.set_ylim(0, None)
    bar.ax.locator_params(axis="y", integer=True)
    return dots


def _confusion_table(matrix: ConfusionMatrix, normalize: str | None) -> Table:
    cells: NDArray[Any] = matrix.counts
    names, unit, spec = list(matrix.class_names), "images", "d"
    if normalize is not None:
        cells, unit, spec = matrix.normalized(normalize, errors_only=True), "shares", ".1%"
    if len(names) > _MOST_CELLS:
        return Table.of(
            matrix.largest(_MOST_PAIRS),
            {
                "true": lambda pair: names[pair.true],
                "predicted": lambda pair: names[pair.predicted],
                Column(unit, spec): lambda pair: cells[pair.true, pair.predicted],
            },
            f"The up to {_MOST_PAIRS} most frequent confusions",
        )
    columns = names
    if max(map(len, names)) > _LONGEST_HEAD:  # numbers stand above the columns instead
        columns = [str(code) for code in range(len(names))]
        names = [f"{code} {name}" for code, name in enumerate(names)]
    rows: list[list[Cell]] = [
        [name, *(number_cell(value, _NO_ERROR) for value in row)]
        for name, row in zip(names, cells, strict=True)
    ]
    heads: list[Column | str] = ["true", *(Column(head, spec) for head in columns)]
    if normalize is None:
        heads += ["wrong", Column("error", ".1%")]
        for row, n_wrong, rate in zip(rows, matrix.n_wrong, matrix.error_rates, strict=True):
            row += [n_wrong, number_cell(rate, _NO_ERROR)]
    return Table(heads, rows, f"Confusions, in {unit}; a column is what was predicted")


def errors_section(data: Dataset, explanation: Explanation) -> Section:
    """Tell of the errors on the test images, and which training images speak for what.

    These are the margins of the votes; the confused pairs, the most frequent shown beside their
    nearest neighbours; the hardest test images, and the most typical and most misleading training
    images. ``explanation`` explains all test images by the training images of ``data``; its labels
    are positions in the class names.
    """
    labels = data.test.labels
    margins = true_margins(explanation, labels)
    pairs = confused_pairs(explanation, labels)
    occurrences = count_occurrences(explanation, labels, len(data.train))
    n_wrong = sum(len(pair.rows) for pair in pairs)
    blocks: list[Block] = [_margin_chart(explanation, labels)]
    if pairs:
        blocks += [Heading("Confused pairs"), _pair_table(pairs, data)]
        rows = np.concatenate([pair.rows[:_OF_A_PAIR] for pair in pairs[:_PAIRS_SHOWN]])
        caption = (
            f"The surest mistakes of the {min(len(pairs), _PAIRS_SHOWN)} most frequent pairs, each "
            "before its nearest training images."
        )
        blocks.append(explained_gallery(explanation, labels, rows, caption, data, margins))
    every = np.unique(labels).tolist()
    classes = every[:_CLASSES_SHOWN]
    of_which = f" of the first {len(classes)} classes" if len(every) > len(classes) else ""
    hard = np.concatenate([hardest(explanation, labels, label, 1) for label in classes])
    caption = f"The test image{of_which} whose own class had least of the vote."
    blocks += [
        Heading("The hardest image of each class", detail=True),
        replace(explained_gallery(explanation, labels, hard, caption, data, margins), detail=True),
        *_training_blocks(data, occurrences, classes, of_which),
    ]
    intro = [
        f"{n_wrong:,} of {len(labels):,} test images are taken for another class. The margin of "
        "a vote is the true class's share less the largest other: below 0 the image is wrong, "
        "near 0 it could have gone otherwise."
    ]
    return Section("Errors, and the images behind them", blocks, intro)


def _margin_chart(explanation: Explanation, labels: NDArray[np.int64]) -> Chart:
    margins = vote_margins(explanation)
    right = explanation.prediction == labels
    edges = np.linspace(0, 1, _BINS + 1)
    counts = [np.histogram(margins[of], edges)[0] for of in (right, ~right)]
    names = [f"{a:.2f} to {b:.2f}" for a, b in pairwise(edges)]
    rows = list(zip(names, *(own.tolist() for own in counts), strict=True))
    table = Table(["margin", "right", "wrong"], rows, "Test images by the margin of their vote")
    sure = float(np.mean(margins[right] > 0.99)) if right.any() else 0.0

    def draw(axes: Axes) -> None:
        for own, name, colour in zip(counts, ("right", "wrong"), ("C0", "C1"), strict=True):
            axes.bar(edges[:-1], own, 1 / _BINS, align="edge", color=colour, label=name)
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(0, None)
        axes.set_xlabel("share of the winner less that of the runner-up")
        axes.set_ylabel("test images")
        axes.legend(loc="upper left")

    return Chart(
        draw,
        alt=f"Histogram of the margins of the votes of {np.count_nonzero(right):,} right and "
        f"{np.count_nonzero(~right):,} wrong predictions; {sure:.0%} of the right ones are "
        "unanimous.",
        caption="By how much the votes were won, right and wrong predictions apart.",
        table=table,
        detail=True,
    )


def _pair_table(pairs: list[ConfusedPair], data: Dataset) -> Table:
    names = data.class_names
    n_wrong = sum(len(pair.rows) for pair in pairs)
    sizes = np.bincount(data.test.labels, minlength=len(names))
    more = len(pairs) - _PAIRS_LISTED
    rest = f"; {more} rarer pairs are left out" if more > 0 else ""
    return Table.of(
        pairs[:_PAIRS_LISTED],
        {
            "true": lambda pair: names[pair.true],
            "taken for": lambda pair: names[pair.predicted],
            "images": lambda pair: len(pair.rows),
            Column("of the class", ".2%"): lambda pair: len(pair.rows) / sizes[pair.true],
        },
        f"{n_wrong:,} errors by pair of classes{rest}",
    )


def _training_blocks(
    data: Dataset, occurrences: Occurrences, classes: list[int], of_which: str
) -> list[Block]:
    good, bad = occurrences
    labels = data.train.labels

    def shown(row: int, *counts: str) -> Picture:
        name, called = data.class_names[int(labels[row])], data.train.called(row)
        alt = f"Training image {called}: {name}"
        lines = [name, *called_lines(f"train {called}"), *counts]
        return picture(data.train.shown[row], data.brightest, alt, lines)

    blocks: list[Block] = [Heading("Training images that decide much", detail=True)]
    typical = [
        shown(row, f"{good[row]:,} of its own", f"{bad[row]:,} of others")
        for label in classes
        for row in most_typical(occurrences, labels, label, _OF_A_CLASS).tolist()
    ]
    if typical:
        caption = f"Most typical{of_which}: most often a neighbour of test images of its own class."
        blocks.append(Gallery(typical, caption, detail=True))
    misleading = [
        shown(row, f"{bad[row]:,} of others", f"{good[row]:,} of its own")
        for row in most_misleading(occurrences, _MISLEADING_SHOWN).tolist()
    ]
    if misleading:
        caption = (
            "Most misleading: more often a neighbour of test images of other classes than of its "
            "own. Look whether its label is right."
        )
        blocks.append(Gallery(misleading, caption, detail=True))
    else:
        none = "No training image misleads more often than it helps."
        blocks.append(Text(none, detail=True))
    return blocks
