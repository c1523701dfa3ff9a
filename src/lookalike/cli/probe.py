"""``lookalike probe``: how good vectors of a network are."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lookalike.cli import options
from lookalike.cli.screen import Bar, Screen, out_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KS = "10,20,100,200"


def parse_counts(text: str) -> list[int]:
    """Return the numbers in a list with commas, each from 1 on and once."""
    parts = [part.strip() for part in text.split(",")]
    wrong = next((part for part in parts if not (part.isascii() and part.isdigit())), None)
    if wrong is not None or any(int(part) < 1 for part in parts):
        raise typer.BadParameter(f"{text!r} is no list of numbers from 1 on, such as 10,20")
    return list(dict.fromkeys(map(int, parts)))


def _part(what: str) -> Any:
    return typer.Argument(
        help=f"{what}: an .npz file of the arrays X and y, or images and labels; an .npy file "
        "X.npy beside y.npy; or, with --features, a folder with a folder of pictures for each "
        "class.",
        show_default=False,
    )


@partial(options.command, searches=True)
def probe(
    screen: Screen,
    train: Annotated[Path, _part("Vectors to learn from")],
    test: Annotated[Path, _part("Vectors to predict")],
    features: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORK",
            help="Turn the pictures of folders into vectors by this network: efficientnet-lite0, "
            "which needs lookalike[photos], or the path of an ONNX file.",
        ),
    ] = None,
    ks: Annotated[
        str,
        typer.Option(
            "--k",
            metavar="NUMBERS",
            callback=options.checked(parse_counts),
            help="Numbers of neighbours, with commas.",
        ),
    ] = _KS,
    temperature: Annotated[
        float, typer.Option(metavar="T", help="Temperature of the softmax of similarities.")
    ] = 0.07,
    per_class: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            callback=options.checked(parse_counts),
            help="Also draw so many training vectors of each class, with commas.",
        ),
    ] = None,
    tries: Annotated[
        int, typer.Option(metavar="N", min=1, help="How often each of these is drawn.")
    ] = 5,
    effort: Annotated[
        Literal["fast", "balanced", "best", "none"],
        typer.Option(help="Effort of our classifier; none leaves it out."),
    ] = "balanced",
    out: options.ReportFolder = None,
    n_jobs: options.Threads = None,
) -> None:
    """Judge vectors of a network: by k-NN, by our classifier and by logistic regression.

    The k-NN protocol is that of self-supervised vision, as DINOv2's evaluation has it: cosine
    similarity, all k from one search, and votes by a softmax. The others are tuned on training
    vectors.

    Example: lookalike probe train.npz test.npz --per-class 1,10 --out report

    Or: lookalike probe pictures/train pictures/test --features efficientnet-lite0
    """
    with out_folder(out) as folder, screen.bar("importing libraries") as bar:
        from time import perf_counter

        from lookalike.evaluation.probe import probe as judge
        from lookalike.reports.probe import describe
        from lookalike.reports.write import made_now, write_report

        parts = [_read(path, features, n_jobs, bar) for path in (train, test)]
        bar.start("fitting and predicting")
        start = perf_counter()
        found = judge(
            *(array for part in parts for array in part),
            ks=parse_counts(ks),
            temperature=temperature,
            per_class=parse_counts(per_class) if per_class is not None else (),
            n_tries=tries,
            effort=None if effort == "none" else effort,
            n_jobs=n_jobs,
            progress=bar,
        )
        seconds = perf_counter() - start
        report = made_now(
            describe(found),
            {
                "train": str(train),
                "test": str(test),
                "features": features,
                "seconds": round(seconds, 3),
                **found.to_dict(),
            },
            n_jobs=n_jobs,
            title=f"{features or 'Vectors'} judged on {test.name}",
            subtitle=f"Learnt from {train}, predicted {test}, in {seconds:.1f} s.",
            parameters={
                "train": str(train),
                "test": str(test),
                "features": features,
                "k": ks,
                "temperature": temperature,
                "per class": per_class,
                "tries": tries,
                "seed": 0,
            },
            timings={"fitting and predicting": seconds},
        )
        if folder is not None:
            write_report(folder, report)
    screen.show_report(report, out)


def _read(
    path: Path, features: str | None, n_jobs: int | None, bar: Bar
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return vectors and labels of a file, or of a folder of pictures by a network."""
    import numpy as np

    from lookalike.images.arrays import read_npy, read_npz
    from lookalike.images.exceptions import DatasetError
    from lookalike.images.folder import lay_out

    if not path.exists():
        raise FileNotFoundError(f"there is no {path}; correct its name")
    if path.is_dir():
        if features is None:
            raise DatasetError(
                f"{path} is a folder; name a network that turns its pictures into vectors, such as "
                "--features efficientnet-lite0"
            )
        from lookalike.features.pretrained import PretrainedFeatures

        named = [own for part in lay_out(path).parts.values() for own in part]
        bar.start(f"turning the pictures of {path.name} into vectors")
        network = PretrainedFeatures(features, n_jobs=n_jobs).fit()
        vectors = network.transform([file for _, file in named], progress=bar)
        return vectors, np.array([name for name, _ in named])
    if features is not None:
        raise DatasetError(f"{path} holds vectors already; leave out --features, or give folders")
    if path.suffix.lower() not in (".npy", ".npz"):
        raise DatasetError(
            f"{path} is neither .npz nor .npy; save vectors by np.savez(file, X=, y=)"
        )
    raw = (read_npy if path.suffix.lower() == ".npy" else read_npz)(path)
    return raw.train.images, raw.train.labels
