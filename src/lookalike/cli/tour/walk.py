"""Walk the tour: take its steps in order, show each, and put all of them into one report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Concatenate, ParamSpec, TypeVar

from rich.text import Text

from lookalike import __version__
from lookalike.cli.data_options import DataName
from lookalike.cli.outfolder import filled_at_the_end, say_written
from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.cleaning_steps import clean
from lookalike.cli.tour.data_steps import audited, load
from lookalike.cli.tour.growing_steps import augmented, shifts
from lookalike.cli.tour.judging_steps import confusion, detected, judged, mistakes, sure
from lookalike.cli.tour.matching_steps import few_labels, matched
from lookalike.cli.tour.peers import against_sklearn, clean_against_sklearn, compared
from lookalike.cli.tour.step import Step
from lookalike.cli.tour.tuning_steps import baseline, tuned, tuning
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.evaluation.tuning import TuningChoice
from lookalike.reports.blocks import Headline, Report, Section
from lookalike.reports.evaluation import evaluation_headline
from lookalike.reports.png import save_png
from lookalike.reports.terminal import show
from lookalike.reports.write import made_now, write_report
from lookalike.search.machine import count_threads

P = ParamSpec("P")
T = TypeVar("T")


class _Walk:
    """Takes steps: runs each, prints it, and keeps what it found by the step's name."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.steps: dict[str, Step[Any]] = {}
        self.seconds: dict[str, float] = {}

    def take(
        self,
        title: str,
        step: Callable[Concatenate[Bar, P], Step[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a step, print it below its title, and return what later steps need of it.

        Parameters
        ----------
        title : str
        step : callable
            Its name is the step's key in the JSON document. It gets the progress bar first.
        *args, **kwargs
            What else it gets.
        """
        name, start = step.__name__, perf_counter()
        with self.screen.bar() as bar:
            found = step(bar, *args, **kwargs)
        self.seconds[name] = perf_counter() - start
        first, *others = found.sections
        self.steps[name] = replace(found, sections=[replace(first, title=title), *others])
        self._show(self.steps[name], self.seconds[name])
        return found.value

    def _show(self, step: Step[Any], seconds: float) -> None:
        out = self.screen.out
        if out.quiet:
            return
        first, *others = step.sections
        head = Text(f"{len(self.steps)}  {first.title}", style="bold")
        time = Text(f"{seconds:.2f} s", style="dim")
        head.pad_right(max(1, out.width - head.cell_len - time.cell_len))
        out.print()
        out.print(head + time)
        out.print()
        show([first], out, titles=False)
        show(others, out)

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        """What the JSON document says of each step."""
        return {
            name: {"seconds": round(self.seconds[name], 3), **step.entry}
            for name, step in self.steps.items()
        }

    @property
    def sections(self) -> list[Section]:
        """What the page shows."""
        return [section for step in self.steps.values() for section in step.sections]

    def save_pictures(self, folder: Path) -> list[str]:
        """Write the PNG files, and return their names."""
        pictures = {k: one for step in self.steps.values() for k, one in step.pictures.items()}
        with self.screen.bar() as bar:
            bar.start("drawing pictures")
            for number, (name, block) in enumerate(pictures.items()):
                bar(number, len(pictures))
                save_png(folder / name, block)
        return list(pictures)


def walk(
    *,
    data_name: DataName | None,
    out: Path | None,
    against: bool,
    n_jobs: int | None,
    screen: Screen,
    started: float,
) -> None:
    """Walk the tour; parameters as in ``lookalike tour``, ``started`` by `perf_counter`."""
    report: dict[str, Any] = {
        "lookalike": __version__,
        "n_threads": count_threads(n_jobs),
        "start_seconds": round(perf_counter() - started, 3),
    }
    tour = _Walk(screen)
    files: list[str] = []
    with filled_at_the_end(out) as folder:
        best, evaluation = _take_steps(tour, data_name, against, n_jobs)
        drawing = perf_counter()
        if folder is not None:
            files = tour.save_pictures(folder)
        report["steps"] = tour.entries
        report["pictures_seconds"] = round(perf_counter() - drawing, 3)
        report["seconds"] = round(perf_counter() - started, 3)
        if folder is not None:
            page = _page(tour.sections, report, best, evaluation, n_jobs)
            files = [*write_report(folder, page), *files]
    screen.result(report)
    screen.out.print(
        f"\n[bold]Done[/] in {report['seconds']:.2f} s, of which {report['start_seconds']:.2f} s "
        f"to import libraries and {report['pictures_seconds']:.2f} s to draw pictures."
    )
    say_written(", ".join(files), out, screen)


def _take_steps(
    tour: _Walk, data_name: DataName | None, against: bool, n_jobs: int | None
) -> tuple[TuningChoice, Evaluation | None]:
    """Take the steps in order; return the best classifier and how good it is.

    A new step is a function that returns a `Step`, and a line here.
    """
    take = tour.take
    data = take("The data", load, data_name, watched=tour.screen.is_watched)
    usual = "Classify by the 4 nearest images, weighted by 1 / distance"
    plain = take(usual, baseline, data, n_jobs)
    take("Confusion matrix", confusion, data, plain.explanation)
    take("Wrong predictions, and the images behind them", mistakes, data, plain.explanation)
    choose = "Tune k and the weights by cross-validation of the training images"
    folds, scores = take(choose, tuning, data, n_jobs)
    best = take("The tuned classifier on the test images", tuned, data, plain, scores.best, n_jobs)
    evaluation = take("The tuned classifier, judged", judged, data, best.model, best.explanation)
    take("A detector of one class, of high precision", detected, data, folds, n_jobs)
    take("Leaving out what is not sure", sure, data, best.model)
    take("The classifiers of the chapter, side by side", compared, data, n_jobs)
    take("The training images, moved by one pixel", shifts, data)
    grown = "The training images with their shifts, on the test images"
    take(grown, augmented, data, best, scores.best, folds, n_jobs)
    take("Images matched: representation and distance chosen", matched, data, plain, n_jobs)
    take("Few labels: how soon it learns, beside others", few_labels, data, n_jobs)
    book = take("Noisy images, cleaned by neighbours", clean, data, best.model, n_jobs)
    take("The data, audited", audited, data, n_jobs)
    if against:
        take("The baseline beside scikit-learn", against_sklearn, data, plain, n_jobs)
        cleaning = "Cleaning as the book does beside scikit-learn"
        take(cleaning, clean_against_sklearn, data, book, n_jobs)
    return scores.best, evaluation


def _page(
    sections: list[Section],
    numbers: dict[str, Any],
    best: TuningChoice,
    evaluation: Evaluation | None,
    n_jobs: int | None,
) -> Report:
    """Return the report: what all steps show, below how good the tuned classifier is.

    ``numbers`` is what ``tour --json`` prints.
    """
    steps = numbers["steps"]
    load, grown = steps["load"], steps["augmented"]
    headline = [] if evaluation is None else evaluation_headline(evaluation)
    if "accuracy" in grown:
        note = f"{grown['n_mended']:,} errors mended, {grown['n_made']:,} made"
        headline.append(Headline("Accuracy with shifts", f"{grown['accuracy']:.2%}", note))
    report = Report(
        f"A tour of {load['data']}",
        f"{load['n_train']:,} training and {load['n_test']:,} test images, classified by their "
        f"{best.n_neighbors} nearest neighbours.",
        headline,
        sections,
        parameters={
            "data": load["data"],
            "n_neighbors": best.n_neighbors,
            "weights": best.weights,
            "folds": str(steps["tuning"]["cv"]),
        },
        timings={
            "import": numbers["start_seconds"],
            **{step: entry["seconds"] for step, entry in steps.items()},
            "pictures": numbers["pictures_seconds"],
            "all": numbers["seconds"],
        },
    )
    return made_now(report, numbers, n_jobs=n_jobs)
