"""``lookalike forget``: training images taken out of a model, in its file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli import options
from lookalike.cli.add import change_model
from lookalike.cli.screen import Bar, Screen

if TYPE_CHECKING:
    from lookalike.models.changing import Changed
    from lookalike.models.model import Model

_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")


def parse_rows(texts: Sequence[str]) -> list[range]:
    """Return the rows that are meant, as ranges: they may be more than there is memory for."""
    found = []
    for text in texts:
        for part in text.split(","):
            match = _RANGE.fullmatch(part.strip())
            if match is None:
                raise typer.BadParameter(f"{text!r} are no rows; give 17, 3-9 or 1,4,20-29")
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first:
                raise typer.BadParameter(
                    f"{part.strip()!r} ends before it starts; give {last}-{first}"
                )
            found.append(range(first, last + 1))
    return found


@options.command
def forget(
    screen: Screen,
    model: options.ModelFile,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="IDS",
            help="Rows of training images, from 0, as add and predict --explain tell them: 17, "
            "3-9, or 1,4,20-29.",
            callback=options.checked(parse_rows),
            show_default=False,
        ),
    ],
    no_relearn: options.NoRelearn = False,
    dry_run: options.DryRun = False,
) -> None:
    """Take training images out of a model.

    The file is replaced when all is done, all at once. The rows behind move up, so give all ids in
    one call.

    Example: lookalike forget digits.lookalike 17 100-109
    """

    def forget_ids(opened: Model, bar: Bar) -> Changed:
        from lookalike.models.changing import forget_rows

        bar.start("learning")
        return forget_rows(opened, parse_rows(ids), relearn=not no_relearn and not dry_run)

    change_model(model, forget_ids, dry_run, screen)
