"""The section on predictions of several labels each: multilabel, and multi-output."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics.multi import PER_LABEL, MultiOutputEvaluation
from lookalike.reports.blocks import (
    Block,
    Cell,
    Column,
    Heading,
    Section,
    Table,
    Undefined,
)

_MOST_OUTPUTS = 60  # in a table, a line each
_WORDS = {"f1": "F1", "mcc": "Matthews correlation", "brier": "Brier score"}
_WORDS |= {"ece": "expected calibration error", "roc_auc": "area below the ROC curve"}


def outputs_section(evaluation: MultiOutputEvaluation, *, title: str = "How good it is") -> Section:
    """Tell how good predictions of several labels each are.

    Parameters
    ----------
    evaluation : MultiOutputEvaluation
    title : str, default="How good it is"

    Returns
    -------
    Section
        All metrics with their intervals, and those of each output.
    """
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
    shown = np.argsort(evaluation.accuracy, kind="stable")[:_MOST_OUTPUTS]
    rest = ""
    if evaluation.n_outputs <= _MOST_OUTPUTS:
        shown = np.arange(evaluation.n_outputs)
    else:
        rest = f"; the {_MOST_OUTPUTS} of {evaluation.n_outputs:,} with the lowest accuracy"
    names = ["accuracy", *(PER_LABEL if evaluation.confusion is not None else ())]
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
