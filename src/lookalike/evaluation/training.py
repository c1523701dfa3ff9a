"""What a `LookalikeClassifier` tried and chose, how well it does, and what each part adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.lookalike import LookalikeClassifier, predict_by
from lookalike.evaluation.metrics.intervals import Accuracy, accuracy
from lookalike.images.dataset import Dataset
from lookalike.images.progress import Progress
from lookalike.matching.model_selection import Trial, deciding
from lookalike.matching.scoring import ScoringRule
from lookalike.results import Result


class Tried(NamedTuple):
    """The best of ``n_rules`` scoring rules of a representation in one comparison.

    The combination that was chosen stands for its group even if another was better.
    """

    trial: Trial
    n_rules: int
    is_chosen: bool

    @property
    def standard_error(self) -> float:
        """The standard error of the error: the standard deviation of a binomial share."""
        error = self.trial.error
        return float((error * (1 - error) / self.trial.n_held_out) ** 0.5)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        trial = self.trial
        return {
            "stage": trial.stage,
            "representation": trial.representation._asdict(),
            "scoring_rule": trial.rule._asdict(),
            "n_rules": self.n_rules,
            "n_images": trial.n_images,
            "n_held_out": trial.n_held_out,
            "n_wrong": trial.n_wrong,
            "error": trial.error,
            "standard_error": self.standard_error,
            "seconds": round(trial.seconds, 4),
            "is_chosen": self.is_chosen,
        }


def what_was_tried(classifier: LookalikeClassifier, before: Sequence[Trial] = ()) -> list[Tried]:
    """Return the best scoring rule of each representation of each comparison, as tried.

    Trials `before` the classifier was fitted come first.
    """
    groups: dict[tuple[Any, ...], list[Trial]] = {}
    for trial in (*before, *classifier.choices_):
        groups.setdefault((trial.stage, trial.representation), []).append(trial)
    chosen = _trial_of(classifier, classifier.scoring_rule_)
    tried = []
    for group in groups.values():
        is_chosen = any(trial is chosen for trial in group)
        best = chosen if chosen and is_chosen else min(group, key=lambda trial: trial.n_wrong)
        tried.append(Tried(best, len(group), is_chosen))
    return tried


def why_chosen(classifier: LookalikeClassifier) -> str:
    """Return in a sentence why the representation and the scoring rule were chosen."""
    trials = classifier.choices_
    if not trials:
        return "There are too few images to hold some out: nothing was compared."
    last = deciding(trials)
    winner = next(own.trial for own in what_was_tried(classifier) if own.is_chosen)
    least = min(trial.n_wrong for trial in last)
    said = (
        f"{winner.n_wrong:,} of {winner.n_held_out:,} held-out images come out wrong, "
        f"{winner.error:.2%}: "
    )
    if winner.n_wrong > least:
        return (
            f"{said}{winner.n_wrong - least:,} more than by the best of {len(last):,} "
            "combinations, which chance may explain; this combination is nearer to the defaults."
        )
    n_equal = sum(trial.n_wrong == least for trial in last)
    also = f", as by {n_equal - 1:,} others," if n_equal > 1 else ""
    return f"{said}the fewest{also} of {len(last):,} combinations."


@dataclass(frozen=True, eq=False)
class Training(Result):
    """A fitted classifier, and what it answers about the test images.

    Attributes
    ----------
    name : str
        The data set.
    classifier : LookalikeClassifier
    n_train : int
    truth, prediction : ndarray of shape (n_test,), str
        Names of classes; empty if no images were held out.
    fit_seconds, predict_seconds : float
    before : sequence of Trial
        What was tried to choose between pixels and a network.
    """

    _described_by = "training"

    name: str
    classifier: LookalikeClassifier
    n_train: int
    truth: NDArray[np.str_]
    prediction: NDArray[np.str_]
    fit_seconds: float
    predict_seconds: float
    before: Sequence[Trial] = ()

    @property
    def tried(self) -> list[Tried]:
        """What was tried; see `what_was_tried`."""
        return what_was_tried(self.classifier, self.before)

    @property
    def wrong(self) -> NDArray[np.int64]:
        """The test images that came out wrong, shape (n_wrong,)."""
        return np.flatnonzero(self.prediction != self.truth)

    @property
    def accuracy(self) -> Accuracy | None:
        """The accuracy on the test images; None if there are none."""
        return accuracy(self.truth, self.prediction) if len(self.truth) else None

    def to_dict(self) -> dict[str, Any]:
        """Return for JSON what was tried and chosen, and the error on the test images."""
        classifier, right = self.classifier, self.accuracy
        return {
            "effort": classifier.effort,
            "n_train": self.n_train,
            "image_shape": list(classifier.image_shape_),
            "representation": classifier.representation_._asdict(),
            "scoring_rule": classifier.scoring_rule_._asdict(),
            "why": why_chosen(classifier),
            "tried": [own.to_dict() for own in self.tried],
            "test": None
            if right is None
            else {
                "error": (right.n - right.n_right) / right.n,
                "standard_error": right.standard_error,
                "n_wrong": right.n - right.n_right,
                "n": right.n,
            },
            "fit_seconds": round(self.fit_seconds, 3),
            "predict_seconds": round(self.predict_seconds, 3),
        }


def train_and_test(
    classifier: LookalikeClassifier,
    data: Dataset,
    *,
    name: str = "images",
    before: Sequence[Trial] = (),
    progress: Progress | None = None,
    starts_testing: Callable[[], None] = lambda: None,
) -> Training:
    """Fit a classifier to the train images, and ask it about the test images if there are any.

    The classifier itself is fitted, to names of classes. Progress is that of fitting, then that of
    testing; ``starts_testing`` is called between the two.
    """
    names = np.array(data.class_names)
    start = perf_counter()
    classifier.fit(data.train.inputs, names[data.train.labels], progress=progress)
    fitted = perf_counter()
    starts_testing()
    prediction = classifier.classes_[:0]
    if len(data.test):
        prediction = classifier.predict(data.test.inputs, progress=progress)
    seconds = (fitted - start, perf_counter() - fitted)
    truth = names[data.test.labels]
    return Training(name, classifier, len(data.train), truth, prediction, *seconds, before)


@dataclass(frozen=True, eq=False)
class AblationPart:
    """One part more, and the errors on the test images with all parts up to it.

    ``trial`` is how the classifier did so on held-out training images, if it was tried.
    """

    name: str
    trial: Trial | None
    prediction: NDArray[Any]
    accuracy: Accuracy

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON, without the prediction."""
        return {
            "part": self.name,
            "held_out_error": None if self.trial is None else self.trial.error,
            "n_held_out": None if self.trial is None else self.trial.n_held_out,
            "error": 1 - self.accuracy.value,
            "standard_error": self.accuracy.standard_error,
            "n_wrong": self.accuracy.n - self.accuracy.n_right,
        }


def measure_parts(
    classifier: LookalikeClassifier,
    images: Any,
    labels: NDArray[Any],
    *,
    progress: Progress | None = None,
) -> list[AblationPart]:
    """Return the parts of what a classifier chose, from the nearest neighbour up to all of it.

    All predict the same test images, and are read off one search, so that they take little longer
    than a prediction.

    Examples
    --------
    >>> from lookalike import load_dataset
    >>> data = load_dataset("digits")
    >>> classifier = LookalikeClassifier("fast").fit(data.train.images, data.train.labels)
    >>> parts = measure_parts(classifier, data.test.images, data.test.labels)
    >>> bool((parts[-1].prediction == classifier.predict(data.test.images)).all())
    True
    """
    rules = _more_and_more(classifier)
    predictions = predict_by(classifier, images, list(rules.values()), progress=progress)
    return [
        AblationPart(name, _trial_of(classifier, rule), predicted, accuracy(labels, predicted))
        for (name, rule), predicted in zip(rules.items(), predictions, strict=True)
    ]


def _more_and_more(classifier: LookalikeClassifier) -> dict[str, ScoringRule]:
    """Return scoring rules that have more and more of what was chosen; the last one has all."""
    rule = classifier.scoring_rule_
    parts = {f"the nearest one by {classifier.representation_}": ScoringRule(0.0, 1)}
    if (rule.scaling, rule.k) != (0.0, 1):
        scaled = ", by local density" if rule.scaling else ""
        parts[f"{rule.k} nearest of each class{scaled}"] = ScoringRule(rule.scaling, rule.k)
    if rule.hyperplanes:
        parts["in doubt: distance to each class's plane"] = rule._replace(deformation="off")
    if rule.deformation != "off":
        parts["in doubt: pixels may move"] = rule
    return parts


def _trial_of(classifier: LookalikeClassifier, rule: ScoringRule) -> Trial | None:
    """Return how the chosen representation did with a scoring rule on held-out images, if at all.

    The last trial counts: the combination may have been compared before, on fewer images.
    """
    sought = (classifier.representation_, rule)
    trials = reversed(classifier.choices_)
    return next((one for one in trials if (one.representation, one.rule) == sought), None)
