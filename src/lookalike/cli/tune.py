"""``lookalike tune``: the number of neighbours and their weighting, by cross-validation."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.data_options import Data, takes_data
from lookalike.cli.jobs import Debug, Json, Threads, checked, job

WEIGHTS = ("uniform", "distance")
LEAVE_ONE_OUT = "loo"
_MOST_FOLDS, _MOST_NEIGHBORS = 5, 30


class Metric(Enum):
    """Distances between images."""

    EUCLIDEAN = "euclidean"
    COSINE = "cosine"
    MANHATTAN = "manhattan"


def parse_k(text: str) -> list[int]:
    """Return the numbers of neighbours of "1-30", of "3,4,5", or of a mixture.

    Raises
    ------
    typer.BadParameter
        If it is neither, or a number is less than 1 or a range descends.

    Examples
    --------
    >>> parse_k("1-3,10")
    [1, 2, 3, 10]
    """
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
    """Return the weightings named in a list with commas.

    Raises
    ------
    typer.BadParameter
        If one is unknown.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in WEIGHTS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(WEIGHTS)}")
    return list(dict.fromkeys(names))


def parse_cv(text: str) -> int | str:
    """Return the number of folds, or "loo".

    Raises
    ------
    typer.BadParameter
        If it is neither a number of at least 2 nor "loo".
    """
    if text == LEAVE_ONE_OUT:
        return text
    if not (text.isascii() and text.isdigit()) or int(text) < 2:
        raise typer.BadParameter(f"{text!r} is neither a number of folds from 2 on nor loo")
    return int(text)


@takes_data
def tune(
    data: Data,
    k: Annotated[
        str | None,
        typer.Option(
            "--k",
            metavar="1-30|3,4,5",
            callback=checked(parse_k),
            help="Numbers of neighbours to try; if it is not given, 1-30, or as many as there are.",
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            callback=checked(parse_weights),
            help="How neighbours are weighted: uniform, distance, or both.",
        ),
    ] = ",".join(WEIGHTS),
    cv: Annotated[
        str | None,
        typer.Option(
            metavar="N|loo",
            callback=checked(parse_cv),
            help="Number of folds, each of which is predicted from the others; or loo, each "
            "image from all others. If it is not given, 5, or fewer where classes are small.",
        ),
    ] = None,
    metric: Annotated[Metric, typer.Option(help="The distance between images.")] = Metric.EUCLIDEAN,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Also write report.json and tuning.png into this folder.",
        ),
    ] = None,
    n_jobs: Threads = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Find the best number of neighbours and their weighting by cross-validation.

    All numbers and weightings are read off one search of the training images. The test images
    are not looked at. Beside the best the most neighbours are named whose accuracy is within
    one standard error of it.

    Example: lookalike tune mnist --k 1-30 --out report
    """
    with job(debug):
        import json

        from lookalike.cli.outfolder import filled_at_the_end, say_written
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        with filled_at_the_end(out) as folder, screen.bar(time_left=True) as bar:
            bar.start("importing libraries")
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
                KNeighborsClassifier(metric=metric.value),
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
                "metric": metric.value,
                "cv": parse_cv(cv),
                "n_splits": search.n_splits_,
                "seconds": round(seconds, 3),
                **tuning.to_dict(),
            }
            leaves_one_out = cv == LEAVE_ONE_OUT
            score = f"accuracy, {'leaving one out' if leaves_one_out else f'mean of {cv} folds'}"
            if folder is not None:
                bar.start("drawing pictures")
                save_png(folder / "tuning.png", tuning_chart(tuning, score=score))
                (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        screen.result(report)
        n_tried, n_test = len(search.cv_results_["params"]), len(dataset.test)
        how = (
            f"{data}: {n_tried} candidates on {len(labels):,} training images, {score}, in "
            f"{seconds:.2f} s. Not looked at: {counted(n_test, 'test image')}."
        )
        show([tuning_section(tuning, how=how, score=score)], screen.out, titles=False)
        say_written("report.json, tuning.png", out, screen)
