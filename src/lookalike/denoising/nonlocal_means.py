"""Non-local means: estimates from those pixels of the same image that have similar surroundings.

A photograph as a whole has no near neighbours, but edges and textures repeat within it. This is
[1]_, except that surroundings are compared in an earlier, less noisy estimate.

References
----------
.. [1] Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.denoising.image_stacks import Floats
from lookalike.search.machine import cpu_path

SEARCH_RADIUS = 8
"""Largest distance of similar pixels, in either direction."""

PATCH_RADIUS = 3
"""Radius of the surroundings that are compared."""

WIDTH = 0.9
"""Root mean square difference of surroundings at which a weight is 1/e, in units of the root mean
square error of the earlier estimate. The second reading uses twice this width."""

LEAST_WIDTH = 0.5

REACH = SEARCH_RADIUS + PATCH_RADIUS

_FINE = 4  # steps of a level: sums of integers are exact, wherever a tile begins
_LEAST_KNOWN = np.float32(1e-3)
_EVIDENCE = np.float32(20)


class NonLocalMeans:
    """Non-local means of noisy images, guided by estimates."""

    reach = REACH
    """Margin in pixels that estimates depend on."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._width = LEAST_WIDTH

    def learn(self, estimate: Floats, truth: NDArray[np.uint8]) -> None:
        """Set the width of the weights from the error of the estimates."""
        off = np.sqrt(np.mean((estimate - truth) ** 2, dtype=np.float64))
        self._width = max(LEAST_WIDTH, WIDTH * float(off))

    def channels(self, noisy: Floats, known: Floats, estimate: Floats) -> list[Floats]:
        """Return estimate (n, h, w, c) and evidence (n, h, w, 1) of each reading.

        ``known`` is the weight of each noisy value, 0 for a value without information.
        """
        counts = _planes(np.maximum(known, _LEAST_KNOWN))
        values = _planes(noisy) * counts
        guide = _planes(np.rint(estimate * _FINE).astype(np.int32))
        n_compared = (2 * PATCH_RADIUS + 1) ** 2 * noisy.shape[3]
        n, *image = values.shape
        sums, weights = np.empty((n, 2, *image), np.float32), np.empty((n, 2, *image), np.float32)
        _core.average_likes(
            guide,
            values,
            counts,
            search_radius=SEARCH_RADIUS,
            patch_radius=PATCH_RADIUS,
            sharpness=1 / (n_compared * (2 * _FINE * self._width) ** 2),
            sums=sums,
            weights=weights,
            cpu=cpu_path(),
            n_threads=self.n_threads,
        )
        inner = (..., slice(REACH, -REACH), slice(REACH, -REACH))
        found = []
        for reading in (0, 1):
            weight = weights[:, reading][inner]
            mean = sums[:, reading][inner] / weight
            evidence = _EVIDENCE * np.log1p(weight.mean(axis=1, keepdims=True))
            found += [np.moveaxis(mean, 1, 3), np.moveaxis(evidence, 1, 3)]
        return [one.astype(np.float32, copy=False) for one in found]


def _planes(images: NDArray[Any]) -> NDArray[Any]:
    """Move channels in front of rows, and mirror the images at their borders."""
    margin = ((0, 0), (0, 0), (REACH, REACH), (REACH, REACH))
    return np.pad(np.moveaxis(images, 3, 1), margin, mode="symmetric")
