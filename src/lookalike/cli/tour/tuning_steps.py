"""The tour's first classifiers: a usual one, and the best one by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import NamedTuple

from lookalike.cli.screen import Bar
from lookalike.cli.tour.step import Step, accuracy_text, chart_of
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.explanation import Explanation
from lookalike.estimators.search_cv import KNeighborsSearchCV
from lookalike.evaluation.comparison.paired import error_drop
from lookalike.evaluation.folds import Folds, choose_folds
from lookalike.evaluation.metrics.intervals import accuracy
from lookalike.evaluation.peers import estimate_grid_search
from lookalike.evaluation.tuning import Tuning, TuningChoice, read_tuning
from lookalike.images.dataset import Dataset
from lookalike.images.files import counted
from lookalike.reports.blocks import Section, Text
from lookalike.reports.comparison import grid_search_texts
from lookalike.reports.training import tuning_section
from lookalike.search.machine import count_threads, cpu_path

_N_FOLDS = 5
_WEIGHTS = ("uniform", "distance")
_BOOK_S = (3, 4, 5)  # the numbers of neighbours of the book's grid
_MOST_NEIGHBORS = 30  # of the curve; all are read off the same search


@dataclass(frozen=True, eq=False)
class Classified:
    """The test images, classified.

    Attributes
    ----------
    model : KNeighborsClassifier, fitted
    explanation : Explanation
        The explanation of all test images.
    fit_seconds, predict_seconds : float
    """

    model: KNeighborsClassifier
    explanation: Explanation
    fit_seconds: float
    predict_seconds: float


class Tuned(NamedTuple):
    """The folds of the training images, and the scores on them."""

    folds: Folds
    tuning: Tuning


def classify(bar: Bar, data: Dataset, model: KNeighborsClassifier) -> Classified:
    """Fit a model to the training images, and predict the test images."""
    bar.start("building the index")
    start = perf_counter()
    model.fit(data.train.images, data.train.labels)
    fitted = perf_counter()
    bar.start("searching neighbours")
    # explain() predicts and keeps the neighbours, so that no later step searches again.
    explanation = model.explain(data.test.images, progress=bar)
    return Classified(model, explanation, fitted - start, perf_counter() - fitted)


def baseline(bar: Bar, data: Dataset, n_jobs: int | None) -> Step[Classified]:
    """Classify by a vote of the 4 nearest training images, the nearer the weightier."""
    found = classify(bar, data, KNeighborsClassifier(4, weights="distance", n_jobs=n_jobs))
    right = accuracy(data.test.labels, found.explanation.prediction)
    entry = {
        "n_neighbors": found.model.n_neighbors,
        "weights": found.model.weights,
        **right.to_dict(),
        "fit_seconds": round(found.fit_seconds, 4),
        "predict_seconds": round(found.predict_seconds, 4),
        "cpu_path": cpu_path(),
    }
    threads = counted(count_threads(n_jobs), "thread")
    said = [
        accuracy_text(right),
        f"index built in {found.fit_seconds:.2f} s, neighbours found in "
        f"{found.predict_seconds:.2f} s: {right.n / found.predict_seconds:,.0f} images a second",
    ]
    note = Text(f"(exact search on {threads}, CPU path {cpu_path()})", is_note=True)
    return Step(found, entry, [Section("Baseline", [note], said)])


def tuning(bar: Bar, data: Dataset, n_jobs: int | None) -> Step[Tuned]:
    """Score all numbers of neighbours and weightings on the training images alone."""
    train = data.train
    folds = choose_folds(train.labels, most=_N_FOLDS)
    n_neighbors = range(1, min(_MOST_NEIGHBORS, folds.most_neighbors) + 1)
    search = KNeighborsSearchCV(
        KNeighborsClassifier(),
        {"weights": _WEIGHTS, "n_neighbors": n_neighbors},
        cv=folds.cv,
        n_jobs=n_jobs,
        refit=False,
    )
    bar.start("searching neighbours within the training images")
    start = perf_counter()
    search.fit(train.images, train.labels, progress=bar)
    seconds = perf_counter() - start
    found = read_tuning(search, n_images=len(train))
    bar.start("timing a part of it with scikit-learn")
    peer = estimate_grid_search(
        train.images, train.labels, n_splits=folds.n_splits, n_threads=count_threads(n_jobs)
    )
    n_candidates = len(search.cv_results_["params"])
    entry = {
        "cv": folds.cv,
        "n_splits": folds.n_splits,
        "n_candidates": n_candidates,
        "search_seconds": round(seconds, 4),
        **found.to_dict(),
        "grid_search_cv": peer.to_dict(n_candidates, seconds),
    }
    how = _how_split(data, folds, n_neighbors[-1])
    section = tuning_section(found, how=f"{how} The test images are not looked at.")
    book_s = [k for k in _BOOK_S if k in n_neighbors] or list(n_neighbors)
    said = grid_search_texts(
        peer,
        seconds=seconds,
        n_candidates=n_candidates,
        n_some=len(book_s) * len(_WEIGHTS),
        some=f"k = {', '.join(map(str, book_s))}",
    )
    section = replace(section, blocks=[*section.blocks, *said])
    return Step(Tuned(folds, found), entry, [section], {"tuning.png": chart_of(section)})


def _how_split(data: Dataset, folds: Folds, most_neighbors: int) -> str:
    """Say how the images are split, and why that is less than usual where it is."""
    n_train, name = len(data.train), data.class_names[folds.smallest_class]
    if folds.cv == "loo":
        how = f"{n_train:,} images, each predicted from all others: no folds, for class {name} "
        how += "has a single image."
    else:
        how = f"{n_train:,} images in {folds.cv} folds, each predicted from the others"
        few = f"; no more folds, for class {name} has {folds.cv} images"
        how += "." if folds.cv == _N_FOLDS else f"{few}."
    if most_neighbors < _MOST_NEIGHBORS:
        how += f" k ends at {most_neighbors}, the images that the smallest training fold has."
    return how


def tuned(
    bar: Bar, data: Dataset, before: Classified, best: TuningChoice, n_jobs: int | None
) -> Step[Classified]:
    """Predict the test images by the best number of neighbours and weights.

    Parameters
    ----------
    data : Dataset
    before : Classified
        By the baseline, which may be the best already.
    best : TuningChoice
    n_jobs : int or None
    """
    is_baseline = (best.n_neighbors, best.weights) == (
        before.model.n_neighbors,
        before.model.weights,
    )
    found = before
    if not is_baseline:
        model = KNeighborsClassifier(best.n_neighbors, weights=best.weights, n_jobs=n_jobs)
        found = classify(bar, data, model)
    labels = data.test.labels
    predictions = before.explanation.prediction, found.explanation.prediction
    right, drop = accuracy(labels, predictions[1]), error_drop(labels, *predictions)
    entry = {
        "n_neighbors": best.n_neighbors,
        "weights": best.weights,
        **right.to_dict(),
        "is_baseline": is_baseline,
        "n_mended": drop.n_mended,
        "n_made": drop.n_made,
    }
    said = [accuracy_text(right, f"by k = {best.n_neighbors}, {best.weights}")]
    if is_baseline:
        said.append("The baseline's choice was the best: its result is this one.")
    else:
        said.append(
            f"baseline {accuracy(labels, predictions[0]).value:.4f}; errors mended "
            f"{drop.n_mended:,}, made {drop.n_made:,}"
        )
    return Step(found, entry, [Section("Tuned", intro=said)])
