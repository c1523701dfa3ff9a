"""``lookalike clean``: noisy images made clean by what clean ones look like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lookalike.cli import options
from lookalike.cli.screen import Bar, Screen, out_folder, write_json

if TYPE_CHECKING:
    from lookalike.evaluation.fidelity import Denoising
    from lookalike.images.sources import GivenImage

_TRIED_NOISE = "uniform:100"  # where the images are made noisy here
_N_TRIED = 8  # test images, where none are given
_N_DRAWN = 2


@options.command
def clean(
    screen: Screen,
    context: typer.Context,
    data: Annotated[
        options.DataName,
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
        options.folder_option(
            "Write NAME-clean.png and NAME-before-after.png of each image, and report.json, into "
            "this folder."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        options.save_option("Keep the fitted denoiser in this file, such as digits.denoiser."),
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
        Literal["best", "fast"],
        typer.Option(help="best, or fast: a little worse, several times as quick."),
    ] = "best",
    n_train: Annotated[
        int | None,
        typer.Option("--train", metavar="N", min=1, help="Learn from N of the train images only."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed.")] = 0,
    n_jobs: Annotated[
        int | None,
        typer.Option(
            "--threads", "--n-jobs", metavar="N", help="Threads; all CPUs if not given or -1."
        ),
    ] = None,
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
    options.check_has_folder(model)
    with out_folder(out) as folder, screen.bar("importing libraries", time_left=True) as bar:
        from time import perf_counter

        import numpy as np

        from lookalike import __version__
        from lookalike.evaluation.fidelity import clean_images
        from lookalike.evaluation.folds import some_rows
        from lookalike.images.files import counted
        from lookalike.images.noise import add_noise as spoil
        from lookalike.models.cleaner import task_of_data, task_of_file
        from lookalike.models.file import save_model
        from lookalike.reports.denoising import denoising_section
        from lookalike.reports.terminal import show

        # All that can be wrong with what was asked for is found before anything is fitted.
        if is_fitted:
            bar.start("opening the denoiser")
            task = task_of_file(Path(data), adds_noise=add_noise)
        else:
            bar.start("loading the data")
            task = task_of_data(
                data.load(progress=screen.is_watched),
                noise or _TRIED_NOISE,
                quality=quality,
                n_train=n_train,
                seed=seed,
            )
        denoiser, n_learnt = task.denoiser, len(task.train)
        denoiser.n_jobs = n_jobs
        # The noise that is added has other numbers than the noise that fit draws.
        rng = np.random.default_rng((seed, 1))
        files: Sequence[str | None]
        if images:
            read = _read(images, task.image_shape, out, as_bytes=add_noise)
            names, files = [one.name for one in read], [str(one.path) for one in read]
            given = np.stack([one.pixels for one in read])
        else:
            if not len(task.test):
                raise ValueError(f"{data} has no test images to clean; name images after it")
            rows = some_rows(len(task.test), _N_TRIED, rng)
            names, files = [f"test-{row}" for row in rows.tolist()], [None] * len(rows)
            given = task.test[rows]
        truth = given if add_noise else None
        noisy = given if truth is None or task.noise is None else spoil(given, task.noise, rng)
        said = f"{data}: {denoiser.quality} denoiser of {task.noise_text}"
        fit_seconds = None
        if not is_fitted:
            bar.start(f"learning from {n_learnt:,} images")
            start = perf_counter()
            denoiser.fit(clean=task.train, noise=task.noise, progress=bar)
            fit_seconds = round(perf_counter() - start, 4)
            said += f", fitted on {n_learnt:,} images in {fit_seconds:.2f} s"
        elif task.source is not None:
            said += f", fitted on images of {task.source}"
        bar.start("cleaning")
        found = clean_images(denoiser, noisy, names=names, truth=truth, progress=bar)
        if model is not None:
            bar.start("saving the denoiser")
            save_model(denoiser, model, source=Path(data).name, form=task.form)
        clean_seconds = found.methods[-1].seconds or 0.0
        kept = Path(data) if is_fitted else model
        report = {
            "lookalike": __version__,
            "data": None if is_fitted else data,
            "source": task.source,
            "model": None if kept is None else str(kept),
            "noise": task.noise_text,
            "noise_added": add_noise,
            "quality": denoiser.quality,
            "seed": None if is_fitted and not add_noise else seed,
            "image_shape": list(noisy.shape[1:]),
            "n_train": None if is_fitted else n_learnt,
            "fit_seconds": fit_seconds,
            "clean_seconds": round(clean_seconds, 4),
            "images": [
                {"name": name, "file": file, **found.measures(slice(i, i + 1))}
                for i, (name, file) in enumerate(zip(names, files, strict=True))
            ],
            "mean": found.measures() or None,
        }
        if folder is not None:
            bar.start("writing images")
            _write(folder, found, bar)
            write_json(folder, report)
    screen.result(report)
    said += f"; {counted(len(names), 'image')} cleaned in {clean_seconds:.2f} s"
    shown = denoising_section(found, rows=range(_N_DRAWN), intro=[said], each=True)
    show([shown], screen.out, titles=False)
    screen.say_written(f"{2 * len(names) + 1:,} files", out)
    if model is not None:
        screen.say(f"\nWrote {model}; try: lookalike clean {model} IMAGES --out cleaned")


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
    fitting = {"noise": "--noise", "quality": "--quality", "n_train": "--train", "model": "--save"}
    if not seeded:
        fitting["seed"] = "--seed"
    given = [
        option
        for name, option in fitting.items()
        if getattr(context.get_parameter_source(name), "name", "DEFAULT") != "DEFAULT"
    ]
    if given:
        raise typer.BadParameter(
            f"{model} is a denoiser that is fitted already; leave out {' and '.join(given)}, or "
            "name a data set",
            param_hint=f"'{given[0]}'",
        )
    if not images:
        raise typer.BadParameter(f"name the images that {model} is to clean", param_hint="'IMAGES'")


def _read(
    paths: list[Path], image_shape: tuple[int, ...], out: Path | None, *, as_bytes: bool
) -> list[GivenImage]:
    """Read images of a shape, and refuse those that what is written would replace."""
    from lookalike.images.checks import as_images
    from lookalike.images.sources import read_images

    given = read_images(paths, image_shape)
    read = {one.path.resolve() for one in given}
    for name in [name for one in given for name in _files_of(one.name)]:
        if out is not None and (out / name).resolve() in read:
            raise ValueError(
                f"{out / name} is one of the images given, and would be replaced; name another "
                "folder by --out"
            )
    if not as_bytes:
        return given
    where = "{}, as --add-noise takes it"
    return [
        one._replace(pixels=as_images(one.pixels[None], where.format(one.path))[0]) for one in given
    ]


def _files_of(name: str) -> tuple[str, str]:
    return f"{name}-clean.png", f"{name}-before-after.png"


def _write(folder: Path, found: Denoising, bar: Bar) -> None:
    """Write each image, cleaned, and beside what it was."""
    from PIL import Image

    from lookalike.reports.denoising import cleaned_gallery
    from lookalike.reports.png import save_png

    pixels = found.pixels(found.methods[-1])
    for i, name in enumerate(found.names):
        bar(i, len(found.names))
        clean, strip = _files_of(name)
        Image.fromarray(pixels[i]).save(folder / clean)
        save_png(folder / strip, cleaned_gallery(found, [i]), dpi=None)
