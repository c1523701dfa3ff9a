"""The training images with their shifts: what that mends, what it breaks, and how sure it is."""

from __future__ import annotations

import math
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.cli.work.drawing import draw_line
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.search_cv import KNeighborsSearchCV
from lookalike.evaluation.comparison.paired import error_drop
from lookalike.evaluation.errors.changes import as_matched, decider, find_changes
from lookalike.evaluation.metrics.accuracy import accuracy
from lookalike.reports.augmentation import augmenting_section, changes_gallery
from lookalike.reports.blocks import Section
from lookalike.reports.png import save_png

_N_SHOWN = {"mended": 2, "made": 1}
_N_SAVED = {"mended": 8, "made": 4}
_MOST_NEIGHBORS = 10  # tried, or twice as many as were best without shifts


class Augmented(Step):
    """Tune, fit and predict with the shifted images, and compare with the tuned classifier."""

    name = "augmented"
    title = "The training images with their shifts, on the test images"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.skipped = None if tour.augmentation is not None else tour.no_augmentation
        if tour.augmentation is None:
            return
        self.data, self.before = tour.data, tour.tuned_explanation
        train, test = self.data.train, self.data.test
        self.variants = tour.augmentation.variants(train.images.shape[1:])
        self.weights = tour.tuning.best.weights
        self.model = KNeighborsClassifier(
            weights=self.weights, n_jobs=tour.n_jobs, augmentation=tour.augmentation
        )
        bar.start("tuning k with shifts within the training images")
        start = perf_counter()
        most = max(_MOST_NEIGHBORS, 2 * tour.tuning.best.n_neighbors)
        most = min(most, tour.folds.most_neighbors)
        search = KNeighborsSearchCV(
            self.model, {"n_neighbors": range(1, most + 1)}, cv=tour.folds.cv, refit=False
        )
        search.fit(train.images, train.labels, progress=bar)
        self.best_score = float(search.best_score_)
        tuned = perf_counter()
        self.model.set_params(**search.best_params_)
        bar.start("searching neighbours among the shifted images")
        self.model.fit(train.images, train.labels)
        fitted = perf_counter()
        self.after = self.model.explain(test.images, progress=bar)
        predicted = perf_counter()
        self.tune_seconds, self.fit_seconds = tuned - start, fitted - tuned
        self.predict_seconds = predicted - fitted
        self.accuracy = accuracy(test.labels, self.after.prediction)
        self.accuracy_before = accuracy(test.labels, self.before.prediction)
        self.drop = error_drop(test.labels, self.before.prediction, self.after.prediction)
        self.changes = find_changes(self.before, self.after, test.labels)

    def report(self) -> dict[str, Any]:
        if self.skipped is not None:
            return {"skipped": self.skipped}
        n_train = len(self.data.train)
        return {
            "augmentation": repr(self.model.augmentation),
            "n_neighbors": self.model.n_neighbors,
            "weights": self.weights,
            "cv_accuracy": self.best_score,
            "n_train": n_train,
            "n_expanded": n_train * (len(self.variants) + 1),
            "accuracy": self.accuracy.value,
            "standard_error": self.accuracy.standard_error,
            "n_right": self.accuracy.n_right,
            "n_test": self.accuracy.n,
            "accuracy_before": self.accuracy_before.value,
            "error_drop": {
                # JSON knows neither NaN, of no errors before, nor infinity
                "value": _finite(self.drop.value),
                "low": _finite(self.drop.low),
                "high": _finite(self.drop.high),
                "confidence": self.drop.confidence,
                "mcnemar_p_value": self.drop.p_value,
            },
            "n_mended": self.drop.n_mended,
            "n_made": self.drop.n_made,
            **{
                kind: [self._entry(row) for row in rows.tolist()[: _N_SAVED[kind]]]
                for kind, rows in self.changes._asdict().items()
            },
            "tune_seconds": round(self.tune_seconds, 4),
            "fit_seconds": round(self.fit_seconds, 4),
            "predict_seconds": round(self.predict_seconds, 4),
        }

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        n_train, drop = len(self.data.train), self.drop
        screen.say(
            f"accuracy [bold green]{self.accuracy.value:.4f}[/] "
            f"± {self.accuracy.standard_error:.4f} (standard error) by k = "
            f"{self.model.n_neighbors}, {self.weights}: "
            f"{self.accuracy.n_right:,} of {self.accuracy.n:,} right\n"
            f"without shifts {self.accuracy_before.value:.4f}"
        )
        screen.say(self._say_drop())
        screen.say(
            f"{drop.n_mended:,} errors mended, {drop.n_made:,} made (McNemar's exact test: "
            f"p = {drop.p_value:.2g})"
        )
        screen.say(
            f"{n_train:,} training images searched as {n_train * (len(self.variants) + 1):,}, no "
            f"copy made: k tuned on the training images in {self.tune_seconds:.2f} s, index built "
            f"in {self.fit_seconds:.2f} s, test images predicted in {self.predict_seconds:.2f} s",
            style="dim",
        )
        for kind, rows in self.changes._asdict().items():
            for row in rows.tolist()[: _N_SHOWN[kind]]:
                self._show_one(f"error {kind}", row, screen)
        if self.drop.n_mended + self.drop.n_made:
            screen.say(
                "The test image, the neighbour that decided without shifts, and the one with them.",
                style="dim",
            )

    def sections(self) -> list[Section]:
        if self.skipped is not None:
            return []
        return [
            augmenting_section(
                self.data,
                self.before,
                self.after,
                self.changes,
                self.drop,
                self.variants,
                title="The training images with their shifts",
            )
        ]

    def save(self, folder: Path) -> list[str]:
        if self.skipped is not None:
            return []
        files = []
        for kind, rows in self.changes._asdict().items():
            if len(rows):
                files.append(f"{kind}.png")
                chosen = rows[: _N_SAVED[kind]]
                gallery = changes_gallery(
                    kind, self.data, self.before, self.after, chosen, self.variants
                )
                save_png(folder / files[-1], gallery)
        return files

    def _say_drop(self) -> str:
        drop = self.drop
        if math.isnan(drop.value):
            return "Without shifts there is no error that could be mended."
        before, after = (n / drop.n for n in (drop.n_wrong_before, drop.n_wrong_after))
        low = f"{drop.low:.1%}" if math.isfinite(drop.low) else "no bound"
        return (
            f"drop of the error rate [bold]{drop.value:.1%}[/], from {before:.2%} to {after:.2%} "
            f"({drop.confidence:.0%} confidence: {low} to {drop.high:.1%}, paired over test images)"
        )

    def _entry(self, row: int) -> dict[str, Any]:
        names = self.data.class_names
        entry: dict[str, Any] = {
            "test_row": row,
            "file": self.data.test.name(row),
            "true": names[self.data.test.labels[row]],
        }
        for when, explanation in (("before", self.before), ("after", self.after)):
            decided = decider(explanation, row)
            entry[when] = {
                "predicted": names[decided.label],
                "train_row": decided.row,
                "file": self.data.train.name(decided.row),
                "variant": self._variant_name(decided.variant),
                "share": decided.share,
                "distance": decided.distance,
            }
        return entry

    def _show_one(self, what: str, row: int, screen: Screen) -> None:
        names, true = self.data.class_names, int(self.data.test.labels[row])
        images: list[NDArray[np.uint8]] = [self.data.test.images[row]]
        captions = [Text.assemble((f"{names[true]}: {what}", "bold"), (f"\ntest {row}", "dim"))]
        for when, explanation in (("without", self.before), ("with", self.after)):
            decided = decider(explanation, row)
            images.append(as_matched(self.data.train.images, decided, self.variants))
            moved = f", {self._variant_name(decided.variant)}" if decided.variant else ""
            captions.append(
                Text.assemble(
                    (
                        f"{names[decided.label]} {when} shifts",
                        "bold green" if decided.label == true else "bold red",
                    ),
                    (f"\ntrain {decided.row}{moved}", "dim"),
                    (f"\n{decided.share:.0%} of the vote", "dim"),
                )
            )
        brightest = self.data.brightest
        screen.say()
        screen.say(draw_line(images, captions, screen.out, brightest=brightest))

    def _variant_name(self, variant: int) -> str:
        return self.after.variant_names[variant]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
