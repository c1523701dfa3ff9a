"""The baseline: a vote of the 4 nearest training images, the nearer the weightier."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.evaluation.metrics.accuracy import accuracy
from lookalike.search.machine import count_threads, cpu_path


class Baseline(Step):
    """Fit, predict all test images, and count the right ones."""

    name = "baseline"
    title = "Classify by the 4 nearest images, weighted by 1 / distance"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.model = KNeighborsClassifier(4, weights="distance", n_jobs=tour.n_jobs)
        bar.start("building the index")
        start = perf_counter()
        self.model.fit(tour.data.train.images, tour.data.train.labels)
        fitted = perf_counter()
        bar.start("searching neighbours")
        # explain() predicts and keeps the neighbours, so that no later step searches again.
        tour.explanation = self.model.explain(tour.data.test.images, progress=bar)
        predicted = perf_counter()
        tour.model = self.model
        tour.fit_seconds = self.fit_seconds = fitted - start
        tour.predict_seconds = self.predict_seconds = predicted - fitted
        self.accuracy = accuracy(tour.data.test.labels, tour.explanation.prediction)
        self.n_threads = count_threads(tour.n_jobs)

    def report(self) -> dict[str, Any]:
        return {
            "n_neighbors": self.model.n_neighbors,
            "weights": self.model.weights,
            "accuracy": self.accuracy.value,
            "standard_error": self.accuracy.standard_error,
            "n_right": self.accuracy.n_right,
            "n_test": self.accuracy.n,
            "fit_seconds": round(self.fit_seconds, 4),
            "predict_seconds": round(self.predict_seconds, 4),
            "cpu_path": cpu_path(),
        }

    def show(self, screen: Screen) -> None:
        rate = self.accuracy.n / self.predict_seconds
        threads = "1 thread" if self.n_threads == 1 else f"{self.n_threads} threads"
        screen.say(
            f"accuracy [bold green]{self.accuracy.value:.4f}[/] "
            f"± {self.accuracy.standard_error:.4f} (standard error): "
            f"{self.accuracy.n_right:,} of {self.accuracy.n:,} right"
        )
        screen.say(
            f"index built in {self.fit_seconds:.2f} s, neighbours found in "
            f"{self.predict_seconds:.2f} s: {rate:,.0f} images a second\n"
            f"[dim](exact search on {threads}, CPU path {cpu_path()})[/]"
        )
