"""The book's denoiser and the filters of others on one noise, each tuned on training images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from rich.progress import Progress

from lib.cleaning import neighbor_filters, noisy_training_rows
from lib.filter_tuning import Tuned, Views, clean, tune
from lib.filters import FILTERS, NO_FILTER
from lib.images import StoredImages
from lib.methods import Method
from lib.noisy import NoisyImages

QUICK_SETTINGS = 2


@dataclass(frozen=True)
class Others:
    """What others make of the test images.

    Attributes
    ----------
    methods : list of Method
    tuned : dict of str to dict of str to Tuned
        By method and finish.
    left_out : list of str
        Why any is missing.
    """

    methods: list[Method]
    tuned: Mapping[str, Mapping[str, Tuned]]
    left_out: list[str]


def clean_by_others(
    args: argparse.Namespace,
    data: StoredImages,
    tuning: NoisyImages,
    test: NoisyImages,
    progress: Progress,
) -> Others:
    """Tune each and have it clean the test images, slow ones the first of them."""
    kind = tuning.kind
    training = NoisyImages(
        kind,
        data.as_images(noisy_training_rows(data, kind)),
        data.as_images(data.training()[0]),
    )
    n = len(training) - len(tuning)  # the last ones are tuned on
    filters = neighbor_filters(training.debiased[:n], training.clean[:n], args.threads)
    left_out = []
    for one in () if args.without_peers else (NO_FILTER, *FILTERS):
        if kind in one.kinds and one.is_installed:
            filters.append(one)
        elif kind in one.kinds:
            left_out.append(f"{one.name}: not installed (pip install {one.module})")
    methods, tuned = [], {}
    tuning_views, test_views = (Views(one, args.threads) for one in (tuning, test))
    for one in filters:
        most = QUICK_SETTINGS if args.quick else None
        tuned[one.name] = tune(one, tuning_views, args.threads, progress, most)
        n = min(len(test), args.slow_images) if one.slow else len(test)
        progress.console.print(f"{kind}: {one.name} cleans {n:,} images")
        cleaned = clean(one, tuned[one.name], test_views, args.threads, n)
        methods.append(Method(one.name, cleaned.images, cleaned.seconds * 1000 / n))
    return Others(methods, tuned, left_out)


def settings_list(tuned: Mapping[str, Mapping[str, Tuned]]) -> str:
    """The parameters of each method, and what they reach on the tuning images."""
    lines = []
    for name, by_finish in tuned.items():
        parts = [
            f"{finish}: {how.setting} ({how.ratio:.2f} dB)" for finish, how in by_finish.items()
        ]
        lines.append(f"- {name}: {'; '.join(parts)}")
    return "\n".join(lines)
