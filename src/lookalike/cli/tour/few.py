"""How few labels are enough: the error against labels a class, of ours beside other classifiers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.evaluation.few_labels import measure_few_labels
from lookalike.images.dataset import Split
from lookalike.matching.levels import check_images
from lookalike.reports.blocks import Section
from lookalike.reports.captions import save_picture
from lookalike.reports.few_labels import few_labels_section
from lookalike.search.machine import count_threads

_DRAWS = {10: 3, 50: 1, 100: 1}  # by labels a class; with more of them, draws differ less
_MOST_LABELS = 1_000  # of all classes together, so that the step takes seconds, as the next
_MOST_TEST_IMAGES = 2_000
_SEED = 0


class Few(Step):
    """Fit each classifier on few labels a class, drawn anew several times."""

    name = "few_labels"
    title = "Few labels: how soon it learns, beside others"

    def run(self, tour: Tour, bar: Bar) -> None:
        train, test = tour.data.train, tour.data.test
        n_draws = _affordable(train.labels)
        self.skipped = _why_skipped(train, n_draws)
        if self.skipped is not None:
            return
        rows = np.random.default_rng(_SEED).permutation(len(test))[:_MOST_TEST_IMAGES]
        bar.start("learning from few labels")
        self.n_test = len(test)
        self.found = measure_few_labels(
            _classifiers(float(train.images.max()), tour.n_jobs),
            train,
            Split(test.images[rows], test.labels[rows]),
            n_draws,
            progress=bar,
        )

    def report(self) -> dict[str, Any]:
        if self.skipped is not None:
            return {"skipped": self.skipped}
        return {**self.found.to_dict(), "verdict": self.found.verdict()}

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        screen.say(self._table())
        screen.say()
        screen.say(Text(self.found.verdict()))
        screen.say(Text(self._how()), style="dim")

    def sections(self) -> list[Section]:
        return [] if self.skipped is not None else [few_labels_section(self.found, how=self._how())]

    def save(self, folder: Path) -> list[str]:
        if self.skipped is not None:
            return []
        save_picture(self.found.plot().figure.figure, folder / "few_labels.png", dpi=130)
        return ["few_labels.png"]

    def _table(self) -> Table:
        found = self.found
        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="bold")
        table.add_column("error, % ± spread")
        for size in found.sizes:
            table.add_column(f"{size:,} a class", justify="right")
        ranked = [found.ranking(i)[0] for i in range(len(found.sizes))]
        for name in found.errors:
            cells = [
                Text(_percent(mean, spread), "bold green" if name == best else "")
                for mean, spread, best in zip(
                    found.means(name), found.spreads(name), ranked, strict=True
                )
            ]
            table.add_row(Text(name), *cells)
        return table

    def _how(self) -> str:
        """Say what was drawn and predicted."""
        found = self.found
        first, *others = zip(found.n_draws, found.sizes, strict=True)
        draws = f"{first[0]} {'draw' if first[0] == 1 else 'draws'} of {first[1]:,}"
        draws += "".join(f", {n} of {size:,}" for n, size in others)
        of = "all" if found.n_test == self.n_test else f"{found.n_test:,} of the"
        several = max(found.n_draws) > 1
        spread = " The spread is the standard deviation of the draws." if several else ""
        return (
            f"{draws} training images a class, the same for all; errors of {of} "
            f"{self.n_test:,} test images.{spread} Ours chooses its settings on those few labels; "
            "fixed are those of k-NN (k = 3, weighted by distance), the SVM (C = 5) and the forest "
            "(100 trees)."
        )


def _affordable(labels: NDArray[Any]) -> dict[int, int]:
    """Return the draws of those numbers of labels that there are, and that take seconds."""
    _, counts = np.unique(labels, return_counts=True)
    most = min(int(counts.min()), _MOST_LABELS // len(counts))
    return {size: n for size, n in _DRAWS.items() if size <= most}


def _why_skipped(train: Split, n_draws: dict[int, int]) -> str | None:
    try:
        check_images(train.images[:1])
    except ValueError as error:
        return str(error)
    classes, counts = np.unique(train.labels, return_counts=True)
    if len(classes) < 2:
        return "the training images are of one class, so that there is nothing to tell apart"
    if n_draws:
        return None
    fewest = min(_DRAWS)
    if counts.min() < fewest:
        return f"a class has fewer than {fewest} training images to draw from"
    return f"{fewest} labels of each of {len(classes):,} classes are more than {_MOST_LABELS:,}"


def _classifiers(largest: float, n_jobs: int | None) -> dict[str, Any]:
    """Return ours and the others, all of images; the others get pixels from 0 to 1."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.svm import SVC

    rows = FunctionTransformer(_as_shares, kw_args={"largest": max(largest, 1.0)})
    n_threads = count_threads(n_jobs)
    forest = RandomForestClassifier(100, random_state=_SEED, n_jobs=n_threads)
    return {
        "lookalike (fast)": LookalikeClassifier("fast", n_jobs=n_jobs),
        "k-NN": KNeighborsClassifier(3, weights="distance", n_jobs=n_jobs),
        "RBF SVM": make_pipeline(rows, SVC(C=5)),
        "random forest": make_pipeline(rows, forest),
    }


def _as_shares(images: NDArray[Any], largest: float) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = images.reshape(len(images), -1) / largest
    return shares


def _percent(mean: float, spread: float) -> str:
    """Return an error rate in percent, with its spread if there is one.

    Examples
    --------
    >>> _percent(0.0358, 0.0071), _percent(0.0225, float("nan"))
    ('3.6 ± 0.7', '2.2      ')
    """
    width = " " * len(" ± 0.0")  # so that numbers stand below one another
    return f"{mean:.1%}"[:-1] + (width if np.isnan(spread) else f" ± {spread:.1%}"[:-1])
