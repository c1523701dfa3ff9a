"""The chapter's classifiers side by side, on some of the training images."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.text import Text

from lookalike.cli.compare import naming
from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.evaluation.comparison.compare import compare
from lookalike.evaluation.comparison.models import DESCRIPTIONS, chapter_classifiers
from lookalike.evaluation.folds import some_of_each_class
from lookalike.reports.blocks import Section, Table
from lookalike.reports.comparison import comparison_section
from lookalike.reports.terminal import show

_MOST_IMAGES = 2_000  # so that the step takes seconds
_N_FOLDS = 3
_NAMES = tuple(DESCRIPTIONS)
_MOST_CLASSES = 40  # of more, only those that do not fit something for each class
_OF_MANY_CLASSES = ("knn", "forest", "dummy")


class Compared(Step):
    """Fit and ask each classifier on the same folds of some training images."""

    name = "compared"
    title = "The classifiers of the chapter, side by side"

    def run(self, tour: Tour, bar: Bar) -> None:
        train = tour.data.train
        self.n_train = len(train)
        classes, counts = np.unique(train.labels, return_counts=True)
        self.skipped: str | None = None
        if len(classes) < 2 or counts.min() < _N_FOLDS:
            self.skipped = (
                f"a class has fewer than {_N_FOLDS} training images, so that not every fold would "
                "have one"
            )
            return
        rows = np.arange(len(train))
        if len(rows) > _MOST_IMAGES:
            rows = some_of_each_class(train.labels, max(_MOST_IMAGES, _N_FOLDS * len(classes)))
        known = chapter_classifiers(n_jobs=-1 if tour.n_jobs is None else tour.n_jobs)
        names = _NAMES if len(classes) <= _MOST_CLASSES else _OF_MANY_CLASSES
        self.descriptions = {name: DESCRIPTIONS[name] for name in names}
        estimators = {name: known[name] for name in names}
        self.comparison = compare(
            estimators,
            train.images[rows],
            train.labels[rows],
            cv=_N_FOLDS,
            progress=naming(bar, list(estimators), _N_FOLDS),
        )

    def report(self) -> dict[str, Any]:
        return {"skipped": self.skipped} if self.skipped else self.comparison.to_dict()

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        show([comparison_section(self.comparison)], screen.out, titles=False)
        if self.comparison.n < self.n_train:
            screen.say(
                f"To be quick, {self.comparison.n:,} of {self.n_train:,} training images; "
                "lookalike compare takes more, and longer. No setting is tuned.",
                style="dim",
            )

    def sections(self) -> list[Section]:
        if self.skipped is not None:
            return []
        section = comparison_section(self.comparison)
        what = Table(
            ["classifier", "what it is"], list(self.descriptions.items()), "The classifiers"
        )
        return [Section(section.title, [*section.blocks, what], section.intro)]
