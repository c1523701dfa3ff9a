"""Ridge regressions from windows to pixels: a common one, or one for each kind of patch.

This is anchored neighbourhood regression, A+ of [1]_: anchors are the k-means centres of patches of
an earlier estimate; each has a ridge regression, fitted to the training patches nearest to it; the
regression of the anchor nearest to its own patch predicts a pixel.

Unlike in A+, the regression of an anchor learns the residuals of the common one, and its ridge
shrinks it to that one: anchors with few samples do no harm. Each anchor learns from the patches
nearest to it, so a patch serves several anchors. Patches are first grouped into cells; the products
of each cell are summed once, and an anchor adds up the cells nearest to it. This takes less than
half the time of summing for each anchor separately, and predicts as well.

References
----------
.. [1] Timofte, De Smet, Van Gool, "A+: Adjusted Anchored Neighborhood Regression for Fast
   Super-Resolution", ACCV 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from threadpoolctl import threadpool_limits

from lookalike import _core
from lookalike.denoising.image_stacks import Floats
from lookalike.denoising.patches import INTERCEPT, KEY_RADIUS, RADIUS, Patches, Positions, padded
from lookalike.search.machine import cpu_path

RIDGE = 1.0
"""Penalty of the common regression, per sample, in squared levels."""

PAPER_SHARE = 0.15
"""Relative sampling rate of pixels on an empty background."""

COMMON_SAMPLES = 200_000
"""Samples of the common regression, if anchors correct it."""

MOST_PRODUCTS = 420_000_000_000
"""Limit of samples times squared features: images with many channels get fewer samples."""

LEAST_SAMPLES = 1000
"""Least number of training patches per anchor; with fewer patches there are fewer anchors."""

Run = Callable[..., Iterable[Any]]
"""``map``, or the ``map`` of a thread pool."""

SAMPLES_PER_ANCHOR = (3000, 12000)
ANCHOR_RIDGES = (5.0, 20.0, 100.0, 400.0)
"""Numbers of nearest patches that an anchor learns from, and penalties per sample on its difference
from the common regression. A trial on some of the anchors chooses among them."""

TRIAL_ANCHORS = 24
TRIAL_SHARE = 0.1
"""Share of the samples held out for the trial."""

SAMPLES_PER_CELL = 500

_CENTRE_SAMPLES = 100
_CENTRE_ROUNDS = 6
_CELLS_AT_ONCE = 32
_CHUNK = 16384
_LANES = 16
_ANCHOR_BLOCK = 32
_NEVER = np.float32(3e38)  # half the squared norm of padding anchors


@dataclass(eq=False)
class AnchoredRegression:
    """Regressions from windows of channels to pixels.

    With one anchor there is a single regression without a key. ``n_samples`` are the pixels to
    learn from, and ``blend`` the nearest anchors whose predictions are averaged.
    """

    n_anchors: int
    n_samples: int
    blend: int
    n_threads: int

    def fit(
        self,
        channels: Sequence[Floats],
        truth: NDArray[np.uint8],
        rng: np.random.Generator,
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        """Fit; the key is taken from the first channel, which has the shape of ``truth``."""
        n_features = (2 * RADIUS + 1) ** 2 * sum(channel.shape[3] for channel in channels) + 1
        n_samples = min(self.n_samples, MOST_PRODUCTS // n_features**2)
        patches = Patches(channels, truth, _positions(truth, n_samples, rng))
        n_anchors = min(self.n_anchors, len(patches) // LEAST_SAMPLES)
        # The rounding of BLAS depends on its threads; ours work on whole problems instead.
        with threadpool_limits(1), ThreadPoolExecutor(self.n_threads) as pool:
            n_seen = COMMON_SAMPLES if n_anchors > 1 else len(patches)
            common = _fit_common(patches, n_seen, pool.map)
            anchors, weights = np.zeros((1, patches.keys.shape[1]), np.float32), common[None]
            if n_anchors > 1:
                anchors = centres(patches.keys, n_anchors, rng)
                choice = best_choice(patches, common, anchors, rng, pool.map)
                weights = fit_near(patches, common, anchors, choice, rng, pool.map, progress)
        self._take(anchors, weights)

    def _take(self, anchors: Floats, weights: NDArray[np.floating]) -> None:
        """Arrange anchors and weights for native code."""
        n_anchors, _, n_outputs = weights.shape
        norms = np.einsum("ij,ij->i", anchors, anchors) / 2
        order = np.argsort(norms, kind="stable")
        padding = -n_anchors % _ANCHOR_BLOCK
        blocks = np.pad(anchors[order], ((0, padding), (0, 0)))
        blocks = blocks.reshape(-1, _ANCHOR_BLOCK, anchors.shape[1]).transpose(0, 2, 1)
        self._anchors = np.ascontiguousarray(blocks, np.float32)
        self._norms = np.append(norms[order], np.full(padding, _NEVER)).astype(np.float32)
        weights = weights[order]
        rows = weights[:, :-1].transpose(0, 2, 1).reshape(n_anchors, n_outputs, 2 * RADIUS + 1, -1)
        lanes = ((0, 0), (0, 0), (0, 0), (0, -rows.shape[3] % _LANES))
        self._weights = np.pad(rows, lanes).astype(np.float32, order="C")
        self._biases = (weights[:, -1] * INTERCEPT).astype(np.float32, order="C")

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


def _positions(truth: NDArray[np.uint8], n_samples: int, rng: np.random.Generator) -> Positions:
    """Draw pixels to learn from, with fewer on an empty background."""
    near = maximum_filter(truth.max(axis=3), size=(1, 5, 5))
    chance = np.where(near > 0, np.float32(1), np.float32(PAPER_SHARE))
    chance *= np.float32(n_samples / chance.sum(dtype=np.float64))
    drawn = rng.random(chance.shape, dtype=np.float32) < chance
    image, y, x = np.nonzero(drawn if drawn.any() else chance)
    return image, y, x


def _fit_common(patches: Patches, n_seen: int, run: Run) -> Floats:
    """Fit the common regression to at least some of the patches."""
    seen = np.arange(0, len(patches), max(1, len(patches) // n_seen))
    parts = [seen[start : start + _CHUNK] for start in range(0, len(seen), _CHUNK)]
    gram = RIDGE * len(seen) * np.eye(patches.n_features)
    moments = np.zeros((patches.n_features, patches.target.shape[1]))
    for one, other in run(patches.products, parts):
        gram += one
        moments += other
    return np.linalg.solve(gram, moments).astype(np.float32)


def centres(keys: Floats, n_centres: int, rng: np.random.Generator) -> Floats:
    """Run Lloyd's k-means on a sample of keys; the number of threads does not change the result."""
    sample = keys[rng.permutation(len(keys))[: n_centres * _CENTRE_SAMPLES]]
    centres = sample[:n_centres].copy()
    for _ in range(_CENTRE_ROUNDS):
        label = _nearest(sample, centres)
        count = np.bincount(label, minlength=n_centres)
        for j, column in enumerate(sample.T):
            mean = np.bincount(label, column, n_centres) / np.maximum(count, 1)
            centres[:, j] = np.where(count > 0, mean, centres[:, j])
    return centres


def best_choice(
    patches: Patches, common: Floats, anchors: Floats, rng: np.random.Generator, run: Run
) -> tuple[int, float]:
    """Return the number of samples and the ridge with the least error on held-out samples."""
    held = rng.permutation(len(patches))[: int(len(patches) * TRIAL_SHARE)]
    order = rng.permutation(len(anchors))
    norms = np.einsum("ij,ij->i", patches.keys, patches.keys)
    norms[held] = np.inf
    label = _nearest(patches.keys[held], anchors, run)

    def errors(anchor: int) -> NDArray[np.float64]:
        mine = held[label == anchor]
        if not len(mine):
            return np.zeros(len(SAMPLES_PER_ANCHOR) * len(ANCHOR_RIDGES))
        apart = norms - 2 * (patches.keys @ anchors[anchor])
        most = min(len(apart) - len(held), SAMPLES_PER_ANCHOR[-1])
        near = np.argpartition(apart, most - 1)[:most]
        near = near[np.argsort(apart[near], kind="stable")]
        gram: Any = 0
        moments: Any = 0
        missed = []
        for begin, end in zip((0, *SAMPLES_PER_ANCHOR), SAMPLES_PER_ANCHOR, strict=False):
            more = patches.products(near[begin:end])
            gram, moments = gram + more[0], moments + more[1]
            for ridge in ANCHOR_RIDGES:
                weights = _ridge(gram, moments, common, ridge * min(end, most))
                off = patches.target[mine] - patches.predict(weights, mine)
                missed.append((off**2).sum(dtype=np.float64))
        return np.array(missed)

    total = sum(run(errors, order[:TRIAL_ANCHORS]))
    choices = [(size, ridge) for size in SAMPLES_PER_ANCHOR for ridge in ANCHOR_RIDGES]
    return choices[int(np.argmin(total))]


def fit_near(
    patches: Patches,
    common: Floats,
    anchors: Floats,
    choice: tuple[int, float],
    rng: np.random.Generator,
    run: Run,
    progress: Callable[[float], None],
) -> Floats:
    """Return the weights near each anchor, of shape (anchors, features, outputs)."""
    size, ridge = choice
    cells = _cells(patches.keys, anchors, rng, run)
    count = np.array([len(cell) for cell in cells])
    means = np.stack([patches.keys[cell].mean(axis=0) for cell in cells])
    takes = _cells_near(anchors, means, count, size)
    n_anchors, n_features = len(anchors), patches.n_features
    # Only the upper triangles are stored: the matrices are symmetric.
    grams = [np.zeros((n_anchors, n_features - row), np.float32) for row in range(n_features)]
    moments = np.zeros((n_anchors, *common.shape), np.float32)
    for start in range(0, len(cells), _CELLS_AT_ONCE):
        taken = np.ascontiguousarray(takes[:, start : start + _CELLS_AT_ONCE])
        summed = run(patches.products, cells[start : start + _CELLS_AT_ONCE])
        grams_of, moments_of = (np.stack(each) for each in zip(*summed, strict=True))
        moments += np.tensordot(taken, moments_of, axes=1)

        def add(row: int, taken: Floats = taken, grams_of: Floats = grams_of) -> None:
            grams[row] += taken @ grams_of[:, row, row:]

        for _ in run(add, range(n_features)):
            pass
        progress(min(1.0, (start + _CELLS_AT_ONCE) / len(cells)))
    n_taken = takes @ count

    def solved(at: int) -> Floats:
        gram = np.empty((n_features, n_features), np.float32)
        for row, of_anchors in enumerate(grams):
            gram[row, row:] = gram[row:, row] = of_anchors[at]
        return _ridge(gram, moments[at], common, ridge * float(n_taken[at]))

    return np.stack(list(run(solved, range(n_anchors))))


def _ridge(gram: Floats, moments: Floats, common: Floats, penalty: float) -> Floats:
    """Fit the residuals of the common regression; return the sum of both weights."""
    penalties = np.float32(penalty) * np.eye(len(gram), dtype=np.float32)
    beyond = np.linalg.solve(gram + penalties, moments - gram @ common)
    return np.asarray(common + beyond, np.float32)


def _cells(
    keys: Floats, anchors: Floats, rng: np.random.Generator, run: Run
) -> list[NDArray[np.intp]]:
    """Group patches by nearest anchor, and these groups into cells around random members."""
    order = rng.permutation(len(keys))
    label = _nearest(keys[order], anchors, run)

    def cut(patches: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        n_cells = max(1, len(patches) // SAMPLES_PER_CELL)
        return _grouped(patches, _nearest(keys[patches], keys[patches[:n_cells]]), n_cells)

    # Equal patches give equal anchors; all but the first of these have no patches.
    groups = [group for group in _grouped(order, label, len(anchors)) if len(group)]
    return [cell for cell in chain.from_iterable(run(cut, groups)) if len(cell)]


def _grouped(values: NDArray[np.intp], label: NDArray[np.intp], n: int) -> list[NDArray[np.intp]]:
    """Return the values of each label, in their original order."""
    ends = np.cumsum(np.bincount(label, minlength=n))
    return np.split(values[np.argsort(label, kind="stable")], ends[:-1])


def _cells_near(anchors: Floats, means: Floats, count: NDArray[np.intp], size: int) -> Floats:
    """Mark with 1 the cells nearest to each anchor that together hold ``size`` patches."""
    apart = np.einsum("ij,ij->i", means, means) - 2 * (anchors @ means.T)
    near = np.argsort(apart, axis=1, kind="stable")
    before = np.cumsum(count[near], axis=1) - count[near]
    takes = np.empty(apart.shape, np.float32)
    np.put_along_axis(takes, near, before < size, axis=1)
    return takes


def _nearest(keys: Floats, centres: Floats, run: Run = map) -> NDArray[np.intp]:
    """Return the index of the centre nearest to each key."""
    half_norms = np.einsum("ij,ij->i", centres, centres) / 2

    def of(start: int) -> Any:
        return (half_norms - keys[start : start + _CHUNK] @ centres.T).argmin(1)

    return np.concatenate(list(run(of, range(0, len(keys), _CHUNK))))
