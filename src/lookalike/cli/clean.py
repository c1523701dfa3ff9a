"""``lookalike clean``: noisy images made clean by what clean ones look like."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli.data_options import DataName, takes_data
from lookalike.cli.jobs import Debug, Json, job
from lookalike.images.files import counted

if TYPE_CHECKING:
    from rich.table import Table

    from lookalike.cli.screen import Screen
    from lookalike.cli.work.cleaning import Cleaned

_TRIED_NOISE = "uniform:100"  # where the images are made noisy here
_N_DRAWN = 2
_N_LISTED = 12


class Quality(Enum):
    """How much time cleaning may take."""

    BEST = "best"
    FAST = "fast"


@takes_data
def clean(
    context: typer.Context,
    data: Annotated[
        DataName,
        typer.Argument(
            metavar="DATA",
            help="The clean images to learn from: a data set by name (see lookalike data list), a "
            "folder of images or IDX files, or an .npz file. Its train part is used. Or a file "
            "that --save kept: nothing is learnt then.",
        ),
    ],
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IMAGES",
            help="The noisy images, of the size of those of DATA: image files of 8 bits, or of 16 "
            "in grey, .npy and .npz files, and folders of them. Without any, a few test images of "
            "DATA are made noisy and cleaned.",
            show_default=False,
        ),
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="NOISE",
            help="What spoils the images: uniform:100 (0 to 99 added), uniform:LOW,HIGH, "
            "gaussian:50, saltpepper:0.2, or several joined by +.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write NAME-clean.png and NAME-before-after.png of each image, and report.json, "
            "into this folder.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--save",
            "-o",
            metavar="FILE",
            dir_okay=False,
            help="Keep the fitted denoiser in this file, such as digits.denoiser.",
        ),
    ] = None,
    add_noise: Annotated[
        bool,
        typer.Option(
            "--add-noise",
            help="The images are clean: make them noisy first, and tell how near to them the "
            "cleaned ones come.",
        ),
    ] = False,
    quality: Annotated[
        Quality, typer.Option(help="best, or fast: a little worse, several times as quick.")
    ] = Quality.BEST,
    n_train: Annotated[
        int | None,
        typer.Option("--train", metavar="N", min=1, help="Learn from N of the train images only."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of all that is drawn by chance.")
    ] = 0,
    n_jobs: Annotated[
        int | None,
        typer.Option(
            "--threads", "--n-jobs", metavar="N", help="Threads; all CPUs if not given or -1."
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Clean noisy images by what the clean ones of a data set look like.

    What the noise does is learnt by adding it to the train images of DATA; so it should be the
    noise that the images have.

    Example: lookalike clean mnist noisy/ --noise uniform:100 --out cleaned

    Or, to try it: lookalike clean mnist --noise gaussian:50+saltpepper:0.1

    Or, to learn once: lookalike clean mnist --noise uniform:100 -o mnist.denoiser, and then
    lookalike clean mnist.denoiser noisy/ --out cleaned
    """
    is_fitted = _is_model_file(data)
    if is_fitted:
        _refuse_what_fits(context, data, images, seeded=add_noise)
    add_noise = add_noise or not images
    if noise is None and model is not None:
        raise typer.BadParameter(
            f"say which noise the denoiser is to take away, as in --noise {_TRIED_NOISE}",
            param_hint="'--noise'",
        )
    if noise is None and not add_noise and not is_fitted:
        raise typer.BadParameter(
            f"say which noise the images have, as in --noise {_TRIED_NOISE}; or give --add-noise "
            "if they are clean",
            param_hint="'--noise'",
        )
    if out is None and not add_noise:
        raise typer.BadParameter("name a folder for the cleaned images", param_hint="'--out'")
    with job(debug):
        import contextlib
        import json

        from lookalike.cli.outfolder import filled_at_the_end
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        if model is not None and not model.absolute().parent.is_dir():
            raise FileNotFoundError(f"{model.parent} is no folder; make it, or name another")
        with (
            contextlib.nullcontext() if out is None else filled_at_the_end(out) as folder,
            screen.bar(time_left=True) as bar,
        ):
            bar.start("importing libraries")
            from lookalike.cli.work.cleaning import Cleaning
            from lookalike.cli.work.cleaning_model import ModelCleaning

            common: dict[str, Any] = {
                "paths": images or [],
                "add_noise": add_noise,
                "out": out,
                "seed": seed,
                "n_jobs": n_jobs,
            }
            if is_fitted:
                cleaned = ModelCleaning(file=Path(data), **common).run(bar)
            else:
                cleaned = Cleaning(
                    data=data,
                    noise_text=noise or _TRIED_NOISE,
                    quality=quality.value,
                    n_train=n_train,
                    model=model,
                    **common,
                ).run(bar, watched=screen.is_watched)
            report = cleaned.report()
            if folder is not None:
                bar.start("writing images")
                cleaned.save(folder, progress=bar)
                (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        screen.result(report)
        if not as_json:
            _show(cleaned, report, screen)
            if out is not None:
                from rich.text import Text

                n_files = len(cleaned.files()) + 1
                screen.out.print()
                screen.out.print(Text(f"Wrote {n_files:,} files into {out}"), soft_wrap=True)
            if model is not None:
                from rich.text import Text

                said = f"Wrote {model}; try: lookalike clean {model} IMAGES --out cleaned"
                screen.out.print()
                screen.out.print(Text(said), soft_wrap=True)


def _is_model_file(name: str) -> bool:
    """Whether DATA is a file as --save keeps one, whole or damaged, and not a data set.

    Such a file begins with the length of its header, in 8 bytes, and the header, in JSON.
    """
    path = Path(name)
    if not path.is_file() or path.suffix in (".npz", ".npy"):
        return False
    from lookalike.images.catalogue import CATALOGUE

    if name == "digits" or name in CATALOGUE:  # names go before paths
        return False
    try:
        with path.open("rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError:
        return True  # opening it again will tell what is wrong


def _refuse_what_fits(
    context: typer.Context, model: str, images: list[Path] | None, *, seeded: bool
) -> None:
    """Refuse what makes sense only where a denoiser is fitted; without images there is no data."""
    options = {
        "noise": "--noise",
        "quality": "--quality",
        "n_train": "--train",
        "model": "--save",
    }
    if not seeded:
        options["seed"] = "--seed"
    sources = {name: context.get_parameter_source(name) for name in options}
    given = [
        options[name] for name, source in sources.items() if source and source.name != "DEFAULT"
    ]
    if given:
        raise typer.BadParameter(
            f"{model} is a denoiser that is fitted already; leave out {' and '.join(given)}, or "
            "name a data set",
            param_hint=f"'{given[0]}'",
        )
    if not images:
        raise typer.BadParameter(f"name the images that {model} is to clean", param_hint="'IMAGES'")


def _show(cleaned: Cleaned, report: dict[str, Any], screen: Screen) -> None:
    from rich.markup import escape
    from rich.text import Text

    from lookalike.cli.work.drawing import draw_line

    names = cleaned.given.names
    n_images = len(names)
    screen.say(
        f"[bold]{escape(cleaned.learnt.name)}[/]: {escape(cleaned.learnt.told())}; "
        f"{counted(n_images, 'image')} cleaned in {cleaned.clean_seconds:.2f} s"
    )
    columns = cleaned.columns()
    for i in range(min(_N_DRAWN, n_images)):
        shades = [column.of(i).shades()[0] for column in columns]
        captions = [Text(column.title, style="bold") for column in columns]
        captions[0] += Text(f"\n{names[i]}", style="dim")
        screen.say()
        screen.say(draw_line(shades, captions, screen.out, brightest=255))
    if cleaned.before is not None:
        screen.say()
        screen.say(_table(report))
        hidden = n_images - _N_LISTED
        more = f"… and {hidden:,} more; --json lists all. " if hidden > 0 else ""
        screen.say(f"{more}Compared with the images before they were made noisy.", style="dim")


def _table(report: dict[str, Any]) -> Table:
    from rich.table import Table
    from rich.text import Text

    measures = {"psnr": ("dB", ".2f"), "ssim": ("SSIM", ".4f")}
    table = Table(box=None, padding=(0, 3, 0, 0), show_edge=False, header_style="bold")
    table.add_column("")
    for title, _ in measures.values():
        for when in ("noisy", "cleaned"):
            table.add_column(f"{when}, {title}", justify="right")

    def cells(entry: dict[str, Any]) -> list[str]:
        return [
            f"{entry[f'{when}_{name}']:{digits}}"
            for name, (_, digits) in measures.items()
            for when in ("noisy", "cleaned")
        ]

    for entry in report["images"][:_N_LISTED]:
        table.add_row(Text(entry["name"]), *cells(entry))
    table.add_row(Text(f"mean of {len(report['images']):,}"), *cells(report["mean"]), style="bold")
    return table
