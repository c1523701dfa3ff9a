"""Data sets and what augmentation makes of them: classes, variants, errors mended and made."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.comparison.paired import ErrorDrop
from lookalike.evaluation.errors.mistakes import Changes, decider
from lookalike.images.dataset import Dataset
from lookalike.images.expand import Expansion
from lookalike.images.files import counted
from lookalike.reports.blocks import Block, Cell, Column, Gallery, Report, Section, Table
from lookalike.reports.pictures import picture, right_or_wrong

_SHOWN = 8
_CLASSES_SHOWN = 10  # the first image of each
_VARIANTS_SHOWN = 10  # beside an image
_VARIANTS_NAMED = 24


def data_section(data: Dataset) -> Section:
    """Tell how many images of each class there are, and show the first ones."""
    n_classes = len(data.class_names)
    train, test = (
        np.bincount(part.labels, minlength=n_classes).tolist() for part in (data.train, data.test)
    )
    pictures = [
        picture(
            data.train.shown[row],
            data.brightest,
            f"Training image {data.train.called(row)}: {data.class_names[label]}",
            [data.class_names[label], f"{train[label]:,} + {test[label]:,}"],
        )
        for label, row in _first_of_each_class(data)
    ]
    shape = " × ".join(map(str, data.train.images.shape[1:]))
    intro = [
        f"{counted(len(data.train), 'training image')} and {counted(len(data.test), 'test image')} "
        f"of {shape} pixels, {counted(n_classes, 'class')}"
    ]
    more = n_classes - _CLASSES_SHOWN
    rest = f"; {counted(more, 'more class')} are not shown" if more > 0 else ""
    caption = f"The first image of each class, its number of training + test images{rest}."
    rows = list(zip(data.class_names, train, test, strict=True))
    columns = ["class", "training images", "test images"]
    blocks: list[Block] = [Gallery(pictures, caption)] if pictures else []
    blocks.append(Table(columns, rows, "Images of each class", detail=True))
    return Section("The data", blocks, intro)


def _first_of_each_class(data: Dataset) -> list[tuple[int, int]]:
    """Return the first classes that have training images, each with its first one."""
    labels, rows = np.unique(data.train.labels, return_index=True)
    return list(zip(labels.tolist(), rows.tolist(), strict=True))[:_CLASSES_SHOWN]


def describe(expansion: Expansion, *, name: str = "") -> Report:
    """Return the report of what an augmentation makes of a data set, with its name or without."""
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
    for label, row in _first_of_each_class(data):
        name, one = data.class_names[label], data.train.images[row : row + 1]
        neighbors = [
            picture(
                variant.apply(one)[0], data.brightest, f"The same image, {variant}", [str(variant)]
            )
            for variant in shown
        ]
        alt, caption = f"Training image {row:,}: {name}", [name, "original"]
        pictures.append(picture(one[0], data.brightest, alt, caption, neighbors=neighbors))
    more = len(variants) - len(shown)
    rest = f"; {more:,} more variants are left out" if more else ""
    return Gallery(pictures, f"Images before their variants by {expansion.augmentation!r}{rest}.")


def augmenting_section(
    data: Dataset,
    before: Explanation,
    after: Explanation,
    changes: Changes,
    drop: ErrorDrop,
) -> Section:
    """Tell how far the error rate drops, and show images that changed.

    ``before`` and ``after`` explain the predictions of all test images.
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
    return Section("A training set grown by its variants", blocks, intro)


def changes_gallery(
    kind: str,
    data: Dataset,
    before: Explanation,
    after: Explanation,
    rows: NDArray[np.int64],
) -> Gallery:
    """Show the first test images whose prediction changed, beside what decided before and after.

    ``kind`` is "mended" or "made"; ``rows``, at least one, are the test images.
    """
    names, pictures = data.class_names, []
    for row in rows[:_SHOWN].tolist():
        true = int(data.test.labels[row])
        neighbors = []
        for when, explanation in (("before", before), ("after", after)):
            i = decider(explanation, row)
            found = (explanation.indices, explanation.labels, explanation.variants)
            train_row, label, variant = (int(of[row, i]) for of in found)
            moved = [explanation.variant_names[variant]] if variant else []
            neighbors.append(
                picture(
                    explanation.compared(row, i),
                    data.brightest,
                    f"Training image {train_row:,}: {names[label]}",
                    [f"{when}: {names[label]}", f"train {train_row:,}", *moved],
                    state=right_or_wrong(label == true),
                )
            )
        alt, caption = f"Test image {row:,}: {names[true]}", [names[true], f"test {row:,}"]
        image = data.test.images[row]
        pictures.append(picture(image, data.brightest, alt, caption, neighbors=neighbors))
    return Gallery(
        pictures,
        f"Errors {kind}: the test image, the neighbour that decided before, and the one after; "
        f"{len(pictures)} of {len(rows):,}.",
    )
