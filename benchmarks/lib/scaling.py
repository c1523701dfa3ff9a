"""How the time of a search grows with the number of rows and with their width."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from rich.progress import Progress

from lib.agreement import Agreement
from lib.data import StoredData, stored_data
from lib.harness import Reading, figures, fit_exponent, peak_bytes, table, total_seconds
from lib.peers import choose_peers, measure

N_ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
N_FEATURES = (16, 32, 64, 128, 256, 512, 1024)
ROWS_FOR_FEATURES = 50_000
N_QUERIES = 1_000

QUICK_N_ROWS = (500, 1_000)
QUICK_N_FEATURES = (8, 16)
QUICK_ROWS_FOR_FEATURES = 1_000
QUICK_N_QUERIES = 50

STAGES = (("fit",), ("query",), ("fit", "query"))


class Series:
    """Searches of growing size: what they took and whether all agreed."""

    def __init__(self) -> None:
        self.readings: dict[int, dict[str, list[Reading]]] = {}
        self.agreements: dict[int, dict[str, Agreement]] = {}
        self.row_bytes: dict[int, int] = {}

    def add(
        self, size: int, args: argparse.Namespace, data: StoredData, n_rows: int, progress: Progress
    ) -> None:
        """Measure one size."""
        peers, _ = choose_peers(args.peers, data.rows.dtype)
        what = f"{n_rows:,} × {data.rows.shape[1]}"
        self.readings[size], self.agreements[size] = measure(
            args, data, peers, n_rows, what, progress
        )
        self.row_bytes[size] = n_rows * data.rows[0].nbytes

    @property
    def wrong(self) -> int:
        """Rows of neighbours on which somebody is wrong."""
        return sum(one.wrong for by_name in self.agreements.values() for one in by_name.values())

    def print(self, what: str) -> None:
        """Print the table and what came of comparing neighbours."""
        print(_table(what, self.readings, self.row_bytes))
        for size, by_name in self.agreements.items():
            for name, agreement in by_name.items():
                if agreement.equal < agreement.n:
                    print(f"\nAt {size:,} {what}, {name}: {agreement}.", end="")
        n_compared = sum(one.n for by_name in self.agreements.values() for one in by_name.values())
        print(f"\nNeighbours compared in {n_compared:,} rows, {self.wrong:,} of them WRONG.")


def run_scaling(args: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Measure and print both tables.

    Returns
    -------
    dict
        The figures, for programs.
    """
    quick = args.quick
    n_queries = args.queries or (QUICK_N_QUERIES if quick else N_QUERIES)
    sizes = [n for n in (QUICK_N_ROWS if quick else N_ROWS) if n <= (args.rows or n)]
    by_rows, by_features = Series(), Series()
    with stored_data(args.data, max(sizes), n_queries) as data:
        _, left_out = choose_peers(args.peers, data.rows.dtype)
        for n in sorted({min(n, len(data.rows)) for n in sizes}):
            by_rows.add(n, args, data, n, progress)
    print(f"\n### Time against the number of rows\n\n{data}, k={args.k}, {args.threads} threads\n")
    by_rows.print("rows")

    family = args.data if args.data in ("gaussian", "isotropic") else "gaussian"
    n_rows = QUICK_ROWS_FOR_FEATURES if quick else ROWS_FOR_FEATURES
    for d in QUICK_N_FEATURES if quick else N_FEATURES:
        with stored_data(family, n_rows, n_queries, d) as data:
            by_features.add(d, args, data, n_rows, progress)
    print(
        f"\n### Time against the number of features\n\n{data.title}: {n_rows:,} × d float32, "
        f"{n_queries:,} queries, k={args.k}, {args.threads} threads\n"
    )
    by_features.print("features")
    for reason in left_out:
        print(f"\n{reason}")
    return {
        "by_rows": {str(n): figures(readings) for n, readings in by_rows.readings.items()},
        "by_features": {str(d): figures(readings) for d, readings in by_features.readings.items()},
        "left_out": left_out,
        "wrong": by_rows.wrong + by_features.wrong,
    }


def _table(
    what: str,
    measured: Mapping[int, Mapping[str, Sequence[Reading]]],
    row_bytes: Mapping[int, int],
) -> str:
    names = list(next(iter(measured.values())))
    header = [what]
    for name in names:
        header += [f"{name}: fit s", "query s", "fit + query s", "memory × rows"]
    lines = []
    for size, readings in measured.items():
        line = [f"{size:,}"]
        for name in names:
            peak = peak_bytes(readings[name])
            line += [str(total_seconds(readings[name], *stages)) for stages in STAGES]
            line.append("–" if peak is None else f"{peak / row_bytes[size]:.2f}")
        lines.append(line)
    sizes = list(measured)
    for title, chosen in (("all", sizes), ("larger half", sizes[len(sizes) // 2 :])):
        line = [f"exponent, {title}"]
        for name in names:
            for stages in STAGES:
                times = [total_seconds(measured[n][name], *stages).median for n in chosen]
                line.append(f"{fit_exponent(chosen, times):.2f}" if len(chosen) > 1 else "–")
            line.append("")
        lines.append(line)
    return table(header, lines)
