"""``lookalike info``: what runs here and what data is at hand, or what a model file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lookalike.cli.jobs import Debug, Json, job
from lookalike.cli.modelfile import check_is_file


def info(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            help="A model file, as lookalike train DATA -o MODEL keeps it.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show versions, the CPU path in use, threads and data sets; of a model, what it holds.

    LOOKALIKE_CPU forces one of the available CPU paths; all of them give the same answers.

    Example: LOOKALIKE_CPU=portable lookalike info

    Or: lookalike info digits.lookalike
    """
    with job(debug):
        from rich.table import Table

        from lookalike.cli.data import datasets_table
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        if model is not None:
            check_is_file(model)
            from lookalike.cli.work.contents import describe, show

            contents = describe(model)
            screen.result(contents)
            if not as_json:
                show(contents, screen)
            return
        facts = collect_facts()
        screen.result(facts)
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column()
        forced = facts["cpu_path_forced"]
        paths = ", ".join(facts["cpu_paths"])
        how = f"forced by LOOKALIKE_CPU={forced}" if forced else "the fastest here"
        libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
        grid.add_row("lookalike", facts["lookalike"])
        grid.add_row("Python", f"{facts['python']}, {facts['platform']}")
        grid.add_row("libraries", libraries)
        grid.add_row("CPU path", f"{facts['cpu_path']} ({how}; available: {paths})")
        grid.add_row("threads", str(facts["threads"]))
        grid.add_row("cache folder", facts["cache_folder"])
        grid.add_row("$LOOKALIKE_DATA", facts["lookalike_data"] or "not set")
        grid.add_row("data sets", datasets_table(facts["datasets"]))
        screen.out.print(grid)


def collect_facts() -> dict[str, Any]:
    """Return what ``info --json`` prints."""
    import os
    import platform
    from importlib.metadata import version

    import lookalike
    from lookalike import _core
    from lookalike.cli.data import list_datasets
    from lookalike.images.store import cache_folder
    from lookalike.search.machine import VARIABLE, count_threads, cpu_path

    return {
        "lookalike": lookalike.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "libraries": {name: version(name) for name in ("numpy", "scikit-learn")},
        "cpu_path": cpu_path(),
        "cpu_path_forced": os.environ.get(VARIABLE) or None,
        "cpu_paths": list(_core.available_cpu_paths()),
        "threads": count_threads(None),
        "cache_folder": str(cache_folder()),
        "lookalike_data": os.environ.get("LOOKALIKE_DATA") or None,
        "datasets": list_datasets(),
    }
