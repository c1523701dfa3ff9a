"""Fewer answers, and surer ones: what is left out so that the others are right."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.evaluation.decisions.rejection import choose_rejection
from lookalike.reports.blocks import Section
from lookalike.reports.decisions import coverage_section

_ACCURACY = 0.999


class Sure(Step):
    """Choose how sure an answer must be, within the training images, and try it."""

    name = "sure"
    title = "Leaving out what is not sure"

    def run(self, tour: Tour, bar: Bar) -> None:
        train, test = tour.data.train, tour.data.test
        bar.start("looking for what to leave out within the training images")
        self.skipped: str | None = None
        try:
            self.chosen = choose_rejection(
                tour.tuned_model, train.images, train.labels, accuracy=_ACCURACY, progress=bar
            )
        except ValueError as error:
            self.skipped = str(error)
            return
        self.tested = self.chosen.evaluate(test.images, test.labels)

    def report(self) -> dict[str, Any]:
        if self.skipped is not None:
            return {"skipped": self.skipped}
        return {
            "accuracy_wanted": _ACCURACY,
            "threshold": float(self.chosen.thresholds),
            "train": self.chosen.promise_.to_dict(),
            "test": self.tested.to_dict(),
        }

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        promise, tested = self.chosen.promise_, self.tested
        low, high = tested.intervals["accuracy"]
        screen.say(
            f"An image gets an answer where the nearest image of another class is at least "
            f"{self.chosen.thresholds:.2f} times as far as that of the class it is taken for: then "
            f"{promise.accuracy:.2%} of the answers on training images that were left out are "
            f"right, and [bold]{promise.coverage:.1%}[/] of the images get one."
        )
        screen.say(
            f"Of the test images [bold green]{tested.coverage:.1%}[/] get one, "
            f"[bold green]{tested.accuracy:.2%}[/] of them right ({low:.2%} to {high:.2%})."
        )

    def sections(self) -> list[Section]:
        return [] if self.skipped is not None else [coverage_section(self.chosen, self.tested)]
