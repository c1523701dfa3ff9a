"""The options that the programs of several contenders share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

BARS_THREADS = 2
"""How many threads the bars were set for."""


def new_parser(description: str) -> argparse.ArgumentParser:
    """A parser that prints the docstring of a program as it stands."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_shared_options(parser: argparse.ArgumentParser, *, rounds: str) -> None:
    """Add --threads, --repeat, --repeat-slow, --json and --quick.

    Parameters
    ----------
    parser : ArgumentParser
    rounds : str
        Whose rounds --repeat counts, and its default.
    """
    add = parser.add_argument
    add("--threads", type=int, default=BARS_THREADS, help="threads of each (%(default)s)")
    add("--repeat", type=int, help=f"rounds of {rounds}")
    add("--repeat-slow", type=int, default=1, help="rounds of the slow peers (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write all figures there too")
    add("--quick", action="store_true", help="tiny sizes and one round: does it run at all?")


def parse(
    parser: argparse.ArgumentParser, counts: Sequence[str] = ("threads", "repeat", "repeat_slow")
) -> argparse.Namespace:
    """Parse the command line; end the program if a count is below 1."""
    args = parser.parse_args()
    for name in counts:
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} {value}: give at least 1")
    return args
