"""The tour's steps that judge: errors, metrics, decisions, peers, cleaned images, and the data."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np

from lookalike.cli.compare import compare_on_some
from lookalike.cli.tour.walk import Step, Tour, skipped, with_notes
from lookalike.denoising.image_stacks import SMALLEST
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.denoiser import KNeighborsDenoiser
from lookalike.evaluation.auditing.audit import audit
from lookalike.evaluation.comparison.models import DESCRIPTIONS
from lookalike.evaluation.decisions.selective import choose_rejection
from lookalike.evaluation.decisions.threshold import choose_threshold
from lookalike.evaluation.errors.confusion import ConfusionMatrix
from lookalike.evaluation.errors.mistakes import (
    mistake_to_dict,
    surest_mistakes,
    vote_margins,
    winning_shares,
)
from lookalike.evaluation.fidelity import Cleaned, Denoising
from lookalike.evaluation.folds import some_rows
from lookalike.evaluation.metrics.evaluate import evaluate_predictions
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.evaluation.metrics.intervals import accuracy
from lookalike.evaluation.peers import (
    BesidePeer,
    clean_as_the_book,
    clean_by_sklearn,
    find_cleaning_differences,
    find_differences,
    run_sklearn,
)
from lookalike.images.files import counted
from lookalike.images.noise import UniformNoise, add_noise
from lookalike.reports.audit import audit_section
from lookalike.reports.blocks import Gallery, Section, Table, Text
from lookalike.reports.comparison import comparison_section, peer_section
from lookalike.reports.decisions import coverage_section, threshold_section
from lookalike.reports.denoising import denoising_section
from lookalike.reports.errors import confusion_chart, errors_section
from lookalike.reports.evaluation import evaluation_section
from lookalike.reports.explanation import explained_gallery
from lookalike.results import numbers
from lookalike.search.machine import count_threads

_N_LARGEST = 3  # confusions
_N_MISTAKES = 8
_BOOK_S = "5"  # the class that the book detects
_PRECISION = 0.99
_N_NEIGHBORS = 10  # so many votes make a fine scale of thresholds, and judge the labels
_ACCURACY = 0.999  # of the answers that are given

_MOST_IMAGES = 2_000  # so that the comparison takes seconds
_N_FOLDS = 3
_NAMES = tuple(DESCRIPTIONS)
_MOST_CLASSES = 40  # of more, only those that do not fit something for each class
_OF_MANY_CLASSES = ("knn", "forest", "dummy")

_QUALITY = "fast"
_MOST_TRAIN, _MOST_TEST = 10_000, 1_000  # so that cleaning takes seconds
_MOST_LEARNED = 1_000  # of the former, by lookalike; with all it is hardly better
_HIGH = 100  # of the noise where white is 255, as the book's np.random.randint(0, 100)
_N_SHOWN = 8

_N_LISTED = 100  # rows of each of the audit's lists in the JSON document


def confusion(tour: Tour) -> Step:
    """Count which classes are taken for which."""
    tour.bar.start("counting confusions")
    data, predicted = tour.data, tour.plain.explanation.prediction
    matrix = ConfusionMatrix.of(data.test.labels, predicted, data.class_names)
    names = matrix.class_names
    largest = [
        {"true": names[true], "predicted": names[predicted], "count": count}
        for true, predicted, count in matrix.largest(_N_LARGEST)
    ]
    entry = {
        "matrix": matrix.counts.tolist(),
        "n_wrong": matrix.n_wrong.tolist(),
        "error_rates": numbers(matrix.error_rates),
        "largest": largest,
    }
    most = ", ".join(
        f"{one['true']} taken for {one['predicted']} ({one['count']})" for one in largest
    )
    chart, said = confusion_chart(matrix), f"Most often: {most or 'no class taken for another'}."
    return Step(entry, [Section("Confusion", [chart, Text(said)])], {"confusion.png": chart})


def mistakes(tour: Tour) -> Step:
    """Find the wrong predictions that were surest, and the images behind them."""
    tour.bar.start("looking for mistakes")
    data, explanation = tour.data, tour.plain.explanation
    rows = surest_mistakes(explanation, data.test.labels)
    shares = winning_shares(explanation)
    shown = rows[:_N_MISTAKES]
    surest = [
        {
            **mistake_to_dict(data, explanation, row, row, share=float(shares[row])),
            "distances": explanation.distances[row].tolist(),
            "shares": explanation.shares[row].tolist(),
        }
        for row in shown.tolist()
    ]
    entry = {"n_wrong": len(rows), "surest": surest}
    if not len(rows):
        return Step(entry, [Section("Mistakes", intro=["None."])])
    caption = (
        f"{len(shown)} of {len(rows):,}: the surest of different confusions, each beside its "
        "nearest training images; below these the part of the vote, at the distance."
    )
    gallery = explained_gallery(explanation, data.test.labels, shown, caption, data)
    return Step(entry, [Section("Mistakes", [gallery])], {"mistakes.png": gallery})


def judged(tour: Tour) -> Step:
    """Measure all that can be measured of the tuned classifier's predictions, with intervals."""
    tour.bar.start("measuring")
    labels, names = tour.data.test.labels, tour.data.class_names
    explanation, classes = tour.tuned.explanation, tour.tuned.model.classes_
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
    tour.evaluation = evaluation
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
    return Step(entry, [section, replace(errors_section(tour.data, explanation), detail=True)])


def detected(tour: Tour) -> Step:
    """Choose the threshold of a detector of one class, the book's "5 or not 5", and try it."""
    train, test, names = tour.data.train, tour.data.test, tour.data.class_names
    code = names.index(_BOOK_S) if _BOOK_S in names else int(np.bincount(train.labels).argmax())
    name = names[code]
    tour.bar.start("choosing a threshold within the training images")
    k = min(_N_NEIGHBORS, tour.folds.most_neighbors)
    try:
        chosen = choose_threshold(
            KNeighborsClassifier(k, weights="distance", n_jobs=tour.n_jobs),
            train.images,
            train.labels,
            positive=code,
            precision=_PRECISION,
            cv=tour.folds.cv,
            progress=tour.bar,
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
    note = f"The score is the class's part of the vote of {k} neighbours."
    return Step(entry, [with_notes(section, note)])


def sure(tour: Tour) -> Step:
    """Choose within the training images how sure an answer must be, and try it."""
    train, test = tour.data.train, tour.data.test
    tour.bar.start("looking for what to leave out within the training images")
    try:
        chosen = choose_rejection(
            tour.tuned.model, train.images, train.labels, accuracy=_ACCURACY, progress=tour.bar
        )
    except ValueError as error:
        return skipped(str(error))
    tested = chosen.evaluate(test.images, test.labels)
    entry = {
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
    return Step(entry, [replace(section, intro=[how, *section.intro])])


def compared(tour: Tour) -> Step:
    """Fit and ask each classifier of the chapter on the same folds of some training images."""
    train = tour.data.train
    classes, counts = np.unique(train.labels, return_counts=True)
    if len(classes) < 2 or counts.min() < _N_FOLDS:
        return skipped(
            f"a class has fewer than {_N_FOLDS} training images, so that not every fold would "
            "have one"
        )
    names = _NAMES if len(classes) <= _MOST_CLASSES else _OF_MANY_CLASSES
    most = max(_MOST_IMAGES, _N_FOLDS * len(classes))
    comparison = compare_on_some(train, most, names, _N_FOLDS, tour.n_jobs, tour.bar)
    section = comparison_section(comparison)
    described = [[name, DESCRIPTIONS[name]] for name in names]
    what = Table(["classifier", "what it is"], described, "The classifiers", detail=True)
    section = replace(section, blocks=[*section.blocks, what])
    if comparison.n < len(train):
        section = with_notes(
            section,
            f"To be quick, {comparison.n:,} of {len(train):,} training images; lookalike compare "
            "takes more, and longer. No setting is tuned.",
        )
    return Step(comparison.to_dict(), [section])


def clean(tour: Tour) -> Step:
    """Make some test images noisy, clean them as the book does and as we do, and classify them."""
    data, bar, n_jobs = tour.data, tour.bar, tour.n_jobs
    height, width = data.train.images.shape[1:3]
    if min(height, width) < SMALLEST:
        return skipped(
            f"images of {height} × {width} pixels are smaller than the windows of {SMALLEST} × "
            f"{SMALLEST} that pixels are cleaned by"
        )
    rng = np.random.default_rng(0)
    noise = UniformNoise(0, max(2, _HIGH * data.brightest // 255))
    train_rows = some_rows(len(data.train), _MOST_TRAIN, rng)
    rows = some_rows(len(data.test), _MOST_TEST, rng)
    images, truth = data.train.images[train_rows], data.test.images[rows]
    learned = some_rows(len(images), _MOST_LEARNED, rng)
    bar.start("learning how to clean")
    denoiser = KNeighborsDenoiser(quality=_QUALITY, random_state=0, n_jobs=n_jobs)
    start = perf_counter()
    denoiser.fit(clean=images[learned], noise=noise, progress=bar)
    fitted = perf_counter()
    noisy = add_noise(truth, noise, rng)
    bar.start("cleaning")
    estimates = denoiser.predict(noisy, progress=bar)
    cleaned = perf_counter()
    bar.start("cleaning as the book does")
    book = clean_as_the_book(add_noise(images, noise, rng), images, noisy, n_jobs=n_jobs)
    tour.book = book
    bar.start("classifying what was cleaned")
    labels = data.test.labels[rows]
    found = Denoising(
        [f"test {data.test.called(row)}" for row in rows.tolist()],
        [
            Cleaned("noisy", noisy),
            Cleaned("the book's k-NN", book.cleaned, book.fit_seconds + book.predict_seconds),
            Cleaned("lookalike", estimates, cleaned - start),
        ],
        data.brightest,
        Cleaned("truth", truth),
    )
    *methods, true = (
        replace(one, accuracy=accuracy(labels, tour.tuned.model.predict(found.pixels(one))).value)
        for one in found.shown
    )
    found = replace(found, methods=methods, truth=true)
    entry = {
        "noise": f"uniform:{noise.high}",
        "quality": _QUALITY,
        "n_train": len(train_rows),
        "n_learned": len(learned),
        "n_test": len(rows),
        "fit_seconds": round(fitted - start, 4),
        "clean_seconds": round(cleaned - fitted, 4),
        "images": found.to_dict(),
    }
    ours = "" if len(learned) == len(images) else f", {len(learned):,} of them by lookalike"
    counts = (
        f"{len(images):,} training images are learned from{ours}, and {len(rows):,} test images"
    )
    is_quick = (len(learned), len(rows)) != (len(data.train), len(data.test))
    quick = f"To be quick, {counts} are cleaned; lookalike clean learns from all, and longer."
    said = [
        f"A number from 0 to {noise.high - 1} is added to each value. The book's k-NN "
        "(KNeighborsClassifier, k = 1, an output a pixel) puts the nearest training image in its "
        f'place; lookalike (KNeighborsDenoiser, quality="{_QUALITY}") estimates each pixel from '
        "what surrounds it, by what was learned from patches like it.",
        quick if is_quick else f"{counts} are cleaned.",
    ]
    _, first = np.unique(labels, return_index=True)  # image of each class
    section = denoising_section(found, rows=first[:_N_SHOWN].tolist(), intro=said)
    gallery = next(block for block in section.blocks if isinstance(block, Gallery))
    note = (
        "The accuracy is that of the tuned classifier, trained on clean images, and seconds are to "
        "learn and to clean."
    )
    return Step(entry, [with_notes(section, note)], {"cleaned.png": gallery})


def audited(tour: Tour) -> Step:
    """Look for wrong labels and copies, with one leave-one-out search."""
    train, test = tour.data.train, tour.data.test
    tour.bar.start("searching neighbours within the training images")
    start = perf_counter()
    try:
        found = audit(
            train.images,
            train.labels,
            test=(test.images, test.labels),
            class_names=tour.data.class_names,
            paths=train.paths,
            n_neighbors=max(1, min(_N_NEIGHBORS, len(train) - 1)),
            transformed=False,  # on MNIST it would take as long as the whole tour
            n_jobs=tour.n_jobs,
            progress=tour.bar,
        )
    except ValueError as error:
        return skipped(str(error))
    seconds = perf_counter() - start
    entry = found.to_dict(n_rows=_N_LISTED)
    entry["seconds_of_parts"] = entry.pop("seconds")
    entry["audit_seconds"] = round(seconds, 4)
    note = f"{len(found):,} training images searched among each other in {seconds:.2f} s."
    return Step(entry, [with_notes(audit_section(found), note)])


def against_sklearn(tour: Tour) -> Step:
    """Fit and predict the baseline with scikit-learn, and compare times and predictions."""
    ours, data, n_threads = tour.plain, tour.data, count_threads(tour.n_jobs)
    tour.bar.start("scikit-learn does the same")
    peer = run_sklearn(ours.model, data, n_threads=n_threads, progress=tour.bar)
    differences = find_differences(ours.model, ours.explanation, data.test.images, peer.prediction)
    found = BesidePeer((ours.fit_seconds, ours.predict_seconds), peer, differences)
    work = f"{counted(len(data.test), 'test image')} on {counted(n_threads, 'thread')}"
    return Step(found.to_dict(), [peer_section(found, work=work, what="predictions")])


def clean_against_sklearn(tour: Tour) -> Step:
    """Clean the same images with scikit-learn's classifier, and compare times and images."""
    book, n_threads = tour.book, count_threads(tour.n_jobs)
    if book is None:
        return skipped(tour.steps["clean"].entry["skipped"])
    tour.bar.start("scikit-learn does the same")
    peer = clean_by_sklearn(book, n_threads=n_threads)
    differences = find_cleaning_differences(book, peer)
    found = BesidePeer((book.fit_seconds, book.predict_seconds), peer, differences)
    work = (
        f"{len(book.cleaned):,} images cleaned by {len(book.clean):,}, one output for each of "
        f"{book.clean[0].size:,} values on {counted(n_threads, 'thread')}"
    )
    return Step(found.to_dict(), [peer_section(found, work=work, what="cleaned images")])
