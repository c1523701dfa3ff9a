"""Predictions of several labels each, as `evaluate_predictions` hands them on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import multilabel_confusion_matrix

from lookalike.evaluation.metrics.bootstrap import Bootstrap
from lookalike.evaluation.metrics.inputs import (
    NO_PROBABILITIES,
    classes_of_outputs,
    encode,
    names_of,
    probabilities_of_outputs,
)
from lookalike.evaluation.metrics.multi import (
    MEANS,
    OF_PROBABILITIES,
    PER_LABEL,
    LabelProbabilities,
    MultiOutputEvaluation,
    measure_multi,
)
from lookalike.evaluation.metrics.probabilities import (
    brier_scores,
    check_probabilities,
    log_losses,
    smallest_step,
)

FloatArray = NDArray[np.float64]
_MULTILABEL = "multilabel-indicator"


def evaluate_outputs(
    truth: NDArray[Any],
    guess: NDArray[Any],
    probabilities: Any,
    classes: Any,
    output_names: Sequence[str] | None,
    n_bins: int,
    bootstrap: Bootstrap,
) -> MultiOutputEvaluation:
    """Measure predictions of several outputs.

    Parameters
    ----------
    truth, guess : ndarray of shape (n, n_outputs)
    probabilities, classes, output_names, n_bins, bootstrap
        As of `evaluate_predictions`.

    Raises
    ------
    ValueError
        As `evaluate_predictions`.
    """
    n, n_outputs = truth.shape
    is_multilabel = bool(np.isin(truth, (0, 1)).all() and np.isin(guess, (0, 1)).all())
    names = names_of(output_names, np.arange(n_outputs))
    classes = classes_of_outputs(classes, n_outputs, is_multilabel)
    if classes is not None:
        # Few images may hold no other class than these two, of all that there are.
        is_multilabel &= all(bool(np.isin(known, (0, 1)).all()) for known in classes)
        for j, known in enumerate(classes):
            encode(truth[:, j], known, what=f"labels of output {j}")
            if not is_multilabel:
                encode(guess[:, j], known, what=f"predictions of output {j}", predicted=True)
    losses: dict[str, FloatArray] = {}
    of_labels = None
    if probabilities is not None:
        probabilities = probabilities_of_outputs(probabilities, n, n_outputs, is_multilabel)
        if classes is None:
            classes = [
                _seen_classes(truth[:, j], guess[:, j], probabilities[j], is_multilabel)
                for j in range(n_outputs)
            ]
        checked = [
            check_probabilities(of_one, n, len(known))
            for of_one, known in zip(probabilities, classes, strict=True)
        ]
        codes = [
            encode(truth[:, j], known, what=f"labels of output {j}")
            for j, known in enumerate(classes)
        ]
        steps = map(smallest_step, probabilities)
        several = {
            "log_loss": map(log_losses, checked, codes, steps),
            "brier": map(brier_scores, checked, codes),
        }
        # NaN of outputs with a single class.
        is_sure = [len(known) == 1 for known in classes]
        losses = {
            name: np.where(is_sure, np.nan, np.stack(list(of_outputs), axis=1))
            for name, of_outputs in several.items()
        }
        if is_multilabel:
            # The probability of 1, which a label that no training image had does not have.
            positive = np.stack(
                [
                    of_one[:, known == 1].sum(axis=1)
                    for of_one, known in zip(checked, classes, strict=True)
                ],
                axis=1,
            )
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
                NO_PROBABILITIES
                if probabilities is None
                else "outputs are classes, not labels that are there or not"
            )
    if not is_multilabel:
        absent = (
            "jaccard",
            *(f"{how}{name}" for how in ("", *(f"{m}_" for m in MEANS)) for name in PER_LABEL),
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
        samples={name: value(f"samples_{name}") for name in PER_LABEL},
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
        truth=truth,
        predicted=guess,
        probabilities=None if probabilities is None else tuple(probabilities),
        classes=None if classes is None else tuple(classes),
    )


def _seen_classes(
    truth: NDArray[Any], guess: NDArray[Any], probabilities: FloatArray, is_multilabel: bool
) -> NDArray[Any]:
    """Return the classes of an output whose classes are not given."""
    known = np.unique(np.concatenate([truth, guess]))
    if is_multilabel and len(known) != probabilities.shape[1]:
        return np.array([0, 1])
    return known
