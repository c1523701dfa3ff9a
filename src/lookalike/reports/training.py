"""The report on training: what was tried, what was chosen and why, and the test error."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.evaluation.training import AblationPart, Training, Tried, what_was_tried, why_chosen
from lookalike.images.files import counted
from lookalike.reports.blocks import Block, Cell, Column, Headline, Report, Section, Table, Text

_AGAIN = {1: "", 2: "Again, the best: ", 3: "The best with copies of the train images: "}


def describe(trained: Training) -> Report:
    """Return the report of a classifier that was trained and tested."""
    right = trained.accuracy
    headline = []
    if right is not None:
        note = f"{right.n - right.n_right:,} of {right.n:,} test images"
        headline = [Headline("test error", f"{1 - right.value:.2%}", note)]
    return Report(
        f"Trained on {trained.name}",
        headline=headline,
        sections=[training_section(trained)],
        numbers=trained.to_dict(),
    )


def training_section(trained: Training) -> Section:
    """Tell what was tried, what was chosen and why, and how well it does on test images.

    Parameters
    ----------
    trained : Training
    """
    classifier, right = trained.classifier, trained.accuracy
    tried = what_was_tried(classifier)
    blocks: list[Block] = []
    for stage in dict.fromkeys(own.trial.stage for own in tried):
        own = [one for one in tried if one.trial.stage == stage]
        blocks += [Text(_say_stage(own, trained.n_train)), tried_table(own)]
    blocks += [
        Text(f"* chosen: {classifier.representation_}; {classifier.scoring_rule_}"),
        Text(why_chosen(classifier)),
    ]
    took = f"Chosen and learnt in {trained.fit_seconds:.2f} s"
    if right is None:
        blocks.append(Text("No images were held out: how often it errs on new ones is not known."))
    else:
        blocks.append(
            Text(
                f"Test error {1 - right.value:.2%} ± {right.standard_error:.2%} (standard error): "
                f"{right.n - right.n_right:,} of {right.n:,} wrong."
            )
        )
        took += (
            f", test images matched in {trained.predict_seconds:.2f} s: "
            f"{right.n / trained.predict_seconds:,.0f} a second"
        )
    blocks.append(Text(f"{took}.", is_note=True))
    shape = " × ".join(map(str, classifier.image_shape_))
    intro = (
        f"{trained.name}: {counted(trained.n_train, 'train image')} of {shape}, "
        f"{counted(len(classifier.classes_), 'class')}; effort {classifier.effort}"
    )
    return Section("What was tried and chosen", blocks, [intro])


def tried_table(tried: Sequence[Tried]) -> Table:
    """Return representations with their best scoring rule, held-out error and time."""
    rows: list[list[Cell]] = [
        [
            f"{'* ' if own.is_chosen else ''}{own.trial.representation};\n{own.trial.rule}",
            own.trial.error,
            own.standard_error,
            own.trial.n_wrong,
            own.trial.seconds,
        ]
        for own in tried
    ]
    columns: list[Column | str] = [
        "representation; its best scoring rule",
        Column("error", ".2%"),
        Column("±", ".2%"),
        "wrong",
        Column("s", ".1f"),
    ]
    return Table(columns, rows, "Recipes by their errors on held-out train images; *: chosen")


def parts_table(parts: Sequence[AblationPart]) -> Table:
    """Return the errors with more and more of what a classifier chose."""
    rows: list[list[Cell]] = [
        [
            part.name,
            None if part.trial is None else part.trial.error,
            1 - part.accuracy.value,
            part.accuracy.standard_error,
            part.accuracy.n - part.accuracy.n_right,
        ]
        for part in parts
    ]
    heads = [Column(head, ".2%") for head in ("held out", "test error", "±")]
    caption = (
        "Errors with each part and all above it, on held-out training images and on test images; "
        "±: standard error"
    )
    return Table(["each with all above it", *heads, "wrong"], rows, caption)


def _say_stage(tried: Sequence[Tried], n_train: int) -> str:
    first = tried[0].trial
    counts = f"from {first.n_images:,} train images, {first.n_held_out:,} others held out"
    if first.n_held_out == n_train:
        counts = f"all {n_train:,} train images held out in turn, each from {first.n_images:,}"
    representations = "1 representation" if len(tried) == 1 else f"{len(tried)} representations"
    rules = f"{tried[0].n_rules} scoring rules"
    return f"{_AGAIN[first.stage]}{representations} by {rules} each, {counts}:"
