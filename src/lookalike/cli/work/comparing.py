"""What ``lookalike compare`` does: classifiers side by side, and the report of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

import lookalike
from lookalike.cli.data_options import DataName
from lookalike.cli.screen import Bar
from lookalike.evaluation.comparison.compare import compare
from lookalike.evaluation.comparison.comparison import Comparison
from lookalike.evaluation.comparison.models import DESCRIPTIONS, chapter_classifiers
from lookalike.images.dataset import Dataset
from lookalike.reports.blocks import Headline, Report
from lookalike.reports.comparison import comparison_section
from lookalike.reports.environment import run_facts
from lookalike.reports.write import write_report

_SEED = 0


@dataclass(frozen=True)
class Compared:
    """Classifiers, compared on train images of a data set.

    Attributes
    ----------
    data_name : DataName
    data : Dataset
    comparison : Comparison
    seconds : float
    n_jobs : int or None
    """

    data_name: DataName
    data: Dataset
    comparison: Comparison
    seconds: float
    n_jobs: int | None

    def report(self) -> dict[str, Any]:
        """Return what ``compare --json`` prints."""
        return {
            "lookalike": lookalike.__version__,
            "data": self.data_name,
            "source": self.data.source,
            "n_train": len(self.data.train),
            "n_test_not_looked_at": len(self.data.test),
            "seconds": round(self.seconds, 3),
            **self.comparison.to_dict(),
        }

    def how(self) -> str:
        """Say what was compared on what."""
        done = self.comparison
        return (
            f"{done.n:,} of {len(self.data.train):,} train images of {self.data_name}, in "
            f"{done.n_folds} folds, in {self.seconds:.1f} s; the {len(self.data.test):,} test "
            "images were not looked at. Settings are those of the chapter, none is tuned."
        )

    def write(self, folder: Path) -> list[str]:
        """Write the report, as a page and as JSON; return the names of the files."""
        done = self.comparison
        best = done.order[0]
        low, high = done.intervals[best]
        seconds = done.fit_seconds[best] + done.predict_seconds[best]
        headline = [
            Headline(
                f"accuracy of {done.names[best]}",
                f"{done.accuracy[best]:.2%}",
                f"the best; {low:.2%} to {high:.2%}",
            ),
            Headline("classifiers beaten by it", f"{np.count_nonzero(done.beats[best])}"),
            Headline("its seconds", f"{seconds:.2f}", "to fit and predict all folds"),
        ]
        return write_report(
            folder,
            Report(
                f"Classifiers compared on {self.data_name}",
                self.how(),
                headline,
                [comparison_section(done)],
                parameters={
                    "data": self.data_name,
                    "images": done.n,
                    "folds": done.n_folds,
                    "seed": _SEED,
                    **{name: DESCRIPTIONS[name] for name in done.names},
                },
                versions=run_facts(date=date.today().isoformat(), n_jobs=self.n_jobs),
                timings={"comparison": self.seconds},
                numbers=self.report(),
            ),
        )


def compare_classifiers(
    data_name: DataName,
    names: Sequence[str],
    *,
    n_images: int | None,
    n_folds: int,
    n_jobs: int | None,
    bar: Bar,
    watched: bool,
) -> Compared:
    """Load a data set and compare classifiers on its train images.

    Parameters
    ----------
    data_name : DataName
    names : sequence of str
        Of `chapter_classifiers`.
    n_images : int or None
        Train images to take, of each class as large a share as of all; None for all.
    n_folds : int
    n_jobs : int or None
    bar : Bar
    watched : bool
        Whether progress is seen.

    Raises
    ------
    ValueError
        As `load_dataset` and `compare`, and if there are not so many train images.
    """
    bar.start("loading the data")
    data = data_name.load(least_classes=2, progress=watched)
    labels = data.train.labels
    if n_images is not None and n_images > len(labels):
        n_images = None
    rows = np.arange(len(labels)) if n_images is None else some_of_each_class(labels, n_images)
    known = chapter_classifiers(random_state=_SEED, n_jobs=-1 if n_jobs is None else n_jobs)
    start = perf_counter()
    comparison = compare(
        {name: known[name] for name in names},
        data.train.images[rows],
        labels[rows],
        cv=n_folds,
        progress=naming(bar, names, n_folds),
    )
    return Compared(data_name, data, comparison, perf_counter() - start, n_jobs)


def some_of_each_class(labels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Choose rows by chance, of each class as large a share as of all; in order.

    Parameters
    ----------
    labels : ndarray of shape (n_all,), int64
    n : int
        Fewer than n_all, and at least one for each class.

    Raises
    ------
    ValueError
        If there are more classes than rows to choose, or a class has a single image.
    """
    rows, _ = train_test_split(
        np.arange(len(labels)), train_size=n, stratify=labels, random_state=_SEED
    )
    chosen: NDArray[np.int64] = np.sort(rows)
    return chosen


def naming(bar: Bar, names: Sequence[str], n_folds: int) -> Callable[[int, int], None]:
    """Return a progress of `compare` that names whom it is at."""

    def tell(done: int, total: int) -> None:
        name = names[min(done // n_folds, len(names) - 1)]
        bar.start(f"fitting and asking {name}")
        bar(done, total)

    return tell
