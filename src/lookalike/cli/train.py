"""``lookalike train``: the classifier that matches images, and what it chose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lookalike.cli import options
from lookalike.cli.screen import Screen, out_folder, say_note, write_json

if TYPE_CHECKING:
    from lookalike.evaluation.training import Training
    from lookalike.images.dataset import Dataset
    from lookalike.reports.blocks import Gallery

Effort = Literal["fast", "balanced", "best"]
_MOST_DRAWN = 40


@options.command
def train(
    screen: Screen,
    data: options.Data,
    effort: Annotated[
        Effort | None, typer.Option(help="How much is tried; balanced if it is not given.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The same as --effort fast.")] = False,
    best: Annotated[bool, typer.Option("--best", help="The same as --effort best.")] = False,
    features: options.Features = "auto",
    model: Annotated[
        Path | None,
        options.save_option("Keep the trained model in this file, such as digits.lookalike."),
    ] = None,
    embed_network: Annotated[
        bool,
        typer.Option(
            "--embed-network",
            help="Keep the network in the model file, too, which then needs no other file.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        options.folder_option(
            "Also write report.json and matches.png, the images that came out wrong beside those "
            "they were matched with, into this folder."
        ),
    ] = None,
    n_jobs: options.Threads = None,
) -> None:
    """Match images by a representation and a distance that are chosen on the train images.

    Shows what was tried, with its errors on held-out train images, and what was chosen. The test
    images are looked at once, at the end.

    Example: lookalike train mnist --best -o mnist.lookalike --out report

    Or: lookalike train photographs/ --features efficientnet-lite0
    """
    chosen = one_effort(effort, quick=quick, best=best)
    options.check_has_folder(model)
    with out_folder(out) as folder, screen.bar("importing libraries", time_left=True) as bar:
        from functools import partial

        from lookalike import __version__
        from lookalike.estimators.lookalike import LookalikeClassifier
        from lookalike.evaluation.training import train_and_test
        from lookalike.images.files import counted
        from lookalike.matching.feature_choice import turn_into_vectors
        from lookalike.matching.search_spaces import SEARCH_SPACES
        from lookalike.models.file import save_model
        from lookalike.reports.png import save_png
        from lookalike.reports.terminal import show
        from lookalike.reports.training import training_section
        from lookalike.search.machine import count_threads

        n_threads = count_threads(n_jobs)
        bar.start("loading the data")
        longest = SEARCH_SPACES[chosen].longest_side
        dataset = data.load(progress=screen.is_watched, working_side=longest, features=features)
        if len(dataset.class_names) == 1:
            say_note(
                f"{data} has a single class, {dataset.class_names[0]!r}: every answer will be "
                "that; add images of another"
            )
        dataset, (before, network) = turn_into_vectors(dataset, features, n_jobs, bar)
        bar.start("trying what matches images best")
        trained = train_and_test(
            LookalikeClassifier(chosen, n_jobs=n_jobs),
            dataset,
            name=data,
            before=before,
            progress=bar,
            starts_testing=partial(bar.start, "matching the test images"),
        )
        if model is not None:
            bar.start("saving the model")
            kept, train_part = trained.classifier, dataset.train
            save_model(
                kept if network is None else kept.with_features(network),
                model,
                source=Path(data).name,
                form=dataset.form,
                originals=train_part.originals if network is None else train_part.thumbnails,
                embed_network=embed_network and network is not None,
            )
        numbers = trained.to_dict()
        seconds = {key: numbers.pop(key) for key in ("fit_seconds", "predict_seconds")}
        report = {
            "lookalike": __version__,
            "data": data,
            "source": dataset.source,
            "effort": chosen,
            "features": None if network is None else str(network.network),
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
        if folder is not None:
            bar.start("drawing pictures")
            if len(trained.wrong):
                save_png(folder / "matches.png", _mistakes(dataset, trained))
            write_json(folder, report)
    screen.result(report)
    show([training_section(trained)], screen.out, titles=False)
    screen.say(f"It took {counted(n_threads, 'thread')}.", "dim", indented=True)
    if model is not None:
        screen.say(f"\nWrote {model}; try: lookalike serve {model}", indented=True)
    screen.say_written(f"report.json{', matches.png' if len(trained.wrong) else ''}", out)


def one_effort(effort: Effort | None, *, quick: bool, best: bool) -> Effort:
    """Return the effort that is asked for by one of three options, or by two that agree."""
    asked: dict[str, Effort] = {"--quick": "fast"} if quick else {}
    if best:
        asked["--best"] = "best"
    if effort is not None:
        asked[f"--effort {effort}"] = effort
    if len(set(asked.values())) > 1:
        raise typer.BadParameter(
            f"{' and '.join(asked)} are given; give one of them", param_hint="'--effort'"
        )
    return next(iter(asked.values()), "balanced")


def _mistakes(dataset: Dataset, trained: Training) -> Gallery:
    """Show what came out wrong, the surest first, beside what it was matched with."""
    from lookalike.evaluation.errors.mistakes import surest_mistakes
    from lookalike.reports.explanation import explained_gallery

    wrong = trained.wrong
    matches = trained.classifier.explain(dataset.test.inputs[wrong], min(5, trained.n_train))
    truth = trained.truth[wrong]
    shown = surest_mistakes(matches, truth)[:_MOST_DRAWN]
    caption = "Each test image before the training images nearest to it."
    return explained_gallery(matches, truth, shown, caption, dataset, numbers=wrong)
