"""``lookalike augment``: what an augmentation makes of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli import options
from lookalike.cli.screen import Screen, out_folder, say_note, write_json

_N_SHOWN = 3  # images drawn in the terminal


@options.command
def augment(
    screen: Screen,
    data: options.Data,
    expression: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="EXPRESSION",
            help="Shifts, Rotations, Scalings, AffineWarps, ElasticWarps and Flips, joined by + "
            "(the variants of both) and * (also one after the other).",
        ),
    ] = "Shifts(1)",
    show: Annotated[
        bool, typer.Option("--show", help="Draw a few images with their variants.")
    ] = False,
    out: Annotated[
        Path | None,
        options.folder_option(
            "Write report.json and augmentation.png, a picture of the variants, into this folder."
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            dir_okay=False,
            help="Write the grown train part, with the test part as it is, into this file.",
        ),
    ] = None,
) -> None:
    """Show how an augmentation grows a training set, and write the grown set.

    Example: lookalike augment mnist --with "Shifts(1) * Rotations([-10, 10])" --show
    """
    with screen.bar("importing libraries"):
        from lookalike.images.checks import MAX_BYTES
        from lookalike.images.expand import Expansion, save_expanded
        from lookalike.images.expression import parse_augmentation
        from lookalike.reports.data import describe, variants_gallery
        from lookalike.reports.png import save_png
        from lookalike.reports.terminal import show as show_sections
    augmentation = parse_augmentation(expression)
    expansion = Expansion(data.load(progress=screen.is_watched), augmentation)
    report = {"data": data, **expansion.to_dict(), "saved": None}
    sections = describe(expansion, name=data).sections
    show_sections(sections, screen.out, titles=False, most_pictures=_N_SHOWN if show else 0)
    with out_folder(out) as folder:
        if folder is not None:
            with screen.bar("drawing the picture"):
                save_png(folder / "augmentation.png", variants_gallery(expansion))
        if save is not None:
            with screen.bar(f"writing {save.name}") as bar:
                save_expanded(save, expansion.data, augmentation, progress=bar)
            report["saved"] = {"file": str(save), "bytes": save.stat().st_size}
            if report["expanded_bytes"] > MAX_BYTES:
                needed = report["expanded_bytes"]
                say_note(f"load_dataset reads {save} only with max_bytes={needed}")
        if folder is not None:
            write_json(folder, report)
    screen.result(report)
    screen.say_written("report.json, augmentation.png", out)
    if save is not None:
        screen.say(f"Wrote {save} ({report['saved']['bytes'] / 2**20:,.1f} MiB)")
        advice = (
            "Train on all of it, but do not split it or cross-validate on it: copies of one image "
            "would stand on both sides."
        )
        screen.out.print(advice, style="dim")
