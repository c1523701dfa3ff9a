"""Noise, and what is left of it: as the book cleans images, and as `KNeighborsDenoiser` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from lookalike import KNeighborsDenoiser
from lookalike.cleaning.layout import SMALLEST
from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.cli.work.cleaning import some_rows
from lookalike.cli.work.drawing import draw_line
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.evaluation.cleaned import (
    Column,
    Fidelity,
    measure_fidelity,
    noisy_column,
    save_columns_png,
    to_pixels,
)
from lookalike.evaluation.metrics.accuracy import accuracy
from lookalike.evaluation.peers.cleaning import BookCleaning
from lookalike.images.noise import UniformNoise, add_noise
from lookalike.reports.blocks import Column as ReportColumn
from lookalike.reports.blocks import Gallery, Picture, Section
from lookalike.reports.blocks import Table as ReportTable

_QUALITY = "fast"
_MOST_TRAIN, _MOST_TEST = 10_000, 1_000  # so that the step takes seconds
_MOST_LEARNED = 1_000  # of the former, by lookalike; with all it is hardly better
_HIGH = 100  # of the noise where white is 255, as the book's np.random.randint(0, 100)
_N_SHOWN, _N_SAVED = 3, 8


@dataclass
class _Way:
    """Images as they are, or as something left them, and how good that is."""

    name: str
    pixels: NDArray[np.uint8]
    fidelity: Fidelity
    accuracy: float
    seconds: float | None


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
        self.ways = [
            self._judge(tour, name, images, seconds)
            for name, images, seconds in (
                ("noisy", self.noisy, None),
                ("the book's k-NN", book.cleaned, book.seconds),
                ("lookalike", estimates, cleaned - start),
                ("truth", truth, None),
            )
        ]

    def _judge(self, tour: Tour, name: str, images: NDArray[Any], seconds: float | None) -> _Way:
        pixels = to_pixels(images, self.brightest)
        test = tour.data.test
        fidelity = measure_fidelity(pixels, test.images[self.test_rows], self.brightest)
        right = accuracy(test.labels[self.test_rows], tour.tuned_model.predict(pixels))
        return _Way(name, pixels, fidelity, right.value, seconds)

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
            "images": {
                way.name: {
                    "psnr": round(float(way.fidelity.psnr.mean()), 4),
                    "ssim": round(float(way.fidelity.ssim.mean()), 4),
                    "accuracy": way.accuracy,
                    "seconds": None if way.seconds is None else round(way.seconds, 4),
                }
                for way in self.ways
            },
        }

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        screen.say(
            f"A number from 0 to {self.noise.high - 1} is added to each value. The book's k-NN "
            "(KNeighborsClassifier, k = 1, an output a pixel) puts the nearest training image in "
            f'its place; lookalike (KNeighborsDenoiser, quality="{_QUALITY}") estimates each '
            "pixel from what surrounds it, by what was learned from patches like it."
        )
        screen.say(self._subset(), style="dim")
        columns = self._columns()
        for row in self._rows(_N_SHOWN):
            captions = [
                Text.assemble((column.title, "bold"), (f"\n{way.fidelity.psnr[row]:.1f} dB", "dim"))
                for column, way in zip(columns, self.ways, strict=True)
            ]
            captions[-1] = Text.assemble(
                (columns[-1].title, "bold"), (f"\ntest {self.test_rows[row]}", "dim")
            )
            shades = [column.of(row).shades()[0] for column in columns]
            screen.say()
            screen.say(draw_line(shades, captions, screen.out, brightest=255))
        screen.say()
        screen.say(self._table())
        screen.say(
            "Means over the images; the accuracy is that of the tuned classifier, trained on clean "
            "images, and seconds are to learn and to clean.",
            style="dim",
        )

    def sections(self) -> list[Section]:
        if self.skipped is not None:
            return []
        rows = [
            [
                way.name,
                None if way is self.ways[-1] else float(way.fidelity.psnr.mean()),
                None if way is self.ways[-1] else float(way.fidelity.ssim.mean()),
                way.accuracy,
                way.seconds,
            ]
            for way in self.ways
        ]
        columns = [
            ReportColumn(""),
            ReportColumn("PSNR, dB", ".2f"),
            ReportColumn("SSIM", ".4f"),
            ReportColumn("accuracy", ".4f"),
            ReportColumn("seconds", ".2f"),
        ]
        table = ReportTable(columns, rows, "Means over the images")
        pictures = [self._in_the_report(row) for row in self._rows(_N_SAVED)]
        caption = (
            "Noisy test images, as the book's k-NN and as lookalike cleans them, and the truth."
        )
        return [
            Section("Noisy images, cleaned", [table, Gallery(pictures, caption)], [self._subset()])
        ]

    def _in_the_report(self, row: int) -> Picture:
        shown = [
            Picture(
                column.of(row).shades()[0],
                f"Test image {self.test_rows[row]:,}, {column.title}",
                [column.title],
            )
            for column in self._columns()
        ]
        return replace(shown[0], neighbors=shown[1:])

    def save(self, folder: Path) -> list[str]:
        if self.skipped is not None:
            return []
        columns = self._columns()
        rows = self._rows(_N_SAVED)
        save_columns_png(
            folder / "cleaned.png", [c._replace(images=c.images[rows]) for c in columns]
        )
        return ["cleaned.png"]

    def _subset(self) -> str:
        """Say how many images there were, and why no more."""
        n_train, n_learned, n_test = map(len, (self.train_rows, self.learned, self.test_rows))
        ours = "" if n_learned == n_train else f", {n_learned:,} of them by lookalike"
        counts = f"{n_train:,} training images are learned from{ours}, and {n_test:,} test images"
        if (n_learned, n_test) == (len(self.data.train), len(self.data.test)):
            return f"{counts} are cleaned."
        return f"To be quick, {counts} are cleaned; lookalike clean learns from all, and longer."

    def _columns(self) -> list[Column]:
        noisy, *others = self.ways
        return [
            noisy_column(noisy.name, self.noisy, self.brightest),
            *(Column(way.name, way.pixels, 0, self.brightest) for way in others),
        ]

    def _rows(self, most: int) -> list[int]:
        """Return the first image of each class, up to so many."""
        _, rows = np.unique(self.data.test.labels[self.test_rows], return_index=True)
        first: list[int] = rows[:most].tolist()
        return first

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 3, 0, 0), show_edge=False, header_style="bold")
        table.add_column("")
        for column in ("dB", "SSIM", "accuracy", "seconds"):
            table.add_column(column, justify="right")
        for way in self.ways:
            is_truth = way is self.ways[-1]
            table.add_row(
                way.name,
                "" if is_truth else f"{way.fidelity.psnr.mean():.2f}",
                "" if is_truth else f"{way.fidelity.ssim.mean():.4f}",
                f"{way.accuracy:.4f}",
                "" if way.seconds is None else f"{way.seconds:.2f}",
            )
        return table


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
