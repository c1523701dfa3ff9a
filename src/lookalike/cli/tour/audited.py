"""The training images, looked at again: wrong labels, copies, outliers."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from rich.text import Text

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.evaluation.auditing.audit import audit
from lookalike.reports.audit import audit_section
from lookalike.reports.blocks import Section
from lookalike.reports.terminal import show

_N_NEIGHBORS = 10
_N_SHOWN = 2
_N_LISTED = 100  # rows of each list in the report


class Audited(Step):
    """Look for wrong labels and copies, with one leave-one-out search."""

    name = "audited"
    title = "The data, audited"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.data = tour.data
        train, test = self.data.train, self.data.test
        bar.start("searching neighbours within the training images")
        start = perf_counter()
        self.skipped: str | None = None
        try:
            self.found = audit(
                train.images,
                train.labels,
                test=(test.images, test.labels),
                class_names=self.data.class_names,
                paths=train.paths,
                n_neighbors=max(1, min(_N_NEIGHBORS, len(train) - 1)),
                transformed=False,  # on MNIST it would take as long as the whole tour
                n_jobs=tour.n_jobs,
                progress=bar,
            )
        except ValueError as error:
            self.skipped = str(error)
        self.audit_seconds = perf_counter() - start

    def report(self) -> dict[str, Any]:
        if self.skipped is not None:
            return {"skipped": self.skipped}
        found = self.found.to_dict(n_rows=_N_LISTED)
        found["seconds_of_parts"] = found.pop("seconds")
        return {**found, "audit_seconds": round(self.audit_seconds, 4)}

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        show(self.sections(), screen.out, titles=False, most_pictures=_N_SHOWN)
        screen.say()
        screen.say(
            f"{len(self.found):,} training images searched among each other in "
            f"{self.audit_seconds:.2f} s.",
            style="dim",
        )

    def sections(self) -> list[Section]:
        if self.skipped is not None:
            return []
        return [audit_section(self.found)]
