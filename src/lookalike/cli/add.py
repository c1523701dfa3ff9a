"""``lookalike add``: more training images for a model, in its file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli import options
from lookalike.cli.screen import Bar, Screen, one_line, say_note

if TYPE_CHECKING:
    from lookalike.models.changing import Changed
    from lookalike.models.model import Model

_MOST_NAMED = 5  # files


@options.command
def add(
    screen: Screen,
    model: options.ModelFile,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA|IMAGES",
            help="A data set as train takes it: its train images, or all if it has no test images "
            "of its own. With --label: images as predict takes them.",
            show_default=False,
        ),
    ],
    label: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="What the images are; may be a class that is new."),
    ] = None,
    as_is: options.AsIs = False,
    skip_broken: options.SkipBroken = False,
    no_relearn: options.NoRelearn = False,
    dry_run: options.DryRun = False,
) -> None:
    """Add training images to a model.

    The file is replaced when all is done, all at once; what was chosen in training stays. The rows
    of the new images, which forget takes, are printed.

    Example: lookalike add digits.lookalike more/ (a sub-folder for each class)

    Or: lookalike add digits.lookalike --label 4 four.png another.png
    """
    if label is None and len(data) > 1:
        raise typer.BadParameter(
            f"{len(data)} are given; give one data set, or say what the images are by --label",
            param_hint="'DATA'",
        )
    if label is not None and not label.strip():
        raise typer.BadParameter("an empty name", param_hint="'--label'")

    def read_and_learn(opened: Model, bar: Bar) -> Changed:
        from lookalike.images.sources import read_labelled
        from lookalike.models.changing import add_images, bring_to_form

        bar.start("reading images")
        pictures = read_labelled(
            data,
            label,
            least_size=None if as_is else opened.form.least_size,
            watched=screen.is_watched,
            progress=bar,
            on_note=say_note,
        )
        new = bring_to_form(
            opened, pictures, as_is=as_is, skip_broken=skip_broken, on_note=say_note
        )
        bar.start("learning")
        return add_images(opened, new, relearn=not no_relearn and not dry_run)

    change_model(model, read_and_learn, dry_run, screen)


def change_model(
    path: Path, change: Callable[[Model, Bar], Changed], dry_run: bool, screen: Screen
) -> None:
    """Change the model of a file, and print what was done to it."""
    options.check_is_file(path)
    with screen.bar("importing libraries") as bar:
        from collections import Counter

        from lookalike import __version__
        from lookalike.images.files import counted
        from lookalike.models.changing import changed_in_place

        bar.start("opening the model")
        with changed_in_place(path, dry_run=dry_run) as opened:
            changed = change(opened, bar)
            bar.start("saving the model")
    about = {"lookalike": __version__, "model": str(path)}
    screen.result({**about, **changed.to_dict(), "dry_run": dry_run})
    counts = ", ".join(f"{n:,} of {label}" for label, n in sorted(Counter(changed.labels).items()))
    images, now = counted(len(changed.rows), "image"), counted(changed.n_samples, "image")
    row = "row" if len(changed.rows) == 1 else "rows"
    screen.say(
        f"{changed.what.capitalize()}: {images} ({counts}), {row} {format_rows(changed.rows)}"
    )
    files = [file for file in changed.files if file is not None]
    if files:
        more = f" and {len(files) - _MOST_NAMED:,} more" if len(files) > _MOST_NAMED else ""
        screen.say(one_line(f"{', '.join(files[:_MOST_NAMED])}{more}"))
    if changed.new_classes:
        screen.say(f"New: {', '.join(changed.new_classes)}")
    if changed.gone_classes:
        screen.say(f"Gone, for want of images: {', '.join(changed.gone_classes)}")
    unchanged = f"{path} would hold {now}; nothing was changed (--dry-run)"
    screen.say(unchanged if dry_run else f"{path} holds {now} now")


def format_rows(rows: Sequence[int]) -> str:
    """Return ascending rows as ``lookalike forget`` takes them."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
