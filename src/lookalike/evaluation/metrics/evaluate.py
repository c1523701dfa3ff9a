"""`evaluate`: one prediction of the test images, and all that can be said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.evaluation.metrics.bootstrap import Bootstrap
from lookalike.evaluation.metrics.calibration import measure_reliability
from lookalike.evaluation.metrics.evaluation import PER_CLASS, Evaluation
from lookalike.evaluation.metrics.labelwise import LabelProbabilities
from lookalike.evaluation.metrics.multi import (
    OF_PROBABILITIES,
    PER_LABEL,
    MultiOutputEvaluation,
    measure_multi,
)
from lookalike.evaluation.metrics.probabilities import (
    brier_scores,
    check_probabilities,
    log_losses,
)
from lookalike.evaluation.metrics.single import Predictions, measure

FloatArray = NDArray[np.float64]
_MULTILABEL = "multilabel-indicator"


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
) -> Evaluation | MultiOutputEvaluation:
    """Tell how good a classifier is on test images.

    Parameters
    ----------
    classifier : classifier, fitted
        Ours, which searches the images once, or any other. Without ``predict_proba`` what is
        made of probabilities is undefined.
    images : array-like of shape (n, n_features) or (n, h, w[, c])
    labels : array-like of shape (n,) or (n, n_outputs)
        One class each; or rows of 0 and 1 (multilabel), or of classes (multi-output).
    class_names : sequence of str, optional
        What to call the classes, in the order of ``classifier.classes_``; or the outputs.
    top_k : sequence of int, default=(2, 3)
    n_bins : int, default=15
        Of the expected calibration error.
    confidence : float, default=0.95
        Of the intervals.
    n_resamples, random_state : int
        Of the bootstrap.

    Returns
    -------
    Evaluation or MultiOutputEvaluation

    Raises
    ------
    ValueError
        If there are no images, lengths differ, labels are none that the classifier knows, or
        probabilities are none.

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
    n = len(np.asarray(labels))
    if n == 0 or _num_samples(images) != n:
        raise ValueError(
            f"{_num_samples(images)} images and {n} labels; give one label for each image, and "
            "at least one"
        )
    probabilities: Any = None
    if type(classifier) is KNeighborsClassifier:  # a subclass may predict in another way
        predicted, probabilities = classifier._predict_both(images)
    else:
        predicted = classifier.predict(images)
        if hasattr(classifier, "predict_proba"):
            probabilities = classifier.predict_proba(images)
    return evaluate_predictions(
        labels,
        predicted,
        probabilities,
        classes=getattr(classifier, "classes_", None),
        class_names=class_names,
        top_k=top_k,
        n_bins=n_bins,
        confidence=confidence,
        n_resamples=n_resamples,
        random_state=random_state,
    )


def evaluate_predictions(
    labels: ArrayLike,
    predicted: ArrayLike,
    probabilities: Any = None,
    *,
    classes: Any = None,
    class_names: Sequence[str] | None = None,
    top_k: Sequence[int] = (2, 3),
    n_bins: int = 15,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> Evaluation | MultiOutputEvaluation:
    """Tell how good predictions are, whoever made them.

    Parameters
    ----------
    labels, predicted : array-like of shape (n,) or (n, n_outputs)
    probabilities : array-like of shape (n, n_classes), or list of n_outputs such, optional
        In the order of ``classes``; of multilabel images also (n, n_labels), that of each label.
    classes : array-like of shape (n_classes,), or list of n_outputs such, optional
        All labels that there are; those of ``labels`` and ``predicted`` together, if not given.
    class_names, top_k, n_bins, confidence, n_resamples, random_state
        As of `evaluate`.

    Returns
    -------
    Evaluation or MultiOutputEvaluation

    Raises
    ------
    ValueError
        As `evaluate`.

    Examples
    --------
    >>> evaluation = evaluate_predictions(["cat", "cat", "dog"], ["cat", "dog", "dog"])
    >>> evaluation.recall
    array([0.5, 1. ])
    >>> evaluation.undefined["log_loss"]
    'there are no probabilities'
    """
    truth, guess = np.asarray(labels), np.asarray(predicted)
    if len(truth) == 0 or truth.shape != guess.shape:
        raise ValueError(
            f"labels of shape {truth.shape} and predictions of shape {guess.shape}; give one "
            "prediction for each label, and at least one"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r} is not between 0 and 1; give one such as 0.95")
    for name, value in (("n_resamples", n_resamples), ("n_bins", n_bins)):
        if value < 1:
            raise ValueError(f"{name}={value!r} is less than 1; give 1 or more")
    bootstrap = Bootstrap(confidence, n_resamples, random_state)
    if truth.ndim == 2 and truth.shape[1] > 1:
        return _evaluate_multi(truth, guess, probabilities, classes, class_names, n_bins, bootstrap)
    kind = type_of_target(truth, input_name="labels")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"labels are {kind}, not classes; give one class for each image, or rows of them"
        )
    return _evaluate_single(
        truth.ravel(),
        guess.ravel(),
        probabilities,
        classes,
        class_names,
        tuple(top_k),
        n_bins,
        bootstrap,
    )


def _evaluate_single(
    truth: NDArray[Any],
    guess: NDArray[Any],
    probabilities: Any,
    classes: Any,
    class_names: Sequence[str] | None,
    top_k: tuple[int, ...],
    n_bins: int,
    bootstrap: Bootstrap,
) -> Evaluation:
    known = np.unique(np.concatenate([truth, guess]) if classes is None else np.asarray(classes))
    n, n_classes = len(truth), len(known)
    names = _names(class_names, known)
    codes = _encode(truth, known, "labels", "leave these images out, or train on their classes too")
    predicted = _encode(
        guess, known, "predictions", "where they mark rejected images, judge without rejection"
    )
    undefined = {}
    if probabilities is None:
        absent = ("log_loss", "brier", "ece", *(f"top_{k}_accuracy" for k in top_k))
        undefined = dict.fromkeys(absent, "there are no probabilities")
    else:
        probabilities = check_probabilities(probabilities, n, n_classes)
    for k in top_k:
        if k < 1:
            raise ValueError(f"top_k holds {k!r}, which is less than 1; give 1 or more")
        if k >= n_classes:
            undefined[f"top_{k}_accuracy"] = f"there are only {n_classes} classes"
    measured = measure(
        Predictions(codes, predicted, probabilities, n_classes),
        top_k=tuple(k for k in top_k if k < n_classes),
        n_bins=n_bins,
        bootstrap=bootstrap,
    )
    for name in ("roc_auc", "average_precision"):
        if name not in measured.values:
            undefined[name] = (
                "there are no probabilities" if n_classes == 2 else f"of {n_classes} classes, not 2"
            )

    def value(name: str) -> float:
        return float(measured.values.get(name, np.nan))

    reliability = None
    if probabilities is not None:
        own = probabilities[np.arange(n), predicted]
        reliability = measure_reliability(own, codes == predicted, n_bins)
    return Evaluation(
        target_type="binary" if n_classes == 2 else "multiclass",
        n=n,
        classes=known,
        class_names=names,
        accuracy=value("accuracy"),
        balanced_accuracy=value("balanced_accuracy"),
        top_k_accuracy={k: value(f"top_{k}_accuracy") for k in top_k},
        precision=measured.values["precision"],
        recall=measured.values["recall"],
        f1=measured.values["f1"],
        support=np.bincount(codes, minlength=n_classes),
        macro={name: value(f"macro_{name}") for name in PER_CLASS},
        weighted={name: value(f"weighted_{name}") for name in PER_CLASS},
        mcc=value("mcc"),
        log_loss=value("log_loss"),
        brier=value("brier"),
        ece=value("ece"),
        roc_auc=value("roc_auc"),
        average_precision=value("average_precision"),
        confusion=confusion_matrix(codes, predicted, labels=np.arange(n_classes)),
        reliability=reliability,
        intervals=measured.intervals,
        undefined=undefined | measured.undefined,
        confidence=bootstrap.confidence,
        n_resamples=bootstrap.n_resamples,
        truth=codes,
        predicted=predicted,
        probabilities=probabilities,
    )


def _evaluate_multi(
    truth: NDArray[Any],
    guess: NDArray[Any],
    probabilities: Any,
    classes: Any,
    output_names: Sequence[str] | None,
    n_bins: int,
    bootstrap: Bootstrap,
) -> MultiOutputEvaluation:
    n, n_outputs = truth.shape
    is_multilabel = bool(np.isin(truth, (0, 1)).all() and np.isin(guess, (0, 1)).all())
    names = _names(output_names, np.arange(n_outputs))
    losses: dict[str, FloatArray] = {}
    of_labels = None
    if probabilities is not None:
        encoded = [
            _encode_output(truth, guess, probabilities, classes, j, is_multilabel)
            for j in range(n_outputs)
        ]
        losses = {
            name: np.stack([_losses(loss, *one) for one in encoded], axis=1)
            for name, loss in (("log_loss", log_losses), ("brier", brier_scores))
        }
        if is_multilabel:
            # The probability of 1, which a label that no training image had does not have.
            positive = np.stack([p[:, known == 1].sum(axis=1) for p, _, known in encoded], axis=1)
            of_labels = LabelProbabilities(positive, truth == 1, guess == 1, n_bins)
    values, intervals, undefined = measure_multi(
        truth,
        guess,
        bootstrap,
        is_multilabel=is_multilabel,
        losses=losses,
        probabilities=of_labels,
    )
    for name in OF_PROBABILITIES:
        if name not in values:
            undefined[name] = (
                "there are no probabilities"
                if probabilities is None
                else "outputs are classes, not labels that are there or not"
            )
    if not is_multilabel:
        absent = (
            "jaccard",
            *(f"{m}{s}" for m in ("", "micro_", "macro_", "weighted_") for s in PER_LABEL),
        )
        undefined |= dict.fromkeys(absent, "outputs are classes, not labels that are there or not")
    none = np.full(n_outputs, np.nan)

    def value(name: str) -> float:
        return float(values.get(name, np.nan))

    return MultiOutputEvaluation(
        target_type=_MULTILABEL if is_multilabel else "multiclass-multioutput",
        n=n,
        n_outputs=n_outputs,
        output_names=names,
        exact_match=value("exact_match"),
        mean_accuracy=value("mean_accuracy"),
        accuracy=values["accuracy"],
        hamming_loss=value("hamming_loss"),
        jaccard=value("jaccard"),
        precision=values.get("precision", none),
        recall=values.get("recall", none),
        f1=values.get("f1", none),
        support=(truth == 1).sum(axis=0) if is_multilabel else np.full(n_outputs, n),
        micro={name: value(f"micro_{name}") for name in PER_LABEL},
        macro={name: value(f"macro_{name}") for name in PER_LABEL},
        weighted={name: value(f"weighted_{name}") for name in PER_LABEL},
        confusion=multilabel_confusion_matrix(truth == 1, guess == 1) if is_multilabel else None,
        log_loss=values.get("log_loss", none),
        brier=values.get("brier", none),
        ece=values.get("ece", none),
        roc_auc=values.get("roc_auc", none),
        average_precision=values.get("average_precision", none),
        intervals=intervals,
        undefined=undefined,
        confidence=bootstrap.confidence,
        n_resamples=bootstrap.n_resamples,
    )


def _encode_output(
    truth: NDArray[Any],
    guess: NDArray[Any],
    probabilities: Any,
    classes: Any,
    j: int,
    is_multilabel: bool,
) -> tuple[FloatArray, NDArray[np.int64], NDArray[Any]]:
    """Return the probabilities of one output, the true positions among its classes, and these."""
    given = _of_output(probabilities, j, is_multilabel)
    if classes is None:
        known = np.unique(np.concatenate([truth[:, j], guess[:, j]]))
        if is_multilabel and len(known) != given.shape[1]:
            known = np.array([0, 1])
    else:
        known = np.asarray(classes[j])
    checked = check_probabilities(given, len(truth), len(known))
    cure = "leave these images out, or train on their classes too"
    return checked, _encode(truth[:, j], known, f"labels of output {j}", cure), known


def _losses(
    loss: Callable[[FloatArray, NDArray[np.int64]], FloatArray],
    probabilities: FloatArray,
    codes: NDArray[np.int64],
    known: NDArray[Any],
) -> FloatArray:
    """Return the loss of each image; NaN where there is a single class."""
    return loss(probabilities, codes) if len(known) > 1 else np.full(len(codes), np.nan)


def _of_output(probabilities: Any, j: int, is_multilabel: bool) -> FloatArray:
    """Return the probabilities of one output, a column for each of its classes."""
    if not isinstance(probabilities, list):
        if not is_multilabel or np.ndim(probabilities) != 2:
            raise ValueError(
                f"probabilities of shape {np.shape(probabilities)} for outputs that are classes; "
                "give a list with an array (n, n_classes) for each output"
            )
        positive = np.asarray(probabilities, dtype=np.float64)[:, j]
        return np.stack([1 - positive, positive], axis=1)
    return np.asarray(probabilities[j], dtype=np.float64)


def _encode(labels: NDArray[Any], known: NDArray[Any], what: str, cure: str) -> NDArray[np.int64]:
    """Return positions of labels among sorted classes."""
    is_unknown = ~np.isin(labels, known)
    if is_unknown.any():
        unknown = np.unique(labels[is_unknown])
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise ValueError(
            f"{what} contain {unknown[:3].tolist()}{more} ({int(is_unknown.sum()):,} images), none "
            f"of the {len(known)} classes; {cure}"
        )
    return np.searchsorted(known, labels).astype(np.int64)


def _names(given: Sequence[str] | None, known: NDArray[Any]) -> tuple[str, ...]:
    if given is None:
        return tuple(map(str, known.tolist()))
    if len(given) != len(known):
        raise ValueError(
            f"{len(given)} class_names but {len(known)} classes or outputs; give one name for each"
        )
    return tuple(given)
