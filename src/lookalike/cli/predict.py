"""``lookalike predict``: what images are, by a model that was trained before."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.jobs import FAILED, Debug, Json, Threads, job
from lookalike.cli.modelfile import AsIs, ModelFile, Reject, check_is_file


class Format(Enum):
    """How answers are printed."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


def predict(
    model: ModelFile,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES",
            help="Image files, .npy and .npz files of one image or a stack, folders of them, "
            "patterns such as 'scans/*.png'; - for stdin: one image, or names, one a line.",
            show_default=False,
        ),
    ],
    as_is: AsIs = False,
    reject: Reject = 0.5,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Also print the probabilities of the N likeliest classes. JSON has those of all "
            "classes if it is not given.",
        ),
    ] = None,
    layout: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="How answers are printed, table if it is not given. csv and jsonl (one JSON "
            "document an image) come while the work goes on.",
        ),
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Also write a picture of each image beside the training images nearest to it into "
            "this folder.",
        ),
    ] = None,
    n_jobs: Threads = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what images are.

    An image that cannot be read is told on stderr; the others are answered, and the exit code is 1.

    Example: lookalike predict digits.lookalike scans/ --reject 0.9 --explain why
    """
    if as_json and layout is not None:
        raise typer.BadParameter("give either this or --json", param_hint="'--format'")
    with job(debug):
        import contextlib
        import sys

        from lookalike.cli.outfolder import filled_at_the_end
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        check_is_file(model)
        # The progress bar shows what is printed meanwhile above itself, on stderr; so what is not
        # for eyes is printed to the stdout that was there before.
        stdout = None if sys.stdout.isatty() else sys.stdout
        with (
            contextlib.nullcontext()
            if explain is None
            else filled_at_the_end(explain, option="--explain") as folder,
            screen.bar(time_left=True) as bar,
        ):
            bar.start("importing libraries")
            from lookalike.cli.work.predicting import Asked, predict_all

            predicted = predict_all(
                Asked(model, images, as_is, reject, top, n_jobs, explain, folder),
                bar,
                print_lines=None
                if layout in (None, Format.TABLE)
                else lambda text: print(text, end="", file=stdout, flush=True),
                as_csv=layout is Format.CSV,
            )
        screen.result(predicted.report())
        if layout in (None, Format.TABLE) and not as_json:
            predicted.show(screen)
        if predicted.failed:
            raise typer.Exit(FAILED)
