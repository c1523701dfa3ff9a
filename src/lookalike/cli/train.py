"""``lookalike train``: the classifier that matches images, and what it chose."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli.data_options import Data, takes_data
from lookalike.cli.jobs import Debug, Json, Threads, job, say_note
from lookalike.images.files import counted

if TYPE_CHECKING:
    from lookalike.evaluation.training import Training
    from lookalike.images.dataset import Dataset

_MOST_DRAWN = 40


class Effort(Enum):
    """How much is tried."""

    FAST = "fast"
    BALANCED = "balanced"
    BEST = "best"


@takes_data
def train(
    data: Data,
    effort: Annotated[
        Effort | None, typer.Option(help="How much is tried; balanced if it is not given.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The same as --effort fast.")] = False,
    best: Annotated[bool, typer.Option("--best", help="The same as --effort best.")] = False,
    model: Annotated[
        Path | None,
        typer.Option(
            "--save",
            "-o",
            metavar="FILE",
            dir_okay=False,
            help="Keep the trained model in this file, such as digits.lookalike.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Also write report.json and matches.png, the images that came out wrong beside "
            "those they were matched with, into this folder.",
        ),
    ] = None,
    n_jobs: Threads = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Match images by a representation and a distance that are chosen on the train images.

    Shows what was tried, with its errors on held-out train images, and what was chosen. The test
    images are looked at once, at the end.

    Example: lookalike train mnist --best -o mnist.lookalike --out report
    """
    chosen = _one_effort(effort, quick=quick, best=best)
    with job(debug):
        import json
        from functools import partial

        from lookalike.cli.outfolder import filled_at_the_end, say_written
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        if model is not None and not model.absolute().parent.is_dir():
            raise FileNotFoundError(f"{model.parent} is no folder; make it, or name another")
        files: list[str] = []
        with filled_at_the_end(out) as folder, screen.bar(time_left=True) as bar:
            bar.start("importing libraries")
            from rich.text import Text

            from lookalike.estimators.lookalike import LookalikeClassifier
            from lookalike.evaluation.training import train_and_test
            from lookalike.matching.search_spaces import SEARCH_SPACES
            from lookalike.models.file import save_model
            from lookalike.reports.terminal import show
            from lookalike.reports.training import training_section
            from lookalike.search.machine import count_threads

            n_threads = count_threads(n_jobs)
            bar.start("loading the data")
            side = SEARCH_SPACES[chosen].longest_side
            dataset = data.load(progress=screen.is_watched, working_side=side)
            if len(dataset.class_names) == 1:
                say_note(
                    f"{data} has a single class, {dataset.class_names[0]!r}: every answer will be "
                    "that; add images of another"
                )
            bar.start("trying what matches images best")
            trained = train_and_test(
                LookalikeClassifier(chosen, n_jobs=n_jobs),  # type: ignore[arg-type]
                dataset,
                name=data,
                progress=bar,
                starts_testing=partial(bar.start, "matching the test images"),
            )
            if model is not None:
                bar.start("saving the model")
                save_model(
                    trained.classifier,
                    model,
                    source=Path(data).name,
                    form=dataset.form,
                    originals=dataset.train.originals,
                )
            report = _report(data, dataset, trained, n_threads, model)
            if folder is not None:
                bar.start("drawing pictures")
                files = ["report.json", *_draw(folder, dataset, trained)]
                (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        screen.result(report)
        show([training_section(trained)], screen.out, titles=False)
        screen.say(f"It took {counted(n_threads, 'thread')}.", style="dim")
        if model is not None:
            screen.say()
            screen.say(Text(f"Wrote {model}; try: lookalike serve {model}"))
        say_written(", ".join(files), out, screen)


def _one_effort(effort: Effort | None, *, quick: bool, best: bool) -> str:
    asked = {"--quick": Effort.FAST} if quick else {}
    asked |= {"--best": Effort.BEST} if best else {}
    if effort is not None:
        asked[f"--effort {effort.value}"] = effort
    if len(set(asked.values())) > 1:
        raise typer.BadParameter(
            f"{' and '.join(asked)} are given; give one of them", param_hint="'--effort'"
        )
    return next(iter(asked.values()), Effort.BALANCED).value


def _report(
    name: str, dataset: Dataset, trained: Training, n_threads: int, model: Path | None
) -> dict[str, Any]:
    from lookalike import __version__

    numbers = trained.to_dict()
    seconds = {key: numbers.pop(key) for key in ("fit_seconds", "predict_seconds")}
    return {
        "lookalike": __version__,
        "data": name,
        "source": dataset.source,
        "effort": numbers["effort"],
        "n_threads": n_threads,
        **numbers,
        "wrong": [
            {
                "row": row,
                "file": dataset.test.name(row),
                "label": str(trained.truth[row]),
                "predicted": str(trained.prediction[row]),
            }
            for row in trained.wrong.tolist()
        ],
        "model": None if model is None else str(model),
        **seconds,
    }


def _draw(folder: Path, dataset: Dataset, trained: Training) -> list[str]:
    """Write the picture of what came out wrong, the surest first; return its name."""
    from lookalike.evaluation.errors.mistakes import surest_mistakes
    from lookalike.reports.explanation import explained_gallery
    from lookalike.reports.png import save_png

    wrong = trained.wrong
    if not len(wrong):
        return []
    matches = trained.classifier.explain(dataset.test.images[wrong], min(5, trained.n_train))
    truth = trained.truth[wrong]
    shown = surest_mistakes(matches, truth)[:_MOST_DRAWN]
    caption = "Each test image before the training images nearest to it."
    gallery = explained_gallery(matches, truth, shown, caption, dataset, numbers=wrong)
    save_png(folder / "matches.png", gallery)
    return ["matches.png"]
