"""A detector of one class, with the precision that is wanted: the book's "5 or not 5"."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from rich.text import Text

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.evaluation.decisions.curve import OperatingPoint
from lookalike.evaluation.decisions.threshold import choose_threshold
from lookalike.reports.blocks import Section
from lookalike.reports.decisions import threshold_section

_BOOK_S = "5"  # the class that the book detects
_PRECISION = 0.99
_N_NEIGHBORS = 10  # so many votes make a fine scale of thresholds


class Detected(Step):
    """Choose a threshold within the training images, and try it on the test images."""

    name = "detected"
    title = "A detector of one class, of high precision"

    def run(self, tour: Tour, bar: Bar) -> None:
        train, test = tour.data.train, tour.data.test
        names = tour.data.class_names
        code = names.index(_BOOK_S) if _BOOK_S in names else int(np.bincount(train.labels).argmax())
        self.class_name = names[code]
        bar.start("choosing a threshold within the training images")
        start = perf_counter()
        self.skipped: str | None = None
        k = min(_N_NEIGHBORS, tour.folds.most_neighbors)
        try:
            self.chosen = choose_threshold(
                KNeighborsClassifier(k, weights="distance", n_jobs=tour.n_jobs),
                train.images,
                train.labels,
                positive=code,
                precision=_PRECISION,
                cv=tour.folds.cv,
                progress=bar,
            )
        except ValueError as error:
            self.skipped = str(error)
            return
        self.tested: OperatingPoint = self.chosen.evaluate(test.images, test.labels)
        self.seconds = perf_counter() - start

    def report(self) -> dict[str, Any]:
        if self.skipped is not None:
            return {"class": self.class_name, "skipped": self.skipped}
        return {
            "class": self.class_name,
            "aim": str(self.chosen.aim_),
            "n_neighbors": self.chosen.estimator.n_neighbors,
            "train": self.chosen.promise_.to_dict(),
            "test": self.tested.to_dict(),
        }

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        promise, tested = self.chosen.promise_, self.tested
        k = self.chosen.estimator.n_neighbors
        screen.say(
            Text(
                f"Is it a {self.class_name}? Wanted: {self.chosen.aim_}, and the highest recall "
                f"there is. On training images that were left out, {promise.threshold:.2%} of the "
                f"votes of {k} neighbours give precision {promise.precision:.2%} and recall "
                f"{promise.recall:.2%}."
            )
        )
        low, high = tested.intervals["precision"]
        screen.say(
            f"On the test images: precision [bold green]{tested.precision:.2%}[/] ({low:.2%} to "
            f"{high:.2%}), recall [bold green]{tested.recall:.2%}[/]; {tested.false_positives:,} "
            f"false alarms, {tested.false_negatives:,} missed of "
            f"{tested.true_positives + tested.false_negatives:,}."
        )

    def sections(self) -> list[Section]:
        if self.skipped is not None:
            return []
        title = f"A detector of {self.class_name}"
        return [
            threshold_section(self.chosen, self.tested, positive_name=self.class_name, title=title)
        ]
