"""Load the data set asked for, or the best that can be had."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from lookalike.cli.jobs import one_line, say_note
from lookalike.cli.screen import INDENT, Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.cli.work.drawing import draw, shows_greys
from lookalike.images.dataset import Dataset, load_dataset
from lookalike.images.errors import DatasetError, DatasetNotFoundError
from lookalike.images.files import counted
from lookalike.images.store import find_folder
from lookalike.reports.blocks import Section
from lookalike.reports.data import data_section

# Below the ten seconds within which a newcomer without a network is to see the tour go on.
_PATIENCE = 8.0

_N_NEIGHBORS = 4  # by which the tour begins
_MOST_CLASSES = 10  # shown one by one
_COLUMNS = 14  # of a picture


class Load(Step):
    """Load the data."""

    name = "load"
    title = "The data"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.fallback_reason: str | None = None
        self.data_name: str
        if tour.data_name is not None:
            self.data_name = tour.data_name
            self.data = tour.data_name.load(least_classes=2, progress=tour.watched)
            if len(self.data.train) < _N_NEIGHBORS:
                raise DatasetError(
                    f"{self.data_name} has {counted(len(self.data.train), 'train image')}, but the "
                    f"tour classifies by {_N_NEIGHBORS} neighbours; add images"
                )
            if not len(self.data.test):
                raise DatasetError(
                    f"{self.data_name} has no test image to show; add images, or leave out "
                    "--test-size 0"
                )
        else:
            self._load_default(tour)
        tour.data = self.data

    def _load_default(self, tour: Tour) -> None:
        self.data_name = "mnist"
        if find_folder("mnist") is None:
            say_note("mnist is not on this machine; downloading it (11 MB, once)")
        try:
            self.data = load_dataset("mnist", timeout=_PATIENCE, progress=tour.watched)
        except DatasetNotFoundError as error:
            self.data_name = "digits"
            self.data = load_dataset("digits")
            self.fallback_reason = one_line(str(error))
            say_note(f"going on with the bundled digits, because {self.fallback_reason}")

    def report(self) -> dict[str, Any]:
        train_counts, test_counts = _class_counts(self.data)
        return {
            "data": self.data_name,
            "source": self.data.source,
            "fallback_reason": self.fallback_reason,
            "n_train": len(self.data.train),
            "n_test": len(self.data.test),
            "image_shape": list(self.data.train.images.shape[1:]),
            "class_names": list(self.data.class_names),
            "train_counts": train_counts,
            "test_counts": test_counts,
        }

    def show(self, screen: Screen) -> None:
        data = self.data
        shape = " × ".join(map(str, data.train.images.shape[1:]))
        instead = "" if self.fallback_reason is None else " (mnist could not be had)"
        screen.say(Text.assemble((self.data_name, "bold"), f" from {data.source}{instead}"))
        screen.say(
            f"{len(data.train):,} train and {counted(len(data.test), 'test image')} of {shape}, "
            f"{counted(len(data.class_names), 'class')}"
        )
        screen.say()
        self._show_classes(screen)

    def sections(self) -> list[Section]:
        return [data_section(self.data)]

    def _show_classes(self, screen: Screen) -> None:
        data = self.data
        n_shown = min(len(data.class_names), _MOST_CLASSES)
        fitting = max(1, (screen.out.width - INDENT) // (_COLUMNS + 1))
        n_lines = -(-n_shown // fitting)
        per_line = -(-n_shown // n_lines)  # lines of like length
        for first in range(0, n_shown, per_line):
            screen.say(self._classes(range(first, min(first + per_line, n_shown)), screen))
        more = len(data.class_names) - n_shown
        rest = f"; {more} more classes are not shown" if more else ""
        screen.say(
            f"The first image of each class, its number of train + test images{rest}.", style="dim"
        )

    def _classes(self, codes: range, screen: Screen) -> Table:
        data = self.data
        train_counts, test_counts = _class_counts(data)
        brightest = data.brightest
        greys = shows_greys(screen.out)
        table = Table.grid(padding=(0, 1, 0, 0))
        pictures, captions = [], []
        for code in codes:
            rows = np.flatnonzero(data.train.labels == code)
            if len(rows):
                image = data.train.shown[int(rows[0])]
                pictures.append(draw(image, _COLUMNS, brightest=brightest, greys=greys))
            else:  # a class of the test part alone
                pictures.append(Text("none"))
            captions.append(
                Text.assemble(
                    (data.class_names[code], "bold"),
                    (f"\n{train_counts[code]:,} + {test_counts[code]:,}\n", "dim"),
                )
            )
            table.add_column(width=_COLUMNS, overflow="fold")
        table.add_row(*pictures)
        table.add_row(*captions)
        return table


def _class_counts(data: Dataset) -> tuple[list[int], list[int]]:
    n_classes = len(data.class_names)
    train, test = (
        np.bincount(part.labels, minlength=n_classes).tolist() for part in (data.train, data.test)
    )
    return train, test
