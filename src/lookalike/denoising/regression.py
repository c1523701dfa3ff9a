"""Ridge regressions from windows to pixels: a common one, or one for each kind of patch.

This is anchored neighbourhood regression, A+ of [1]_: anchors are the k-means centres of patches of
an earlier estimate; each has a ridge regression, fitted to the training patches nearest to it; the
regression of the anchor nearest to its own patch predicts a pixel.

Unlike in A+, the regression of an anchor learns the residuals of the common one, and its ridge
shrinks it to that one: anchors with few samples do no harm.

References
----------
.. [1] Timofte, De Smet, Van Gool, "A+: Adjusted Anchored Neighborhood Regression for Fast
   Super-Resolution", ACCV 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from threadpoolctl import threadpool_limits

from lookalike import _core
from lookalike.denoising.anchors import best_choice, centres, fit_near
from lookalike.denoising.intensity_scale import Floats
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

_CHUNK = 16384
_LANES = 16
_ANCHOR_BLOCK = 32
_NEVER = np.float32(3e38)  # half the squared norm of padding anchors


class AnchoredRegression:
    """Regressions from windows of channels to pixels.

    Parameters
    ----------
    n_anchors : int
        With 1, a single regression without a key.
    n_samples : int
        Number of pixels to learn from.
    blend : int
        Number of nearest anchors whose predictions are averaged.
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
        """Fit; the key is taken from the first channel, which has the shape of ``truth``."""
        n_features = (2 * RADIUS + 1) ** 2 * sum(channel.shape[3] for channel in channels) + 1
        n_samples = min(self.n_samples, MOST_PRODUCTS // n_features**2)
        patches = Patches(channels, truth, _positions(truth, n_samples, rng))
        n_anchors = min(self.n_anchors, len(patches) // LEAST_SAMPLES)
        # The rounding of BLAS depends on its threads; ours work on whole problems instead.
        with threadpool_limits(1), ThreadPoolExecutor(self.n_threads) as pool:
            common = self._fit_common(
                patches, COMMON_SAMPLES if n_anchors > 1 else len(patches), pool
            )
            if n_anchors <= 1:
                self._take(np.zeros((1, 0), np.float32), common[None])
                return
            anchors = centres(patches.keys, n_anchors, rng)
            choice = best_choice(patches, common, anchors, rng, pool.map)
            weights = fit_near(patches, common, anchors, choice, rng, pool.map, progress)
        self._take(anchors, weights)

    def _fit_common(self, patches: Patches, n_seen: int, pool: ThreadPoolExecutor) -> Floats:
        """Fit the common regression to at least some of the patches."""
        every = max(1, len(patches) // n_seen)
        seen = np.arange(0, len(patches), every)
        parts = [seen[start : start + _CHUNK] for start in range(0, len(seen), _CHUNK)]
        n_features = patches.n_features
        gram = RIDGE * len(seen) * np.eye(n_features)
        moments = np.zeros((n_features, patches.target.shape[1]))
        for one, other in pool.map(patches.products, parts):
            gram += one
            moments += other
        return np.linalg.solve(gram, moments).astype(np.float32)

    def _take(self, anchors: Floats, weights: NDArray[np.floating]) -> None:
        """Arrange anchors and weights for native code."""
        n_anchors, _, n_outputs = weights.shape
        side = 2 * RADIUS + 1
        if not anchors.size:
            anchors = np.zeros((1, (2 * KEY_RADIUS + 1) ** 2 * n_outputs), np.float32)
        norms = np.einsum("ij,ij->i", anchors, anchors) / 2
        order = np.argsort(norms, kind="stable")
        padding = -n_anchors % _ANCHOR_BLOCK
        blocks = np.pad(anchors[order], ((0, padding), (0, 0)))
        blocks = blocks.reshape(-1, _ANCHOR_BLOCK, anchors.shape[1]).transpose(0, 2, 1)
        self._anchors = np.ascontiguousarray(blocks, np.float32)
        self._norms = np.append(norms[order], np.full(padding, _NEVER)).astype(np.float32)
        weights = weights[order]
        rows = weights[:, :-1].transpose(0, 2, 1).reshape(n_anchors, n_outputs, side, -1)
        self._weights = np.pad(rows, ((0, 0), (0, 0), (0, 0), (0, -rows.shape[3] % _LANES))).astype(
            np.float32, order="C"
        )
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
