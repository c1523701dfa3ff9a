"""The search over n_neighbors and weights beside scikit-learn's GridSearchCV, in one run.

    python benchmarks/tuning.py            MNIST; the time of the peer extrapolated from single fits
    python benchmarks/tuning.py --full     the same with all of the peer's fits

README.md beside this file says how to read what it prints. Exits with 1 if scores are wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.progress import Progress

from lib.bars import ratio_row, ratio_table
from lib.checks import Checks
from lib.grid_search import (
    GRID,
    LARGE_GRID,
    N_SPLITS,
    Candidate,
    Found,
    Place,
    as_text,
    candidates,
    differences,
    extrapolate,
    fit_sklearn_singly,
    measured_candidates,
    search_ours,
    search_sklearn,
)
from lib.harness import (
    Contender,
    Reading,
    Spread,
    alternate,
    figures,
    in_fresh_process,
    peak,
    table,
    total_seconds,
)
from lib.images import NAMES, StoredImages
from lib.peers import Peer, choice_of_dtype, fastest_sklearn
from lib.program import BARS_THREADS, new_parser, parse, report_on_images

FASTER, LARGER = 150, 1.3
"""Times faster than the peer's whole job, and what 60 candidates may cost of six."""

OURS = f"lookalike, {len(candidates(GRID))} candidates"
OURS_LARGE = f"lookalike, {len(candidates(LARGE_GRID))} candidates"
OURS_LEFT_OUT = 'the same with cv="loo"'

# Géron, Hands-On Machine Learning, chapter 3, exercise 1, on MNIST's 60,000 training images.
BOOK_SCORES = {
    ("uniform", 3): 0.9700666667,
    ("uniform", 4): 0.9685,
    ("uniform", 5): 0.9692833333,
    ("distance", 3): 0.9711166667,
    ("distance", 4): 0.9716166667,
    ("distance", 5): 0.9704166667,
}
BOOK_BEST: Candidate = ("distance", 4)
BOOK_TEST_SCORE = 0.9714
BOOK_PRECISION = 5e-11
"""The scores are given in ten decimals."""


def main() -> int:
    packages = ["scikit-learn", "numpy"]
    return report_on_images("Tuning", packages, parse_arguments(), run_comparison)


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, data=NAMES, rounds="ours (5)", slow_rounds=True)
    parser.add_argument("--full", action="store_true", help="make all of the peer's fits")
    return parse(parser, 5)


def run_comparison(
    args: argparse.Namespace, data: StoredImages, progress: Progress
) -> dict[str, Any]:
    """Measure ours and the peer, print the tables, return the figures."""
    peer, probes = fastest_sklearn(args, data.files, BOOK_BEST[1], progress)
    contenders = [
        Contender(OURS, search_ours, (data, GRID, N_SPLITS, args.threads), args.repeat),
        Contender(OURS_LARGE, search_ours, (data, LARGE_GRID, N_SPLITS, args.threads), args.repeat),
        Contender(OURS_LEFT_OUT, search_ours, (data, GRID, "loo", args.threads), args.repeat),
        Contender(
            peer.name,
            search_sklearn if args.full else fit_sklearn_singly,
            (data, GRID, peer.dtype, args.threads)
            if args.full
            else (data, measured_candidates(GRID), BOOK_BEST, peer.dtype, args.threads),
            args.repeat_slow,
        ),
    ]
    readings = alternate(contenders, n_threads=args.threads, progress=progress, what=args.data)
    jobs = dict(readings)
    if not args.full:
        jobs[peer.name] = [extrapolate(single, GRID) for single in readings[peer.name]]
    full_size = (args.data, args.threads, args.quick) == ("mnist", BARS_THREADS, False)
    known = args.data == "mnist" and not args.quick
    ratios = _ratios(jobs, peer.name, full_size)
    checks = _compare(jobs, data, peer, args.threads, known)

    print(f"\n### {data}, {N_SPLITS} folds, {args.threads} threads\n")
    print(_times_table(jobs, peer.name, args.full))
    print("\nSeconds are medians (least–most) of fresh processes that took turns; fit is the whole")
    print("search with the refit, score that of the test images. MiB is the peak of memory beyond")
    print("the images that each was given.")
    print(choice_of_dtype(peer, probes))
    if not args.full:
        _print_extrapolation(readings[peer.name], jobs[peer.name])
    print(f"\n{ratio_table(ratios)}\n")
    print(_scores_table(jobs, peer.name, known))
    print(f"\nCompared to the last bit:\n\n{checks}")
    return {
        "data": str(data),
        "full": args.full,
        "probes": figures(probes),
        "readings": figures(readings),
        "jobs": figures(jobs),
        "ratios": ratios,
        "found": {name: _found_figures(taken[0].answer) for name, taken in jobs.items()},
        "checks": checks.figures(),
        "wrong": checks.wrong,
    }


def _compare(
    jobs: Mapping[str, Sequence[Reading]],
    data: StoredImages,
    peer: Peer,
    n_threads: int,
    known: bool,
) -> Checks:
    """Compare what all found with ours, and ours with the book."""
    checks = Checks()
    ours: Found = jobs[OURS][0].answer
    theirs: Found = jobs[peer.name][0].answer
    others = [taken.answer for taken in jobs[OURS][1:]]
    checks.add("all that further rounds of ours found", len(others), sum(o != ours for o in others))
    scores: list[Place] = [(one, fold) for one in candidates(GRID) for fold in range(N_SPLITS)]
    large: Found = jobs[OURS_LARGE][0].answer
    wrong = sum(large.score(place) != ours.score(place) for place in scores)
    checks.add(f"scores in a fold, {OURS_LARGE} and ours", len(scores), wrong)

    places: list[Place] = [*scores, (ours.best, None)]
    compared = [place for place in places if theirs.score(place) is not None]
    unequal = [place for place in compared if theirs.score(place) != ours.score(place)]
    found = in_fresh_process(differences, data, unequal, peer.dtype, n_threads) if unequal else []
    # A score without a tie behind every image that is predicted differently is an error.
    wrong = sum(one.n == 0 or one.n_ties < one.n for one in found)
    what = f"scores in a fold and on the test images, {peer.name} and ours"
    checks.add(what, len(compared), wrong, len(found) - wrong)
    if theirs.best_score is not None and not unequal:
        means = sum(theirs.mean_scores[one] != mean for one, mean in ours.mean_scores.items())
        checks.add(f"mean scores, {peer.name} and ours", len(ours.mean_scores), means)
        best = (theirs.best, theirs.best_score) != (ours.best, ours.best_score)
        checks.add(f"best candidate and its score, {peer.name} and ours", 1, best)
    if known:
        off = sum(
            abs(ours.mean_scores[candidate] - score) > BOOK_PRECISION
            for candidate, score in BOOK_SCORES.items()
        )
        checks.add("mean scores, the book's and ours", len(BOOK_SCORES), off)
        best = (ours.best, ours.test_score) != (BOOK_BEST, BOOK_TEST_SCORE)
        checks.add("best candidate and its score on the test images, the book's and ours", 1, best)
    return checks


def _ratios(
    jobs: Mapping[str, Sequence[Reading]], peer: str, full_size: bool
) -> list[dict[str, object]]:
    seconds = {name: total_seconds(taken, "fit").median for name, taken in jobs.items()}
    return [
        ratio_row(
            "search and refit",
            f"{peer} in GridSearchCV",
            seconds[peer] / seconds[OURS],
            FASTER if full_size else None,
        ),
        ratio_row(
            f"search and refit of {len(candidates(LARGE_GRID))} candidates",
            f"that of {len(candidates(GRID))}",
            seconds[OURS_LARGE] / seconds[OURS],
            LARGER if full_size else None,
            at_most=True,
        ),
    ]


def _times_table(jobs: Mapping[str, Sequence[Reading]], peer: str, full: bool) -> str:
    lines = []
    for name, taken in jobs.items():
        fit = total_seconds(taken, "fit")
        is_extrapolated = name == peer and not full
        lines.append(
            (
                f"{name}, {len(candidates(GRID))} candidates" if name == peer else name,
                f"{fit}, extrapolated" if is_extrapolated else fit,
                total_seconds(taken, "score"),
                peak(taken),
                len(taken),
            )
        )
    return table(["", "fit s", "score s", "MiB", "rounds"], lines)


def _print_extrapolation(singles: Sequence[Reading], jobs: Sequence[Reading]) -> None:
    measured = [as_text(candidate) for candidate in measured_candidates(GRID)]
    n_neighbors = len(GRID["n_neighbors"])
    fits = [single.seconds[name] for single in singles for name in measured]
    print("\nThe peer's time is EXTRAPOLATED from single fits, each one candidate in one fold as")
    print(f"GridSearchCV makes it: {N_SPLITS} folds × {n_neighbors} n_neighbors × the mean of each")
    print("weighting's, and the refit. That takes candidates to cost alike; of those measured the")
    print(f"slowest took {max(fits) / min(fits):.3g} times the fastest. `--full` makes all fits.\n")
    rows = [(name, total_seconds(singles, name)) for name in (*measured, "refit")]
    whole = Spread.of([job.seconds["fit"] for job in jobs])
    print(table(["single fit of the peer", "s"], [*rows, ("whole job, extrapolated", whole)]))


def _scores_table(jobs: Mapping[str, Sequence[Reading]], peer: str, known: bool) -> str:
    ours: Found = jobs[OURS][0].answer
    left_out: Found = jobs[OURS_LEFT_OUT][0].answer
    theirs: Found = jobs[peer][0].answer
    header = ["", "mean of ours", "the book's", "fold 1 of ours", "fold 1 of the peer", 'cv="loo"']
    lines = []
    for candidate, mean in ours.mean_scores.items():
        peers = theirs.split_scores.get(candidate)
        lines.append(
            (
                as_text(candidate) + (" (best)" if candidate == ours.best else ""),
                f"{mean:.10f}",
                f"{BOOK_SCORES[candidate]:.10f}" if known else "–",
                f"{ours.split_scores[candidate][0]:.6f}",
                f"{peers[0]:.6f}" if peers else "–",
                f"{left_out.mean_scores[candidate]:.6f}",
            )
        )
    return (
        f"{table(header, lines)}\n\nRefitted, on the test images: ours, {as_text(ours.best)}: "
        f"{ours.test_score:.4f}; the peer's, {as_text(theirs.best)}: {theirs.test_score:.4f}."
    )


def _found_figures(found: Found) -> dict[str, Any]:
    return {
        "split_scores": {as_text(one): scores for one, scores in found.split_scores.items()},
        "mean_scores": {as_text(one): mean for one, mean in found.mean_scores.items()},
        "best": as_text(found.best),
        "best_score": found.best_score,
        "test_score": found.test_score,
    }


if __name__ == "__main__":
    sys.exit(main())
