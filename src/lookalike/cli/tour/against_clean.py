"""The book's way to clean images by scikit-learn, measured beside ours."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.against import faster_line, peer_report, times_table
from lookalike.cli.tour.step import Step, Tour
from lookalike.evaluation.peers.cleaning import clean_by_sklearn, find_cleaning_differences
from lookalike.search.machine import count_threads


class CleanAgainstSklearn(Step):
    """Clean the same images with scikit-learn's classifier, and compare times and images."""

    name = "clean_against_sklearn"
    title = "Cleaning as the book does beside scikit-learn"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.skipped = tour.no_cleaning
        if self.skipped is not None:
            return
        self.book = tour.book_cleaning
        self.n_threads = count_threads(tour.n_jobs)
        bar.start("scikit-learn does the same")
        self.peer = clean_by_sklearn(self.book, n_threads=self.n_threads)
        self.differences = find_cleaning_differences(self.book, self.peer)
        self.peer_seconds = self.peer.fit_seconds + self.peer.predict_seconds
        self.times_faster = self.peer_seconds / self.book.seconds

    def report(self) -> dict[str, Any]:
        if self.skipped is not None:
            return {"skipped": self.skipped}
        return peer_report(self.peer, self.times_faster, self.differences)

    def show(self, screen: Screen) -> None:
        if self.skipped is not None:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        book, n = self.book, len(self.book.cleaned)
        screen.say(times_table(book.fit_seconds, book.predict_seconds, self.peer))
        screen.say()
        what = (
            f"{n:,} images cleaned by {len(book.clean):,}, one output for each of "
            f"{book.clean[0].size:,} values"
        )
        screen.say(faster_line(self.times_faster, what, self.n_threads))
        different, ties = self.differences.n, self.differences.n_ties
        if different == 0:
            screen.say(f"All {n:,} cleaned images are equal.")
        else:
            screen.say(
                f"{n - different:,} of {n:,} cleaned images are equal; of the {different} others "
                f"{ties} have training images at exactly the same distance."
            )
