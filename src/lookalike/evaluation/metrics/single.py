"""All metrics of predictions of one label each, and their intervals by one bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics import classwise
from lookalike.evaluation.metrics.bootstrap import (
    Bootstrap,
    Measured,
    measure_with_intervals,
)
from lookalike.evaluation.metrics.classwise import ClassCounter, membership
from lookalike.evaluation.metrics.evaluation import PER_CLASS, Evaluation
from lookalike.evaluation.metrics.inputs import NO_PROBABILITIES, class_array, encode, names_of
from lookalike.evaluation.metrics.probabilities import (
    brier_scores,
    check_probabilities,
    in_top_k,
    log_losses,
    smallest_step,
)
from lookalike.evaluation.metrics.ranking import RankCounter
from lookalike.evaluation.metrics.reliability import bin_confidence, measure_reliability

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int64]


class Predictions(NamedTuple):
    """What was predicted.

    Attributes
    ----------
    truth, predicted : ndarray of shape (n,), int64
        Positions of classes.
    probabilities : ndarray of shape (n, n_classes), float64, or None
    n_classes : int
    smallest : float
        As which a probability of 0 counts in the log loss.
    """

    truth: Codes
    predicted: Codes
    probabilities: FloatArray | None
    n_classes: int
    smallest: float


class SingleLabelMeter:
    """Measures samples of predictions.

    Parameters
    ----------
    predictions : Predictions
    top_k : tuple of int
        Each less than the number of classes.
    n_bins : int
        The number of bins of the expected calibration error.
    """

    def __init__(self, predictions: Predictions, top_k: tuple[int, ...], n_bins: int) -> None:
        truth, predicted, probabilities, n_classes, smallest = predictions
        self._classes = ClassCounter(truth, predicted, n_classes)
        self._means: dict[str, FloatArray] = {}
        self._ranks: RankCounter | None = None
        if probabilities is None:
            return
        self._means = {
            **{f"top_{k}_accuracy": in_top_k(probabilities, truth, k).astype(float) for k in top_k},
            "log_loss": log_losses(probabilities, truth, smallest),
            "brier": brier_scores(probabilities, truth),
        }
        confidence = probabilities[np.arange(len(truth)), predicted]
        # What an image adds to the distance between confidence and accuracy of its bin.
        excess = confidence - (truth == predicted)
        self._excess = membership(bin_confidence(confidence, n_bins), n_bins, excess)
        if n_classes == 2:
            self._ranks = RankCounter(probabilities[:, 1], truth == 1)

    def measure(self, drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        """Return all metrics of samples, given how often each image was drawn.

        Parameters
        ----------
        drawn : ndarray of shape (n_samples, n), int64

        Returns
        -------
        dict of str to ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            "ece" by bins, of shape (n_samples, n_bins): it is the sum of absolute values.
        """
        counts = self._classes.count(drawn)
        of_classes = {
            "precision": classwise.precision(counts),
            "recall": classwise.recall(counts),
            "f1": classwise.f1(counts),
        }
        metrics = {
            "accuracy": counts.right.sum(axis=-1) / counts.n[..., 0],
            "balanced_accuracy": classwise.macro(of_classes["recall"], counts),
            **{
                f"{how.__name__}_{name}": how(values, counts)
                for how in (classwise.macro, classwise.weighted)
                for name, values in of_classes.items()
            },
            "mcc": classwise.matthews(counts),
            **of_classes,
        }
        n = counts.n[..., 0]
        for name, values in self._means.items():
            metrics[name] = (drawn @ values) / n
        if self._means:
            metrics["ece"] = (self._excess @ drawn.T).T / n[:, np.newaxis]  # of each bin
        if self._ranks is not None:
            metrics["roc_auc"], metrics["average_precision"] = self._ranks.areas(drawn)
        return metrics


def measure(
    predictions: Predictions, *, top_k: tuple[int, ...], n_bins: int, bootstrap: Bootstrap
) -> Measured:
    """Measure predictions, and how far each metric may be off by chance.

    Parameters
    ----------
    predictions : Predictions
    top_k, n_bins
        As of `SingleLabelMeter`.
    bootstrap : Bootstrap
    """
    n = len(predictions.truth)
    true, predicted = (
        np.bincount(codes, minlength=predictions.n_classes)
        for codes in (predictions.truth, predictions.predicted)
    )
    shares = {"accuracy": n, "weighted_recall": n, "precision": predicted, "recall": true}
    shares |= {f"top_{k}_accuracy": n for k in top_k}
    meter = SingleLabelMeter(predictions, top_k, n_bins)
    measured = measure_with_intervals(meter.measure, n, shares, bootstrap, norms=("ece",))
    measured.undefined.update(_reasons(measured.values, true, predicted))
    return measured


def _reasons(values: dict[str, FloatArray], true: Codes, predicted: Codes) -> dict[str, str]:
    """Return why metrics are NaN."""
    missing, silent = int(np.sum(true == 0)), int(np.sum((predicted == 0) & (true > 0)))
    neither = int(np.sum((true == 0) & (predicted == 0)))
    never = f"{silent} {_classes(silent)} with images never predicted"
    reasons = {
        "recall": f"{missing} {_classes(missing)} without images",
        "precision": f"{int(np.sum(predicted == 0))} {_classes(2)} never predicted",
        "f1": f"{neither} {_classes(neither)} neither with images nor predicted",
        "macro_precision": never,
        "weighted_precision": never,
        "mcc": "all images are of one class, or all are predicted to be of one",
        "roc_auc": "all images are of one class",
        "average_precision": "no image is of the positive class",
    }
    return {name: reason for name, reason in reasons.items() if np.isnan(values.get(name, 0)).any()}


def _classes(n: int) -> str:
    return "class" if n == 1 else "classes"


def evaluate_single(
    truth: NDArray[Any],
    guess: NDArray[Any],
    probabilities: Any,
    classes: Any,
    class_names: Sequence[str] | None,
    top_k: tuple[int, ...],
    n_bins: int,
    bootstrap: Bootstrap,
) -> Evaluation:
    """Measure predictions of one label each, as `evaluate_predictions` does."""
    known = np.unique(np.concatenate([truth, guess])) if classes is None else class_array(classes)
    n, n_classes = len(truth), len(known)
    names = names_of(class_names, known)
    codes = encode(truth, known, what="labels")
    predicted = encode(guess, known, what="predictions", predicted=True)
    undefined = {}
    smallest = smallest_step(probabilities)
    if probabilities is None:
        absent = ("log_loss", "brier", "ece", *(f"top_{k}_accuracy" for k in top_k))
        undefined = dict.fromkeys(absent, NO_PROBABILITIES)
    else:
        probabilities = check_probabilities(probabilities, n, n_classes)
    for k in top_k:
        if k < 1:
            raise ValueError(f"top_k holds {k!r}, which is less than 1; give 1 or more")
        if k >= n_classes:
            undefined[f"top_{k}_accuracy"] = f"there are only {n_classes} classes"
    measured = measure(
        Predictions(codes, predicted, probabilities, n_classes, smallest),
        top_k=tuple(k for k in top_k if k < n_classes),
        n_bins=n_bins,
        bootstrap=bootstrap,
    )
    for name in ("roc_auc", "average_precision"):
        if name not in measured.values:
            undefined[name] = (
                NO_PROBABILITIES if n_classes == 2 else f"of {n_classes} classes, not 2"
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
        # As scikit-learn's `confusion_matrix`, which warns of a single class.
        confusion=np.bincount(codes * n_classes + predicted, minlength=n_classes**2).reshape(
            n_classes, n_classes
        ),
        reliability=reliability,
        intervals=measured.intervals,
        undefined=undefined | measured.undefined,
        confidence=bootstrap.confidence,
        n_resamples=bootstrap.n_resamples,
        truth=codes,
        predicted=predicted,
        probabilities=probabilities,
    )
