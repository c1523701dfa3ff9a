"""The work of ``lookalike predict``: from what was named to answers, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from rich.text import Text

import lookalike
from lookalike.cli.jobs import one_line, say_error, say_note
from lookalike.cli.screen import Bar, Screen
from lookalike.cli.work.answers import Answer, answer, csv_header, csv_lines, json_lines, table
from lookalike.cli.work.neighbours import draw_neighbours
from lookalike.images.files import counted
from lookalike.images.sources import Bytes, Findings, find_sources, in_form, read_source
from lookalike.models.model import Explained, Model, open_model
from lookalike.search.threads import count_threads

_BATCH = 1000
_EXPLAINED_BATCH = 50  # the explanation of an image takes some twenty times its memory
_BATCH_PIXELS = 2**24  # of pictures as they were given, so that batches of photographs are small
_N_NEAREST = 6


class Asked(NamedTuple):
    """What was asked for; the parameters are those of ``lookalike predict``.

    Attributes
    ----------
    explain : Path or None
        Where the pictures of the neighbours are to be at the end.
    folder : Path or None
        Where they are written until then.
    """

    model: Path
    images: Sequence[str]
    as_is: bool
    reject: float
    top: int | None
    n_jobs: int | None
    explain: Path | None
    folder: Path | None


@dataclass
class Predicted:
    """What came out.

    Attributes
    ----------
    answers : list of Answer
        Unless they were printed already.
    explained : list of dict
        For JSON, of each answer its neighbours and the file of its picture; empty if that was not
        asked for.
    failed : list of (str, str)
        Images that could not be read, and why.
    """

    asked: Asked
    model: Model
    answers: list[Answer] = field(default_factory=list)
    explained: list[dict[str, Any]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def report(self) -> dict[str, Any]:
        """Return what ``predict --json`` prints."""
        return {
            "lookalike": lookalike.__version__,
            "model": str(self.asked.model),
            "reject": self.asked.reject,
            "class_names": self.model.class_names,
            "images": [
                {**one.entry(), **(self.explained[i] if self.explained else {})}
                for i, one in enumerate(self.answers)
            ],
            "failed": [{"image": name, "error": why} for name, why in self.failed],
            "seconds": round(self.seconds, 4),
        }

    def show(self, screen: Screen) -> None:
        """Print the table of answers."""
        if not self.answers:
            return
        n, top = len(self.answers), self.asked.top
        # not by rich, which would take a minute for the table of MNIST's test images
        print(table(self.answers, top=top, colour=screen.out.is_terminal), end="", flush=True)
        n_doubtful = sum(not one.sure for one in self.answers)
        said = f"{counted(n, 'image')} in {self.seconds:.2f} s, {n / self.seconds:,.0f} a second"
        if n_doubtful:
            said += f"; not sure of {n_doubtful:,}"
        screen.out.print()
        screen.out.print(Text(said, style="dim"), soft_wrap=True)
        if self.asked.explain is not None:
            wrote = f"Wrote {counted(n, 'picture')} into {self.asked.explain}"
            screen.out.print(Text(wrote), soft_wrap=True)


def predict_all(
    asked: Asked, bar: Bar, *, print_lines: Callable[[str], None] | None, as_csv: bool
) -> Predicted:
    """Answer about all images.

    Parameters
    ----------
    asked : Asked
    bar : Bar
    print_lines : callable or None
        Given the lines of each batch as soon as they are known; if None, answers are kept.
    as_csv : bool
        The lines are CSV, else JSON.
    """
    n_threads = count_threads(asked.n_jobs)
    bar.start("opening the model")
    model = open_model(asked.model)
    if asked.n_jobs is not None:
        model.estimator.n_jobs = n_threads
    predicted = Predicted(asked, model)
    start = perf_counter()
    if print_lines is not None and as_csv:
        print_lines(csv_header(asked.top))
    bar.start("predicting")
    for batch in _batches(asked, model, predicted.failed, bar):
        answers, explained = _answer(batch, asked, model)
        if print_lines is None:
            predicted.answers += answers
            predicted.explained += explained
        elif as_csv:
            print_lines(csv_lines(answers, asked.top))
        else:
            print_lines(json_lines(answers, explained))
    predicted.seconds = perf_counter() - start
    return predicted


class _Read(NamedTuple):
    """An image as it was given, in the model's form, and what is in doubt of it."""

    number: int
    name: str
    given: Bytes
    image: Bytes
    doubt: str | None


def _batches(
    asked: Asked, model: Model, failed: list[tuple[str, str]], bar: Bar
) -> Iterator[list[_Read]]:
    """Read images until a batch is full; tell those that cannot be read."""
    most = _BATCH if asked.folder is None else _EXPLAINED_BATCH
    findings = Findings()
    sources = find_sources(asked.images, findings.left_out)
    batch: list[_Read] = []
    n_pixels = number = 0
    tell = _FileBar(bar, len(sources))
    for done, source in enumerate(sources):
        tell.start(done)
        enough = None if asked.as_is else model.form.least_size
        for picture in read_source(source, findings, least_size=enough, progress=tell):
            try:
                image, doubt = in_form(picture, model.form, as_is=asked.as_is)
            except ValueError as error:
                failed.append((picture.name, one_line(str(error))))
                say_error(str(error))
                continue
            assert isinstance(picture.pixels, np.ndarray)
            batch.append(_Read(number, picture.name, picture.pixels, image, doubt))
            number += 1
            n_pixels += picture.pixels.size
            if len(batch) >= most or n_pixels >= _BATCH_PIXELS:
                yield batch
                batch, n_pixels = [], 0
    if batch:
        yield batch
    for note in findings.notes():
        say_note(note)


class _FileBar:
    """The progress over files, of which some hold thousands of images, in thousandths of one."""

    def __init__(self, bar: Bar, n_files: int) -> None:
        self.bar, self.n_files, self.done = bar, n_files, 0

    def start(self, done: int) -> None:
        self.done = done
        self.bar(1000 * done, 1000 * self.n_files)

    def __call__(self, done: int, total: int) -> None:
        self.bar(1000 * self.done + 1000 * done // total, 1000 * self.n_files)


def _answer(
    batch: list[_Read], asked: Asked, model: Model
) -> tuple[list[Answer], list[dict[str, Any]]]:
    images = np.stack([own.image for own in batch])
    names = model.class_names
    if asked.folder is None:
        probabilities = model.probabilities(images)
        explained: list[Explained] = []
    else:
        explained = model.explain(images, min(_N_NEAREST, model.n_samples))
        probabilities = np.stack([own.probabilities for own in explained])
    answers = [
        answer(own.name, names, row, reject=asked.reject, top=asked.top, doubt=own.doubt)
        for own, row in zip(batch, probabilities, strict=True)
    ]
    entries = []
    for own, one, why in zip(batch, answers, explained, strict=bool(explained)):
        assert asked.folder is not None
        assert asked.explain is not None
        file = f"{own.number:05}-{_plain(own.name)}.png"
        draw_neighbours(own.given, own.image, one, why, model, asked.folder / file)
        entries.append(
            {
                "picture": str(asked.explain / file),
                "neighbours": [
                    {
                        "row": neighbour.row,
                        "file": neighbour.file,
                        "label": neighbour.label,
                        "distance": neighbour.distance,
                        "share": round(neighbour.share, 6),
                        "variant": neighbour.variant,
                    }
                    for neighbour in why.neighbours
                ],
            }
        )
    return answers, entries


def _plain(name: str) -> str:
    """Return what of an image's name a file may be called by."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in last)
    return kept.strip("-")[:60] or "image"
