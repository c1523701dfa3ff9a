"""Choice of a representation and a scoring rule, from training images alone.

Some training images are held out; everything that is learned (sizes of strokes, axes, whitening,
local radii) is learned from the others. A first stage compares all representations on few images.
A second stage compares the best of them, with costlier scoring rules, on many. A small training set
is also tried with changed copies of its images.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.byte_levels import Bytes
from lookalike.matching.copies import GROWTHS, growth_factor
from lookalike.matching.matcher import Codes, Matcher, Representation
from lookalike.matching.scoring import Scorer, Scores, ScoringRule
from lookalike.matching.search_spaces import SearchSpace

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
    representation : Representation
    rule : ScoringRule
    n_images, n_held_out : int
        Number of images learned from, and of images tested on.
    n_wrong : int
    seconds : float
        Time of all scoring rules of the representation together.
    stage : int
        1, 2, or 3 (with copies of the training images).
    """

    representation: Representation
    rule: ScoringRule
    n_images: int
    n_held_out: int
    n_wrong: int
    seconds: float
    stage: int

    @property
    def error(self) -> float:
        """Return the error rate on held-out images."""
        return self.n_wrong / self.n_held_out


class TrialSplit(NamedTuple):
    """Indices of rows to learn from, and of rows to test on."""

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]


class Choice(NamedTuple):
    """The chosen representation and scoring rule, and the trials they were chosen from.

    Attributes
    ----------
    representation : Representation
    rule : ScoringRule
    trials : list of Trial
    held_out : pair of Scores and ndarray of codes, or None
        Scores of held-out images with the chosen representation and rule, and their classes; None
        if no images could be held out.
    """

    representation: Representation
    rule: ScoringRule
    trials: list[Trial]
    held_out: tuple[Scores, Codes] | None


def make_splits(
    codes: Codes, n_train: int, n_held_out: int, n_splits: int, rng: np.random.Generator
) -> list[TrialSplit]:
    """TrialSplit rows with stratified classes; no row is held out in two splits.

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
            TrialSplit(np.sort(order[places != fold]), np.sort(order[places == fold]))
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
        splits.append(TrialSplit(np.sort(others[:n_train]), np.sort(held_out)))
    return splits


def choose(
    images: Bytes,
    codes: Codes,
    n_classes: int,
    plan: SearchSpace,
    rng: np.random.Generator,
    n_threads: int,
    tell: Tell | None = None,
) -> Choice:
    """Choose a representation and a scoring rule by their errors on held-out images."""
    if n_classes < 2 or len(images) < max(4, 2 * n_classes):
        return Choice(plan.representations[0], ScoringRule(0.0, 1), [], None)
    tell = tell or (lambda done: None)
    comparison = _Comparison(images, codes, n_classes, plan, n_threads)
    splits = make_splits(codes, plan.n_first, plan.n_first_held_out, 1, rng)
    plain, richer = rules_of(plan)
    trials: list[Trial] = []
    for axes in dict.fromkeys(
        (representation.strokes, representation.features) for representation in plan.representations
    ):
        own = [
            representation
            for representation in plan.representations
            if (representation.strokes, representation.features) == axes
        ]
        trials += comparison.run(own, splits, plain, 1)
        tell(len(own))
    last, rules = trials, plain
    if plan.n_kept:
        splits = make_splits(codes, plan.n_second, plan.n_second_held_out, plan.n_splits, rng)
        last, rules = [], plain + richer
        comparison.forget()
        for representation in _best_recipes(trials, plan.n_kept, plan.usual):
            last += comparison.run([representation], splits, rules, 2)
            tell(_SECOND_UNITS)
        trials = trials + last
    winner = pick(last, plan.usual)
    growths = growths_of(plan, len(images))
    if growths:
        for growth in growths:
            grown = winner.representation._replace(growth=growth)
            trials = trials + comparison.run([grown], splits, rules, _GROWN)
            tell(_SECOND_UNITS)
        usual = USUAL_GROWTH if USUAL_GROWTH in growths else "none"
        winner = pick(deciding(trials), plan.usual, usual)
    return Choice(winner.representation, winner.rule, trials, comparison.held_out(winner))


_SECOND_UNITS = 6
"""Time of one representation in the second comparison, in units of one in the first."""


def rules_of(plan: SearchSpace) -> tuple[list[ScoringRule], list[ScoringRule]]:
    """Return the rules to try with all representations, and those for the best only."""
    plain = [ScoringRule(g, k, h) for g, k, h in product(SCALINGS, KS, HYPERPLANES)]
    deformed = [how for how in plan.deformations if how != "off"]
    usual = (USUAL.scaling, USUAL.k)
    return plain, [ScoringRule(*usual, h, d) for d, h in product(deformed, HYPERPLANES)]


def units_of(plan: SearchSpace, n: int) -> int:
    """Return the number of units that `choose` reports to `tell` for n images."""
    return len(plan.representations) + (plan.n_kept + len(growths_of(plan, n))) * _SECOND_UNITS


def growths_of(plan: SearchSpace, n: int) -> list[str]:
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
    them the representation and rule nearest the defaults win, then the fewer errors, then the
    earlier trial, which is cheaper.
    """
    most = _most_equal(min(trial.n_wrong for trial in trials))
    equal = [trial for trial in trials if trial.n_wrong <= most]
    return min(
        equal,
        key=lambda trial: (
            _unusual_rule(trial.rule)
            + _unusual_representation(trial.representation, usual)
            + int(trial.representation.growth != growth),
            trial.n_wrong,
        ),
    )


USUAL = ScoringRule(0.3, 6, 1.0, "forward")
"""Default scoring rule, which suits most tables."""

USUAL_WHITENING = 0.6

USUAL_GROWTH = "turned"
"""Default for small training sets; mirrored copies, which may belong to no class, must beat it."""


def _most_equal(least: int) -> float:
    """Return the error count that is one standard error above the least."""
    return least + math.sqrt(least)


def _unusual_rule(rule: ScoringRule) -> int:
    places = (
        abs(SCALINGS.index(rule.scaling) - SCALINGS.index(USUAL.scaling)),
        abs(KS.index(rule.k) - KS.index(USUAL.k)),
        abs(HYPERPLANES.index(rule.hyperplanes) - HYPERPLANES.index(USUAL.hyperplanes)),
        int(rule.deformation != USUAL.deformation),
    )
    return sum(places)


def _unusual_representation(representation: Representation, usual: str) -> int:
    return int(representation.features != usual) + int(representation.whitening != USUAL_WHITENING)


def deciding(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials of the last choice."""
    last = max((trial.stage for trial in trials), default=0)
    grown = [trial for trial in trials if trial.stage == _GROWN]
    if not grown:
        return [trial for trial in trials if trial.stage == last]
    before = max(trial.stage for trial in trials if trial.stage != _GROWN)
    representation = grown[0].representation._replace(growth="none")
    same = [
        trial for trial in trials if (trial.stage, trial.representation) == (before, representation)
    ]
    return same + grown


_GROWN = 3


def _best_recipes(trials: Sequence[Trial], n: int, usual: str) -> list[Representation]:
    """Return the n best representations; the usual first within one standard error."""
    least: dict[Representation, int] = {}
    for trial in trials:
        least[trial.representation] = min(
            trial.n_wrong, least.get(trial.representation, trial.n_wrong)
        )
    most = _most_equal(min(least.values()))

    def order(representation: Representation) -> tuple[bool, int, int]:
        worse = least[representation] > most
        return (
            worse,
            0 if worse else _unusual_representation(representation, usual),
            least[representation],
        )

    return sorted(least, key=order)[:n]


class _Comparison:
    """Runs trials, and keeps the scores of some held-out images for the final choice."""

    def __init__(
        self, images: Bytes, codes: Codes, n_classes: int, plan: SearchSpace, n_threads: int
    ) -> None:
        self.images, self.codes, self.n_classes = images, codes, n_classes
        self.plan, self.n_threads = plan, n_threads
        self._kept: dict[tuple[Representation, ScoringRule], list[Scores]] = {}
        self._kept_codes: dict[Representation, Codes] = {}

    def run(
        self,
        representations: Sequence[Representation],
        splits: Sequence[TrialSplit],
        rules: Sequence[ScoringRule],
        stage: int,
    ) -> list[Trial]:
        """Try all scoring rules of representations that differ only in their whitening."""
        wrong = dict.fromkeys(product(representations, rules), 0)
        seconds = dict.fromkeys(representations, 0.0)
        n_kept = KEPT_VALUES // (self.n_classes * len(rules))
        for representation in representations:
            self._kept_codes[representation] = self.codes[:0]
            for rule in rules:
                self._kept[representation, rule] = []
        for split in splits:
            start = time.perf_counter()
            base = Matcher(
                representations[0],
                n_components=self.plan.n_components,
                n_neighbors=self.plan.n_neighbors,
                n_threads=self.n_threads,
            )
            codes = self.codes[split.train]
            learnt = base.learn_axes(self.images[split.train])
            held_out = base.project(self.images[split.held_out])
            shared = (time.perf_counter() - start) / len(representations)
            for representation in representations:
                start = time.perf_counter()
                matcher = base.whitened(*learnt, codes, self.n_classes, representation.whitening)
                for i in range(0, len(split.held_out), CHUNK):
                    rows = split.held_out[i : i + CHUNK]
                    reader = Scorer(matcher, matcher.seek(held_out.part(slice(i, i + CHUNK))))
                    keep = len(self._kept_codes[representation]) + len(rows) <= n_kept
                    for rule in rules:
                        scores = reader.read(rule)
                        answers = scores.classes.argmin(axis=1)
                        wrong[representation, rule] += int((answers != self.codes[rows]).sum())
                        if keep:
                            self._kept[representation, rule].append(scores)
                    if keep:
                        kept = (self._kept_codes[representation], self.codes[rows])
                        self._kept_codes[representation] = np.concatenate(kept)
                seconds[representation] += time.perf_counter() - start + shared
        n_train = round(float(np.mean([len(split.train) for split in splits])))
        n_held_out = sum(len(split.held_out) for split in splits)
        return [
            Trial(
                representation, rule, n_train, n_held_out, n_wrong, seconds[representation], stage
            )
            for (representation, rule), n_wrong in wrong.items()
        ]

    def forget(self) -> None:
        """Drop all scores kept so far."""
        self._kept.clear()

    def held_out(self, trial: Trial) -> tuple[Scores, Codes] | None:
        """Return the scores of held-out images in the last such trial."""
        parts = self._kept[trial.representation, trial.rule]
        if not parts:
            return None
        scores = Scores(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        return scores, self._kept_codes[trial.representation]


KEPT_VALUES = 2**24
"""Number of scores of one representation that are kept for all scoring rules together: 128 MB."""

CHUNK = 2500
"""Number of images that are searched and read at once."""
