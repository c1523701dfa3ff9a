"""The tour's steps beside others: the chapter's classifiers, and the same work by scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lookalike.cli.compare import naming
from lookalike.cli.screen import Bar
from lookalike.cli.tour.cleaning_steps import why_not_cleaned
from lookalike.cli.tour.step import Step, skipped
from lookalike.cli.tour.tuning_steps import Classified
from lookalike.evaluation.comparison.compare import compare
from lookalike.evaluation.comparison.models import DESCRIPTIONS, chapter_classifiers
from lookalike.evaluation.folds import some_of_each_class
from lookalike.evaluation.peers import (
    BesidePeer,
    BookCleaning,
    clean_by_sklearn,
    find_cleaning_differences,
    find_differences,
    run_sklearn,
)
from lookalike.images.dataset import Dataset
from lookalike.images.files import counted
from lookalike.reports.blocks import Table, Text
from lookalike.reports.comparison import comparison_section, peer_section
from lookalike.search.machine import count_threads

_MOST_IMAGES = 2_000  # so that the step takes seconds
_N_FOLDS = 3
_NAMES = tuple(DESCRIPTIONS)
_MOST_CLASSES = 40  # of more, only those that do not fit something for each class
_OF_MANY_CLASSES = ("knn", "forest", "dummy")


def compared(bar: Bar, data: Dataset, n_jobs: int | None) -> Step[None]:
    """Fit and ask each classifier of the chapter on the same folds of some training images."""
    train = data.train
    classes, counts = np.unique(train.labels, return_counts=True)
    if len(classes) < 2 or counts.min() < _N_FOLDS:
        return skipped(
            f"a class has fewer than {_N_FOLDS} training images, so that not every fold would "
            "have one"
        )
    most = max(_MOST_IMAGES, _N_FOLDS * len(classes))
    rows = some_of_each_class(train.labels, min(most, len(train)))
    known = chapter_classifiers(n_jobs=-1 if n_jobs is None else n_jobs)
    names = _NAMES if len(classes) <= _MOST_CLASSES else _OF_MANY_CLASSES
    comparison = compare(
        {name: known[name] for name in names},
        train.images[rows],
        train.labels[rows],
        cv=_N_FOLDS,
        progress=naming(bar, names, _N_FOLDS),
    )
    section = comparison_section(comparison)
    described = [[name, DESCRIPTIONS[name]] for name in names]
    what = Table(["classifier", "what it is"], described, "The classifiers", detail=True)
    blocks = [*section.blocks, what]
    if len(rows) < len(train):
        subset = (
            f"To be quick, {len(rows):,} of {len(train):,} training images; lookalike compare "
            "takes more, and longer. No setting is tuned."
        )
        blocks.append(Text(subset, is_note=True))
    return Step(None, comparison.to_dict(), [replace(section, blocks=blocks)])


def against_sklearn(bar: Bar, data: Dataset, ours: Classified, n_jobs: int | None) -> Step[None]:
    """Fit and predict the baseline with scikit-learn, and compare times and predictions."""
    n_threads = count_threads(n_jobs)
    bar.start("scikit-learn does the same")
    peer = run_sklearn(ours.model, data, n_threads=n_threads, progress=bar)
    differences = find_differences(ours.model, ours.explanation, data.test.images, peer.prediction)
    found = BesidePeer((ours.fit_seconds, ours.predict_seconds), peer, differences)
    work = f"{counted(len(data.test), 'test image')} on {counted(n_threads, 'thread')}"
    return Step(None, found.to_dict(), [peer_section(found, work=work, what="predictions")])


def clean_against_sklearn(
    bar: Bar, data: Dataset, book: BookCleaning | None, n_jobs: int | None
) -> Step[None]:
    """Clean the same images with scikit-learn's classifier, and compare times and images.

    Parameters
    ----------
    bar : Bar
    data : Dataset
    book : BookCleaning or None
        What our classifier did; None if the images cannot be cleaned.
    n_jobs : int or None
    """
    if book is None:
        return skipped(str(why_not_cleaned(data)))
    n_threads = count_threads(n_jobs)
    bar.start("scikit-learn does the same")
    peer = clean_by_sklearn(book, n_threads=n_threads)
    differences = find_cleaning_differences(book, peer)
    found = BesidePeer((book.fit_seconds, book.predict_seconds), peer, differences)
    work = (
        f"{len(book.cleaned):,} images cleaned by {len(book.clean):,}, one output for each of "
        f"{book.clean[0].size:,} values on {counted(n_threads, 'thread')}"
    )
    return Step(None, found.to_dict(), [peer_section(found, work=work, what="cleaned images")])
