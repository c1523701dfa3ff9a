"""Choice of a representation and a scoring rule, from training images alone.

Some training images are held out; everything that is learned (sizes of strokes, axes, whitening,
local radii) is learned from the others. A first stage compares all representations on few images.
A second stage compares the best of them, with costlier scoring rules, on many. A small training set
is also tried with changed copies of its images.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.array_types import FloatArray
from lookalike.matching.byte_levels import Bytes
from lookalike.matching.matcher import COPIES, Codes, Matcher, Representation, variant_names
from lookalike.matching.scoring import Scorer, Scores, ScoringRule
from lookalike.matching.search_spaces import SearchSpace, space_for
from lookalike.matching.vectors import NORMALIZATIONS

SCALINGS = (0.0, 0.3, 0.45)
KS = (1, 3, 6)
HYPERPLANES = (0.0, 0.5, 1.0)
VECTOR_HYPERPLANES = (0.0, 1.0, 2.0)
"""Weights of hyperplanes for images and for vectors, the usual one last."""

RULES = [ScoringRule(*parts) for parts in product(SCALINGS, KS, HYPERPLANES)]
VECTOR_RULES = [ScoringRule(*parts) for parts in product(SCALINGS, KS, VECTOR_HYPERPLANES)]
"""Scoring rules that are tried with all representations, of images and of vectors."""

USUAL = ScoringRule(0.3, 6, 1.0, "forward")
"""Default scoring rule, which suits most tables."""

USUAL_WHITENING = 0.6

USUAL_COPIES = "turned"
"""Default for small training sets; mirrored copies, which may belong to no class, must beat it."""

N_FOLDS = 3
"""Number of folds if there are fewer images than a space asks for; below `FEW` images the next."""

FEW = 3000
N_FOLDS_OF_FEW = 5

KEPT_VALUES = 2**24
"""Number of scores of one representation that are kept for all scoring rules together: 128 MB."""

CHUNK = 2500
"""Number of images that are searched and scored at once."""

_SECOND_UNITS = 6
"""Time of one representation in the second comparison, in units of one in the first."""

_WITH_COPIES = 3
"""The stage that tries copies."""


class Trial(NamedTuple):
    """One combination that was tried.

    Attributes
    ----------
    representation : Representation
    rule : ScoringRule
    n_images, n_held_out : int
        Number of images learned from, and of images tested on.
    n_wrong : int
        Number of tested images that came out wrong. With `sample_weight`, this and the number of
        tested images are sums of weights, rounded.
    seconds : float
        Time of all scoring rules of the representation together.
    stage : int
        0 (pixels or a network), 1, 2, or 3 (with copies of the training images).
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

    `held_out` has the scores of held-out images by the choice, their classes and their weights;
    None if no images could be held out.
    """

    representation: Representation
    rule: ScoringRule
    trials: list[Trial]
    held_out: tuple[Scores, Codes, FloatArray] | None


def make_splits(
    codes: Codes, n_train: int, n_held_out: int, n_splits: int, rng: np.random.Generator
) -> list[TrialSplit]:
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
            TrialSplit(np.sort(order[places != fold]), np.sort(order[places == fold]))
            for fold in range(n_folds)
        ]
    # Order the rows so that any contiguous part of the order has every class in proportion: sorted
    # by class, the rows are taken with golden-ratio strides.
    strides = np.arange(n) * 0.6180339887498949 % 1
    mixed = order[np.argsort(strides, kind="stable")]
    splits = []
    for start in range(0, min(n_splits, n // n_held_out) * n_held_out, n_held_out):
        held_out = mixed[start : start + n_held_out]
        others = np.concatenate([mixed[:start], mixed[start + n_held_out :]])
        splits.append(TrialSplit(np.sort(others[:n_train]), np.sort(held_out)))
    return splits


def choose(
    images: Bytes,
    codes: Codes,
    n_classes: int,
    space: SearchSpace,
    rng: np.random.Generator,
    n_threads: int,
    tell: Callable[[int], None] = lambda done: None,
    weights: FloatArray | None = None,
) -> Choice:
    """Choose a representation and a scoring rule by their errors on held-out images.

    An error counts by the image's weight (importance-weighted cross-validation; Sugiyama, Krauledat
    and Müller, JMLR 8, 2007). Weights are scaled to the effective sample size (Kish, "Survey
    sampling", 1965) as their sum, so that the square root of a weighted count is its standard
    error.
    """
    if n_classes < 2 or len(images) < max(4, 2 * n_classes):
        return Choice(space.representations[0], ScoringRule(0.0, 1), [], None)
    own = np.ones(len(images)) if weights is None else weights * weights.sum() / (weights @ weights)
    comparison = _Comparison(images, codes, own, n_classes, space, n_threads)
    splits = make_splits(codes, space.n_first, space.n_first_held_out, 1, rng)
    rules = VECTOR_RULES if space.usual in NORMALIZATIONS else RULES
    if len(images) < space.enough_a_class * n_classes:
        rules = [USUAL._replace(hyperplanes=0.0, deformation="off")]
    trials: list[Trial] = []
    for _, group in groupby(space.representations, lambda one: (one.strokes, one.features)):
        alike = list(group)
        trials += comparison.run(alike, splits, rules, 1)
        tell(len(alike))
    last = trials
    if space.n_again(len(images)):
        splits = make_splits(codes, space.n_second, space.n_second_held_out, space.n_splits, rng)
        last, rules = [], rules + deformed_rules(space)
        comparison.kept.clear()
        for one in _best_representations(trials, space.n_kept, space.usual):
            last += comparison.run([one], splits, rules, 2)
            tell(_SECOND_UNITS)
        trials = trials + last
    winner = pick(last, space.usual)
    kinds = kinds_of_copies(space, len(images))
    for kind in kinds:
        one = winner.representation._replace(growth=kind)
        trials = trials + comparison.run([one], splits, rules, _WITH_COPIES)
        tell(_SECOND_UNITS)
    if kinds:
        usual = USUAL_COPIES if USUAL_COPIES in kinds else "none"
        winner = pick(deciding(trials), space.usual, usual)
    return Choice(winner.representation, winner.rule, trials, comparison.held_out(winner))


def try_usual(
    images: Bytes, codes: Codes, n_classes: int, splits: Sequence[TrialSplit], n_threads: int
) -> Trial:
    """Try the usual representation of images, or of vectors, alone; the stage is 0."""
    space = space_for("fast", images)
    usual = Representation(False, space.usual, USUAL_WHITENING)
    rule = USUAL._replace(deformation="off")
    comparison = _Comparison(images, codes, np.ones(len(images)), n_classes, space, n_threads)
    return comparison.run([usual], splits, [rule], 0)[0]


def deformed_rules(space: SearchSpace) -> list[ScoringRule]:
    """Return the rules with deformation, to try with the best representations only."""
    return [
        USUAL._replace(hyperplanes=weight, deformation=how)
        for how, weight in product(space.deformations, HYPERPLANES)
    ]


def kinds_of_copies(space: SearchSpace, n: int) -> list[str]:
    """Return the kinds of copies to try with n images."""
    return [
        kind
        for kind in COPIES
        if kind != "none" and n * len(variant_names(kind)) <= space.most_with_copies
    ]


def units_of(space: SearchSpace, n: int) -> int:
    """Return the number of units that `choose` reports to `tell` for n images."""
    n_costly = space.n_again(n) + len(kinds_of_copies(space, n))
    return len(space.representations) + n_costly * _SECOND_UNITS


def pick(trials: Sequence[Trial], usual: str, copies: str = "none") -> Trial:
    """Return the trial nearest the defaults among those within one standard error of the best.

    The minimum of many error counts is optimistic, so trials within one standard error of a count
    are equal (the one-standard-error rule of Breiman, Friedman, Olshen and Stone, 1984). Among
    them the representation and rule nearest the defaults win, then the fewer errors, then the
    earlier trial, which is cheaper.
    """
    most = most_equal(min(trial.n_wrong for trial in trials))

    def order(trial: Trial) -> tuple[int, int]:
        unusual = _unusual(trial.representation, usual) + _unusual_rule(trial)
        return unusual + (trial.representation.growth != copies), trial.n_wrong

    return min((trial for trial in trials if trial.n_wrong <= most), key=order)


def most_equal(least: int) -> float:
    """Return the error count that is one standard error above the least."""
    return least + math.sqrt(least)


def _unusual(representation: Representation, usual: str) -> int:
    return (representation.features != usual) + (representation.whitening != USUAL_WHITENING)


def _unusual_rule(trial: Trial) -> int:
    rule = trial.rule
    is_of_vectors = trial.representation.features in NORMALIZATIONS
    weights = VECTOR_HYPERPLANES if is_of_vectors else HYPERPLANES
    grids, usual = (SCALINGS, KS, weights), (*USUAL[:2], weights[-1])
    places = zip(grids, rule, usual, strict=False)
    steps = [abs(grid.index(own) - grid.index(usual)) for grid, own, usual in places]
    return sum(steps) + (rule.deformation != USUAL.deformation)


def deciding(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials of the last choice."""
    with_copies = [trial for trial in trials if trial.stage == _WITH_COPIES]
    others = [trial for trial in trials if trial.stage != _WITH_COPIES]
    last = max((trial.stage for trial in others), default=0)
    others = [trial for trial in others if trial.stage == last]
    if with_copies:
        without = with_copies[0].representation._replace(growth="none")
        others = [trial for trial in others if trial.representation == without]
    return others + with_copies


def _best_representations(trials: Sequence[Trial], n: int, usual: str) -> list[Representation]:
    """Return the n best representations; the usual first within one standard error."""
    least: dict[Representation, int] = {}
    for trial in trials:
        known = least.get(trial.representation, trial.n_wrong)
        least[trial.representation] = min(trial.n_wrong, known)
    most = most_equal(min(least.values()))

    def order(one: Representation) -> tuple[bool, int, int]:
        worse = least[one] > most
        return worse, 0 if worse else _unusual(one, usual), least[one]

    return sorted(least, key=order)[:n]


@dataclass
class _Comparison:
    """Runs trials, and keeps the scores of some held-out images for the final choice."""

    images: Bytes
    codes: Codes
    weights: FloatArray
    n_classes: int
    space: SearchSpace
    n_threads: int
    kept: defaultdict[
        tuple[Representation, ScoringRule], list[tuple[Scores, Codes, FloatArray]]
    ] = field(default_factory=lambda: defaultdict(list))

    def run(
        self,
        alike: Sequence[Representation],
        splits: Sequence[TrialSplit],
        rules: Sequence[ScoringRule],
        stage: int,
    ) -> list[Trial]:
        """Try all scoring rules of representations that differ only in their whitening."""
        wrong = dict.fromkeys(product(alike, rules), 0.0)
        seconds = dict.fromkeys(alike, 0.0)
        n_left = dict.fromkeys(alike, KEPT_VALUES // (self.n_classes * len(rules)))
        for split in splits:
            start = time.perf_counter()
            base = Matcher(
                alike[0],
                n_components=self.space.n_components,
                n_neighbors=self.space.n_neighbors,
                n_threads=self.n_threads,
            )
            codes = self.codes[split.train]
            learnt = base.learn_axes(self.images[split.train])
            images, coordinates = base.project(self.images[split.held_out])
            shared = (time.perf_counter() - start) / len(alike)
            for one in alike:
                start = time.perf_counter()
                matcher = base.whitened(*learnt, codes, self.n_classes, one.whitening)
                for i in range(0, len(split.held_out), CHUNK):
                    part = slice(i, i + CHUNK)
                    rows = split.held_out[part]
                    right, weights = self.codes[rows], self.weights[rows]
                    scorer = Scorer(matcher, matcher.seek(images[part], coordinates[part]))
                    keep = len(right) <= n_left[one]
                    n_left[one] -= len(right) if keep else 0
                    for rule in rules:
                        scores = scorer.read(rule)
                        wrong[one, rule] += weights[scores.classes.argmin(axis=1) != right].sum()
                        if keep:
                            self.kept[one, rule].append((scores, right, weights))
                seconds[one] += time.perf_counter() - start + shared
        n_train = round(float(np.mean([len(split.train) for split in splits])))
        n_held_out = max(1, round(sum(self.weights[own.held_out].sum() for own in splits)))
        return [
            Trial(one, rule, n_train, n_held_out, round(n_wrong), seconds[one], stage)
            for (one, rule), n_wrong in wrong.items()
        ]

    def held_out(self, trial: Trial) -> tuple[Scores, Codes, FloatArray] | None:
        """Return the scores of held-out images in such a trial, their classes and weights."""
        kept = self.kept[trial.representation, trial.rule]
        if not kept:
            return None
        scores, codes, weights = zip(*kept, strict=True)
        joined = Scores(*map(np.concatenate, zip(*scores, strict=True)))
        return joined, np.concatenate(codes), np.concatenate(weights)
