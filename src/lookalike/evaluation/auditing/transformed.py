"""Copies that were mirrored, turned, shifted, cropped, resized, compressed or brightened.

Pairs that may be copies are those whose descriptions are near (`descriptors`). They are aligned,
coarsely, and the best of these finely. A copy is explained by the alignment everywhere. How much
may be left over is told by the place: among many that look alike, such as digits that are one
stroke, less than where a picture is alone. More may be left over where nothing moved, since others
rarely explain one another as they lie. Specks are alike by themselves, and are copies only if they
lie in the same place.

Alignment finds how well one picture explains another once it is moved, sized, sharpened and
brightened, by Gauss and Newton's steps [1]_, first on small, blurred pictures, which reach far,
then on larger ones: the second picture is written as a sum of the first as it lies now, its
derivatives by place and size, its Laplacian (what blurring adds) and what of it is bright (what
saturates). The derivatives' weights tell where it lies better. What no such sum explains is left
over: of copies next to nothing, anywhere; of other pictures something, somewhere, however alike.

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

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from lookalike.array_types import FloatArray, IntArray
from lookalike.evaluation.auditing.descriptors import (
    Pairs,
    Pictures,
    describe,
    find_candidates,
    grid,
    turn,
)
from lookalike.evaluation.auditing.duplicates import Links, first_copies
from lookalike.images.progress import Progress
from lookalike.search.machine import count_threads

Maps = NDArray[np.float32]

LEAST_SIDE = 16
"""Pixels of a picture's side: smaller ones show too little to tell copies from lookalikes."""

_VARIANTS = {
    1: "mirrored",
    2: "mirrored upside down",
    3: "turned 180°",
    4: "turned 90° and mirrored",
    5: "turned 90°",
    6: "turned 270°",
    7: "turned 270° and mirrored",
}
"""What `turn` does, by its number; degrees are counterclockwise, turned first and then mirrored."""

_COARSE_SIDE, _FINE_SIDES = 16, (16, 40)
_MOST_LEFT_COARSELY, _MOST_LEFT_AT_FIRST = 0.4, 0.35
_OF_USUAL, _AT_MOST = 0.3, 0.08
_OF_USUAL_UNMOVED, _AT_MOST_UNMOVED, _AT_MOST_NEAR = 0.5, 0.11, 0.06
"""What may be left over: a share of the distance that is usual there, and limits."""

_UNMOVED, _UNSIZED = 0.005, 0.012  # sides and a share that the finest alignment is off by
_LEAST_SEEN, _LEAST_SEEN_IN_PLACE = 16, 8  # pixels
_IN_PLACE = 0.01  # of the side

_FINELY = 3_000  # pairs aligned finely, which costs; of many pictures one for eight
_VALUES = 1 << 16  # of pairs aligned at a time, which take some 100 bytes each: what caches hold

_FARTHEST, _LEAST_SCALE, _LARGEST_SCALE = 0.12, 0.92, 1.087
"""Sides that a copy may have moved, and by how much it may have been sized."""

_KNEE = 0.8
"""Share of full brightness above which brightening may saturate."""

_RIDGE = 1e-3
_LEAST_COVER = 0.5
_LEAST_SLOPE = 0.1  # of the steeper direction
_N_PARTS = 7


def find_transformed(
    images: NDArray[np.generic],
    *,
    sizes: IntArray | None = None,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> Links:
    """Find the transformed copies among pictures of shape (n, h, w) or (n, h, w, c).

    Exact copies are left out, but for the first, since they would crowd out others. ``sizes`` of
    shape (n, 2) are height and width of the pictures' files, which tell padding. The distance of a
    pair is the largest remainder, as a share of the picture's contrast.
    """
    originals = np.unique(first_copies(images))
    if len(originals) < 2:
        return Links(originals[:0], originals[:0], np.empty(0), [])
    if len(originals) < len(images):
        images, sizes = images[originals], None if sizes is None else sizes[originals]
    pictures = Pictures(images, sizes)
    shown, frames, places = describe(pictures)
    pairs, usual = find_candidates(shown, frames, n_jobs, progress)
    side = int(np.clip(max(images.shape[1:3]), *_FINE_SIDES))
    n_threads = count_threads(n_jobs)

    def coarsely(some: Pairs, moves: FloatArray) -> _Aligned:
        first, second = (
            maps.reshape(len(maps), 3, -1, *maps.shape[2:]).mean(axis=2)
            for maps in _maps(pictures, some, _COARSE_SIDE)
        )
        return _better_start(first, second, moves, steps=4)

    def finely(some: Pairs, moves: FloatArray) -> _Aligned:
        first, second = _maps(pictures, some, side)
        # Fine detail, which small pictures lack, leads them astray.
        found = _better_start(first, second, moves, steps=0)
        near = np.flatnonzero(found.rest < _MOST_LEFT_AT_FIRST)
        better = _both_ways(first[near], second[near], found.moves[near])
        for column, of_near in zip(found, better, strict=True):
            column[near] = of_near
        return found

    coarse = _each(coarsely, pairs, _by_place(places, pairs), _COARSE_SIDE**2, n_threads)
    order = np.argsort(coarse.rest, kind="stable")[: max(_FINELY, len(images) // 8)]
    kept = np.sort(order[coarse.rest[order] < _MOST_LEFT_COARSELY])
    pairs = pairs.take(kept)
    fine = _each(finely, pairs, coarse.moves[kept], pictures.n_channels * side**2, n_threads)
    usual_there = np.minimum(usual[pairs.first], usual[pairs.second])
    moved = np.abs(np.subtract(*_centres(places, pairs))).max(axis=1)
    least_seen = np.where(moved < _IN_PLACE, _LEAST_SEEN_IN_PLACE, _LEAST_SEEN)
    is_unmoved = (np.abs(fine.moves[:, :2]).max(axis=1) < _UNMOVED) & (
        np.abs(fine.moves[:, 2] - 1) < _UNSIZED
    )
    is_copy = fine.left <= np.where(
        is_unmoved,
        np.minimum(_OF_USUAL_UNMOVED * usual_there, _AT_MOST_UNMOVED),
        np.minimum(_OF_USUAL * usual_there, _AT_MOST),
    )
    is_copy &= fine.n_seen >= least_seen
    pairs, fine = pairs.take(is_copy), _Aligned(*(column[is_copy] for column in fine))
    ascends = pairs.first < pairs.second
    how = [
        _explain(variant, move, lift, forth, side)
        for variant, move, lift, forth in zip(
            pairs.variant.tolist(), fine.moves, fine.lift.tolist(), ascends, strict=True
        )
    ]
    low, high = np.minimum(pairs.first, pairs.second), np.maximum(pairs.first, pairs.second)
    return Links(originals[low], originals[high], fine.worst, how)


def confirm_copies(first: NDArray[np.generic], second: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Tell which of the second pictures are explained by the first, as they lie.

    Two pale pictures on white differ in few pixels and by little, and are near by any metric, but
    neither explains the other.
    """
    n = len(first)
    confirmed = np.zeros(n, dtype=bool)
    if n == 0:
        return confirmed
    pictures = Pictures(np.concatenate([first, second]))
    side = int(np.clip(max(first.shape[1:3]), *_FINE_SIDES))
    for rows in _batches(n, pictures.n_channels * side**2):
        one, other = (pictures.shrink(part, side, knee=_KNEE) for part in (rows, rows + n))
        found = _both_ways(one, other, _unmoved(len(rows)))
        confirmed[rows] = (found.left <= _AT_MOST_NEAR) & (found.n_seen >= _LEAST_SEEN)
    return confirmed


class _Aligned(NamedTuple):
    """How the second pictures of n pairs are explained by the first."""

    moves: FloatArray
    """A point p of the second is at y + s p, x + s p of the first: (y, x, s), in sides; (n, 3)."""

    rest: FloatArray
    """The length of what is left over, as a share of that of the second picture; (n,)."""

    worst: FloatArray
    """The largest remainder, blurred by a pixel, as a share of what is strongest in the second."""

    lift: FloatArray
    """How much brighter the second is, on average, as a share of full brightness."""

    n_seen: FloatArray
    """Pixels of the second in which there is something to see; 0 where all edges run one way, for
    then nothing tells its place along them, and any two flags of the same stripes are alike."""

    @property
    def left(self) -> FloatArray:
        """The geometric mean of `rest` and `worst`, which tells copies better than either."""
        mean: FloatArray = np.sqrt(self.rest * self.worst)
        return mean


def _each(
    align_some: Callable[[Pairs, FloatArray], _Aligned],
    pairs: Pairs,
    moves: FloatArray,
    n_values: int,
    n_threads: int,
) -> _Aligned:
    """Align pairs of pictures of so many values, some at a time, beginning with moves."""
    if len(moves) == 0:
        return _Aligned(np.empty((0, 3)), *(np.empty(0) for _ in range(4)))
    with ThreadPoolExecutor(n_threads) as pool:
        batches = _batches(len(moves), n_values)
        parts = list(pool.map(lambda rows: align_some(pairs.take(rows), moves[rows]), batches))
    return _Aligned(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _batches(n: int, n_values: int) -> Iterator[IntArray]:
    size = max(1, _VALUES // n_values)
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))


def _maps(pictures: Pictures, pairs: Pairs, side: int) -> tuple[Maps, Maps]:
    """Return the pairs' small pictures, the first ones turned as their variants say."""
    first, second = (
        pictures.shrink(rows, side, knee=_KNEE) for rows in (pairs.first, pairs.second)
    )
    for variant in np.unique(pairs.variant).tolist():
        rows = pairs.variant == variant
        first[rows] = turn(first[rows], variant)
    return first, second


def _by_place(places: Maps, pairs: Pairs) -> FloatArray:
    """Return moves that bring what is seen in the first over what is seen in the second."""
    first, second = _centres(places, pairs)
    spreads = places[pairs.first, 2] / places[pairs.second, 2]
    scale = np.clip(spreads.astype(float), _LEAST_SCALE, _LARGEST_SCALE)
    moves = np.clip(first - scale[:, np.newaxis] * second, -_FARTHEST, _FARTHEST)
    return np.column_stack([moves, scale])


def _centres(places: Maps, pairs: Pairs) -> tuple[FloatArray, FloatArray]:
    """Return where what is seen lies in the first, turned, and in the second."""
    first, second = places[pairs.first, :2].astype(float), places[pairs.second, :2].astype(float)
    bits = pairs.variant[:, np.newaxis]
    first *= np.where(bits & (2, 1), -1, 1)
    return np.where(bits & 4, first[:, ::-1], first), second


def _unmoved(n: int) -> FloatArray:
    return np.tile([0.0, 0, 1], (n, 1))


def _reversed(moves: FloatArray) -> FloatArray:
    return np.column_stack([-moves[:, :2] / moves[:, 2:], 1 / moves[:, 2]])


def _better_start(first: Maps, second: Maps, moves: FloatArray, *, steps: int) -> _Aligned:
    """Align pictures beginning with moves and as they lie; return what leaves less over."""
    one, other = (_align(first, second, start, steps) for start in (moves, _unmoved(len(first))))
    return _better(one, other, other.rest < one.rest)


def _both_ways(first: Maps, second: Maps, moves: FloatArray) -> _Aligned:
    """Explain the second pictures by the first and the first by the second; return the better."""
    there = _align(first, second, moves, 3)
    back = _align(second, first, _reversed(moves), 3)
    back = back._replace(moves=_reversed(back.moves), lift=-back.lift)
    return _better(there, back, back.left < there.left)


def _better(one: _Aligned, other: _Aligned, other_wins: NDArray[np.bool_]) -> _Aligned:
    moves = np.where(other_wins[:, np.newaxis], other.moves, one.moves)
    columns = zip(one[1:], other[1:], strict=True)
    return _Aligned(moves, *(np.where(other_wins, b, a) for a, b in columns))


def _explain(variant: int, move: FloatArray, lift: float, forth: bool, side: int) -> str:
    """Tell what makes the picture with the higher row of the other."""
    if variant:
        return _VARIANTS[variant if forth or variant not in (5, 6) else 11 - variant]
    if not forth:
        move, lift = _reversed(move[np.newaxis])[0], -lift
    if abs(move[2] - 1) >= 0.02:
        return "cropped" if move[2] < 1 else "padded"
    if np.abs(move[:2]).max() * side >= 0.4:
        return "shifted"
    if abs(lift) >= 0.012:
        return "brighter" if lift > 0 else "darker"
    return "resized or recompressed"


def _align(first: Maps, second: Maps, moves: FloatArray, steps: int) -> _Aligned:
    """Find out how the second pictures are explained by the first, both blurred by a pixel.

    Both are small pictures of shape (n, 3 c, side, side), as `Pictures.shrink` returns with a knee.
    """
    n, side = len(first), first.shape[-1]
    second = second[:, : second.shape[1] // 3]
    first, second = (gaussian_filter(maps, (0, 0, 1, 1)) for maps in (first, second))
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
        normal = parts @ parts.transpose(0, 2, 1) + _RIDGE * np.eye(_N_PARTS, dtype=np.float32)
        shares = np.linalg.solve(normal, parts @ wanted[..., np.newaxis])
        if step < steps:
            weights = (shares / lengths)[..., 0].astype(np.float64)
            gain = np.where(np.abs(weights[:, 0]) < 0.2, 0.2, weights[:, 0])
            change = np.clip(weights[:, 1:4] / gain[:, np.newaxis], -0.05, 0.05)
            moves += change * moves[:, 2:]
            moves[:, :2] = np.clip(moves[:, :2], -_FARTHEST, _FARTHEST)
            moves[:, 2] = np.clip(moves[:, 2], _LEAST_SCALE, _LARGEST_SCALE)
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
    n_pixels = np.maximum(weight.sum(axis=(1, 2, 3)) * second.shape[1], 1)
    lift = ((second - now) * weight).sum(axis=(1, 2, 3)) / n_pixels
    return _Aligned(
        moves, np.where(covered, left, 1.0), np.where(covered, worst, 1.0), lift, n_seen
    )


def _centred(maps: Maps, weight: Maps) -> Maps:
    seen = maps * weight
    n_pixels = np.maximum(weight.sum(axis=(-2, -1), keepdims=True), 1)
    centred: Maps = (seen - seen.sum(axis=(-2, -1), keepdims=True) / n_pixels) * weight
    return centred


def _resample(maps: Maps, moves: FloatArray) -> tuple[Maps, Maps]:
    """Return squares as they lie after the moves, and where both are seen (1) or not (0)."""
    side = maps.shape[-1]
    (down, sees_y), (across, sees_x) = (
        _interpolation(moves[:, axis], moves[:, 2], side) for axis in (0, 1)
    )
    seen = down[:, np.newaxis] @ maps @ across.transpose(0, 2, 1)[:, np.newaxis]
    inside = (sees_y[:, :, np.newaxis] & sees_x[:, np.newaxis]).astype(np.float32)
    return seen.astype(np.float32, copy=False), inside[:, np.newaxis]


def _interpolation(
    centre: FloatArray, scale: FloatArray, side: int
) -> tuple[Maps, NDArray[np.bool_]]:
    """Return cubic interpolation (Catmull and Rom's) as matrices, and which pixels are seen."""
    at = (centre[:, np.newaxis] + scale[:, np.newaxis] * grid(side) + 0.5) * side - 0.5
    away = np.abs(at[..., np.newaxis] - np.arange(side)).astype(np.float32)
    near = 1 + away * away * (1.5 * away - 2.5)
    far = 2 + away * (-4 + away * (2.5 - 0.5 * away))
    weights: Maps = np.where(away < 1, near, np.where(away < 2, far, np.float32(0)))
    border = max(1, round(side / 20))
    place = np.arange(side)
    sees = (at >= border - 0.5) & (at <= side - border - 0.5)
    return weights, sees & (place >= border) & (place < side - border)
