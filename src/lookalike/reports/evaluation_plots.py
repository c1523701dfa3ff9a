"""Pictures of an evaluation, through scikit-learn's displays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.reports.captions import plot_name
from lookalike.reports.charts import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_COUNTED = 30  # classes whose cells show their numbers
_MOST_NAMED = 60  # classes whose names have room
_MOST_CURVES = 10


def plot_confusion(
    evaluation: Evaluation,
    normalize: str | None = None,
    *,
    errors_only: bool = False,
    ax: Axes | None = None,
) -> Any:
    """Draw the confusion matrix.

    Parameters
    ----------
    evaluation : Evaluation
    normalize, errors_only
        As of `Evaluation.normalized_confusion`.
    ax : Axes, optional
        Where to draw; a new figure's, if not given.

    Returns
    -------
    ConfusionMatrixDisplay
        Up to 30 classes with numbers in the cells (percent, if normalized), up to 60 with names.
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    names = [plot_name(name) for name in evaluation.class_names]
    n_classes, longest = len(names), max(map(len, names))
    side = min(9.0, 1.6 + 0.5 * n_classes)
    axes = axes_or_new(ax, (side + 0.4, side))
    matrix = evaluation.normalized_confusion(normalize, errors_only=errors_only)
    shown = np.nan_to_num(matrix) * (1 if normalize is None else 100)
    display = ConfusionMatrixDisplay(
        np.rint(shown).astype(int) if normalize is None else shown, display_labels=names
    )
    if n_classes > _MOST_NAMED:  # so many names would take seconds, and hide one another
        display.im_ = axes.imshow(shown, cmap="Blues", interpolation="nearest")
        display.text_, display.ax_, display.figure_ = None, axes, axes.figure
        axes.figure.colorbar(display.im_, ax=axes)
        axes.set(xlabel="Predicted label", ylabel="True label", xticks=[], yticks=[])
    else:
        display.plot(
            ax=axes,
            cmap="Blues",
            colorbar=n_classes > _MOST_COUNTED,
            include_values=n_classes <= _MOST_COUNTED,
            values_format=",d" if normalize is None else ".0f",
            xticks_rotation="horizontal" if longest <= 3 else "vertical",
            text_kw={"fontsize": 9 if n_classes <= 12 else 6},
        )
    axes.grid(visible=False)
    unit = (
        "images"
        if normalize is None
        else "percent of each " + ("true class" if normalize == "true" else "prediction")
    )
    axes.set_title(f"errors only, {unit}" if errors_only else unit, fontsize=10)
    return display


def plot_reliability(evaluation: Evaluation, ax: Axes | None = None) -> Any:
    """Draw the share of right predictions against the probability that they had.

    Parameters
    ----------
    evaluation : Evaluation
        With probabilities.
    ax : Axes, optional

    Returns
    -------
    CalibrationDisplay

    Raises
    ------
    ValueError
        If there are no probabilities.
    """
    from sklearn.calibration import CalibrationDisplay

    if evaluation.reliability is None or evaluation.probabilities is None:
        raise ValueError(_NO_PROBABILITIES)
    some = evaluation.reliability.n > 0
    confidence = evaluation.probabilities[np.arange(evaluation.n), evaluation.predicted]
    display = CalibrationDisplay(
        evaluation.reliability.accuracy[some], evaluation.reliability.confidence[some], confidence
    )
    display.plot(ax=axes_or_new(ax, (4.8, 4.2)))
    display.ax_.set_xlabel("probability of the predicted class")
    display.ax_.set_ylabel("share that is right")
    return display


def plot_precision_recall(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """Draw precision against recall, of the positive class or of each class against the rest.

    Parameters
    ----------
    evaluation : Evaluation
        With probabilities; of more than 10 classes those of the lowest recall.
    ax : Axes, optional

    Raises
    ------
    ValueError
        If there are no probabilities.
    """
    from sklearn.metrics import PrecisionRecallDisplay

    axes = _curves(evaluation, PrecisionRecallDisplay, ax)
    axes.set(xlabel="recall", ylabel="precision")
    _tell_curves(axes, "lower left")
    return axes


def plot_roc(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """Draw the ROC curves, of the positive class or of each class against the rest.

    Parameters
    ----------
    evaluation : Evaluation
        With probabilities; of more than 10 classes those of the lowest recall.
    ax : Axes, optional

    Raises
    ------
    ValueError
        If there are no probabilities.
    """
    from sklearn.metrics import RocCurveDisplay

    axes = _curves(evaluation, RocCurveDisplay, ax)
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    _tell_curves(axes, "lower right")
    return axes


_NO_PROBABILITIES = (
    "there are no probabilities to draw; evaluate a classifier that has predict_proba"
)


def _tell_curves(axes: Axes, where: Any) -> None:
    if axes.lines:
        axes.legend(fontsize=7, loc=where)
    else:
        axes.set_title("no curve: all images are of one class", fontsize=10)


def drawn_classes(
    evaluation: Evaluation,
) -> list[tuple[str, NDArray[np.bool_], NDArray[np.float64]]]:
    """Return the classes that have curves: name, which images are of it, and its probabilities.

    Of two classes it is the second one, of more than 10 those of the lowest recall.
    """
    if evaluation.probabilities is None:
        raise ValueError(_NO_PROBABILITIES)
    classes = [1] if len(evaluation.classes) == 2 else range(len(evaluation.classes))
    # Neither curve is defined without images on both sides.
    mixed = [i for i in classes if 0 < evaluation.support[i] < evaluation.n]
    lowest = sorted(mixed, key=lambda i: evaluation.recall[i])[:_MOST_CURVES]
    return [
        (evaluation.class_names[i], evaluation.truth == i, evaluation.probabilities[:, i])
        for i in sorted(lowest)
    ]


def _curves(evaluation: Evaluation, display: Any, ax: Axes | None) -> Axes:
    drawn = drawn_classes(evaluation)
    axes = axes_or_new(ax, (5.2, 4.6))
    for name, truth, scores in drawn:
        display.from_predictions(truth, scores, name=plot_name(name), ax=axes)
    return axes
