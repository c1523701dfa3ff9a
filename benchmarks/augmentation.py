"""A training set grown by shifts, without copies, beside peers that search the copies, in one run.

    python benchmarks/augmentation.py

README.md beside this file says how to read what it prints. Exits with 1 if results are wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import Progress

from lib.agreement import compare
from lib.augmented import (
    N_NEIGHBORS,
    OTHER_N_NEIGHBORS,
    Examined,
    classify_ours,
    classify_sklearn,
    examine,
)
from lib.bars import ratio_row, ratio_table
from lib.checks import Checks
from lib.harness import (
    MIB,
    Contender,
    Reading,
    alternate,
    figures,
    in_fresh_process,
    peak,
    table,
    total_seconds,
)
from lib.images import NAMES, StoredImages
from lib.peers import PEERS, Peer, blas_environment, choice_of_dtype, fastest_sklearn, search_once
from lib.program import BARS_THREADS, new_parser, parse, report_on_images

if TYPE_CHECKING:
    from lookalike.images.augmentation import Augmentation

FASTER_THAN_SKLEARN, FASTER_THAN_FAISS = 50, 20
MOST_INDEX = 1.25
"""Memory of an index that follows shifts, as a multiple of the plain one's."""

ACCURACIES = {N_NEIGHBORS: 0.9763, OTHER_N_NEIGHBORS: 0.9766}
"""On MNIST's test images, of the 60,000 grown by Shifts(1); weights by distance."""

PLAIN, COPIES = "lookalike, no augmentation", "lookalike, copies"
FIT, PREDICT, QUERY = "fit", "predict", "query"


def main() -> int:
    packages = ["faiss-cpu", "scikit-learn", "numpy"]
    return report_on_images("Augmentation", packages, parse_arguments(), run_comparison)


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, data=NAMES, rounds="ours and of FAISS (3)", slow_rounds=True)
    return parse(parser, 3)


def run_comparison(
    args: argparse.Namespace, data: StoredImages, progress: Progress
) -> dict[str, Any]:
    """Measure ours and the peers, print the tables, return the figures."""
    from lookalike import Shifts

    book = Shifts(1)
    timed = [book, Shifts(1, diagonal=True), Shifts(2, diagonal=True)][: 1 if args.quick else None]
    weighed = [book, Shifts(2), Shifts(3, diagonal=True)]
    grown = data.grown(book)
    sklearn, probes = fastest_sklearn(args, data.files, N_NEIGHBORS, progress)
    faiss = PEERS["faiss"]
    contenders = _contenders(args, data, grown, timed, sklearn, faiss)
    readings = alternate(contenders, n_threads=args.threads, progress=progress, what=args.data)

    theirs = readings[sklearn.name][0].answer
    found = in_fresh_process(examine, data, grown, book, theirs, weighed, args.threads)
    n_bytes = dict(zip([None, *weighed], found.index_bytes, strict=True))
    full_size = (args.data, args.threads, args.quick) == ("mnist", BARS_THREADS, False)
    known = args.data == "mnist" and not args.quick
    checks = _compare(readings, grown, found, _named(book), sklearn, known)
    ratios = _ratios(readings, _named(book), sklearn, full_size)
    for augmentation, size in list(n_bytes.items())[1:]:
        bar = MOST_INDEX if full_size else None
        what = f"index memory with {augmentation}"
        ratios.append(ratio_row(what, "the plain index", size / n_bytes[None], bar, at_most=True))

    n_grown = len(grown.rows)
    print(f"\n### {data}, grown to {n_grown:,}, k={N_NEIGHBORS}, {args.threads} threads\n")
    names = [_named(book), COPIES, *(p.name for p in (faiss, sklearn) if p.name in readings)]
    print(_times_table(readings, names, data, grown))
    if faiss.name not in readings:
        print(f"\n{faiss.name}: not installed (pip install {faiss.distribution})")
    print("\nSeconds are medians (least–most) of fresh processes that took turns; FAISS only")
    print("searches. MiB is the peak of memory beyond the input, whose own is beside it: all but")
    print(f"the first search {n_grown:,} copies, which were made before the clock started.")
    print(f"{choice_of_dtype(sklearn, probes)}\n")
    print(_shifts_table(readings, data, timed))
    print(f"\n{_index_table(n_bytes, data)}\n\n{ratio_table(ratios)}")
    accuracies = ", ".join(f"{one:.4f} with k={k}" for k, one in found.accuracies.items())
    print(f"\nAccuracy on the test images with {book}: {accuracies}.")
    print(f"\nCompared, distances to the last bit:\n\n{checks}")
    return {
        "data": str(data),
        "probes": figures(probes),
        "readings": figures(readings),
        "index_bytes": {str(augmentation): size for augmentation, size in n_bytes.items()},
        "ratios": ratios,
        "accuracies": found.accuracies,
        "checks": checks.figures(),
        "wrong": checks.wrong,
    }


def _contenders(
    args: argparse.Namespace,
    data: StoredImages,
    grown: StoredImages,
    timed: Sequence[Augmentation],
    sklearn: Peer,
    faiss: Peer,
) -> list[Contender]:
    threads = args.threads
    found = [
        Contender(PLAIN, classify_ours, (data, None, threads), args.repeat),
        *(
            Contender(_named(one), classify_ours, (data, one, threads), args.repeat)
            for one in timed
        ),
        Contender(COPIES, classify_ours, (grown, None, threads), args.repeat),
    ]
    if faiss.is_installed:
        how = (faiss, grown.files, None, N_NEIGHBORS, threads)
        environment = blas_environment(faiss.module)
        found.append(Contender(faiss.name, search_once, how, args.repeat, environment))
    how_slow = (grown, sklearn.dtype, threads)
    return [*found, Contender(sklearn.name, classify_sklearn, how_slow, args.repeat_slow)]


def _compare(
    readings: Mapping[str, Sequence[Reading]],
    grown: StoredImages,
    found: Examined,
    ours: str,
    sklearn: Peer,
    known: bool,
) -> Checks:
    checks = Checks()
    n_test = len(found.prediction)
    for name in (ours, COPIES):
        wrong = max(int(np.sum(one.answer != found.prediction)) for one in readings[name])
        checks.add(f"predictions timed, {name}, and those explained", n_test, wrong)
    unequal = (found.indices != found.copied_indices) | (found.distances != found.copied_distances)
    what = "queries' neighbours and distances, found without copies and by a search of the copies"
    checks.add(what, n_test, int(np.sum(unequal.any(axis=1))))
    differences = found.differences
    wrong = differences.n - differences.n_ties
    checks.add(f"predictions, {sklearn.name} and ours", n_test, wrong, differences.n_ties)
    faiss = PEERS["faiss"]
    if faiss.name in readings:
        answer = readings[faiss.name][0].answer
        agreement = compare(grown.rows, grown.test_rows, found.indices, answer, "float32")
        what = f"queries' neighbours, {faiss.name} and ours"
        excused = agreement.ties + agreement.rounding
        checks.add(what, n_test, agreement.wrong, excused, "ties or the peer's rounding")
    if known:
        wrong = sum(found.accuracies[k] != accuracy for k, accuracy in ACCURACIES.items())
        checks.add("accuracies, known and ours", len(ACCURACIES), wrong)
    return checks


def _ratios(
    readings: Mapping[str, Sequence[Reading]], ours: str, sklearn: Peer, full_size: bool
) -> list[dict[str, object]]:
    seconds = total_seconds(readings[ours], FIT, PREDICT).median
    peers = [(sklearn.name, PREDICT, FASTER_THAN_SKLEARN)]
    faiss = PEERS["faiss"].name
    if faiss in readings:
        peers.append((faiss, QUERY, FASTER_THAN_FAISS))
    return [
        ratio_row(
            "fit + predict",
            f"{name} on the copies",
            total_seconds(readings[name], FIT, stage).median / seconds,
            bar if full_size else None,
        )
        for name, stage, bar in peers
    ]


def _times_table(
    readings: Mapping[str, Sequence[Reading]],
    names: Sequence[str],
    data: StoredImages,
    grown: StoredImages,
) -> str:
    lines = []
    dtypes = {peer.name: peer.dtype for peer in PEERS.values()}
    for name in names:
        taken = readings[name]
        dtype = np.dtype(dtypes.get(name) or data.rows.dtype)
        given = grown if name in (COPIES, *dtypes) else data
        answer = QUERY if QUERY in taken[0].seconds else PREDICT
        lines.append(
            (
                name,
                dtype,
                f"{given.rows.size * dtype.itemsize / MIB:.0f}",
                total_seconds(taken, FIT),
                total_seconds(taken, answer),
                total_seconds(taken, FIT, answer),
                peak(taken),
                len(taken),
            )
        )
    header = ["", "input", "input MiB", "fit s", "predict s", "fit + predict s", "MiB", "rounds"]
    return table(header, lines)


def _shifts_table(
    readings: Mapping[str, Sequence[Reading]], data: StoredImages, timed: Sequence[Augmentation]
) -> str:
    plain = total_seconds(readings[PLAIN], FIT, PREDICT).median
    lines = []
    for name, n in [(PLAIN, 0), *((_named(one), _n_shifts(one, data)) for one in timed)]:
        whole = total_seconds(readings[name], FIT, PREDICT)
        parts = (total_seconds(readings[name], stage) for stage in (FIT, PREDICT))
        lines.append((name, n, *parts, whole, f"{whole.median / plain:.2f}×"))
    return table(["", "shifts", "fit s", "predict s", "fit + predict s", "× plain"], lines)


def _index_table(n_bytes: Mapping[Augmentation | None, int], data: StoredImages) -> str:
    lines = [
        (
            "plain" if augmentation is None else augmentation,
            0 if augmentation is None else _n_shifts(augmentation, data),
            f"{size / MIB:.2f}",
            f"{size / n_bytes[None]:.3f}×",
        )
        for augmentation, size in n_bytes.items()
    ]
    return table(["index", "shifts", "MiB", "× plain"], lines)


def _n_shifts(augmentation: Augmentation, data: StoredImages) -> int:
    return len(augmentation.variants(data.image_shape))


def _named(augmentation: Augmentation) -> str:
    return f"lookalike, {augmentation}"


if __name__ == "__main__":
    sys.exit(main())
