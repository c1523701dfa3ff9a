"""Reports on a grown training set: its images' variants, the errors that they mend and make."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.comparison.paired import ErrorDrop
from lookalike.evaluation.errors.mistakes import Changes, decider
from lookalike.images.dataset import Dataset
from lookalike.images.expand import Expansion
from lookalike.reports.blocks import (
    Block,
    Cell,
    Column,
    Gallery,
    Picture,
    Report,
    Section,
    Table,
)
from lookalike.reports.pictures import picture

_SHOWN = 8
_CLASSES_SHOWN = 10  # the first image of each, with its variants
_VARIANTS_SHOWN = 10  # beside an image
_VARIANTS_NAMED = 24


def describe(expansion: Expansion, *, name: str = "") -> Report:
    """Return the report of what an augmentation makes of a data set.

    Parameters
    ----------
    expansion : Expansion
    name : str, optional
        What to call the data set.
    """
    numbers = expansion.to_dict()
    variants, n = numbers["variants"], numbers["n_variants"]
    more = f"; … and {n - _VARIANTS_NAMED:,} more" if n > _VARIANTS_NAMED else ""
    shape = " × ".join(map(str, numbers["image_shape"]))
    source = f"{name} from {numbers['source']}" if name else numbers["source"]
    rows: list[list[Cell]] = [
        ["data", source],
        ["augmentation", numbers["augmentation"]],
        ["variants", f"{n:,} of every image: {'; '.join(variants[:_VARIANTS_NAMED])}{more}"],
        [
            "train images",
            f"{numbers['n_train']:,} → {numbers['n_expanded']:,} of {shape}, "
            f"{numbers['expanded_bytes'] / 2**20:,.1f} MiB in memory",
        ],
        ["test images", f"{numbers['n_test']:,}, as they are"],
    ]
    facts = Table(["", ""], rows, "The training set and what it becomes")
    section = Section(
        "The training images and their variants", [facts, variants_gallery(expansion)]
    )
    return Report(
        "A training set grown by its variants", source, sections=[section], numbers=numbers
    )


def variants_gallery(expansion: Expansion) -> Gallery:
    """Show the first image of each class, up to ten, before its variants."""
    data, variants = expansion.data, expansion.variants
    shown = variants[:_VARIANTS_SHOWN]
    pictures = []
    for row in np.unique(data.train.labels, return_index=True)[1][:_CLASSES_SHOWN].tolist():
        name = data.class_names[data.train.labels[row]]
        one = data.train.images[row : row + 1]
        pictures.append(
            picture(
                one[0],
                data.brightest,
                f"Training image {row:,}: {name}",
                [name, "original"],
                neighbors=[
                    picture(
                        variant.apply(one)[0],
                        data.brightest,
                        f"The same image, {variant}",
                        [str(variant)],
                    )
                    for variant in shown
                ],
            )
        )
    more = len(variants) - len(shown)
    rest = f"; {more:,} more variants are left out" if more else ""
    return Gallery(pictures, f"Images before their variants by {expansion.augmentation!r}{rest}.")


def augmenting_section(
    data: Dataset,
    before: Explanation,
    after: Explanation,
    changes: Changes,
    drop: ErrorDrop,
    *,
    title: str = "A training set grown by its variants",
) -> Section:
    """Tell how far the error rate drops, and show images that changed.

    Parameters
    ----------
    data : Dataset
    before, after : Explanation
        The predictions of all test images.
    changes : Changes
    drop : ErrorDrop
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
            blocks.append(changes_gallery(kind, data, before, after, chosen))
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
) -> Gallery:
    """Show test images whose prediction changed, beside what decided before and after.

    Parameters
    ----------
    kind : {"mended", "made"}
    data, before, after
        See `augmenting_section`.
    rows : ndarray of shape (n,), int64, n at least 1
        The test images; the first eight are shown.
    """
    pictures = [_changed(data, before, after, row) for row in rows[:_SHOWN]]
    return Gallery(
        pictures,
        f"Errors {kind}: the test image, the neighbour that decided before, and the one after; "
        f"{len(pictures)} of {len(rows):,}.",
    )


def _changed(
    data: Dataset,
    before: Explanation,
    after: Explanation,
    row: NDArray[np.int64],
) -> Picture:
    names, true = data.class_names, int(data.test.labels[row])
    brightest = data.brightest
    neighbors = []
    for when, explanation in (("before", before), ("after", after)):
        i = decider(explanation, int(row))
        train_row, label, variant = (
            int(of[row, i])
            for of in (explanation.indices, explanation.labels, explanation.variants)
        )
        moved = [explanation.variant_names[variant]] if variant else []
        neighbors.append(
            picture(
                explanation.compared(int(row), i),
                brightest,
                f"Training image {train_row:,}: {names[label]}",
                [f"{when}: {names[label]}", f"train {train_row:,}", *moved],
                state="right" if label == true else "wrong",
            )
        )
    return picture(
        data.test.images[row],
        brightest,
        f"Test image {int(row):,}: {names[true]}",
        [names[true], f"test {int(row):,}"],
        neighbors=neighbors,
    )
