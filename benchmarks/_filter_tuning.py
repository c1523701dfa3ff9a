"""Filters at their best: tuned on training images, alone, with a fitted table, and within bounds.

======  ===========================================================================================
finish  what becomes of a filter's output
======  ===========================================================================================
alone   rounded and clipped to 0..255
table   each value replaced by the mean clean pixel behind it, a fitted `ValueTable`
bounds  the same, the table fitted where the noisy pixel leaves a choice; then clipped to what the
        noisy pixel allows
======  ===========================================================================================

Each finish has parameters of its own, those with the highest mean ratio on the tuning images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.progress import Progress

from _filters import DEBIASED, POSTERIOR, SWITCHED, Filter, switching_median
from _noisy import GAUSSIAN, SALT_AND_PEPPER, Floats, NoisyImages, ValueTable
from lookalike.evaluation.fidelity import peak_signal_noise_ratio

ALONE, TABLE, BOUNDS = "alone", "table", "bounds"
IMAGES_AT_ONCE = 100
"""How many a filter is given together; those of one mosaic."""


def finishes(kind: str) -> tuple[str, ...]:
    """Those that differ; clipped Gaussian noise sets no bounds."""
    return (ALONE, TABLE) if kind == GAUSSIAN else (ALONE, TABLE, BOUNDS)


@dataclass(frozen=True)
class Setting:
    """What a filter is given."""

    view: str
    parameters: dict[str, Any]

    def __str__(self) -> str:
        return ", ".join(
            [self.view, *(f"{name}={value}" for name, value in self.parameters.items())]
        )


@dataclass(frozen=True)
class Tuned:
    """A filter at the best setting for one finish.

    Attributes
    ----------
    setting : Setting
    sigma : float
        The deviation that the filter is told.
    table : ValueTable or None
    ratio : float
        Mean peak signal-to-noise ratio of the tuning images.
    """

    setting: Setting
    sigma: float
    table: ValueTable | None
    ratio: float


@dataclass(frozen=True)
class Cleaned:
    """What a tuned filter makes of images, by finish.

    Attributes
    ----------
    images : dict of str to ndarray, uint8
    seconds : float
        Of filtering them once, at the setting of the last finish.
    """

    images: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    seconds: float = 0.0


def tune(
    one: Filter, tuning: NoisyImages, n_threads: int, progress: Progress, most: int | None = None
) -> dict[str, Tuned]:
    """Try all settings of a filter, or the first few, and return the best for each finish."""
    best: dict[str, Tuned] = {}
    views = one.views or views_of(tuning.kind)
    settings = [Setting(view, values) for view in views for values in one.settings()][:most]
    task = progress.add_task(f"{tuning.kind}: tuning {one.name}", total=len(settings))
    for setting in settings:
        images = view(tuning, setting.view)
        sigma = float(np.sqrt(np.mean((images - tuning.clean) ** 2)))
        output = apply(one, images, sigma, setting, n_threads)
        for finish in finishes(tuning.kind):
            table = _fit_table(output, tuning, finish)
            ratios = peak_signal_noise_ratio(_finish(output, tuning, finish, table), tuning.clean)
            ratio = float(ratios.mean())
            if finish not in best or ratio > best[finish].ratio:
                best[finish] = Tuned(setting, sigma, table, ratio)
        progress.advance(task)
    progress.remove_task(task)
    return best


def clean(one: Filter, tuned: dict[str, Tuned], noisy: NoisyImages, n_threads: int) -> Cleaned:
    """Apply a filter as it was tuned; settings that finishes share are filtered by once."""
    outputs: list[tuple[Setting, Floats, float]] = []
    cleaned: dict[str, NDArray[np.uint8]] = {}
    seconds = 0.0
    for finish, how in tuned.items():
        known = [(output, s) for setting, output, s in outputs if setting == how.setting]
        if known:
            output, seconds = known[0]
        else:
            start = perf_counter()
            images = view(noisy, how.setting.view)
            output = apply(one, images, how.sigma, how.setting, n_threads)
            seconds = perf_counter() - start
            outputs.append((how.setting, output, seconds))
        cleaned[finish] = _finish(output, noisy, finish, how.table)
    return Cleaned(cleaned, seconds)


def apply(one: Filter, images: Floats, sigma: float, setting: Setting, n_threads: int) -> Floats:
    """Filter images, in parts spread over processes unless the filter knows threads."""
    if one.has_threads:
        return one.apply(images, sigma, **setting.parameters)
    starts = range(0, len(images), IMAGES_AT_ONCE)
    parts = Parallel(n_jobs=min(n_threads, len(starts)))(
        delayed(one.apply)(images[start : start + IMAGES_AT_ONCE], sigma, **setting.parameters)
        for start in starts
    )
    return np.concatenate(list(parts))


def view(noisy: NoisyImages, name: str) -> Floats:
    """What a filter is given."""
    if name == POSTERIOR:
        return noisy.table(noisy.noisy)
    return switching_median(noisy.debiased, 0) if name == SWITCHED else noisy.debiased


def views_of(kind: str) -> Sequence[str]:
    """All views of a noise."""
    return (DEBIASED, POSTERIOR, SWITCHED) if kind == SALT_AND_PEPPER else (DEBIASED, POSTERIOR)


def _fit_table(output: Floats, tuning: NoisyImages, finish: str) -> ValueTable | None:
    if finish == ALONE:
        return None
    if finish == TABLE:
        return ValueTable(output, tuning.clean)
    low, high = tuning.bounds
    is_open = low < high
    return ValueTable(output[is_open], tuning.clean[is_open])


def _finish(
    output: Floats, noisy: NoisyImages, finish: str, table: ValueTable | None
) -> NDArray[np.uint8]:
    values = output if table is None else table(output)
    if finish == BOUNDS:
        values = np.clip(values, *noisy.bounds)
    return as_bytes(values)


def as_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Estimates as the images that they are of: rounded and clipped to 0..255."""
    return np.asarray(np.rint(np.clip(values, 0, 255)), dtype=np.uint8)
