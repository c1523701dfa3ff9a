"""``lookalike evaluate``: all that can be said of a neighbour classifier on test images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lookalike.cli import options
from lookalike.cli.screen import Bar, Screen, one_line, out_folder, say_note
from lookalike.cli.train import Effort

if TYPE_CHECKING:
    from lookalike.evaluation.judgement import Judgement, Wanted
    from lookalike.images.dataset import Dataset


@partial(options.command, searches=True)
def evaluate(
    screen: Screen,
    data: options.Data,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="Judge the classifier of this model file, as lookalike train keeps it, instead of "
            "training one.",
        ),
    ] = None,
    n_neighbors: Annotated[
        int | None,
        typer.Option(
            "--k", metavar="N", min=1, help="Neighbours that vote; chosen if it is not given."
        ),
    ] = None,
    weights: Annotated[
        Literal["uniform", "distance"] | None,
        typer.Option(help="How they are weighted; chosen if it is not given."),
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION",
            help="Grow the train images, as lookalike augment --with does: Shifts(1).",
        ),
    ] = None,
    effort: Annotated[
        Effort | None,
        typer.Option(
            help="Judge a classifier that chooses how to match images, as lookalike train makes it "
            "by this effort, instead of k-NN."
        ),
    ] = None,
    features: options.Features = options.PIXELS,
    detect: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="Also choose a threshold for detecting this class, as --precision, --recall or "
            "--beta wants it.",
        ),
    ] = None,
    precision: Annotated[
        float | None, typer.Option(metavar="SHARE", help="The least precision, such as 0.9.")
    ] = None,
    recall: Annotated[
        float | None, typer.Option(metavar="SHARE", help="The least recall, such as 0.95.")
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option(metavar="BETA", help="The highest F-beta; the highest F1 by default."),
    ] = None,
    out: options.ReportFolder = None,
    n_jobs: options.Threads = None,
) -> None:
    """Judge a neighbour classifier on the test images: metrics, errors, what to leave out.

    k and the weights are chosen by cross-validation of the train images, unless they are given;
    thresholds too. The test images are looked at once. For a model file only the thresholds
    are chosen; its classes are matched with those of DATA by their names. With --effort it is
    LookalikeClassifier that is trained and judged.

    Example: lookalike evaluate mnist --detect 5 --precision 0.99 --out report

    Or: lookalike evaluate mnist --model mnist.lookalike
    """
    if model is not None:
        training = {
            "--k": n_neighbors,
            "--weights": weights,
            "--augment": augment,
            "--effort": effort,
            "--features": None if features == options.PIXELS else features,
        }
        given = [name for name, value in training.items() if value is not None]
        if given:
            raise typer.BadParameter(
                f"{' and '.join(given)} would train another classifier; leave out "
                f"{'it' if len(given) == 1 else 'them'}, or --model",
                param_hint="'--model'",
            )
        options.check_is_file(model)
    votes = {"--k": n_neighbors, "--weights": weights, "--augment": augment, "--detect": detect}
    voting = [name for name, value in votes.items() if value is not None]
    if effort is not None and voting:
        raise typer.BadParameter(
            f"only k-NN takes {' and '.join(voting)}; leave out one or the other",
            param_hint="'--effort'",
        )
    if augment is not None and features != options.PIXELS:
        raise typer.BadParameter(
            "images grow, but vectors are compared; leave out one of them", param_hint="'--augment'"
        )
    aims = {"precision": precision, "recall": recall, "beta": beta}
    aim = {name: value for name, value in aims.items() if value is not None}
    if aim and detect is None:
        raise typer.BadParameter("say which class to detect", param_hint="'--detect'")
    if len(aim) > 1:
        raise typer.BadParameter(
            f"{' and '.join(aim)} are given; give one of them", param_hint="'--detect'"
        )
    with out_folder(out) as folder, screen.bar("importing libraries") as bar:
        from rich.text import Text

        from lookalike.reports.evaluation import describe
        from lookalike.reports.terminal import show
        from lookalike.reports.write import made_now, write_report

        load = partial(_load_tested, data, progress=screen.is_watched)
        wanted = partial(_wanted, detect, aim or {"beta": 1.0})
        if model is None:
            chosen = {"n_neighbors": n_neighbors, "weights": weights, "effort": effort}
            judged = _train(data, load, wanted, augment, features, bar, n_jobs=n_jobs, **chosen)
        else:
            judged = _open(model, data, load, wanted, n_jobs, bar)
        bar.start("writing the report")
        report = made_now(describe(judged), judged.to_dict(), n_jobs=n_jobs)
        if folder is not None:
            write_report(folder, report)
    screen.result(dict(report.numbers))
    screen.out.print(Text.assemble((judged.title, "bold"), f": {judged.subtitle}"))
    screen.say()
    show(report.sections, screen.out)
    screen.say_written("report.html, report.json", out)


def _train(
    name: str,
    load: Callable[..., Dataset],
    wanted: Callable[[Sequence[str]], Wanted | None],
    augment: str | None,
    features: str,
    bar: Bar,
    **chosen: Any,
) -> Judgement:
    """Train and judge. What can be wrong with what was asked for is found before any search."""
    from lookalike.evaluation.judgement import train_and_judge
    from lookalike.images.expression import parse_augmentation
    from lookalike.matching.feature_choice import turn_into_vectors

    bar.start("loading the data")
    data = load(least_classes=2, features=features)
    augmentation = None if augment is None else parse_augmentation(augment)
    if augmentation is not None:
        augmentation.variants(data.train.images.shape[1:])
    chosen["wanted"] = wanted(data.class_names)
    data, _ = turn_into_vectors(data, features, chosen["n_jobs"], bar)
    return train_and_judge(data, name, bar, augmentation=augmentation, **chosen)


def _open(
    file: Path,
    name: str,
    load: Callable[..., Dataset],
    wanted: Callable[[Sequence[str]], Wanted | None],
    n_jobs: int | None,
    bar: Bar,
) -> Judgement:
    """Judge a model file. What can be wrong with what was asked for is found before any search."""
    from lookalike.evaluation.judgement import count_copies, judge_fitted, why_undecided
    from lookalike.images.files import counted
    from lookalike.images.preprocessing import SHOWN
    from lookalike.models.judging import numbered_as

    bar.start("opening the model")
    model = options.open_on_threads(file, n_jobs)
    known, why_not = wanted(model.class_names), why_undecided(model.estimator)
    if known is not None and why_not:
        raise ValueError(f"--detect {known.name}: {why_not}; leave it out, or --model")
    bar.start("loading the data")
    loaded = load(form=SHOWN if model.is_of_vectors else model.form)
    if model.is_of_vectors:
        bar.start("turning pictures into vectors")
    data = numbered_as(model, loaded, name, str(file), progress=bar)
    n_test, n_copies = len(data.test), count_copies(data)
    subtitle = (
        f"{one_line(repr(model.estimator))}, {counted(model.n_samples, 'training image')}; judged "
        f"on the {n_test:,} test images of {name}"
    )
    if n_copies:
        copies = (
            f"{n_copies:,} of {counted(n_test, 'test image')} "
            f"{'is an exact copy' if n_copies == 1 else 'are exact copies'} of training images of "
            f"{file.name}, so that the numbers look better than they are"
        )
        say_note(f"{copies}; judge the model on images that it has not seen")
        subtitle += f". {copies}."
    return judge_fitted(
        model.estimator.with_features(None) if model.is_of_vectors else model.estimator,
        data,
        bar,
        title=f"{file.name} on {name}",
        subtitle=subtitle,
        parameters={
            "data": name,
            "source": data.source,
            "n_train": model.n_samples,
            "n_test": n_test,
            "model": str(file),
            "estimator": type(model.estimator).__name__,
            "trained_on": model.source,
            "n_copies": n_copies,
        },
        wanted=known,
    )


def _load_tested(name: options.DataName, **how: Any) -> Dataset:
    """Load data that has test images; ``how`` is that of `DataName.load`."""
    data = name.load(**how)
    if not len(data.test):
        raise ValueError(
            f"{name} has no test images to judge by; give classes two images or more, a test part "
            "of its own, such as a folder test beside train, or leave out --test-size 0"
        )
    return data


def _wanted(detect: str | None, aim: dict[str, float], class_names: Sequence[str]) -> Wanted | None:
    """Return the class to detect among those there are; None if none is asked for."""
    from lookalike.evaluation.judgement import Wanted
    from lookalike.images.files import some_of

    if detect is None:
        return None
    if detect not in class_names:
        raise ValueError(
            f"--detect {detect}: no class is called so; there are {some_of(class_names)}"
        )
    return Wanted(detect, list(class_names).index(detect), aim)
