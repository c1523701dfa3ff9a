"""What every command that takes DATA has in common: how its pictures are read."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Self, get_args

import typer

from lookalike.cli.jobs import checked

if TYPE_CHECKING:
    from lookalike.images.dataset import Dataset


class Fit(Enum):
    """How a picture comes to the size of all."""

    PAD = "pad"
    CROP = "crop"
    STRETCH = "stretch"


class DataName(str):
    """The name or path of a data set, with how it is to be read.

    It is a string, because results name the data by it.
    """

    options: dict[str, Any]

    def __new__(cls, name: str, **options: Any) -> Self:
        """Return a name with options as of `load_dataset`; those that are None are left out."""
        made = super().__new__(cls, name)
        made.options = {key: one for key, one in options.items() if one is not None}
        return made

    def load(self, *, least_classes: int = 1, **options: Any) -> Dataset:
        """Load the data set; options as of `load_dataset`, of which those given to the command win.

        Raises
        ------
        DatasetError
            As `load_dataset`; if options ask for another form than the one that is given, which is
            a model's; if there are fewer classes than the command needs.
        """
        from lookalike.images.dataset import load_dataset
        from lookalike.images.exceptions import DatasetError

        if "form" in options and self.options.keys() & {"image_shape", "fit"}:
            raise DatasetError(
                "--size and --fit have no part here: pictures are brought to the form that the "
                "model keeps; leave them out"
            )
        dataset = load_dataset(str(self), **{**options, **self.options})
        if len(dataset.class_names) < least_classes:
            raise DatasetError(
                f"{self} has a single class, {dataset.class_names[0]!r}, but this takes at least "
                f"{least_classes}; add images of another class"
            )
        return dataset


Data = Annotated[
    DataName,
    typer.Argument(
        metavar="DATA",
        help="A data set by name (see lookalike data list), a folder of pictures or "
        "IDX files, a table (CSV), or an .npz file.",
    ),
]


def parse_size(text: str) -> tuple[int, int]:
    """Return the height and width of "64" or "48x64".

    Raises
    ------
    typer.BadParameter
        If it is neither.

    Examples
    --------
    >>> parse_size("64"), parse_size("48x64")
    ((64, 64), (48, 64))
    """
    found = re.fullmatch(r"([1-9][0-9]{0,3})(?:[x×]([1-9][0-9]{0,3}))?", text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no size; give 64, or height x width as 48x64")
    return int(found[1]), int(found[2] or found[1])


def parse_test_size(text: str) -> int | float:
    """Return the number of pictures, or their share, that are held out.

    Raises
    ------
    typer.BadParameter
        If it is neither a whole number from 0 on nor a share between 0 and 1.

    Examples
    --------
    >>> parse_test_size("0"), parse_test_size("0.25")
    (0, 0.25)
    """
    if text.isascii() and text.isdigit():
        return int(text)
    if not re.fullmatch(r"0?\.[0-9]*[1-9][0-9]*", text):
        raise typer.BadParameter(
            f"{text!r} is neither a number of pictures, such as 100, nor a share, such as 0.2"
        )
    return float(text)


_Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="N|HxW",
        callback=lambda text: text and checked(parse_size)(text),
        help="Bring the pictures of a folder to this height and width.",
    ),
]
_Fit = Annotated[
    Fit | None,
    typer.Option(
        help="How they are brought to it: pad keeps each whole, crop covers the size and cuts, "
        "stretch changes the proportions. Drawn strokes are centred if it is not given."
    ),
]
_TestSize = Annotated[
    str | None,
    typer.Option(
        metavar="N|SHARE",
        callback=lambda text: text and checked(parse_test_size)(text),
        help="How many pictures are held out for testing where DATA has no test part; 0 for none. "
        "A fifth if it is not given.",
    ),
]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Go on without files that cannot be read as pictures.")
]
_OPTIONS = {"size": _Size, "fit": _Fit, "test_size": _TestSize, "skip_broken": SkipBroken}


def _as_text(annotation: Any) -> Any:
    """Return the annotation of a `DataName` as that of the text that is typed."""
    kind, *more = get_args(annotation)
    return Annotated[str if kind is DataName else str | None, *more]


def takes_data(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options of DATA, whose parameter ``data`` becomes a `DataName`."""
    signature = inspect.signature(command, eval_str=True)
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if name == "skip_broken" else None,
            annotation=kind,
        )
        for name, kind in _OPTIONS.items()
    ]
    own = [
        one.replace(
            kind=inspect.Parameter.KEYWORD_ONLY,
            annotation=_as_text(one.annotation) if one.name == "data" else one.annotation,
        )
        for one in signature.parameters.values()
    ]
    at = next(i for i, one in enumerate(own) if one.name == "n_jobs" or one.name == "as_json")

    @wraps(command)
    def with_options(**given: Any) -> None:
        size, fit, test_size, skip_broken = (given.pop(name) for name in _OPTIONS)
        if given["data"] is not None:
            given["data"] = DataName(
                given["data"],
                image_shape=size and parse_size(size),
                fit=fit and fit.value,
                test_size=test_size and parse_test_size(test_size),
                skip_broken=skip_broken or None,
            )
        command(**given)

    parameters = [*own[:at], *added, *own[at:]]
    with_options.__dict__["__signature__"] = signature.replace(parameters=parameters)
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_options
