"""The section on a grown training set: the errors that it mends and makes, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.comparison.paired import ErrorDrop
from lookalike.evaluation.errors.changes import Changes, as_matched, decider
from lookalike.images.dataset import Dataset
from lookalike.images.variants import Variant
from lookalike.reports.blocks import (
    Block,
    Cell,
    Column,
    Gallery,
    Picture,
    Section,
    Table,
)
from lookalike.reports.pictures import picture

_SHOWN = 8


def augmenting_section(
    data: Dataset,
    before: Explanation,
    after: Explanation,
    changes: Changes,
    drop: ErrorDrop,
    variants: Sequence[Variant],
    *,
    title: str = "A training set grown by its variants",
) -> Section:
    """Tell how far the error rate drops, and show images that changed.

    Parameters
    ----------
    data : Dataset
    before, after : Explanation
        Of all test images.
    changes : Changes
    drop : ErrorDrop
    variants : sequence of Variant
        Those of ``after``.
    title : str
    """
    n = drop.n
    rows: list[list[Cell]] = [
        ["before", drop.n_wrong_before, drop.n_wrong_before / n],
        ["after", drop.n_wrong_after, drop.n_wrong_after / n],
    ]
    blocks: list[Block] = [
        Table(["", "errors", Column("error rate", ".2%")], rows, f"Errors of {n:,} test images")
    ]
    for kind, chosen in (("mended", changes.mended), ("made", changes.made)):
        if len(chosen):
            blocks.append(changes_gallery(kind, data, before, after, chosen, variants))
    intro = [
        f"{drop.n_mended:,} errors are mended and {drop.n_made:,} made (McNemar's exact test: "
        f"p = {drop.p_value:.2g})."
    ]
    if math.isfinite(drop.value):
        low = f"{drop.low:.1%}" if math.isfinite(drop.low) else "no bound"
        intro.append(
            f"The error rate drops by {drop.value:.1%} ({drop.confidence:.0%} confidence: {low} to "
            f"{drop.high:.1%}, paired over test images)."
        )
    return Section(title, blocks, intro)


def changes_gallery(
    kind: str,
    data: Dataset,
    before: Explanation,
    after: Explanation,
    rows: NDArray[np.int64],
    variants: Sequence[Variant],
) -> Gallery:
    """Show test images whose prediction changed, beside what decided before and after.

    Parameters
    ----------
    kind : {"mended", "made"}
    data, before, after, variants
        As of `augmenting_section`.
    rows : ndarray of shape (n,), int64, n at least 1
        The test images; the first eight are shown.
    """
    pictures = [_changed(data, before, after, variants, row) for row in rows[:_SHOWN]]
    return Gallery(
        pictures,
        f"Errors {kind}: the test image, the neighbour that decided before, and the one after; "
        f"{len(pictures)} of {len(rows):,}.",
    )


def _changed(
    data: Dataset,
    before: Explanation,
    after: Explanation,
    variants: Sequence[Variant],
    row: NDArray[np.int64],
) -> Picture:
    names, true = data.class_names, int(data.test.labels[row])
    brightest = data.brightest
    neighbors = []
    for when, explanation in (("before", before), ("after", after)):
        decided = decider(explanation, int(row))
        moved = [explanation.variant_names[decided.variant]] if decided.variant else []
        neighbors.append(
            picture(
                as_matched(data.train.images, decided, variants),
                brightest,
                f"Training image {decided.row:,}: {names[decided.label]}",
                [f"{when}: {names[decided.label]}", f"train {decided.row:,}", *moved],
                state="right" if decided.label == true else "wrong",
            )
        )
    return picture(
        data.test.images[row],
        brightest,
        f"Test image {int(row):,}: {names[true]}",
        [names[true], f"test {int(row):,}"],
        neighbors=neighbors,
    )
