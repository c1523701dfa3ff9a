"""Millions of rows: index files, mapped rows, and a training set that memory does not hold.

    python benchmarks/scale.py                         all sets
    python benchmarks/scale.py --set vectors bytes     1.28 M x 384 float32 and 3 M x 784 bytes
    python benchmarks/scale.py --set disk --gib 26     one set larger than memory, 26 GiB on disk

Rows are made into a file of --folder, which is deleted at the end, and read from it by mapping.
Bytes read from the disk are those that the system counts for this process; before "cold" queries it
is asked to forget the file. Exits with 1 if neighbours are wrong.
"""

from __future__ import annotations

import argparse
import mmap
import os
import sys
import tempfile
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.agreement import compare
from lib.harness import MIB, in_fresh_process, table
from lib.program import count, new_parser, reporting

GIB = 2**30
AT_ONCE = 20_000
MOST_READ = 1.2  # times the index, the bar of a search larger than memory
PAGE = mmap.PAGESIZE


class Set(NamedTuple):
    """Rows to make: clusters of vectors, or pictures of few axes with noise in every pixel."""

    n: int
    d: int
    dtype: str
    k: int


SETS = {
    "vectors": Set(1_281_167, 384, "float32", 20),
    "bytes": Set(3_000_000, 784, "uint8", 5),
    "disk": Set(0, 3072, "uint8", 5),  # as many as --gib holds
}


def main() -> int:
    parser = new_parser(__doc__, quick="20,000 rows of each set")
    add = parser.add_argument
    add("--set", nargs="*", choices=list(SETS), default=list(SETS), help="which sets (all)")
    add("--queries", type=count, default=1000, help="queries of a batch (%(default)s)")
    add("--peer-queries", type=count, default=100, help="queries of FAISS (%(default)s)")
    add("--gib", type=float, default=26, help="size of the set on disk (%(default)s)")
    add("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where rows are made")
    add("--peers", nargs="*", choices=["faiss"], default=["faiss"], help="whom to compare with")
    args = parser.parse_args()
    wrong = 0
    with reporting("Scale", ["faiss-cpu", "numpy"], args.json) as (found, progress):
        for name in progress.track(args.set, description="sets"):
            own = SETS[name]
            n = 20_000 if args.quick else own.n or int(args.gib * GIB / own.d)
            with tempfile.TemporaryDirectory(dir=args.folder) as folder:
                path = Path(folder, "rows.npy")
                in_fresh_process(make, path, own._replace(n=n))
                found[name] = run_set(args, name, path, own._replace(n=n))
            wrong += found[name]["wrong"]
    return 1 if wrong else 0


# --- Rows ----------------------------------------------------------------------------------------


def make(path: Path, own: Set) -> None:
    """Write the rows of a set, a few at a time."""
    rows = np.lib.format.open_memmap(path, "w+", own.dtype, (own.n, own.d))
    rng = np.random.default_rng(0)
    axes = rng.standard_normal((40, own.d), np.float32) / np.sqrt(np.arange(1, 41))[:, None]
    centres = 2 * rng.standard_normal((1000, own.d), np.float32)
    first = rows[: 5 * AT_ONCE]
    for start in range(0, own.n, AT_ONCE):
        block = rows[start : start + AT_ONCE]
        if own.dtype == "float32":
            block[:] = rng.standard_normal(block.shape, np.float32)
            block += centres[rng.integers(0, len(centres), len(block))]
        elif start < len(first):
            pictures = 30 * rng.standard_normal((len(block), len(axes)), np.float32) @ axes + 110
            block[:] = pictures.clip(0, 220).astype(np.uint8)
            block += rng.integers(0, 32, block.shape, np.uint8)
        else:  # the means of two of these take a tenth of the time
            one, other = rng.integers(0, len(first), (2, len(block)))
            np.add(first[one] >> 1, first[other] >> 1, out=block)
    rows.flush()


def draw_queries(rows: NDArray[Any], n: int) -> NDArray[Any]:
    """Return copies of rows with a little noise."""
    rng = np.random.default_rng(1)
    drawn = np.asarray(rows[np.sort(rng.choice(len(rows), n, replace=False))]).astype(np.float64)
    drawn += rng.integers(-8, 9, drawn.shape) / (1 if rows.dtype == np.uint8 else 20)
    return (
        drawn.clip(0, 255).astype(np.uint8) if rows.dtype == np.uint8 else drawn.astype(rows.dtype)
    )


# --- Measuring, each in a fresh process ----------------------------------------------------------


class Measured:
    """Wall and CPU seconds, bytes read from the disk, and the peak of anonymous memory."""

    def __enter__(self) -> Measured:
        self._end, self.peak = Event(), 0
        self._watch = Thread(target=self._look, daemon=True)
        self._watch.start()
        self._before = read_bytes()
        self._cpu, self._start = process_time(), perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds, self.cpu = perf_counter() - self._start, process_time() - self._cpu
        self.read = read_bytes() - self._before
        self._end.set()
        self._watch.join()

    def _look(self) -> None:
        while True:
            self.peak = max(self.peak, anonymous_bytes())
            if self._end.wait(0.02):
                return

    def figures(self) -> dict[str, float]:
        """Return them by name."""
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu, 3),
            "read_bytes": self.read,
            "anonymous_bytes": self.peak,
        }


def read_bytes() -> int:
    """Return how many bytes this process has made the system read from disks."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


def anonymous_bytes() -> int:
    """Return the memory of this process that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def forget(rows: NDArray[Any], path: Path) -> None:
    """Have the system drop a mapped file from its cache."""
    from lookalike.search.mapped import mapping_of

    mapping = mapping_of(rows)
    assert mapping is not None
    mapping.madvise(mmap.MADV_DONTNEED)
    drop(path)


def drop(path: Path) -> None:
    """Have the system drop what it holds of a file and no process has mapped."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_ours(path: Path, own: Set, n_queries: int, n_threads: int) -> dict[str, Any]:
    """Build an index into a file, open it, and search by it, cold and again."""
    from lookalike import build_index, open_index
    from lookalike.search import mapped

    rows, file = np.load(path, mmap_mode="r"), path.with_name("index")
    forget(rows, path)
    found: dict[str, Any] = {"on_disk": mapped.is_on_disk(rows)}
    with Measured() as build:
        build_index(rows, file, n_neighbors=own.k, n_jobs=n_threads)
    found["build"] = build.figures()
    found["index_bytes"] = file.stat().st_size
    drop(file)
    with Measured() as opening:
        search = open_index(file)
    found["open"] = opening.figures()
    queries = draw_queries(rows, n_queries)
    (index,) = search._searcher._indexes.values()
    for stage, asked in (("cold", queries), ("again", queries), ("few", queries[:10])):
        if stage != "again":
            forget(index.rows, path)
            forget(rows, path)
        with Measured() as searching:
            rows_found = np.empty((len(asked), own.k), np.int64)
            distances = np.empty(rows_found.shape)
            n_exact = index._native.query(asked, rows_found, distances, n_threads=n_threads)
        found[stage] = {**searching.figures(), "queries": len(asked), "n_exact": n_exact}
        if stage == "cold":
            found["indices"] = rows_found.tolist()
    return found


def measure_faiss(path: Path, own: Set, n_queries: int, n_threads: int) -> dict[str, Any]:
    """Search for the first queries by FAISS's flat index, which holds the rows as float32."""
    import faiss

    faiss.omp_set_num_threads(n_threads)
    rows = np.load(path, mmap_mode="r")
    with Measured() as build:
        index = faiss.IndexFlatL2(own.d)
        for start in range(0, own.n, AT_ONCE):
            index.add(rows[start : start + AT_ONCE].astype(np.float32))
    queries = draw_queries(rows, 1000)[:n_queries].astype(np.float32)
    with Measured() as searching:
        indices = index.search(queries, own.k)[1]
    return {
        "build": build.figures(),
        "again": {**searching.figures(), "queries": n_queries},
        "indices": indices.tolist(),
    }


# --- One set -------------------------------------------------------------------------------------


def run_set(args: argparse.Namespace, name: str, path: Path, own: Set) -> dict[str, Any]:
    """Measure ours and FAISS on one set, print the table, return the figures."""
    size = path.stat().st_size
    ours = in_fresh_process(measure_ours, path, own, args.queries, args.threads)
    indices = np.array(ours.pop("indices"))
    figures: dict[str, Any] = {
        "rows": own._asdict(),
        "row_bytes": size,
        "lookalike": ours,
        "wrong": 0,
    }
    lines = [line_of("lookalike", ours, "again")]
    print(f"\n### {name}: {own.n:,} × {own.d} {own.dtype}, {size / GIB:.1f} GiB, k={own.k}\n")
    rows = np.load(path, mmap_mode="r")
    queries = draw_queries(rows, args.queries)
    if "faiss" in args.peers and name != "disk":
        n = min(args.peer_queries, args.queries) if args.queries == 1000 else 0
        if n:
            theirs = in_fresh_process(measure_faiss, path, own, n, args.threads)
            agreement = compare(
                rows, queries[:n], indices[:n], np.array(theirs.pop("indices")), "float32"
            )
            figures |= {"faiss": theirs, "wrong": agreement.wrong, "agreement": vars(agreement)}
            lines.append(line_of("FAISS IndexFlatL2", theirs, "again"))
    header = ["", "build s", "CPU s", "memory MiB", "ms a query", "CPU ms a query"]
    print(table(header, lines))
    if "faiss" in figures:
        print(f"\nNeighbours compared with FAISS's: {agreement}")
    else:
        figures["wrong"] = check_by_force(rows, queries[:5], indices[:5], own.k)
        print(f"\n5 queries compared with all distances: {figures['wrong']} WRONG")
    index, cold, few = ours["index_bytes"], ours["cold"], ours["few"]
    pages = cold["n_exact"] * (own.d * rows.itemsize + PAGE)  # a row begins anywhere in a page
    place = "on disk" if ours["on_disk"] else "in memory"
    print(f"\nThe index takes {index / MIB:,.0f} MiB; the rows are taken to be {place}.")
    print(f"It opens in {1000 * ours['open']['seconds']:.1f} ms.")
    print(f"Building read {ours['build']['read_bytes'] / size:.2f} times the rows.")
    print(
        f"Cold, {args.queries:,} queries took {cold['seconds']:.1f} s and read "
        f"{cold['read_bytes'] / MIB:,.0f} MiB. {cold['n_exact'] / args.queries:.1f} distances "
        f"a query are of rows in at most {pages / MIB:,.0f} MiB of whole pages."
    )
    print(f"Cold, 10 queries took {few['seconds']:.2f} s, {few['read_bytes'] / MIB:,.1f} MiB.")
    if ours["on_disk"]:
        limit = MOST_READ * index + pages
        verdict = "met" if cold["read_bytes"] <= limit else "MISSED"
        print(
            f"Bar, {MOST_READ} times the index and these pages: {limit / MIB:,.0f} MiB, {verdict}"
        )
    return figures


def line_of(name: str, found: dict[str, Any], stage: str) -> list[object]:
    """Return a line of the table."""
    build, search = found["build"], found[stage]
    each = 1000 / search["queries"]
    return [
        name,
        f"{build['seconds']:.1f}",
        f"{build['cpu_seconds']:.1f}",
        f"{build['anonymous_bytes'] / MIB:,.0f}",
        f"{each * search['seconds']:.2f}",
        f"{each * search['cpu_seconds']:.2f}",
    ]


def check_by_force(rows: NDArray[Any], queries: NDArray[Any], indices: NDArray[Any], k: int) -> int:
    """Return how many queries have other neighbours than a search of all distances, in float64."""
    best: list[list[tuple[float, int]]] = [[] for _ in queries]
    wide = queries.astype(np.float64)
    for start in range(0, len(rows), AT_ONCE // 4):
        block = rows[start : start + AT_ONCE // 4].astype(np.float64)
        lengths = np.einsum("ij,ij->i", block, block)
        squares = lengths - 2 * wide @ block.T + (wide**2).sum(axis=1)[:, None]
        for i, own in enumerate(squares):
            near = np.argpartition(own, min(k, len(own) - 1))[: k + 1]
            best[i] = sorted(best[i] + [(float(own[j]), start + int(j)) for j in near])[:k]
    found = [[row for _, row in own] for own in best]
    return int((np.array(found) != indices).any(axis=1).sum())


if __name__ == "__main__":
    sys.exit(main())
