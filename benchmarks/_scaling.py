"""How the time of a search grows with the number of rows and with their width."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress

from _data import SearchData, make_data
from _harness import (
    MIB,
    Contender,
    Reading,
    alternate,
    figures,
    fit_exponent,
    peak_bytes,
    table,
    total_seconds,
)
from _peers import OURS, Peer, choose_peers, search_once

N_ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
N_FEATURES = (16, 32, 64, 128, 256, 512, 1024)
ROWS_FOR_FEATURES = 50_000
N_QUERIES = 1_000
QUICK = {"n_rows": (500, 1_000, 2_000), "n_features": (8, 16, 32), "rows_for_features": 1_000}


def run_scaling(args: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Measure and print both tables.

    Returns
    -------
    dict
        The figures, for programs.
    """
    n_queries = args.queries or (50 if args.quick else N_QUERIES)
    n_rows = QUICK["n_rows"] if args.quick else N_ROWS
    if args.rows is not None:
        n_rows = [n for n in n_rows if n <= args.rows]
    n_features = QUICK["n_features"] if args.quick else N_FEATURES
    wide_rows = QUICK["rows_for_features"] if args.quick else ROWS_FOR_FEATURES
    family = args.data if args.data in ("gaussian", "isotropic") else "gaussian"

    with tempfile.TemporaryDirectory() as folder:
        data = make_data(args.data, max(n_rows), n_queries).stored(Path(folder))
        n_rows = sorted({min(n, len(data.rows)) for n in n_rows})
        by_rows = {
            n: _measure(args, data, Path(folder), n, f"{n:,} rows", progress) for n in n_rows
        }
    print(f"\n### Time against the number of rows\n\n{data}, k={args.k}, {args.threads} threads\n")
    row_bytes = data.rows[:1].nbytes
    _print_table("rows", by_rows, {n: n * row_bytes for n in n_rows})

    by_features = {}
    for d in n_features:
        with tempfile.TemporaryDirectory() as folder:
            data = make_data(family, wide_rows, n_queries, d).stored(Path(folder))
            what = f"{d} features"
            by_features[d] = _measure(args, data, Path(folder), wide_rows, what, progress)
    print(
        f"\n### Time against the number of features\n\n{data.title}: {wide_rows:,} × d float32, "
        f"{n_queries:,} queries, k={args.k}, {args.threads} threads\n"
    )
    _print_table("features", by_features, {d: 4 * wide_rows * d for d in n_features})
    return {
        name: {str(size): figures(readings) for size, readings in measured.items()}
        for name, measured in (("by_rows", by_rows), ("by_features", by_features))
    }


def _measure(
    args: argparse.Namespace,
    data: SearchData,
    folder: Path,
    n_rows: int,
    what: str,
    progress: Progress,
) -> dict[str, list[Reading]]:
    def contender(peer: Peer) -> Contender:
        files = (str(folder / "rows.npy"), str(folder / "queries.npy"))
        rounds = args.repeat_slow if peer.slow else args.repeat
        return Contender(
            peer.name, search_once, (peer, *files, n_rows, args.k, args.threads), rounds
        )

    peers, _ = choose_peers(args.peers, data.rows.dtype)
    return alternate(
        [contender(peer) for peer in (OURS, *peers)],
        n_threads=args.threads,
        environment=args.environment,
        progress=progress,
        what=what,
    )


def _print_table(
    what: str, measured: Mapping[int, Mapping[str, Sequence[Reading]]], nbytes: Mapping[int, int]
) -> None:
    names = list(next(iter(measured.values())))
    header = [what]
    for name in names:
        header += [f"{name} fit s", "query s", "peak MiB", "× rows"]
    lines: list[list[object]] = []
    for size, readings in measured.items():
        line: list[object] = [f"{size:,}"]
        for name in names:
            peak = peak_bytes(readings[name])
            line += [total_seconds(readings[name], stage) for stage in ("fit", "query")]
            line += (
                ["–", "–"] if peak is None else [f"{peak / MIB:.0f}", f"{peak / nbytes[size]:.2f}"]
            )
        lines.append(line)
    sizes = list(measured)
    for title, chosen in (("all", sizes), ("largest half", sizes[len(sizes) // 2 :])):
        line = [f"exponent, {title}"]
        for name in names:
            for stage in ("fit", "query"):
                times = [total_seconds(measured[size][name], stage).median for size in chosen]
                line.append(f"{fit_exponent(chosen, times):.2f}" if len(chosen) > 1 else "–")
            line += ["", ""]
        lines.append(line)
    print(table(header, lines))
