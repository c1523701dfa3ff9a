"""``lookalike tune``: the number of neighbours and their weighting, by cross-validation."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from lookalike.cli import options
from lookalike.cli.screen import Screen, out_folder, write_json

WEIGHTS = ("uniform", "distance")
LEAVE_ONE_OUT = "loo"
_MOST_FOLDS, _MOST_NEIGHBORS = 5, 30


def parse_k(text: str) -> list[int]:
    """Return the numbers of neighbours of "1-30", of "3,4,5", or of a mixture."""
    ks: set[int] = set()
    for part in text.split(","):
        ends = [end.strip() for end in part.split("-")]
        if len(ends) > 2 or not all(end.isascii() and end.isdigit() for end in ends):
            raise typer.BadParameter(f"{text!r} is neither a range like 1-30 nor a list like 3,4,5")
        first, last = int(ends[0]), int(ends[-1])
        if not 1 <= first <= last:
            raise typer.BadParameter(f"{part.strip()!r} of {text!r} must ascend from 1 or more")
        ks.update(range(first, last + 1))
    return sorted(ks)


def parse_weights(text: str) -> list[str]:
    """Return the weightings named in a list with commas."""
    return options.parse_names(text, WEIGHTS)


def parse_cv(text: str) -> int | str:
    """Return the number of folds, or "loo"."""
    return options.parse_count(text, "folds", LEAVE_ONE_OUT) or LEAVE_ONE_OUT


@partial(options.command, searches=True)
def tune(
    screen: Screen,
    data: options.Data,
    k: Annotated[
        str | None,
        typer.Option(
            "--k",
            metavar="1-30|3,4,5",
            callback=options.checked(parse_k),
            help="Numbers of neighbours to try; if it is not given, 1-30, or as many as there are.",
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            callback=options.checked(parse_weights),
            help="How neighbours are weighted: uniform, distance, or both.",
        ),
    ] = ",".join(WEIGHTS),
    cv: Annotated[
        str | None,
        typer.Option(
            metavar="N|loo",
            callback=options.checked(parse_cv),
            help="Number of folds, each of which is predicted from the others; or loo, each "
            "image from all others. If it is not given, 5, or fewer where classes are small.",
        ),
    ] = None,
    metric: Annotated[
        Literal["euclidean", "cosine", "manhattan"],
        typer.Option(help="The distance between images."),
    ] = "euclidean",
    out: Annotated[
        Path | None,
        options.folder_option("Also write report.json and tuning.png into this folder."),
    ] = None,
    n_jobs: options.Threads = None,
) -> None:
    """Find the best number of neighbours and their weighting by cross-validation.

    All numbers and weightings are read off one search of the training images. The test images
    are not looked at. Beside the best the most neighbours are named whose accuracy is within
    one standard error of it.

    Example: lookalike tune mnist --k 1-30 --out report
    """
    with out_folder(out) as folder, screen.bar("importing libraries", time_left=True) as bar:
        from time import perf_counter

        from lookalike import __version__
        from lookalike.estimators.classifier import KNeighborsClassifier
        from lookalike.estimators.search_cv import KNeighborsSearchCV
        from lookalike.evaluation.folds import choose_folds
        from lookalike.evaluation.tuning import read_tuning
        from lookalike.images.files import counted
        from lookalike.reports.png import save_png
        from lookalike.reports.terminal import show
        from lookalike.reports.training import tuning_chart, tuning_section

        bar.start("loading the data")
        dataset = data.load(least_classes=2, progress=screen.is_watched)
        images, labels = dataset.train.images, dataset.train.labels
        if k is None or cv is None:
            folds = choose_folds(labels, most=_MOST_FOLDS)
            cv = str(folds.cv) if cv is None else cv
            k = f"1-{min(_MOST_NEIGHBORS, folds.most_neighbors)}" if k is None else k
        search = KNeighborsSearchCV(
            KNeighborsClassifier(metric=metric),
            {"n_neighbors": parse_k(k), "weights": parse_weights(weights)},
            cv=parse_cv(cv),
            n_jobs=n_jobs,
            refit=False,
        )
        bar.start("searching neighbours")
        start = perf_counter()
        search.fit(images, labels, progress=bar)
        seconds = perf_counter() - start
        tuning = read_tuning(search, n_images=len(labels))
        report = {
            "lookalike": __version__,
            "data": data,
            "source": dataset.source,
            "n_train": len(labels),
            "n_test_not_looked_at": len(dataset.test),
            "metric": metric,
            "cv": parse_cv(cv),
            "n_splits": search.n_splits_,
            "seconds": round(seconds, 3),
            **tuning.to_dict(),
        }
        how = "leaving one out" if cv == LEAVE_ONE_OUT else f"mean of {cv} folds"
        score = f"accuracy, {how}"
        if folder is not None:
            bar.start("drawing pictures")
            save_png(folder / "tuning.png", tuning_chart(tuning, score=score))
            write_json(folder, report)
    screen.result(report)
    n_tried, n_test = len(search.cv_results_["params"]), len(dataset.test)
    how = (
        f"{data}: {n_tried} candidates on {len(labels):,} training images, {score}, in "
        f"{seconds:.2f} s. Not looked at: {counted(n_test, 'test image')}."
    )
    show([tuning_section(tuning, how=how, score=score)], screen.out, titles=False)
    screen.say_written("report.json, tuning.png", out)
