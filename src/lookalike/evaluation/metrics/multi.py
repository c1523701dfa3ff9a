"""How good predictions of several labels each are: multilabel, and multi-output.

A multilabel image has any number of labels, given as a row of 0 and 1. A multi-output one has one
class in each of several outputs, such as the pixels of a cleaned image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.metrics import multilabel_confusion_matrix

from lookalike.array_types import FloatArray
from lookalike.evaluation.metrics import formulas
from lookalike.evaluation.metrics.evaluation import (
    PER_CLASS,
    BaseEvaluation,
    Evaluation,
    evaluate_single,
)
from lookalike.evaluation.metrics.inputs import (
    NO_PROBABILITIES,
    check_positive,
    check_probabilities,
    check_scores,
    classes_of_outputs,
    encode,
    names_of,
    probabilities_of_outputs,
)
from lookalike.evaluation.metrics.intervals import Bootstrap, Measure, measure_with_intervals

BoolArray = NDArray[np.bool_]

_MEANS = ("micro", "macro", "weighted", "samples")
_OF_SCORES = ("roc_auc", "average_precision")
_OF_PROBABILITIES = ("log_loss", "brier", "ece", *_OF_SCORES)
_NOT_LABELS = "outputs are classes, not labels that are there or not"
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
        Multilabel: the share of the labels both true and predicted among those that are either,
        for each image; the mean over the images. NaN if an image has neither.
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
        Multilabel: of each label, where there are probabilities; the last two also where there are
        decision values.
    truth, predicted : ndarray of shape (n, n_outputs)
        Labels, as they were given.
    probabilities : tuple of n_outputs ndarrays of shape (n, n_classes), or None
        They are float32 if they were so, or else float64.
    scores : ndarray of shape (n, n_outputs), float64, or None
        Multilabel: decision values, where there are no probabilities.
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
    scores: FloatArray | None
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
            None if self.scores is None else self.scores[:, which],
            classes,
            None,
            top_k,
            n_bins,
            Bootstrap(self.confidence, self.n_resamples, random_state),
        )

    def scalars(self) -> dict[str, float]:
        """Return the metrics that are one number, by the names that ``intervals`` have."""
        means: dict[str, Mapping[str, float]] = {how: getattr(self, how) for how in _MEANS}
        return {
            "exact_match": self.exact_match,
            "mean_accuracy": self.mean_accuracy,
            "hamming_loss": self.hamming_loss,
            "jaccard": self.jaccard,
            **{f"{how}_{name}": v for how, values in means.items() for name, v in values.items()},
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers for JSON, with None for undefined ones."""
        return {
            **super().to_dict(),
            "n_outputs": self.n_outputs,
            "per_output": self._rows(
                "output", self.output_names, ("accuracy", *PER_CLASS, *_OF_PROBABILITIES)
            ),
            "confusion": None if self.confusion is None else self.confusion.tolist(),
        }

    def __repr__(self) -> str:
        head = f"{self.n:,} images, {self.n_outputs:,} outputs each ({self.target_type})"
        names = ("accuracy", *(PER_CLASS if self.confusion is not None else ()))
        return self._text(
            head, "output", self.output_names, {name: getattr(self, name) for name in names}
        )


def evaluate_outputs(
    truth: NDArray[Any],
    guess: NDArray[Any],
    probabilities: Any,
    scores: Any,
    classes: Any,
    output_names: Sequence[str] | None,
    n_bins: int,
    bootstrap: Bootstrap,
) -> MultiOutputEvaluation:
    """Measure predictions of several outputs, as `evaluate_predictions` does."""
    n, n_outputs = truth.shape
    is_multilabel = bool(np.isin(truth, (0, 1)).all() and np.isin(guess, (0, 1)).all())
    names = names_of(output_names, np.arange(n_outputs))
    classes = classes_of_outputs(classes, n_outputs, is_multilabel)
    if classes is not None:
        # Few images may hold no other class than these two, of all that there are.
        is_multilabel &= all(bool(np.isin(known, (0, 1)).all()) for known in classes)
    if probabilities is not None:
        probabilities = probabilities_of_outputs(probabilities, n, n_outputs, is_multilabel)
        if classes is None:
            classes = [
                _seen_classes(truth[:, j], guess[:, j], probabilities[j], is_multilabel)
                for j in range(n_outputs)
            ]
    codes = []
    for j, known in enumerate(classes or ()):
        codes.append(encode(truth[:, j], known, what=f"labels of output {j}"))
        if not is_multilabel:
            encode(guess[:, j], known, what=f"predictions of output {j}", predicted=True)
    # Metrics that are means over images come first, then those that are not.
    right = truth == guess
    of_each: dict[str, FloatArray] = {
        "exact_match": right.all(axis=1),
        "mean_accuracy": right.mean(axis=1),
        "accuracy": right.astype(np.float64),
    }
    shares: dict[str, Any] = dict.fromkeys((*of_each, "hamming_loss"), n)
    parts: list[Measure] = []
    if is_multilabel:
        shares |= {"recall": (truth == 1).sum(axis=0), "precision": (guess == 1).sum(axis=0)}
        parts.append(_measure_labels(truth == 1, guess == 1))
    if probabilities is not None:
        checked = [
            check_probabilities(of_one, n, len(known))
            for of_one, known in zip(probabilities, classes, strict=True)
        ]
        steps = map(formulas.smallest_step, probabilities)
        is_sure = [len(known) == 1 for known in classes]  # no probability of these is measured
        for name, of_outputs in (
            ("log_loss", map(formulas.log_losses, checked, codes, steps)),
            ("brier", map(formulas.brier_scores, checked, codes)),
        ):
            of_each[name] = np.where(is_sure, np.nan, np.stack(list(of_outputs), axis=1))
        if is_multilabel:
            # The probability of 1, which a label that no training image had does not have.
            positive = [
                of_one[:, known == 1].sum(axis=1)
                for of_one, known in zip(checked, classes, strict=True)
            ]
            parts.append(_measure_calibration(positive, truth == 1, guess == 1, n_bins))
            parts.append(_measure_ranks(positive, truth == 1))
    if scores is not None:
        if not is_multilabel:
            raise ValueError(
                "scores of outputs that are classes are not measured; leave the scores out, or "
                "measure each output by itself"
            )
        scores = check_scores(scores, truth.shape)
        parts.append(_measure_ranks(scores.T, truth == 1))

    def measure(drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        metrics = {name: drawn @ values / n for name, values in of_each.items()}
        metrics["hamming_loss"] = 1 - metrics["mean_accuracy"]
        for part in parts:
            metrics |= part(drawn)
        return metrics

    values, intervals, undefined = measure_with_intervals(measure, n, shares, bootstrap)
    for name, found in values.items():
        if np.isnan(found).any():
            undefined[name] = _REASONS.get(name) or _REASONS[name.rpartition("_")[2]]
    why_not = NO_PROBABILITIES if probabilities is None else _NOT_LABELS
    undefined |= {name: why_not for name in _OF_PROBABILITIES if name not in values}
    if not is_multilabel:
        kinds = ("", *(f"{how}_" for how in _MEANS))
        absent = ("jaccard", *(f"{kind}{name}" for kind in kinds for name in PER_CLASS))
        undefined |= dict.fromkeys(absent, _NOT_LABELS)

    def value(name: str) -> float:
        return float(values.get(name, np.nan))

    none = np.full(n_outputs, np.nan)
    measured: dict[str, Any] = {
        **{name: value(name) for name in ("exact_match", "mean_accuracy", "hamming_loss")},
        "jaccard": value("jaccard"),
        "accuracy": values["accuracy"],
        **{name: values.get(name, none) for name in (*PER_CLASS, *_OF_PROBABILITIES)},
        **{how: {name: value(f"{how}_{name}") for name in PER_CLASS} for how in _MEANS},
    }
    return MultiOutputEvaluation(
        **measured,
        target_type="multilabel-indicator" if is_multilabel else "multiclass-multioutput",
        n=n,
        n_outputs=n_outputs,
        output_names=names,
        support=(truth == 1).sum(axis=0) if is_multilabel else np.full(n_outputs, n),
        confusion=multilabel_confusion_matrix(truth == 1, guess == 1) if is_multilabel else None,
        intervals=intervals,
        undefined=undefined,
        confidence=bootstrap.confidence,
        n_resamples=bootstrap.n_resamples,
        truth=truth,
        predicted=guess,
        probabilities=None if probabilities is None else tuple(probabilities),
        scores=scores,
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


def _measure_labels(truth: BoolArray, predicted: BoolArray) -> Measure:
    """Return what measures samples of labels, both of shape (n, n_labels)."""
    n = len(truth)
    all_three = (truth, predicted, truth & predicted)
    members = [csr_array(labels.T.astype(np.int64)) for labels in all_three]
    each = formulas.Counts._make(labels.sum(axis=1, dtype=np.float64) for labels in all_three)
    of_images = {"jaccard": formulas.jaccard(each)}
    for name, found in formulas.precision_recall_f1(each).items():
        of_images[f"samples_{name}"] = found

    def measure(drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        counts = formulas.Counts._make(formulas.add_up(labels, drawn) for labels in members)
        together = formulas.Counts._make(part.sum(axis=1, keepdims=True) for part in counts)
        of_all = formulas.precision_recall_f1(together)
        metrics = {
            # An image that is not drawn must not spoil a sample by its NaN.
            name: np.where(
                (drawn > 0) @ np.isnan(values) > 0, np.nan, drawn @ np.nan_to_num(values) / n
            )
            for name, values in of_images.items()
        }
        for name, values in formulas.precision_recall_f1(counts).items():
            metrics[name] = values
            metrics[f"micro_{name}"] = of_all[name][:, 0]
            metrics[f"macro_{name}"] = values.mean(axis=1)
            metrics[f"weighted_{name}"] = formulas.weighted(values, counts)
        return metrics

    return measure


def _measure_calibration(
    positive: Sequence[FloatArray], truth: BoolArray, predicted: BoolArray, n_bins: int
) -> Measure:
    """Return what measures calibration by the probabilities of each label."""
    n = len(truth)
    terms = [
        formulas.calibration_terms(np.where(guess, own, 1 - own), true == guess, n_bins)
        for own, true, guess in zip(positive, truth.T, predicted.T, strict=True)
    ]

    def measure(drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        return {
            "ece": np.stack([formulas.add_up(of_label, drawn) / n for of_label in terms], axis=1)
        }

    return measure


def _measure_ranks(scores: Iterable[FloatArray], truth: BoolArray) -> Measure:
    """Return what measures ranking by the scores of each label."""
    ranks = [formulas.RankCounter(own, true) for own, true in zip(scores, truth.T, strict=True)]

    def measure(drawn: NDArray[np.int64]) -> dict[str, FloatArray]:
        areas = zip(*(of_label.areas(drawn) for of_label in ranks), strict=True)
        return {
            name: np.stack(of_it, axis=1) for name, of_it in zip(_OF_SCORES, areas, strict=True)
        }

    return measure
