"""How good predictions are: metrics, classes or outputs, confusions, and the whole judgement."""

from __future__ import annotations

import math

import numpy as np

from lookalike.evaluation.judgement import Judgement
from lookalike.evaluation.metrics.evaluation import PER_CLASS, BaseEvaluation, Evaluation
from lookalike.evaluation.metrics.multi import MultiOutputEvaluation
from lookalike.reports.blocks import (
    Block,
    Cell,
    Column,
    Heading,
    Headline,
    Report,
    Section,
    Table,
    Text,
    number_cell,
)
from lookalike.reports.curves import curves_chart, reliability_chart
from lookalike.reports.decisions import coverage_section, threshold_section
from lookalike.reports.errors import confusion_chart, errors_section

# Paths of files are in the JSON document alone, because pages are passed on to others.
_NOT_ON_THE_PAGE = ("source", "model", "trained_on")
_MOST_LINES = 60  # classes or outputs in a table, a line each
_HEADLINES = {
    "accuracy": ("Accuracy", ".2%"),
    "balanced_accuracy": ("Balanced accuracy", ".2%"),
    "macro_f1": ("Macro F1", ".2%"),
    "log_loss": ("Log loss", ".4f"),
    "ece": ("Expected calibration error", ".4f"),
    # of several outputs
    "exact_match": ("Images all right", ".2%"),
    "mean_accuracy": ("Outputs right", ".2%"),
    "jaccard": ("Jaccard score", ".4f"),
}
_WORDS = {
    "f1": "F1",
    "mcc": "Matthews correlation",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "roc_auc": "area below the ROC curve",
}


def describe(found: BaseEvaluation | Judgement) -> Report:
    """Return the report of an evaluation, or of a classifier that was judged on test images."""
    if isinstance(found, Judgement):
        return _describe_judgement(found)
    return Report(
        "How good the predictions are",
        f"{found.n:,} images",
        evaluation_headline(found),
        [evaluation_section(found)],
        numbers=found.to_dict(),
    )


def _describe_judgement(judged: Judgement) -> Report:
    sections = [
        evaluation_section(judged.evaluation, title="How good it is on the test images"),
        errors_section(judged.data, judged.explanation),
    ]
    if judged.rejection is not None:
        sections.append(coverage_section(judged.rejection, judged.coverage))
    else:
        sections.append(Section("Leaving out what is not sure", intro=[judged.no_rejection]))
    if judged.threshold is not None and judged.wanted is not None:
        name = judged.wanted.name
        sections.append(
            threshold_section(
                judged.threshold, judged.tested, positive_name=name, title=f"Detecting {name}"
            )
        )
    return Report(
        judged.title,
        judged.subtitle,
        evaluation_headline(judged.evaluation),
        sections,
        parameters={
            name: value for name, value in judged.parameters.items() if name not in _NOT_ON_THE_PAGE
        },
        timings=judged.seconds,
        numbers=judged.to_dict(),
    )


def evaluation_headline(evaluation: BaseEvaluation) -> list[Headline]:
    """Return up to six metrics, those that are defined, with their intervals, to open a report."""
    values = evaluation.scalars()
    cards = []
    for name, (title, spec) in _HEADLINES.items():
        if math.isnan(values.get(name, math.nan)):
            continue
        low, high = evaluation.intervals[name]
        note = f"{low:{spec}} to {high:{spec}} ({evaluation.confidence:.0%} interval)"
        cards.append(Headline(title, f"{values[name]:{spec}}", "" if math.isnan(low) else note))
    if isinstance(evaluation, Evaluation):
        n_wrong = int(np.count_nonzero(evaluation.truth != evaluation.predicted))
        cards.append(Headline("Wrong predictions", f"{n_wrong:,}", f"of {evaluation.n:,} images"))
    return cards


def evaluation_section(evaluation: BaseEvaluation, *, title: str = "How good it is") -> Section:
    """Tell how good predictions are.

    The blocks are all metrics with their intervals; precision, recall and F1 of each class; the
    confusion matrix in counts, and its errors by true class and by prediction; and where there are
    probabilities the precision-recall and ROC curves, and the reliability. For several outputs they
    are all metrics, and those of each output.
    """
    if isinstance(evaluation, MultiOutputEvaluation):
        return _outputs_section(evaluation, title)
    assert isinstance(evaluation, Evaluation)  # there are two kinds
    n_classes = len(evaluation.classes)
    blocks: list[Block] = [
        _metrics_table(evaluation),
        Heading("Class by class"),
        _classes(evaluation),
        *(Text(note, is_note=True) for note in evaluation.notes()),
        Heading("Which classes are taken for which", detail=True),
    ]
    matrix = evaluation.confusion_matrix
    has_shares = n_classes > 2 and bool(matrix.n_wrong.any())
    blocks += [
        confusion_chart(matrix, normalize, detail=True)
        for normalize in ((None, "true", "pred") if has_shares else (None,))
    ]
    if evaluation.scores is not None:
        which = "scores" if evaluation.probabilities is None else "probabilities"
        blocks.append(Heading(f"How reliable the {which} are", detail=True))
        if np.count_nonzero(evaluation.support) > 1:
            blocks += [curves_chart(evaluation, kind) for kind in ("precision_recall", "roc")]
    if evaluation.probabilities is not None:
        blocks.append(reliability_chart(evaluation))
    return Section(title, blocks, [_intro(evaluation, f" of {n_classes} classes")])


def _intro(evaluation: BaseEvaluation, what: str) -> str:
    return (
        f"{evaluation.n:,} images{what}. Intervals hold with {evaluation.confidence:.0%} "
        f"confidence: by the bootstrap, {evaluation.n_resamples:,} samples of these images."
    )


def _outputs_section(evaluation: MultiOutputEvaluation, title: str) -> Section:
    is_multilabel = evaluation.confusion is not None
    what = "labels that an image can have" if is_multilabel else "outputs, a class in each"
    of_what = "label" if is_multilabel else "output"
    blocks: list[Block] = [_metrics_table(evaluation), Heading(f"Each {of_what}")]
    intro = _intro(evaluation, f", {evaluation.n_outputs:,} {what}")
    return Section(title, [*blocks, _outputs(evaluation, of_what)], [intro])


def _classes(evaluation: Evaluation) -> Table:
    shown, rest = np.arange(len(evaluation.classes)), ""
    if len(shown) > _MOST_LINES:
        shown = np.argsort(evaluation.f1, kind="stable")[:_MOST_LINES]
        rest = f"; the {_MOST_LINES} of {len(evaluation.classes)} classes with the lowest F1"
    rows: list[list[Cell]] = []
    for i in shown.tolist():
        row: list[Cell] = [evaluation.class_names[i], int(evaluation.support[i])]
        for name in PER_CLASS:
            numbers = (getattr(evaluation, name)[i], *evaluation.intervals[name][i])
            row += [number_cell(number, evaluation.undefined.get(name)) for number in numbers]
        rows.append(row)
    heads = [head for name in PER_CLASS for head in (_in_words(name), "low", "high")]
    return Table(
        ["class", "images", *(Column(head, ".1%", head in ("low", "high")) for head in heads)],
        rows,
        f"Precision, recall and F1 of each class, each with its interval{rest}",
    )


def _metrics_table(evaluation: BaseEvaluation) -> Table:
    rows: list[list[Cell]] = []
    for name, value in evaluation.scalars().items():
        numbers = (value, *evaluation.intervals.get(name, (math.nan, math.nan)))
        reason = evaluation.undefined.get(name)
        rows.append([_in_words(name), *(number_cell(number, reason) for number in numbers)])
    return Table(
        ["metric", *(Column(head, ".4f") for head in ("value", "low", "high"))],
        rows,
        f"All metrics, each with its {evaluation.confidence:.0%} interval",
    )


def _in_words(name: str) -> str:
    """Return the name of a metric as it is read: "macro F1" of "macro_f1"."""
    if name in _WORDS:
        return _WORDS[name]
    return " ".join("F1" if word == "f1" else word for word in name.split("_"))


def _outputs(evaluation: MultiOutputEvaluation, of_what: str) -> Table:
    shown, rest = np.arange(evaluation.n_outputs), ""
    if len(shown) > _MOST_LINES:
        shown = np.argsort(evaluation.accuracy, kind="stable")[:_MOST_LINES]
        rest = f"; the {_MOST_LINES} of {evaluation.n_outputs:,} with the lowest accuracy"
    names = ["accuracy", *(PER_CLASS if evaluation.confusion is not None else ())]
    if not np.isnan(evaluation.brier).all():
        names += ["log_loss", "brier"]
    if not np.isnan(evaluation.ece).all():
        names += ["ece", "roc_auc", "average_precision"]
    rows: list[list[Cell]] = [
        [
            evaluation.output_names[i],
            int(evaluation.support[i]),
            *(
                number_cell(getattr(evaluation, name)[i], evaluation.undefined.get(name))
                for name in names
            ),
        ]
        for i in shown.tolist()
    ]
    return Table(
        [of_what, "images", *(Column(_in_words(name), ".4f") for name in names)],
        rows,
        f"Metrics of each {of_what}{rest}",
    )
