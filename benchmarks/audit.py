"""The audit of a data set: how many injected wrong labels it ranks first, and how long it takes.

    python benchmarks/audit.py             MNIST's training images, 1 % of the labels changed

README.md beside this file says how to read what it prints. Exits with 1 if cleanlab, where it is
installed, counts another confident joint of the same votes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from lib.bars import value_row, value_table
from lib.checks import Checks
from lib.harness import Contender, Reading, alternate, figures, peak, reading, table, total_seconds
from lib.images import NAMES, StoredImages
from lib.program import BARS_THREADS, new_parser, parse, report_on_images

WRONG_SHARE, FIRST_SHARE = 0.01, 0.02
"""The share of labels that are changed, and the part of the ranking that is to hold them."""

FOUND, SECONDS = 98, 10
"""Percent of the changed labels to be found there, and seconds that the audit is to stay under."""

SEEDS = range(5)
"""Seeds of the changes. Ranking and thresholds were chosen on changes by seeds from 100 on."""

N_NEIGHBORS = 10
OURS, PEER = "lookalike audit", "cleanlab find_label_issues"


@dataclass(frozen=True)
class Found:
    """What one audit of one set of changed labels found.

    Attributes
    ----------
    first : float
        The share of the changed labels in the beginning of the ranking.
    called : int
        Label issues.
    found : float
        The share of the changed labels among them.
    noise : float
        The estimated share of wrong labels.
    joint : ndarray of shape (n_classes, n_classes)
        The confident joint.
    """

    first: float
    called: int
    found: float
    noise: float
    joint: NDArray[np.int64]


def main() -> int:
    packages = ["cleanlab", "scikit-learn", "numpy"]
    return report_on_images("Audit", packages, parse_arguments(), run_audits)


def parse_arguments() -> argparse.Namespace:
    rounds = f"each, one set of changed labels a round ({len(SEEDS)})"
    parser = new_parser(__doc__, data=NAMES, rounds=rounds, slow_rounds=True)
    return parse(parser, len(SEEDS))


def run_audits(args: argparse.Namespace, data: StoredImages, progress: Progress) -> dict[str, Any]:
    """Audit the data with labels changed by one seed after the other, print, return the figures."""
    seeds = range(args.repeat)
    readings: dict[str, list[Reading]] = {OURS: [], PEER: []}
    for seed in seeds:
        contenders = [Contender(OURS, audit_ours, (data, seed, args.threads), 1)]
        if find_spec("cleanlab") is not None:
            contenders.append(Contender(PEER, audit_peer, (data, seed, args.threads), 1))
        what = f"{args.data}, seed {seed}"
        taken = alternate(contenders, n_threads=args.threads, progress=progress, what=what)
        for name, own in taken.items():
            readings[name] += own
    readings = {name: taken for name, taken in readings.items() if taken}

    full_size = (args.data, args.threads, args.quick) == ("mnist", BARS_THREADS, False)
    ours: list[Found] = [one.answer for one in readings[OURS]]
    bars = _bars(readings[OURS], ours, full_size)
    checks = _compare(readings)
    n_wrong = round(WRONG_SHARE * len(data.rows))
    print(f"\n### {data}, k={N_NEIGHBORS}, {args.threads} threads\n")
    print(f"{n_wrong:,} labels changed to another class, each as likely; others in each round.")
    print(
        f"**first** is the share of them in the first {FIRST_SHARE:.0%} of the ranking, **called**"
    )
    print("the number of label issues, **found** the share of them among those. MiB is the peak of")
    print("memory beyond the images.\n")
    print(_results_table(readings))
    if PEER not in readings:
        print("\ncleanlab: not installed (pip install cleanlab).")
    else:
        print("\nThe peer is given the vote shares that ours made, and searches nothing.")
    print(f"\n{value_table(bars)}\n\nCompared:\n\n{checks}")
    return {
        "data": str(data),
        "n_neighbors": N_NEIGHBORS,
        "readings": figures(readings),
        "found": {
            name: [
                {key: value for key, value in vars(one.answer).items() if key != "joint"}
                for one in taken
            ]
            for name, taken in readings.items()
        },
        "bars": bars,
        "checks": checks.figures(),
        "wrong": checks.wrong,
    }


# --- One round, in its own process ---------------------------------------------------------------


def change_labels(
    labels: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return labels of which some are changed to another class, and which rows those are."""
    rng = np.random.default_rng(seed)
    n_classes, n_wrong = int(labels.max()) + 1, round(WRONG_SHARE * len(labels))
    rows = rng.choice(len(labels), n_wrong, replace=False)
    changed = labels.copy()
    changed[rows] = (labels[rows] + rng.integers(1, n_classes, n_wrong)) % n_classes
    return changed, rows


def audit_ours(data: StoredImages, seed: int, n_threads: int) -> Reading:
    """Audit the training images, the test images looked for among them."""
    from lookalike.evaluation.auditing.audit import audit

    rows, labels = data.training()
    labels, changed = change_labels(labels, seed)
    test = data.test()
    audit(rows[:100], labels[:100], n_jobs=n_threads)  # loads libraries and starts threads
    with reading() as taken, taken.stage("audit"):
        found = audit(rows, labels, test=test, n_neighbors=N_NEIGHBORS, n_jobs=n_threads)
    taken.seconds |= {f"of it {name}": seconds for name, seconds in found.seconds.items()}
    taken.answer = Found(
        _share_first(found.ranking, changed),
        len(found.label_issues),
        float(np.isin(changed, [issue.row for issue in found.label_issues]).mean()),
        found.label_noise,
        found.confident_joint,
    )
    return taken


def audit_peer(data: StoredImages, seed: int, n_threads: int) -> Reading:
    """Let cleanlab find label issues by the votes of our neighbours."""
    from cleanlab.count import compute_confident_joint, estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_self_confidence_for_each_label

    from lookalike import NearestNeighbors

    rows, labels = data.training()
    labels, changed = change_labels(labels, seed)
    search = NearestNeighbors(n_neighbors=N_NEIGHBORS, n_jobs=n_threads).fit(rows)
    neighbors = search.kneighbors(return_distance=False)
    classes = np.arange(labels.max() + 1)
    shares = (labels[neighbors][:, :, np.newaxis] == classes).mean(axis=1)
    with reading() as taken, taken.stage("audit"):
        # One process: its pools expect to be forked, which a process started afresh does not do.
        issues = find_label_issues(
            labels, shares, return_indices_ranked_by="self_confidence", n_jobs=1
        )
    joint = estimate_joint(labels, shares)
    confidence = get_self_confidence_for_each_label(labels, shares)
    taken.answer = Found(
        _share_first(np.argsort(confidence, kind="stable"), changed),
        len(issues),
        float(np.isin(changed, issues).mean()),
        float(1 - np.trace(joint)),
        compute_confident_joint(labels, shares, calibrate=False),
    )
    return taken


def _share_first(ranking: NDArray[np.int64], changed: NDArray[np.int64]) -> float:
    return float(np.isin(changed, ranking[: round(FIRST_SHARE * len(ranking))]).mean())


# --- What came out -------------------------------------------------------------------------------


def _bars(
    readings: Sequence[Reading], ours: Sequence[Found], full_size: bool
) -> list[dict[str, object]]:
    first = min(found.first for found in ours) * 100
    slowest = total_seconds(readings, "audit").most
    return [
        value_row(
            f"changed labels in the first {FIRST_SHARE:.0%} of the ranking, the worst round",
            first,
            " %",
            FOUND if full_size else None,
        ),
        value_row(
            "whole audit, the slowest round",
            slowest,
            " s",
            SECONDS if full_size else None,
            at_most=True,
        ),
    ]


def _compare(readings: dict[str, list[Reading]]) -> Checks:
    checks = Checks()
    pairs = list(zip(readings[OURS], readings.get(PEER, []), strict=False))
    wrong = sum(int(np.sum(one.answer.joint != other.answer.joint)) for one, other in pairs)
    n = sum(one.answer.joint.size for one, _ in pairs)
    checks.add("counts of the confident joint, cleanlab's and ours", n, wrong)
    return checks


def _results_table(readings: dict[str, list[Reading]]) -> str:
    header = ["", "s", "first", "called", "found", "estimated noise", "MiB"]
    lines: list[tuple[object, ...]] = []
    for name, taken in readings.items():
        answers: list[Found] = [one.answer for one in taken]
        lines.append(
            (
                name,
                total_seconds(taken, "audit"),
                _percents([one.first for one in answers]),
                f"{np.mean([one.called for one in answers]):,.0f}",
                _percents([one.found for one in answers]),
                f"{np.mean([one.noise for one in answers]):.2%}",
                peak(taken),
            )
        )
        stages = [stage for stage in taken[0].seconds if stage != "audit"]
        lines += [(stage, total_seconds(taken, stage), *[""] * 5) for stage in stages]
    return table(header, lines)


def _percents(shares: Sequence[float]) -> str:
    return f"{np.mean(shares):.2%} ({min(shares):.2%}–{max(shares):.2%})"


if __name__ == "__main__":
    sys.exit(main())
