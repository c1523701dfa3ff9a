"""The tour's steps that classify: plain, tuned, with shifts, matched, with few labels."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.cli.tour.walk import (
    N_NEIGHBORS,
    Classified,
    Step,
    Tour,
    chart_of,
    skipped,
    with_notes,
)
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.estimators.search_cv import KNeighborsSearchCV
from lookalike.evaluation.comparison.models import few_label_classifiers
from lookalike.evaluation.comparison.paired import error_drop
from lookalike.evaluation.errors.mistakes import (
    change_to_dict,
    find_changes,
    mistake_to_dict,
    surest_mistakes,
    winning_shares,
)
from lookalike.evaluation.few_labels import FewLabels, measure_few_labels
from lookalike.evaluation.folds import Folds, choose_folds
from lookalike.evaluation.metrics.intervals import Accuracy, accuracy
from lookalike.evaluation.peers import estimate_grid_search
from lookalike.evaluation.training import AblationPart, measure_parts, why_chosen
from lookalike.evaluation.tuning import read_tuning
from lookalike.images.augmentation import Shifts
from lookalike.images.dataset import Dataset, Split
from lookalike.images.expand import Expansion
from lookalike.images.files import counted
from lookalike.matching.byte_levels import check_images
from lookalike.reports.blocks import Gallery, Section
from lookalike.reports.comparison import grid_search_texts
from lookalike.reports.data import augmenting_section, variants_gallery
from lookalike.reports.explanation import explained_gallery
from lookalike.reports.training import few_labels_section, parts_table, tuning_section
from lookalike.search.machine import count_threads, cpu_path

_N_FOLDS = 5
_WEIGHTS = ("uniform", "distance")
_BOOK_S = (3, 4, 5)  # the numbers of neighbours of the book's grid
_MOST_NEIGHBORS = 30  # of the curve; all are read off the same search

_SHIFTS = Shifts(1)
_N_LISTED = {"mended": 8, "made": 4}  # changed predictions in the JSON document
_MOST_TUNED = 10  # neighbours tried with shifts, or twice as many as were best without

_EFFORT: Literal["fast", "balanced", "best"] = "balanced"
_MOST_WRONG = 40  # in the JSON document
_N_NEAREST = 5

_DRAWS = {10: 3, 50: 1, 100: 1}  # by labels a class; with more of them, draws differ less
_MOST_LABELS = 1_000  # of all classes together, so that the step takes seconds, as the next
_MOST_TEST_IMAGES = 2_000
_SEED = 0


def _classify(tour: Tour, model: KNeighborsClassifier) -> Classified:
    """Fit a model to the training images, and predict the test images."""
    tour.bar.start("building the index")
    start = perf_counter()
    model.fit(tour.data.train.images, tour.data.train.labels)
    fitted = perf_counter()
    tour.bar.start("searching neighbours")
    # explain() predicts and keeps the neighbours, so that no later step searches again.
    explanation = model.explain(tour.data.test.images, progress=tour.bar)
    return Classified(model, explanation, fitted - start, perf_counter() - fitted)


def accuracy_text(found: Accuracy, how: str = "") -> str:
    """Return an accuracy in words."""
    return (
        f"accuracy {found.value:.4f} ± {found.standard_error:.4f} (standard error)"
        f"{how and ' '}{how}: {found.n_right:,} of {found.n:,} right"
    )


def baseline(tour: Tour) -> Step:
    """Classify by a vote of the 4 nearest training images, the nearer the weightier."""
    model = KNeighborsClassifier(N_NEIGHBORS, weights="distance", n_jobs=tour.n_jobs)
    tour.plain = found = _classify(tour, model)
    right = accuracy(tour.data.test.labels, found.explanation.prediction)
    entry = {
        "n_neighbors": model.n_neighbors,
        "weights": model.weights,
        **right.to_dict(),
        "fit_seconds": round(found.fit_seconds, 4),
        "predict_seconds": round(found.predict_seconds, 4),
        "cpu_path": cpu_path(),
    }
    said = [
        accuracy_text(right),
        f"index built in {found.fit_seconds:.2f} s, neighbours found in "
        f"{found.predict_seconds:.2f} s: {right.n / found.predict_seconds:,.0f} images a second",
    ]
    threads = counted(count_threads(tour.n_jobs), "thread")
    note = f"(exact search on {threads}, CPU path {cpu_path()})"
    return Step(entry, [with_notes(Section("Baseline", intro=said), note)])


def tuning(tour: Tour) -> Step:
    """Score all numbers of neighbours and weightings on the training images alone."""
    train = tour.data.train
    tour.folds = folds = choose_folds(train.labels, most=_N_FOLDS)
    n_neighbors = range(1, min(_MOST_NEIGHBORS, folds.most_neighbors) + 1)
    search = KNeighborsSearchCV(
        KNeighborsClassifier(),
        {"weights": _WEIGHTS, "n_neighbors": n_neighbors},
        cv=folds.cv,
        n_jobs=tour.n_jobs,
        refit=False,
    )
    tour.bar.start("searching neighbours within the training images")
    start = perf_counter()
    search.fit(train.images, train.labels, progress=tour.bar)
    seconds = perf_counter() - start
    found = read_tuning(search, n_images=len(train))
    tour.best = found.best
    tour.bar.start("timing a part of it with scikit-learn")
    n_threads = count_threads(tour.n_jobs)
    peer = estimate_grid_search(
        train.images, train.labels, n_splits=folds.n_splits, n_threads=n_threads
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
    how = _how_split(tour.data, folds, n_neighbors[-1])
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
    return Step(entry, [section], {"tuning.png": chart_of(section)})


def _how_split(data: Dataset, folds: Folds, most_neighbors: int) -> str:
    """Say how the images are split, and why that is less than usual where it is."""
    n_train, name = len(data.train), data.class_names[folds.smallest_class]
    how = f"{n_train:,} images in {folds.cv} folds, each predicted from the others"
    if folds.cv == "loo":
        how = f"{n_train:,} images, each predicted from all others: no folds, for class {name} "
        how += "has a single image"
    elif folds.cv != _N_FOLDS:
        how += f"; no more folds, for class {name} has {folds.cv} images"
    if most_neighbors < _MOST_NEIGHBORS:
        how += f". k ends at {most_neighbors}, the images that the smallest training fold has"
    return f"{how}."


def tuned(tour: Tour) -> Step:
    """Predict the test images by the best choice, which may be the baseline's already."""
    before, best, labels = tour.plain, tour.best, tour.data.test.labels
    choice = {"n_neighbors": best.n_neighbors, "weights": best.weights}
    is_baseline = choice.items() <= before.model.get_params().items()
    tour.tuned = before
    if not is_baseline:
        model = KNeighborsClassifier(best.n_neighbors, weights=best.weights, n_jobs=tour.n_jobs)
        tour.tuned = _classify(tour, model)
    predictions = before.explanation.prediction, tour.tuned.explanation.prediction
    right, drop = accuracy(labels, predictions[1]), error_drop(labels, *predictions)
    entry = {
        **choice,
        **right.to_dict(),
        "is_baseline": is_baseline,
        "n_mended": drop.n_mended,
        "n_made": drop.n_made,
    }
    change = "The baseline's choice was the best: its result is this one."
    if not is_baseline:
        change = (
            f"baseline {accuracy(labels, predictions[0]).value:.4f}; errors mended "
            f"{drop.n_mended:,}, made {drop.n_made:,}"
        )
    said = [accuracy_text(right, f"by k = {best.n_neighbors}, {best.weights}"), change]
    return Step(entry, [Section("Tuned", intro=said)])


def shifts(tour: Tour) -> Step:
    """Show the training images moved by one pixel, if there are pixels enough."""
    tour.bar.start("shifting images")
    expansion = Expansion(tour.data, _SHIFTS)
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
    return Step(entry, [Section("Shifts", [gallery], [said])], {"shifts.png": gallery})


def augmented(tour: Tour) -> Step:
    """Tune, fit and predict with the shifted images, and compare with the tuned classifier."""
    data, best, before = tour.data, tour.best, tour.tuned.explanation
    train, labels = data.train, data.test.labels
    try:
        variants = _SHIFTS.variants(train.images.shape[1:])
    except ValueError as error:
        return skipped(str(error))
    model = KNeighborsClassifier(weights=best.weights, n_jobs=tour.n_jobs, augmentation=_SHIFTS)
    tour.bar.start("tuning k with shifts within the training images")
    start = perf_counter()
    most = min(max(_MOST_TUNED, 2 * best.n_neighbors), tour.folds.most_neighbors)
    grid = {"n_neighbors": range(1, most + 1)}
    search = KNeighborsSearchCV(model, grid, cv=tour.folds.cv, refit=False)
    search.fit(train.images, train.labels, progress=tour.bar)
    tune_seconds = perf_counter() - start
    model.set_params(**search.best_params_)
    classified = _classify(tour, model)
    after = classified.explanation
    n_expanded = len(train) * (len(variants) + 1)
    before_right, right = (accuracy(labels, one.prediction) for one in (before, after))
    drop = error_drop(labels, before.prediction, after.prediction)
    changes = find_changes(before, after, labels)
    listed = {
        kind: [change_to_dict(data, before, after, row) for row in rows.tolist()[: _N_LISTED[kind]]]
        for kind, rows in changes._asdict().items()
    }
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
        **listed,
        "tune_seconds": round(tune_seconds, 4),
        "fit_seconds": round(classified.fit_seconds, 4),
        "predict_seconds": round(classified.predict_seconds, 4),
    }
    section = augmenting_section(data, before, after, changes, drop)
    said = [
        accuracy_text(right, f"by k = {model.n_neighbors}, {model.weights}"),
        f"without shifts {before_right.value:.4f}",
    ]
    note = (
        f"{len(train):,} training images searched as {n_expanded:,}, no copy made: k tuned on the "
        f"training images in {tune_seconds:.2f} s, index built in {classified.fit_seconds:.2f} s, "
        f"test images predicted in {classified.predict_seconds:.2f} s"
    )
    section = with_notes(replace(section, intro=[*said, *section.intro]), note)
    kinds = [kind for kind, rows in changes._asdict().items() if len(rows)]
    galleries = [block for block in section.blocks if isinstance(block, Gallery)]
    pictures = {f"{kind}.png": one for kind, one in zip(kinds, galleries, strict=True)}
    return Step(entry, [section], pictures)


def matched(tour: Tour) -> Step:
    """Match images by what is chosen on the training images; tell what each part is good for."""
    train, test = tour.data.train, tour.data.test
    try:
        check_images(train.images[:1])
    except ValueError as error:
        return skipped(str(error))
    classifier = LookalikeClassifier(_EFFORT, n_jobs=tour.n_jobs)
    tour.bar.start("trying what matches images best")
    start = perf_counter()
    classifier.fit(train.images, train.labels, progress=tour.bar)
    fitted = perf_counter()
    tour.bar.start("matching the test images")
    parts = measure_parts(classifier, test.images, test.labels, progress=tour.bar)
    fit_seconds, predict_seconds = fitted - start, perf_counter() - fitted
    before = tour.plain.explanation.prediction
    named = f"pixels: the {tour.plain.model.n_neighbors} nearest, weighted"
    parts = [AblationPart(named, None, before, accuracy(test.labels, before)), *parts]
    right, drop = parts[-1].accuracy, error_drop(test.labels, before, parts[-1].prediction)
    wrong = np.flatnonzero(parts[-1].prediction != test.labels)
    why, n_wrong = why_chosen(classifier), len(wrong)
    said = [
        f"Of {right.n:,} test images {'1 is' if n_wrong == 1 else f'{n_wrong:,} are'} still wrong; "
        f"against the plain neighbours {drop.n_mended:,} errors are mended, {drop.n_made:,} made.",
        f"Why these: {why}",
    ]
    section = with_notes(
        Section("Matched", [parts_table(parts)], said),
        "Held out: train images; by their errors all parts were chosen, together. The test errors "
        "of the parts are read off one search.",
        f"chosen and learnt in {fit_seconds:.2f} s, test images matched in {predict_seconds:.2f} s",
    )
    listed, pictures = [], {}
    if n_wrong:
        matches = classifier.explain(test.images[wrong], min(_N_NEAREST, len(train)))
        shares = winning_shares(matches)
        listed = [
            mistake_to_dict(tour.data, matches, i, row, probability=float(shares[i]))
            for i, row in enumerate(wrong[:_MOST_WRONG].tolist())
        ]
        truth = test.labels[wrong]
        shown = surest_mistakes(matches, truth)[:_MOST_WRONG]
        caption = f"{len(shown)} of {n_wrong:,} wrong answers, the surest of each confusion first."
        gallery = explained_gallery(matches, truth, shown, caption, tour.data, numbers=wrong)
        section = replace(section, blocks=[*section.blocks, gallery])
        pictures = {"matches.png": gallery}
    entry = {
        "effort": classifier.effort,
        "representation": classifier.representation_._asdict(),
        "scoring_rule": classifier.scoring_rule_._asdict(),
        "why": why,
        "chain": [part.to_dict() for part in parts],
        **right.to_dict(),
        "n_mended": drop.n_mended,
        "n_made": drop.n_made,
        "wrong": listed,
        "fit_seconds": round(fit_seconds, 4),
        "predict_seconds": round(predict_seconds, 4),
    }
    return Step(entry, [section], pictures)


def few_labels(tour: Tour) -> Step:
    """Fit ours and other classifiers on few labels a class, drawn anew several times."""
    train, test = tour.data.train, tour.data.test
    try:
        check_images(train.images[:1])
    except ValueError as error:
        return skipped(str(error))
    classes, counts = np.unique(train.labels, return_counts=True)
    n_draws, fewest = affordable_draws(counts), min(_DRAWS)
    if len(classes) < 2:
        return skipped(
            "the training images are of one class, so that there is nothing to tell apart"
        )
    if counts.min() < fewest:
        return skipped(f"a class has fewer than {fewest} training images to draw from")
    if not n_draws:
        labels = f"{fewest} labels of each of {len(classes):,} classes"
        return skipped(f"{labels} are more than {_MOST_LABELS:,}")
    rows = np.random.default_rng(_SEED).permutation(len(test))[:_MOST_TEST_IMAGES]
    tour.bar.start("learning from few labels")
    found = measure_few_labels(
        few_label_classifiers(float(train.images.max()), n_jobs=tour.n_jobs, seed=_SEED),
        train,
        Split(test.images[rows], test.labels[rows]),
        n_draws,
        progress=tour.bar,
    )
    section = few_labels_section(found, how=_how_drawn(found, len(test)))
    entry = {**found.to_dict(), "verdict": found.verdict()}
    return Step(entry, [section], {"few_labels.png": chart_of(section)})


def _how_drawn(found: FewLabels, n_test: int) -> str:
    """Say what was drawn and predicted."""
    first, *others = zip(found.n_draws, found.sizes, strict=True)
    draws = f"{first[0]} {'draw' if first[0] == 1 else 'draws'} of {first[1]:,}"
    draws += "".join(f", {n} of {size:,}" for n, size in others)
    of = "all" if found.n_test == n_test else f"{found.n_test:,} of the"
    several = max(found.n_draws) > 1
    spread = " The spread is the standard deviation of the draws." if several else ""
    return (
        f"{draws} training images a class, the same for all; errors of {of} {n_test:,} test "
        f"images.{spread} Ours chooses its settings on those few labels; fixed are those of k-NN "
        "(k = 3, weighted by distance), the SVM (C = 5) and the forest (100 trees)."
    )


def affordable_draws(counts: NDArray[np.int64]) -> dict[int, int]:
    """Return the draws of those numbers of labels that all classes have, and that take seconds."""
    most = min(int(counts.min()), _MOST_LABELS // len(counts))
    return {size: n for size, n in _DRAWS.items() if size <= most}
