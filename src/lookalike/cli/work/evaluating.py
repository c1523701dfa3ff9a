"""What ``lookalike evaluate`` does: a neighbour classifier on test images, and the report of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lookalike
from lookalike.cli.data_options import DataName
from lookalike.cli.screen import Bar
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.explanation import Explanation
from lookalike.estimators.search_cv import KNeighborsSearchCV
from lookalike.evaluation.decisions.curve import OperatingPoint
from lookalike.evaluation.decisions.rejection import (
    Coverage,
    RejectingClassifier,
    choose_rejection,
)
from lookalike.evaluation.decisions.threshold import ThresholdClassifier, choose_threshold
from lookalike.evaluation.folds import choose_folds
from lookalike.evaluation.metrics.evaluate import evaluate_predictions
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.images.dataset import Dataset
from lookalike.images.expression import parse_augmentation
from lookalike.reports.blocks import Report, Section
from lookalike.reports.decisions import coverage_section, threshold_section
from lookalike.reports.environment import run_facts
from lookalike.reports.errors import errors_section
from lookalike.reports.evaluation import evaluation_headline, evaluation_section
from lookalike.reports.write import write_report

_MOST_FOLDS, _MOST_NEIGHBORS = 5, 20
_WEIGHTS = ("uniform", "distance")
_MOST_NAMED = 20  # classes
ACCURACY = 0.999
"""Of the answers that are left where unsure images get none."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for, whatever is judged; parameters as of ``lookalike evaluate``."""

    data_name: DataName
    detect: str | None
    aim: dict[str, float]
    n_jobs: int | None

    def class_to_detect(self, class_names: Sequence[str]) -> int | None:
        """Return the position of the class among those there are; None if none is asked for."""
        name = self.detect
        if name is None:
            return None
        if name not in class_names:
            raise ValueError(
                f"--detect {name}: no class is called so; there are {some_of(class_names)}"
            )
        return list(class_names).index(name)

    def check_test_images(self, data: Dataset) -> None:
        """Raise ValueError if there are no test images."""
        if not len(data.test):
            raise ValueError(
                f"{self.data_name} has no test images to judge by; give classes two images or "
                "more, a test part of its own, such as a folder test beside train, or leave out "
                "--test-size 0"
            )


@dataclass(frozen=True, kw_only=True)
class Judging(Asked):
    """That a neighbour classifier is to be trained and judged."""

    n_neighbors: int | None
    weights: str | None
    augment: str | None

    def run(self, bar: Bar, *, watched: bool) -> Judged:
        """Do the work. What can be wrong with what was asked for is found before any search."""
        bar.start("loading the data")
        data = self.data_name.load(least_classes=2, progress=watched)
        self.check_test_images(data)
        augmentation = None if self.augment is None else parse_augmentation(self.augment)
        if augmentation is not None:
            augmentation.variants(data.train.images.shape[1:])
        positive = self.class_to_detect(data.class_names)
        model = KNeighborsClassifier(n_jobs=self.n_jobs, augmentation=augmentation)
        judged = Judged(self, data, model)
        judged.choose(bar)
        judged.test(bar)
        judged.decide(positive, bar)
        return judged


@dataclass
class Judged:
    """A neighbour classifier, judged on test images.

    Attributes
    ----------
    asked : Asked
    data : Dataset
    model : KNeighborsClassifier
    cv_accuracy : float or None
        Of the best number of neighbours and weights, where they were chosen here.
    explanation : Explanation
        Of all test images.
    evaluation : Evaluation
    rejection, coverage : RejectingClassifier and Coverage, or None
        With unsure images left out, and what that does on the test images.
    no_rejection : str
        Why there is none, if so.
    threshold, tested : ThresholdClassifier and OperatingPoint, or None
        Of the class to detect.
    seconds : dict of str to float
    """

    asked: Asked
    data: Dataset
    model: KNeighborsClassifier
    cv_accuracy: float | None = None
    explanation: Explanation = field(init=False)
    evaluation: Evaluation = field(init=False)
    rejection: RejectingClassifier | None = None
    coverage: Coverage | None = None
    no_rejection: str = ""
    threshold: ThresholdClassifier | None = None
    tested: OperatingPoint | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def choose(self, bar: Bar) -> None:
        """Choose what was not given, on the training images."""
        asked, train = self.asked, self.data.train
        assert isinstance(asked, Judging)
        given = {"n_neighbors": asked.n_neighbors, "weights": asked.weights}
        self.model.set_params(**{name: value for name, value in given.items() if value is not None})
        if None not in given.values():
            return
        start = perf_counter()
        folds = choose_folds(train.labels, most=_MOST_FOLDS)
        every = {
            "n_neighbors": range(1, min(_MOST_NEIGHBORS, folds.most_neighbors) + 1),
            "weights": _WEIGHTS,
        }
        grid = {name: every[name] for name, value in given.items() if value is None}
        search = KNeighborsSearchCV(self.model, grid, cv=folds.cv, refit=False)
        bar.start("choosing k and weights within the training images")
        search.fit(train.images, train.labels, progress=bar)
        self.model.set_params(**search.best_params_)
        self.cv_accuracy = float(search.best_score_)
        self.seconds["choosing k and weights"] = perf_counter() - start

    def test(self, bar: Bar) -> None:
        """Predict the test images, and measure."""
        data = self.data
        bar.start("building the index")
        start = perf_counter()
        self.model.fit(data.train.images, data.train.labels)
        fitted = perf_counter()
        bar.start("searching neighbours of the test images")
        self.explanation = self.model.explain(data.test.images, progress=bar)
        predicted = perf_counter()
        self.seconds |= {
            "fitting": fitted - start,
            "predicting the test images": predicted - fitted,
        }
        classes, explanation = self.model.classes_, self.explanation
        self.measure(explanation.prediction, explanation.class_shares(classes), classes, bar)

    def measure(
        self,
        predicted: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        classes: NDArray[np.int64],
        bar: Bar,
    ) -> None:
        """Compare predictions with the labels of the test images.

        Parameters
        ----------
        predicted : ndarray of shape (n,), int64
            Positions in the class names of the data.
        probabilities : ndarray of shape (n, n_classes)
        classes : ndarray of shape (n_classes,), int64
            The positions that columns of probabilities stand for.
        bar : Bar
        """
        bar.start("measuring")
        start = perf_counter()
        evaluation = evaluate_predictions(
            self.data.test.labels,
            predicted,
            probabilities,
            classes=classes,
            class_names=[self.data.class_names[code] for code in classes.tolist()],
        )
        assert isinstance(evaluation, Evaluation)  # labels are of one dimension
        self.evaluation = evaluation
        self.seconds["measuring"] = perf_counter() - start

    def decide(self, positive: int | None, bar: Bar) -> None:
        """Choose what to leave out, and the threshold of a class, and try both on test images."""
        train, test = self.data.train, self.data.test
        start = perf_counter()
        bar.start("choosing what to leave out within the training images")
        try:
            self.rejection = choose_rejection(
                self.model, train.images, train.labels, accuracy=ACCURACY, progress=bar
            )
            self.coverage = self.rejection.evaluate(test.images, test.labels)
        except ValueError as error:
            self.no_rejection = str(error)
        self.seconds["choosing what to leave out"] = perf_counter() - start
        if positive is None:
            return
        start = perf_counter()
        bar.start("choosing a threshold within the training images")
        self.threshold = choose_threshold(
            self.model,
            train.images,
            train.labels,
            positive=positive,
            cv=choose_folds(train.labels, most=_MOST_FOLDS).cv,
            progress=bar,
            **self.asked.aim,  # type: ignore[arg-type]
        )
        self.tested = self.threshold.evaluate(test.images, test.labels)
        self.seconds["choosing a threshold"] = perf_counter() - start

    def told(self) -> tuple[str, str]:
        """Return the name of what was judged, and in a sentence what it is and on what."""
        how = "chosen on the train images" if self.cv_accuracy is not None else "as given"
        return self.asked.data_name, (
            f"k = {self.model.n_neighbors}, {self.model.weights} ({how}); "
            f"{len(self.data.train):,} train and {len(self.data.test):,} test images"
        )

    def titles(self) -> tuple[str, str]:
        """Return title and subtitle of the report."""
        return (
            f"{self.asked.data_name}, classified by its neighbours",
            f"k = {self.model.n_neighbors}, weights: {self.model.weights}; "
            f"{len(self.data.train):,} training and {len(self.data.test):,} test images",
        )

    def parameters(self) -> dict[str, Any]:
        """Return what the results depend on."""
        model = self.model
        return {
            "data": self.asked.data_name,
            "source": self.data.source,
            "n_train": len(self.data.train),
            "n_test": len(self.data.test),
            "model": None,
            "n_neighbors": model.n_neighbors,
            "weights": model.weights,
            "augmentation": None if model.augmentation is None else repr(model.augmentation),
            "chosen_by_cross_validation": self.cv_accuracy is not None,
            "cv_accuracy": self.cv_accuracy,
        }

    def numbers(self) -> dict[str, Any]:
        """Return what ``evaluate --json`` prints."""
        threshold, tested = self.threshold, self.tested
        return {
            "lookalike": lookalike.__version__,
            **self.parameters(),
            "evaluation": self.evaluation.to_dict(),
            "rejection": {"reason": self.no_rejection}
            if self.rejection is None or self.coverage is None
            else {
                "accuracy": ACCURACY,
                "threshold": float(self.rejection.thresholds),
                "train": self.rejection.promise_.to_dict(),
                "test": self.coverage.to_dict(),
            },
            "detection": None
            if threshold is None or tested is None
            else {
                "class": self.asked.detect,
                "aim": str(threshold.aim_),
                "train": threshold.promise_.to_dict(),
                "test": tested.to_dict(),
            },
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }

    def sections(self) -> list[Section]:
        """Return what there is to tell."""
        sections = [
            evaluation_section(self.evaluation, title="How good it is on the test images"),
            self.errors(),
        ]
        if self.rejection is not None:
            sections.append(coverage_section(self.rejection, self.coverage))
        else:
            sections.append(Section("Leaving out what is not sure", intro=[self.no_rejection]))
        if self.threshold is not None:
            sections.append(
                threshold_section(
                    self.threshold,
                    self.tested,
                    positive_name=self.asked.detect,
                    title=f"Detecting {self.asked.detect}",
                )
            )
        return sections

    def errors(self) -> Section:
        """Return what there is to tell of the errors."""
        return errors_section(self.data, self.explanation)

    def write(self, folder: Path) -> list[str]:
        """Write the report, as a page and as JSON; return the names of the files."""
        title, subtitle = self.titles()
        return write_report(
            folder,
            Report(
                title,
                subtitle,
                evaluation_headline(self.evaluation),
                self.sections(),
                # Where files lie is told by the numbers alone: pages are passed on.
                parameters={
                    name: value
                    for name, value in self.parameters().items()
                    if name not in ("source", "model", "trained_on")
                },
                versions=run_facts(date=date.today().isoformat(), n_jobs=self.asked.n_jobs),
                timings=self.seconds,
                numbers=self.numbers(),
            ),
        )


def some_of(names: Sequence[str]) -> str:
    """Return names in a line: the first ones, and how many there are, if there are many.

    Examples
    --------
    >>> some_of(["cat", "dog"])
    'cat, dog'
    """
    shown = ", ".join(names[:_MOST_NAMED])
    return shown + (f", … ({len(names)} in all)" if len(names) > _MOST_NAMED else "")
