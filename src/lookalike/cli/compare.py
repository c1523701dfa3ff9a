"""``lookalike compare``: classifiers side by side on the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.data_options import Data, DataName, takes_data
from lookalike.cli.jobs import Debug, Json, ReportFolder, Threads, checked, job
from lookalike.images.progress import Progress

if TYPE_CHECKING:
    from lookalike.cli.screen import Bar
    from lookalike.evaluation.comparison.comparison import Comparison
    from lookalike.images.dataset import Dataset
    from lookalike.reports.blocks import Report

NAMES = ("knn", "sgd", "logistic", "forest", "boosting", "svm", "dummy")
_ALL = "all"
_N_TRAIN = 10_000  # images by default: about half a minute on two CPUs


def parse_names(text: str) -> list[str]:
    """Return the classifiers named in a list with commas.

    Raises
    ------
    typer.BadParameter
        If one is unknown or there are fewer than two.

    Examples
    --------
    >>> parse_names("knn, dummy")
    ['knn', 'dummy']
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in NAMES:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(NAMES)}")
    if len(names) < 2:
        raise typer.BadParameter(f"{text!r} leaves nothing to compare; name two or more")
    return names


def parse_train(text: str) -> int | None:
    """Return how many training images to compare on; None for "all".

    Raises
    ------
    typer.BadParameter
        If it is neither a number from 2 on nor "all".
    """
    if text == _ALL:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) < 2:
        raise typer.BadParameter(f"{text!r} is neither a number of images from 2 on nor {_ALL}")
    return int(text)


@takes_data
def compare(
    data: Data,
    with_: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="NAMES",
            callback=checked(parse_names),
            help="The classifiers to compare, two or more: knn (ours), sgd (linear SVM), logistic "
            "(regression), (random) forest, (gradient) boosting, (RBF) svm, dummy.",
        ),
    ] = ",".join(NAMES),
    train: Annotated[
        str,
        typer.Option(
            "--train",
            metavar="N|all",
            callback=checked(parse_train),
            help="Compare on so many of the train images, of each class as large a share as of "
            "all.",
        ),
    ] = str(_N_TRAIN),
    cv: Annotated[
        int, typer.Option(metavar="N", min=2, help="Folds, the same for all classifiers.")
    ] = 3,
    out: ReportFolder = None,
    n_jobs: Threads = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare classifiers: how good, how fast, and which differences are significant.

    Every classifier is fitted and asked fold by fold, on train images; the test images are not
    looked at. Pairs are tested by McNemar's exact test, the paired bootstrap and the corrected
    resampled t-test. Settings are those of the book's chapter, not tuned.

    Example: lookalike compare mnist --with knn,forest,svm --out report
    """
    with job(debug):
        from lookalike.cli.outfolder import filled_at_the_end, say_written
        from lookalike.cli.screen import Screen

        names = parse_names(with_)
        screen = Screen(as_json=as_json)
        files: list[str] = []
        with filled_at_the_end(out) as folder, screen.bar() as bar:
            bar.start("importing libraries")
            from time import perf_counter

            from rich.text import Text

            from lookalike.evaluation.comparison.compare import compare as compare_on_folds
            from lookalike.evaluation.comparison.models import chapter_classifiers
            from lookalike.evaluation.folds import some_of_each_class
            from lookalike.reports.terminal import show
            from lookalike.reports.write import write_report

            bar.start("loading the data")
            dataset = data.load(least_classes=2, progress=screen.is_watched)
            labels = dataset.train.labels
            rows = some_of_each_class(labels, min(parse_train(train) or len(labels), len(labels)))
            known = chapter_classifiers(n_jobs=-1 if n_jobs is None else n_jobs)
            start = perf_counter()
            comparison = compare_on_folds(
                {name: known[name] for name in names},
                dataset.train.images[rows],
                labels[rows],
                cv=cv,
                progress=naming(bar, names, cv),
            )
            report = _report(data, dataset, comparison, perf_counter() - start, n_jobs)
            if folder is not None:
                files = write_report(folder, report)
        screen.result(dict(report.numbers))
        show(report.sections, screen.out, titles=False)
        screen.say()
        screen.say(Text(report.subtitle), style="dim")
        say_written(", ".join(files), out, screen)


def naming(bar: Bar, names: Sequence[str], n_folds: int) -> Progress:
    """Return a progress of `compare` that names the classifier at work."""

    def tell(done: int, total: int) -> None:
        name = names[min(done // n_folds, len(names) - 1)]
        bar.start(f"fitting and asking {name}")
        bar(done, total)

    return tell


def _report(
    data: DataName, dataset: Dataset, comparison: Comparison, seconds: float, n_jobs: int | None
) -> Report:
    from lookalike.evaluation.comparison.models import DESCRIPTIONS
    from lookalike.reports.comparison import describe
    from lookalike.reports.write import made_now

    n_train, n_test = len(dataset.train), len(dataset.test)
    return made_now(
        describe(comparison),
        {
            "data": data,
            "source": dataset.source,
            "n_train": n_train,
            "n_test_not_looked_at": n_test,
            "seconds": round(seconds, 3),
            **comparison.to_dict(),
        },
        n_jobs=n_jobs,
        title=f"Classifiers compared on {data}",
        subtitle=f"{comparison.n:,} of {n_train:,} train images of {data}, in "
        f"{comparison.n_folds} folds, in {seconds:.1f} s; the {n_test:,} test images were not "
        "looked at. Settings are those of the chapter, none is tuned.",
        parameters={
            "data": data,
            "images": comparison.n,
            "folds": comparison.n_folds,
            "seed": 0,
            **{name: DESCRIPTIONS[name] for name in comparison.names},
        },
        timings={"comparison": seconds},
    )
