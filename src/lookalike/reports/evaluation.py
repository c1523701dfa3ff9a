"""How good predictions are: metrics, classes or outputs, confusions, probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

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
    Undefined,
)
from lookalike.reports.confusion import confusion_chart
from lookalike.reports.curves import precision_recall_chart, reliability_chart, roc_chart

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


_WORDS = {"f1": "F1", "mcc": "Matthews correlation", "brier": "Brier score"}
_WORDS |= {"ece": "expected calibration error", "roc_auc": "area below the ROC curve"}


def describe(evaluation: BaseEvaluation) -> Report:
    """Return the report of an evaluation."""
    return Report(
        "How good the predictions are",
        f"{evaluation.n:,} images",
        evaluation_headline(evaluation),
        [evaluation_section(evaluation)],
        numbers=evaluation.to_dict(),
    )


def evaluation_headline(evaluation: BaseEvaluation) -> list[Headline]:
    """Return the numbers that a report of an evaluation opens with, with their intervals.

    Parameters
    ----------
    evaluation : Evaluation or MultiOutputEvaluation

    Returns
    -------
    list of Headline
        Up to six; undefined metrics are left out.
    """
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

    Parameters
    ----------
    evaluation : Evaluation or MultiOutputEvaluation
    title : str, default="How good it is"

    Returns
    -------
    Section
        All metrics with their intervals; precision, recall and F1 of each class; the confusion
        matrix in counts, and its errors by true class and by prediction; and where there are
        probabilities the precision-recall and ROC curves, and the reliability. For several
        outputs all metrics, and those of each output.
    """
    if isinstance(evaluation, MultiOutputEvaluation):
        return _outputs_section(evaluation, title)
    assert isinstance(evaluation, Evaluation)  # there are two kinds
    n_classes = len(evaluation.classes)
    intro = [
        f"{evaluation.n:,} images of {n_classes} classes. Intervals hold with "
        f"{evaluation.confidence:.0%} confidence: by the bootstrap, {evaluation.n_resamples:,} "
        "samples of these images."
    ]
    blocks: list[Block] = [
        metrics_table(
            evaluation.scalars(), evaluation.intervals, evaluation.undefined, evaluation.confidence
        ),
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
    if evaluation.probabilities is not None:
        blocks.append(Heading("How reliable the probabilities are", detail=True))
        if np.count_nonzero(evaluation.support) > 1:
            blocks += [precision_recall_chart(evaluation), roc_chart(evaluation)]
        blocks.append(reliability_chart(evaluation))
    return Section(title, blocks, intro)


def _outputs_section(evaluation: MultiOutputEvaluation, title: str) -> Section:
    is_multilabel = evaluation.confusion is not None
    what = "labels that an image can have" if is_multilabel else "outputs, a class in each"
    intro = [
        f"{evaluation.n:,} images, {evaluation.n_outputs:,} {what}. Intervals hold with "
        f"{evaluation.confidence:.0%} confidence: by the bootstrap, {evaluation.n_resamples:,} "
        "samples of these images."
    ]
    metrics = metrics_table(
        evaluation.scalars(), evaluation.intervals, evaluation.undefined, evaluation.confidence
    )
    of_what = "label" if is_multilabel else "output"
    blocks: list[Block] = [metrics, Heading(f"Each {of_what}"), _outputs(evaluation, of_what)]
    return Section(title, blocks, intro)


def _classes(evaluation: Evaluation) -> Table:
    shown = np.arange(len(evaluation.classes))
    rest = ""
    if len(shown) > _MOST_LINES:
        shown = np.argsort(evaluation.f1, kind="stable")[:_MOST_LINES]
        rest = f"; the {_MOST_LINES} of {len(evaluation.classes)} classes with the lowest F1"
    rows: list[list[Cell]] = []
    for i in shown.tolist():
        row: list[Cell] = [evaluation.class_names[i], int(evaluation.support[i])]
        for name in PER_CLASS:
            numbers = (getattr(evaluation, name)[i], *evaluation.intervals[name][i])
            row += [
                number_cell(float(number), evaluation.undefined.get(name)) for number in numbers
            ]
        rows.append(row)
    heads = [head for name in PER_CLASS for head in (in_words(name), "low", "high")]
    return Table(
        ["class", "images", *(Column(head, ".1%", head in ("low", "high")) for head in heads)],
        rows,
        f"Precision, recall and F1 of each class, each with its interval{rest}",
    )


def metrics_table(
    values: Mapping[str, float],
    intervals: Mapping[str, NDArray[np.float64]],
    undefined: Mapping[str, str],
    confidence: float,
) -> Table:
    """Return a table of metrics with their intervals, and why some are undefined.

    Parameters
    ----------
    values : mapping of str to float
    intervals : mapping of str to ndarray of shape (2,), float64
    undefined : mapping of str to str
    confidence : float
    """
    rows: list[list[Cell]] = []
    for name, value in values.items():
        numbers = (value, *intervals.get(name, (math.nan, math.nan)))
        reason = undefined.get(name)
        rows.append([in_words(name), *(number_cell(number, reason) for number in numbers)])
    return Table(
        ["metric", *(Column(head, ".4f") for head in ("value", "low", "high"))],
        rows,
        f"All metrics, each with its {confidence:.0%} interval",
    )


def number_cell(number: float, reason: str | None) -> Cell:
    """Return a number, or where it is NaN why."""
    if not math.isnan(number):
        return float(number)
    return Undefined(reason) if reason else float("nan")


def in_words(name: str) -> str:
    """Return the name of a metric as it is read.

    Examples
    --------
    >>> in_words("macro_f1"), in_words("mcc")
    ('macro F1', 'Matthews correlation')
    """
    if name in _WORDS:
        return _WORDS[name]
    return " ".join("F1" if word == "f1" else word for word in name.split("_"))


def _outputs(evaluation: MultiOutputEvaluation, of_what: str) -> Table:
    shown = np.argsort(evaluation.accuracy, kind="stable")[:_MOST_LINES]
    rest = ""
    if evaluation.n_outputs <= _MOST_LINES:
        shown = np.arange(evaluation.n_outputs)
    else:
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
                number_cell(float(getattr(evaluation, name)[i]), evaluation.undefined.get(name))
                for name in names
            ),
        ]
        for i in shown.tolist()
    ]
    return Table(
        [of_what, "images", *(Column(in_words(name), ".4f") for name in names)],
        rows,
        f"Metrics of each {of_what}{rest}",
    )
