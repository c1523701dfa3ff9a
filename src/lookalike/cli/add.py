"""``lookalike add``: more training images for a model, in its file."""

from __future__ import annotations

from typing import Annotated

import typer

from lookalike.cli.data_options import SkipBroken
from lookalike.cli.jobs import Debug, Json, job, say_note
from lookalike.cli.modelfile import AsIs, DryRun, ModelFile, NoRelearn, check_is_file, say_changed


def add(
    model: ModelFile,
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
    as_is: AsIs = False,
    skip_broken: SkipBroken = False,
    no_relearn: NoRelearn = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
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
    with job(debug):
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        check_is_file(model)
        with screen.bar() as bar:
            bar.start("importing libraries")
            from lookalike.images.sources import read_labelled
            from lookalike.models.changing import add_images, bring_to_form, changed_in_place

            bar.start("opening the model")
            with changed_in_place(model, dry_run=dry_run) as opened:
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
                changed = add_images(opened, new, relearn=not no_relearn and not dry_run)
                bar.start("saving the model")
        say_changed(changed, model, dry_run, screen)
