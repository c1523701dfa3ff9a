"""``lookalike predict``: what images are, by a model that was trained before."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli.jobs import FAILED, Debug, Json, Threads, job, one_line, say_error, say_note
from lookalike.cli.modelfile import AsIs, ModelFile, Reject, check_is_file

if TYPE_CHECKING:
    from lookalike.cli.screen import Screen
    from lookalike.models.predictions import Answer, Prediction

_N_NEAREST = 6


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

    Images that cannot be read are named on stderr; the others are answered, and the exit code is 1.

    Example: lookalike predict digits.lookalike scans/ --reject 0.9 --explain why
    """
    if as_json and layout is not None:
        raise typer.BadParameter("give either this or --json", param_hint="'--format'")
    with job(debug):
        import sys

        from lookalike.cli.outfolder import filled_at_the_end
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        check_is_file(model)
        # The progress bar shows what is printed meanwhile above itself, on stderr; so what is not
        # for eyes is printed to the stdout that was there before.
        stdout = None if sys.stdout.isatty() else sys.stdout
        as_table = layout in (None, Format.TABLE)
        answers: list[Answer] = []
        entries: list[dict[str, Any]] = []
        failed: list[tuple[str, str]] = []

        def fail(name: str, error: ValueError) -> None:
            failed.append((name, one_line(str(error))))
            say_error(str(error))

        with (
            filled_at_the_end(explain, option="--explain") as folder,
            screen.bar(time_left=True) as bar,
        ):
            bar.start("importing libraries")
            from time import perf_counter

            from lookalike import __version__
            from lookalike.models.model import open_model
            from lookalike.models.predictions import neighbors_gallery, predict_pictures
            from lookalike.reports.png import save_png
            from lookalike.search.machine import count_threads

            n_threads = count_threads(n_jobs)
            bar.start("opening the model")
            opened = open_model(model)
            if n_jobs is not None:
                opened.on_threads(n_threads)
            start = perf_counter()
            if layout is Format.CSV:
                print(csv_header(top), end="", file=stdout, flush=True)
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
                new = []
                for one in batch:
                    entry = one.answer._asdict()
                    if folder is not None and explain is not None:
                        file = f"{number:05}-{_plain(one.answer.image)}.png"
                        save_png(folder / file, neighbors_gallery(one, opened))
                        entry |= {"picture": str(explain / file), **_neighbors(one)}
                    new.append(entry)
                    number += 1
                own = [one.answer for one in batch]
                if as_table:
                    answers += own
                    entries += new
                else:
                    lines = csv_lines(own, top) if layout is Format.CSV else json_lines(new)
                    print(lines, end="", file=stdout, flush=True)
            seconds = perf_counter() - start
        screen.result(
            {
                "lookalike": __version__,
                "model": str(model),
                "reject": reject,
                "class_names": opened.class_names,
                "images": entries,
                "failed": [{"image": name, "error": why} for name, why in failed],
                "seconds": round(seconds, 4),
            }
        )
        if answers and not as_json:
            _show(answers, top, seconds, explain, screen)
        if failed:
            raise typer.Exit(FAILED)


def _show(
    answers: Sequence[Answer], top: int | None, seconds: float, explain: Path | None, screen: Screen
) -> None:
    from rich.text import Text

    from lookalike.images.files import counted

    # not by rich, which would take a minute for the table of MNIST's test images
    print(table(answers, top=top, colour=screen.out.is_terminal), end="", flush=True)
    n = len(answers)
    n_doubtful = sum(not one.sure for one in answers)
    said = f"{counted(n, 'image')} in {seconds:.2f} s, {n / seconds:,.0f} a second"
    if n_doubtful:
        said += f"; not sure of {n_doubtful:,}"
    screen.out.print()
    screen.out.print(Text(said, style="dim"), soft_wrap=True)
    if explain is not None:
        wrote = f"Wrote {counted(n, 'picture')} into {explain}"
        screen.out.print(Text(wrote), soft_wrap=True)


def _neighbors(one: Prediction) -> dict[str, Any]:
    """Return for JSON what an answer rests on."""
    near = [] if one.explained is None else one.explained.neighbors
    return {
        "neighbors": [
            {
                "row": own.row,
                "file": own.file,
                "label": own.label,
                "distance": own.distance,
                "share": round(own.share, 6),
                "variant": own.variant,
            }
            for own in near
        ]
    }


def _plain(name: str) -> str:
    """Return what of an image's name a file may be called by."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in last)
    return kept.strip("-")[:60] or "image"


def csv_header(top: int | None) -> str:
    """Return the first line of CSV."""
    columns = ["image", "label", "probability", "sure", "candidates", "reason"]
    for place in range(1, (top or 0) + 1):
        columns += [f"class_{place}", f"probability_{place}"]
    return _csv([columns])


def csv_lines(answers: Sequence[Answer], top: int | None) -> str:
    """Return a line of CSV an answer; the label is empty where it is not sure."""
    rows: list[list[str | float]] = []
    for one in answers:
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
        rows.append(row)
    return _csv(rows)


def json_lines(entries: Sequence[dict[str, Any]]) -> str:
    """Return a JSON document in a line an answer."""
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def table(answers: Sequence[Answer], *, top: int | None, colour: bool) -> str:
    """Return answers below each other, for eyes; of many, too, as nothing is cut or wrapped."""
    titles = ["image", "answer", "probability"]
    # a line break in a name is shown as �, so that a line stays an answer
    rows = [
        [re.sub(r"[\x00-\x1f\x7f]", "�", one.image), one.words(), f"{one.probability:.1%}"]
        for one in answers
    ]
    if top is not None:
        titles.append("likeliest")
        for row, one in zip(rows, answers, strict=True):
            row.append(", ".join(f"{name} {p:.1%}" for name, p in one.probabilities.items()))
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        laid = [
            cell.rjust(width) if i == 2 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "   ".join(laid).rstrip()

    lines = [typer.style(line(titles), bold=True) if colour else line(titles)]
    for row, one in zip(rows, answers, strict=True):
        doubtful = colour and not one.sure
        lines.append(typer.style(line(row), fg="yellow") if doubtful else line(row))
    return "".join(f"{own}\n" for own in lines)


def _csv(rows: Sequence[Sequence[str | float]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
