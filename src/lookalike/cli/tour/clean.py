"""Noise, and what is left of it: as the book cleans images, and as `KNeighborsDenoiser` does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from lookalike import KNeighborsDenoiser
from lookalike.cleaning.layout import SMALLEST
from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.evaluation.denoising import Cleaned, Denoising
from lookalike.evaluation.folds import some_rows
from lookalike.evaluation.metrics.accuracy import accuracy
from lookalike.evaluation.peers.cleaning import BookCleaning
from lookalike.images.noise import UniformNoise, add_noise
from lookalike.reports.blocks import Section
from lookalike.reports.denoising import cleaned_gallery, denoising_section
from lookalike.reports.png import save_png
from lookalike.reports.terminal import show

_QUALITY = "fast"
_MOST_TRAIN, _MOST_TEST = 10_000, 1_000  # so that the step takes seconds
_MOST_LEARNED = 1_000  # of the former, by lookalike; with all it is hardly better
_HIGH = 100  # of the noise where white is 255, as the book's np.random.randint(0, 100)
_N_SHOWN, _N_SAVED = 3, 8


class Clean(Step):
    """Make some test images noisy, clean them both ways, and classify what comes out."""

    name = "clean"
    title = "Noisy images, cleaned by neighbours"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.data = tour.data
        self.skipped = tour.no_cleaning = _why_not(self.data.train.images.shape[1:])
        if self.skipped is not None:
            return
        self.brightest = tour.data.brightest
        self.noise = UniformNoise(0, max(2, _HIGH * self.brightest // 255))
        rng = np.random.default_rng(0)
        self.train_rows = some_rows(len(tour.data.train), _MOST_TRAIN, rng)
        self.test_rows = some_rows(len(tour.data.test), _MOST_TEST, rng)
        clean = tour.data.train.images[self.train_rows]
        truth = tour.data.test.images[self.test_rows]
        self.learned = some_rows(len(clean), _MOST_LEARNED, rng)
        bar.start("learning how to clean")
        denoiser = KNeighborsDenoiser(quality=_QUALITY, random_state=0, n_jobs=tour.n_jobs)
        start = perf_counter()
        denoiser.fit(clean=clean[self.learned], noise=self.noise, progress=bar)
        fitted = perf_counter()
        self.noisy = add_noise(truth, self.noise, rng)
        bar.start("cleaning")
        estimates = denoiser.predict(self.noisy, progress=bar)
        cleaned = perf_counter()
        self.fit_seconds, self.clean_seconds = fitted - start, cleaned - fitted
        bar.start("cleaning as the book does")
        noisy_train = add_noise(clean, self.noise, rng)
        book = _clean_as_the_book(noisy_train, clean, self.noisy, tour.n_jobs)
        tour.book_cleaning = book
        bar.start("classifying what was cleaned")
        shown = [
            Cleaned("noisy", self.noisy),
            Cleaned("the book's k-NN", book.cleaned, book.seconds),
            Cleaned("lookalike", estimates, cleaned - start),
            Cleaned("truth", truth),
        ]
        names = [f"test {row}" for row in self.test_rows.tolist()]
        plain = Denoising(names, shown, self.brightest)
        labels = tour.data.test.labels[self.test_rows]
        *methods, true = (
            replace(one, accuracy=accuracy(labels, tour.tuned_model.predict(pixels)).value)
            for one, pixels in zip(shown, map(plain.pixels, shown), strict=True)
        )
        self.found = Denoising(names, methods, self.brightest, true)

    def report(self) -> dict[str, Any]:
        if self.skipped is not None:
            return {"skipped": self.skipped}
        return {
            "noise": f"uniform:{self.noise.high}",
            "quality": _QUALITY,
            "n_train": len(self.train_rows),
            "n_learned": len(self.learned),
            "n_test": len(self.test_rows),
            "fit_seconds": round(self.fit_seconds, 4),
            "clean_seconds": round(self.clean_seconds, 4),
            "images": self.found.to_dict(),
        }

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        show([self._section(_N_SHOWN)], screen.out, titles=False)

    def sections(self) -> list[Section]:
        return [] if self.skipped is not None else [self._section(_N_SAVED)]

    def _section(self, n_shown: int) -> Section:
        intro = [
            f"A number from 0 to {self.noise.high - 1} is added to each value. The book's k-NN "
            "(KNeighborsClassifier, k = 1, an output a pixel) puts the nearest training image in "
            f'its place; lookalike (KNeighborsDenoiser, quality="{_QUALITY}") estimates each '
            "pixel from what surrounds it, by what was learned from patches like it.",
            self._subset(),
            "The accuracy is that of the tuned classifier, trained on clean images, and seconds "
            "are to learn and to clean.",
        ]
        return denoising_section(self.found, rows=self._rows(n_shown), intro=intro)

    def save(self, folder: Path) -> list[str]:
        if self.skipped is not None:
            return []
        save_png(folder / "cleaned.png", cleaned_gallery(self.found, self._rows(_N_SAVED)))
        return ["cleaned.png"]

    def _subset(self) -> str:
        """Say how many images there were, and why no more."""
        n_train, n_learned, n_test = map(len, (self.train_rows, self.learned, self.test_rows))
        ours = "" if n_learned == n_train else f", {n_learned:,} of them by lookalike"
        counts = f"{n_train:,} training images are learned from{ours}, and {n_test:,} test images"
        if (n_learned, n_test) == (len(self.data.train), len(self.data.test)):
            return f"{counts} are cleaned."
        return f"To be quick, {counts} are cleaned; lookalike clean learns from all, and longer."

    def _rows(self, most: int) -> list[int]:
        """Return the first image of each class, up to so many."""
        _, rows = np.unique(self.data.test.labels[self.test_rows], return_index=True)
        first: list[int] = rows[:most].tolist()
        return first


def _why_not(image_shape: tuple[int, ...]) -> str | None:
    height, width = image_shape[:2]
    if min(height, width) >= SMALLEST:
        return None
    return (
        f"images of {height} × {width} pixels are smaller than the windows of {SMALLEST} × "
        f"{SMALLEST} that pixels are cleaned by"
    )


def _clean_as_the_book(
    noisy_train: NDArray[Any], clean: NDArray[np.uint8], noisy: NDArray[Any], n_jobs: int | None
) -> BookCleaning:
    model = KNeighborsClassifier(1, n_jobs=n_jobs)
    start = perf_counter()
    model.fit(noisy_train, clean.reshape(len(clean), -1))
    fitted = perf_counter()
    cleaned = np.asarray(model.predict(noisy)).reshape(noisy.shape)
    return BookCleaning(
        noisy_train, clean, noisy, model, cleaned, fitted - start, perf_counter() - fitted
    )
