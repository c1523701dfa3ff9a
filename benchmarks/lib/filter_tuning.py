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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.progress import Progress

from lib.filters import INPAINTED, PIXELWISE, POSTERIOR, Filter, biharmonic
from lib.noisy import GAUSSIAN, SALT_AND_PEPPER, Floats, NoisyImages, ValueTable
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
    """What a tuned filter makes of images.

    Attributes
    ----------
    images : dict of str to ndarray, uint8
        By finish.
    seconds : float
        Of filtering them once, at the setting of the last finish, with what makes the view.
    """

    images: dict[str, NDArray[np.uint8]]
    seconds: float


class Views:
    """What filters are given of some noisy images; each view is made once.

    Parameters
    ----------
    noisy : NoisyImages
    n_threads : int
    """

    def __init__(self, noisy: NoisyImages, n_threads: int) -> None:
        self.noisy = noisy
        self._n_threads = n_threads
        self._made: dict[str, tuple[Floats, float]] = {}

    def take(self, name: str, n: int | None = None) -> tuple[Floats, float]:
        """The view of the first n images, and the seconds that it took."""
        if name not in self._made:
            start = perf_counter()
            made = self._make(name)
            self._made[name] = made, perf_counter() - start
        images, seconds = self._made[name]
        return images[:n], seconds * len(images[:n]) / len(images)

    def _make(self, name: str) -> Floats:
        if name == POSTERIOR:
            return self.noisy.table(self.noisy.noisy)
        if name == INPAINTED:
            return in_parts(biharmonic, self.noisy.debiased, 0, {}, self._n_threads)
        return self.noisy.debiased


def tune(
    one: Filter, views: Views, n_threads: int, progress: Progress, most: int | None = None
) -> dict[str, Tuned]:
    """Try all settings of a filter, or the first few, and return the best for each finish."""
    best: dict[str, Tuned] = {}
    noisy = views.noisy
    names = one.views or views_of(noisy.kind)
    settings = [Setting(name, values) for name in names for values in one.settings()][:most]
    task = progress.add_task(f"{noisy.kind}: tuning {one.name}", total=len(settings))
    for setting in settings:
        images, _ = views.take(setting.view)
        sigma = float(np.sqrt(np.mean((images - noisy.clean) ** 2)))
        output = _apply(one, images, sigma, setting, n_threads)
        for finish in finishes(noisy.kind):
            table = _fit_table(output, noisy, finish)
            ratios = peak_signal_noise_ratio(_finish(output, noisy, finish, table), noisy.clean)
            ratio = float(ratios.mean())
            if finish not in best or ratio > best[finish].ratio:
                best[finish] = Tuned(setting, sigma, table, ratio)
        progress.advance(task)
    progress.remove_task(task)
    return best


def clean(
    one: Filter, tuned: Mapping[str, Tuned], views: Views, n_threads: int, n: int | None = None
) -> Cleaned:
    """Clean the first n images as tuned; settings that finishes share are filtered by once."""
    noisy = views.noisy.first(n)
    done: list[tuple[Setting, Floats, float]] = []
    cleaned: dict[str, NDArray[np.uint8]] = {}
    seconds = 0.0
    for finish, how in tuned.items():
        found = [same for same in done if same[0] == how.setting]
        if not found:
            images, seconds_before = views.take(how.setting.view, n)
            start = perf_counter()
            output = _apply(one, images, how.sigma, how.setting, n_threads)
            found = [(how.setting, output, seconds_before + perf_counter() - start)]
            done += found
        _, output, seconds = found[0]
        cleaned[finish] = _finish(output, noisy, finish, how.table)
    return Cleaned(cleaned, seconds)


def _apply(one: Filter, images: Floats, sigma: float, setting: Setting, n_threads: int) -> Floats:
    if one.has_threads:
        return one.apply(images, sigma, **setting.parameters)
    return in_parts(one.apply, images, sigma, setting.parameters, n_threads)


def in_parts(
    work: Callable[..., Floats],
    images: Floats,
    sigma: float,
    parameters: Mapping[str, Any],
    n_threads: int,
) -> Floats:
    """Filter images in parts, spread over processes: most filters here know no threads."""
    starts = range(0, len(images), IMAGES_AT_ONCE)
    parts = Parallel(n_jobs=min(n_threads, len(starts)))(
        delayed(work)(images[start : start + IMAGES_AT_ONCE], sigma, **parameters)
        for start in starts
    )
    return np.concatenate(list(parts))


def views_of(kind: str) -> Sequence[str]:
    """All views of a noise."""
    return (*PIXELWISE, INPAINTED) if kind == SALT_AND_PEPPER else PIXELWISE


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
