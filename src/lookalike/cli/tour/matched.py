"""The classifier that matches images, and what each of its parts is good for."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.evaluation.comparison.paired import error_drop
from lookalike.evaluation.metrics.accuracy import Accuracy, accuracy
from lookalike.evaluation.training import why_chosen
from lookalike.matching.choosing import CHUNK, Trial
from lookalike.matching.levels import check_images
from lookalike.matching.matcher import Recipe
from lookalike.matching.reading import Reader, Reading
from lookalike.reports.matches import draw_matches, surest_wrong

_EFFORT: Literal["fast", "balanced", "best"] = "balanced"
_MOST_DRAWN = 40
_N_NEAREST = 5


class _Link(NamedTuple):
    """One part more, and the errors with all parts up to it."""

    part: str
    trial: Trial | None
    test: Accuracy

    def entry(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "held_out_error": None if self.trial is None else self.trial.error,
            "n_held_out": None if self.trial is None else self.trial.n_held_out,
            "error": 1 - self.test.value,
            "standard_error": self.test.standard_error,
            "n_wrong": self.test.n - self.test.n_right,
        }


class Matched(Step):
    """Fit it, and read the test images by more and more of what it chose."""

    name = "matched"
    title = "Images matched: representation and distance chosen"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.data = tour.data
        self.skipped: str | None = None
        train, test = tour.data.train, tour.data.test
        try:
            check_images(train.images[:1])
        except ValueError as error:
            self.skipped = str(error)
            return
        self.classifier = LookalikeClassifier(_EFFORT, n_jobs=tour.n_jobs)
        bar.start("trying what matches images best")
        start = perf_counter()
        self.classifier.fit(train.images, train.labels, progress=bar)
        fitted = perf_counter()
        parts = _parts(self.classifier.recipe_, self.classifier.reading_)
        bar.start("matching the test images")
        answers = _read(self.classifier, test.images, list(parts.values()), bar)
        predicted = perf_counter()
        self.fit_seconds, self.predict_seconds = fitted - start, predicted - fitted
        plain = tour.explanation.prediction
        self.chain = [
            _Link(
                f"pixels: the {tour.model.n_neighbors} nearest, weighted",
                None,
                accuracy(test.labels, plain),
            )
        ]
        for (part, reading), answer in zip(parts.items(), answers, strict=True):
            right = accuracy(test.labels, answer)
            self.chain.append(_Link(part, _trial_of(self.classifier, reading), right))
        self.drop = error_drop(test.labels, plain, answers[-1])
        self.wrong = np.flatnonzero(answers[-1] != test.labels)
        if len(self.wrong):
            n_nearest = min(_N_NEAREST, len(train))
            self.matches = self.classifier.explain(test.images[self.wrong], n_nearest)

    def report(self) -> dict[str, Any]:
        if self.skipped is not None:
            return {"skipped": self.skipped}
        names, last = self.data.class_names, self.chain[-1].test
        return {
            "effort": self.classifier.effort,
            "recipe": self.classifier.recipe_._asdict(),
            "reading": self.classifier.reading_._asdict(),
            "why": why_chosen(self.classifier),
            "chain": [link.entry() for link in self.chain],
            "accuracy": last.value,
            "standard_error": last.standard_error,
            "n_right": last.n_right,
            "n_test": last.n,
            "n_mended": self.drop.n_mended,
            "n_made": self.drop.n_made,
            "wrong": [
                {
                    "test_row": int(row),
                    "file": self.data.test.name(int(row)),
                    "true": names[self.data.test.labels[row]],
                    "predicted": names[self.matches.prediction[i]],
                    "probability": float(self.matches.probabilities[i].max()),
                    "neighbors": self.matches.indices[i].tolist(),
                    "neighbor_files": [
                        self.data.train.name(own) for own in self.matches.indices[i].tolist()
                    ],
                    "neighbor_labels": [names[label] for label in self.matches.labels[i]],
                }
                for i, row in enumerate(self.wrong[:_MOST_DRAWN])
            ],
            "fit_seconds": round(self.fit_seconds, 4),
            "predict_seconds": round(self.predict_seconds, 4),
        }

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        screen.say(self._table())
        screen.say()
        screen.say(f"Why these: {why_chosen(self.classifier)}")
        last, drop = self.chain[-1].test, self.drop
        n_wrong = last.n - last.n_right
        still = "1 is" if n_wrong == 1 else f"{n_wrong:,} are"
        screen.say(
            f"Of {last.n:,} test images [bold]{still} still wrong[/]; against the plain "
            f"neighbours {drop.n_mended:,} errors are mended, {drop.n_made:,} made."
        )
        held = self.chain[-1].trial
        if held is not None:
            screen.say(
                "Held out: train images; by their errors all parts were chosen, together. The test "
                "errors of the parts are read off one search.",
                style="dim",
            )
        screen.say(
            f"chosen and learnt in {self.fit_seconds:.2f} s, test images matched in "
            f"{self.predict_seconds:.2f} s",
            style="dim",
        )

    def save(self, folder: Path) -> list[str]:
        if self.skipped is not None or not len(self.wrong):
            return []
        labels = self.data.test.labels[self.wrong]
        draw_matches(
            self.matches,
            labels,
            surest_wrong(self.matches, labels)[:_MOST_DRAWN],
            folder / "matches.png",
            names=self.data.class_names,
            numbers=self.wrong,
            data=self.data,
        )
        return ["matches.png"]

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="bold")
        table.add_column("each with all above it")
        table.add_column("held out", justify="right")
        table.add_column("test error", justify="right")
        table.add_column("wrong", justify="right")
        for i, link in enumerate(self.chain):
            trial, test = link.trial, link.test
            last = i == len(self.chain) - 1
            table.add_row(
                Text(link.part),
                "" if trial is None else f"{trial.error:.2%}",
                Text(
                    f"{1 - test.value:.2%} ± {test.standard_error:.2%}",
                    "bold green" if last else "",
                ),
                f"{test.n - test.n_right:,}",
            )
        return table


def _parts(recipe: Recipe, reading: Reading) -> dict[str, Reading]:
    """Return readings that have more and more of what was chosen; the last one has all."""
    parts = {f"the nearest one by {recipe}": Reading(0.0, 1)}
    if (reading.scaling, reading.k) != (0.0, 1):
        scaled = ", by local density" if reading.scaling else ""
        parts[f"{reading.k} nearest of each class{scaled}"] = Reading(reading.scaling, reading.k)
    if reading.hyperplanes:
        parts["in doubt: distance to each class's plane"] = reading._replace(deformation="off")
    if reading.deformation != "off":
        parts["in doubt: pixels may move"] = reading
    return parts


def _read(
    classifier: LookalikeClassifier, images: NDArray[np.uint8], readings: list[Reading], bar: Bar
) -> list[NDArray[Any]]:
    """Return the answers by each reading, from one search; by the last one as `predict` does."""
    matcher = classifier._matcher
    answers: list[list[NDArray[Any]]] = [[] for _ in readings]
    for i in range(0, len(images), CHUNK):
        own = classifier._levels.to_bytes(images[i : i + CHUNK])
        reader = Reader(matcher, matcher.seek(matcher.project(own)))
        for reading, parts in zip(readings, answers, strict=True):
            codes = reader.read(reading).classes.argmin(axis=1)
            parts.append(classifier.classes_[codes])
        bar(min(i + CHUNK, len(images)), len(images))
    return [np.concatenate(parts) for parts in answers]


def _trial_of(classifier: LookalikeClassifier, reading: Reading) -> Trial | None:
    """Return how the chosen recipe did with a reading on held-out images."""
    found = [
        trial
        for trial in classifier.choices_
        if (trial.recipe, trial.reading) == (classifier.recipe_, reading)
    ]
    return found[-1] if found else None
