"""What commands that work with a model file have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.jobs import one_line

if TYPE_CHECKING:
    from lookalike.cli.screen import Screen
    from lookalike.models.changing import Changed

_MOST_NAMED = 5  # files

ModelFile = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A model file, as lookalike train DATA -o MODEL keeps it.",
        show_default=False,
    ),
]
AsIs = Annotated[
    bool,
    typer.Option(
        "--as-is",
        help="The images have the model's form already: take them as they are, or refuse them if "
        "they are of another size. Without it, drawings, scans and photographs are cut out, scaled "
        "and centred as the training images are.",
    ),
]
Reject = Annotated[
    float,
    typer.Option(
        metavar="P",
        min=0,
        max=1,
        help="Call an answer not sure if its probability is below P, and name the likeliest "
        "classes instead.",
    ),
]
NoRelearn = Annotated[
    bool,
    typer.Option(
        "--no-relearn",
        help="Change the images alone, in milliseconds; what the model has learnt from all of them "
        "(axes, weights, radii) is not learnt again.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell what would be done, and leave the file as it is.")
]


def check_is_file(path: Path) -> None:
    """Say what is wrong if there is no file, before any time goes into importing libraries.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the model file in it")
    if not path.exists():
        raise FileNotFoundError(
            f"there is no {path}; correct its name, or make it by lookalike train DATA -o {path}"
        )


def say_changed(changed: Changed, path: Path, dry_run: bool, screen: Screen) -> None:
    """Print what was done to the model of a file."""
    from collections import Counter

    from rich.text import Text

    from lookalike import __version__
    from lookalike.images.files import counted

    file = {"lookalike": __version__, "model": str(path)}
    screen.result({**file, **changed.to_dict(), "dry_run": dry_run})
    counts = sorted(Counter(changed.labels).items())
    of = ", ".join(f"{n:,} of {label}" for label, n in counts)
    images, now = counted(len(changed.rows), "image"), counted(changed.n_samples, "image")
    row = "row" if len(changed.rows) == 1 else "rows"
    files = [file for file in changed.files if file is not None]
    more = f" and {len(files) - _MOST_NAMED:,} more" if len(files) > _MOST_NAMED else ""
    lines = [f"{changed.what.capitalize()}: {images} ({of}), {row} {format_rows(changed.rows)}"]
    if files:
        lines.append(one_line(f"{', '.join(files[:_MOST_NAMED])}{more}"))
    if changed.new_classes:
        lines.append(f"New: {', '.join(changed.new_classes)}")
    if changed.gone_classes:
        lines.append(f"Gone, for want of images: {', '.join(changed.gone_classes)}")
    unchanged = f"{path} would hold {now}; nothing was changed (--dry-run)"
    lines.append(unchanged if dry_run else f"{path} holds {now} now")
    screen.out.print(Text("\n".join(lines)), soft_wrap=True)


def format_rows(rows: Sequence[int]) -> str:
    """Return ascending rows as `parse_rows` reads them.

    Examples
    --------
    >>> format_rows([1, 4, 20, 21, 22])
    '1,4,20-22'
    """
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
