"""Estimate pixels from those of the image itself whose surroundings are like theirs.

Photographs have no neighbours as a whole, but repeat themselves: edges go on, textures return. This
is the non-local mean of [1]_, with surroundings compared in an earlier estimate, where little noise
is left to hide likeness.

References
----------
.. [1] Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.cleaning.levels import Floats
from lookalike.search.cpu import cpu_path

SEARCH_RADIUS = 8
"""How far away a pixel's likes are looked for, in either direction."""

PATCH_RADIUS = 3
"""How far the surroundings reach that are compared."""

WIDTH = 0.9
"""At which root mean square difference of surroundings a weight has fallen to 1/e, in that of the
earlier estimate from the truth. A second reading has twice the width."""

LEAST_WIDTH = 0.5

REACH = SEARCH_RADIUS + PATCH_RADIUS

_FINE = 4  # whole numbers that a level is compared in: their sums are exact, wherever a tile begins
_LEAST_KNOWN = np.float32(1e-3)
_EVIDENCE = np.float32(20)


class SimilarPatches:
    """Non-local means of noisy images, guided by estimates.

    Parameters
    ----------
    n_threads : int
    """

    reach = REACH
    """Pixels on each side that estimates depend on."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._width = LEAST_WIDTH

    def learn(self, estimate: Floats, truth: NDArray[np.uint8]) -> None:
        """Learn how alike surroundings must be from how far estimates are off."""
        off = np.sqrt(np.mean((estimate - truth) ** 2, dtype=np.float64))
        self._width = max(LEAST_WIDTH, WIDTH * float(off))

    def channels(self, noisy: Floats, known: Floats, estimate: Floats) -> list[Floats]:
        """Return estimate and evidence by each reading, of shapes (n, h, w, c) and (n, h, w, 1).

        ``known``, of the images' shape, is what a noisy value counts, from 0 for one that says
        nothing of the true one.
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
    """Channel behind channel, mirrored as far around as there is searched."""
    margin = ((0, 0), (0, 0), (REACH, REACH), (REACH, REACH))
    return np.pad(np.moveaxis(images, 3, 1), margin, mode="symmetric")
