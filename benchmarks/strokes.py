"""Digits on canvases as people have them: how many are right, and how sure the wrong answers are.

    python benchmarks/strokes.py             MNIST's test digits, each on sixteen kinds of canvas

README.md beside this file says how to read what it prints.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from rich.progress import Progress

from _bars import value_row, value_table
from _canvases import CONDITIONS, canvas
from _harness import describe_run, print_head, progress_on_stderr, table, write_json
from _images import StoredImages, stored_images
from _options import BARS_THREADS, new_parser, parse

DROP, SURE, SURE_SHARE = 3.0, 0.9, 20.0
"""Points that a canvas may cost, what is sure, and percent of the wrong answers that may be."""

N_DIGITS = 500
"""Spaced evenly. Everything was chosen on canvases of training digits."""


@dataclass(frozen=True)
class Answers:
    """What one classifier said of one kind of canvas, in percent of the digits.

    Attributes
    ----------
    right : float
    wrong : int
        Wrong answers.
    sure : int
        Wrong answers of `SURE` or more for which no doubt was told.
    """

    right: float
    wrong: int
    sure: int

    def __str__(self) -> str:
        return f"{self.right:.1f} %, {self.wrong} wrong, {self.sure} sure"


def main() -> int:
    args = parse_arguments()
    run = describe_run(["lookalike", "scikit-learn", "scipy", "numpy", "pillow"])
    print_head("Strokes in the wild", run)
    with progress_on_stderr() as progress, stored_images("mnist", quick=args.quick) as data:
        report = run_canvases(args, data, progress)
    write_json(args.json, {"run": run, **report})
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__)
    add = parser.add_argument
    add("--digits", type=int, default=N_DIGITS, help="of each kind of canvas (%(default)s)")
    add("--threads", type=int, default=BARS_THREADS, help="threads of each (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write all figures there too")
    add("--quick", action="store_true", help="tiny sizes: does it run at all?")
    args = parse(parser, counts=("digits", "threads"))
    if args.quick:
        args.digits = 10
    return args


def run_canvases(
    args: argparse.Namespace, data: StoredImages, progress: Progress
) -> dict[str, Any]:
    """Bring all canvases to the model's form, ask both classifiers, print, return the figures."""
    from lookalike import KNeighborsClassifier, LookalikeClassifier
    from lookalike.images.form import learn_form

    rows, labels = data.training()
    images = data.as_images(rows)
    form = learn_form(images)
    classifiers = {
        "KNeighborsClassifier": KNeighborsClassifier(4, n_jobs=args.threads).fit(images, labels),
        "LookalikeClassifier": LookalikeClassifier("fast").fit(images, labels),
    }
    rows, labels = data.test()
    test = data.as_images(rows)
    chosen = np.linspace(0, len(test) - 1, min(args.digits, len(test))).astype(int)
    truth = labels[chosen]
    found: dict[str, dict[str, Any]] = {}
    task = progress.add_task("canvases", total=len(CONDITIONS))
    for condition in CONDITIONS:
        progress.update(task, description=condition)
        pictures = [canvas(test[row], condition, int(row)) for row in chosen]
        formed, doubts = [], []
        start = process_time()
        for picture in pictures:
            try:
                image, doubt = form.read(picture)
            except ValueError:
                image, doubt = np.zeros((28, 28), np.uint8), "no ink"
            formed.append(image)
            doubts.append(doubt is not None)
        milliseconds = (process_time() - start) / len(chosen) * 1e3
        found[condition] = {"ms": milliseconds, "doubts": 100 * float(np.mean(doubts))}
        for name, classifier in classifiers.items():
            shares = classifier.predict_proba(np.array(formed))
            wrong = classifier.classes_[shares.argmax(axis=1)] != truth
            sure = wrong & (shares.max(axis=1) >= SURE) & ~np.array(doubts)
            found[condition][name] = Answers(
                100 * float(1 - wrong.mean()), int(wrong.sum()), int(sure.sum())
            )
        progress.advance(task)
    bars = [row for name in classifiers for row in _bars(name, found, args)]
    print(f"\n### {len(chosen)} test digits of MNIST on {len(CONDITIONS)} kinds of canvas\n")
    print(
        "**Wrong** answers are counted, and of them those that are **sure** of 90 % or more while"
    )
    print(
        "no doubt was told about the strokes. ms is the time of one picture to the model's form.\n"
    )
    lines = [
        (name, *(one[of] for of in classifiers), f"{one['doubts']:.1f} %", f"{one['ms']:.1f}")
        for name, one in found.items()
    ]
    print(table(["", *classifiers, "doubts", "ms"], lines))
    print(f"\n{value_table(bars)}")
    figures = {
        condition: {key: vars(v) if isinstance(v, Answers) else v for key, v in one.items()}
        for condition, one in found.items()
    }
    return {"canvases": figures, "bars": bars}


def _bars(
    name: str, found: dict[str, dict[str, Any]], args: argparse.Namespace
) -> list[dict[str, object]]:
    clean = found["clean"][name].right
    others = [one[name] for condition, one in found.items() if condition != "clean"]
    drop = max(clean - one.right for one in others)
    wrong, sure = sum(one.wrong for one in others), sum(one.sure for one in others)
    full = args.digits >= N_DIGITS
    return [
        value_row(
            f"{name}, points below clean, the worst canvas",
            drop,
            "",
            DROP if full else None,
            at_most=True,
        ),
        value_row(
            f"{name}, wrong answers that are sure, all canvases",
            100 * sure / max(wrong, 1),
            " %",
            SURE_SHARE if full else None,
            at_most=True,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
