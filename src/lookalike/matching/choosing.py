"""Choice of a recipe and a reading, from training images alone.

Some training images are held out; everything that is learned (sizes of strokes, axes, whitening,
local radii) is learned from the others. A first stage compares all recipes on few images. A second
stage compares the best of them, with costlier readings, on many. A small training set is
also tried with changed copies of its images.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.growing import GROWTHS, growth_factor
from lookalike.matching.levels import Bytes
from lookalike.matching.matcher import Codes, Matcher, Recipe
from lookalike.matching.plans import Plan
from lookalike.matching.reading import Reader, Reading, Scores

Tell = Callable[[int], None]

SCALINGS = (0.0, 0.3, 0.45)
KS = (1, 3, 6)
HYPERPLANES = (0.0, 0.5, 1.0)


N_FOLDS = 3
"""Number of folds if there are fewer images than a plan asks for; below `FEW` images the next."""

FEW = 3000
N_FOLDS_OF_FEW = 5


class Trial(NamedTuple):
    """One combination that was tried.

    Attributes
    ----------
    recipe : Recipe
    reading : Reading
    n_images, n_held_out : int
        Number of images learned from, and of images tested on.
    n_wrong : int
    seconds : float
        Time of all readings of the recipe together.
    stage : int
        1, 2, or 3 (with copies of the training images).
    """

    recipe: Recipe
    reading: Reading
    n_images: int
    n_held_out: int
    n_wrong: int
    seconds: float
    stage: int

    @property
    def error(self) -> float:
        """Return the error rate on held-out images."""
        return self.n_wrong / self.n_held_out


class Split(NamedTuple):
    """Indices of rows to learn from, and of rows to test on."""

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]


class Choice(NamedTuple):
    """The chosen recipe and reading, and the trials they were chosen from.

    Attributes
    ----------
    recipe : Recipe
    reading : Reading
    trials : list of Trial
    held_out : pair of Scores and ndarray of codes, or None
        Scores of held-out images with the chosen recipe and reading, and their classes; None if
        no images could be held out.
    """

    recipe: Recipe
    reading: Reading
    trials: list[Trial]
    held_out: tuple[Scores, Codes] | None


def make_splits(
    codes: Codes, n_train: int, n_held_out: int, n_splits: int, rng: np.random.Generator
) -> list[Split]:
    """Split rows with stratified classes; no row is held out in two splits.

    If there are fewer rows than asked for, all rows are held out once, in folds.

    Examples
    --------
    >>> splits = make_splits(np.zeros(9, int), 99, 99, 1, np.random.default_rng(0))
    >>> sorted(np.concatenate([own.held_out for own in splits]).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
    """
    n = len(codes)
    order = np.lexsort((rng.random(n), codes))
    if n < n_train + n_held_out:
        n_folds = min(n, N_FOLDS_OF_FEW if n < FEW else N_FOLDS)
        places = np.arange(n) % n_folds
        return [
            Split(np.sort(order[places != fold]), np.sort(order[places == fold]))
            for fold in range(n_folds)
        ]
    # Order the rows so that any contiguous part of the order has every class in proportion: sorted
    # by class, the rows are taken with golden-ratio strides.
    strides = np.arange(n) * 0.6180339887498949 % 1
    rank = np.argsort(strides, kind="stable")
    mixed = order[rank]
    splits = []
    for i in range(min(n_splits, n // n_held_out)):
        held_out = mixed[i * n_held_out : (i + 1) * n_held_out]
        others = np.concatenate([mixed[: i * n_held_out], mixed[(i + 1) * n_held_out :]])
        splits.append(Split(np.sort(others[:n_train]), np.sort(held_out)))
    return splits


def choose(
    images: Bytes,
    codes: Codes,
    n_classes: int,
    plan: Plan,
    rng: np.random.Generator,
    n_threads: int,
    tell: Tell | None = None,
) -> Choice:
    """Choose a recipe and a reading by their errors on held-out images; see `pick` for ties."""
    if n_classes < 2 or len(images) < max(4, 2 * n_classes):
        return Choice(plan.recipes[0], Reading(0.0, 1), [], None)
    tell = tell or (lambda done: None)
    comparison = _Comparison(images, codes, n_classes, plan, n_threads)
    splits = make_splits(codes, plan.n_first, plan.n_first_held_out, 1, rng)
    plain, richer = readings_of(plan)
    trials: list[Trial] = []
    for axes in dict.fromkeys((recipe.strokes, recipe.features) for recipe in plan.recipes):
        own = [recipe for recipe in plan.recipes if (recipe.strokes, recipe.features) == axes]
        trials += comparison.run(own, splits, plain, 1)
        tell(len(own))
    last, readings = trials, plain
    if plan.n_kept:
        splits = make_splits(codes, plan.n_second, plan.n_second_held_out, plan.n_splits, rng)
        last, readings = [], plain + richer
        comparison.forget()
        for recipe in _best_recipes(trials, plan.n_kept, plan.usual):
            last += comparison.run([recipe], splits, readings, 2)
            tell(_SECOND_UNITS)
        trials = trials + last
    winner = pick(last, plan.usual)
    growths = growths_of(plan, len(images))
    if growths:
        for growth in growths:
            grown = winner.recipe._replace(growth=growth)
            trials = trials + comparison.run([grown], splits, readings, _GROWN)
            tell(_SECOND_UNITS)
        usual = USUAL_GROWTH if USUAL_GROWTH in growths else "none"
        winner = pick(deciding(trials), plan.usual, usual)
    return Choice(winner.recipe, winner.reading, trials, comparison.held_out(winner))


_SECOND_UNITS = 6
"""Time of one recipe in the second comparison, in units of one in the first."""


def readings_of(plan: Plan) -> tuple[list[Reading], list[Reading]]:
    """Return the readings to try with all recipes, and those to try with the best only."""
    plain = [Reading(g, k, h) for g, k, h in product(SCALINGS, KS, HYPERPLANES)]
    deformed = [how for how in plan.deformations if how != "off"]
    usual = (USUAL.scaling, USUAL.k)
    return plain, [Reading(*usual, h, d) for d, h in product(deformed, HYPERPLANES)]


def units_of(plan: Plan, n: int) -> int:
    """Return the number of units that `choose` reports to `tell` for n images."""
    return len(plan.recipes) + (plan.n_kept + len(growths_of(plan, n))) * _SECOND_UNITS


def growths_of(plan: Plan, n: int) -> list[str]:
    """Return the growths to try with n images."""
    return [
        growth
        for growth in GROWTHS
        if growth != "none" and n * growth_factor(growth) <= plan.n_grown
    ]


def pick(trials: Sequence[Trial], usual: str, growth: str = "none") -> Trial:
    """Return the trial nearest the defaults among those within one standard error of the best.

    The minimum of many error counts is optimistic, so trials within one standard error of a count
    are equal (the one-standard-error rule of Breiman, Friedman, Olshen and Stone, 1984). Among
    them the recipe and reading nearest the defaults win, then the fewer errors, then the earlier
    trial, which is cheaper.
    """
    most = _most_equal(min(trial.n_wrong for trial in trials))
    equal = [trial for trial in trials if trial.n_wrong <= most]
    return min(
        equal,
        key=lambda trial: (
            _unusual_reading(trial.reading)
            + _unusual_recipe(trial.recipe, usual)
            + int(trial.recipe.growth != growth),
            trial.n_wrong,
        ),
    )


USUAL = Reading(0.3, 6, 1.0, "forward")
"""Default reading, which suits most tables."""

USUAL_WHITENING = 0.6

USUAL_GROWTH = "turned"
"""Default for small training sets; mirrored copies, which may belong to no class, must beat it."""


def _most_equal(least: int) -> float:
    """Return the error count that is one standard error above the least."""
    return least + math.sqrt(least)


def _unusual_reading(reading: Reading) -> int:
    places = (
        abs(SCALINGS.index(reading.scaling) - SCALINGS.index(USUAL.scaling)),
        abs(KS.index(reading.k) - KS.index(USUAL.k)),
        abs(HYPERPLANES.index(reading.hyperplanes) - HYPERPLANES.index(USUAL.hyperplanes)),
        int(reading.deformation != USUAL.deformation),
    )
    return sum(places)


def _unusual_recipe(recipe: Recipe, usual: str) -> int:
    return int(recipe.features != usual) + int(recipe.whitening != USUAL_WHITENING)


def deciding(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials of the last choice."""
    last = max((trial.stage for trial in trials), default=0)
    grown = [trial for trial in trials if trial.stage == _GROWN]
    if not grown:
        return [trial for trial in trials if trial.stage == last]
    before = max(trial.stage for trial in trials if trial.stage != _GROWN)
    recipe = grown[0].recipe._replace(growth="none")
    same = [trial for trial in trials if (trial.stage, trial.recipe) == (before, recipe)]
    return same + grown


_GROWN = 3


def _best_recipes(trials: Sequence[Trial], n: int, usual: str) -> list[Recipe]:
    """Return the n best recipes; those within one standard error are ordered by default first."""
    least: dict[Recipe, int] = {}
    for trial in trials:
        least[trial.recipe] = min(trial.n_wrong, least.get(trial.recipe, trial.n_wrong))
    most = _most_equal(min(least.values()))

    def order(recipe: Recipe) -> tuple[bool, int, int]:
        worse = least[recipe] > most
        return worse, 0 if worse else _unusual_recipe(recipe, usual), least[recipe]

    return sorted(least, key=order)[:n]


class _Comparison:
    """Runs trials, and keeps the scores of some held-out images for the final choice."""

    def __init__(
        self, images: Bytes, codes: Codes, n_classes: int, plan: Plan, n_threads: int
    ) -> None:
        self.images, self.codes, self.n_classes = images, codes, n_classes
        self.plan, self.n_threads = plan, n_threads
        self._kept: dict[tuple[Recipe, Reading], list[Scores]] = {}
        self._kept_codes: dict[Recipe, Codes] = {}

    def run(
        self,
        recipes: Sequence[Recipe],
        splits: Sequence[Split],
        readings: Sequence[Reading],
        stage: int,
    ) -> list[Trial]:
        """Try all readings of recipes that differ only in their whitening."""
        wrong = dict.fromkeys(product(recipes, readings), 0)
        seconds = dict.fromkeys(recipes, 0.0)
        n_kept = KEPT_VALUES // (self.n_classes * len(readings))
        for recipe in recipes:
            self._kept_codes[recipe] = self.codes[:0]
            for reading in readings:
                self._kept[recipe, reading] = []
        for split in splits:
            start = time.perf_counter()
            base = Matcher(
                recipes[0],
                n_components=self.plan.n_components,
                n_neighbors=self.plan.n_neighbors,
                n_threads=self.n_threads,
            )
            codes = self.codes[split.train]
            learnt = base.learn_axes(self.images[split.train])
            held_out = base.project(self.images[split.held_out])
            shared = (time.perf_counter() - start) / len(recipes)
            for recipe in recipes:
                start = time.perf_counter()
                matcher = base.whitened(*learnt, codes, self.n_classes, recipe.whitening)
                for i in range(0, len(split.held_out), CHUNK):
                    rows = split.held_out[i : i + CHUNK]
                    reader = Reader(matcher, matcher.seek(held_out.part(slice(i, i + CHUNK))))
                    keep = len(self._kept_codes[recipe]) + len(rows) <= n_kept
                    for reading in readings:
                        scores = reader.read(reading)
                        answers = scores.classes.argmin(axis=1)
                        wrong[recipe, reading] += int((answers != self.codes[rows]).sum())
                        if keep:
                            self._kept[recipe, reading].append(scores)
                    if keep:
                        kept = (self._kept_codes[recipe], self.codes[rows])
                        self._kept_codes[recipe] = np.concatenate(kept)
                seconds[recipe] += time.perf_counter() - start + shared
        n_train = round(float(np.mean([len(split.train) for split in splits])))
        n_held_out = sum(len(split.held_out) for split in splits)
        return [
            Trial(recipe, reading, n_train, n_held_out, n_wrong, seconds[recipe], stage)
            for (recipe, reading), n_wrong in wrong.items()
        ]

    def forget(self) -> None:
        """Drop all scores kept so far."""
        self._kept.clear()

    def held_out(self, trial: Trial) -> tuple[Scores, Codes] | None:
        """Return the scores of held-out images in the last trial of a recipe and reading."""
        parts = self._kept[trial.recipe, trial.reading]
        if not parts:
            return None
        scores = Scores(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        return scores, self._kept_codes[trial.recipe]


KEPT_VALUES = 2**24
"""Number of scores of one recipe that are kept for all readings together: 128 MB."""

CHUNK = 2500
"""Number of images that are searched and read at once."""
