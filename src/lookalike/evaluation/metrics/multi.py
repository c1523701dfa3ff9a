"""How good predictions of several labels each are: multilabel, and multi-output.

A multilabel image has any number of labels, given as a row of 0 and 1. A multi-output one has one
class in each of several outputs, such as the pixels of a cleaned image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics import classwise
from lookalike.evaluation.metrics.bootstrap import (
    Bootstrap,
    Measured,
    measure_with_intervals,
)
from lookalike.evaluation.metrics.classwise import Counts, membership
from lookalike.evaluation.metrics.evaluation import BaseEvaluation, Evaluation
from lookalike.evaluation.metrics.inputs import check_positive
from lookalike.evaluation.metrics.ranking import RankCounter
from lookalike.evaluation.metrics.reliability import bin_confidence
from lookalike.evaluation.metrics.single import evaluate_single
from lookalike.evaluation.plain import number, numbers

FloatArray = NDArray[np.float64]

PER_LABEL = ("precision", "recall", "f1")
MEANS = ("micro", "macro", "weighted", "samples")
OF_PROBABILITIES = ("log_loss", "brier", "ece", "roc_auc", "average_precision")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MultiOutputEvaluation(BaseEvaluation):
    """How good predictions of several labels each are, as `evaluate` returns it.

    The attributes of `BaseEvaluation` come on top.

    Attributes
    ----------
    target_type : {"multilabel-indicator", "multiclass-multioutput"}
    n_outputs : int
        Labels or outputs of each image.
    output_names : tuple of str
    exact_match : float
        Share of images all of whose outputs are right: the accuracy of scikit-learn.
    mean_accuracy : float
        Share of all outputs of all images that are right: 1 less the Hamming loss.
    accuracy : ndarray of shape (n_outputs,), float64
        The accuracy of each output.
    hamming_loss : float
    jaccard : float
        Multilabel: for each image the labels both true and predicted, of those that are either;
        the mean over the images. NaN if an image has neither.
    precision, recall, f1 : ndarray of shape (n_outputs,), float64
        Multilabel: of each label.
    support : ndarray of shape (n_outputs,), int64
        Multilabel: images that have each label.
    micro, macro, weighted, samples : dict of str to float
        Multilabel: "precision", "recall" and "f1" of all labels counted together, in the mean
        over labels, and weighted by their images; and of each image's labels, in the mean over
        images, NaN if an image has no label to count.
    confusion : ndarray of shape (n_outputs, 2, 2), int64, or None
        Multilabel: of each label, as `multilabel_confusion_matrix` of scikit-learn.
    log_loss, brier : ndarray of shape (n_outputs,), float64
        For each output, where there are probabilities.
    ece, roc_auc, average_precision : ndarray of shape (n_outputs,), float64
        Multilabel: of each label, where there are probabilities.
    truth, predicted : ndarray of shape (n, n_outputs)
        Labels, as they were given.
    probabilities : tuple of n_outputs ndarrays of shape (n, n_classes), or None
        As float32 if they were so, or else float64.
    classes : tuple of n_outputs ndarrays of shape (n_classes,), or None
        For each output; None if they were not given and there are no probabilities.
    """

    n_outputs: int
    output_names: tuple[str, ...]
    exact_match: float
    mean_accuracy: float
    accuracy: FloatArray
    hamming_loss: float
    jaccard: float
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    support: NDArray[np.int64]
    micro: Mapping[str, float]
    macro: Mapping[str, float]
    weighted: Mapping[str, float]
    samples: Mapping[str, float]
    confusion: NDArray[np.int64] | None
    log_loss: FloatArray
    brier: FloatArray
    ece: FloatArray
    roc_auc: FloatArray
    average_precision: FloatArray
    truth: NDArray[Any]
    predicted: NDArray[Any]
    probabilities: tuple[FloatArray, ...] | None
    classes: tuple[NDArray[Any], ...] | None

    def output(
        self,
        which: int | str,
        *,
        top_k: Sequence[int] = (2, 3),
        n_bins: int = 15,
        random_state: int = 0,
    ) -> Evaluation:
        """Return the evaluation of one label or output alone, with all its metrics and plots.

        Parameters
        ----------
        which : int or str
            Its position or its name.
        top_k, n_bins, random_state
            As of `evaluate`.

        Raises
        ------
        ValueError
            If there is no such output.

        Examples
        --------
        >>> from lookalike.evaluation.metrics.evaluate import evaluate_predictions
        >>> truth, predicted = [[0, 1], [1, 1], [0, 0]], [[0, 1], [0, 1], [0, 0]]
        >>> both = evaluate_predictions(truth, predicted, class_names=["large", "odd"])
        >>> both.output("large").recall
        array([1., 0.])
        """
        check_positive(n_bins=n_bins)
        if isinstance(which, str):
            if which not in self.output_names:
                names = ", ".join(self.output_names[:10])
                raise ValueError(f"output {which!r} is none of those there are, such as {names}")
            which = self.output_names.index(which)
        if not 0 <= which < self.n_outputs:
            raise ValueError(
                f"output {which} but {self.n_outputs} outputs; give one from 0 to "
                f"{self.n_outputs - 1}"
            )
        classes = None if self.classes is None else self.classes[which]
        if classes is None and self.confusion is not None:
            classes = np.array([0, 1])
        return evaluate_single(
            self.truth[:, which],
            self.predicted[:, which],
            None if self.probabilities is None else self.probabilities[which],
            classes,
            None,
            tuple(top_k),
            n_bins,
            Bootstrap(self.confidence, self.n_resamples, random_state),
        )

    def scalars(self) -> dict[str, float]:
        """Return the metrics that are one number, by the names that ``intervals`` have."""
        means: dict[str, Mapping[str, float]] = {how: getattr(self, how) for how in MEANS}
        return {
            "exact_match": self.exact_match,
            "mean_accuracy": self.mean_accuracy,
            "hamming_loss": self.hamming_loss,
            "jaccard": self.jaccard,
            **{f"{how}_{name}": v for how, values in means.items() for name, v in values.items()},
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers for JSON, with None for undefined ones."""
        names = ("accuracy", *PER_LABEL, *OF_PROBABILITIES)
        per_output = [
            {
                "output": name,
                **{key: number(getattr(self, key)[i]) for key in names},
                "intervals": {
                    key: numbers(self.intervals[key][i]) for key in names if key in self.intervals
                },
            }
            for i, name in enumerate(self.output_names)
        ]
        return {
            **super().to_dict(),
            "n_outputs": self.n_outputs,
            "per_output": per_output,
            "confusion": None if self.confusion is None else self.confusion.tolist(),
        }

    def __repr__(self) -> str:
        head = f"{self.n:,} images, {self.n_outputs:,} outputs each ({self.target_type})"
        names = ("accuracy", *(PER_LABEL if self.confusion is not None else ()))
        return self._text(
            head, "output", self.output_names, {name: getattr(self, name) for name in names}
        )


class MultilabelMeter:
    """Measures samples of multilabel predictions.

    Parameters
    ----------
    truth, predicted : ndarray of shape (n, n_labels), bool
    """

    def __init__(self, truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> None:
        both = truth & predicted
        self._parts = [labels.astype(np.float64) for labels in (truth, predicted, both)]
        n_true, n_predicted, n_both = (
            labels.sum(axis=1, dtype=np.float64) for labels in (truth, predicted, both)
        )
        each = Counts(n_true, n_predicted, n_both, np.ones(1))
        self._of_images = {
            "jaccard": classwise.jaccard(each),
            **{f"samples_{name}": v for name, v in _precision_recall_f1(each).items()},
        }

    def measure(self, drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        """Return all metrics of samples; see `single.Meter.measure`."""
        n = drawn.sum(axis=1, keepdims=True)
        true, predicted, both = (drawn @ of for of in self._parts)
        counts = Counts(true, predicted, both, n)
        together = Counts._make(part.sum(axis=1, keepdims=True) for part in counts)
        of_all = _precision_recall_f1(together)
        metrics = {
            # An image that is not drawn must not spoil a sample by its NaN.
            name: np.where(
                (drawn > 0) @ np.isnan(values) > 0, np.nan, drawn @ np.nan_to_num(values) / n[:, 0]
            )
            for name, values in self._of_images.items()
        }
        for name, values in _precision_recall_f1(counts).items():
            metrics[name] = values
            metrics[f"micro_{name}"] = of_all[name][:, 0]
            metrics[f"macro_{name}"] = values.mean(axis=1)
            metrics[f"weighted_{name}"] = classwise.weighted(values, counts)
        return metrics


class LabelProbabilities:
    """Measures calibration and ranking by the probabilities of each label, in samples of images.

    Parameters
    ----------
    positive : ndarray of shape (n, n_labels), float64
        The probability that an image has a label.
    truth, predicted : ndarray of shape (n, n_labels), bool
    n_bins : int
        The number of bins of the expected calibration error.
    """

    def __init__(
        self,
        positive: FloatArray,
        truth: NDArray[np.bool_],
        predicted: NDArray[np.bool_],
        n_bins: int,
    ) -> None:
        confidence = np.where(predicted, positive, 1 - positive)
        excess = confidence - (truth == predicted)
        labels = range(positive.shape[1])
        self._excess = [
            membership(bin_confidence(confidence[:, j], n_bins), n_bins, excess[:, j])
            for j in labels
        ]
        self._ranks = [RankCounter(positive[:, j], truth[:, j]) for j in labels]

    def measure(self, drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        """Return the metrics of samples, each of shape (n_samples, n_labels).

        But "ece" by bins, (n_samples, n_labels, n_bins): it is the sum of absolute values.
        """
        n = drawn.sum(axis=1, keepdims=True)
        errors = [(of_label @ drawn.T).T / n for of_label in self._excess]
        areas, averages = zip(*(ranks.areas(drawn) for ranks in self._ranks), strict=True)
        return {
            "ece": np.stack(errors, axis=1),
            "roc_auc": np.stack(areas, axis=1),
            "average_precision": np.stack(averages, axis=1),
        }


def measure_multi(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    bootstrap: Bootstrap,
    *,
    is_multilabel: bool,
    losses: Mapping[str, FloatArray],
    probabilities: LabelProbabilities | None,
) -> Measured:
    """Measure predictions of several outputs, and how far each metric may be off by chance.

    Parameters
    ----------
    truth, predicted : ndarray of shape (n, n_outputs)
    bootstrap : Bootstrap
    is_multilabel : bool
        Whether outputs are labels that are there, 1, or not, 0.
    losses : mapping of str to ndarray of shape (n, n_outputs), float64
        For each output of each image; the metric is the mean.
    probabilities : LabelProbabilities or None
        The probabilities of labels, if there are any.
    """
    right = truth == predicted
    n = len(right)
    exact, mean, hits = right.all(axis=1), right.mean(axis=1), right.astype(np.float64)
    labels = MultilabelMeter(truth == 1, predicted == 1) if is_multilabel else None

    def measure(drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        metrics = {
            "exact_match": drawn @ exact / n,
            "mean_accuracy": drawn @ mean / n,
            "hamming_loss": 1 - drawn @ mean / n,
            "accuracy": drawn @ hits / n,
        }
        metrics |= {name: drawn @ values / n for name, values in losses.items()}
        for part in (labels, probabilities):
            if part is not None:
                metrics |= part.measure(drawn)
        return metrics

    shares = dict.fromkeys(("exact_match", "mean_accuracy", "hamming_loss", "accuracy"), n)
    if is_multilabel:
        shares |= {"recall": (truth == 1).sum(axis=0), "precision": (predicted == 1).sum(axis=0)}
    measured = measure_with_intervals(measure, n, shares, bootstrap, norms=("ece",))
    for name, value in measured.values.items():
        if np.isnan(value).any():
            reason = _REASONS.get(name) or _REASONS[name.rpartition("_")[2]]
            measured.undefined[name] = reason
    return measured


_REASONS = {
    "precision": "a label is never predicted",
    "recall": "a label is of no image",
    "f1": "a label is of no image and never predicted",
    "log_loss": "an output has a single class",
    "brier": "an output has a single class",
    "roc_auc": "a label is of no image, or of all",
    "average_precision": "a label is of no image",
    "samples_precision": "an image is predicted to have no label",
    "samples_recall": "an image has no label",
    "samples_f1": "an image neither has a label nor is predicted to have one",
    "jaccard": "an image neither has a label nor is predicted to have one",
}


def _precision_recall_f1(counts: Counts) -> dict[str, FloatArray]:
    return {
        "precision": classwise.precision(counts),
        "recall": classwise.recall(counts),
        "f1": classwise.f1(counts),
    }
