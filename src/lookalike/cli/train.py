"""``lookalike train``: the classifier that matches images, and what it chose."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from lookalike.cli.data_options import Data, DataName, takes_data
from lookalike.cli.jobs import Debug, Json, Threads, job, say_note

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

    from lookalike.cli.screen import Bar, Screen
    from lookalike.estimators.lookalike import LookalikeClassifier
    from lookalike.images.dataset import Dataset
    from lookalike.matching.choosing import Trial

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
        import contextlib
        import json

        from lookalike.cli.outfolder import filled_at_the_end
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        if model is not None and not model.absolute().parent.is_dir():
            raise FileNotFoundError(f"{model.parent} is no folder; make it, or name another")
        with contextlib.nullcontext() if out is None else filled_at_the_end(out) as folder:
            with screen.bar(time_left=True) as bar:
                trained = _train(data, chosen, n_jobs, bar, watched=screen.is_watched)
                if model is not None:
                    bar.start("saving the model")
                    trained = trained.kept_in(model)
                files = []
                if folder is not None:
                    bar.start("drawing pictures")
                    files = ["report.json", *trained.draw(folder)]
            report = trained.report()
            if folder is not None:
                (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        screen.result(report)
        if not as_json:
            _show(trained, screen)
            if out is not None:
                from rich.text import Text

                screen.out.print()
                screen.out.print(Text(f"Wrote {', '.join(files)} into {out}"), soft_wrap=True)


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


class Tried(NamedTuple):
    """The best reading of a recipe in one comparison, or the one that was chosen.

    Attributes
    ----------
    trial : Trial
    n_readings : int
        That were compared.
    is_chosen : bool
    """

    trial: Trial
    n_readings: int
    is_chosen: bool

    @property
    def standard_error(self) -> float:
        """Of the error: the standard deviation of a binomial share."""
        error = self.trial.error
        return float((error * (1 - error) / self.trial.n_held_out) ** 0.5)

    def entry(self) -> dict[str, Any]:
        """Return it for JSON."""
        trial = self.trial
        return {
            "stage": trial.stage,
            "recipe": trial.recipe._asdict(),
            "reading": trial.reading._asdict(),
            "n_readings": self.n_readings,
            "n_images": trial.n_images,
            "n_held_out": trial.n_held_out,
            "n_wrong": trial.n_wrong,
            "error": trial.error,
            "standard_error": self.standard_error,
            "seconds": round(trial.seconds, 4),
            "is_chosen": self.is_chosen,
        }


def what_was_tried(classifier: LookalikeClassifier) -> list[Tried]:
    """Return for each recipe of each comparison the best of its readings, as they were tried."""
    groups: dict[tuple[Any, ...], list[Trial]] = {}
    chosen = None
    for trial in classifier.choices_:
        groups.setdefault((trial.stage, trial.recipe), []).append(trial)
        if (trial.recipe, trial.reading) == (classifier.recipe_, classifier.reading_):
            chosen = trial  # the last one: it may have been compared before, on fewer images
    tried = []
    for group in groups.values():
        is_chosen = any(trial is chosen for trial in group)
        best = chosen if is_chosen else min(group, key=lambda trial: trial.n_wrong)
        assert best is not None
        tried.append(Tried(best, len(group), is_chosen))
    return tried


def why_chosen(classifier: LookalikeClassifier) -> str:
    """Return in a sentence why the recipe and the reading were chosen."""
    trials = classifier.choices_
    if not trials:
        return "There are too few images to hold some out: nothing was compared."
    from lookalike.matching.choosing import deciding

    last = deciding(trials)
    winner = next(own.trial for own in what_was_tried(classifier) if own.is_chosen)
    least = min(trial.n_wrong for trial in last)
    said = (
        f"{winner.n_wrong:,} of {winner.n_held_out:,} held-out images come out wrong, "
        f"{winner.error:.2%}: "
    )
    if winner.n_wrong > least:
        return (
            f"{said}{winner.n_wrong - least:,} more than by the best of {len(last):,} "
            "combinations, a lead that may be luck; this reading is the more usual one."
        )
    n_equal = sum(trial.n_wrong == least for trial in last)
    also = f", as by {n_equal - 1:,} others," if n_equal > 1 else ""
    return f"{said}the fewest{also} of {len(last):,} combinations."


class _Trained(NamedTuple):
    """What came out."""

    name: str
    dataset: Dataset
    classifier: LookalikeClassifier
    truth: NDArray[np.str_]
    prediction: NDArray[np.str_]
    n_threads: int
    fit_seconds: float
    predict_seconds: float
    model: Path | None = None

    def report(self) -> dict[str, Any]:
        import lookalike

        classifier, error = self.classifier, self.error()
        return {
            "lookalike": lookalike.__version__,
            "data": self.name,
            "source": self.dataset.source,
            "effort": classifier.effort,
            "n_threads": self.n_threads,
            "n_train": len(self.dataset.train),
            "image_shape": list(classifier.image_shape_),
            "recipe": classifier.recipe_._asdict(),
            "reading": classifier.reading_._asdict(),
            "why": why_chosen(classifier),
            "tried": [own.entry() for own in what_was_tried(classifier)],
            "test": error,
            "wrong": self.wrong(),
            "model": None if self.model is None else str(self.model),
            "fit_seconds": round(self.fit_seconds, 3),
            "predict_seconds": round(self.predict_seconds, 3),
        }

    def kept_in(self, path: Path) -> _Trained:
        """Keep the model in a file."""
        from lookalike.models.file import save_model

        data = self.dataset
        save_model(
            self.classifier,
            path,
            source=Path(self.name).name,
            form=data.form,
            originals=data.train.originals,
        )
        return self._replace(model=path)

    def error(self) -> dict[str, Any] | None:
        """Return how many of the test images came out wrong; None if there are none."""
        if not len(self.truth):
            return None
        from lookalike.evaluation.metrics.accuracy import accuracy

        right = accuracy(self.truth, self.prediction)
        n_wrong = right.n - right.n_right
        return {
            "error": n_wrong / right.n,
            "standard_error": right.standard_error,
            "n_wrong": n_wrong,
            "n": right.n,
        }

    def wrong(self) -> list[dict[str, Any]]:
        """Return the test images that came out wrong."""
        import numpy as np

        return [
            {
                "row": row,
                "file": self.dataset.test.name(row),
                "label": str(self.truth[row]),
                "predicted": str(self.prediction[row]),
            }
            for row in np.flatnonzero(self.prediction != self.truth).tolist()
        ]

    def draw(self, folder: Path) -> list[str]:
        """Write the picture of what came out wrong, the surest first; return its name."""
        import numpy as np

        from lookalike.reports.matches import draw_matches, surest_wrong

        test = self.dataset.test
        wrong = np.flatnonzero(self.prediction != self.truth)
        if not len(wrong):
            return []
        matches = self.classifier.explain(test.images[wrong], min(5, len(self.dataset.train)))
        draw_matches(
            matches,
            self.truth[wrong],
            surest_wrong(matches, self.truth[wrong])[:_MOST_DRAWN],
            folder / "matches.png",
            numbers=wrong,
            data=self.dataset,
        )
        return ["matches.png"]


def _train(data: DataName, effort: str, n_jobs: int | None, bar: Bar, *, watched: bool) -> _Trained:
    bar.start("importing libraries")
    from time import perf_counter

    import numpy as np

    from lookalike.estimators.lookalike import LookalikeClassifier
    from lookalike.matching.plans import PLANS
    from lookalike.search.threads import count_threads

    n_threads = count_threads(n_jobs)
    bar.start("loading the data")
    dataset = data.load(progress=watched, working_side=PLANS[effort].longest_side)
    if len(dataset.class_names) == 1:
        say_note(
            f"{data} has a single class, {dataset.class_names[0]!r}: every answer will be that; "
            "add images of another"
        )
    classifier = LookalikeClassifier(effort, n_jobs=n_jobs)  # type: ignore[arg-type]
    bar.start("trying what matches images best")
    start = perf_counter()
    names = np.array(dataset.class_names)
    classifier.fit(dataset.train.images, names[dataset.train.labels], progress=bar)
    fitted = perf_counter()
    bar.start("matching the test images")
    prediction = classifier.classes_[:0]
    if len(dataset.test):
        prediction = classifier.predict(dataset.test.images, progress=bar)
    predicted = perf_counter()
    seconds = (fitted - start, predicted - fitted)
    truth = names[dataset.test.labels]
    return _Trained(data, dataset, classifier, truth, prediction, n_threads, *seconds)


def _show(trained: _Trained, screen: Screen) -> None:
    from rich.markup import escape
    from rich.text import Text

    from lookalike.images.files import counted

    classifier, test = trained.classifier, trained.error()
    tried = what_was_tried(classifier)
    shape = " × ".join(map(str, classifier.image_shape_))
    screen.say(
        f"[bold]{escape(trained.name)}[/]: {counted(len(trained.dataset.train), 'train image')} of "
        f"{shape}, {counted(len(classifier.classes_), 'class')}; effort {classifier.effort}"
    )
    for stage in dict.fromkeys(own.trial.stage for own in tried):
        own = [one for one in tried if one.trial.stage == stage]
        screen.say()
        screen.say(_say_stage(own, n_train=len(trained.dataset.train)))
        screen.say()
        screen.say(tried_table(own))
    screen.say()
    screen.say(
        Text.assemble(("* chosen: ", "bold"), f"{classifier.recipe_}; ", str(classifier.reading_))
    )
    screen.say(why_chosen(classifier))
    screen.say()
    threads = "1 thread" if trained.n_threads == 1 else f"{trained.n_threads} threads"
    took = f"chosen and learnt in {trained.fit_seconds:.2f} s"
    if test is None:
        screen.say("No images were held out: how often it errs on new ones is not known.")
    else:
        screen.say(
            f"test error [bold green]{test['error']:.2%}[/] ± {test['standard_error']:.2%} "
            f"(standard error): {test['n_wrong']:,} of {test['n']:,} wrong"
        )
        took += (
            f", test images matched in {trained.predict_seconds:.2f} s: "
            f"{test['n'] / trained.predict_seconds:,.0f} a second"
        )
    screen.say(f"{took} (on {threads})", style="dim")
    if trained.model is not None:
        screen.say()
        screen.say(Text(f"Wrote {trained.model}; try: lookalike serve {trained.model}"))


def _say_stage(tried: list[Tried], *, n_train: int) -> str:
    first = tried[0].trial
    counts = f"from {first.n_images:,} train images, {first.n_held_out:,} others held out"
    if first.n_held_out == n_train:
        counts = f"all {n_train:,} train images held out in turn, each from {first.n_images:,}"
    recipes = "1 recipe" if len(tried) == 1 else f"{len(tried)} recipes"
    again = {1: "", 2: "Again, the best: ", 3: "The best with copies of the train images: "}
    return f"{again[first.stage]}{recipes} by {tried[0].n_readings} readings each, {counts}:"


def tried_table(tried: list[Tried]) -> Table:
    """Lay out recipes, each with its best reading, its error on held-out images and its time."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="bold")
    table.add_column("recipe, and its best reading")
    table.add_column("error")
    table.add_column("wrong", justify="right")
    table.add_column("s", justify="right")
    for own in tried:
        trial = own.trial
        mark = "* " if own.is_chosen else "  "
        table.add_row(
            Text.assemble((f"{mark}{trial.recipe}", "bold"), (f"\n  {trial.reading}", "dim")),
            f"{trial.error:.2%} ± {own.standard_error:.2%}",
            f"{trial.n_wrong:,}",
            f"{trial.seconds:.1f}",
        )
    return table
