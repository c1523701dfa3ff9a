"""The report on the choice of hyperparameters: k and the weights, or whatever a search varies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from lookalike.evaluation.tuning import Tuning, TuningChoice, read_tuning
from lookalike.reports.blocks import (
    Cell,
    Chart,
    Column,
    Headline,
    Line,
    Report,
    Section,
    Table,
    Undefined,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NO_SPREAD = "a single split has no spread"


def describe(search: Any) -> Report:
    """Return the report of a `KNeighborsSearchCV`.

    It has the curve of the score against ``n_neighbors`` where the search varies nothing but that
    and ``weights``, and else the table of all candidates, the best first.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    """
    check_is_fitted(search, "cv_results_")
    results = search.cv_results_
    means = [key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_")]
    metric = search.refit if search.refit in means else means[0]
    score = _name_of(search, metric)
    mean, spread = results[f"mean_test_{metric}"], results[f"std_test_{metric}"]
    how = "Each image is predicted from all others."
    if search.n_splits_ > 1:
        how = f"Scores are means over {search.n_splits_} splits."
    try:
        section = tuning_section(
            read_tuning(search, metric=metric), how=how, score=score, title="Candidates"
        )
    except ValueError:  # it varies other parameters too, or all scores are NaN
        section = Section("Candidates", [_candidates(search, metric, score)], [how])
    best = int(results[f"rank_test_{metric}"].argmin())
    params = ", ".join(f"{name}: {value}" for name, value in results["params"][best].items())
    return Report(
        "Hyperparameters by cross-validation",
        f"{search.estimator}",
        [Headline(f"best {score}", f"{mean[best]:.4f}", params)],
        [section],
        parameters={"candidates": len(mean), "splits": search.n_splits_, "score": score},
        numbers={
            "candidates": [
                {"params": {name: str(value) for name, value in own.items()}, "mean": m, "std": s}
                for own, m, s in zip(results["params"], mean, spread, strict=True)
            ]
        },
    )


def tuning_section(
    tuning: Tuning, *, how: str, title: str = "How many neighbours", score: str = "accuracy"
) -> Section:
    """Tell how the score depends on the number of neighbours and their weighting.

    Parameters
    ----------
    tuning : Tuning
    how : str
        How images were split, in a sentence.
    title : str
    score : str, default="accuracy"
        The name of the score.
    """
    best, simplest = tuning.best, tuning.one_standard_error
    intro = [how, f"Best: {_choice(best)}."]
    if np.isfinite(best.standard_error):
        intro.append(f"Most neighbours within one standard error of it: {_choice(simplest)}.")
    return Section(title, [tuning_chart(tuning, score=score)], intro)


def tuning_chart(tuning: Tuning, *, score: str = "accuracy") -> Chart:
    """Return the chart of the score against the number of neighbours.

    Each weighting is a line, with a band of one standard error to either side; the best point, and
    that of the one-standard-error rule, are marked.

    Parameters
    ----------
    tuning : Tuning
    score : str, default="accuracy"
        The name of the score.
    """
    best = tuning.best
    columns: list[Column | str] = ["k"]
    for curve in tuning.curves:
        columns += [Column(curve.weights, ".4f"), Column("±", ".4f")]
    rows: list[list[Cell]] = []
    for k in sorted({k for curve in tuning.curves for k in curve.n_neighbors.tolist()}):
        row: list[Cell] = [k]
        for curve in tuning.curves:
            at = np.flatnonzero(curve.n_neighbors == k)
            if not len(at):
                row += [None, None]
                continue
            error = float(curve.standard_error[at[0]])
            row += [float(curve.mean[at[0]]), Undefined(_NO_SPREAD) if error != error else error]
        rows.append([*row, _marks(tuning, k)])
    band = ", with one standard error to either side" if np.isfinite(best.standard_error) else ""
    return Chart(
        lambda axes: _draw(tuning, score, axes),
        alt=f"The {score} against the number of neighbours; the best is {_choice(best)}.",
        caption=f"{score[:1].upper()}{score[1:]} against k{band}.",
        table=Table([*columns, "chosen"], rows, f"The {score} at every k; ±: standard error"),
        size=(6.4, 3.8),
        lines=[Line(curve.weights, curve.n_neighbors, curve.mean) for curve in tuning.curves],
    )


def _draw(tuning: Tuning, score: str, axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, curve in enumerate(tuning.curves):
        k, mean, error = curve.n_neighbors, curve.mean, np.nan_to_num(curve.standard_error)
        colour = f"C{number % 10}"
        axes.fill_between(k, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
        axes.plot(k, mean, color=colour, marker="o", markersize=3, label=curve.weights)
    best, simplest = tuning.best, tuning.one_standard_error
    at = ([best.n_neighbors], [best.mean])
    axes.plot(*at, "*", color="C2", markersize=13, label=f"best: k = {best.n_neighbors}")
    if np.isfinite(best.standard_error):
        axes.axhline(best.mean - best.standard_error, color="C7", linestyle=":", linewidth=1)
        axes.plot(
            [simplest.n_neighbors],
            [simplest.mean],
            "D",
            color="none",
            markersize=9,
            markeredgecolor="C2",
            markeredgewidth=1.5,
            label=f"within one standard error: k = {simplest.n_neighbors}",
        )
    axes.set(xlabel="number of neighbours k", ylabel=score)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(loc="lower left", markerscale=0.7)


def _marks(tuning: Tuning, k: int) -> str:
    """Return what is chosen at a number of neighbours, in words."""
    choices = {"best": tuning.best}
    if np.isfinite(tuning.best.standard_error):
        choices["one standard error"] = tuning.one_standard_error
    here = [f"{name}: {own.weights}" for name, own in choices.items() if own.n_neighbors == k]
    return "; ".join(here)


def _choice(point: TuningChoice) -> str:
    said = f"k = {point.n_neighbors}, {point.weights}, {point.mean:.4f}"
    return said if np.isnan(point.standard_error) else f"{said} ± {point.standard_error:.4f}"


def _candidates(search: Any, metric: str, score: str) -> Table:
    results = search.cv_results_
    names = list(dict.fromkeys(name for params in results["params"] for name in params))
    columns = [*names, Column(score, ".4f"), Column("standard deviation", ".4f")]
    order = np.argsort(results[f"rank_test_{metric}"], kind="stable")
    rows: list[list[Cell]] = [
        [
            *(str(results["params"][i].get(name, "")) for name in names),
            *(float(results[f"{kind}_test_{metric}"][i]) for kind in ("mean", "std")),
        ]
        for i in order
    ]
    return Table(columns, rows, f"The {score} of all candidates, the best first")


def _name_of(search: Any, metric: str) -> str:
    if search.multimetric_:
        return metric
    if search.scoring is None:
        return "accuracy" if is_classifier(search.estimator) else "R²"
    return search.scoring if isinstance(search.scoring, str) else "score"
