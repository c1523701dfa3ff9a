"""The section on errors: which images are taken for what, and the images behind it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.confusion import ConfusedPair, confused_pairs
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
    Chart,
    Column,
    Gallery,
    Heading,
    Picture,
    Section,
    Table,
    Text,
)
from lookalike.reports.captions import called_lines
from lookalike.reports.explanation import explained_gallery
from lookalike.reports.pictures import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PAIRS_LISTED, _PAIRS_SHOWN, _OF_A_PAIR = 20, 6, 2
_CLASSES_SHOWN, _OF_A_CLASS = 10, 3
_MISLEADING_SHOWN = 10
_BINS = 20


def errors_section(data: Dataset, explanation: Explanation) -> Section:
    """Tell of the errors on the test images, and which training images speak for what.

    Parameters
    ----------
    data : Dataset
    explanation : Explanation
        It explains all test images by the training images of ``data``, one label each; labels are
        positions in its class names.

    Returns
    -------
    Section
        Margins of the votes; the confused pairs, the most frequent shown beside their nearest
        neighbours; the hardest test images, and the most typical and most misleading training
        images.
    """
    labels = data.test.labels
    margins = true_margins(explanation, labels)
    pairs = confused_pairs(explanation, labels)
    occurrences = count_occurrences(explanation, labels, len(data.train))
    n_wrong = sum(len(pair.rows) for pair in pairs)
    blocks: list[Block] = [_margin_chart(explanation, labels)]
    if pairs:
        blocks += [Heading("Confused pairs"), pair_table(pairs, data)]
        rows = np.concatenate([pair.rows[:_OF_A_PAIR] for pair in pairs[:_PAIRS_SHOWN]])
        caption = (
            f"The surest mistakes of the {min(len(pairs), _PAIRS_SHOWN)} most frequent pairs, each "
            "before its nearest training images."
        )
        blocks.append(explained_gallery(explanation, labels, rows, caption, data, margins))
    classes = np.unique(labels).tolist()[:_CLASSES_SHOWN]
    more = len(np.unique(labels)) - len(classes)
    of_which = f" of the first {len(classes)} classes" if more else ""
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
    rows = list(zip(names, counts[0].tolist(), counts[1].tolist(), strict=True))
    table = Table(["margin", "right", "wrong"], rows, "Test images by the margin of their vote")
    sure = float(np.mean(margins[right] > 0.99)) if right.any() else 0.0

    def draw(axes: Axes) -> None:
        width = 1 / _BINS
        axes.bar(edges[:-1], counts[0], width, align="edge", color="C0", label="right")
        axes.bar(edges[:-1], counts[1], width, align="edge", color="C1", label="wrong")
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


def pair_table(pairs: list[ConfusedPair], data: Dataset) -> Table:
    """Lay out pairs of classes that are confused, the most frequent first."""
    names = data.class_names
    n_wrong = sum(len(pair.rows) for pair in pairs)
    sizes = np.bincount(data.test.labels, minlength=len(names))
    rows = [
        [names[pair.true], names[pair.predicted], len(pair.rows), len(pair.rows) / sizes[pair.true]]
        for pair in pairs[:_PAIRS_LISTED]
    ]
    more = len(pairs) - len(rows)
    rest = f"; {more} rarer pairs are left out" if more > 0 else ""
    return Table(
        ["true", "taken for", "images", Column("of the class", ".2%")],
        rows,
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
