"""``lookalike evaluate``: all that can be said of a neighbour classifier on test images."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.data_options import Data, takes_data
from lookalike.cli.jobs import Debug, Json, ReportFolder, Threads, job
from lookalike.cli.modelfile import check_is_file

if TYPE_CHECKING:
    from rich.table import Table

    from lookalike.cli.screen import Screen
    from lookalike.cli.work.evaluating import Judged
    from lookalike.evaluation.metrics.evaluation import Evaluation

_SHOWN = (
    *("accuracy", "balanced_accuracy", "top_2_accuracy", "macro_f1", "mcc"),
    *("log_loss", "brier", "ece", "roc_auc", "average_precision"),
)
_MOST_CLASSES = 30  # in the table


class Weights(Enum):
    """How neighbours are weighted."""

    UNIFORM = "uniform"
    DISTANCE = "distance"


@takes_data
def evaluate(
    data: Data,
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
        Weights | None, typer.Option(help="How they are weighted; chosen if it is not given.")
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION",
            help="Grow the train images, as lookalike augment --with does: Shifts(1).",
        ),
    ] = None,
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
        typer.Option(metavar="BETA", help="The highest F-beta; F1 is what is taken by default."),
    ] = None,
    out: ReportFolder = None,
    n_jobs: Threads = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Judge a neighbour classifier on the test images: metrics, errors, what to leave out.

    k and the weights are chosen by cross-validation of the train images, unless they are given;
    thresholds too. The test images are looked at once. Of a model file nothing is chosen but the
    thresholds; its classes are matched with those of DATA by their names.

    Example: lookalike evaluate mnist --detect 5 --precision 0.99 --out report

    Or: lookalike evaluate mnist --model mnist.lookalike
    """
    if model is not None:
        training = {"--k": n_neighbors, "--weights": weights, "--augment": augment}
        given = [name for name, value in training.items() if value is not None]
        if given:
            raise typer.BadParameter(
                f"{' and '.join(given)} would train another classifier; leave out "
                f"{'it' if len(given) == 1 else 'them'}, or --model",
                param_hint="'--model'",
            )
    aim = {
        name: value
        for name, value in (("precision", precision), ("recall", recall), ("beta", beta))
        if value is not None
    }
    if aim and detect is None:
        raise typer.BadParameter("say which class to detect", param_hint="'--detect'")
    if len(aim) > 1:
        raise typer.BadParameter(
            f"{' and '.join(aim)} are given; give one of them", param_hint="'--detect'"
        )
    with job(debug):
        import contextlib

        from lookalike.cli.outfolder import filled_at_the_end
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        if model is not None:
            check_is_file(model)
        with (
            contextlib.nullcontext() if out is None else filled_at_the_end(out) as folder,
            screen.bar() as bar,
        ):
            bar.start("importing libraries")
            from lookalike.cli.work.evaluating import Judging
            from lookalike.cli.work.evaluating_model import ModelJudging

            aim = aim or {"beta": 1.0}
            if model is None:
                judged = Judging(
                    data_name=data,
                    detect=detect,
                    aim=aim,
                    n_jobs=n_jobs,
                    n_neighbors=n_neighbors,
                    weights=None if weights is None else weights.value,
                    augment=augment,
                ).run(bar, watched=screen.is_watched)
            else:
                judged = ModelJudging(
                    data_name=data, detect=detect, aim=aim, n_jobs=n_jobs, file=model
                ).run(bar, watched=screen.is_watched)
            bar.start("writing the report")
            files = [] if folder is None else judged.write(folder)
        screen.result(judged.numbers())
        if not as_json:
            _show(judged, screen)
            if out is not None:
                from rich.text import Text

                screen.out.print()
                screen.out.print(Text(f"Wrote {', '.join(files)} into {out}"), soft_wrap=True)


def _show(judged: Judged, screen: Screen) -> None:
    from rich.text import Text

    from lookalike.cli.work.evaluating import ACCURACY

    name, told = judged.told()
    screen.say(Text.assemble((name, "bold"), f": {told}"))
    screen.say()
    screen.say(metrics_table(judged.evaluation))
    screen.say()
    screen.say(classes_table(judged.evaluation))
    for note in judged.evaluation.notes():
        screen.say(Text(note), style="dim")
    screen.say()
    if judged.rejection is None or judged.coverage is None:
        screen.say(Text(judged.no_rejection))
    else:
        promised = judged.rejection.promise_
        screen.say(
            f"Answers of {ACCURACY:.1%} accuracy on train images: for [bold]"
            f"{promised.coverage:.1%}[/] of them. Of the test images {judged.coverage.coverage:.1%}"
            f" get one, {judged.coverage.accuracy:.2%} of them rightly."
        )
    if judged.threshold is not None and judged.tested is not None:
        promise, tested = judged.threshold.promise_, judged.tested
        screen.say(
            Text(
                f"Detecting {judged.asked.detect} with {judged.threshold.aim_}: threshold "
                f"{promise.threshold:.4f}, precision {promise.precision:.2%} and recall "
                f"{promise.recall:.2%} on train images; {tested.precision:.2%} and "
                f"{tested.recall:.2%} on test images."
            )
        )


def metrics_table(evaluation: Evaluation) -> Table:
    """Lay out metrics with their intervals."""
    from rich.table import Table

    from lookalike.evaluation.metrics.evaluation import tell_interval

    table = Table(box=None, padding=(0, 3, 0, 0), show_edge=False, header_style="bold")
    for column in ("", "", f"{evaluation.confidence:.0%} interval"):
        table.add_column(column, justify="left" if not table.columns else "right")
    scalars = evaluation.scalars()
    for name in _SHOWN:
        value = scalars.get(name, float("nan"))
        if value == value:  # not NaN
            interval = tell_interval(evaluation.intervals[name])
            table.add_row(name.replace("_", " "), f"{value:.4f}", interval)
    return table


def classes_table(evaluation: Evaluation) -> Table:
    """Lay out the metrics of each class; of many, of those with the lowest F1."""
    import numpy as np
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 3, 0, 0), show_edge=False, header_style="bold")
    table.add_column("class")
    for column in ("precision", "recall", "F1", "images"):
        table.add_column(column, justify="right")
    order = np.arange(len(evaluation.classes))
    if len(order) > _MOST_CLASSES:
        order = np.sort(np.argsort(evaluation.f1, kind="stable")[:_MOST_CLASSES])
    for i in order.tolist():
        table.add_row(
            Text(evaluation.class_names[i], "bold"),
            *(f"{getattr(evaluation, m)[i]:.4f}" for m in ("precision", "recall", "f1")),
            f"{evaluation.support[i]:,}",
        )
    return table
