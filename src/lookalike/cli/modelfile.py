"""What commands that work with a model file have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lookalike.models.model import Model

ModelFile = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A model file, as lookalike train DATA -o MODEL keeps it.",
        show_default=False,
    ),
]
AsIs = Annotated[
    bool,
    typer.Option(
        "--as-is",
        help="The images have the model's form already: take them as they are, or refuse them if "
        "they are of another size. Without it, drawings, scans and photographs are cut out, scaled "
        "and centred as the training images are.",
    ),
]
Reject = Annotated[
    float,
    typer.Option(
        metavar="P",
        min=0,
        max=1,
        help="Call an answer not sure if its probability is below P, and name the likeliest "
        "classes instead.",
    ),
]
NoRelearn = Annotated[
    bool,
    typer.Option(
        "--no-relearn",
        help="Change the images alone, in milliseconds; what the model has learnt from all of them "
        "(axes, weights, radii) is not learnt again.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell what would be done, and leave the file as it is.")
]


@contextmanager
def changed_in_place(path: Path, *, dry_run: bool) -> Iterator[Model]:
    """Give the model of a file, and save it there at the end; if the work fails, nothing changes.

    Raises
    ------
    ModelError
        As `open_model`; or if the file was changed by another program meanwhile.
    OSError
        If it cannot be read or written.
    """
    from lookalike.images.replace import file_signature
    from lookalike.models.errors import ModelError
    from lookalike.models.model import open_model

    before = file_signature(path)
    model = open_model(path)
    yield model
    if dry_run:
        return
    if file_signature(path) != before:
        raise ModelError(f"{path} was changed by another program meanwhile; run the command again")
    model.save()


def check_is_file(path: Path) -> None:
    """Say what is wrong if there is no file, before any time goes into importing libraries.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the model file in it")
    if not path.exists():
        raise FileNotFoundError(
            f"there is no {path}; correct its name, or make it by lookalike train DATA -o {path}"
        )
