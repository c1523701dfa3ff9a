"""``lookalike forget``: training images taken out of a model, in its file."""

from __future__ import annotations

from typing import Annotated

import typer

from lookalike.cli.jobs import Debug, Json, job
from lookalike.cli.modelfile import DryRun, ModelFile, NoRelearn, check_is_file
from lookalike.cli.work.rows import parse_rows


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
            from lookalike.cli.work.changing import forget_rows

            changed = forget_rows(
                model, parse_rows(ids), relearn=not no_relearn, dry_run=dry_run, bar=bar
            )
        screen.result(changed.report())
        if not as_json:
            changed.show(screen)
