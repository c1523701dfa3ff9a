"""Pictures larger than digits: clipart and crops of photographs, beside scikit-learn's classifiers.

    python benchmarks/pictures.py                            all parts
    python benchmarks/pictures.py --part clipart             18 classes, with a test part of its own
    python benchmarks/pictures.py --part sizes               24 to 256 pixels a side
    python benchmarks/pictures.py --part cost                seconds and memory against pixels

README.md beside this file says how to read what it prints.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, PIPE
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress

from lib.bars import value_row, value_table
from lib.harness import (
    Contender,
    Reading,
    alternate,
    figures,
    fit_exponent,
    peak,
    seconds,
    table,
    total_seconds,
)
from lib.images import StoredImages
from lib.kinds import COLOUR_PHOTOGRAPHS, load_photograph
from lib.matching import NEAREST, OURS, SCALED_SVM, SKLEARN_KNN, SMALLER_FOREST, measure
from lib.program import new_parser, reporting

PARTS = ("clipart", "sizes", "cost")
METHODS = (OURS["fast"], OURS["balanced"], NEAREST, SKLEARN_KNN, SMALLER_FOREST, SCALED_SVM)
QUICK_METHODS = (OURS["fast"], NEAREST)

CLIPART_SIDES = (32, 48)
CLIPART_BARS = {OURS["fast"]: (43.8, 12.5), OURS["balanced"]: (41.3, None)}
"""Percent of the test pictures wrong at 32 pixels a side, and seconds to fit those of 48."""
COMMAND_BARS = {"fast": (43.8, 30.0, 1024.0), "balanced": (41.3, 90.0, None)}
"""For each effort percent wrong, seconds, and MiB at its peak, of the whole command."""

SIZES = ((24, 5000), (32, 3000), (48, 1000), (64, 1000), (128, 500), (256, 200))
"""Pixels a side, and training pictures; there are half as many test pictures, at most 500."""
MOST_VALUES = 20_000_000
"""Values of all training pictures together that an SVM is given: of more it takes minutes."""

COST_SIDES, COST_N = (24, 32, 48, 64, 96, 128, 192, 256), 300
MOST_EXPONENT = 1.05
"""The exponent of seconds against pixels: linear, and what luck adds."""

QUICK_SIZES, QUICK_COST = ((24, 60),), ((16, 32), 40)
QUICK_CLIPART = 4
"""Pictures of each class."""
CROPS = (64, 128)
"""Least and most pixels a side that are cut out of a photograph."""
TEST_SHARE = 0.3
"""The share of each photograph's width where test pictures are cut out, and no others."""


def main() -> int:
    args = parse_arguments()
    packages = ["scikit-learn", "numpy", "pillow"]
    with (
        reporting("Pictures", packages, args.json) as (found, progress),
        tempfile.TemporaryDirectory() as folder,
    ):
        for part in PARTS if args.part == "all" else (args.part,):
            found[part] = RUNNERS[part](args, Path(folder), progress)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, quick="tiny sizes and cheap peers")
    parts = [*PARTS, "all"]
    parser.add_argument("--part", choices=parts, default="all", help="what to run (%(default)s)")
    args = parser.parse_args()
    if args.part != "clipart" and find_spec("skimage") is None:
        parser.error("scikit-image not installed: pip install '.[bench]'")
    return args


# --- Pictures ------------------------------------------------------------------------------------


def store(folder: Path, title: str, parts: Mapping[str, tuple[Any, Any]]) -> StoredImages:
    """Store training and test pictures with their labels."""
    images = parts["training"][0]
    own = folder / title
    own.mkdir()
    for name, (pictures, labels) in parts.items():
        np.save(own / f"{name}.npy", pictures.reshape(len(pictures), -1))
        np.save(own / f"{name}-labels.npy", labels)
    return StoredImages(title, images.shape[1:], own)


def cut_photographs(side: int, n: int) -> dict[str, tuple[Any, Any]]:
    """Cut squares out of photographs, each brought to a side; the photograph is the label."""
    rng = np.random.default_rng(0)
    photographs = [load_photograph(name).convert("RGB") for name in COLOUR_PHOTOGRAPHS]
    parts = {}
    for part, n_part in (("training", n), ("test", min(500, n // 2))):
        labels = np.arange(n_part, dtype=np.int64) % len(photographs)
        pictures = [_cut(photographs[label], side, part == "test", rng) for label in labels]
        parts[part] = (np.stack(pictures), labels)
    return parts


def _cut(
    photograph: Image.Image, side: int, is_test: bool, rng: np.random.Generator
) -> NDArray[np.uint8]:
    width, height = photograph.size
    border = round(width * (1 - TEST_SHARE))
    left, right = (border, width) if is_test else (0, border)
    cut = int(rng.integers(CROPS[0], min(CROPS[1], right - left, height) + 1))
    x, y = (
        int(rng.integers(least, most - cut + 1)) for least, most in ((left, right), (0, height))
    )
    box = photograph.crop((x, y, x + cut, y + cut))
    return np.asarray(box.resize((side, side), Image.Resampling.BICUBIC))


# --- Tables --------------------------------------------------------------------------------------

HEADER = ["", "error %", "fit s", "predict s", "CPU s", "MiB"]


def _line(name: str, own: Sequence[Reading]) -> tuple[str, ...]:
    answer = own[0].answer
    return (
        name,
        f"{answer.error:.1f} ± {answer.standard_error:.1f}",
        *(str(total_seconds(own, stage)) for stage in ("fit", "predict")),
        seconds(own[0].cpu_seconds),
        peak(own),
    )


def _measure(
    data: StoredImages, methods: Sequence[str], args: argparse.Namespace, progress: Progress
) -> dict[str, list[Reading]]:
    """Measure classifiers on the same pictures, each in a process of its own; print a table."""
    contenders = [Contender(name, measure, (data, name, args.threads), 1) for name in methods]
    taken = alternate(contenders, n_threads=args.threads, progress=progress, what=data.title)
    print(f"\n### {data}, {args.threads} threads\n")
    print(table(HEADER, [_line(name, own) for name, own in taken.items()]))
    for name, own in taken.items():
        if own[0].answer.choice:
            print(f"{'' if name != methods[0] else chr(10)}- {name}: {own[0].answer.choice}")
    return taken


# --- Clipart -------------------------------------------------------------------------------------


def run_clipart(args: argparse.Namespace, folder: Path, progress: Progress) -> dict[str, Any]:
    """Measure on clipart, stretched to squares, and ours once more from the files; return."""
    from lookalike import load_dataset

    place = Path(os.environ.get("LOOKALIKE_DATA", "."), "clipart")
    if not place.is_dir():
        print(f"\n### Clipart: left out\n\nThere is no folder {place.name} in $LOOKALIKE_DATA.")
        return {}
    readings: dict[str, Any] = {}
    bars: list[dict[str, object]] = []
    for side in CLIPART_SIDES[:1] if args.quick else CLIPART_SIDES:
        data = load_dataset(place, image_shape=(side, side, 3), fit="stretch")
        parts = {}
        for name, part in (("training", data.train), ("test", data.test)):
            rows = _some_of_each(part.labels) if args.quick else slice(None)
            parts[name] = (part.images[rows], part.labels[rows])
        stored = store(folder, f"clipart {side}", parts)
        taken = _measure(stored, QUICK_METHODS if args.quick else METHODS, args, progress)
        readings |= {f"{side}, {name}": own for name, own in taken.items()}
        if args.quick:
            continue
        for name, (error, limit) in CLIPART_BARS.items():
            own, fit = taken[name], total_seconds(taken[name], "fit").median
            if side == CLIPART_SIDES[0]:
                error_row = value_row(
                    f"{name}, side {side}: error", own[0].answer.error, " %", error, at_most=True
                )
                bars.append(error_row)
            elif limit is not None:
                bars.append(value_row(f"{name}, side {side}: fit", fit, " s", limit, at_most=True))
    if not args.quick:
        commands = [run_command(place, effort, args.threads) for effort in COMMAND_BARS]
        print(f"\n### Clipart: the command, files to answers, {args.threads} threads\n")
        print(table(list(commands[0]), [[str(one) for one in row.values()] for row in commands]))
        for told, (error, limit, most) in zip(commands, COMMAND_BARS.values(), strict=True):
            for key, unit, bar in (("wrong %", " %", error), ("s", " s", limit), ("MiB", "", most)):
                what = f"{told['command']}: {key}"
                bars.append(value_row(what, float(told[key]), unit, bar, at_most=True))
        print(f"\n{value_table(bars)}")
        return {"readings": figures(readings), "commands": commands, "bars": bars}
    return {"readings": figures(readings), "bars": bars}


def run_command(place: Path, effort: str, n_threads: int) -> dict[str, Any]:
    """Run ``lookalike train`` on a folder; return its error, seconds and peak of memory."""
    program = "from lookalike.cli.app import main; main()"
    options = ["train", str(place), "--features", "pixels", "--effort", effort]
    options += ["--n-jobs", str(n_threads), "--json"]
    start = perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", program, *options], stdout=PIPE, stderr=DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    return {
        "command": f"lookalike train clipart --features pixels --effort {effort}",
        "wrong %": round(100 * report["test"]["error"], 1),
        "s": round(perf_counter() - start, 1),
        "CPU s": round(used.ru_utime + used.ru_stime, 1),
        "MiB": round(used.ru_maxrss / 1024),
    }


def _some_of_each(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    places = [np.flatnonzero(labels == label)[:QUICK_CLIPART] for label in np.unique(labels)]
    return np.concatenate(places)


# --- Sizes ---------------------------------------------------------------------------------------


def run_sizes(args: argparse.Namespace, folder: Path, progress: Progress) -> dict[str, Any]:
    """Measure on pictures of several sizes; print, return the figures."""
    found: dict[str, Any] = {}
    left_out = []
    for side, n in QUICK_SIZES if args.quick else SIZES:
        data = store(folder, f"photographs {side}", cut_photographs(side, n))
        methods = list(QUICK_METHODS if args.quick else METHODS)
        if side * side * 3 * n > MOST_VALUES and SCALED_SVM in methods:
            methods.remove(SCALED_SVM)
            left_out.append(f"{n:,} of {side}")
        found[data.title] = figures(_measure(data, methods, args, progress))
    if left_out:
        print(f"\n{SCALED_SVM} would take minutes and is left out: {', '.join(left_out)}.")
    return found


# --- Cost ----------------------------------------------------------------------------------------


def run_cost(args: argparse.Namespace, folder: Path, progress: Progress) -> dict[str, Any]:
    """Measure the same number of pictures at growing sizes; print, return the figures."""
    sides, n = QUICK_COST if args.quick else (COST_SIDES, COST_N)
    names = [OURS["fast"]] if args.quick else [OURS["fast"], OURS["balanced"]]
    readings: dict[str, list[Reading]] = {}
    lines = []
    for side in sides:
        data = store(folder, f"growing {side}", cut_photographs(side, n))
        contenders = [Contender(name, measure, (data, name, args.threads), 1) for name in names]
        what = {"n_threads": args.threads, "progress": progress, "what": data.title}
        taken = alternate(contenders, **what)
        readings |= {f"{side}, {name}": own for name, own in taken.items()}
        cells = [cell for own in taken.values() for cell in _line("", own)[4:]]
        lines.append((f"{side} × {side}", *cells))
    print(
        f"\n### Cost against pixels: {n} colour pictures and half as many, {args.threads} threads\n"
    )
    header = [cell for name in names for cell in (f"{name}: CPU s", "MiB")]
    print(table(["", *header], lines))
    bars = []
    for name in names:
        taken_seconds = [readings[f"{side}, {name}"][0].cpu_seconds for side in sides]
        exponent = fit_exponent([side**2 for side in sides], taken_seconds)
        bar = None if args.quick else MOST_EXPONENT
        bars.append(value_row(f"{name}: exponent of CPU s", exponent, "", bar, at_most=True))
    print(f"\n{value_table(bars)}")
    return {"readings": figures(readings), "bars": bars}


RUNNERS = dict(zip(PARTS, (run_clipart, run_sizes, run_cost), strict=True))


if __name__ == "__main__":
    sys.exit(main())
