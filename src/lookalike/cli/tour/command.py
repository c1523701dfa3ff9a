"""The command ``lookalike tour``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from lookalike.cli.data_options import DataName, takes_data
from lookalike.cli.jobs import Debug, Json, Threads, job


class Peer(Enum):
    """Whom the tour can measure itself against."""

    SKLEARN = "sklearn"


@takes_data
def tour(
    data: Annotated[
        DataName | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A data set by name (see lookalike data list), a folder of images or IDX files, "
            "or an .npz file. Without it: mnist, or where that cannot be had the bundled digits.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Also write report.html, which opens anywhere, report.json and the pictures (PNG) "
            "into this folder.",
        ),
    ] = None,
    against: Annotated[
        Peer | None,
        typer.Option(help="Also do the same work with scikit-learn; takes half a minute on mnist."),
    ] = None,
    n_jobs: Threads = None,
    as_json: Json = False,
    debug: Debug = False,
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
    with job(debug):
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        with screen.bar() as bar:
            bar.start("importing libraries")
            from lookalike.cli.tour.walk import walk
        walk(
            data_name=data,
            out=out,
            against=against is Peer.SKLEARN,
            n_jobs=n_jobs,
            screen=screen,
            started=started,
        )
