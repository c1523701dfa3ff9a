"""The tour's step on noise: test images cleaned as the book does, and by `KNeighborsDenoiser`."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np

from lookalike.cli.screen import Bar
from lookalike.cli.tour.step import Step, skipped
from lookalike.denoising.image_stacks import SMALLEST
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.denoiser import KNeighborsDenoiser
from lookalike.evaluation.fidelity import Cleaned, Denoising
from lookalike.evaluation.folds import some_rows
from lookalike.evaluation.metrics.intervals import accuracy
from lookalike.evaluation.peers import BookCleaning, clean_as_the_book
from lookalike.images.dataset import Dataset
from lookalike.images.noise import UniformNoise, add_noise
from lookalike.reports.blocks import Gallery, Text
from lookalike.reports.denoising import denoising_section

_QUALITY = "fast"
_MOST_TRAIN, _MOST_TEST = 10_000, 1_000  # so that the step takes seconds
_MOST_LEARNED = 1_000  # of the former, by lookalike; with all it is hardly better
_HIGH = 100  # of the noise where white is 255, as the book's np.random.randint(0, 100)
_N_SHOWN = 8


def clean(
    bar: Bar, data: Dataset, model: KNeighborsClassifier, n_jobs: int | None
) -> Step[BookCleaning | None]:
    """Make some test images noisy, clean them both ways, and classify what comes out.

    Parameters
    ----------
    data : Dataset
    model : KNeighborsClassifier
        Fitted to the clean training images; classifies what was cleaned.
    n_jobs : int or None

    Returns
    -------
    Step
        Its value is what the book's way did, or None if images are too small to be cleaned.
    """
    reason = why_not_cleaned(data)
    if reason is not None:
        return skipped(reason)
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
    bar.start("classifying what was cleaned")

    found = Denoising(
        [f"test {data.test.called(row)}" for row in rows.tolist()],
        [
            Cleaned("noisy", noisy),
            Cleaned("the book's k-NN", book.cleaned, book.seconds),
            Cleaned("lookalike", estimates, cleaned - start),
        ],
        data.brightest,
        Cleaned("truth", truth),
    )
    labels = data.test.labels[rows]
    *methods, true = (
        replace(one, accuracy=accuracy(labels, model.predict(found.pixels(one))).value)
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
    said = [
        f"A number from 0 to {noise.high - 1} is added to each value. The book's k-NN "
        "(KNeighborsClassifier, k = 1, an output a pixel) puts the nearest training image in its "
        f'place; lookalike (KNeighborsDenoiser, quality="{_QUALITY}") estimates each pixel from '
        "what surrounds it, by what was learned from patches like it.",
        _how_many(data, len(train_rows), len(learned), len(rows)),
    ]
    _, first = np.unique(labels, return_index=True)  # image of each class
    section = denoising_section(found, rows=first[:_N_SHOWN].tolist(), intro=said)
    note = (
        "The accuracy is that of the tuned classifier, trained on clean images, and seconds are to "
        "learn and to clean."
    )
    gallery = next(block for block in section.blocks if isinstance(block, Gallery))
    section = replace(section, blocks=[*section.blocks, Text(note, is_note=True)])
    return Step(book, entry, [section], {"cleaned.png": gallery})


def why_not_cleaned(data: Dataset) -> str | None:
    """Return why images cannot be cleaned, if they cannot."""
    height, width = data.train.images.shape[1:3]
    if min(height, width) >= SMALLEST:
        return None
    return (
        f"images of {height} × {width} pixels are smaller than the windows of {SMALLEST} × "
        f"{SMALLEST} that pixels are cleaned by"
    )


def _how_many(data: Dataset, n_train: int, n_learned: int, n_test: int) -> str:
    """Say how many images there were, and why no more."""
    ours = "" if n_learned == n_train else f", {n_learned:,} of them by lookalike"
    counts = f"{n_train:,} training images are learned from{ours}, and {n_test:,} test images"
    if (n_learned, n_test) == (len(data.train), len(data.test)):
        return f"{counts} are cleaned."
    return f"To be quick, {counts} are cleaned; lookalike clean learns from all, and longer."
