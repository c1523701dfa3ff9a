"""The tour: what its steps share and return, and how it takes them. It begins with the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.text import Text

from lookalike.cli.options import DataName
from lookalike.cli.screen import Bar, Screen, one_line, say_note
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.folds import Folds
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.evaluation.peers import BookCleaning
from lookalike.evaluation.tuning import TuningChoice
from lookalike.images.dataset import Dataset, load_dataset
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError
from lookalike.images.files import counted
from lookalike.images.store import find_folder
from lookalike.reports import blocks
from lookalike.reports.blocks import Chart, Gallery, Section
from lookalike.reports.data import data_section
from lookalike.reports.png import save_png
from lookalike.reports.terminal import show

N_NEIGHBORS = 4  # by which the tour begins

# Below the ten seconds within which a newcomer without a network is to see the tour go on.
_PATIENCE = 8.0


@dataclass(frozen=True, eq=False)
class Step:
    """What a step found, and what there is to show of it."""

    entry: Mapping[str, Any]  # in the JSON document
    sections: Sequence[Section]  # in the terminal and on the page; the first gets the step's title
    pictures: Mapping[str, Chart | Gallery] = field(default_factory=dict)  # by names of PNG files
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Classified:
    """All test images, classified and explained by a fitted model."""

    model: KNeighborsClassifier
    explanation: Explanation
    fit_seconds: float
    predict_seconds: float


class Tour:
    """The tour: what was asked for, what its steps found, and what later ones need of that."""

    bar: Bar  # of the step that is taken
    data: Dataset
    plain: Classified  # by the baseline
    folds: Folds  # of the training images
    best: TuningChoice
    tuned: Classified  # by the best choice
    evaluation: Evaluation | None = None  # of the tuned classifier
    book: BookCleaning | None = None  # None if images are too small to be cleaned

    def __init__(self, screen: Screen, name: DataName | None, n_jobs: int | None) -> None:
        self.screen = screen
        self.name = name
        self.n_jobs = n_jobs
        self.steps: dict[str, Step] = {}

    def take(self, title: str, step: Callable[[Tour], Step]) -> Step:
        """Run a step, whose name is its key in the JSON document, and print it below its title."""
        start = perf_counter()
        with self.screen.bar() as self.bar:
            found = step(self)
        seconds = perf_counter() - start
        first, *others = found.sections
        first = replace(first, title=title)
        self.steps[step.__name__] = replace(found, sections=[first, *others], seconds=seconds)
        out = self.screen.out
        if not out.quiet:
            head = Text(f"{len(self.steps)}  {title}", style="bold")
            time = Text(f"{seconds:.2f} s", style="dim")
            head.pad_right(max(1, out.width - head.cell_len - time.cell_len))
            out.print()
            out.print(head + time)
            out.print()
            show([first], out, titles=False)
            show(others, out)
        return found

    def save_pictures(self, folder: Path) -> list[str]:
        """Write the PNG files, and return their names."""
        pictures = {k: one for step in self.steps.values() for k, one in step.pictures.items()}
        with self.screen.bar("drawing pictures") as bar:
            for number, (name, block) in enumerate(pictures.items()):
                bar(number, len(pictures))
                save_png(folder / name, block)
        return list(pictures)


def load(tour: Tour) -> Step:
    """Load the data set asked for; without a name mnist, or the digits where it cannot be had."""
    fallback_reason = None
    watched = tour.screen.is_watched
    if tour.name is not None:
        called, data = str(tour.name), tour.name.load(least_classes=2, progress=watched)
        if len(data.train) < N_NEIGHBORS:
            raise DatasetError(
                f"{called} has {counted(len(data.train), 'train image')}, but the tour classifies "
                f"by {N_NEIGHBORS} neighbours; add images"
            )
        if not len(data.test):
            raise DatasetError(
                f"{called} has no test image to show; add images, or leave out --test-size 0"
            )
    else:
        called = "mnist"
        if find_folder("mnist") is None:
            say_note("mnist is not on this machine; downloading it (11 MB, once)")
        try:
            data = load_dataset("mnist", timeout=_PATIENCE, progress=watched)
        except DatasetNotFoundError as error:
            called, data = "digits", load_dataset("digits")
            fallback_reason = one_line(str(error))
            say_note(f"going on with the bundled digits, because {fallback_reason}")
    tour.data = data
    n_classes = len(data.class_names)
    train_counts, test_counts = (
        np.bincount(part.labels, minlength=n_classes).tolist() for part in (data.train, data.test)
    )
    entry = {
        "data": called,
        "source": data.source,
        "fallback_reason": fallback_reason,
        "n_train": len(data.train),
        "n_test": len(data.test),
        "image_shape": list(data.train.images.shape[1:]),
        "class_names": list(data.class_names),
        "train_counts": train_counts,
        "test_counts": test_counts,
    }
    section = data_section(data)
    instead = "" if fallback_reason is None else " (mnist could not be had)"
    intro = [f"{called} from {data.source}{instead}", *section.intro]
    return Step(entry, [replace(section, intro=intro)])


def skipped(reason: str, **entry: Any) -> Step:
    """Return what stands for a step that the data does not allow; a reason is a clause."""
    section = Section("Skipped", intro=[f"Skipped: {reason}."])
    return Step({**entry, "skipped": reason}, [section])


def with_notes(section: Section, *notes: str) -> Section:
    """Return a section with remarks at its end."""
    remarks = [blocks.Text(note, is_note=True) for note in notes]
    return replace(section, blocks=[*section.blocks, *remarks])


def chart_of(section: Section) -> Chart:
    """Return the first chart of a section."""
    return next(block for block in section.blocks if isinstance(block, Chart))
