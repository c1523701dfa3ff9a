"""Which classes are taken for which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.table import Table
from rich.text import Text

from lookalike.cli.screen import INDENT, Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.cli.work.drawing import shows_greys
from lookalike.evaluation.errors.confusion import ConfusionMatrix, shorten

_N_LARGEST = 3
_LONGEST_NAME = 20
_WRONG_WIDTH, _RATE_WIDTH = 8, 6


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
        layout = _Layout.of(self.matrix)
        if layout.width + INDENT <= screen.out.width:
            screen.say(self._table(layout, greys=shows_greys(screen.out)))
            screen.say("A line is a true class, a column what it was taken for.", style="dim")
        else:
            screen.say(
                f"The matrix of {len(self.matrix.class_names):,} classes is wider than the "
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

    def _table(self, layout: _Layout, *, greys: bool) -> Table:
        matrix, rates = self.matrix, self.matrix.error_rates.tolist()
        table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
        table.add_column("true", style="bold", no_wrap=True, width=layout.name_width)
        for head in layout.heads:
            table.add_column(Text(head), justify="right", no_wrap=True, width=layout.cell_width)
        table.add_column("wrong", justify="right", no_wrap=True, width=_WRONG_WIDTH)
        table.add_column("error", justify="right", no_wrap=True, width=_RATE_WIDTH)
        worst = max((c.n for c in matrix.largest(1)), default=1)
        for i, (name, rate, n_wrong) in enumerate(
            zip(layout.names, rates, matrix.n_wrong.tolist(), strict=True)
        ):
            cells = [
                _cell(count, i == j, count / worst, greys)
                for j, count in enumerate(matrix.counts[i].tolist())
            ]
            rate_text = "" if math.isnan(rate) else f"{rate:.1%}"
            table.add_row(Text(name), *cells, f"{n_wrong:,}", rate_text)
        return table


class _Layout(NamedTuple):
    """How wide the table is; known before its cells are made, of which there may be millions."""

    names: Sequence[str]
    heads: Sequence[str]
    name_width: int
    cell_width: int

    @classmethod
    def of(cls, matrix: ConfusionMatrix) -> _Layout:
        names: Sequence[str] = matrix.class_names
        heads: Sequence[str] = names
        # No comma for the thousands: ten classes of some thousand images are to fit 80 columns.
        cell_width = max(len(str(matrix.counts.max())), len(str(len(names) - 1)))
        if max(map(cell_len, names)) > cell_width:  # long names head no column, numbers do
            heads = [str(code) for code in range(len(names))]
            names = [f"{code} {shorten(name, _LONGEST_NAME)}" for code, name in enumerate(names)]
        return cls(names, heads, max(map(cell_len, ["true", *names])), cell_width)

    @property
    def width(self) -> int:
        """Columns of the terminal; each of the table's has one more, between it and the next."""
        widths = [self.name_width, *[self.cell_width] * len(self.heads), _WRONG_WIDTH, _RATE_WIDTH]
        return sum(widths) + len(widths)


def _cell(count: int, is_right: bool, share: float, greys: bool) -> Text:
    if is_right:
        return Text(str(count), style="bold green")
    if count == 0:
        return Text("·", style="dim")
    if not greys:
        return Text(str(count))
    red, other = round(70 + 150 * share), round(40 + 20 * (1 - share))
    return Text(str(count), Style(color="white", bgcolor=f"rgb({red},{other},{other})"))
