"""Pictures of thresholds and of coverage, with the chosen point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lookalike.evaluation.decisions.curves import Costs, OperatingPoint, ThresholdCurve
from lookalike.reports.charts import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lookalike.evaluation.decisions.curves import CoverageCurve


def plot_precision_recall_vs_threshold(
    curve: ThresholdCurve, chosen: OperatingPoint | None = None, ax: Axes | None = None
) -> Axes:
    """Draw precision and recall against the threshold, as the book does.

    Parameters
    ----------
    curve : ThresholdCurve
    chosen : OperatingPoint, optional
    ax : Axes, optional
        Where to draw; a new figure's, if not given.
    """
    axes = axes_or_new(ax, (6.4, 4.0))
    axes.step(curve.thresholds, curve.precision, where="pre", label="precision", color="C0")
    axes.step(
        curve.thresholds, curve.recall, where="pre", label="recall", color="C1", linestyle="--"
    )
    if chosen is not None:
        axes.axvline(chosen.threshold, color="C2", linestyle=":", label="chosen threshold")
        axes.plot([chosen.threshold] * 2, [chosen.precision, chosen.recall], "o", color="C2")
    axes.set(xlabel="threshold", ylim=(0, 1.03))
    axes.legend(loc="lower center", fontsize=9)
    return axes


def plot_precision_recall(
    curve: ThresholdCurve, chosen: OperatingPoint | None = None, ax: Axes | None = None
) -> Axes:
    """Draw precision against recall, through scikit-learn's `PrecisionRecallDisplay`.

    Parameters
    ----------
    curve, chosen, ax
        As of `plot_precision_recall_vs_threshold`.
    """
    from sklearn.metrics import PrecisionRecallDisplay

    axes = axes_or_new(ax, (4.8, 4.2))
    # At the end scikit-learn's curve has the point of no image.
    precision, recall = np.append(curve.precision, 1.0), np.append(curve.recall, 0.0)
    average = float(-np.sum(np.diff(recall) * precision[:-1]))
    display = PrecisionRecallDisplay(precision, recall, average_precision=average)
    display.plot(ax=axes, name="precision at each recall")
    if chosen is not None:
        # Of no image, scikit-learn's curve has the precision 1.
        none = np.isnan(chosen.precision)
        label = f"chosen: {chosen.precision:.1%}, {chosen.recall:.1%}"
        axes.plot(
            chosen.recall,
            1.0 if none else chosen.precision,
            "o",
            color="C2",
            label="chosen: no image" if none else label,
        )
    axes.set(xlabel="recall", ylabel="precision")
    axes.legend(loc="lower left", fontsize=9)
    return axes


def plot_roc(
    curve: ThresholdCurve, chosen: OperatingPoint | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the ROC curve, through scikit-learn's `RocCurveDisplay`.

    Parameters
    ----------
    curve, chosen, ax
        As of `plot_precision_recall_vs_threshold`.
    """
    from sklearn.metrics import RocCurveDisplay, auc

    axes = axes_or_new(ax, (4.8, 4.2))
    rates = (np.append(values, 0.0)[::-1] for values in (curve.false_positive_rate, curve.recall))
    false_rate, true_rate = rates
    display = RocCurveDisplay(
        fpr=false_rate, tpr=true_rate, roc_auc=float(auc(false_rate, true_rate))
    )
    display.plot(ax=axes, name="ROC")
    if chosen is not None:
        label = f"chosen: {chosen.recall:.1%} at {chosen.false_positive_rate:.2%}"
        axes.plot(chosen.false_positive_rate, chosen.recall, "o", color="C2", label=label)
    axes.set(xlabel="false positive rate", ylabel="true positive rate (recall)")
    axes.legend(loc="lower right", fontsize=9)
    return axes


def plot_cost(
    curve: ThresholdCurve,
    costs: Costs,
    chosen: OperatingPoint | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the expected cost of an image against the threshold.

    Parameters
    ----------
    curve, chosen, ax
        As of `plot_precision_recall_vs_threshold`.
    costs : 2 × 2 array-like
        ``costs[true][predicted]``.
    """
    axes = axes_or_new(ax, (6.4, 4.0))
    axes.step(curve.thresholds, curve.cost(costs), where="pre", color="C0")
    if chosen is not None:
        cost = chosen.cost(costs)[0]
        label = f"chosen: {cost:.4g} at {chosen.threshold:.4g}"
        axes.plot(chosen.threshold, cost, "o", color="C2", label=label)
        axes.legend(loc="best", fontsize=9)
    axes.set(xlabel="threshold", ylabel="expected cost of an image")
    return axes


def plot_coverage(
    curve: CoverageCurve,
    *,
    wanted: float | None = None,
    chosen: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the accuracy among the accepted images against their share of all.

    Parameters
    ----------
    curve : CoverageCurve
    wanted : float, optional
        The accuracy that was asked for.
    chosen : (float, float), optional
        Coverage and accuracy of the chosen point.
    ax : Axes, optional
    """
    axes = axes_or_new(ax, (6.0, 4.0))
    axes.plot(curve.coverage, curve.accuracy, color="C0")
    if wanted is not None:
        axes.axhline(wanted, color="C1", linestyle="--", label=f"wanted: {wanted:.2%}")
    if chosen is not None:
        label = f"chosen: {chosen[1]:.2%} of {chosen[0]:.1%}"
        axes.plot(*chosen, "o", color="C2", label=label)
    if wanted is not None or chosen is not None:
        axes.legend(loc="lower left", fontsize=9)
    # The first few images alone would stretch the axis to where nothing else is.
    steady = curve.accuracy[curve.coverage > 0.05]
    lowest = min([*steady, *([] if wanted is None else [wanted])], default=0.0)
    axes.set_ylim(lowest - 0.08 * (1 - lowest) - 1e-4, 1 + 0.08 * (1 - lowest) + 1e-4)
    axes.set(xlabel="coverage: share of images that get an answer", ylabel="accuracy of these")
    return axes
