"""``lookalike`` on the command line: its commands, and what all of them have in common.

Results go to stdout, progress and notices to stderr. With ``--json`` stdout holds one JSON document
and nothing else. Exit codes: 0 done, 1 failed (one line on stderr says why; ``--debug`` adds the
traceback), 2 wrong usage, 130 interrupted.

This module and those of the commands import nothing but typer, so that help comes at once; what
a command needs it imports when it runs.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated, Any

import typer

from lookalike import __version__
from lookalike.cli.add import add
from lookalike.cli.audit import audit
from lookalike.cli.augment import augment
from lookalike.cli.clean import clean
from lookalike.cli.compare import compare
from lookalike.cli.data import data_app
from lookalike.cli.evaluate import evaluate
from lookalike.cli.forget import forget
from lookalike.cli.info import info
from lookalike.cli.options import help_if_alone
from lookalike.cli.predict import predict
from lookalike.cli.probe import probe
from lookalike.cli.screen import one_line, say_error
from lookalike.cli.serve import serve
from lookalike.cli.tour.command import tour
from lookalike.cli.train import train
from lookalike.cli.tune import tune

# Help and usage errors are typer's plain ones: its rich ones cost as much time as all the rest.
app = typer.Typer(name="lookalike", rich_markup_mode=None, pretty_exceptions_enable=False)
_ON_MODELS = (tour, train, predict, serve, add, forget, tune, evaluate)
for _command in (*_ON_MODELS, compare, probe, augment, clean, audit, info):
    app.command()(_command)
app.add_typer(data_app, name="data")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Say what an image is by the images that look like it.

    Every command takes --json (one JSON document on stdout, nothing else) and --debug (the
    traceback of what failed). Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Start with: lookalike tour
    """
    help_if_alone(context)


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        # An output that cannot show every character still gets all that it can.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        sys.exit(app(prog_name="lookalike", standalone_mode=False))
    except Exception as error:
        # Which module has typer's usage errors depends on its version; this is what they are.
        if getattr(error, "exit_code", None) != 2:
            raise
        usage_error: Any = error
        message = one_line(usage_error.format_message()).removesuffix(".")
        say_error(f"{message}; see {usage_error.ctx.command_path} --help")
        sys.exit(2)
