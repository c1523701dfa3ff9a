"""Anchors and the regressions near them: k-means of patches, ridges on what others leave over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.cleaning.levels import Floats

SAMPLES_PER_ANCHOR = (3000, 12000)
ANCHOR_RIDGES = (5.0, 20.0, 100.0, 400.0)
"""How many of the nearest patches an anchor learns from, and the penalty, per sample, on its
difference from the regression for all: which of them is tried out on some anchors first."""

TRIAL_ANCHORS = 24
TRIAL_SHARE = 0.1
"""Of the samples, kept back for the trial."""

_CHUNK = 16384
_CENTRE_SAMPLES = 100
_CENTRE_ROUNDS = 6


class Leftovers:
    """What the regression for all leaves over, near one anchor or another."""

    def __init__(
        self,
        keys: Floats,
        features: Callable[[NDArray[np.intp]], Floats],
        target: Floats,
        common: Floats,
    ) -> None:
        self.keys = keys
        self.norms = np.einsum("ij,ij->i", keys, keys)
        self.features = features
        self.target = target
        self.common = common

    def fit(
        self, anchor: Floats, sizes: Sequence[int], ridges: Sequence[float], usable: Any = None
    ) -> list[Floats]:
        """Return the weights near an anchor for each number of samples and each ridge."""
        apart = self.norms - 2 * (self.keys @ anchor)
        if usable is not None:
            apart[~usable] = np.inf
        most = min(len(apart), sizes[-1])
        near = np.argpartition(apart, most - 1)[:most]
        near = near[np.argsort(apart[near], kind="stable")]
        fitted = []
        gram: Any = 0
        moments: Any = 0
        done = 0
        for size in sizes:
            seen = self.features(near[done:size])
            over = self.target[near[done:size]] - seen @ self.common
            gram, moments = gram + seen.T @ seen, moments + seen.T @ over
            done = min(size, most)
            for ridge in ridges:
                penalty = np.float32(ridge * done) * np.eye(len(gram), dtype=np.float32)
                fitted.append(self.common + np.linalg.solve(gram + penalty, moments))
        return fitted

    def best_choice(
        self, anchors: Floats, rng: np.random.Generator, run: Callable[..., Any]
    ) -> tuple[int, float]:
        """Which number of samples and ridge do best near some anchors, on samples kept back."""
        held = rng.permutation(len(self.target))[: int(len(self.target) * TRIAL_SHARE)]
        order = rng.permutation(len(anchors))
        usable = np.ones(len(self.target), bool)
        usable[held] = False
        half_norms = np.einsum("ij,ij->i", anchors, anchors) / 2
        nearest = (half_norms - self.keys[held] @ anchors.T).argmin(axis=1)

        def errors(anchor: int) -> NDArray[np.float64]:
            mine = held[nearest == anchor]
            if not len(mine):
                return np.zeros(len(SAMPLES_PER_ANCHOR) * len(ANCHOR_RIDGES))
            seen = self.features(mine)
            fitted = self.fit(anchors[anchor], SAMPLES_PER_ANCHOR, ANCHOR_RIDGES, usable)
            return np.array(
                [((self.target[mine] - seen @ w) ** 2).sum(dtype=np.float64) for w in fitted]
            )

        total = sum(run(errors, order[:TRIAL_ANCHORS]))
        choices = [(size, ridge) for size in SAMPLES_PER_ANCHOR for ridge in ANCHOR_RIDGES]
        return choices[int(np.argmin(total))]


def centres(keys: Floats, n_centres: int, rng: np.random.Generator) -> Floats:
    """Lloyd's k-means on some of the keys, in steps that do not depend on the number of threads."""
    sample = keys[rng.permutation(len(keys))[: n_centres * _CENTRE_SAMPLES]]
    centres = sample[:n_centres].copy()
    for _ in range(_CENTRE_ROUNDS):
        norms = np.einsum("ij,ij->i", centres, centres) / 2
        label = np.concatenate(
            [
                (norms - sample[start : start + _CHUNK] @ centres.T).argmin(axis=1)
                for start in range(0, len(sample), _CHUNK)
            ]
        )
        count = np.bincount(label, minlength=n_centres)
        for j, column in enumerate(sample.T):
            mean = np.bincount(label, column, n_centres) / np.maximum(count, 1)
            centres[:, j] = np.where(count > 0, mean, centres[:, j])
    return centres
