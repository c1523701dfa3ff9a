"""What was chosen on the training images, on the test images."""

from __future__ import annotations

from typing import Any

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.evaluation.comparison.paired import error_drop
from lookalike.evaluation.metrics.accuracy import accuracy


class Tuned(Step):
    """Predict the test images by the best number of neighbours and weights."""

    name = "tuned"
    title = "The tuned classifier on the test images"

    def run(self, tour: Tour, bar: Bar) -> None:
        labels, baseline = tour.data.test.labels, tour.model
        self.best = tour.tuning.best
        same = (baseline.n_neighbors, baseline.weights)
        self.is_baseline = (self.best.n_neighbors, self.best.weights) == same
        if self.is_baseline:
            tour.tuned_model, tour.tuned_explanation = tour.model, tour.explanation
        else:
            model = KNeighborsClassifier(
                self.best.n_neighbors, weights=self.best.weights, n_jobs=tour.n_jobs
            )
            bar.start("searching neighbours")
            model.fit(tour.data.train.images, tour.data.train.labels)
            tour.tuned_model = model
            tour.tuned_explanation = model.explain(tour.data.test.images, progress=bar)
        prediction = tour.tuned_explanation.prediction
        self.accuracy = accuracy(labels, prediction)
        self.baseline_accuracy = accuracy(labels, tour.explanation.prediction)
        self.drop = error_drop(labels, tour.explanation.prediction, prediction)

    def report(self) -> dict[str, Any]:
        return {
            "n_neighbors": self.best.n_neighbors,
            "weights": self.best.weights,
            "accuracy": self.accuracy.value,
            "standard_error": self.accuracy.standard_error,
            "n_right": self.accuracy.n_right,
            "n_test": self.accuracy.n,
            "is_baseline": self.is_baseline,
            "n_mended": self.drop.n_mended,
            "n_made": self.drop.n_made,
        }

    def show(self, screen: Screen) -> None:
        screen.say(
            f"accuracy [bold green]{self.accuracy.value:.4f}[/] "
            f"± {self.accuracy.standard_error:.4f} (standard error) by k = "
            f"{self.best.n_neighbors}, {self.best.weights}: "
            f"{self.accuracy.n_right:,} of {self.accuracy.n:,} right"
        )
        if self.is_baseline:
            screen.say("The baseline's choice was the best: its result is this one.")
            return
        screen.say(
            f"baseline {self.baseline_accuracy.value:.4f}; errors mended {self.drop.n_mended:,}, "
            f"made {self.drop.n_made:,}"
        )
