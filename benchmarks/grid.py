"""The exact search beside its peers over a grid of sizes, widths, kinds of data and metrics.

    python benchmarks/grid.py --out grid.png         150 cells, in which every two values meet
    python benchmarks/grid.py --quick                those whose data are small, in ten minutes
    python benchmarks/grid.py --embeddings           wide rows of floats, and many neighbours
    python benchmarks/grid.py --slowest 10 --json grid.json

README.md beside this file says how to read what it prints. Exits with 1 if neighbours are wrong.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from lib.cells import LEVELS, N_CELLS, Cell, by_level, choose_cells, embedding_cells
from lib.contest import FIT_AND_QUERY_ROWS, OURS, Outcome, measure_cell
from lib.harness import THREAD_VARIABLES, in_fresh_process, seconds, table
from lib.peers import blas_environment
from lib.program import count, new_parser, reporting

NEVER_SLOWER, MEAN_RATIO = 1.0, 5.0
"""What the ratios are to reach: each of them, and their geometric mean."""
QUICK_STEP = 2
"""A quick run takes every second of the small cells."""
PEERS = ("FAISS", "scikit-learn brute", "scikit-learn auto", "SciPy KDTree")


def main() -> int:
    args = parse_arguments()
    cells = chosen_cells(args)
    packages = ["faiss-cpu", "scikit-learn", "scipy", "numpy"]
    with reporting("Grid", packages, args.json) as (found, progress):
        found |= run_grid(cells, args, progress)
    return 1 if found["wrong"] else 0


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, threads=False, quick="small cells only")
    add = parser.add_argument
    add("--embeddings", action="store_true", help="cells of wide rows and many neighbours instead")
    add("--cells", type=count, help="only so many cells")
    add("--rows", type=count, help="only cells of at most so many rows")
    add("--slowest", type=count, default=10, help="how many of the worst to list (%(default)s)")
    add("--out", type=Path, metavar="FILE", help="draw the ratios into a PNG file")
    return parser.parse_args()


def chosen_cells(args: argparse.Namespace) -> list[Cell]:
    """The cells that the command line asks for."""
    cells = embedding_cells() if args.embeddings else choose_cells(N_CELLS)
    if args.quick:
        cells = [cell for cell in cells if cell.is_quick][::QUICK_STEP]
    if args.rows:
        cells = [cell for cell in cells if cell.n <= args.rows]
    return cells[: args.cells]


def run_grid(cells: Sequence[Cell], args: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Measure the cells, print the tables, return the figures."""
    peer = "faiss" if find_spec("faiss") else "numpy"
    environment = dict.fromkeys(THREAD_VARIABLES, "1") | blas_environment(peer)
    outcomes = []
    task = progress.add_task("", total=len(cells))
    for cell in cells:
        progress.update(task, description=str(cell))
        outcomes.append(in_fresh_process(measure_cell, cell, environment=environment))
        ratio, peer = ratio_of(cell, outcomes[-1])
        progress.console.print(f"{cell}: {ratio:.2f} times {peer}")
        progress.advance(task)
    ratios = np.array([ratio_of(*pair)[0] for pair in zip(cells, outcomes, strict=True)])
    wrong = sum(outcome.wrong for outcome in outcomes)

    print(f"\n### {len(cells)} cells, one thread\n")
    print(
        "CPU seconds, medians of rounds in which all took turns: of fit and query up to "
        f"{FIT_AND_QUERY_ROWS:,} rows, of the query beyond. × is the fastest peer's time by ours.\n"
    )
    print(_table(cells, outcomes))
    worst = np.argsort(ratios, kind="stable")[: args.slowest]
    print(f"\n### The {len(worst)} worst\n")
    print(_table([cells[i] for i in worst], [outcomes[i] for i in worst]))
    print("\n### By value of each factor\n")
    lines = [
        (
            name,
            f"{level:,}" if isinstance(level, int) else level,
            len(own),
            f"{ratios[own].min():.2f}",
            f"{statistics.geometric_mean(ratios[own]):.2f}",
        )
        for name, level, own in by_level(cells)
    ]
    print(table(["factor", "value", "cells", "least ×", "geometric mean ×"], lines))
    mean = statistics.geometric_mean(ratios)
    slower = int((ratios < NEVER_SLOWER).sum())
    n_compared = sum(one.n for outcome in outcomes for one in outcome.agreements.values())
    print(
        f"\nLeast ratio {ratios.min():.2f} (aim: {NEVER_SLOWER:g}), geometric mean {mean:.2f} "
        f"(aim: {MEAN_RATIO:g}); slower than a peer in {slower} of {len(cells)} cells."
        f"\nAnswers compared of {n_compared:,} queries, {wrong:,} of them WRONG."
    )
    for cell, outcome in zip(cells, outcomes, strict=True):
        if outcome.wrong:
            print(f"- {cell}: {outcome.wrong} WRONG")
    if args.out is not None:
        draw(args.out, cells, ratios)
        print(f"\nDrawn in {args.out}.")
    return {
        "cells": [
            {**cell._asdict(), "seconds": outcome.seconds, "wrong": outcome.wrong}
            for cell, outcome in zip(cells, outcomes, strict=True)
        ],
        "ratios": ratios.tolist(),
        "wrong": wrong,
    }


def medians_of(cell: Cell, outcome: Outcome) -> dict[str, float]:
    """The seconds that count, of each contestant."""
    with_fit = cell.n <= FIT_AND_QUERY_ROWS
    return {
        name: statistics.median(with_fit * fit + query for fit, query in rounds)
        for name, rounds in outcome.seconds.items()
    }


def ratio_of(cell: Cell, outcome: Outcome) -> tuple[float, str]:
    """How many times faster than the fastest peer ours is, and which that is."""
    medians = medians_of(cell, outcome)
    ours = medians.pop(OURS)
    fastest = min(medians, key=medians.__getitem__)
    return medians[fastest] / ours, fastest


def _table(cells: Sequence[Cell], outcomes: Sequence[Outcome]) -> str:
    lines = []
    for cell, outcome in zip(cells, outcomes, strict=True):
        medians = medians_of(cell, outcome)
        taken = [seconds(medians[name]) if name in medians else "–" for name in (OURS, *PEERS)]
        shape = f"{cell.n:,} × {cell.d:,}"
        ratio = f"{ratio_of(cell, outcome)[0]:.2f}"
        lines.append((cell.data, shape, *cell[2:6], *taken, ratio))
    return table(["data", "rows", "dtype", "metric", "k", "queries", OURS, *PEERS, "×"], lines)


def draw(path: Path, cells: Sequence[Cell], ratios: Any) -> None:
    """Draw the ratio of each cell over the values of each factor."""
    from matplotlib.figure import Figure

    from lookalike.reports.charts import styled

    with styled():
        figure = Figure(figsize=(11, 5.5), layout="constrained")
        panels = figure.subplots(2, 4, sharey=True).flat
        for axes, (name, levels) in zip(panels, LEVELS.items(), strict=False):
            shown = [level for level in levels if any(getattr(one, name) == level for one in cells)]
            places = [shown.index(getattr(cell, name)) for cell in cells]
            colours = np.where(ratios < NEVER_SLOWER, "C1", "C0")
            axes.scatter(places, ratios, s=10, c=colours, alpha=0.7)
            axes.axhline(NEVER_SLOWER, color="black", linewidth=0.8)
            axes.set_yscale("log")
            texts = [f"{level:,}" if isinstance(level, int) else level for level in shown]
            axes.set_xticks(range(len(shown)), texts, rotation=45, ha="right", fontsize=7)
            axes.set_title(name)
        figure.axes[-1].set_axis_off()
        for axes in (figure.axes[0], figure.axes[4]):
            axes.set_ylabel("times faster than the fastest peer")
        figure.savefig(path, dpi=130)


if __name__ == "__main__":
    sys.exit(main())
