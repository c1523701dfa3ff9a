"""``lookalike predict``: what images are, by a model that was trained before."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lookalike.cli import options
from lookalike.cli.screen import FAILED, Screen, one_line, out_folder, say_error, say_note

if TYPE_CHECKING:
    from lookalike.models.predictions import Answer, Prediction

_N_NEAREST = 6
_TOLD_OF_NEIGHBORS = ("row", "file", "label", "distance", "share", "variant")


@partial(options.command, searches=True)
def predict(
    screen: Screen,
    model: options.ModelFile,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES",
            help="Image files, .npy and .npz files of one image or a stack, tables (CSV) with the "
            "pixels of an image a row, folders of images, patterns such as 'scans/*.png'; - for "
            "stdin: one image, or names, one a line.",
            show_default=False,
        ),
    ],
    as_is: options.AsIs = False,
    reject: options.Reject = 0.5,
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
        Literal["table", "csv", "jsonl"] | None,
        typer.Option(
            "--format",
            help="How answers are printed, table if it is not given. csv and jsonl (one JSON "
            "document an image) come while the work goes on.",
        ),
    ] = None,
    explain: Annotated[
        Path | None,
        options.folder_option(
            "Also write a picture of each image beside the training images nearest to it into this "
            "folder."
        ),
    ] = None,
    n_jobs: options.Threads = None,
) -> None:
    """Say what images are.

    Images that cannot be read are named on stderr; the others are answered, and the exit code is 1.

    Example: lookalike predict digits.lookalike scans/ --reject 0.9 --explain why
    """
    if screen.as_json and layout is not None:
        raise typer.BadParameter("give either this or --json", param_hint="'--format'")
    options.check_is_file(model)
    answers: list[Answer] = []
    entries: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []

    def fail(name: str, error: ValueError) -> None:
        failed.append({"image": name, "error": one_line(str(error))})
        say_error(str(error))

    # The progress bar shows what is printed meanwhile above itself, on stderr; so what is not for
    # eyes is printed to the stdout that was there before.
    stdout = None if sys.stdout.isatty() else sys.stdout
    with (
        out_folder(explain, option="--explain") as folder,
        screen.bar("importing libraries", time_left=True) as bar,
    ):
        from time import perf_counter

        from lookalike import __version__
        from lookalike.images.files import counted
        from lookalike.models.predictions import neighbors_gallery, predict_pictures
        from lookalike.reports.png import save_png

        bar.start("opening the model")
        opened = options.open_on_threads(model, n_jobs)
        start = perf_counter()
        if layout == "csv":
            print(csv_text([csv_header(top)]), end="", file=stdout, flush=True)
        bar.start("predicting")
        number = 0
        for batch in predict_pictures(
            opened,
            images,
            as_is=as_is,
            reject=reject,
            top=top,
            n_nearest=None if folder is None else _N_NEAREST,
            progress=bar,
            on_failure=fail,
            on_note=say_note,
        ):
            own, new = [one.answer for one in batch], [one.answer._asdict() for one in batch]
            if folder is not None and explain is not None:
                for one, entry in zip(batch, new, strict=True):
                    file = f"{number:05}-{_plain(one.answer.image)}.png"
                    save_png(folder / file, neighbors_gallery(one, opened))
                    entry |= {"picture": str(explain / file), "neighbors": _neighbors(one)}
                    number += 1
            if layout in (None, "table"):
                answers += own
                entries += new
            else:
                lines = "".join(json.dumps(entry) + "\n" for entry in new)
                if layout == "csv":
                    lines = csv_text([csv_row(one, top) for one in own])
                print(lines, end="", file=stdout, flush=True)
        seconds = perf_counter() - start
    screen.result(
        {
            "lookalike": __version__,
            "model": str(model),
            "reject": reject,
            "class_names": opened.class_names,
            "images": entries,
            "failed": failed,
            "seconds": round(seconds, 4),
        }
    )
    if answers and not screen.as_json:
        # not by rich, which would take a minute for the table of MNIST's test images
        for line in table(answers, top=top, colour=screen.out.is_terminal):
            print(line)
        n, n_doubtful = len(answers), sum(not one.sure for one in answers)
        said = f"\n{counted(n, 'image')} in {seconds:.2f} s, {n / seconds:,.0f} a second"
        screen.say(said + (f"; not sure of {n_doubtful:,}" if n_doubtful else ""), "dim")
        if explain is not None:
            screen.say(f"Wrote {counted(n, 'picture')} into {explain}")
    if failed:
        raise typer.Exit(FAILED)


def _neighbors(one: Prediction) -> list[dict[str, Any]]:
    """Return for JSON the training images that an answer rests on."""
    near = [] if one.explained is None else one.explained.neighbors
    return [
        {name: getattr(own, name) for name in _TOLD_OF_NEIGHBORS} | {"share": round(own.share, 6)}
        for own in near
    ]


def _plain(name: str) -> str:
    """Return what of an image's name a file may be called by."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in last)
    return kept.strip("-")[:60] or "image"


def csv_header(top: int | None) -> list[str]:
    """Return the names of the columns of CSV."""
    columns = ["image", "label", "probability", "sure", "candidates", "reason"]
    for place in range(1, (top or 0) + 1):
        columns += [f"class_{place}", f"probability_{place}"]
    return columns


def csv_row(one: Answer, top: int | None) -> list[str | float]:
    """Return a row of CSV; the label is empty where the answer is not sure."""
    row: list[str | float] = [
        one.image,
        one.label if one.sure else "",
        one.probability,
        "yes" if one.sure else "no",
        "" if one.sure else "|".join(one.candidates),
        one.reason or "",
    ]
    if top is not None:
        for name, probability in one.probabilities.items():
            row += [name, probability]
    return row


def csv_text(rows: Sequence[Sequence[str | float]]) -> str:
    """Return rows as CSV."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def table(answers: Sequence[Answer], *, top: int | None, colour: bool) -> Iterator[str]:
    """Yield lines of a table for eyes; nothing is cut or wrapped, so that it serves many."""
    rows = [["image", "answer", "probability"]]
    # A line break in a name is shown as �, so that an answer stays a line.
    rows += [
        [re.sub(r"[\x00-\x1f\x7f]", "�", one.image), one.words(), f"{one.probability:.1%}"]
        for one in answers
    ]
    if top is not None:
        rows[0].append("likeliest")
        for row, one in zip(rows[1:], answers, strict=True):
            row.append(", ".join(f"{name} {p:.1%}" for name, p in one.probabilities.items()))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, answer in zip(rows, [None, *answers], strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[2] = row[2].rjust(widths[2])
        line = "   ".join(cells).rstrip()
        if colour and answer is None:
            line = typer.style(line, bold=True)
        elif colour and answer is not None and not answer.sure:
            line = typer.style(line, fg="yellow")
        yield line
