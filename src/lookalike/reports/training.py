"""Training: what was tried and chosen, the choice of hyperparameters, and the error by labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from lookalike.evaluation.few_labels import FewLabels
from lookalike.evaluation.training import AblationPart, Training, Tried, why_chosen
from lookalike.evaluation.tuning import Tuning, TuningChoice, read_tuning
from lookalike.images.files import counted
from lookalike.reports.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Headline,
    Line,
    Report,
    Section,
    Table,
    Text,
    number_cell,
)
from lookalike.reports.charts import percent_axis
from lookalike.reports.pictures import plot_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AGAIN = {
    0: "Pixels or a network: ",
    1: "",
    2: "Again, the best: ",
    3: "The best with copies of the train images: ",
}
_NO_SPREAD = "a single split has no spread"
_MARKERS = "osD^vPX*"
_APART = 1.03  # factor by which the points of two classifiers lie beside each other


def describe(trained: Any) -> Report:
    """Return the report of a `Training`, of `FewLabels`, or of a `KNeighborsSearchCV`."""
    if isinstance(trained, Training):
        return _describe_training(trained)
    if isinstance(trained, FewLabels):
        how = f"Error rates on {trained.n_test:,} test images."
        section = few_labels_section(trained, how=how)
        return Report("With few labels", trained.verdict(), sections=[section])
    return _describe_search(trained)


def _describe_training(trained: Training) -> Report:
    right = trained.accuracy
    headline = []
    if right is not None:
        note = f"{right.n - right.n_right:,} of {right.n:,} test images"
        headline = [Headline("test error", f"{1 - right.value:.2%}", note)]
    title, sections = f"Trained on {trained.name}", [training_section(trained)]
    return Report(title, headline=headline, sections=sections, numbers=trained.to_dict())


def training_section(trained: Training) -> Section:
    """Tell what was tried, what was chosen and why, and how well it does on test images."""
    classifier, right = trained.classifier, trained.accuracy
    tried = trained.tried
    blocks: list[Block] = []
    for stage in dict.fromkeys(own.trial.stage for own in tried):
        own = [one for one in tried if one.trial.stage == stage]
        blocks += [Text(_say_stage(own, trained.n_train)), _tried_table(own)]
    took = f"Chosen and learnt in {trained.fit_seconds:.2f} s"
    said = "No images were held out: how often it errs on new ones is not known."
    if right is not None:
        said = (
            f"Test error {1 - right.value:.2%} ± {right.standard_error:.2%} (standard error): "
            f"{right.n - right.n_right:,} of {right.n:,} wrong."
        )
        took += (
            f", test images matched in {trained.predict_seconds:.2f} s: "
            f"{right.n / trained.predict_seconds:,.0f} a second"
        )
    blocks += [
        Text(f"* chosen: {classifier.representation_}; {classifier.scoring_rule_}"),
        Text(why_chosen(classifier)),
        Text(said),
        Text(f"{took}.", is_note=True),
    ]
    shape = f"of {' × '.join(map(str, classifier.image_shape_))}"
    if len(classifier.image_shape_) == 1:
        shape = f"as vectors of {classifier.image_shape_[0]:,} numbers"
    intro = (
        f"{trained.name}: {counted(trained.n_train, 'train image')} {shape}, "
        f"{counted(len(classifier.classes_), 'class')}; effort {classifier.effort}"
    )
    return Section("What was tried and chosen", blocks, [intro])


def _tried_table(tried: Sequence[Tried]) -> Table:
    """Return representations with their best scoring rule, held-out error and time."""
    return Table.of(
        tried,
        {
            "representation; its best scoring rule": lambda own: (
                f"{'* ' if own.is_chosen else ''}{own.trial.representation};\n{own.trial.rule}"
            ),
            Column("error", ".2%"): lambda own: own.trial.error,
            Column("±", ".2%"): lambda own: own.standard_error,
            "wrong": lambda own: own.trial.n_wrong,
            Column("s", ".1f"): lambda own: own.trial.seconds,
        },
        "Recipes by their errors on held-out train images; *: chosen",
    )


def parts_table(parts: Sequence[AblationPart]) -> Table:
    """Return the errors with more and more of what a classifier chose."""
    return Table.of(
        parts,
        {
            "each with all above it": lambda part: part.name,
            Column("held out", ".2%"): lambda part: (
                None if part.trial is None else part.trial.error
            ),
            Column("test error", ".2%"): lambda part: 1 - part.accuracy.value,
            Column("±", ".2%"): lambda part: part.accuracy.standard_error,
            "wrong": lambda part: part.accuracy.n - part.accuracy.n_right,
        },
        "Errors with each part and all above it, on held-out training images and on test images; "
        "±: standard error",
    )


def _say_stage(tried: Sequence[Tried], n_train: int) -> str:
    first = tried[0].trial
    counts = f"from {first.n_images:,} train images, {first.n_held_out:,} others held out"
    if first.n_held_out == n_train:
        counts = f"all {n_train:,} train images held out in turn, each from {first.n_images:,}"
    representations = counted(len(tried), "representation")
    rules = counted(tried[0].n_rules, "scoring rule")
    return f"{_AGAIN[first.stage]}{representations} by {rules} each, {counts}:"


def _describe_search(search: Any) -> Report:
    """Return the report of a `KNeighborsSearchCV`.

    It has the curve of the score against ``n_neighbors`` where the search varies nothing but that
    and ``weights``, and else the table of all candidates, the best first.
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

    ``how`` says in a sentence how images were split; ``score`` is the name of the score.
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
            error = number_cell(curve.standard_error[at[0]], _NO_SPREAD)
            row += [float(curve.mean[at[0]]), error]
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
    scores = [results[f"{kind}_test_{metric}"] for kind in ("mean", "std")]
    rows = [
        [*(str(results["params"][i].get(name, "")) for name in names), *(own[i] for own in scores)]
        for i in np.argsort(results[f"rank_test_{metric}"], kind="stable")
    ]
    return Table(columns, rows, f"The {score} of all candidates, the best first")


def _name_of(search: Any, metric: str) -> str:
    if search.multimetric_:
        return metric
    if search.scoring is None:
        return "accuracy" if is_classifier(search.estimator) else "R²"
    return search.scoring if isinstance(search.scoring, str) else "score"


def few_labels_section(found: FewLabels, *, how: str) -> Section:
    """Tell how the error depends on the number of labels a class; ``how`` they were drawn."""
    names = found.ranking(0)
    columns: dict[Column | str, Sequence[Cell]] = {"classifier": names}
    for i, (size, n) in enumerate(zip(found.sizes, found.n_draws, strict=True)):
        columns[Column(f"{size:,}", ".2%")] = [found.means(name)[i] for name in names]
        if n > 1:
            columns[Column(f"± at {size:,}", ".2%")] = [found.spreads(name)[i] for name in names]
    caption = "Error rates by labels a class; ±: standard deviation of draws"
    table = Table(list(columns), list(zip(*columns.values(), strict=True)), caption)
    drawn = Chart(
        lambda axes: _draw_few_labels(found, axes),
        alt=f"Error rate against labels a class, of {len(found.errors)} classifiers. "
        f"{found.verdict()}",
        caption="Error rate against labels a class; bars: one standard deviation of the draws, "
        "where there are several.",
        table=table,
        size=(6.4, 4.2),
    )
    return Section("With few labels", [drawn], [how, found.verdict()])


def _draw_few_labels(found: FewLabels, axes: Axes) -> None:
    """Draw the curves on logarithmic scales, where they are about straight, if no error is 0."""
    from matplotlib.ticker import NullLocator

    means = [found.means(name) for name in found.errors]
    for number, (name, mean) in enumerate(zip(found.errors, means, strict=True)):
        # Side by side, or one bar would hide the other.
        beside = _APART ** (number - (len(means) - 1) / 2)
        axes.errorbar(
            np.array(found.sizes) * beside,
            mean,
            found.spreads(name),
            color=f"C{number % 10}",
            marker=_MARKERS[number % len(_MARKERS)],
            markersize=5,
            capsize=2.5,
            label=plot_name(name),
        )
    axes.set_xscale("log")
    axes.set_xticks(found.sizes, [f"{size:,}" for size in found.sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    if len(found.sizes) == 1:
        axes.set_xlim(found.sizes[0] / 2, found.sizes[0] * 2)
    if min(mean.min() for mean in means) > 0:
        axes.set_yscale("log")
    percent_axis(axes.yaxis)
    axes.set(xlabel="labels a class", ylabel="error rate")
    axes.grid(which="major", alpha=0.5)
    axes.legend(fontsize=9)
