"""Scores of a search over hyperparameters, in a table and in words."""

from __future__ import annotations

from collections.abc import Collection

from rich.table import Table

from lookalike.cli.work.curves import mark_of
from lookalike.evaluation.tuning import Choice, Tuning


def score_table(tuning: Tuning, *, only: Collection[int] | None = None) -> Table:
    """Return a table of the scores: a line for each number of neighbours, a column a weighting.

    Parameters
    ----------
    tuning : Tuning
    only : collection of int, optional
        The numbers of neighbours to show; those that there are, if not given.
    """
    table = Table(box=None, padding=(0, 3, 0, 0), show_edge=False, header_style="bold")
    table.add_column("k", justify="right")
    by_k: dict[int, dict[str, str]] = {}
    for curve in tuning.curves:
        table.add_column(curve.weights)
        for i, k in enumerate(curve.n_neighbors.tolist()):
            if only is None or k in only:
                point = curve.point(i)
                by_k.setdefault(k, {})[curve.weights] = f"{score(point)} {mark_of(point, tuning)}"
    for k, scores in sorted(by_k.items()):
        table.add_row(str(k), *(scores.get(curve.weights, "") for curve in tuning.curves))
    return table


def choice_lines(tuning: Tuning) -> list[str]:
    """Return what is chosen from the curves, a line each, in rich's markup."""
    best, simplest = tuning.best, tuning.one_standard_error
    return [
        f"best: [bold]k = {best.n_neighbors}, {best.weights}[/], {score(best)}",
        f"most neighbours within one standard error of it: [bold]k = {simplest.n_neighbors}, "
        f"{simplest.weights}[/], {score(simplest)}",
    ]


def score(point: Choice) -> str:
    """Return the mean score with its standard error."""
    return f"{point.mean:.4f} ± {point.standard_error:.4f}"


def choice_entry(point: Choice) -> dict[str, object]:
    """Return a point of a curve for JSON."""
    return {
        "n_neighbors": point.n_neighbors,
        "weights": point.weights,
        "accuracy": point.mean,
        "standard_error": point.standard_error,
    }
