"""The tour's steps that judge: errors, metrics, a detector, and answers that are left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lookalike.cli.screen import Bar
from lookalike.cli.tour.step import Step, skipped
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.decisions.selective import choose_rejection
from lookalike.evaluation.decisions.threshold import choose_threshold
from lookalike.evaluation.errors.confusion import ConfusionMatrix
from lookalike.evaluation.errors.mistakes import (
    mistake_to_dict,
    surest_mistakes,
    vote_margins,
    winning_shares,
)
from lookalike.evaluation.folds import Folds
from lookalike.evaluation.metrics.evaluate import evaluate_predictions
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.images.dataset import Dataset
from lookalike.reports.blocks import Section, Text
from lookalike.reports.decisions import coverage_section, threshold_section
from lookalike.reports.errors import confusion_chart, errors_section
from lookalike.reports.evaluation import evaluation_section
from lookalike.reports.explanation import explained_gallery
from lookalike.results import numbers

_N_LARGEST = 3  # confusions
_N_MISTAKES = 8
_BOOK_S = "5"  # the class that the book detects
_PRECISION = 0.99
_N_NEIGHBORS = 10  # so many votes make a fine scale of thresholds
_ACCURACY = 0.999  # of the answers that are given


def confusion(bar: Bar, data: Dataset, explanation: Explanation) -> Step[None]:
    """Count which classes are taken for which."""
    bar.start("counting confusions")
    matrix = ConfusionMatrix.of(data.test.labels, explanation.prediction, data.class_names)
    names = matrix.class_names
    entry: dict[str, Any] = {
        "matrix": matrix.counts.tolist(),
        "n_wrong": matrix.n_wrong.tolist(),
        "error_rates": numbers(matrix.error_rates),
        "largest": [
            {"true": names[true], "predicted": names[predicted], "count": count}
            for true, predicted, count in matrix.largest(_N_LARGEST)
        ],
    }
    largest = ", ".join(
        f"{one['true']} taken for {one['predicted']} ({one['count']})" for one in entry["largest"]
    )
    chart, said = confusion_chart(matrix), f"Most often: {largest or 'no class taken for another'}."
    return Step(None, entry, [Section("Confusion", [chart, Text(said)])], {"confusion.png": chart})


def mistakes(bar: Bar, data: Dataset, explanation: Explanation) -> Step[None]:
    """Find the wrong predictions that were surest, and the images behind them."""
    bar.start("looking for mistakes")
    rows = surest_mistakes(explanation, data.test.labels)
    shares = winning_shares(explanation)
    shown = rows[:_N_MISTAKES]
    entry = {
        "n_wrong": len(rows),
        "surest": [
            {
                **mistake_to_dict(data, explanation, row, row, share=float(shares[row])),
                "distances": explanation.distances[row].tolist(),
                "shares": explanation.shares[row].tolist(),
            }
            for row in shown.tolist()
        ],
    }
    if not len(rows):
        return Step(None, entry, [Section("Mistakes", intro=["None."])])
    caption = (
        f"{len(shown)} of {len(rows):,}: the surest of different confusions, each beside its "
        "nearest training images; below these the part of the vote, at the distance."
    )
    gallery = explained_gallery(explanation, data.test.labels, shown, caption, data)
    return Step(None, entry, [Section("Mistakes", [gallery])], {"mistakes.png": gallery})


def judged(
    bar: Bar, data: Dataset, model: KNeighborsClassifier, explanation: Explanation
) -> Step[Evaluation | None]:
    """Measure all that can be measured of predictions, with intervals.

    Parameters
    ----------
    data : Dataset
    model : KNeighborsClassifier, fitted
    explanation : Explanation
        The explanation of all test images by ``model``.
    """
    bar.start("measuring")
    labels, names = data.test.labels, data.class_names
    classes = model.classes_
    strange = sorted(set(labels.tolist()) - set(classes.tolist()))
    if strange:
        of_these = ", ".join(names[code] for code in strange[:5])
        return skipped(f"test images are of classes without training images ({of_these})")
    evaluation = evaluate_predictions(
        labels,
        explanation.prediction,
        explanation.class_shares(classes),
        classes=classes,
        class_names=[names[code] for code in classes.tolist()],
    )
    assert isinstance(evaluation, Evaluation)  # labels are of one dimension
    wrong, unanimous = explanation.prediction != labels, vote_margins(explanation) > 0.999
    n_surely_wrong = int((unanimous & wrong).sum())
    entry = {
        **evaluation.to_dict(),
        "n_unanimous": int(unanimous.sum()),
        "n_unanimous_and_wrong": n_surely_wrong,
    }
    said = (
        f"Of {evaluation.n:,} votes {unanimous.mean():.1%} are unanimous; {n_surely_wrong:,} of "
        f"these are wrong, of the others {int(wrong.sum()) - n_surely_wrong:,}."
    )
    section = evaluation_section(evaluation)
    first, *others = section.blocks
    section = replace(section, blocks=[first, Text(said), *others])
    return Step(
        evaluation, entry, [section, replace(errors_section(data, explanation), detail=True)]
    )


def detected(bar: Bar, data: Dataset, folds: Folds, n_jobs: int | None) -> Step[None]:
    """Choose the threshold of a detector of one class, the book's "5 or not 5", and try it."""
    train, test, names = data.train, data.test, data.class_names
    code = names.index(_BOOK_S) if _BOOK_S in names else int(np.bincount(train.labels).argmax())
    name = names[code]
    bar.start("choosing a threshold within the training images")
    k = min(_N_NEIGHBORS, folds.most_neighbors)
    try:
        chosen = choose_threshold(
            KNeighborsClassifier(k, weights="distance", n_jobs=n_jobs),
            train.images,
            train.labels,
            positive=code,
            precision=_PRECISION,
            cv=folds.cv,
            progress=bar,
        )
    except ValueError as error:
        return skipped(str(error), **{"class": name})
    tested = chosen.evaluate(test.images, test.labels)
    entry = {
        "class": name,
        "aim": str(chosen.aim_),
        "n_neighbors": k,
        "train": chosen.promise_.to_dict(),
        "test": tested.to_dict(),
    }
    section = threshold_section(chosen, tested, positive_name=name)
    note = Text(f"The score is the class's part of the vote of {k} neighbours.", is_note=True)
    return Step(None, entry, [replace(section, blocks=[*section.blocks, note])])


def sure(bar: Bar, data: Dataset, model: KNeighborsClassifier) -> Step[None]:
    """Choose within the training images how sure an answer must be, and try it."""
    train, test = data.train, data.test
    bar.start("looking for what to leave out within the training images")
    try:
        chosen = choose_rejection(
            model, train.images, train.labels, accuracy=_ACCURACY, progress=bar
        )
    except ValueError as error:
        return skipped(str(error))
    tested = chosen.evaluate(test.images, test.labels)
    entry: dict[str, Any] = {
        "accuracy_wanted": _ACCURACY,
        "threshold": float(chosen.thresholds),
        "train": chosen.promise_.to_dict(),
        "test": tested.to_dict(),
    }
    section = coverage_section(chosen, tested)
    how = (
        "An image gets an answer where the nearest image of another class is at least "
        f"{chosen.thresholds:.2f} times as far as that of the class it is taken for."
    )
    return Step(None, entry, [replace(section, intro=[how, *section.intro])])
