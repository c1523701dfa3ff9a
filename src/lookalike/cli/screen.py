"""Where a command's results, progress and notices go, and how it ends when something fails."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress

    from lookalike.reports.blocks import Report

FAILED = 1
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_INDENT = 3  # columns, of the result of a step


class Screen:
    """Results on stdout, progress on stderr; the latter only where somebody watches.

    With ``as_json`` results are one JSON document; what is meant for eyes is not shown.
    """

    def __init__(self, *, as_json: bool) -> None:
        from rich.console import Console

        self.as_json = as_json
        self.out = Console(highlight=False, quiet=as_json)
        self._err = Console(stderr=True)

    @property
    def is_watched(self) -> bool:
        """Whether progress is seen."""
        return self._err.is_terminal

    def result(self, document: dict[str, Any]) -> None:
        """Print the JSON document, if it is wanted."""
        if self.as_json:
            print(json.dumps(document, indent=2))

    def say(self, text: str = "", style: str = "", *, indented: bool = False) -> None:
        """Print lines that are not wrapped; or wrapped ones, indented as part of a step."""
        from rich.padding import Padding
        from rich.text import Text

        said: RenderableType = Text(text, style)
        if indented:
            said = Padding(said, (0, 0, 0, _INDENT), expand=False)
        self.out.print(said, soft_wrap=not indented)

    def say_written(self, what: str, folder: Path | None) -> None:
        """Print what was written into a folder, if there is one."""
        if folder is not None:
            self.say(f"\nWrote {what} into {folder}")

    def show_report(self, report: Report, folder: Path | None) -> None:
        """Print the numbers of a report as JSON, or all of it for eyes, and where it was written.

        Its subtitle says last how it came about.
        """
        from lookalike.reports.terminal import show

        self.result(dict(report.numbers))
        show(report.sections, self.out, titles=False)
        self.say(f"\n{report.subtitle}", "dim", indented=True)
        self.say_written("report.html, report.json", folder)

    @contextmanager
    def bar(self, what: str = "", *, time_left: bool = False) -> Iterator[Bar]:
        """Give a progress bar that appears when first used and goes away at the end.

        Beside it stands the time that has gone, or that is left.
        """
        from rich import progress

        columns = (
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn() if time_left else progress.TimeElapsedColumn(),
        )
        shown = progress.Progress(
            *columns, console=self._err, transient=True, disable=not self.is_watched
        )
        bar = Bar(shown)
        try:
            if what:
                bar.start(what)
            yield bar
        finally:
            shown.stop()


class Bar:
    """The progress of one step, which may do several things one after the other."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", start=False, total=None)

    def start(self, what: str) -> None:
        """Say what is done now; how far it is, is not known yet."""
        self._progress.start()
        self._progress.reset(self._task, description=what, total=None, completed=0)

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def out_folder(folder: Path | None, *, option: str = "--out") -> Iterator[Path | None]:
    """Give an empty folder to write into, whose files a run that fails does not leave behind.

    No folder is given if there is none; the option that names it is for errors.
    """
    if folder is None:
        yield None
        return
    from lookalike.images.files import filled_folder

    with filled_folder(folder, cure=f"name another folder by {option}") as scratch:
        yield scratch


def write_json(folder: Path, document: dict[str, Any]) -> None:
    """Write what a command prints as JSON into ``report.json``."""
    (folder / "report.json").write_text(json.dumps(document, indent=2) + "\n")


@contextmanager
def job(debug: bool) -> Iterator[None]:
    """Turn what goes wrong inside into one line on stderr and an exit code."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: say_note(str(message))
            yield
    except KeyboardInterrupt:
        _exit("interrupted", _INTERRUPTED, debug)
    except (typer.Exit, typer.BadParameter, BrokenPipeError):
        raise
    except (ValueError, OSError) as error:  # their messages are made for the user
        _exit(str(error), FAILED, debug)
    except Exception as error:
        if isinstance(error, ImportError):
            from lookalike.features.network import PhotosMissingError

            if isinstance(error, PhotosMissingError):
                _exit(str(error), FAILED, debug)
        _exit(f"{type(error).__name__}: {error} (--debug shows where)", FAILED, debug)


def _exit(message: str, code: int, debug: bool) -> NoReturn:
    if debug:
        import traceback

        traceback.print_exc()
    say_error(message)
    raise typer.Exit(code) from None


def say_error(message: str) -> None:
    """Print an error on stderr, in one line."""
    _say("error:", typer.colors.RED, message)


def say_note(message: str) -> None:
    """Print a notice on stderr, in one line."""
    _say("note:", typer.colors.YELLOW, message)


def _say(kind: str, colour: str, message: str) -> None:
    sys.stdout.flush()
    typer.echo(f"{typer.style(kind, fg=colour, bold=True)} {one_line(message)}", err=True)


def one_line(message: str) -> str:
    """Return a message with its line breaks and indents made single spaces."""
    return " ".join(message.split())
