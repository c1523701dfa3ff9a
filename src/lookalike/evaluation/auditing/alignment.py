"""How well one picture explains another once it is moved, sized, sharpened and brightened.

Gauss and Newton's steps [1]_, first on small, blurred pictures, which reach far, then on larger
ones: the second picture is written as a sum of the first as it lies now, its derivatives by place
and size, its Laplacian (what blurring adds) and what of it is bright (what saturates). The
derivatives' weights tell where it lies better. What no such sum explains is left over: of copies
next to nothing, anywhere; of other pictures something, somewhere, however alike.

A brightened picture saturates at some value before it is shrunk; a shrunk pixel mixes what did with
what did not. The sum therefore holds what is above one value twice, cut before shrinking and after.
More values would find few more brightened copies, and would explain more pictures that are none.

References
----------
.. [1] Lucas, Kanade, "An iterative image registration technique with an application to stereo
   vision", Proceedings of Imaging Understanding Workshop, 1981; Baker, Matthews, "Lucas-Kanade 20
   years on: a unifying framework", International Journal of Computer Vision 56, 2004.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from lookalike.evaluation.auditing.descriptors import grid

FloatArray = NDArray[np.float32]

FARTHEST, LEAST_SCALE, LARGEST_SCALE = 0.12, 0.92, 1.087
"""Sides that a copy may have moved, and by how much it may have been sized."""

KNEE = 0.8
"""Share of full brightness above which brightening may saturate."""

_RIDGE = 1e-3
_LEAST_COVER = 0.5
_LEAST_SLOPE = 0.1  # of the steeper direction
_N_PARTS = 7


class Aligned(NamedTuple):
    """How the second pictures of pairs are explained by the first.

    Attributes
    ----------
    moves : ndarray of shape (n, 3), float64
        A point p of the second is at y + s p, x + s p of the first: (y, x, s), in sides.
    rest : ndarray of shape (n,), float64
        The length of what is left over, of that of the second picture.
    worst : ndarray of shape (n,), float64
        The largest remainder, blurred by a pixel, of what is strongest in the second.
    lift : ndarray of shape (n,), float64
        How much brighter the second is, on average, of full brightness.
    n_seen : ndarray of shape (n,), float64
        Pixels of the second in which there is something to see; 0 where all edges run one way, for
        then nothing tells its place along them, and any two flags of the same stripes are alike.
    """

    moves: NDArray[np.float64]
    rest: NDArray[np.float64]
    worst: NDArray[np.float64]
    lift: NDArray[np.float64]
    n_seen: NDArray[np.float64]

    @property
    def left(self) -> NDArray[np.float64]:
        """The geometric mean of `rest` and `worst`, which tells copies better than either."""
        mean: NDArray[np.float64] = np.sqrt(self.rest * self.worst)
        return mean


def align(
    first: FloatArray, second: FloatArray, moves: NDArray[np.float64], *, steps: int, blur: float
) -> Aligned:
    """Find out how the second pictures are explained by the first.

    Parameters
    ----------
    first, second : ndarray of shape (n, 3 c, side, side), float32
        As `Pictures.shrink` returns with `KNEE`.
    moves : ndarray of shape (n, 3)
        Where to begin.
    steps : int
    blur : float
        Pixels by which both are blurred.
    """
    n, side = len(first), first.shape[-1]
    second = second[:, : second.shape[1] // 3]
    first, second = (gaussian_filter(maps, (0, 0, blur, blur)) for maps in (first, second))
    n_values = second.shape[1] * side**2
    at = grid(side)
    moves = moves.copy()
    for step in range(steps + 1):
        seen, weight = _resample(first, moves)
        now, *bent = np.split(seen, 3, axis=1)
        dy, dx = (np.gradient(now, axis=axis) for axis in (2, 3))
        by_size = (dy * at[:, np.newaxis] + dx * at) * side
        laplacian = np.gradient(dy, axis=2) + np.gradient(dx, axis=3)
        parts = np.stack([now, dy * side, dx * side, by_size, laplacian, *bent], axis=1)
        # Within what both show, less its mean: the grounds were told from other borders.
        parts = _centred(parts, weight[:, np.newaxis]).reshape(n, _N_PARTS, n_values)
        wanted = _centred(second, weight).reshape(n, n_values)
        lengths = np.sqrt((parts**2).sum(axis=2, keepdims=True)) + np.float32(1e-6)
        parts /= lengths
        normal = parts @ parts.transpose(0, 2, 1) + _RIDGE * np.eye(
            parts.shape[1], dtype=np.float32
        )
        shares = np.linalg.solve(normal, parts @ wanted[..., np.newaxis])
        if step < steps:
            weights = (shares / lengths)[..., 0].astype(np.float64)
            gain = np.where(np.abs(weights[:, 0]) < 0.2, 0.2, weights[:, 0])
            change = np.clip(weights[:, 1:4] / gain[:, np.newaxis], -0.05, 0.05)
            moves += change * moves[:, 2:]
            moves[:, :2] = np.clip(moves[:, :2], -FARTHEST, FARTHEST)
            moves[:, 2] = np.clip(moves[:, 2], LEAST_SCALE, LARGEST_SCALE)
    rest = (wanted - (shares * parts).sum(axis=1)).reshape(second.shape)
    tiny = np.float32(1e-6)
    length = np.sqrt((wanted**2).sum(axis=1)) + tiny
    blurred = gaussian_filter(rest, (0, 0, 1, 1))
    worst = np.abs(blurred).max(axis=(1, 2, 3)) / (np.abs(wanted).max(axis=1) + tiny)
    covered = weight.mean(axis=(1, 2, 3)) >= _LEAST_COVER
    left = np.sqrt((rest**2).sum(axis=(1, 2, 3))) / length
    strength = (wanted.reshape(second.shape) ** 2).sum(axis=1).reshape(n, side**2)
    n_seen = strength.sum(axis=1) ** 2 / ((strength**2).sum(axis=1) + tiny**4)
    slopes = lengths[:, 1:3, 0]
    n_seen *= slopes.min(axis=1) >= _LEAST_SLOPE * slopes.max(axis=1)
    seen = np.maximum(weight.sum(axis=(1, 2, 3)) * second.shape[1], 1)
    lift = ((second - now) * weight).sum(axis=(1, 2, 3)) / seen
    explained = [np.where(covered, x, 1.0) for x in (left, worst)]
    return Aligned(moves, explained[0], explained[1], lift, n_seen)


def _centred(maps: FloatArray, weight: FloatArray) -> FloatArray:
    seen = maps * weight
    mean = seen.sum(axis=(-2, -1), keepdims=True) / np.maximum(
        weight.sum(axis=(-2, -1), keepdims=True), 1
    )
    centred: FloatArray = (seen - mean) * weight
    return centred


def _resample(maps: FloatArray, moves: NDArray[np.float64]) -> tuple[FloatArray, FloatArray]:
    """Return squares as they lie after the moves, and where both are seen (1) or not (0)."""
    side = maps.shape[-1]
    (down, sees_y), (across, sees_x) = (
        _interpolation(moves[:, axis], moves[:, 2], side) for axis in (0, 1)
    )
    seen = down[:, np.newaxis] @ maps @ across.transpose(0, 2, 1)[:, np.newaxis]
    inside = (sees_y[:, :, np.newaxis] & sees_x[:, np.newaxis]).astype(np.float32)
    return seen.astype(np.float32, copy=False), inside[:, np.newaxis]


def _interpolation(
    centre: NDArray[np.float64], scale: NDArray[np.float64], side: int
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return cubic interpolation (Catmull and Rom's) as matrices, and which pixels are seen."""
    at = (centre[:, np.newaxis] + scale[:, np.newaxis] * grid(side) + 0.5) * side - 0.5
    away = np.abs(at[..., np.newaxis] - np.arange(side)).astype(np.float32)
    near = 1 + away * away * (1.5 * away - 2.5)
    far = 2 + away * (-4 + away * (2.5 - 0.5 * away))
    weights: FloatArray = np.where(away < 1, near, np.where(away < 2, far, np.float32(0)))
    border = max(1, round(side / 20))
    place = np.arange(side)
    sees = (at >= border - 0.5) & (at <= side - border - 0.5)
    return weights, sees & (place >= border) & (place < side - border)
