"""What commands have in common: their options, and what they do about whatever goes wrong."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")
]
Threads = Annotated[
    int | None,
    typer.Option("--n-jobs", metavar="N", help="Threads to use; all CPUs if not given or -1."),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        file_okay=False,
        help="Also write report.html, which opens anywhere, and report.json into this folder.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of what fails.")]

FAILED = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@contextmanager
def job(debug: bool) -> Iterator[None]:
    """Turn what goes wrong inside into one line on stderr and an exit code."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: say_note(str(message))
            yield
    except KeyboardInterrupt:
        _exit("interrupted", INTERRUPTED, debug)
    except (typer.Exit, BrokenPipeError):
        raise
    except (ValueError, OSError) as error:  # their messages are made for the user
        _exit(str(error), FAILED, debug)
    except Exception as error:
        _exit(f"{type(error).__name__}: {error} (--debug shows where)", FAILED, debug)


def _exit(message: str, code: int, debug: bool) -> NoReturn:
    if debug:
        import traceback

        traceback.print_exc()
    say_error(message)
    raise typer.Exit(code) from None


def checked(parse: Callable[[str], Any]) -> Callable[[str | None], str | None]:
    """Return a callback that finds early what is wrong with an option, and keeps what was typed."""

    def check(text: str | None) -> str | None:
        if text is not None:
            parse(text)
        return text

    return check


def help_if_alone(context: typer.Context) -> None:
    """Print the help of a group of commands that was called without one."""
    if context.invoked_subcommand is None:
        print(context.get_help())


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
