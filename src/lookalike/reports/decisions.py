"""The sections on decisions: a chosen threshold, and answers that are left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from lookalike.evaluation.decisions.curves import (
    Coverage,
    CoverageCurve,
    OperatingPoint,
    ThresholdCurve,
)
from lookalike.evaluation.decisions.selective import RejectingClassifier
from lookalike.evaluation.decisions.threshold import Aim, ThresholdClassifier
from lookalike.reports.blocks import Block, Cell, Chart, Column, Report, Section, Table, number_cell

_MOST_ROWS = 21  # of a table behind a curve
_WANTED = (0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 1.0)
_TRAINING, _TEST = "training", "test"  # images
_SHARES = {
    "precision": "no image is predicted positive",
    "recall": "no image is positive",
    "false_positive_rate": "no image is negative",
}


def describe(chosen: ThresholdClassifier | RejectingClassifier) -> Report:
    """Return the report of what was chosen, as the training images promise it."""
    if isinstance(chosen, ThresholdClassifier):
        subtitle = f"{chosen.positive_}, with {chosen.aim_}"
        sections = [threshold_section(chosen)]
    else:
        subtitle = f"answers of {chosen.accuracy_:.2%} accuracy"
        sections = [coverage_section(chosen)]
    title = type(chosen).__name__
    return Report(title, subtitle, sections=sections, numbers=chosen.to_dict())


def threshold_section(
    chosen: ThresholdClassifier,
    tested: OperatingPoint | None = None,
    *,
    positive_name: str | None = None,
    title: str = "A threshold for one class",
) -> Section:
    """Tell which threshold was chosen and why, and what it does to training and test images.

    ``tested`` is what it does to test images, ``chosen.evaluate(images, labels)``;
    ``positive_name`` names the class that it detects, if not its label.
    """
    promise, aim = chosen.promise_, chosen.aim_
    name = str(chosen.positive_) if positive_name is None else positive_name
    intro = [
        f"An image is taken for {name} if its score is at least {chosen.threshold:.4g}: the "
        f"threshold with {aim}, chosen on training images, each scored when it was left out. "
        f"Intervals hold with {promise.confidence:.0%} confidence."
    ]
    points = {_TRAINING: promise} | ({} if tested is None else {_TEST: tested})
    blocks: list[Block] = [_rates(points, aim), _outcomes(points)]
    table = _threshold_table(chosen.curve_, promise.threshold)
    blocks += [
        Chart(
            plot,
            alt=f"{caption}; at the chosen threshold {promise.threshold:.4g} precision is "
            f"{promise.precision:.2%} and recall {promise.recall:.2%}.",
            caption=f"{caption}, on training images, each scored when it was left out.",
            table=table,
            size=(4.8, 4.0),
            detail=True,
        )
        for plot, caption in (
            (
                chosen.plot_precision_recall_vs_threshold,
                "Precision and recall against the threshold",
            ),
            (chosen.plot_precision_recall, "Precision against recall"),
            (chosen.plot_roc, "True against false positives (ROC)"),
        )
    ]
    return Section(title, blocks, intro)


def coverage_section(chosen: RejectingClassifier, tested: Coverage | None = None) -> Section:
    """Tell how accurate the answers are if unsure ones are left out, at one and at all coverages.

    ``tested`` is what it does to test images, ``chosen.evaluate(images, labels)``.
    """
    promise = chosen.promise_
    found = {_TRAINING: promise} | ({} if tested is None else {_TEST: tested})
    intro = [
        f"Images of which the classifier is least sure get no answer, as few as leave "
        f"{chosen.accuracy_:.2%} of the answers right on training images, each predicted when it "
        f"was left out. Intervals hold with {promise.confidence:.0%} confidence."
    ]
    blocks: list[Block] = [_coverages(found), _coverage_at(found)]
    blocks.append(_coverage_chart(chosen.plot_coverage, promise.curve, _TRAINING))
    if tested is not None:
        plot = partial(tested.curve.plot, wanted=chosen.accuracy_)
        blocks.append(_coverage_chart(plot, tested.curve, _TEST))
    return Section("Leaving out what is not sure", blocks, intro)


def _rates(points: dict[str, OperatingPoint], aim: Aim) -> Table:
    rows: list[list[Cell]] = []
    for name, reason in _SHARES.items():
        row: list[Cell] = [name.replace("_", " ")]
        for point in points.values():
            row += [number_cell(v, reason) for v in (getattr(point, name), *point.intervals[name])]
        rows.append(row)
    if aim.kind == "f_beta":
        scores = [value for point in points.values() for value in point.f_beta(aim.value)]
        rows.append(
            [f"F{aim.value:g}", *(number_cell(score, _SHARES["recall"]) for score in scores)]
        )
    elif aim.kind == "cost":
        costs = [value for point in points.values() for value in point.cost(aim.value)]
        rows.append(["cost of an image", *costs])
    heads = [head for what in points for head in (what, "low", "high")]
    return Table(
        ["", *(Column(head, ".4f") for head in heads)],
        rows,
        "Precision, recall and false positive rate at the threshold",
    )


def _outcomes(points: dict[str, OperatingPoint]) -> Table:
    names = ("true_positives", "false_positives", "false_negatives", "true_negatives")
    rows: list[list[Cell]] = [
        [name.replace("_", " "), *(int(getattr(point, name)) for point in points.values())]
        for name in names
    ]
    return Table(["images", *points], rows, "What becomes of the images")


def _threshold_table(curve: ThresholdCurve, chosen: float) -> Table:
    thresholds = curve.thresholds
    at = np.union1d(_spread(len(thresholds)), np.flatnonzero(thresholds == chosen))
    some = "All" if len(at) == len(thresholds) else "Some"
    return Table.of(
        at,
        {
            "threshold": lambda i: (
                f"{thresholds[i]:.4g}" + (" (chosen)" if thresholds[i] == chosen else "")
            ),
            Column("precision", ".2%"): lambda i: curve.precision[i],
            Column("recall", ".2%"): lambda i: curve.recall[i],
            Column("false positive rate", ".2%"): lambda i: curve.false_positive_rate[i],
            "true positives": lambda i: curve.true_positives[i],
            "false positives": lambda i: curve.false_positives[i],
        },
        f"{some} of the {len(thresholds):,} thresholds",
    )


def _coverages(found: dict[str, Coverage]) -> Table:
    rows: list[list[Cell]] = []
    for what, one in found.items():
        intervals, nobody = one.intervals, "no image gets an answer"
        accuracy = [
            number_cell(number, nobody) for number in (one.accuracy, *intervals["accuracy"])
        ]
        rows.append([what, one.n, one.n_accepted, one.coverage, *intervals["coverage"], *accuracy])
    return Table(
        [
            "",
            "images",
            "answered",
            *(Column(head, ".2%", head != "coverage") for head in ("coverage", "low", "high")),
            *(Column(head, ".3%") for head in ("accuracy", "low", "high")),
        ],
        rows,
        "How many images get an answer, and how many of the answers are right",
    )


def _coverage_at(found: dict[str, Coverage]) -> Table:
    return Table.of(
        _WANTED,
        {
            "accuracy": "{:.2%}".format,
            **{Column(what, ".2%"): one.curve.coverage_at for what, one in found.items()},
        },
        "The largest coverage at which the answers are so accurate, each read off its own curve",
    )


def _coverage_chart(plot: Callable[[Any], Any], curve: CoverageCurve, what: str) -> Chart:
    return Chart(
        plot,
        alt=f"Accuracy of the answers against their share of all images, on {what} images: from "
        f"{curve.accuracy[-1]:.2%} of all to {curve.coverage_at(0.999):.1%} of the images at "
        "99.9%.",
        caption=f"Accuracy of the answers against their share of all images, on {what} images.",
        table=Table.of(
            _spread(len(curve.thresholds)),
            {
                "coverage": lambda i: f"{curve.coverage[i]:.2%}",
                Column("accuracy", ".3%"): lambda i: curve.accuracy[i],
                "answers": lambda i: curve.n_accepted[i],
                "wrong ones": lambda i: curve.n_accepted[i] - curve.n_right[i],
            },
            "Accuracy at some coverages",
        ),
        size=(4.8, 3.6),
        detail=True,
    )


def _spread(n: int) -> Any:
    """Return positions of up to 21 points, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, _MOST_ROWS).round().astype(int))
