"""`evaluate` and `evaluate_predictions`: all metrics of predictions, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from lookalike.estimators.cached_search import searched_once
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.evaluation.metrics.evaluation import Evaluation, evaluate_single
from lookalike.evaluation.metrics.inputs import (
    NO_PROBABILITIES,
    check_positive,
    check_same_type,
    class_array,
    label_array,
)
from lookalike.evaluation.metrics.intervals import Bootstrap
from lookalike.evaluation.metrics.multi import MultiOutputEvaluation, evaluate_outputs
from lookalike.images.progress import Progress

_MOST_PROBABILITIES = 2**30  # bytes that those of several outputs may take


def evaluate(
    classifier: Any,
    images: Any,
    labels: ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    top_k: Sequence[int] = (2, 3),
    n_bins: int = 15,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Evaluation | MultiOutputEvaluation:
    """Measure a classifier on test images.

    Parameters
    ----------
    classifier : classifier, fitted
        Ours, which searches the images once, or any other. Curves and areas are of
        ``predict_proba``, or else of ``decision_function``; log loss, Brier score and calibration
        are of probabilities alone.
    images : array-like of shape (n, n_features) or (n, h, w[, c])
    labels : array-like of shape (n,) or (n, n_outputs)
        One class each; or rows of 0 and 1 (multilabel), or of classes (multi-output).
    class_names : sequence of str, optional
        Names of the classes, in the order of ``classifier.classes_``; or of the outputs.
    top_k : sequence of int, default=(2, 3)
    n_bins : int, default=15
        The number of bins of the expected calibration error.
    confidence : float, default=0.95
        The level of the intervals.
    n_resamples, random_state : int
        The number of bootstrap samples, and their seed.
    progress : callable, optional
        Called with the number of bootstrap samples measured, and of all.

    Returns
    -------
    Evaluation or MultiOutputEvaluation
        Where the probabilities of several outputs would take more than 1 GiB together, as for
        pixels, the metrics of probabilities are undefined.

    Raises
    ------
    ValueError
        If there are no images, lengths differ, a label is unknown to the classifier, or
        probabilities are not valid; or if predictions are not classes, as with a ``reject`` option.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier, evaluate, load_dataset
    >>> data = load_dataset("digits")
    >>> knn = KNeighborsClassifier(3).fit(data.train.images, data.train.labels)
    >>> evaluation = evaluate(knn, data.test.images, data.test.labels)
    >>> round(evaluation.accuracy, 4), evaluation.intervals["accuracy"].round(4)
    (0.9861, array([0.9722, 0.9972]))
    >>> evaluation.confusion.trace(), evaluation.n
    (np.int64(355), 360)
    """
    labels = label_array(labels, "labels")
    n = len(labels)
    if n == 0 or _num_samples(images) != n:
        raise ValueError(
            f"{_num_samples(images)} images and {n} labels; give one label for each image, and "
            "at least one"
        )
    classes = getattr(classifier, "classes_", None)
    probabilities: Any = None
    scores: Any = None
    size = 8 * n * sum(map(len, classes)) if isinstance(classes, list) else 0
    if size > _MOST_PROBABILITIES:
        predicted = classifier.predict(images)
    else:
        if type(classifier) is KNeighborsClassifier:  # a subclass may predict in another way
            classifier = searched_once(classifier, images, classifier.n_neighbors)
        predicted = classifier.predict(images)
        if hasattr(classifier, "predict_proba"):
            probabilities = classifier.predict_proba(images)
        elif hasattr(classifier, "decision_function"):
            scores = _decision_values(classifier, images, labels)
    evaluation = evaluate_predictions(
        labels,
        predicted,
        probabilities,
        scores=scores,
        classes=classes,
        class_names=class_names,
        top_k=top_k,
        n_bins=n_bins,
        confidence=confidence,
        n_resamples=n_resamples,
        random_state=random_state,
        progress=progress,
    )
    if size <= _MOST_PROBABILITIES:
        return evaluation
    reason = f"the probabilities would take {size / 2**30:.1f} GiB; evaluate fewer images at once"
    undefined = {
        name: reason if why == NO_PROBABILITIES else why
        for name, why in evaluation.undefined.items()
    }
    return replace(evaluation, undefined=undefined)


def evaluate_predictions(
    y_true: ArrayLike,
    y_pred: ArrayLike | None = None,
    probabilities: Any = None,
    *,
    scores: ArrayLike | None = None,
    classes: Any = None,
    class_names: Sequence[str] | None = None,
    top_k: Sequence[int] = (2, 3),
    n_bins: int = 15,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Evaluation | MultiOutputEvaluation:
    """Measure predictions that were made elsewhere, by whatever made them.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, n_outputs)
        The labels.
    y_pred : array-like of shape (n,) or (n, n_outputs), optional
        The predictions. They may be left out where there are `probabilities` or `scores` of one
        label each: the class of the highest one is predicted.
    probabilities : array-like of shape (n, n_classes), or list of n_outputs such, optional
        In the order of ``classes``; of multilabel images also (n, n_labels), that of each label.
    scores : array-like of shape (n, n_classes), of two classes also (n,), optional
        Instead of probabilities: decision values, such as those of ``decision_function``, the
        higher the more likely the class, of two classes the second one, which is predicted above 0.
        Those of multilabel images have the shape (n, n_labels).
    classes : array-like of shape (n_classes,), or list of n_outputs such, optional
        All labels that there are; those of ``y_true`` and ``y_pred`` together, sorted, if not
        given. The second of two classes is the positive one.
    class_names, top_k, n_bins, confidence, n_resamples, random_state, progress
        As of `evaluate`.

    Returns
    -------
    Evaluation or MultiOutputEvaluation

    Raises
    ------
    ValueError
        As `evaluate`; or if there are neither predictions nor scores, or both probabilities and
        scores.

    Examples
    --------
    >>> from lookalike import evaluate_predictions
    >>> evaluation = evaluate_predictions(["cat", "cat", "dog"], ["cat", "dog", "dog"])
    >>> evaluation.recall
    array([0.5, 1. ])
    >>> evaluation.undefined["log_loss"]
    'there are no probabilities'
    >>> by_score = evaluate_predictions(["cat", "cat", "dog"], scores=[-1.5, 0.5, 2.0])
    >>> by_score.recall, by_score.roc_auc
    (array([0.5, 1. ]), 1.0)
    """
    if probabilities is not None and scores is not None:
        raise ValueError("both probabilities and scores are given; give one of them")
    if y_pred is None:
        y_pred = _most_likely(y_true, probabilities, scores, classes)
    truth, guess = label_array(y_true, "labels"), label_array(y_pred, "predictions")
    if truth.size == 0 or truth.shape != guess.shape:
        raise ValueError(
            f"labels of shape {truth.shape} and predictions of shape {guess.shape}; give one "
            "prediction for each label, and at least one"
        )
    check_same_type(truth, guess, what="labels", what_others="predictions")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r} is not between 0 and 1; give one such as 0.95")
    check_positive(n_resamples=n_resamples, n_bins=n_bins)
    bootstrap = Bootstrap(confidence, n_resamples, random_state, progress)
    if truth.ndim == 2:
        return evaluate_outputs(
            truth, guess, probabilities, scores, classes, class_names, n_bins, bootstrap
        )
    kind = type_of_target(truth, input_name="labels")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"labels are {kind}, not classes; give one class for each image, or rows of them"
        )
    return evaluate_single(
        truth, guess, probabilities, scores, classes, class_names, top_k, n_bins, bootstrap
    )


def _most_likely(y_true: Any, probabilities: Any, scores: Any, classes: Any) -> NDArray[Any]:
    """Return the class of the highest probability or score of each image."""
    truth = label_array(y_true, "labels")
    given = probabilities if scores is None else scores
    if given is None or truth.ndim != 1:
        raise ValueError(
            "y_pred is missing; give the predictions, or of one label each the scores or the "
            "probabilities of the classes"
        )
    known = np.unique(truth) if classes is None else class_array(classes)
    values = np.asarray(given, dtype=np.float64)
    if len(known) > 2 or scores is None or values.ndim == 2:
        if values.shape != (len(truth), len(known)):
            raise ValueError(
                f"scores or probabilities of shape {values.shape} for {len(truth)} images and "
                f"{len(known)} classes; give a column for each class, and the classes"
            )
        best = values.argmax(axis=1)
    else:
        best = np.where(values > 0, len(known) - 1, 0)
    chosen: NDArray[Any] = known[best]
    return chosen


def _decision_values(classifier: Any, images: Any, labels: NDArray[Any]) -> Any:
    """Return the decision values of classes or labels; None where they are of pairs of classes."""
    last = classifier[-1] if isinstance(classifier, Pipeline) else classifier
    if getattr(last, "decision_function_shape", "ovr") == "ovo":
        return None
    values = np.asarray(classifier.decision_function(images))
    n_classes = len(getattr(classifier, "classes_", np.unique(labels)))
    n_columns = labels.shape[1] if labels.ndim == 2 else n_classes
    return values if values.shape[1:] in ((), (n_columns,)) else None
