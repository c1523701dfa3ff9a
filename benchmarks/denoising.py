"""Noisy MNIST cleaned by our denoiser, by the book's and by the filters of others, in one run.

    python benchmarks/denoising.py                         all three noises
    python benchmarks/denoising.py --noise gaussian        one of them
    python benchmarks/denoising.py --out pictures          with pictures of a few digits

README.md beside this file says how to read what it prints. Exits with 1 if results are wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.progress import Progress

from lib.bars import value_row, value_table
from lib.book import run_book
from lib.filter_tuning import ALONE, finishes
from lib.harness import figures
from lib.images import StoredImages, stored_images
from lib.methods import Method, Scorer, scores, scores_table
from lib.noisy import (
    GAUSSIAN,
    SALT_AND_PEPPER,
    TITLES,
    TUNING_SEED,
    UNIFORM,
    NoisyImages,
    noise_text,
)
from lib.others import clean_by_others, settings_list
from lib.ours import BEST, FAST, Ours, level_scores, levels_table, measure_ours, named
from lib.program import BARS_THREADS, choose_rounds, count, new_parser, reporting
from lib.strips import save_strips

FIDELITY = {UNIFORM: (30.3, 0.987), GAUSSIAN: (26.7, 0.968), SALT_AND_PEPPER: (31.3, 0.988)}
"""Mean peak signal-to-noise ratio, in dB, and structural similarity to be reached."""
MOST_SECONDS = {(BEST, "fit"): 60, (BEST, "predict"): 20, (FAST, "predict"): 3}

N_TUNING, QUICK_TUNING = 200, 20
N_SLOW = 500
N_DRAWN = 12


def main() -> int:
    args = parse_arguments()
    packages = ["scikit-learn", "numpy", "scipy", "scikit-image", "PyWavelets", "bm3d"]
    with (
        reporting("Denoising", packages, args.json) as (found, progress),
        stored_images("mnist", quick=args.quick, most=(args.train, args.images)) as data,
    ):
        found |= run_comparison(args, data, progress)
    return 1 if found["wrong"] else 0


def parse_arguments() -> argparse.Namespace:
    rounds = "our part in the book's denoiser (3)"
    parser = new_parser(__doc__, rounds=rounds, slow_rounds=True)
    add = parser.add_argument
    add("--noise", choices=[*TITLES, "all"], default="all", help="what spoils (%(default)s)")
    add("--train", type=count, metavar="N", help="training images (all)")
    add("--images", type=count, metavar="N", help="test images (all)")
    add("--slow-images", type=count, metavar="N", help=f"test images of slow filters ({N_SLOW})")
    add("--tuning-images", type=count, metavar="N", help=f"what filters are tuned on ({N_TUNING})")
    add("--without-peers", action="store_true", help="leave out the filters of others")
    add("--without-book", action="store_true", help="leave out the timing of the book's denoiser")
    add("--out", type=Path, metavar="DIR", help="save pictures there")
    args = parser.parse_args()
    if not args.without_peers:
        modules = {"skimage": "scikit-image", "pywt": "PyWavelets"}
        missing = [name for module, name in modules.items() if find_spec(module) is None]
        if missing:
            parser.error(
                f"{' and '.join(missing)} not installed: pip install '.[bench]', or give "
                "--without-peers"
            )
    args.repeat = choose_rounds(args, 3)
    args.slow_images = args.slow_images or N_SLOW
    args.tuning_images = args.tuning_images or (QUICK_TUNING if args.quick else N_TUNING)
    return args


def run_comparison(
    args: argparse.Namespace, data: StoredImages, progress: Progress
) -> dict[str, Any]:
    """Measure ours and the others on each noise, print the tables, return the figures."""
    sizes = args.quick, args.train, args.images, args.threads
    full_size = sizes == (False, None, None, BARS_THREADS)
    scorer = Scorer(data, args.threads)
    report: dict[str, Any] = {"data": str(data), "clean_accuracy": scorer.clean_accuracy}
    wrong = 0
    print(f"- data: {data}")
    if not args.without_book:
        report["book"], checks = run_book(args, data, full_size, progress)
        report["book"]["checks"], wrong = checks.figures(), checks.wrong
    for kind in TITLES if args.noise == "all" else [args.noise]:
        report[kind] = _run_noise(args, data, kind, scorer, full_size, progress)
    return {**report, "wrong": wrong}


def _run_noise(
    args: argparse.Namespace,
    data: StoredImages,
    kind: str,
    scorer: Scorer,
    full_size: bool,
    progress: Progress,
) -> dict[str, Any]:
    """All methods on one noise."""
    images = data.as_images(data.training()[0])
    tuning = NoisyImages.draw(kind, images[-args.tuning_images :], TUNING_SEED)
    test = scorer.noisy(kind, tuning.table)
    ours = measure_ours(data, kind, args.threads, progress)
    others = clean_by_others(args, data, tuning, test, progress)
    methods = [Method("noisy", {ALONE: test.noisy}), *others.methods, *_our_methods(ours)]
    n_least = min(len(method.best) for method in methods)
    alike = [Method(f"{named(BEST)}, first {n_least:,}", {ALONE: ours.cleaned(BEST)[:n_least]})]
    # Beside the methods that clean no more images.
    scored = scores(methods + alike if n_least < len(test) else methods, scorer)
    by_level = level_scores(kind, ours, scorer)
    bars = _bars(kind, ours, scorer, full_size)

    print(f"\n### {TITLES[kind]}: {noise_text(kind)}, {args.threads} threads\n")
    print(scores_table(scored, finishes(kind)))
    print("\nThe accuracy is that of the classifier of clean images on what a method gives; on the")
    print(f"clean test images it is {scorer.clean_accuracy:.4f}.")
    for reason in others.left_out:
        print(f"\n{reason}")
    print(f"\n{value_table(bars)}\n\n{levels_table(by_level, kind)}")
    print(f"\nAs tuned on {len(tuning):,} training images:\n\n{settings_list(others.tuned)}")
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        strips = {method.name: method.best[:N_DRAWN] for method in methods}
        save_strips(args.out / f"{kind}.png", {**strips, "truth": scorer.clean[:N_DRAWN]})
    return {
        "methods": scored,
        "levels": by_level,
        "readings": figures({quality: [one] for quality, one in ours.readings.items()}),
        "bars": bars,
        "tuned": {
            name: {finish: str(how.setting) for finish, how in by_finish.items()}
            for name, by_finish in others.tuned.items()
        },
    }


def _our_methods(ours: Ours) -> list[Method]:
    return [
        Method(
            named(quality),
            {ALONE: ours.cleaned(quality)},
            reading.seconds["predict"] * 1000 / len(ours.cleaned(quality)),
        )
        for quality, reading in ours.readings.items()
    ]


def _bars(kind: str, ours: Ours, scorer: Scorer, full_size: bool) -> Sequence[dict[str, object]]:
    """Fidelity and seconds of ours, beside what was asked for."""
    ratio, similarity = scorer.fidelity(ours.cleaned(BEST))
    least_ratio, least_similarity = FIDELITY[kind] if full_size else (None, None)
    rows = [
        value_row(f"{BEST}, peak signal-to-noise ratio", ratio, " dB", least_ratio),
        value_row(f"{BEST}, structural similarity", similarity, "", least_similarity),
    ]
    for quality, reading in ours.readings.items():
        for stage, taken in reading.seconds.items():
            most = MOST_SECONDS.get((quality, stage)) if full_size else None
            rows.append(value_row(f"{quality}, {stage}", taken, " s", most, at_most=True))
    return rows


if __name__ == "__main__":
    sys.exit(main())
