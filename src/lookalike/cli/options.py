"""Options that several commands have, and what makes a function a command.

Nothing but typer is imported, so that help comes at once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

import typer

from lookalike.cli.screen import Screen, job

if TYPE_CHECKING:
    from lookalike.images.dataset import Dataset
    from lookalike.models.model import Model


def folder_option(help: str) -> Any:
    """Return an option that names a folder to write into."""
    return typer.Option(metavar="DIR", file_okay=False, help=help)


def save_option(help: str) -> Any:
    """Return the option -o, which names a file to keep a model in."""
    return typer.Option("--save", "-o", metavar="FILE", dir_okay=False, help=help)


Threads = Annotated[
    int | None,
    typer.Option("--n-jobs", metavar="N", help="Threads to use; all CPUs if not given or -1."),
]
PIXELS, AUTO = "pixels", "auto"
Features = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="pixels|auto|NETWORK",
        help="Compare pixels, or the vectors that a pretrained network makes of pictures: "
        "efficientnet-lite0, which needs lookalike[photos], or the path of an ONNX file. auto "
        "takes efficientnet-lite0 for colour pictures if it is better on a few hundred of them.",
    ),
]
ReportFolder = Annotated[
    Path | None,
    folder_option(
        "Also write report.html, which opens anywhere, and report.json into this folder."
    ),
]
MODEL: Any = typer.Argument(
    metavar="MODEL",
    help="A model file, as lookalike train DATA -o MODEL keeps it.",
    show_default=False,
)
ModelFile = Annotated[Path, MODEL]
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
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Go on without files that cannot be read as pictures.")
]


class DataName(str):
    """The name or path of a data set, by which results name it, with how it is to be read."""

    options: dict[str, Any]  # of `load_dataset`, as they were given to the command

    def __new__(cls, name: str, **options: Any) -> Self:
        """Return a name with options, of which those that are None are left out."""
        made = super().__new__(cls, name)
        made.options = {key: one for key, one in options.items() if one is not None}
        return made

    def load(self, *, least_classes: int = 1, features: str = PIXELS, **options: Any) -> Dataset:
        """Load the data set; options that were given to the command win over these.

        If a network's ``features`` are compared, it reads the files of pictures by itself.
        `DatasetError` is raised if options ask for another form than a model's, which is given, or
        if there are fewer classes than the command needs.
        """
        from lookalike.images.dataset import load_dataset
        from lookalike.images.exceptions import DatasetError
        from lookalike.images.preprocessing import SHOWN

        if features not in (PIXELS, AUTO):  # the network reads files by itself
            options["form"] = SHOWN
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
    """Return the height and width of "64" or "48x64"."""
    found = re.fullmatch(r"([1-9][0-9]{0,3})(?:[x×]([1-9][0-9]{0,3}))?", text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no size; give 64, or height x width as 48x64")
    return int(found[1]), int(found[2] or found[1])


def parse_test_size(text: str) -> int | float:
    """Return the number of pictures that are held out, or their share between 0 and 1."""
    if text.isascii() and text.isdigit():
        return int(text)
    if not re.fullmatch(r"0?\.[0-9]*[1-9][0-9]*", text):
        raise typer.BadParameter(
            f"{text!r} is neither a number of pictures, such as 100, nor a share, such as 0.2"
        )
    return float(text)


def parse_names(text: str, known: Sequence[str]) -> list[str]:
    """Return the names in a list with commas, each once and known."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}")
    return names


def parse_count(text: str, what: str, word: str) -> int | None:
    """Return a number from 2 on, or None for a word that stands instead."""
    if text == word:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) < 2:
        raise typer.BadParameter(f"{text!r} is neither a number of {what} from 2 on nor {word}")
    return int(text)


def checked(parse: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Return a callback that finds early what is wrong with an option, and keeps what was typed."""

    def check(given: Any) -> Any:
        if given is not None:
            parse(given)
        return given

    return check


_DATA_OPTIONS = {
    "size": Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="N|HxW",
            callback=checked(parse_size),
            help="Bring the pictures of a folder to this height and width.",
        ),
    ],
    "fit": Annotated[
        Literal["pad", "crop", "stretch"] | None,
        typer.Option(
            help="How they are brought to it: pad keeps each whole, crop covers the size and cuts, "
            "stretch changes the proportions. Drawn strokes are centred if it is not given."
        ),
    ],
    "test_size": Annotated[
        str | None,
        typer.Option(
            metavar="N|SHARE",
            callback=checked(parse_test_size),
            help="How many pictures are held out for testing where DATA has no test part; 0 for "
            "none. A fifth if it is not given.",
        ),
    ],
    "skip_broken": SkipBroken,
}
_COMMON_OPTIONS = {
    "as_json": Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")
    ],
    "debug": Annotated[bool, typer.Option("--debug", help="Show the traceback of what fails.")],
}
_SEARCH_OPTIONS = {
    "scheduler": Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Let the workers of the dask cluster with this scheduler, such as "
            "tcp://10.0.0.5:8786, do the longer searches; needs lookalike[dask].",
        ),
    ]
}


def command(function: Callable[..., None], *, searches: bool = False) -> Callable[..., None]:
    """Return a function as typer takes it: with its options, and those that all commands have.

    The function gets a `Screen` first, and whatever goes wrong in it becomes one line on stderr. If
    its parameter ``data`` is a `DataName`, the options that say how to read it are added; if it
    ``searches``, a cluster may be named that does it.
    """
    signature = inspect.signature(function, eval_str=True)
    _, *own = signature.parameters.values()
    takes_data = any(_as_text(one.annotation) is not one.annotation for one in own)
    if takes_data:
        at = next((i for i, one in enumerate(own) if one.name == "n_jobs"), len(own))
        own[at:at] = _parameters(_DATA_OPTIONS)
    if searches:
        own += _parameters(_SEARCH_OPTIONS)
    own = [
        one.replace(kind=one.KEYWORD_ONLY, annotation=_as_text(one.annotation))
        for one in [*own, *_parameters(_COMMON_OPTIONS)]
    ]

    @wraps(function)
    def run(*, as_json: bool, debug: bool, **given: Any) -> None:
        if takes_data:
            size, fit, test_size, skip_broken = (given.pop(name) for name in _DATA_OPTIONS)
            if given["data"] is not None:
                given["data"] = DataName(
                    given["data"],
                    image_shape=size and parse_size(size),
                    fit=fit,
                    test_size=test_size and parse_test_size(test_size),
                    skip_broken=skip_broken or None,
                )
        scheduler = given.pop("scheduler", None)
        with job(debug), nullcontext() if scheduler is None else _cluster(scheduler):
            function(Screen(as_json=as_json), **given)

    run.__dict__["__signature__"] = signature.replace(parameters=own)
    run.__annotations__ = {one.name: one.annotation for one in own}
    return run


@contextmanager
def _cluster(scheduler: str) -> Iterator[None]:
    """Let a cluster search, which its scheduler's address names."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "--scheduler needs dask; install it by: pip install 'lookalike[dask]'"
        ) from error
    from lookalike.distributed import searching

    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"there is no scheduler at {scheduler!r} ({error}); start one by `dask scheduler`"
        ) from error
    with client, searching(client):
        yield


def _parameters(options: dict[str, Any]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if get_args(kind)[0] is bool else None,
            annotation=kind,
        )
        for name, kind in options.items()
    ]


def _as_text(annotation: Any) -> Any:
    """Return the annotation of a `DataName` as that of the text that is typed."""
    kind, *more = get_args(annotation) or (annotation,)
    if kind in (DataName, DataName | None):
        return Annotated[str if kind is DataName else str | None, *more]
    return annotation


def help_if_alone(context: typer.Context) -> None:
    """Print the help of a group of commands that was called without one."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def check_is_file(path: Path) -> None:
    """Say what is wrong if there is no file, before any time goes into importing libraries."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the model file in it")
    if not path.exists():
        raise FileNotFoundError(
            f"there is no {path}; correct its name, or make it by lookalike train DATA -o {path}"
        )


def open_on_threads(path: Path, n_jobs: int | None) -> Model:
    """Open a model file, and have the model use so many threads if their number is given."""
    from lookalike.models.model import open_model
    from lookalike.search.machine import count_threads

    n_threads = count_threads(n_jobs)
    model = open_model(path)
    if n_jobs is not None:
        model.on_threads(n_threads)
    return model


def check_has_folder(path: Path | None) -> None:
    """Say what is wrong if a file that is to be written has no folder."""
    if path is not None and not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder; make it, or name another")
