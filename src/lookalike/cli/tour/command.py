"""``lookalike tour``: all steps in their order, and one report of them."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lookalike.cli import options
from lookalike.cli.screen import Screen, out_folder

if TYPE_CHECKING:
    from lookalike.cli.tour.walk import Tour
    from lookalike.reports.blocks import Report


@options.command
def tour(
    screen: Screen,
    data: Annotated[
        options.DataName | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A data set by name (see lookalike data list), a folder of images or IDX files, "
            "or an .npz file. Without it: mnist, or where that cannot be had the bundled digits.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        options.folder_option(
            "Also write report.html, which opens anywhere, report.json and the pictures (PNG) into "
            "this folder."
        ),
    ] = None,
    against: Annotated[
        Literal["sklearn"] | None,
        typer.Option(help="Also do the same work with scikit-learn; takes half a minute on mnist."),
    ] = None,
    n_jobs: options.Threads = None,
) -> None:
    """Walk through image classification by nearest neighbours, step by step.

    Loads the data, classifies the test images by their 4 nearest training images, and shows
    the accuracy, the confusion matrix and wrong predictions beside the images behind them.
    Then tunes the number of neighbours and their weights on the training images alone, measures
    all that can be measured, makes a detector of one class, leaves out what is not sure, and
    compares the chapter's classifiers. Grows the training images by shifts of one pixel, and shows
    how many errors that mends and makes; matches images by a representation and a distance that are
    chosen on the training images; adds noise to test images and cleans them; and looks for
    wrong labels.

    Example: lookalike tour --data mnist --out report --against sklearn
    """
    started = perf_counter()
    with screen.bar("importing libraries"):
        from lookalike import __version__
        from lookalike.cli.tour import classifying, judging
        from lookalike.cli.tour.walk import Tour, load
        from lookalike.reports.write import write_report
        from lookalike.search.machine import count_threads

    steps = [
        ("The data", load),
        ("Classify by the 4 nearest images, weighted by 1 / distance", classifying.baseline),
        ("Confusion matrix", judging.confusion),
        ("Wrong predictions, and the images behind them", judging.mistakes),
        ("Tune k and the weights by cross-validation of the training images", classifying.tuning),
        ("The tuned classifier on the test images", classifying.tuned),
        ("The tuned classifier, judged", judging.judged),
        ("A detector of one class, of high precision", judging.detected),
        ("Leaving out what is not sure", judging.sure),
        ("The classifiers of the chapter, side by side", judging.compared),
        ("The training images, moved by one pixel", classifying.shifts),
        ("The training images with their shifts, on the test images", classifying.augmented),
        ("Images matched: representation and distance chosen", classifying.matched),
        ("Few labels: how soon it learns, beside others", classifying.few_labels),
        ("Noisy images, cleaned by neighbours", judging.clean),
        ("The data, audited", judging.audited),
    ]
    if against:
        steps += [
            ("The baseline beside scikit-learn", judging.against_sklearn),
            ("Cleaning as the book does beside scikit-learn", judging.clean_against_sklearn),
        ]
    numbers: dict[str, Any] = {
        "lookalike": __version__,
        "n_threads": count_threads(n_jobs),
        "start_seconds": round(perf_counter() - started, 3),
    }
    walked, files = Tour(screen, data, n_jobs), list[str]()
    with out_folder(out) as folder:
        for title, step in steps:
            walked.take(title, step)
        drawing = perf_counter()
        if folder is not None:
            files = walked.save_pictures(folder)
        numbers["steps"] = {
            name: {"seconds": round(step.seconds, 3), **step.entry}
            for name, step in walked.steps.items()
        }
        numbers["best"] = _best(walked, numbers["steps"])
        numbers["pictures_seconds"] = round(perf_counter() - drawing, 3)
        numbers["seconds"] = round(perf_counter() - started, 3)
        if folder is not None:
            files = [*write_report(folder, _report(walked, numbers)), *files]
    screen.result(numbers)
    screen.out.print(f"\n[bold]Best:[/] {_best_text(numbers['best'])}.")
    screen.out.print(
        f"[bold]Done[/] in {numbers['seconds']:.2f} s, of which {numbers['start_seconds']:.2f} s "
        f"to import libraries and {numbers['pictures_seconds']:.2f} s to draw pictures."
    )
    screen.say_written(", ".join(files), out)


def _report(walked: Tour, numbers: dict[str, Any]) -> Report:
    """Return the report: what all steps show, below how good the best classifier and k-NN are."""
    from dataclasses import replace

    from lookalike.reports.blocks import Headline, Report
    from lookalike.reports.evaluation import evaluation_headline
    from lookalike.reports.write import made_now

    steps, chosen, best = numbers["steps"], walked.best, numbers["best"]
    load, grown = steps["load"], steps["augmented"]
    wrong = f"{1 - best['accuracy']:.2%} wrong"
    headline = [Headline("Best classifier", wrong, _best_text(best))]
    if walked.evaluation is not None:
        headline += [
            replace(card, name=f"{card.name}, k = {chosen.n_neighbors}")
            for card in evaluation_headline(walked.evaluation)
        ]
    if "accuracy" in grown:
        note = f"{grown['n_mended']:,} errors mended, {grown['n_made']:,} made"
        headline.append(Headline("Accuracy with shifts", f"{grown['accuracy']:.2%}", note))
    report = Report(
        f"A tour of {load['data']}",
        f"{load['n_train']:,} training and {load['n_test']:,} test images; best classified by "
        f"{_best_text(best)}.",
        headline,
        [section for step in walked.steps.values() for section in step.sections],
        parameters={
            "data": load["data"],
            "n_neighbors": chosen.n_neighbors,
            "weights": chosen.weights,
            "folds": str(steps["tuning"]["cv"]),
        },
        timings={
            "import": numbers["start_seconds"],
            **{step: entry["seconds"] for step, entry in steps.items()},
            "pictures": numbers["pictures_seconds"],
            "all": numbers["seconds"],
        },
    )
    return made_now(report, numbers, n_jobs=walked.n_jobs)


def _best(walked: Tour, steps: dict[str, Any]) -> dict[str, Any]:
    """Return the classifier of the fewest wrong test images, the last of equals."""
    names = {
        "tuned": f"k-NN, k = {walked.best.n_neighbors}",
        "augmented": f"k-NN with shifts, k = {steps['augmented'].get('n_neighbors')}",
        "matched": "LookalikeClassifier",
    }
    found = [
        {"classifier": name, **{key: steps[step][key] for key in ("accuracy", "n_right", "n_test")}}
        for step, name in names.items()
        if "accuracy" in steps[step]
    ]
    return max(reversed(found), key=lambda one: one["n_right"])


def _best_text(best: dict[str, Any]) -> str:
    n_wrong = best["n_test"] - best["n_right"]
    share = f"{n_wrong / best['n_test']:.2%}"
    return f"{best['classifier']}, {share} of the test images wrong ({n_wrong:,})"
