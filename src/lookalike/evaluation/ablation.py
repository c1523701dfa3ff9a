"""What each part of a `LookalikeClassifier` is good for: its errors with more and more of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lookalike.estimators.lookalike import LookalikeClassifier, predict_by
from lookalike.evaluation.metrics.accuracy import Accuracy, accuracy
from lookalike.matching.choosing import Trial
from lookalike.matching.reading import Reading


@dataclass(frozen=True, eq=False)
class Part:
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
    progress: Callable[[int, int], None] | None = None,
) -> list[Part]:
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
    readings = _more_and_more(classifier)
    predictions = predict_by(classifier, images, list(readings.values()), progress=progress)
    return [
        Part(name, _trial_of(classifier, reading), predicted, accuracy(labels, predicted))
        for (name, reading), predicted in zip(readings.items(), predictions, strict=True)
    ]


def _more_and_more(classifier: LookalikeClassifier) -> dict[str, Reading]:
    """Return readings that have more and more of what was chosen; the last one has all."""
    reading = classifier.reading_
    parts = {f"the nearest one by {classifier.recipe_}": Reading(0.0, 1)}
    if (reading.scaling, reading.k) != (0.0, 1):
        scaled = ", by local density" if reading.scaling else ""
        parts[f"{reading.k} nearest of each class{scaled}"] = Reading(reading.scaling, reading.k)
    if reading.hyperplanes:
        parts["in doubt: distance to each class's plane"] = reading._replace(deformation="off")
    if reading.deformation != "off":
        parts["in doubt: pixels may move"] = reading
    return parts


def _trial_of(classifier: LookalikeClassifier, reading: Reading) -> Trial | None:
    """Return how the chosen recipe did with a reading on held-out images."""
    found = [
        trial
        for trial in classifier.choices_
        if (trial.recipe, trial.reading) == (classifier.recipe_, reading)
    ]
    return found[-1] if found else None
