"""Ridge regressions from windows to pixels: one for all, or one for each kind of patch.

Anchored neighbourhood regression, A+ of [1]_: anchors are the centres of a k-means of patches of an
earlier estimate; each has a ridge regression, fitted to the training patches nearest to it; a pixel
is predicted by the regression of the anchor that its own patch is nearest to.

Unlike there, what an anchor's regression learns is what the one for all leaves over, and its ridge
pulls towards that one: anchors with little to learn from do no harm.

References
----------
.. [1] Timofte, De Smet, Van Gool, "A+: Adjusted Anchored Neighborhood Regression for Fast
   Super-Resolution", ACCV 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from threadpoolctl import threadpool_limits

from lookalike import _core
from lookalike.cleaning.levels import Floats
from lookalike.cleaning.windows import Positions, padded, windows
from lookalike.search.cpu import cpu_path

RADIUS = 3
KEY_RADIUS = 2

RIDGE = 1.0
"""Penalty of the regression for all, per sample, in squared levels."""

SAMPLES_PER_ANCHOR = (2000, 8000)
ANCHOR_RIDGES = (5.0, 20.0, 100.0, 400.0)
"""How many of the nearest patches an anchor learns from, and the penalty, per sample, on its
difference from the regression for all: which of them is tried out on some anchors first."""

TRIAL_ANCHORS = 24
TRIAL_SHARE = 0.1
"""Of the samples, kept back for the trial."""

PAPER_SHARE = 0.15
"""How often a pixel with nothing near it is learned from, compared with others."""

_INTERCEPT = 100.0  # the constant feature: so large that its weight is hardly penalised
_CHUNK = 16384
_CENTRE_SAMPLES = 100
_CENTRE_ROUNDS = 6
_LANES = 16
_ANCHOR_BLOCK = 64
_NEVER = np.float32(3e38)  # half the squared norm of anchors that pad the last vector


class AnchoredRegression:
    """Regressions from windows of channels to pixels.

    Parameters
    ----------
    n_anchors : int
        1: a single regression, without a key.
    n_samples : int
        Pixels that are learned from.
    blend : int
        How many of the nearest anchors' predictions are averaged.
    n_threads : int
    """

    def __init__(self, n_anchors: int, n_samples: int, blend: int, n_threads: int) -> None:
        self.n_anchors = n_anchors
        self.n_samples = n_samples
        self.blend = blend
        self.n_threads = n_threads

    def fit(
        self,
        channels: Sequence[Floats],
        truth: NDArray[np.uint8],
        rng: np.random.Generator,
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        """Learn; the key is taken from the first channel, which has the truth's shape."""
        stack = padded(channels, RADIUS)
        at = _positions(truth, self.n_samples, rng)
        target = truth[at].astype(np.float32)
        n_features = (2 * RADIUS + 1) ** 2 * stack.shape[3] + 1

        def features(part: NDArray[np.intp] | slice) -> Floats:
            seen = windows(stack, RADIUS, tuple(axis[part] for axis in at))  # type: ignore[arg-type]
            return np.append(seen, np.full((len(seen), 1), _INTERCEPT, np.float32), axis=1)

        def products(start: int) -> tuple[Floats, Floats]:
            seen = features(slice(start, start + _CHUNK))
            return seen.T @ seen, seen.T @ target[start : start + _CHUNK]

        # BLAS rounds differently with the number of its threads; ours share out whole problems.
        with threadpool_limits(1), ThreadPoolExecutor(self.n_threads) as pool:
            n = len(target)
            gram = np.zeros((n_features, n_features))
            moments = np.zeros((n_features, target.shape[1]))
            for one, other in pool.map(products, range(0, n, _CHUNK)):
                gram += one
                moments += other
            common = np.linalg.solve(gram + RIDGE * n * np.eye(n_features), moments)
            n_anchors = min(self.n_anchors, n // 64)
            if n_anchors <= 1:
                self._take(np.zeros((1, 0), np.float32), common[None])
                return
            planes = np.ascontiguousarray(stack[..., : truth.shape[3]])
            keys = windows(planes, KEY_RADIUS, at, centre=RADIUS)
            anchors = _centres(keys, n_anchors, rng)
            left = _Leftovers(keys, features, target, common.astype(np.float32))
            held = rng.permutation(n)[: int(n * TRIAL_SHARE)]
            size, ridge = left.best_choice(anchors, rng.permutation(n_anchors), held, pool.map)
            weights = np.empty((n_anchors, *common.shape), np.float32)
            fits = pool.map(lambda anchor: left.fit(anchor, (size,), (ridge,))[0], anchors)
            for done, one in enumerate(fits):
                weights[done] = one
                progress((done + 1) / n_anchors)
        self._take(anchors, weights)

    def _take(self, anchors: Floats, weights: NDArray[np.floating]) -> None:
        """Lay anchors and weights out as native code reads them."""
        n_anchors, n_features, n_outputs = weights.shape
        side = 2 * RADIUS + 1
        padding = -n_anchors % _ANCHOR_BLOCK
        if not anchors.size:
            anchors = np.zeros((1, (2 * KEY_RADIUS + 1) ** 2 * n_outputs), np.float32)
        self._anchors = np.ascontiguousarray(np.pad(anchors, ((0, padding), (0, 0))).T)
        norms = np.einsum("ij,ij->i", anchors, anchors) / 2
        self._norms = np.append(norms, np.full(padding, _NEVER)).astype(np.float32)
        rows = weights[:, :-1].transpose(0, 2, 1).reshape(n_anchors, n_outputs, side, -1)
        self._weights = np.pad(
            rows, ((0, 0), (0, 0), (0, 0), (0, -rows.shape[3] % _LANES))
        ).astype(np.float32, order="C")
        self._biases = (weights[:, -1] * _INTERCEPT).astype(np.float32, order="C")

    def predict(self, channels: Sequence[Floats]) -> Floats:
        """Return the prediction of each pixel, of shape (n, h, w, n_outputs)."""
        stack = padded(channels, RADIUS)
        out = np.empty((*channels[0].shape[:3], self._biases.shape[1]), np.float32)
        _core.regress_images(
            stack,
            anchors=self._anchors,
            norms=self._norms,
            weights=self._weights,
            biases=self._biases,
            radius=RADIUS,
            key_radius=KEY_RADIUS,
            blend=min(self.blend, len(self._biases)),
            out=out,
            cpu=cpu_path(),
            n_threads=self.n_threads,
        )
        return out


class _Leftovers:
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
        self, anchors: Floats, order: NDArray[np.intp], held: NDArray[np.intp], run: Any
    ) -> tuple[int, float]:
        """Which number of samples and ridge do best on samples kept back."""
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
            return np.array([((self.target[mine] - seen @ w) ** 2).sum(dtype=np.float64) for w in fitted])

        total = sum(run(errors, order[:TRIAL_ANCHORS]))
        choices = [(size, ridge) for size in SAMPLES_PER_ANCHOR for ridge in ANCHOR_RIDGES]
        import os
        if os.environ.get("DBG"): print([(c, round(float(t/total.min()),4)) for c,t in zip(choices,total)], flush=True)
        return choices[int(np.argmin(total))]


def _positions(truth: NDArray[np.uint8], n_samples: int, rng: np.random.Generator) -> Positions:
    """Draw pixels to learn from, those with nothing near them less often."""
    near = maximum_filter(truth.max(axis=3), size=(1, 5, 5))
    chance = np.where(near > 0, np.float32(1), np.float32(PAPER_SHARE))
    chance *= np.float32(n_samples / chance.sum(dtype=np.float64))
    drawn = np.nonzero(rng.random(chance.shape, dtype=np.float32) < chance)
    return drawn if len(drawn[0]) else np.nonzero(chance)


def _centres(keys: Floats, n_centres: int, rng: np.random.Generator) -> Floats:
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
