"""The section on how good predictions are: metrics, classes, confusions, probabilities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lookalike.evaluation.metrics.evaluation import PER_CLASS, Evaluation
from lookalike.evaluation.metrics.multi import MultiOutputEvaluation
from lookalike.reports.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Heading,
    Headline,
    Section,
    Table,
)
from lookalike.reports.charts import heat_colours
from lookalike.reports.curves import precision_recall_chart, roc_chart
from lookalike.reports.evaluation_plots import plot_confusion, plot_reliability
from lookalike.reports.outputs import (
    in_words,
    metrics_table,
    number_cell,
    outputs_section,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CLASSES = 60  # in a table, a line each
_MOST_CELLS = 30  # classes whose confusion matrix is a table too; of more it is a list of pairs
_MOST_PAIRS = 100
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


def evaluation_headline(evaluation: Evaluation | MultiOutputEvaluation) -> list[Headline]:
    """Return the numbers that a report of an evaluation opens with, with their intervals.

    Parameters
    ----------
    evaluation : Evaluation or MultiOutputEvaluation

    Returns
    -------
    list of Headline
        Up to six; what is undefined is left out.
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


def evaluation_section(
    evaluation: Evaluation | MultiOutputEvaluation, *, title: str = "How good it is"
) -> Section:
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
        probabilities the precision-recall and ROC curves, and the reliability. Of several outputs
        as `outputs.outputs_section`.
    """
    if isinstance(evaluation, MultiOutputEvaluation):
        return outputs_section(evaluation, title=title)
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
        Heading("What is taken for what"),
        _confusion(evaluation, None),
    ]
    if n_classes > 2 and np.any(evaluation.truth != evaluation.predicted):
        blocks += [_confusion(evaluation, "true"), _confusion(evaluation, "pred")]
    if evaluation.probabilities is not None:
        blocks.append(Heading("What the probabilities are worth"))
        if np.count_nonzero(evaluation.support) > 1:
            blocks += [precision_recall_chart(evaluation), roc_chart(evaluation)]
        blocks.append(_reliability(evaluation))
    return Section(title, blocks, intro)


def _classes(evaluation: Evaluation) -> Table:
    shown = np.arange(len(evaluation.classes))
    rest = ""
    if len(shown) > _MOST_CLASSES:
        shown = np.argsort(evaluation.f1, kind="stable")[:_MOST_CLASSES]
        rest = f"; the {_MOST_CLASSES} of {len(evaluation.classes)} classes with the lowest F1"
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
        ["class", "images", *(Column(head, ".1%") for head in heads)],
        rows,
        f"Precision, recall and F1 of each class, each with its interval{rest}",
    )


def _confusion(evaluation: Evaluation, normalize: str | None) -> Chart:
    n_classes = len(evaluation.classes)
    width = min(9.0, 1.75 + 0.33 * max(n_classes, 4))  # of ten classes two stand side by side
    pair, n = _largest_confusion(evaluation)
    caption = {
        None: "How many images of each class are taken for each.",
        "true": "The errors alone: for each class, what its errors are taken for, in percent.",
        "pred": "The errors alone: for each prediction, what it was taken for wrongly, in percent.",
    }[normalize]

    def draw(axes: Axes) -> None:
        display = plot_confusion(evaluation, normalize, errors_only=normalize is not None, ax=axes)
        display.im_.set_cmap(heat_colours())
        display.im_.set_interpolation("none")
        for text in [] if display.text_ is None else display.text_.ravel():
            text.set(color="black", fontsize=min(8, text.get_fontsize()))
            if text.get_text() == "0":  # what never happens need not be read
                text.set_text("")
        axes.set_title("")

    return Chart(
        draw,
        alt=f"Confusion matrix of {n_classes} classes. {caption} {pair}: {n:,} images, the "
        "most frequent confusion."
        if n
        else f"Confusion matrix of {n_classes} classes, with no error.",
        caption=caption,
        table=_confusion_table(evaluation, normalize),
        size=(width, width - 0.35),
    )


def _confusion_table(evaluation: Evaluation, normalize: str | None) -> Table:
    matrix = evaluation.normalized_confusion(normalize, errors_only=normalize is not None)
    names, unit = evaluation.class_names, "images" if normalize is None else "share"
    spec = ",.0f" if normalize is None else ".1%"
    if len(names) <= _MOST_CELLS:
        return Table(
            ["true \\ predicted", *(Column(name, spec) for name in names)],
            [
                [name, *(number_cell(number, "there is no error") for number in row)]
                for name, row in zip(names, matrix.tolist(), strict=True)
            ],
            f"Confusions, in {unit}s" if unit == "share" else f"Confusions, in {unit}",
        )
    errors = evaluation.normalized_confusion(errors_only=True)
    first = np.argsort(-errors, axis=None, kind="stable")[:_MOST_PAIRS]
    pairs = [divmod(int(place), len(names)) for place in first]
    return Table(
        ["true", "predicted", Column(unit, spec)],
        [[names[i], names[j], float(matrix[i, j])] for i, j in pairs if errors[i, j]],
        f"The up to {_MOST_PAIRS} most frequent confusions",
    )


def _largest_confusion(evaluation: Evaluation) -> tuple[str, int]:
    errors = evaluation.normalized_confusion(errors_only=True)
    i, j = divmod(int(errors.argmax()), len(errors))
    names = evaluation.class_names
    return f"{names[i]} taken for {names[j]}", int(errors[i, j])


def _reliability(evaluation: Evaluation) -> Chart:
    reliability = evaluation.reliability
    assert reliability is not None  # there are probabilities
    rows: list[list[Cell]] = []
    for k, n in enumerate(reliability.n.tolist()):
        numbers = (float(reliability.confidence[k]), float(reliability.accuracy[k]))
        edges = [float(edge) for edge in reliability.edges[k : k + 2]]
        rows.append(
            [*edges, n, *(number_cell(number, "no image is in the bin") for number in numbers)]
        )
    heads = ["from", "to", "images", "mean probability", "share right"]
    return Chart(
        lambda axes: plot_reliability(evaluation, axes),
        alt="Share of right predictions against the probability of the predicted class; "
        f"expected calibration error {evaluation.ece:.4f}.",
        caption="Reliability: of the predictions made with some probability, how many are "
        "right. On the diagonal probabilities mean what they say; a point of few images may "
        "lie anywhere.",
        table=Table(
            [Column(head, "" if head == "images" else ".3f") for head in heads],
            rows,
            "Predictions by the probability of the predicted class",
        ),
        size=(4.6, 4.0),
    )
