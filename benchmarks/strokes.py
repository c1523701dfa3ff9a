"""Digits on canvases as people have them: how many are right, and how sure the wrong answers are.

    python benchmarks/strokes.py             MNIST's test digits, each on sixteen kinds of canvas

README.md beside this file says how to read what it prints.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.progress import Progress

from lib.bars import value_row, value_table
from lib.canvases import CONDITIONS, canvas
from lib.harness import table
from lib.images import StoredImages, stored_images
from lib.program import count, new_parser, reporting
from lookalike.evaluation.metrics.intervals import share_interval
from lookalike.images.preprocessing import Form, Formed, learn_form

Bytes = NDArray[np.uint8]

DROP, SURE, SURE_SHARE = 3.0, 0.9, 20.0
"""Points that a canvas may cost, what is sure, and percent of the wrong answers that may be."""

ENOUGH = 20
"""Wrong answers for which one canvas is judged by itself; those with fewer are judged together."""

N_DIGITS = 2000
"""Spaced evenly. Everything was chosen on canvases of training digits."""


@dataclass(frozen=True)
class Answers:
    """What one classifier said of one kind of canvas, in percent of the digits.

    Attributes
    ----------
    right : float
    below : float
        Points below the clean canvas.
    wrong : int
        Wrong answers.
    sure : int
        Wrong answers of `SURE` or more for which no doubt was told.
    clean_too : int
        Those of `sure` that are wrong and sure on the clean canvas of the same digit as well.
    """

    right: float
    below: float
    wrong: int
    sure: int
    clean_too: int

    @property
    def share(self) -> str:
        """Percent of the wrong answers that are sure, with Wilson's interval of 95 %."""
        if not self.wrong:
            return "–"
        low, high = share_interval(self.sure, self.wrong)
        return f"{self.sure / self.wrong:.0%} ({low:.0%}–{high:.0%})"


def main() -> int:
    args = parse_arguments()
    packages = ["scikit-learn", "scipy", "numpy", "pillow"]
    with (
        reporting("Strokes in the wild", packages, args.json) as (found, progress),
        stored_images("mnist", quick=args.quick) as data,
    ):
        found |= run_canvases(args, data, progress)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, quick="tiny sizes")
    add = parser.add_argument
    add("--digits", type=count, default=N_DIGITS, help="of each kind of canvas (%(default)s)")
    args = parser.parse_args()
    if args.quick:
        args.digits = 10
    return args


def run_canvases(
    args: argparse.Namespace, data: StoredImages, progress: Progress
) -> dict[str, Any]:
    """Bring all canvases to the model's form, ask both classifiers, print, return the figures."""
    from lookalike import KNeighborsClassifier, LookalikeClassifier
    from lookalike.models.model import Model

    rows, labels = data.training()
    images = data.as_images(rows)
    form = learn_form(images)
    fitted = (
        KNeighborsClassifier(4, n_jobs=args.threads).fit(images, labels),
        LookalikeClassifier("fast").fit(images, labels),
    )
    models = {type(one).__name__: Model(one, form=form) for one in fitted}
    rows, labels = data.test()
    test = data.as_images(rows)
    chosen = np.linspace(0, len(test) - 1, min(args.digits, len(test))).astype(int)
    truth = labels[chosen]
    answers: dict[str, dict[str, Answers]] = {name: {} for name in models}
    doubted, milliseconds = {}, {}
    wrong_if_clean: dict[str, Any] = {}
    sure_if_clean: dict[str, Any] = {}
    task = progress.add_task("canvases", total=len(CONDITIONS))
    for condition in CONDITIONS:  # the clean one first
        progress.update(task, description=condition)
        formed = Parallel(args.threads)(
            delayed(_formed)(form, test[row], condition, int(row)) for row in chosen
        )
        doubt = np.array([one.doubt is not None for one, _ in formed])
        doubted[condition] = 100 * float(doubt.mean())
        milliseconds[condition] = 1e3 * float(np.mean([seconds for _, seconds in formed]))
        for name, model in models.items():
            shares = model.probabilities(np.array([one.image for one, _ in formed]))
            wrong = model.estimator.classes_[shares.argmax(axis=1)] != truth
            sure = wrong & (shares.max(axis=1) >= SURE) & ~doubt
            before = wrong_if_clean.setdefault(name, wrong)
            too = sure & sure_if_clean.setdefault(name, sure)
            answers[name][condition] = Answers(
                100 * float(1 - wrong.mean()),
                100 * float(wrong.mean() - before.mean()),
                int(wrong.sum()),
                int(sure.sum()),
                int(too.sum()),
            )
        progress.advance(task)
    bars = [row for name in models for row in _bars(name, answers[name], args)]
    print(f"\n### {len(chosen)} test digits of MNIST on {len(CONDITIONS)} kinds of canvas\n")
    print(
        "**Wrong** answers are counted, and of them those that are **sure** of 90 % or more while"
    )
    print("no doubt was told about the strokes, their **share** of the wrong ones with its 95 %")
    print("interval, and those that are wrong and sure on the **clean canvas too**. ms is the CPU")
    print("time that brings one picture to the model's form.\n")
    print(table(["", "doubts", "ms"], _per_canvas(doubted, milliseconds)))
    for name, found in answers.items():
        print(f"\n{name}\n")
        lines = [
            (canvas, f"{a.right:.2f} %", f"{a.below:+.2f}", a.wrong, a.sure, a.share, a.clean_too)
            for canvas, a in found.items()
        ]
        header = ["", "right", "points below clean", "wrong", "sure", "share", "clean canvas too"]
        print(table(header, lines))
    print(f"\n{value_table(bars)}")
    figures = {
        name: {canvas: vars(one) for canvas, one in found.items()}
        for name, found in answers.items()
    }
    return {"answers": figures, "doubts": doubted, "ms": milliseconds, "bars": bars}


def _formed(form: Form, digit: Bytes, condition: str, seed: int) -> tuple[Formed, float]:
    """Return a digit on a canvas in the model's form, and the seconds of CPU that takes."""
    picture = canvas(digit, condition, seed)
    start = process_time()
    try:
        formed = form.read(picture)
    except ValueError:
        formed = Formed(np.zeros(form.image_shape, np.uint8), "no ink")
    return formed, process_time() - start


def _per_canvas(doubted: dict[str, float], milliseconds: dict[str, float]) -> list[tuple[str, ...]]:
    return [(one, f"{doubted[one]:.1f} %", f"{milliseconds[one]:.1f}") for one in doubted]


def _bars(
    name: str, found: dict[str, Answers], args: argparse.Namespace
) -> list[dict[str, object]]:
    others = {canvas: one for canvas, one in found.items() if canvas != "clean"}
    worst = max(others, key=lambda canvas: others[canvas].below)
    below = value_row(
        f"{name}, points below clean, the worst canvas ({worst})",
        others[worst].below,
        "",
        None if args.quick else DROP,
        at_most=True,
    )
    judged = {canvas: [one] for canvas, one in others.items() if one.wrong >= ENOUGH}
    few = [one for one in others.values() if one.wrong < ENOUGH]
    if few:
        judged[f"{len(few)} canvases of fewer than {ENOUGH}"] = few
    return [below] + [
        value_row(
            f"{name}, wrong answers that are sure, {canvas}",
            100 * sum(one.sure for one in ones) / max(sum(one.wrong for one in ones), 1),
            " %",
            None if args.quick else SURE_SHARE,
            at_most=True,
        )
        for canvas, ones in judged.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
