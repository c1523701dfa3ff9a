"""The tour's steps on a training set grown by shifts: how they look, and what they are good for."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from lookalike.cli.screen import Bar
from lookalike.cli.tour.step import Step, accuracy_text, skipped
from lookalike.cli.tour.tuning_steps import Classified, classify
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.search_cv import KNeighborsSearchCV
from lookalike.evaluation.comparison.paired import error_drop
from lookalike.evaluation.errors.mistakes import change_to_dict, find_changes
from lookalike.evaluation.folds import Folds
from lookalike.evaluation.metrics.intervals import accuracy
from lookalike.evaluation.tuning import TuningChoice
from lookalike.images.augmentation import Shifts
from lookalike.images.dataset import Dataset
from lookalike.images.expand import Expansion
from lookalike.reports.blocks import Gallery, Section, Text
from lookalike.reports.data import augmenting_section, variants_gallery

_SHIFTS = Shifts(1)
_N_LISTED = {"mended": 8, "made": 4}  # changed predictions in the JSON document
_MOST_TUNED = 10  # neighbours tried with shifts, or twice as many as were best without


def shifts(bar: Bar, data: Dataset) -> Step[None]:
    """Show the training images moved by one pixel, if there are pixels enough."""
    bar.start("shifting images")
    expansion = Expansion(data, _SHIFTS)
    try:
        numbers = expansion.to_dict()
    except ValueError as error:
        return skipped(str(error))
    entry = {name: numbers[name] for name in ("augmentation", "variants", "n_train", "n_expanded")}
    gallery = variants_gallery(expansion)
    said = (
        f"A digit or a thing stays what it is when it moves: {entry['n_train']:,} training images "
        f"stand for {entry['n_expanded']:,}."
    )
    return Step(None, entry, [Section("Shifts", [gallery], [said])], {"shifts.png": gallery})


def augmented(
    bar: Bar,
    data: Dataset,
    before: Classified,
    best: TuningChoice,
    folds: Folds,
    n_jobs: int | None,
) -> Step[None]:
    """Tune, fit and predict with the shifted images, and compare with the tuned classifier.

    Parameters
    ----------
    data : Dataset
    before : Classified
        By the tuned classifier.
    best : TuningChoice
        That classifier's number of neighbours and weights.
    folds : Folds
        The folds of the training images.
    n_jobs : int or None
    """
    train, test = data.train, data.test
    try:
        variants = _SHIFTS.variants(train.images.shape[1:])
    except ValueError as error:
        return skipped(str(error))
    model = KNeighborsClassifier(weights=best.weights, n_jobs=n_jobs, augmentation=_SHIFTS)
    bar.start("tuning k with shifts within the training images")
    start = perf_counter()
    most = min(max(_MOST_TUNED, 2 * best.n_neighbors), folds.most_neighbors)
    search = KNeighborsSearchCV(
        model, {"n_neighbors": range(1, most + 1)}, cv=folds.cv, refit=False
    )
    search.fit(train.images, train.labels, progress=bar)
    tune_seconds = perf_counter() - start
    model.set_params(**search.best_params_)
    after = classify(bar, data, model)
    n_expanded = len(train) * (len(variants) + 1)
    labels = test.labels
    predictions = before.explanation.prediction, after.explanation.prediction
    before_right, right = (accuracy(labels, predicted) for predicted in predictions)
    drop = error_drop(labels, *predictions)
    changes = find_changes(before.explanation, after.explanation, labels)
    entry = {
        "augmentation": repr(_SHIFTS),
        "n_neighbors": model.n_neighbors,
        "weights": model.weights,
        "cv_accuracy": float(search.best_score_),
        "n_train": len(train),
        "n_expanded": n_expanded,
        **right.to_dict(),
        "accuracy_before": before_right.value,
        "error_drop": drop.to_dict(),
        "n_mended": drop.n_mended,
        "n_made": drop.n_made,
        **{
            kind: [
                change_to_dict(data, before.explanation, after.explanation, row)
                for row in rows.tolist()[: _N_LISTED[kind]]
            ]
            for kind, rows in changes._asdict().items()
        },
        "tune_seconds": round(tune_seconds, 4),
        "fit_seconds": round(after.fit_seconds, 4),
        "predict_seconds": round(after.predict_seconds, 4),
    }
    section = augmenting_section(data, before.explanation, after.explanation, changes, drop)
    note = Text(
        f"{len(train):,} training images searched as {n_expanded:,}, no copy made: k tuned on the "
        f"training images in {tune_seconds:.2f} s, index built in {after.fit_seconds:.2f} s, test "
        f"images predicted in {after.predict_seconds:.2f} s",
        is_note=True,
    )
    said = [
        accuracy_text(right, f"by k = {model.n_neighbors}, {model.weights}"),
        f"without shifts {before_right.value:.4f}",
    ]
    section = replace(section, intro=[*said, *section.intro], blocks=[*section.blocks, note])
    kinds = [kind for kind, rows in changes._asdict().items() if len(rows)]
    galleries = [block for block in section.blocks if isinstance(block, Gallery)]
    pictures = {f"{kind}.png": one for kind, one in zip(kinds, galleries, strict=True)}
    return Step(None, entry, [section], pictures)
