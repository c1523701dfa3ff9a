"""`choose_rejection`: leave out as few images as make the others as accurate as is wanted.

With a threshold for each class, each offers some pairs of answers and errors, one a threshold. To
take one of each class such that the answers are as many as can be is the multiple-choice knapsack
problem [1]_, with errors for weights. The wanted accuracy leaves few errors, so that dynamic
programming over them takes milliseconds: the most answers with at most e errors of the first
classes, for every e.

References
----------
.. [1] Kellerer, Pferschy, Pisinger, "Knapsack problems", Springer 2004, chapter 11.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from lookalike.array_types import FloatArray
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.cross_val import cross_val_predict
from lookalike.estimators.reject_option import predict_with_trust, rejection_label
from lookalike.evaluation.decisions.chosen import Chosen, check_labels, list_splits
from lookalike.evaluation.decisions.curves import Coverage, CoverageCurve
from lookalike.images.progress import Progress
from lookalike.results import numbers, reports

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Offers = tuple[NDArray[np.int64], NDArray[np.int64]]


class RejectingClassifier(ClassifierMixin, Chosen):  # type: ignore[misc]
    """A classifier that gives no answer where it is not sure.

    Parameters
    ----------
    estimator : classifier
    thresholds : float or array-like of shape (n_classes,), default=0
        The least confidence of an answer, of all classes or of each predicted one. With 0 every
        image gets one.
    reject_label : label, default=None
        Instead of an answer. None stands for -1 among integers and "unknown" among strings.

    Attributes
    ----------
    estimator_ : classifier, fitted
    classes_ : ndarray of shape (n_classes,)
    accuracy_ : float
        What was asked for; known, as the next one, after `choose_rejection`.
    promise_ : Coverage
        What the thresholds did to the training images, each predicted when it was left out.
    """

    accuracy_: float
    promise_: Coverage
    _chosen_by = "choose_rejection"

    def __init__(self, estimator: Any, thresholds: Any = 0.0, *, reject_label: Any = None) -> None:
        self.estimator = estimator
        self.thresholds = thresholds
        self.reject_label = reject_label

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Fit a clone of the classifier.

        Raises
        ------
        ValueError
            If there is not one threshold or one for each class, or ``reject_label`` is a class.
        """
        fitted = clone(self.estimator).fit(X, y)
        thresholds = np.asarray(self.thresholds, dtype=np.float64)
        if thresholds.ndim and thresholds.shape != fitted.classes_.shape:
            raise ValueError(
                f"thresholds of shape {thresholds.shape} but {len(fitted.classes_)} classes; give "
                "one number, or one for each class"
            )
        if np.any(thresholds > 0):
            rejection_label(fitted.classes_, self.reject_label)
        self.estimator_, self.classes_ = fitted, fitted.classes_
        return self

    @property
    def n_features_in_(self) -> int:
        """Number of values of an image."""
        return int(self.estimator_.n_features_in_)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each image, or ``reject_label``, shape (n,)."""
        check_is_fitted(self)
        predicted, confidence = _predict(self.estimator_, X)
        if not np.any(np.asarray(self.thresholds) > 0):
            return predicted
        label = rejection_label(self.classes_, self.reject_label)
        return np.where(self._accepts(predicted, confidence), predicted, label)

    def predict_confidence(self, X: Any) -> FloatArray:
        """Return how sure the classifier is of each image, shape (n,), float64."""
        check_is_fitted(self)
        return _predict(self.estimator_, X)[1]

    def evaluate(self, images: Any, labels: ArrayLike, *, confidence: float = 0.95) -> Coverage:
        """Count the images that get an answer, and a right one.

        Parameters
        ----------
        images : array-like of shape (n, n_features) or (n, h, w[, c])
        labels : array-like of shape (n,)
            No answer is right for classes that it does not know.
        confidence : float, default=0.95
            The level of the intervals.

        Raises
        ------
        ValueError
            If there are no images, lengths differ, or labels are of another kind, such as strings
            instead of numbers.
        """
        check_is_fitted(self)
        y = check_labels(images, labels, self.classes_)
        predicted, certainty = _predict(self.estimator_, images)
        accepted = self._accepts(predicted, certainty)
        return _measure_coverage(predicted == y, certainty, accepted, confidence)

    def plot_coverage(self, ax: Axes | None = None) -> Axes:
        """Draw accuracy against coverage on the training images, with the chosen point."""
        self._check_chosen()
        promise = self.promise_
        chosen = (promise.coverage, promise.accuracy)
        axes: Axes = reports("curves").plot_coverage(
            promise.curve, wanted=self.accuracy_, chosen=chosen, ax=ax
        )
        return axes

    def to_dict(self) -> dict[str, Any]:
        """Return what was asked, what was chosen and what it does, as JSON takes it."""
        self._check_chosen()
        return {
            "accuracy": self.accuracy_,
            "thresholds": numbers(np.asarray(self.thresholds, dtype=np.float64)),
            "promise": self.promise_.to_dict(),
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def _accepts(self, predicted: NDArray[Any], confidence: FloatArray) -> NDArray[np.bool_]:
        thresholds = np.asarray(self.thresholds, dtype=np.float64)
        if thresholds.ndim:
            thresholds = thresholds[np.searchsorted(self.classes_, predicted)]
        return confidence >= thresholds


def choose_rejection(
    classifier: Any,
    images: Any,
    labels: ArrayLike,
    *,
    accuracy: float = 0.999,
    per_class: bool = False,
    cv: Any = 5,
    groups: ArrayLike | None = None,
    reject_label: Any = None,
    confidence: float = 0.95,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> RejectingClassifier:
    """Let a classifier leave out as few images as make its answers as accurate as is wanted.

    The confidence of our `KNeighborsClassifier` is its trust score, the distance to the nearest
    image of another class by that to the nearest of the predicted one (see
    `lookalike.estimators.reject_option`), because shares of votes are all alike where neighbours
    agree. For any other classifier it is the probability of the predicted class.

    Parameters
    ----------
    classifier : classifier
        It stays as it is; a clone is fitted. Ours may be fitted to these images already, and given
        as scikit-learn's `FrozenEstimator`, which is not fitted again.
    images : array-like of shape (n, n_features) or (n, h, w[, c])
        Training images.
    labels : array-like of shape (n,)
    accuracy : float, default=0.999
        The accuracy of the answers on training images that the classifier has not seen.
    per_class : bool, default=False
        Choose a threshold for each predicted class: those of the most answers in all that there
        can be. One more choice for each class makes them look a little better on training images
        than they are. A class without any answer has the threshold infinity.
    cv, groups
        As of `choose_threshold`. With our classifier each image is left out in turn, which is one
        search, and ``groups`` stay out together.
    reject_label : label, default=None
        Instead of an answer. None stands for -1 among integers and "unknown" among strings.
    confidence : float, default=0.95
        The level of the intervals.
    n_jobs, progress
        As of `cross_val_predict`.

    Returns
    -------
    RejectingClassifier, fitted

    Raises
    ------
    ValueError
        If the accuracy is not a share, no threshold reaches it, all labels are of one class, or
        there is not one label for each image.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier, choose_rejection, load_dataset
    >>> data = load_dataset("digits")
    >>> knn = KNeighborsClassifier(3, weights="distance")
    >>> sure = choose_rejection(knn, data.train.images, data.train.labels, accuracy=0.999)
    >>> sure.promise_
    Coverage(93.11% of 1,437 images answered, 99.925% of them rightly [99.578% to 99.987%])
    """
    if not 0 < accuracy <= 1:
        raise ValueError(f"accuracy={accuracy!r}; give a share above 0 and up to 1, such as 0.999")
    y = np.asarray(labels)
    kind = type_of_target(y, input_name="labels")
    if y.ndim != 1 or kind not in ("binary", "multiclass"):
        raise ValueError(
            f"labels of shape {y.shape} are {kind}; give one class for each image, of shape (n,)"
        )
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"all labels are {classes.tolist()[0]!r}, so that every answer would be right; give "
            "images of two classes or more"
        )
    predicted, certainty = _unseen(classifier, images, y, cv, groups, n_jobs, progress)
    right = predicted == y
    if per_class:
        thresholds: Any = _thresholds_of_classes(predicted, certainty, right, classes, accuracy)
        least = thresholds[np.searchsorted(classes, predicted)]
    else:
        thresholds = least = _threshold(certainty, right, accuracy)
    chosen = RejectingClassifier(clone(classifier), thresholds, reject_label=reject_label)
    if n_jobs is not None and "n_jobs" in classifier.get_params():
        chosen.estimator.set_params(n_jobs=n_jobs)
    chosen.fit(images, y)
    chosen.accuracy_ = accuracy
    chosen.promise_ = _measure_coverage(right, certainty, certainty >= least, confidence)
    return chosen


def _predict(classifier: Any, X: Any) -> tuple[NDArray[Any], FloatArray]:
    """Return the predictions of a fitted classifier, and how sure it is of each."""
    if _has_trust(classifier):
        return predict_with_trust(_thawed(classifier), X)
    # Not what it predicts, which may be a rejection of its own, or not the most probable class.
    probabilities = classifier.predict_proba(X)
    return classifier.classes_[probabilities.argmax(axis=1)], probabilities.max(axis=1)


def _measure_coverage(
    right: NDArray[np.bool_], certainty: FloatArray, accepted: NDArray[np.bool_], confidence: float
) -> Coverage:
    n_accepted, n_right = int(accepted.sum()), int((accepted & right).sum())
    return Coverage(len(right), n_accepted, n_right, confidence, CoverageCurve.of(certainty, right))


def _has_trust(classifier: Any) -> bool:
    ours = _thawed(classifier)
    return type(ours) is KNeighborsClassifier and ours.reject is None


def _thawed(classifier: Any) -> Any:
    return classifier.estimator if isinstance(classifier, FrozenEstimator) else classifier


def _unseen(
    classifier: Any,
    images: Any,
    y: NDArray[Any],
    cv: Any,
    groups: Any,
    n_jobs: int | None,
    progress: Progress | None,
) -> tuple[NDArray[Any], FloatArray]:
    """Return predictions of training images that were left out, and how sure they are."""
    if _has_trust(classifier):
        fitted = clone(classifier)
        if n_jobs is not None:
            _thawed(fitted).set_params(n_jobs=n_jobs)
        fitted = _thawed(fitted.fit(images, y))
        return predict_with_trust(fitted, None, exclude=groups, progress=progress)
    if not hasattr(classifier, "predict_proba"):
        raise ValueError(
            f"{type(classifier).__name__} has no predict_proba, so that nothing tells how sure it "
            "is; give a classifier with probabilities"
        )
    probabilities = cross_val_predict(
        classifier,
        images,
        y,
        cv=list_splits(images, y, cv, groups),
        n_jobs=n_jobs,
        method="predict_proba",
        progress=progress,
    )
    return np.unique(y)[probabilities.argmax(axis=1)], probabilities.max(axis=1)


def _threshold(certainty: FloatArray, right: NDArray[np.bool_], accuracy: float) -> float:
    curve = CoverageCurve.of(certainty, right)
    reached = np.flatnonzero(curve.accuracy >= accuracy)
    if len(reached) == 0:
        raise _not_reached(accuracy, curve)
    return float(curve.thresholds[reached[-1]])


def _not_reached(accuracy: float, curve: CoverageCurve) -> ValueError:
    best = int(np.argmax(curve.accuracy))
    return ValueError(
        f"no threshold makes the answers {accuracy:.4%} right; the best possible is "
        f"{curve.accuracy[best]:.4%}, of {curve.coverage[best]:.1%} of the images; ask for less, "
        "or for another classifier"
    )


def _thresholds_of_classes(
    predicted: NDArray[Any],
    certainty: FloatArray,
    right: NDArray[np.bool_],
    classes: NDArray[Any],
    accuracy: float,
) -> FloatArray:
    """Return the thresholds of the most answers whose errors are few enough, shape (n_classes,)."""
    of_class = [np.flatnonzero(predicted == one) for one in classes]
    curves = [CoverageCurve.of(certainty[own], right[own]) for own in of_class]
    chosen = most_answers([(one.n_accepted, one.n_right) for one in curves], accuracy)
    if chosen is None:
        raise _not_reached(accuracy, CoverageCurve.of(certainty, right))
    pairs = zip(curves, chosen, strict=True)
    return np.array([math.inf if i is None else one.thresholds[i] for one, i in pairs])


def most_answers(offers: Sequence[Offers], accuracy: float) -> list[int | None] | None:
    """Choose an offer of each class, or none, for the most answers of at least this accuracy.

    An offer is the number of answers of a threshold and of the right ones among them. Those of a
    class are two arrays of shape (n_offers,), in which neither answers nor errors descend. Return
    the position of each class's offer, None for no answer; or None if no choice with any answer is
    so accurate.
    """
    # Errors are fewer than the wanted share of all answers; one more for what is rounded.
    n = sum(int(answers[-1]) for answers, _ in offers if len(answers))
    n_wrong = sum(int(answers[-1] - right[-1]) for answers, right in offers if len(answers))
    most = min(n_wrong, int((1 - accuracy) * n) + 1)
    best = np.zeros(most + 1, dtype=np.int64)  # answers with at most so many errors
    steps = []  # for each class the offer that is taken with at most so many errors in all
    for answers, right in offers:
        wrong = answers - right
        last = np.flatnonzero(np.append(np.diff(wrong) > 0, [True] * (len(wrong) > 0)))
        before, best, step = best, best.copy(), np.full(most + 1, -1)
        for i in last[wrong[last] <= most].tolist():
            with_it = before[: most + 1 - wrong[i]] + answers[i]
            better = np.flatnonzero(with_it > best[wrong[i] :]) + wrong[i]
            best[better], step[better] = with_it[better - wrong[i]], i
        steps.append(step)
    right_at_least = best - np.arange(most + 1)
    reached = np.flatnonzero((best > 0) & (right_at_least / np.maximum(best, 1) >= accuracy))
    if len(reached) == 0:
        return None
    left = int(reached[np.argmax(best[reached])])
    chosen: list[int | None] = []
    for step, (answers, right) in zip(reversed(steps), reversed(offers), strict=True):
        i = int(step[left])
        chosen.append(None if i < 0 else i)
        left -= 0 if i < 0 else int(answers[i] - right[i])
    return chosen[::-1]
