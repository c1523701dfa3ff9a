"""``lookalike tune``: the number of neighbours and their weighting, by cross-validation."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli.data_options import Data, takes_data
from lookalike.cli.jobs import Debug, Json, Threads, checked, job

if TYPE_CHECKING:
    from lookalike.cli.screen import Screen
    from lookalike.estimators.search_cv import KNeighborsSearchCV
    from lookalike.evaluation.tuning import Tuning
    from lookalike.images.dataset import Dataset

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
        import contextlib
        import json

        from lookalike.cli.outfolder import filled_at_the_end
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        with contextlib.nullcontext() if out is None else filled_at_the_end(out) as folder:
            with screen.bar(time_left=True) as bar:
                bar.start("importing libraries")
                from time import perf_counter

                from lookalike.estimators.classifier import KNeighborsClassifier
                from lookalike.estimators.search_cv import KNeighborsSearchCV
                from lookalike.evaluation.folds import choose_folds
                from lookalike.evaluation.tuning import read_tuning
                from lookalike.reports.tuning import save_tuning_png

                bar.start("loading the data")
                dataset = data.load(least_classes=2, progress=screen.is_watched)
                images, labels = dataset.train.images, dataset.train.labels
                if k is None or cv is None:
                    folds = choose_folds(labels, most=_MOST_FOLDS)
                    cv = str(folds.cv) if cv is None else cv
                    k = f"1-{min(_MOST_NEIGHBORS, folds.most_neighbors)}" if k is None else k
                grid = {"n_neighbors": parse_k(k), "weights": parse_weights(weights)}
                search = KNeighborsSearchCV(
                    KNeighborsClassifier(metric=metric.value),
                    grid,
                    cv=parse_cv(cv),
                    n_jobs=n_jobs,
                    refit=False,
                )
                bar.start("searching neighbours")
                start = perf_counter()
                search.fit(images, labels, progress=bar)
                seconds = perf_counter() - start
                tuning = read_tuning(search, n_images=len(labels))
                report = _report(data, dataset, metric.value, cv, search, tuning, seconds)
                if folder is not None:
                    bar.start("drawing pictures")
                    save_tuning_png(folder / "tuning.png", tuning, score=_what_score(cv))
            if folder is not None:
                (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        screen.result(report)
        _show(report, tuning, screen)
        if out is not None:
            from rich.text import Text

            screen.out.print()
            screen.out.print(Text(f"Wrote report.json, tuning.png into {out}"), soft_wrap=True)


def _what_score(cv: str) -> str:
    return "accuracy, leaving one out" if cv == LEAVE_ONE_OUT else f"accuracy, mean of {cv} folds"


def _report(
    name: str,
    dataset: Dataset,
    metric: str,
    cv: str,
    search: KNeighborsSearchCV,
    tuning: Tuning,
    seconds: float,
) -> dict[str, Any]:
    import lookalike
    from lookalike.cli.work.scores import choice_entry

    points = [curve.point(i) for curve in tuning.curves for i in range(len(curve.n_neighbors))]
    return {
        "lookalike": lookalike.__version__,
        "data": name,
        "source": dataset.source,
        "n_train": len(dataset.train),
        "n_test_not_looked_at": len(dataset.test),
        "metric": metric,
        "cv": parse_cv(cv),
        "n_splits": search.n_splits_,
        "seconds": round(seconds, 3),
        "best": choice_entry(tuning.best),
        "one_standard_error": choice_entry(tuning.one_standard_error),
        "candidates": [choice_entry(point) for point in points],
    }


def _show(report: dict[str, Any], tuning: Tuning, screen: Screen) -> None:
    from rich.markup import escape

    from lookalike.cli.screen import INDENT
    from lookalike.cli.work.curves import draw_curves, legend
    from lookalike.cli.work.scores import choice_lines, score_table
    from lookalike.images.files import counted

    name, n_candidates = escape(report["data"]), len(report["candidates"])
    screen.say(
        f"[bold]{name}[/]: {n_candidates} candidates on {report['n_train']:,} training images, "
        f"{_what_score(str(report['cv']))}, in {report['seconds']:.2f} s. Not looked at: "
        f"{counted(report['n_test_not_looked_at'], 'test image')}."
    )
    screen.say()
    screen.say(score_table(tuning))
    screen.say()
    screen.say(draw_curves(tuning, screen.out.width - INDENT))
    screen.say(legend(tuning))
    screen.say()
    for line in choice_lines(tuning):
        screen.say(line)
