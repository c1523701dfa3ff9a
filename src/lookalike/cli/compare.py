"""``lookalike compare``: classifiers side by side on the same folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.data_options import Data, takes_data
from lookalike.cli.jobs import Debug, Json, ReportFolder, Threads, checked, job

if TYPE_CHECKING:
    from rich.table import Table

    from lookalike.cli.screen import Screen
    from lookalike.evaluation.comparison.comparison import Comparison

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
    """Compare classifiers: how good, how fast, and which differences are no luck.

    Every classifier is fitted and asked fold by fold, on train images; the test images are not
    looked at. Pairs are tested by McNemar's exact test, the paired bootstrap and the corrected
    resampled t-test. Settings are those of the book's chapter, not tuned.

    Example: lookalike compare mnist --with knn,forest,svm --out report
    """
    with job(debug):
        import contextlib

        from lookalike.cli.outfolder import filled_at_the_end
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        with (
            contextlib.nullcontext() if out is None else filled_at_the_end(out) as folder,
            screen.bar() as bar,
        ):
            bar.start("importing libraries")
            from lookalike.cli.work.comparing import compare_classifiers

            done = compare_classifiers(
                data,
                parse_names(with_),
                n_images=parse_train(train),
                n_folds=cv,
                n_jobs=n_jobs,
                bar=bar,
                watched=screen.is_watched,
            )
            files = [] if folder is None else done.write(folder)
        screen.result(done.report())
        if not as_json:
            show_comparison(done.comparison, screen)
            screen.say()
            from rich.text import Text

            screen.say(Text(done.how()), style="dim")
            if out is not None:
                screen.out.print()
                screen.out.print(Text(f"Wrote {', '.join(files)} into {out}"), soft_wrap=True)


def show_comparison(comparison: Comparison, screen: Screen) -> None:
    """Print the scores, and who beats whom."""
    from rich.text import Text

    screen.say(_scores(comparison))
    screen.say()
    for i in comparison.order:
        beaten = [
            name for name, won in zip(comparison.names, comparison.beats[i], strict=True) if won
        ]
        if beaten:
            screen.say(Text(f"{comparison.names[i]} beats {', '.join(beaten)}."))
    tests = "McNemar's exact test, corrected by Holm for all pairs"
    screen.say(f"(One beats another: {tests}, at {1 - comparison.confidence:.2g}.)", style="dim")
    for contestant in comparison.contestants:
        for note in contestant.notes:
            screen.say(Text(f"{contestant.name} warns: {note}"), style="dim")


def _scores(comparison: Comparison) -> Table:
    import math

    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 3, 0, 0), show_edge=False, header_style="bold")
    table.add_column("")
    for column in ("accuracy", f"{comparison.confidence:.0%} interval", "fit", "predict", "memory"):
        table.add_column(column, justify="right")
    for i in comparison.order:
        contestant = comparison.contestants[i]
        if contestant.error is not None:
            table.add_row(Text(contestant.name), Text("failed", "bold red"))
            continue
        low, high = comparison.intervals[i]
        memory = contestant.memory_mib
        table.add_row(
            Text(contestant.name, "bold"),
            f"{comparison.accuracy[i]:.4f}",
            f"{low:.4f} to {high:.4f}",
            f"{comparison.fit_seconds[i]:.2f} s",
            f"{comparison.predict_seconds[i]:.2f} s",
            "" if math.isnan(memory) else f"{memory:,.0f} MiB",
        )
    return table
