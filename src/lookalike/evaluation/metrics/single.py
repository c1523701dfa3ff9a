"""Measures predictions of one label each: all metrics, and their intervals by one bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics.evaluation import PER_CLASS, Evaluation
from lookalike.evaluation.metrics.formulas import (
    Counts,
    RankCounter,
    add_up,
    brier_scores,
    calibration_terms,
    in_top_k,
    log_losses,
    macro,
    matthews,
    measure_reliability,
    membership,
    precision_recall_f1,
    smallest_step,
    weighted,
)
from lookalike.evaluation.metrics.inputs import (
    NO_PROBABILITIES,
    check_probabilities,
    class_array,
    encode,
    names_of,
)
from lookalike.evaluation.metrics.intervals import Bootstrap, measure_with_intervals

FloatArray = NDArray[np.float64]
_OF_PROBABILITIES = ("log_loss", "brier", "ece")
_OF_TWO_CLASSES = ("roc_auc", "average_precision")


def evaluate_single(
    truth: NDArray[Any],
    guess: NDArray[Any],
    probabilities: Any,
    classes: Any,
    class_names: Sequence[str] | None,
    top_k: Sequence[int],
    n_bins: int,
    bootstrap: Bootstrap,
) -> Evaluation:
    """Measure predictions of one label each, as `evaluate_predictions` does."""
    known = np.unique(np.concatenate([truth, guess])) if classes is None else class_array(classes)
    n, n_classes = len(truth), len(known)
    names = names_of(class_names, known)
    codes = encode(truth, known, what="labels")
    predicted = encode(guess, known, what="predictions", predicted=True)
    right = codes == predicted
    n_true, n_predicted = (np.bincount(own, minlength=n_classes) for own in (codes, predicted))
    members = [
        membership(codes, n_classes),
        membership(predicted, n_classes),
        membership(codes, n_classes, right),
    ]
    for k in top_k:
        if k < 1:
            raise ValueError(f"top_k holds {k!r}, which is less than 1; give 1 or more")
    of_each: dict[str, FloatArray] = {}  # metrics that are means over images
    terms = ranks = reliability = None
    if probabilities is not None:
        smallest = smallest_step(probabilities)
        probabilities = check_probabilities(probabilities, n, n_classes)
        of_each = {
            f"top_{k}_accuracy": in_top_k(probabilities, codes, k).astype(np.float64)
            for k in top_k
            if k < n_classes
        }
        of_each["log_loss"] = log_losses(probabilities, codes, smallest)
        of_each["brier"] = brier_scores(probabilities, codes)
        confidence = probabilities[np.arange(n), predicted]
        terms = calibration_terms(confidence, right, n_bins)
        reliability = measure_reliability(confidence, right, n_bins)
        if n_classes == 2:
            ranks = RankCounter(probabilities[:, 1], codes == 1)

    def measure(drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        counts = Counts._make(add_up(own, drawn) for own in members)
        of_classes = precision_recall_f1(counts)
        metrics = {
            "accuracy": counts.right.sum(axis=-1) / n,
            "balanced_accuracy": macro(of_classes["recall"], counts),
            **{f"macro_{name}": macro(values, counts) for name, values in of_classes.items()},
            **{f"weighted_{name}": weighted(values, counts) for name, values in of_classes.items()},
            "mcc": matthews(counts),
            **of_classes,
            **{name: drawn @ values / n for name, values in of_each.items()},
        }
        if terms is not None:
            metrics["ece"] = add_up(terms, drawn) / n
        if ranks is not None:
            metrics["roc_auc"], metrics["average_precision"] = ranks.areas(drawn)
        return metrics

    shares = {"accuracy": n, "weighted_recall": n, "precision": n_predicted, "recall": n_true}
    shares |= {name: n for name in of_each if name.startswith("top_")}
    measured = measure_with_intervals(measure, n, shares, bootstrap)
    undefined = {}
    if probabilities is None:
        absent = (*_OF_PROBABILITIES, *(f"top_{k}_accuracy" for k in top_k))
        undefined = dict.fromkeys((*absent, *_OF_TWO_CLASSES), NO_PROBABILITIES)
    undefined |= {
        f"top_{k}_accuracy": f"there are only {n_classes} classes" for k in top_k if k >= n_classes
    }
    if n_classes != 2:
        undefined |= dict.fromkeys(_OF_TWO_CLASSES, f"of {n_classes} classes, not 2")
    undefined |= measured.undefined | _reasons(measured.values, n_true, n_predicted)

    def value(name: str) -> float:
        return float(measured.values.get(name, np.nan))

    scalars: dict[str, Any] = {
        name: value(name)
        for name in ("accuracy", "balanced_accuracy", "mcc", *_OF_PROBABILITIES, *_OF_TWO_CLASSES)
    }
    return Evaluation(
        **scalars,
        target_type="binary" if n_classes == 2 else "multiclass",
        n=n,
        classes=known,
        class_names=names,
        top_k_accuracy={k: value(f"top_{k}_accuracy") for k in top_k},
        precision=measured.values["precision"],
        recall=measured.values["recall"],
        f1=measured.values["f1"],
        support=n_true,
        macro={name: value(f"macro_{name}") for name in PER_CLASS},
        weighted={name: value(f"weighted_{name}") for name in PER_CLASS},
        # As scikit-learn's `confusion_matrix`, which warns of a single class.
        confusion=np.bincount(codes * n_classes + predicted, minlength=n_classes**2).reshape(
            n_classes, n_classes
        ),
        reliability=reliability,
        intervals=measured.intervals,
        undefined=undefined,
        confidence=bootstrap.confidence,
        n_resamples=bootstrap.n_resamples,
        truth=codes,
        predicted=predicted,
        probabilities=probabilities,
    )


def _reasons(
    values: dict[str, FloatArray], n_true: NDArray[np.int64], n_predicted: NDArray[np.int64]
) -> dict[str, str]:
    """Return why metrics are NaN."""

    def classes(where: NDArray[np.bool_]) -> str:
        n = int(where.sum())
        return f"{n} class" if n == 1 else f"{n} classes"

    never = f"{classes((n_predicted == 0) & (n_true > 0))} with images never predicted"
    reasons = {
        "recall": f"{classes(n_true == 0)} without images",
        "precision": f"{classes(n_predicted == 0)} never predicted",
        "f1": f"{classes((n_true == 0) & (n_predicted == 0))} neither with images nor predicted",
        "macro_precision": never,
        "weighted_precision": never,
        "mcc": "all images are of one class, or all are predicted to be of one",
        "roc_auc": "all images are of one class",
        "average_precision": "no image is of the positive class",
    }
    return {name: reason for name, reason in reasons.items() if np.isnan(values.get(name, 0)).any()}
