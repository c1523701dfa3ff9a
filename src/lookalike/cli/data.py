"""``lookalike data``: the data sets that have names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli import options
from lookalike.cli.screen import Screen

if TYPE_CHECKING:
    from lookalike.reports.blocks import Table

data_app = typer.Typer(rich_markup_mode=None)


@data_app.callback(invoke_without_command=True)
def _data(context: typer.Context) -> None:
    """List data sets and download them."""
    options.help_if_alone(context)


@data_app.command("list")
@options.command
def list_(screen: Screen) -> None:
    """List the data sets that can be loaded by name, and where they lie.

    They are looked for in the folder that LOOKALIKE_DATA names, then in the cache folder.

    Example: lookalike data list
    """
    from lookalike.reports.blocks import Section
    from lookalike.reports.terminal import show

    datasets = list_datasets()
    screen.result({"datasets": datasets})
    show([Section("Data sets", [datasets_table(datasets)])], screen.out, titles=False)


@data_app.command()
@options.command
def fetch(
    screen: Screen,
    name: Annotated[str, typer.Argument(help="mnist, fashion-mnist or kmnist", metavar="NAME")],
) -> None:
    """Download a data set, unless it lies here already, and print its folder.

    Example: lookalike data fetch fashion-mnist
    """
    from lookalike.images.store import fetch_dataset, find_folder

    lay_here = find_folder(name) is not None
    folder = fetch_dataset(name)
    screen.result({"name": name, "folder": str(folder), "downloaded": not lay_here})
    screen.say(str(folder))


def list_datasets() -> list[dict[str, Any]]:
    """Return the data sets that have names, as ``--json`` prints them."""
    from lookalike.images.store import find_datasets

    return [
        {"name": found.name, "source": found.source, "folder": found.where and str(found.where)}
        for found in find_datasets()
    ]


def datasets_table(datasets: list[dict[str, Any]]) -> Table:
    """Return the data sets that have names, and where each lies."""
    from lookalike.reports.blocks import Table

    rows = [
        [
            one["name"],
            f"not here; lookalike data fetch {one['name']}"
            if one["source"] == "download"
            else one["folder"] or one["source"],
        ]
        for one in datasets
    ]
    return Table(["", ""], rows, "Data sets that have names")
