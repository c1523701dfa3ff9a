"""`choose_threshold`: the threshold of a classifier for a wanted precision, recall, F-beta or cost.

The threshold is chosen on scores of training images that the classifier had not seen. Because the
best of many thresholds is chosen, it looks a little better on these images than it is; test images
show how good it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.utils.multiclass import type_of_target

from lookalike.estimators.cross_val import cross_val_predict
from lookalike.evaluation.decisions.chosen import Chosen, check_labels, list_splits
from lookalike.evaluation.decisions.curves import Costs, OperatingPoint, ThresholdCurve
from lookalike.images.progress import Progress
from lookalike.results import number, reports

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROUNDING = 1e-9  # by which a sum of shares of votes may be above 1


@dataclass(frozen=True)
class Aim:
    """What a threshold is chosen for.

    Attributes
    ----------
    kind : {"precision", "recall", "f_beta", "cost"}
    value : float or 2 × 2 matrix
        The least precision or recall, beta, or the costs.
    """

    kind: str
    value: Any

    def __str__(self) -> str:
        if self.kind in ("precision", "recall"):
            return f"{self.kind} of at least {self.value:.4g}"
        return f"the highest F{self.value:g}" if self.kind == "f_beta" else "the least cost"

    def reached(self, point: OperatingPoint) -> tuple[float, float, float]:
        """Return what a threshold has of what was asked for, with the ends of the interval."""
        if self.kind == "cost":
            return point.cost(self.value)
        if self.kind == "f_beta":
            return point.f_beta(self.value)
        return getattr(point, self.kind), *point.intervals[self.kind]

    def choose(self, curve: ThresholdCurve) -> int:
        """Return the position of the threshold that serves it best.

        One past the last stands for a threshold above all scores: where false positives cost most,
        it may be cheapest to predict no image positive.

        Raises
        ------
        ValueError
            If no threshold reaches it.
        """
        if self.kind == "cost":
            costs = curve.cost(self.value)
            if curve.cost_of_none(self.value) < costs.min():
                return len(costs)
            return _last_best(-costs)
        if self.kind == "f_beta":
            return _last_best(curve.f_beta(self.value))
        other = {"precision": curve.recall, "recall": curve.precision}[self.kind]
        values = getattr(curve, self.kind)
        reached = np.flatnonzero(values >= self.value)
        if len(reached) == 0:
            best = int(np.argmax(values))
            opposite = "recall" if self.kind == "precision" else "precision"
            raise ValueError(
                f"no threshold has a {self.kind} of {self.value:.4g}; the best possible is "
                f"{values[best]:.4g}, with a {opposite} of {other[best]:.4g}; ask for less, or "
                "for another classifier"
            )
        return int(reached[_last_best(other[reached])])


class ThresholdClassifier(Chosen, FixedThresholdClassifier):  # type: ignore[misc]
    """A binary classifier with a threshold that was chosen for an aim.

    scikit-learn's `FixedThresholdClassifier`, which remembers how its threshold came about. A
    clone of it keeps the threshold, and is a `FixedThresholdClassifier` and no more.

    Attributes
    ----------
    aim_ : Aim
    positive_ : label
        What it detects.
    labels_ : ndarray of shape (n_labels,)
        The classes that `choose_threshold` was given, of which ``positive_`` is one.
    curve_ : ThresholdCurve
        What every threshold did to the training images, each predicted when it was left out.
    promise_ : OperatingPoint
        What the chosen one did to them.
    """

    aim_: Aim
    positive_: Any
    labels_: NDArray[Any]
    curve_: ThresholdCurve
    promise_: OperatingPoint
    _chosen_by = "choose_threshold"

    def evaluate(self, images: Any, labels: ArrayLike) -> OperatingPoint:
        """Count what the threshold does to other images.

        Parameters
        ----------
        images : array-like of shape (n, n_features) or (n, h, w[, c])
        labels : array-like of shape (n,)
            The same labels as `choose_threshold` had: all classes, not only whether it is the
            positive one. Other classes do not count as the positive one.

        Raises
        ------
        ValueError
            If there are no images, lengths differ, or labels are of another kind, such as strings
            instead of numbers.
        """
        self._check_chosen()
        is_positive = check_labels(images, labels, self.labels_) == self.positive_
        found = self.predict(images) == (self.pos_label if self.pos_label is not None else True)
        kinds = (is_positive & found, ~is_positive & found, is_positive & ~found)
        hits, alarms, missed = (int(kind.sum()) for kind in kinds)
        spared = len(found) - hits - alarms - missed
        return OperatingPoint(
            self.threshold, hits, alarms, missed, spared, self.promise_.confidence
        )

    def plot_precision_recall_vs_threshold(self, ax: Axes | None = None) -> Axes:
        """Draw both against the threshold, with the chosen point."""
        self._check_chosen()
        axes: Axes = reports("curves").plot_precision_recall_vs_threshold(
            self.curve_, self.promise_, ax
        )
        return axes

    def plot_precision_recall(self, ax: Axes | None = None) -> Axes:
        """Draw precision against recall; see `lookalike.reports.curves.plot_curves`."""
        self._check_chosen()
        axes: Axes = reports("curves").plot_curves(
            self.curve_, "precision_recall", ax, self.promise_
        )
        return axes

    def plot_roc(self, ax: Axes | None = None) -> Axes:
        """Draw the ROC curve; see `lookalike.reports.curves.plot_curves`."""
        self._check_chosen()
        axes: Axes = reports("curves").plot_curves(self.curve_, "roc", ax, self.promise_)
        return axes

    def plot_cost(self, ax: Axes | None = None, *, costs: Costs | None = None) -> Axes:
        """Draw the cost against the threshold; ``costs`` are those of the aim, if not given."""
        self._check_chosen()
        if costs is None and self.aim_.kind != "cost":
            raise ValueError(f"the aim was {self.aim_}, which has no costs; give costs=")
        axes: Axes = reports("curves").plot_cost(
            self.curve_, self.aim_.value if costs is None else costs, self.promise_, ax
        )
        return axes

    def to_dict(self) -> dict[str, Any]:
        """Return what was asked, what was chosen and what it does, as JSON takes it.

        ``reached`` is what the training images promise of what was asked, with its interval.
        """
        self._check_chosen()
        return {
            "aim": str(self.aim_),
            "asked": {self.aim_.kind: np.asarray(self.aim_.value).tolist()},
            "reached": [number(value) for value in self.aim_.reached(self.promise_)],
            "positive": np.asarray(self.positive_).tolist(),
            "promise": self.promise_.to_dict(),
            "curve": self.curve_.to_dict(),
        }


def choose_threshold(
    classifier: Any,
    images: Any,
    labels: ArrayLike,
    *,
    positive: Any = None,
    precision: float | None = None,
    recall: float | None = None,
    beta: float | None = None,
    costs: Costs | None = None,
    cv: Any = 5,
    groups: ArrayLike | None = None,
    scores: ArrayLike | None = None,
    confidence: float = 0.95,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> ThresholdClassifier:
    """Choose the threshold of a binary classifier for an aim, and fit it.

    Parameters
    ----------
    classifier : classifier with ``predict_proba`` or ``decision_function``
        It stays as it is; a clone is fitted. Ours costs one search of all folds.
    images : array-like of shape (n, n_features) or (n, h, w[, c])
        Training images.
    labels : array-like of shape (n,)
        Two classes, or many of which one is to be detected.
    positive : label, optional
        The class to detect. The classifier then learns whether an image is of this class, and
        predicts True or False. With two classes it may be left out: the second in sorted order is
        the positive one, and the labels stay what they are.
    precision, recall : float in (0, 1], optional
        The least precision, with the highest recall there is; or the other way round.
    beta : float, optional
        The highest F-beta score, in which recall counts beta times as much as precision.
    costs : 2 × 2 array-like, optional
        The least expected cost, ``costs[true][predicted]`` with 0 for negative and 1 for
        positive [1]_. Exactly one of these four is given.
    cv : int, splitter or "loo", default=5
        How training images get scores of a classifier that has not seen them; see
        `cross_val_predict`.
    groups : array-like of shape (n,), optional
        Images of a group are never on both sides of a split; a number of folds is split by
        `StratifiedGroupKFold` then.
    scores : array-like of shape (n,), optional
        Such scores, if they are there already: the probability of the positive class, or the
        decision function of a classifier without ``predict_proba``, the higher the more positive.
    confidence : float, default=0.95
        The level of the intervals.
    n_jobs, progress
        As of `cross_val_predict`.

    Returns
    -------
    ThresholdClassifier, fitted
        Ready to predict; its ``promise_`` is what the training images say of it, and
        ``evaluate(test_images, test_labels)`` what others do.

    Raises
    ------
    ValueError
        If not exactly one aim is given or it is out of its range, no threshold reaches it, all
        scores are equal, there is no image of one side in a training fold, a group is divided, or
        labels are of many classes and ``positive`` is none of them.

    References
    ----------
    .. [1] Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier, choose_threshold, load_dataset
    >>> data = load_dataset("digits")
    >>> knn = KNeighborsClassifier(20, weights="distance")
    >>> is_five = choose_threshold(
    ...     knn, data.train.images, data.train.labels, positive=5, precision=0.99
    ... )
    >>> is_five.promise_.precision >= 0.99
    True
    >>> is_five.predict(data.test.images[:4])
    array([False, False, False, False])
    >>> tested = is_five.evaluate(data.test.images, data.test.labels)
    >>> round(tested.precision, 2), round(tested.recall, 2)
    (1.0, 0.92)
    """
    aim = _find_aim(precision, recall, beta, costs)
    y = np.asarray(labels)
    target, positive = _binary_target(y, positive)
    pos_label = positive if target is y else True
    is_positive = target == pos_label
    n_positive = int(is_positive.sum())
    if n_positive in (0, len(y)):
        side = "no image is" if n_positive == 0 else "all images are"
        raise ValueError(f"{side} of class {positive!r}; give images of both sides")
    method = "predict_proba" if hasattr(classifier, "predict_proba") else "decision_function"
    if not hasattr(classifier, method):
        raise ValueError(
            f"{type(classifier).__name__} has neither predict_proba nor decision_function, so that "
            "there is nothing to compare with a threshold; give a classifier with one of them"
        )
    if scores is None:
        _check_folds(cv, n_positive, len(y) - n_positive, positive)
        given = cross_val_predict(
            classifier,
            images,
            target,
            cv=list_splits(images, target, cv, groups),
            n_jobs=n_jobs,
            method=method,
            progress=progress,
        )
        values = given[:, 1] if given.ndim == 2 else given
        if np.unique(target)[1] != pos_label:  # the first of two labels
            values = given[:, 0] if given.ndim == 2 else -given
    else:
        values = np.asarray(scores, dtype=np.float64)
        if values.shape != y.shape or not np.isfinite(values).all():
            raise ValueError(
                f"scores of shape {values.shape} for {len(y)} images; give one finite number each"
            )
        if method == "predict_proba" and (values.min() < 0 or values.max() > 1 + _ROUNDING):
            # They would be compared with probabilities, which no image may reach, or all.
            raise ValueError(
                f"scores from {values.min():.4g} to {values.max():.4g}, but the threshold is on "
                "predict_proba, from 0 to 1; give the probabilities of the positive class"
            )
    curve = ThresholdCurve.of(is_positive, values)
    if len(curve.thresholds) == 1:
        raise ValueError(
            f"all {len(y):,} scores are {values[0]:.4g}, so there is nothing to choose; give a "
            "classifier that tells images apart"
        )
    i = aim.choose(curve)
    promise = curve.point(i, confidence)
    chosen = ThresholdClassifier(
        clone(classifier),
        threshold=promise.threshold,
        pos_label=pos_label,
        response_method=method,
    )
    chosen.fit(images, target)
    chosen.aim_, chosen.positive_, chosen.labels_ = aim, positive, np.unique(y)
    chosen.curve_, chosen.promise_ = curve, promise
    return chosen


def _check_folds(cv: Any, n_positive: int, n_negative: int, positive: Any) -> None:
    """Raise ValueError if a training fold would have images of one side only."""
    n_folds = 5 if cv is None else cv if isinstance(cv, int) else 2
    if min(n_positive, n_negative) < n_folds:
        few, side = min((n_positive, "are"), (n_negative, "are not"))
        raise ValueError(
            f"only {few} images {side} of class {positive!r}, too few for {n_folds} folds; lower "
            "cv, or add images"
        )


def _find_aim(
    precision: float | None, recall: float | None, beta: float | None, costs: Costs | None
) -> Aim:
    given = {"precision": precision, "recall": recall, "f_beta": beta, "cost": costs}
    aims = [Aim(kind, value) for kind, value in given.items() if value is not None]
    if len(aims) != 1:
        named = ", ".join(aim.kind for aim in aims) or "none"
        raise ValueError(f"{named} given; give exactly one of precision, recall, beta and costs")
    (aim,) = aims
    if aim.kind in ("precision", "recall") and not 0 < aim.value <= 1:
        raise ValueError(f"{aim.kind}={aim.value!r}; give a share above 0 and up to 1, such as 0.9")
    if aim.kind == "f_beta" and not 0 < aim.value < math.inf:
        raise ValueError(f"beta={aim.value!r}; give a number above 0, such as 1")
    if aim.kind == "cost":
        matrix = np.asarray(aim.value, dtype=np.float64)
        if matrix.shape != (2, 2) or not np.isfinite(matrix).all():
            raise ValueError(
                f"costs of shape {matrix.shape}; give costs[true][predicted], 2 × 2 finite numbers"
            )
    return aim


def _binary_target(y: NDArray[Any], positive: Any) -> tuple[NDArray[Any], Any]:
    """Return what the classifier is to learn, and the positive label."""
    kind = type_of_target(y, input_name="labels")
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"labels are {kind}; give one class for each image")
    classes = np.unique(y)
    if positive is None:
        if len(classes) != 2:
            raise ValueError(
                f"labels are of {len(classes)} classes; say by positive= which to detect"
            )
        return y, classes[1]
    if positive not in classes.tolist():
        raise ValueError(f"positive={positive!r} is none of the classes {classes.tolist()[:20]}")
    return (y, positive) if len(classes) == 2 else (y == positive, positive)


def _last_best(values: NDArray[np.float64]) -> int:
    """Return the position of the last highest value, that of the highest threshold."""
    return len(values) - 1 - int(np.argmax(values[::-1]))
