"""``lookalike augment``: what an augmentation makes of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.data_options import Data, takes_data
from lookalike.cli.jobs import Debug, Json, job

if TYPE_CHECKING:
    from lookalike.cli.screen import Screen
    from lookalike.images.expand import Expansion

_N_SHOWN = 3  # images drawn in the terminal


@takes_data
def augment(
    data: Data,
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
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write report.json and augmentation.png, a picture of the variants, into this "
            "folder.",
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
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show how an augmentation grows a training set, and write the grown set.

    Example: lookalike augment mnist --with "Shifts(1) * Rotations([-10, 10])" --show
    """
    with job(debug):
        import json

        from lookalike.cli.outfolder import filled_at_the_end, say_written
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        with screen.bar() as bar:
            bar.start("importing libraries")
            from rich.text import Text

            from lookalike.images.expand import Expansion
            from lookalike.images.expression import parse_augmentation
            from lookalike.reports.data import describe, variants_gallery
            from lookalike.reports.png import save_png
            from lookalike.reports.terminal import show as show_sections
        augmentation = parse_augmentation(expression)
        expansion = Expansion(data.load(progress=screen.is_watched), augmentation)
        report = {"data": data, **expansion.to_dict(), "saved": None}
        sections = describe(expansion, name=data).sections
        show_sections(sections, screen.out, titles=False, most_pictures=_N_SHOWN if show else 0)
        with filled_at_the_end(out) as folder:
            if folder is not None:
                with screen.bar() as bar:
                    bar.start("drawing the picture")
                    save_png(folder / "augmentation.png", variants_gallery(expansion))
            if save is not None:
                _save_data(save, expansion, screen)
                report["saved"] = {"file": str(save), "bytes": save.stat().st_size}
                _note_limit(save, report["expanded_bytes"])
            if folder is not None:
                (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        screen.result(report)
        say_written("report.json, augmentation.png", out, screen)
        if save is not None:
            size = f"{report['saved']['bytes'] / 2**20:,.1f} MiB"
            screen.out.print(Text(f"Wrote {save} ({size})"), soft_wrap=True)
            screen.out.print(
                "Train on all of it, but do not split it or cross-validate on it: copies of one "
                "image would stand on both sides.",
                style="dim",
            )


def _save_data(path: Path, expansion: Expansion, screen: Screen) -> None:
    from lookalike.images.expand import save_expanded

    with screen.bar() as bar:
        bar.start(f"writing {path.name}")
        save_expanded(path, expansion.data, expansion.augmentation, progress=bar)


def _note_limit(path: Path, n_bytes: int) -> None:
    from lookalike.cli.jobs import say_note
    from lookalike.images.checks import MAX_BYTES

    if n_bytes > MAX_BYTES:
        say_note(f"load_dataset reads {path} only with max_bytes={n_bytes}")
