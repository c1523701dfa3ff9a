"""A handful of wrong predictions, each beside the images that decided it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.text import Text

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.cli.work.drawing import draw_line
from lookalike.evaluation.errors.mistakes import surest_mistakes, winning_shares
from lookalike.reports.error_pictures import save_neighbors_png

_N_SHOWN = 3
_N_SAVED = 8


class Mistakes(Step):
    """Find the wrong predictions that were surest."""

    name = "mistakes"
    title = "Wrong predictions, and the images behind them"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.data, self.explanation = tour.data, tour.explanation
        self.rows = surest_mistakes(self.explanation, self.data.test.labels)
        self.shares = winning_shares(self.explanation)

    def report(self) -> dict[str, Any]:
        names = self.data.class_names
        return {
            "n_wrong": len(self.rows),
            "surest": [
                {
                    "test_row": row,
                    "file": self.data.test.name(row),
                    "true": names[self.data.test.labels[row]],
                    "predicted": names[self.explanation.prediction[row]],
                    "share": float(self.shares[row]),
                    "neighbors": self.explanation.indices[row].tolist(),
                    "neighbor_files": [
                        self.data.train.name(own) for own in self.explanation.indices[row].tolist()
                    ],
                    "neighbor_labels": [names[i] for i in self.explanation.labels[row]],
                    "distances": self.explanation.distances[row].tolist(),
                    "shares": self.explanation.shares[row].tolist(),
                }
                for row in self.rows[:_N_SAVED].tolist()
            ],
        }

    def show(self, screen: Screen) -> None:
        shown = self.rows[:_N_SHOWN].tolist()
        if not shown:
            screen.say("None.")
            return
        screen.say(
            f"{len(shown)} of {len(self.rows):,}: the surest of different confusions, each beside "
            "its nearest training images."
        )
        for row in shown:
            self._show_one(row, screen)
        screen.say("Below each: its class; its part of the vote, at its distance.", style="dim")

    def save(self, folder: Path) -> list[str]:
        if len(self.rows) == 0:
            return []
        save_neighbors_png(
            folder / "mistakes.png", self.data, self.explanation, self.rows[:_N_SAVED]
        )
        return ["mistakes.png"]

    def _show_one(self, row: int, screen: Screen) -> None:
        names = self.data.class_names
        true, predicted = int(self.data.test.labels[row]), int(self.explanation.prediction[row])
        neighbors = self.explanation.indices[row].tolist()
        data = self.data
        images = [data.test.shown[row], *(data.train.shown[own] for own in neighbors)]
        captions = [
            Text.assemble(
                (f"{names[true]}, not {names[predicted]}", "bold"),
                (f"\ntest {self.data.test.called(row)}", "dim"),
            )
        ]
        for label, share, distance in zip(
            self.explanation.labels[row].tolist(),
            self.explanation.shares[row].tolist(),
            self.explanation.distances[row].tolist(),
            strict=True,
        ):
            captions.append(
                Text.assemble(
                    (names[label], "bold green" if label == true else "bold red"),
                    (f"\n{share:.0%} at {distance:,.{0 if distance >= 1000 else 1}f}", "dim"),
                )
            )
        brightest = self.data.brightest
        screen.say()
        screen.say(draw_line(images, captions, screen.out, brightest=brightest))
