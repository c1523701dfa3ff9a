"""The book's denoiser in both libraries: how long it takes, and whether the answers are equal."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from lib.bars import ratio_row, ratio_table
from lib.checks import Checks
from lib.cleaning import BOOK_MODELS, clean_as_the_book, count_ties
from lib.harness import (
    Contender,
    Reading,
    alternate,
    figures,
    in_fresh_process,
    peak,
    table,
    total_seconds,
)
from lib.images import StoredImages
from lib.noisy import UNIFORM, noise_text
from lib.peers import choice_of_dtype, fastest_sklearn

FASTER = 50
FIT, PREDICT = "fit", "predict"


def run_book(
    args: argparse.Namespace, data: StoredImages, full_size: bool, progress: Progress
) -> tuple[dict[str, Any], Checks]:
    """Measure both models in both libraries on the book's noise; print the tables."""
    peer, probes = fastest_sklearn(args, data.files, 1, progress)
    libraries = {
        "lookalike": ("lookalike", None, args.repeat),
        "scikit-learn": ("sklearn.neighbors", peer.dtype, args.repeat_slow),
    }
    contenders = [
        Contender(
            _named(library, model),
            clean_as_the_book,
            (data, UNIFORM, model, module, dtype, args.threads),
            rounds,
        )
        for model in BOOK_MODELS
        for library, (module, dtype, rounds) in libraries.items()
    ]
    readings = alternate(
        contenders, n_threads=args.threads, progress=progress, what="the book's denoiser"
    )
    checks = Checks()
    ratios = []
    for model in BOOK_MODELS:
        ours, theirs = (readings[_named(library, model)] for library in libraries)
        _compare(checks, data, model, ours, theirs[0].answer, args.threads)
        ratios.append(
            ratio_row(
                f"{model}, fit + predict",
                f"scikit-learn {peer.dtype}",
                _seconds(theirs) / _seconds(ours),
                FASTER if full_size else None,
            )
        )
    print(f"\n### The book's denoiser, {noise_text(UNIFORM)}, {args.threads} threads\n")
    print(_times_table(readings))
    print("\nSeconds are medians (least–most) of fresh processes that took turns; MiB is the peak")
    print("of memory beyond the noisy rows, given in our case as int16, and the clean ones.")
    print(f"{choice_of_dtype(peer, probes)}\n\n{ratio_table(ratios)}\n\nCompared:\n\n{checks}")
    return {"probes": figures(probes), "readings": figures(readings), "ratios": ratios}, checks


def _compare(
    checks: Checks,
    data: StoredImages,
    model: str,
    ours: Sequence[Reading],
    theirs: NDArray[Any],
    n_threads: int,
) -> None:
    """Ours with the peer's; an image may differ only where its neighbours are equally near."""
    answer = ours[0].answer
    others = sum(not np.array_equal(one.answer, answer) for one in ours[1:])
    checks.add(f"rounds of ours, {model}", len(ours) - 1, others)
    rows = np.flatnonzero((answer != theirs).any(axis=1))
    arguments = (data, UNIFORM, model, rows, n_threads)
    ties = in_fresh_process(count_ties, *arguments) if len(rows) else 0
    checks.add(
        f"cleaned images, {model}, scikit-learn's and ours", len(answer), len(rows) - ties, ties
    )


def _times_table(readings: Mapping[str, Sequence[Reading]]) -> str:
    lines = []
    for name, taken in readings.items():
        parts = [total_seconds(taken, stage) for stage in (FIT, PREDICT)]
        whole = total_seconds(taken, FIT, PREDICT)
        lines.append((name, *parts, whole, peak(taken), len(taken)))
    return table(["", "fit s", "predict s", "fit + predict s", "MiB", "rounds"], lines)


def _seconds(taken: Sequence[Reading]) -> float:
    return total_seconds(taken, FIT, PREDICT).median


def _named(library: str, model: str) -> str:
    k = BOOK_MODELS[model]["n_neighbors"]
    return f"{library} {model}, k={k}"
