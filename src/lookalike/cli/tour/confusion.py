"""Which classes are taken for which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.style import Style
from rich.table import Table
from rich.text import Text

from lookalike.cli.drawing import shows_greys
from lookalike.cli.screen import INDENT, Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.evaluation.confusion import ConfusionMatrix

_N_LARGEST = 3
_LONGEST_NAME = 20


class Confusion(Step):
    """Count the confusions, and the errors of each class."""

    name = "confusion"
    title = "Confusion matrix"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.matrix = ConfusionMatrix.of(
            tour.data.test.labels, tour.explanation.prediction, tour.data.class_names
        )

    def report(self) -> dict[str, Any]:
        names = self.matrix.class_names
        rates = self.matrix.error_rates.tolist()
        return {
            "matrix": self.matrix.counts.tolist(),
            "n_wrong": self.matrix.n_wrong.tolist(),
            # JSON knows no NaN, the rate of a class without test images
            "error_rates": [None if math.isnan(rate) else rate for rate in rates],
            "largest": [
                {"true": names[true], "predicted": names[predicted], "count": count}
                for true, predicted, count in self.matrix.largest(_N_LARGEST)
            ],
        }

    def show(self, screen: Screen) -> None:
        table = self._table(screen)
        if screen.out.measure(table).minimum + INDENT <= screen.out.width:
            screen.say(table)
            screen.say("A line is a true class, a column what it was taken for.", style="dim")
        else:
            screen.say(
                f"The matrix of {len(self.matrix.class_names)} classes is wider than the "
                f"{screen.out.width} columns here; --out saves it as a picture, --json prints it."
            )
            screen.say(Text(f"Highest error rates: {self._highest_rates()}."))
        screen.say()
        names = self.matrix.class_names
        largest = ", ".join(
            f"{names[true]} taken for {names[predicted]} ({count})"
            for true, predicted, count in self.matrix.largest(_N_LARGEST)
        )
        screen.say(Text(f"Most often: {largest or 'no class taken for another'}."))

    def save(self, folder: Path) -> list[str]:
        self.matrix.save_png(folder / "confusion.png")
        return ["confusion.png"]

    def _highest_rates(self) -> str:
        names, rates = self.matrix.class_names, self.matrix.error_rates
        known = [code for code in range(len(names)) if not math.isnan(rates[code])]
        highest = sorted(known, key=lambda code: -rates[code])[:_N_LARGEST]
        return ", ".join(f"{names[code]} ({rates[code]:.1%})" for code in highest)

    def _table(self, screen: Screen) -> Table:
        matrix = self.matrix
        cell_width = max(len(f"{matrix.counts.max():,}"), len(str(len(matrix.counts) - 1)))
        names: Sequence[str] = matrix.class_names
        heads: Sequence[str] = names
        if max(map(len, names)) > cell_width:  # long names head no column, numbers do
            heads = [str(code) for code in range(len(names))]
            names = [f"{code} {_shortened(name)}" for code, name in enumerate(names)]
        table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
        table.add_column(Text("true"), style="bold", no_wrap=True)
        for head in heads:
            table.add_column(Text(head), justify="right", no_wrap=True, width=cell_width)
        table.add_column("wrong", justify="right", no_wrap=True, width=8)
        table.add_column("error", justify="right", no_wrap=True)
        worst = max((c.n for c in matrix.largest(1)), default=1)
        greys = shows_greys(screen.out)
        for i, name in enumerate(names):
            cells = [
                _cell(int(count), i == j, int(count) / worst, greys)
                for j, count in enumerate(matrix.counts[i])
            ]
            rate = "" if math.isnan(matrix.error_rates[i]) else f"{matrix.error_rates[i]:.1%}"
            table.add_row(Text(name), *cells, f"{matrix.n_wrong[i]:,}", rate)
        return table


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _cell(count: int, is_right: bool, share: float, greys: bool) -> Text:
    if is_right:
        return Text(f"{count:,}", style="bold green")
    if count == 0:
        return Text("·", style="dim")
    if not greys:
        return Text(f"{count:,}")
    red, other = round(70 + 150 * share), round(40 + 20 * (1 - share))
    return Text(f"{count:,}", Style(color="white", bgcolor=f"rgb({red},{other},{other})"))
