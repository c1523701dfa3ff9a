"""``lookalike augment``: what an augmentation makes of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli.data_options import Data, takes_data
from lookalike.cli.jobs import Debug, Json, job

if TYPE_CHECKING:
    from rich.table import Table

    from lookalike.cli.screen import Screen
    from lookalike.images.augmentation import Augmentation
    from lookalike.images.dataset import Dataset
    from lookalike.images.variants import Variant

_MOST_NAMED = 24  # variants told by name


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
        import contextlib
        import json

        from rich.text import Text

        from lookalike.cli.outfolder import filled_at_the_end
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        with screen.bar() as bar:
            bar.start("importing libraries")
            from lookalike.images.expression import parse_augmentation
        augmentation = parse_augmentation(expression)
        dataset = data.load(progress=screen.is_watched)
        variants = augmentation.variants(dataset.train.images.shape[1:])
        report = describe(data, dataset, augmentation, variants)
        screen.out.print(_table(report))
        if show and not as_json:
            screen.out.print()
            from lookalike.cli.work.variants import draw_variants

            draw_variants(dataset, variants, screen)
        with contextlib.nullcontext() if out is None else filled_at_the_end(out) as folder:
            if folder is not None:
                _save_picture(folder / "augmentation.png", dataset, augmentation, screen)
            if save is not None:
                _save_data(save, dataset, augmentation, screen)
                report["saved"] = {"file": str(save), "bytes": save.stat().st_size}
                _note_limit(save, report["expanded_bytes"])
            if folder is not None:
                (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        screen.result(report)
        if out is not None:
            screen.out.print(
                Text(f"Wrote report.json, augmentation.png into {out}"), soft_wrap=True
            )
        if save is not None:
            size = _mebibytes(report["saved"]["bytes"])
            screen.out.print(Text(f"Wrote {save} ({size})"), soft_wrap=True)
            screen.out.print(
                "Train on all of it, but do not split it or cross-validate on it: copies of one "
                "image would stand on both sides.",
                style="dim",
            )


def describe(
    name: str, data: Dataset, augmentation: Augmentation, variants: tuple[Variant, ...]
) -> dict[str, Any]:
    """Return what ``augment --json`` prints."""
    n_train = len(data.train)
    return {
        "data": name,
        "source": data.source,
        "augmentation": repr(augmentation),
        "image_shape": list(data.train.images.shape[1:]),
        "n_train": n_train,
        "n_test": len(data.test),
        "n_variants": len(variants),
        "n_expanded": n_train * (len(variants) + 1),
        "expanded_bytes": data.train.images.nbytes * (len(variants) + 1),
        "variants": [str(variant) for variant in variants],
        "saved": None,
    }


def _table(report: dict[str, Any]) -> Table:
    from rich.table import Table
    from rich.text import Text

    shape = " × ".join(map(str, report["image_shape"]))
    named = report["variants"][:_MOST_NAMED]
    more = report["n_variants"] - len(named)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column()
    grid.add_row("data", Text(f"{report['data']} from {report['source']}"))
    grid.add_row("augmentation", Text(report["augmentation"]))
    grid.add_row("variants", f"{report['n_variants']:,} of every image")
    grid.add_row("", "; ".join(named) + (f"; … and {more:,} more" if more else ""))
    grid.add_row(
        "train images",
        f"{report['n_train']:,} → {report['n_expanded']:,} of {shape}, "
        f"{_mebibytes(report['expanded_bytes'])} in memory",
    )
    grid.add_row("test images", f"{report['n_test']:,}, as they are")
    return grid


def _mebibytes(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:,.1f} MiB"


def _save_picture(path: Path, data: Dataset, augmentation: Augmentation, screen: Screen) -> None:
    with screen.bar() as bar:
        bar.start("drawing the picture")
        from lookalike.cli.work.variants import save_variants

        save_variants(path, data, augmentation)


def _save_data(path: Path, data: Dataset, augmentation: Augmentation, screen: Screen) -> None:
    from lookalike.images.save import save_expanded

    with screen.bar() as bar:
        bar.start(f"writing {path.name}")
        save_expanded(path, data, augmentation, progress=bar)


def _note_limit(path: Path, n_bytes: int) -> None:
    from lookalike.cli.jobs import say_note
    from lookalike.images.limits import MAX_BYTES

    if n_bytes > MAX_BYTES:
        say_note(f"load_dataset reads {path} only if told max_bytes={n_bytes}")
