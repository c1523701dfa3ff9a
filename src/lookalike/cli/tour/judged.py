"""All that can be measured of the tuned classifier, with intervals."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from lookalike.cli.evaluate import metrics_table
from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.evaluation.errors.margins import vote_margins
from lookalike.evaluation.metrics.evaluate import evaluate_predictions
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.reports.blocks import Section
from lookalike.reports.errors import errors_section
from lookalike.reports.evaluation import evaluation_section


class JudgedStep(Step):
    """Measure the predictions of the test images that there are already."""

    name = "judged"
    title = "The tuned classifier, judged"

    def run(self, tour: Tour, bar: Bar) -> None:
        bar.start("measuring")
        self.data, self.explanation = tour.data, tour.tuned_explanation
        classes = tour.tuned_model.classes_
        known = set(classes.tolist())
        strange = sorted(set(self.data.test.labels.tolist()) - known)
        self.skipped = None
        if strange:
            names = ", ".join(self.data.class_names[code] for code in strange[:5])
            self.skipped = f"test images are of classes without training images ({names})"
            return
        evaluation = evaluate_predictions(
            self.data.test.labels,
            self.explanation.prediction,
            self.explanation.class_shares(classes),
            classes=classes,
            class_names=[self.data.class_names[code] for code in classes.tolist()],
        )
        assert isinstance(evaluation, Evaluation)  # labels are of one dimension
        self.evaluation = tour.evaluation = evaluation
        margins = vote_margins(self.explanation)
        self.unanimous = margins > 0.999
        self.n_surely_wrong = int((self.unanimous & self._wrong()).sum())

    def report(self) -> dict[str, Any]:
        if self.skipped is not None:
            return {"skipped": self.skipped}
        return {
            **self.evaluation.to_dict(),
            "n_unanimous": int(self.unanimous.sum()),
            "n_unanimous_and_wrong": self.n_surely_wrong,
        }

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        screen.say(metrics_table(self.evaluation))
        screen.say()
        n = self.evaluation.n
        screen.say(
            f"Of {n:,} votes {self.unanimous.sum() / n:.1%} are unanimous; "
            f"{self.n_surely_wrong:,} of these are wrong, of the others "
            f"{int(self._wrong().sum()) - self.n_surely_wrong:,}."
        )
        screen.say(
            "Intervals by the bootstrap over test images; Wilson's where no image is wrong.",
            style="dim",
        )

    def sections(self) -> list[Section]:
        if self.skipped is not None:
            return []
        return [
            evaluation_section(self.evaluation, title="The tuned classifier on the test images"),
            errors_section(self.data, self.explanation),
        ]

    def _wrong(self) -> Any:
        return self.explanation.prediction != self.data.test.labels
