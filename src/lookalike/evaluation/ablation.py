"""What each part of a `LookalikeClassifier` is good for: its errors with more and more of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lookalike.estimators.lookalike import LookalikeClassifier, predict_by
from lookalike.evaluation.metrics.intervals import Accuracy, accuracy
from lookalike.images.progress import Progress
from lookalike.matching.model_selection import Trial
from lookalike.matching.scoring import ScoringRule


@dataclass(frozen=True, eq=False)
class AblationPart:
    """One part more, and the errors with all parts up to it.

    Attributes
    ----------
    name : str
    trial : Trial or None
        How the classifier did so on held-out training images, if it was tried.
    prediction : ndarray of shape (n,)
        The classes of the test images.
    accuracy : Accuracy
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

    All are read off one search, so that they take hardly longer than a prediction.

    Parameters
    ----------
    classifier : LookalikeClassifier, fitted
    images : array-like of shape (n, h, w) or (n, h, w, c)
        Test images.
    labels : ndarray of shape (n,)
        Their classes.
    progress : callable, optional
        Called as ``progress(done, total)``.

    Raises
    ------
    ValueError, TypeError
        As `LookalikeClassifier.predict`.

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
    """Return how the chosen representation did with a scoring rule on held-out images."""
    found = [
        trial
        for trial in classifier.choices_
        if (trial.representation, trial.rule) == (classifier.representation_, rule)
    ]
    return found[-1] if found else None
