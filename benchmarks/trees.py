"""The tree beside the index of the same rows: what the constants of `search/tree.py` follow from.

    python benchmarks/trees.py

A line is one search of Euclidean distances on one thread. "visited" are the rows whose distances a
query in the tree computes, and "limit" is what `split_tree` allows. "even" is the number of queries
for which it takes as long to split the rows as to search without that.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from time import process_time
from typing import Any

import numpy as np

from lib.cells import DECAYING, EMBEDDING, ISOTROPIC, Cell, make_cell
from lib.harness import table
from lib.program import choose_rounds, new_parser, reporting
from lookalike.search.index import ExactIndex
from lookalike.search.tree import (
    VISITED,
    VISITED_FOR_NEIGHBOUR,
    VISITED_OF_ROWS,
    TreeIndex,
)

N_QUERIES = 300


def main() -> None:
    args = new_parser(__doc__, threads=False, rounds="each (3)").parse_args()
    rounds = choose_rounds(args, 3)
    sizes = (1_000,) if args.quick else (1_000, 10_000, 100_000, 1_000_000)
    widths = (4, 16) if args.quick else (4, 8, 16)
    lines = []
    with reporting("Trees", ["numpy"], args.json) as (found, progress):
        choices = list(product(sizes, widths, (5, 200), (ISOTROPIC, DECAYING, EMBEDDING)))
        for n, d, k, data in progress.track(choices, description="searches"):
            cell = Cell(n, d, "float32", "euclidean", k, N_QUERIES, data)
            rows, queries = make_cell(cell)
            lines.append((f"{n:,} × {d}", k, data, *compare(rows, queries, k, rounds)))
        found["lines"] = lines
    heads = ["rows", "k", "data", "tree, µs", "index, µs", "×", "visited", "limit", "even"]
    print(f"\n{table(heads, lines)}\n\nCPU microseconds a query, medians of {rounds} rounds.")


def compare(rows: Any, queries: Any, k: int, rounds: int) -> tuple[str, ...]:
    index = ExactIndex(rows, n_neighbors=k)
    split, unsplit = (TreeIndex(rows, "euclidean", is_split=is_split) for is_split in (True, False))
    few = queries[:10]
    splitting, filling, of_tree, of_index, of_few, of_unsplit = medians(
        rounds,
        lambda: TreeIndex(rows, "euclidean"),
        lambda: TreeIndex(rows, "euclidean", is_split=False),
        lambda: split.query(queries, k),
        lambda: index.query(queries, k),
        lambda: split.query(few, k),
        lambda: unsplit.query(few, k),
    )
    even = (splitting - filling) / max(1e-9, of_unsplit - of_few) * len(few)
    limit = VISITED + VISITED_FOR_NEIGHBOUR * k + VISITED_OF_ROWS * len(rows)
    return (
        f"{of_tree / len(queries) * 1e6:.2f}",
        f"{of_index / len(queries) * 1e6:.2f}",
        f"{of_index / of_tree:.2f}",
        f"{split.n_visited(queries, k):,.0f}",
        f"{limit:,.0f}",
        f"{even:.0f}",
    )


def medians(rounds: int, *works: Callable[[], Any]) -> list[float]:
    """CPU seconds of some works, which take turns."""
    taken = np.empty((rounds, len(works)))
    for turn, (i, work) in product(range(rounds), enumerate(works)):
        start = process_time()
        work()
        taken[turn, i] = process_time() - start
    return [float(median) for median in np.median(taken, axis=0)]


if __name__ == "__main__":
    main()
