"""The number of neighbours and their weighting, by cross-validation of the training images."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.search_cv import KNeighborsSearchCV
from lookalike.evaluation.folds import choose_folds
from lookalike.evaluation.peers.search import estimate_grid_search
from lookalike.evaluation.tuning import read_tuning
from lookalike.reports.blocks import Section
from lookalike.reports.png import save_png
from lookalike.reports.terminal import show
from lookalike.reports.tuning import tuning_chart, tuning_section
from lookalike.search.machine import count_threads

_N_FOLDS = 5
_WEIGHTS = ("uniform", "distance")
_BOOK_S = (3, 4, 5)  # the numbers of neighbours of the book's grid, for comparison
_MOST_NEIGHBORS = 30  # of the curve; all are read off the same search


class TuningStep(Step):
    """Score all numbers of neighbours and weightings on the training images alone."""

    name = "tuning"
    title = "Tune k and the weights by cross-validation of the training images"

    def run(self, tour: Tour, bar: Bar) -> None:
        train = tour.data.train
        self.data = tour.data
        self.folds = tour.folds = choose_folds(train.labels, most=_N_FOLDS)
        n_neighbors = range(1, min(_MOST_NEIGHBORS, self.folds.most_neighbors) + 1)
        search = KNeighborsSearchCV(
            KNeighborsClassifier(),
            {"weights": _WEIGHTS, "n_neighbors": n_neighbors},
            cv=self.folds.cv,
            n_jobs=tour.n_jobs,
            refit=False,
        )
        bar.start("searching neighbours within the training images")
        start = perf_counter()
        search.fit(train.images, train.labels, progress=bar)
        self.search_seconds = perf_counter() - start
        self.tuning = tour.tuning = read_tuning(search, n_images=len(train))
        self.n_neighbors = n_neighbors
        self.n_candidates = len(search.cv_results_["params"])
        self.table = [k for k in _BOOK_S if k in n_neighbors] or list(n_neighbors)
        bar.start("timing a part of it with scikit-learn")
        self.peer = estimate_grid_search(
            train.images,
            train.labels,
            n_splits=self.folds.n_splits,
            n_threads=count_threads(tour.n_jobs),
        )

    def report(self) -> dict[str, Any]:
        peer_seconds = self.peer.seconds_per_candidate * self.n_candidates
        return {
            "cv": self.folds.cv,
            "n_splits": self.folds.n_splits,
            "n_candidates": self.n_candidates,
            "search_seconds": round(self.search_seconds, 4),
            **self.tuning.to_dict(),
            "grid_search_cv": {
                "sklearn": self.peer.version,
                "measured": "a part",
                "n_queries": self.peer.n_queries,
                "n_rows": self.peer.n_rows,
                "measured_seconds": round(self.peer.measured_seconds, 4),
                "extrapolated_seconds": round(peer_seconds, 2),
                "times_faster": round(peer_seconds / self.search_seconds, 1),
            },
        }

    def show(self, screen: Screen) -> None:
        n_train = len(self.data.train)
        show(self.sections(), screen.out, titles=False)
        screen.say()
        n_shown = len(self.table) * len(_WEIGHTS)
        per_candidate, peer = self.peer.seconds_per_candidate, self.peer
        seconds = per_candidate * self.n_candidates
        times = seconds / self.search_seconds
        longer = f", {times:,.0f} times as long" if times >= 2 else ""
        screen.say(
            f"All {self.n_candidates} candidates are read off one search: "
            f"[bold]{self.search_seconds:.2f} s[/]. scikit-learn's GridSearchCV would take about "
            f"{duration(seconds)}{longer}; for the {n_shown} of the book's grid "
            f"{duration(per_candidate * n_shown)}."
        )
        screen.say(
            f"(Extrapolated, by pairs of images, from {peer.measured_seconds:.3f} s that "
            f"scikit-learn {peer.version} took to predict {peer.n_queries:,} from {peer.n_rows:,} "
            f"of the {n_train:,} images.)",
            style="dim",
        )

    def sections(self) -> list[Section]:
        return [
            tuning_section(self.tuning, how=f"{self._how()} The test images are not looked at.")
        ]

    def save(self, folder: Path) -> list[str]:
        n_splits = self.folds.n_splits
        how = "leaving one out" if self.folds.cv == "loo" else f"mean of {n_splits} folds"
        save_png(folder / "tuning.png", tuning_chart(self.tuning, score=f"accuracy, {how}"))
        return ["tuning.png"]

    def _how(self) -> str:
        """Say how the images are split, and why that is less than usual where it is."""
        folds, n_train = self.folds, len(self.data.train)
        name = self.data.class_names[folds.smallest_class]
        if folds.cv == "loo":
            how = f"{n_train:,} images, each predicted from all others: no folds, for class {name} "
            how += "has a single image."
        else:
            how = f"{n_train:,} images in {folds.cv} folds, each predicted from the others"
            few = f"; no more folds, for class {name} has {folds.cv} images"
            how += "." if folds.cv == _N_FOLDS else f"{few}."
        k = self.n_neighbors[-1]
        if k < _MOST_NEIGHBORS:
            how += f" k ends at {k}, the images that the smallest training fold has."
        return how


def duration(seconds: float) -> str:
    """Return a time to about two digits.

    Examples
    --------
    >>> [duration(seconds) for seconds in (0.034, 5.2, 43.2, 620, 9000, 250000)]
    ['0.034 s', '5.2 s', '43 s', '10 min', '2.5 h', '69 h']
    """
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            number = seconds / size
            return f"{number:.{0 if number >= 9.95 else 1}f} {unit}"
    return f"{seconds:.2g} s"
