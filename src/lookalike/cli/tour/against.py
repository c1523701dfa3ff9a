"""The same work by scikit-learn, measured beside ours."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.evaluation.peers.classifier import (
    Differences,
    PeerRun,
    find_differences,
    run_sklearn,
)
from lookalike.search.machine import count_threads


class AgainstSklearn(Step):
    """Fit and predict the baseline with scikit-learn, and compare times and predictions."""

    name = "against_sklearn"
    title = "The baseline beside scikit-learn"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.n_threads = count_threads(tour.n_jobs)
        self.n_test = len(tour.data.test)
        bar.start("scikit-learn does the same")
        self.peer = run_sklearn(tour.model, tour.data, n_threads=self.n_threads, progress=bar)
        self.differences = find_differences(
            tour.model, tour.explanation, tour.data.test.images, self.peer.prediction
        )
        self.fit_seconds, self.predict_seconds = tour.fit_seconds, tour.predict_seconds
        peer_seconds = self.peer.fit_seconds + self.peer.predict_seconds
        self.times_faster = peer_seconds / (self.fit_seconds + self.predict_seconds)

    def report(self) -> dict[str, Any]:
        return peer_report(self.peer, self.times_faster, self.differences)

    def show(self, screen: Screen) -> None:
        screen.say(times_table(self.fit_seconds, self.predict_seconds, self.peer))
        screen.say()
        screen.say(faster_line(self.times_faster, f"{self.n_test:,} test images", self.n_threads))
        screen.say(self._agreement())

    def _agreement(self) -> str:
        n, n_ties = self.differences.n, self.differences.n_ties
        if n == 0:
            return f"All {self.n_test:,} predictions are equal."
        same = f"{self.n_test - n:,} of {self.n_test:,} predictions are equal; of the {n} others "
        ties = f"{n_ties} are ties, where training images are at exactly the same distance"
        if n_ties == n:
            return f"{same}all {ties}."
        return f"{same}{ties}, and [bold red]{n - n_ties} are not[/]."


def peer_report(peer: PeerRun, times_faster: float, differences: Differences) -> dict[str, Any]:
    """Return what scikit-learn took, and how far its predictions are ours."""
    return {
        "sklearn": peer.version,
        "measured": "whole",
        "dtype": "float64",
        "algorithm": "brute",
        "fit_seconds": round(peer.fit_seconds, 4),
        "predict_seconds": round(peer.predict_seconds, 4),
        "times_faster": round(times_faster, 2),
        "n_different": differences.n,
        "n_different_at_ties": differences.n_ties,
    }


def times_table(fit_seconds: float, predict_seconds: float, peer: PeerRun) -> Table:
    """Lay out our times above those of scikit-learn."""
    table = Table(box=None, padding=(0, 3, 0, 0), show_edge=False, header_style="bold")
    table.add_column("")
    for column in ("fit", "predict", "both"):
        table.add_column(column, justify="right")
    rows = {
        "lookalike": (fit_seconds, predict_seconds),
        f"scikit-learn {peer.version}": (peer.fit_seconds, peer.predict_seconds),
    }
    for name, (fit, predict) in rows.items():
        table.add_row(name, f"{fit:.2f} s", f"{predict:.2f} s", f"{fit + predict:.2f} s")
    return table


def faster_line(times_faster: float, what: str, n_threads: int) -> str:
    """Say who is the faster, by how much and at what, in rich's markup."""
    threads = "1 thread" if n_threads == 1 else f"{n_threads} threads"
    names = ("lookalike", "scikit-learn")
    faster, slower = names if times_faster >= 1 else names[::-1]
    return (
        f"{faster} is [bold]{max(times_faster, 1 / times_faster):.1f} times[/] as fast as "
        f"{slower}. Both measured whole, nothing extrapolated: {what} on {threads}; scikit-learn "
        "by brute force in float64, its fastest dtype."
    )
