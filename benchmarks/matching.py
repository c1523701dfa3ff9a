"""The classifier that matches images, beside other classifiers, part by part.

    python benchmarks/matching.py                            all parts
    python benchmarks/matching.py --part mnist               MNIST's test images, beside peers
    python benchmarks/matching.py --part cv                  six folds of its training images
    python benchmarks/matching.py --part ablation            what each part of the method buys
    python benchmarks/matching.py --part kinds               images of other kinds
    python benchmarks/matching.py --part few --out few.png   few labels, with a picture

README.md beside this file says how to read what it prints.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
from rich.progress import Progress

from lib.bars import value_row, value_table
from lib.harness import Contender, Reading, alternate, figures, peak, table, total_seconds
from lib.images import StoredImages, stored_images
from lib.kinds import Kind, list_kinds
from lib.matching import (
    BOOSTING,
    EFFORTS,
    FOREST,
    MOST_SECONDS,
    N_FOLDS,
    NEAREST,
    OUR_KNN,
    OURS,
    SCALED_SVM,
    SKLEARN_KNN,
    SMALLER_FOREST,
    SVM,
    TUNED_KNN,
    Answer,
    Choice,
    Skipped,
    ablation_choices,
    fixed_choices,
    measure,
    measure_ablation,
    measure_block,
    measure_few,
    measure_fixed,
    measure_kind,
)
from lib.program import BARS_THREADS, new_parser, reporting

PARTS = ("mnist", "cv", "ablation", "kinds", "few")
MNIST_BARS = {"fast": (0.55, 4), "balanced": (0.45, 12), "best": (0.42, 60)}
"""The bars of each effort: percent of the test images wrong, and seconds of fit and predict."""

CV_BAR = 0.36
"""Percent of all training images that may be wrong in cross-validation."""

N_BLOCKS, QUICK_BLOCKS = 6, 1
"""The training images are cut into the first; so many are held out in turn where it is quick."""

MNIST_METHODS = (*OURS.values(), OUR_KNN, SKLEARN_KNN, SVM, FOREST, BOOSTING)
KIND_METHODS = (*OURS.values(), TUNED_KNN, SCALED_SVM, SMALLER_FOREST, BOOSTING)
FEW_METHODS = (OURS["balanced"], NEAREST, SVM, SMALLER_FOREST, BOOSTING)
QUICK_PEERS = (OUR_KNN, TUNED_KNN)

LABELS_A_CLASS, N_DRAWS = (10, 50, 100), 5
QUICK_LABELS_A_CLASS, QUICK_DRAWS = (5, 10), 2
QUICK_SIZES = (300, 100)
"""Training and test images; of a kind, half as many as the first."""


def main() -> int:
    args = parse_arguments()
    parts = PARTS if args.part == "all" else (args.part,)
    name, most = ("digits", QUICK_SIZES) if args.quick else ("mnist", (None, None))
    packages = ["scikit-learn", "numpy"]
    with (
        reporting("Matching", packages, args.json) as (found, progress),
        stored_images(name, quick=args.quick, most=most) as data,
    ):
        for part in parts:
            found[part] = RUNNERS[part](args, data, progress)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, quick="tiny sizes and cheap peers")
    add = parser.add_argument
    add("--part", choices=[*PARTS, "all"], default="all", help="what to run (%(default)s)")
    add("--out", type=Path, metavar="FILE", help="draw the part few there, as PNG")
    add("--without", nargs="*", default=[], metavar="NAME", help="leave out what begins so")
    args = parser.parse_args()
    if args.part in ("kinds", "all") and not args.quick and find_spec("skimage") is None:
        parser.error("scikit-image not installed: pip install '.[bench]'")
    if args.out is not None and args.part not in ("few", "all"):
        parser.error(f"--out draws the part few, not {args.part}")
    return args


def _chosen(args: argparse.Namespace, methods: Sequence[str]) -> list[str]:
    """The methods of a part, or its cheap ones, without those that were asked to be left out."""
    if not args.quick:
        return [name for name in methods if not name.startswith(tuple(args.without))]
    return [OURS["fast"], *(name for name in methods if name in QUICK_PEERS)]


def _has_bars(args: argparse.Namespace) -> bool:
    return not args.quick and args.threads == BARS_THREADS


def _at_most(what: str, value: float, unit: str, bar: float | None) -> dict[str, object]:
    """A value beside a bar that is reached by as much as the bar, too."""
    row = value_row(what, value, unit, bar, at_most=True)
    return row if bar is None else row | {"reached": bool(value <= bar + 1e-9)}


def _percent(answer: Answer) -> str:
    return f"{answer.error:.2f} ± {answer.standard_error:.2f}"


def _pool(answers: Sequence[Answer]) -> Answer:
    """Folds that hold out each image once, as one."""
    return Answer(sum(one.n_wrong for one in answers), sum(one.n for one in answers))


def _as_figures(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    return [vars(one) | {"error": one.error} for one in answers]


def _print_choices(choices: Mapping[str, str]) -> None:
    print("\nWhat ours chose, on held-out training images alone:\n")
    print("\n".join(f"- {name}: {choice}" for name, choice in choices.items()))


# --- MNIST ---------------------------------------------------------------------------------------


def run_mnist(args: argparse.Namespace, data: StoredImages, progress: Progress) -> dict[str, Any]:
    """Measure every classifier once on the test images; print, return the figures."""
    methods = _chosen(args, MNIST_METHODS)
    contenders = [Contender(name, measure, (data, name, args.threads), 1) for name in methods]
    taken = alternate(contenders, n_threads=args.threads, progress=progress, what="test images")
    answers: dict[str, Answer] = {name: own[0].answer for name, own in taken.items()}
    lines = []
    for name, own in taken.items():
        seconds = [total_seconds(own, stage) for stage in ("fit", "predict")]
        lines.append((name, answers[name].n_wrong, _percent(answers[name]), *seconds, peak(own)))
    print(f"\n### Test images: {data}, {args.threads} threads\n")
    print(
        "Error with its binomial standard error. The test images are loaded when the fit is over,"
    )
    print("and predicted once. MiB is the peak of memory beyond the training images.\n")
    print(table(["", "wrong", "error %", "fit s", "predict s", "MiB"], lines))
    _print_choices({name: one.choice for name, one in answers.items() if one.choice})

    bars: list[dict[str, object]] = []
    for effort in (effort for effort in EFFORTS if OURS[effort] in taken):
        error, limit = MNIST_BARS[effort] if _has_bars(args) else (None, None)
        total = total_seconds(taken[OURS[effort]], "fit", "predict").median
        bars.append(_at_most(f"{effort}: error", answers[OURS[effort]].error, " %", error))
        bars.append(_at_most(f"{effort}: fit + predict", total, " s", limit))
    print(f"\n{value_table(bars)}")
    found = {name: vars(one) | {"error": one.error} for name, one in answers.items()}
    return {"readings": figures(taken), "found": found, "bars": bars}


# --- Cross-validation ----------------------------------------------------------------------------


def run_cv(args: argparse.Namespace, data: StoredImages, progress: Progress) -> dict[str, Any]:
    """Hold out one block of training images after the other, choosing anew; print, return."""
    name = OURS["fast" if args.quick else "best"]
    n_blocks = QUICK_BLOCKS if args.quick else N_BLOCKS
    contenders = [
        Contender(
            f"fold {block + 1}", measure_block, (data, name, block, N_BLOCKS, args.threads), 1
        )
        for block in range(n_blocks)
    ]
    taken = alternate(contenders, n_threads=args.threads, progress=progress, what=name)
    answers: dict[str, Answer] = {fold: own[0].answer for fold, own in taken.items()}
    total = _pool(list(answers.values()))
    lines: list[tuple[object, ...]] = []
    for fold, one in answers.items():
        seconds = [total_seconds(taken[fold], stage) for stage in ("fit", "predict")]
        lines.append((fold, one.n_wrong, _percent(one), *seconds))
    lines.append(("all", total.n_wrong, _percent(total), "", ""))
    print(f"\n### Cross-validation of {name}: {data.title}'s training images only\n")
    print(f"Contiguous blocks, 1/{N_BLOCKS} of the training images each, held out in turn.\n")
    print(table(["held out", "wrong", "error %", "fit s", "predict s"], lines))
    _print_choices({fold: one.choice for fold, one in answers.items()})
    bars = [_at_most("error of all folds", total.error, " %", CV_BAR if _has_bars(args) else None)]
    print(f"\n{value_table(bars)}")
    found = dict(zip(answers, _as_figures(list(answers.values())), strict=True))
    return {"readings": figures(taken), "found": found, "error": total.error, "bars": bars}


# --- What each part buys -------------------------------------------------------------------------


def run_ablation(
    args: argparse.Namespace, data: StoredImages, progress: Progress
) -> dict[str, Any]:
    """Add one part of the method after the other; print, return the figures."""
    n_held_out = len(data.rows) // N_BLOCKS
    contenders = [Contender("parts", measure_ablation, (data, n_held_out, args.threads), 1)]
    taken = alternate(contenders, n_threads=args.threads, progress=progress, what="ablation")
    wrong = dict(zip(ablation_choices(), taken["parts"][0].answer, strict=True))
    lines = [(name, n, _percent(Answer(n, n_held_out))) for name, n in wrong.items()]
    print(f"\n### What each part buys: {data.title}, {args.threads} threads\n")
    print(
        f"The last {n_held_out:,} training images are held out. Each row has all parts above it.\n"
    )
    print(table(["", f"wrong of {n_held_out:,}", "error %"], lines))
    return {"readings": figures(taken), "n_held_out": n_held_out, "wrong": wrong}


# --- Images of other kinds -----------------------------------------------------------------------


def run_kinds(args: argparse.Namespace, data: StoredImages, progress: Progress) -> dict[str, Any]:
    """Cross-validate on images of every kind but the data; print, return the figures."""
    methods, effort = _chosen(args, KIND_METHODS), "fast" if args.quick else "best"
    choices = fixed_choices(effort)
    kinds = [_digits(QUICK_SIZES[0] // 2 if args.quick else None)]
    kinds += [] if args.quick else list_kinds()
    taken: dict[str, dict[str, list[Reading]]] = {}
    for kind in kinds:
        contenders = [
            *(Contender(name, measure_kind, (kind, name, args.threads), 1) for name in methods),
            Contender(_FIXED, measure_fixed, (kind, effort, args.threads), 1),
        ]
        what = {"n_threads": args.threads, "progress": progress, "what": kind.name}
        taken[kind.name] = alternate(contenders, **what)
    print(f"\n### Kinds of images: {N_FOLDS}-fold cross-validation, {args.threads} threads\n")
    for kind in kinds:
        size, n_classes = " × ".join(map(str, kind.images.shape[1:])), len(np.unique(kind.labels))
        grouped = "" if kind.groups is None else f", {len(np.unique(kind.groups))} groups"
        print(f"- {kind.name}: {len(kind.images):,} images of {size}, {n_classes} classes{grouped}")
    lines: list[tuple[str, ...]] = []
    notes = []
    for name in methods:
        cells = []
        for kind in kinds:
            answer = taken[kind.name][name][0].answer
            if isinstance(answer, Skipped):
                cells.append("–")
                notes.append(f"{name} left out on {kind.name}: about {answer.seconds:.0f} s")
            else:
                seconds = sum(taken[kind.name][name][0].seconds.values())
                cells.append(f"{_pool(answer).error:.2f} ({seconds:.0f} s)")
        lines.append((name, *cells))
    print("\nError in percent, and seconds of all folds, fit and predict:\n")
    print(table(["", *(kind.name for kind in kinds)], lines))
    if notes:
        print(f"\nMore than {MOST_SECONDS} s are not waited for. " + "; ".join(notes) + ".")
    verdicts = [_judge(kind.name, taken[kind.name], choices) for kind in kinds]
    print("\nImages wrong, all folds together. The fixed choice is the best on these very folds of")
    print(f"{len(choices)}, which flatters it; ± is the square root of its count:\n")
    header = ["", "ours, lowest", "plain k-NN", "not more", "best effort", "fixed", "difference"]
    print(table(header, [tuple(verdict.values())[:-1] for verdict in verdicts]))
    print()
    for kind, verdict in zip(kinds, verdicts, strict=True):
        print(f"- {kind.name}: fixed {verdict['fixed choice']}")
        for name in (name for name in methods if name in OURS.values()):
            chosen = [answer.choice for answer in taken[kind.name][name][0].answer]
            counts = {one: chosen.count(one) for one in dict.fromkeys(chosen)}
            for choice, n in counts.items():
                print(f"  - {name}, {n} of {len(chosen)} folds: {choice}")
    found = {
        kind: {name: _as_figures(own[0].answer) for name, own in readings.items() if _answered(own)}
        for kind, readings in taken.items()
    }
    readings = {kind: figures(own) for kind, own in taken.items()}
    return {"readings": readings, "found": found, "left out": notes, "verdicts": verdicts}


_FIXED = "fixed choices"


def _digits(most: int | None) -> Kind:
    """scikit-learn's digits, which are no bytes: 0 to 16."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = digits.target.astype(np.int64)[:most]
    return Kind("digits", cast(Any, digits.images[:most]), labels, None)


def _judge(
    kind: str, taken: Mapping[str, Sequence[Reading]], choices: Sequence[Choice]
) -> dict[str, Any]:
    """Count images wrong: ours, the plain neighbours' and the best fixed choice's."""
    wrong = {name: _pool(own[0].answer).n_wrong for name, own in taken.items() if _answered(own)}
    ours = {name: n for name, n in wrong.items() if name in OURS.values()}
    lowest, plain = min(ours.values()), wrong.get(TUNED_KNN, "–")
    best = wrong.get(OURS["best"], "–")
    fixed: list[int] = taken[_FIXED][0].answer
    least = min(fixed)
    representation, how = choices[fixed.index(least)]
    return {
        "kind": kind,
        "ours, lowest": lowest,
        "plain k-NN": plain,
        "not more": "–" if isinstance(plain, str) else "yes" if lowest <= plain else "NO",
        "best effort": best,
        "fixed": least,
        "difference": f"{best - least:+d} ± {least**0.5:.1f}" if isinstance(best, int) else "–",
        "fixed choice": f"{representation}; {how}",
    }


def _answered(own: Sequence[Reading]) -> bool:
    """Whether there are answers of folds, not what was left out nor counts of fixed choices."""
    answer = own[0].answer
    return not isinstance(answer, Skipped) and isinstance(answer[0], Answer)


# --- Few labels ----------------------------------------------------------------------------------


def run_few(args: argparse.Namespace, data: StoredImages, progress: Progress) -> dict[str, Any]:
    """Fit on few labels a class, several draws of each number; print, draw, return."""
    sizes = QUICK_LABELS_A_CLASS if args.quick else LABELS_A_CLASS
    n_draws = QUICK_DRAWS if args.quick else N_DRAWS
    contenders = [
        Contender(name, measure_few, (data, name, sizes, n_draws, args.threads), 1)
        for name in _chosen(args, FEW_METHODS)
    ]
    taken = alternate(contenders, n_threads=args.threads, progress=progress, what="few labels")
    errors = {
        name: np.array([[one.error for one in draws] for draws in own[0].answer])
        for name, own in taken.items()
    }
    lines = [
        (name, *(f"{own.mean():.2f} ± {own.std(ddof=1):.2f}" for own in of_sizes))
        for name, of_sizes in errors.items()
    ]
    print(f"\n### Few labels: {data.title}, {len(data.test_rows):,} test images\n")
    print(f"Error in percent: mean ± standard deviation of {n_draws} draws of training images.\n")
    print(table(["", *(f"{size} a class" for size in sizes)], lines))
    if args.out is not None:
        _draw_curves(args.out, sizes, errors, data)
        print(f"\nDrawn in {args.out}.")
    found = {name: of_sizes.tolist() for name, of_sizes in errors.items()}
    return {"readings": figures(taken), "labels a class": sizes, "errors": found}


def _draw_curves(
    path: Path, sizes: Sequence[int], errors: Mapping[str, np.ndarray], data: StoredImages
) -> None:
    """Draw error against labels a class, with the spread of draws."""
    from lookalike.evaluation.few_labels import FewLabels

    shares = {name: list(of_sizes / 100) for name, of_sizes in errors.items()}
    axes = FewLabels(sizes, shares, len(data.test_rows)).plot()
    axes.set_title(data.title)
    axes.figure.figure.savefig(path, dpi=130)


RUNNERS = dict(zip(PARTS, (run_mnist, run_cv, run_ablation, run_kinds, run_few), strict=True))


if __name__ == "__main__":
    sys.exit(main())
