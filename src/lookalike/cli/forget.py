"""``lookalike forget``: training images taken out of a model, in its file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from lookalike.cli.jobs import Debug, Json, job
from lookalike.cli.modelfile import DryRun, ModelFile, NoRelearn, check_is_file, say_changed

_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")


def parse_rows(texts: Sequence[str]) -> list[range]:
    """Return the rows that are meant, as ranges: they may be more than there is memory for.

    Raises
    ------
    ValueError
        If a text is no list of rows.

    Examples
    --------
    >>> parse_rows(["17", "3-9,1"])
    [range(17, 18), range(3, 10), range(1, 2)]
    """
    found = []
    for text in texts:
        for part in text.split(","):
            match = _RANGE.fullmatch(part.strip())
            if match is None:
                raise ValueError(f"{text!r} are no rows; give 17, 3-9 or 1,4,20-29")
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first:
                raise ValueError(f"{part.strip()!r} ends before it starts; give {last}-{first}")
            found.append(range(first, last + 1))
    return found


def _checked(texts: list[str]) -> list[str]:
    try:
        parse_rows(texts)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return texts


def forget(
    model: ModelFile,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="IDS",
            help="Rows of training images, from 0, as add and predict --explain tell them: 17, "
            "3-9, or 1,4,20-29.",
            callback=_checked,
            show_default=False,
        ),
    ],
    no_relearn: NoRelearn = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Take training images out of a model.

    The file is replaced when all is done, all at once. The rows behind move up, so give all ids in
    one call.

    Example: lookalike forget digits.lookalike 17 100-109
    """
    with job(debug):
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        check_is_file(model)
        with screen.bar() as bar:
            bar.start("importing libraries")
            from lookalike.models.changing import changed_in_place, forget_rows

            bar.start("opening the model")
            with changed_in_place(model, dry_run=dry_run) as opened:
                bar.start("learning")
                relearn = not no_relearn and not dry_run
                changed = forget_rows(opened, parse_rows(ids), relearn=relearn)
                bar.start("saving the model")
        say_changed(changed, model, dry_run, screen)
