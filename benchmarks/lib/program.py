"""What every program does alike: its command line, the head of its report, and its JSON file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.progress import Progress

from lib.harness import progress_on_stderr
from lib.images import StoredImages, stored_images

BARS_THREADS = 2
"""How many threads the bars were set for."""


# --- The command line ----------------------------------------------------------------------------


def new_parser(
    description: str,
    *,
    data: Sequence[str] = (),
    threads: bool = True,
    rounds: str | None = None,
    slow_rounds: bool = False,
    quick: str | None = "tiny sizes and one round",
) -> argparse.ArgumentParser:
    """A parser with the options that programs share, which prints their docstring as it stands.

    Parameters
    ----------
    description : str
    data : sequence of str
        The choices of --data, MNIST by default; none for a program without it.
    threads : bool
        Whether there is --threads.
    rounds : str, optional
        Whose rounds --repeat counts, and its default; None for a program without it.
    slow_rounds : bool
        Whether there is --repeat-slow.
    quick : str or None
        What --quick makes of the run; None for a program without it.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    if data:
        add("--data", choices=data, default="mnist", help="which images (%(default)s)")
    if threads:
        add("--threads", type=count, default=BARS_THREADS, help="threads of each (%(default)s)")
    if rounds is not None:
        add("--repeat", type=count, help=f"rounds of {rounds}")
    if slow_rounds:
        add("--repeat-slow", type=count, default=1, help="rounds of the slow peers (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write all figures there too")
    if quick is not None:
        add("--quick", action="store_true", help=f"{quick}: does it run at all?")
    return parser


def count(text: str) -> int:
    """The number of an option; what is below 1 ends the program."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give at least 1")
    return value


def parse(parser: argparse.ArgumentParser, rounds: int) -> argparse.Namespace:
    """Parse the command line, with so many rounds unless it says otherwise."""
    args = parser.parse_args()
    args.repeat = choose_rounds(args, rounds)
    return args


def choose_rounds(args: argparse.Namespace, default: int) -> int:
    """The number of rounds: as asked for, or one of a quick run."""
    return args.repeat or (1 if args.quick else default)


# --- The report ----------------------------------------------------------------------------------


@contextmanager
def reporting(
    title: str,
    distributions: Sequence[str],
    file: Path | None,
    facts: Mapping[str, str] | None = None,
) -> Iterator[tuple[dict[str, Any], Progress]]:
    """Print the head of a report, show the progress, and write what was found as JSON at the end.

    What was found until an error is written, too.

    Parameters
    ----------
    title : str
    distributions : sequence of str
        Installed packages whose versions matter beside ours, by the names pip knows.
    file : Path or None
        Nothing is written without one.
    facts : mapping, optional
        Further lines of the head, or others instead of the usual ones.

    Yields
    ------
    dict
        The figures of the report, to which the program adds its findings.
    Progress
    """
    run = _describe_run(distributions) | dict(facts or {})
    print(f"## {title}\n")
    for name, value in run.items():
        print(f"- {name}: {f'`{value}`' if name == 'command' else value}")
    found: dict[str, Any] = {"run": run}
    try:
        with progress_on_stderr() as progress:
            yield found, progress
    finally:
        if file is not None and len(found) > 1:
            text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
            file.write_text(text, encoding="utf-8")


def report_on_images(
    title: str,
    distributions: Sequence[str],
    args: argparse.Namespace,
    run: Callable[[argparse.Namespace, StoredImages, Progress], dict[str, Any]],
) -> int:
    """Report what is found on the images of --data; return 1 if any of it is wrong, else 0."""
    with (
        reporting(title, distributions, args.json) as (found, progress),
        stored_images(args.data, quick=args.quick) as data,
    ):
        found |= run(args, data, progress)
    return 1 if found["wrong"] else 0


def _describe_run(distributions: Sequence[str]) -> dict[str, str]:
    """The machine, the versions, the command line and the date: the head of every report."""
    from lookalike import _core

    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {_installed_version(name)}" for name in ("lookalike", *distributions)]
    script = Path(sys.argv[0])
    return {
        "machine": f"{_cpu_model()}, {_cpu_count()} CPUs, {_ram()} RAM, "
        f"{platform.system()} {platform.machine()}",
        "CPU paths": ", ".join(_core.available_cpu_paths()),
        "versions": ", ".join(versions),
        "command": shlex.join(["python", f"{script.parent.name}/{script.name}", *sys.argv[1:]]),
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load average at the start {load}",
    }


def _installed_version(distribution: str) -> str:
    """The version of an installed package, or "not installed"."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _cpu_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ram() -> str:
    if not hasattr(os, "sysconf"):
        return "unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"
