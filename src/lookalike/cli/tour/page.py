"""The tour as one page: what all steps tell, below the headline numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from lookalike.cli.tour.step import Tour
from lookalike.reports.blocks import Headline, Report, Section
from lookalike.reports.environment import run_facts
from lookalike.reports.evaluation import evaluation_headline


def tour_report(tour: Tour, sections: Sequence[Section], numbers: dict[str, Any]) -> Report:
    """Return the report of a tour.

    Parameters
    ----------
    tour : Tour
        Walked to its end.
    sections : sequence of Section
        What the steps tell.
    numbers : dict
        What ``tour --json`` prints.
    """
    steps, data = numbers["steps"], tour.data
    name = steps["load"]["data"]
    headline: list[Headline] = []
    if tour.evaluation is not None:
        headline = evaluation_headline(tour.evaluation)
    grown = steps["augmented"]
    if "accuracy" in grown:
        note = f"{grown['n_mended']:,} errors mended, {grown['n_made']:,} made"
        headline.append(Headline("Accuracy with shifts", f"{grown['accuracy']:.2%}", note))
    best = tour.tuning.best
    return Report(
        f"A tour of {name}",
        f"{len(data.train):,} training and {len(data.test):,} test images, classified by their "
        f"{best.n_neighbors} nearest neighbours.",
        headline,
        sections,
        parameters={
            "data": name,
            "n_neighbors": best.n_neighbors,
            "weights": best.weights,
            "folds": str(tour.folds.cv),
        },
        versions=run_facts(date=date.today().isoformat(), n_jobs=tour.n_jobs),
        timings={
            "import": numbers["start_seconds"],
            **{step: entry["seconds"] for step, entry in steps.items()},
            "pictures": numbers["pictures_seconds"],
            "all": numbers["seconds"],
        },
        numbers=numbers,
    )
