"""The exact search beside FAISS, scikit-learn and scikit-learn-intelex, in one run.

    python benchmarks/search.py                        MNIST, all peers
    python benchmarks/search.py --cpu avx2             the same on one native path
    python benchmarks/search.py --data gaussian --peers faiss
    python benchmarks/search.py --scaling --peers      time against n and d, ours alone

README.md beside this file says how to read what it prints. Exits with 1 if neighbours are wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.progress import Progress

from lib.agreement import Agreement
from lib.bars import choose_bars, memory_row, ratio_rows, ratio_table
from lib.data import DEFAULT_SIZES, QUICK_SIZES, SearchData, stored_data
from lib.harness import (
    MIB,
    Reading,
    figures,
    in_fresh_process,
    peak_bytes,
    table,
    total_seconds,
)
from lib.peers import OURS, PEERS, Peer, choose_peers, cpu_path_in_use, measure
from lib.program import BARS_THREADS, choose_rounds, count, new_parser, reporting
from lib.scaling import run_scaling
from lookalike import _core

CPU_VARIABLE = "LOOKALIKE_CPU"
BARS_K = 4


def main() -> int:
    args = parse_arguments()
    # One name of a distribution may stand behind several peers.
    distributions = dict.fromkeys(peer.distribution for peer in PEERS.values())
    path = in_fresh_process(cpu_path_in_use, environment=args.environment)
    paths = ", ".join(_core.available_cpu_paths())
    facts = {"CPU paths": f"{path} ({'forced' if args.cpu else 'chosen'}) of {paths}"}
    title = "Search, time against size" if args.scaling else "Search"
    with reporting(title, [*distributions, "numpy"], args.json, facts) as (found, progress):
        found |= run_scaling(args, progress) if args.scaling else run_comparison(args, progress)
    return 1 if found.get("wrong") else 0


def parse_arguments() -> argparse.Namespace:
    rounds = "ours and of FAISS (5; with --scaling 3)"
    parser = new_parser(__doc__, data=list(DEFAULT_SIZES), rounds=rounds, slow_rounds=True)
    add = parser.add_argument
    add("--rows", type=count, help="how many rows; with --scaling, the most")
    add("--queries", type=count, help="how many queries")
    add("--k", type=count, default=BARS_K, help="neighbours of each query (%(default)s)")
    kinds = sorted({name.split("-")[0] for name in PEERS} | set(PEERS))
    add("--peers", nargs="*", choices=kinds, help="whom to compare with (all); none: ours alone")
    paths = _core.available_cpu_paths()
    add("--cpu", choices=paths, help=f"force a native path of ours, as {CPU_VARIABLE} does")
    add("--scaling", action="store_true", help="tables of time against n and d (FAISS alone)")
    args = parser.parse_args()
    if args.peers is None:
        args.peers = ["faiss"] if args.scaling else list(PEERS)
    args.repeat = choose_rounds(args, 3 if args.scaling else 5)
    cpu = args.cpu or os.environ.get(CPU_VARIABLE)
    args.cpu, args.environment = cpu, {CPU_VARIABLE: cpu} if cpu else {}
    return args


def run_comparison(args: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Measure ours and the peers on one data set, print the tables, return the figures."""
    default = DEFAULT_SIZES[args.data]
    sizes = QUICK_SIZES if args.quick else default
    with stored_data(args.data, args.rows or sizes[0], args.queries or sizes[1]) as data:
        peers, left_out = choose_peers(args.peers, data.rows.dtype)
        readings, agreements = measure(args, data, peers, len(data.rows), args.data, progress)

    print(f"\n### {data}, k={args.k}, {args.threads} threads\n")
    print(_times_table(data, readings, agreements, [OURS, *peers]))
    for reason in left_out:
        print(f"\n{reason}")
    print(
        "\nSeconds are medians (least–most) of fresh processes that took turns." + _rounds(readings)
    )
    print("Memory is the peak beyond the arrays that each was given, the largest of all rounds;")
    train = f"{data.rows.nbytes / MIB:.1f} MiB of rows in {data.rows.dtype}"
    print(f"× train is its multiple of the {train}.\n")
    as_asked = (args.k, args.threads) == (BARS_K, BARS_THREADS)
    full_size = as_asked and (len(data.rows), len(data.queries)) == default
    ratios = ratio_rows(readings, OURS.name, choose_bars(args.data, args.cpu, full_size))
    peak = peak_bytes(readings[OURS.name])
    if peak is not None:
        ratios.append(memory_row(peak / data.rows.nbytes, full_size))
    print(ratio_table(ratios))
    print("\nNeighbours found by ours, compared row for row with those of\n")
    for name, agreement in agreements.items():
        print(f"- {name}: {agreement}")
    if not agreements:
        print("- nobody: no peer was measured, so they are unchecked")
    return {
        "data": str(data),
        "readings": figures(readings),
        "left_out": left_out,
        "ratios": ratios,
        "agreement": {name: vars(agreement) for name, agreement in agreements.items()},
        "wrong": sum(agreement.wrong for agreement in agreements.values()),
    }


def _times_table(
    data: SearchData,
    readings: Mapping[str, Sequence[Reading]],
    agreements: Mapping[str, Agreement],
    peers: Sequence[Peer],
) -> str:
    lines = []
    for peer in peers:
        taken = readings[peer.name]
        peak = peak_bytes(taken)
        agreement = agreements.get(peer.name)
        lines.append(
            (
                peer.name,
                peer.dtype or data.rows.dtype,
                total_seconds(taken, "fit"),
                total_seconds(taken, "query"),
                total_seconds(taken, "fit", "query"),
                "–" if peak is None else f"{peak / MIB:.0f}",
                "–" if peak is None else f"{peak / data.rows.nbytes:.2f}",
                "–" if agreement is None else f"{agreement.equal:,} of {agreement.n:,}",
                len(taken),
            )
        )
    return table(
        [
            "",
            "input",
            "fit s",
            "query s",
            "fit + query s",
            "MiB",
            "× train",
            "rows as ours",
            "rounds",
        ],
        lines,
    )


def _rounds(readings: Mapping[str, Sequence[Reading]]) -> str:
    """Say who was measured in fewer rounds than the others."""
    most = max(len(taken) for taken in readings.values())
    fewer = [name for name, taken in readings.items() if len(taken) < most]
    return f"\nMeasured in fewer rounds, being slow: {', '.join(fewer)}." if fewer else ""


if __name__ == "__main__":
    sys.exit(main())
