"""``lookalike compare``: classifiers side by side on the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli import options
from lookalike.cli.screen import Bar, Screen, out_folder

if TYPE_CHECKING:
    from lookalike.evaluation.comparison.comparison import Comparison
    from lookalike.images.dataset import Split

NAMES = ("lookalike", "knn", "sgd", "logistic", "forest", "boosting", "svm", "dummy")
_N_TRAIN = 10_000  # images by default: about a minute on two CPUs


def parse_names(text: str) -> list[str]:
    """Return the classifiers named in a list with commas, at least two."""
    names = options.parse_names(text, NAMES)
    if len(names) < 2:
        raise typer.BadParameter(f"{text!r} leaves nothing to compare; name two or more")
    return names


def parse_train(text: str) -> int | None:
    """Return how many training images to compare on; None for "all"."""
    return options.parse_count(text, "images", "all")


@options.command
def compare(
    screen: Screen,
    data: options.Data,
    with_: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="NAMES",
            callback=options.checked(parse_names),
            help="The classifiers to compare, two or more: lookalike and knn (ours), sgd (linear "
            "SVM), logistic (regression), (random) forest, (gradient) boosting, (RBF) svm, dummy.",
        ),
    ] = ",".join(NAMES),
    train: Annotated[
        str,
        typer.Option(
            metavar="N|all",
            callback=options.checked(parse_train),
            help="Compare on so many of the train images, of each class as large a share as of "
            "all.",
        ),
    ] = str(_N_TRAIN),
    cv: Annotated[
        int, typer.Option(metavar="N", min=2, help="Folds, the same for all classifiers.")
    ] = 3,
    features: options.Features = options.PIXELS,
    out: options.ReportFolder = None,
    n_jobs: options.Threads = None,
) -> None:
    """Compare classifiers: how good, how fast, and which differences are significant.

    Every classifier is fitted and asked fold by fold, on train images; the test images are not
    looked at. Pairs are tested by McNemar's exact test, the paired bootstrap and the corrected
    resampled t-test. Settings are those of the book's chapter, not tuned; for the vectors of a
    network logistic regression and the SVM are tuned on training folds.

    Example: lookalike compare mnist --with knn,forest,svm --out report
    """
    with out_folder(out) as folder, screen.bar("importing libraries") as bar:
        from dataclasses import replace
        from time import perf_counter

        import numpy as np

        from lookalike.evaluation.comparison.models import DESCRIPTIONS, VECTOR_DESCRIPTIONS
        from lookalike.matching.feature_choice import turn_into_vectors
        from lookalike.reports.comparison import describe
        from lookalike.reports.write import made_now, write_report

        bar.start("loading the data")
        dataset = data.load(least_classes=2, progress=screen.is_watched, features=features)
        n_train, n_test = len(dataset.train), len(dataset.test)
        # The test pictures are not looked at, by the network neither.
        part, (_, network) = turn_into_vectors(
            replace(dataset, test=dataset.test.rows(np.arange(0))), features, n_jobs, bar
        )
        start = perf_counter()
        comparison = compare_on_some(
            part.train, parse_train(train), parse_names(with_), cv, n_jobs, bar
        )
        seconds = perf_counter() - start
        settings = "Settings are those of the chapter, none is tuned."
        descriptions = DESCRIPTIONS
        if network is not None:
            settings = "Logistic regression and the SVM are tuned on training folds."
            descriptions = VECTOR_DESCRIPTIONS
        numbers = {
            "data": data,
            "source": dataset.source,
            "features": None if network is None else str(network.network),
            "n_train": n_train,
            "n_test_not_looked_at": n_test,
            "seconds": round(seconds, 3),
            **comparison.to_dict(),
        }
        report = made_now(
            describe(comparison),
            numbers,
            n_jobs=n_jobs,
            title=f"Classifiers compared on {data}",
            subtitle=f"{comparison.n:,} of {n_train:,} train images of {data}, in {cv} folds, in "
            f"{seconds:.1f} s; the {n_test:,} test images were not looked at. {settings}",
            parameters={
                "data": data,
                "images": comparison.n,
                "folds": cv,
                "seed": 0,
                **{name: descriptions[name] for name in comparison.names},
            },
            timings={"comparison": seconds},
        )
        if folder is not None:
            write_report(folder, report)
    screen.show_report(report, out)


def compare_on_some(
    train: Split, n: int | None, names: Sequence[str], cv: int, n_jobs: int | None, bar: Bar
) -> Comparison:
    """Compare classifiers on so many of the training images, or on all of them."""
    from lookalike.evaluation.comparison.compare import compare as compare_on_folds
    from lookalike.evaluation.comparison.models import chapter_classifiers, vector_classifiers
    from lookalike.evaluation.folds import some_of_each_class

    def tell(done: int, total: int) -> None:
        bar.start(f"fitting and asking {names[min(done // cv, len(names) - 1)]}")
        bar(done, total)

    rows = some_of_each_class(train.labels, min(n or len(train), len(train)))
    make = chapter_classifiers if train.vectors is None else vector_classifiers
    known = make(n_jobs=-1 if n_jobs is None else n_jobs)
    return compare_on_folds(
        {name: known[name] for name in names},
        train.inputs[rows],
        train.labels[rows],
        cv=cv,
        progress=tell,
    )
