"""Copies that were mirrored, turned, shifted, cropped, resized, compressed or brightened.

Pairs that may be copies are found by searching the descriptions of the pictures' eight mirrored and
turned variants (seven searches: one quarter turn is the other's reverse); the nearest as a multiple
of what is usual around both are aligned (`alignment`), coarsely, and the best of these finely. A
copy is explained by the alignment everywhere. How much may be left over is told by the place: among
many that look alike, such as digits that are one stroke, less than where a picture is alone. More
may be left over where nothing moved, since others rarely explain one another as they lie. Specks
are alike by themselves, and are copies only if they lie in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.auditing.alignment import (
    FARTHEST,
    KNEE,
    LARGEST_SCALE,
    LEAST_SCALE,
    Aligned,
    align,
)
from lookalike.evaluation.auditing.descriptors import Pictures, describe, turn
from lookalike.images.progress import Progress
from lookalike.search.machine import count_threads
from lookalike.search.nearest import NearestNeighbors

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
LEAST_SIDE = 16
"""Pixels of a picture's side: smaller ones show too little to tell copies from lookalikes."""

VARIANTS = {
    0: "",
    1: "mirrored",
    2: "mirrored upside down",
    3: "turned 180°",
    4: "turned 90° and mirrored",
    5: "turned 90°",
    6: "turned 270°",
    7: "turned 270° and mirrored",
}
"""What `turn` does, by its number; degrees are counterclockwise, turned first and then mirrored."""

_SEARCHED = (0, 1, 2, 3, 4, 5, 7)
_NEIGHBORS = 8
_COARSE_SIDE, _FINE_SIDES = 16, (16, 40)
_MOST_LEFT_COARSELY, _MOST_LEFT_AT_FIRST = 0.4, 0.35
_OF_USUAL, _AT_MOST = 0.3, 0.08
_OF_USUAL_UNMOVED, _AT_MOST_UNMOVED, _AT_MOST_NEAR = 0.5, 0.11, 0.06
"""What may be left over: a share of the distance that is usual there, and limits."""

_UNMOVED, _UNSIZED = 0.005, 0.012  # sides and a share that the finest alignment is off by
_LEAST_SEEN, _LEAST_SEEN_IN_PLACE = 16, 8  # pixels
_IN_PLACE = 0.01  # of the side

_DENSEST = 0.05  # many copies of one picture are no usual distance: see `duplicates`
_COARSELY, _FINELY = (1_000, 8_000), 3_000
"""Pairs aligned, which costs: two for each picture and some, of many pictures fewer."""

_VALUES = 1 << 16  # of pairs aligned at a time, which take some 100 bytes each: what caches hold


class Links(NamedTuple):
    """Pairs of pictures that are copies of one another.

    Attributes
    ----------
    first, second : ndarray of shape (n,), int64
        Rows, the lower first.
    distances : ndarray of shape (n,), float64
        The largest remainder, as a share of the picture's contrast.
    how : list of str
        What makes the second of the first.
    """

    first: IntArray
    second: IntArray
    distances: FloatArray
    how: list[str]


class _Pairs(NamedTuple):
    """Pairs: the second may be the variant of the first."""

    first: IntArray
    second: IntArray
    variant: IntArray

    def take(self, rows: NDArray[np.generic]) -> _Pairs:
        return _Pairs(*(column[rows] for column in self))


def count_searches(n: int) -> int:
    """Return how many pictures `find_transformed` searches for, as it tells its progress."""
    return n * (len(_SEARCHED) + 1)


def find_transformed(
    images: NDArray[np.generic],
    *,
    sizes: IntArray | None = None,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> Links:
    """Find the copies among pictures.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c)
        Their pixels differ: exact copies crowd out others.
    sizes : ndarray of shape (n, 2), optional
        Height and width of their files, which tell padding.
    n_jobs : int, default=None
        Threads, as of `NearestNeighbors`.
    progress : callable, default=None
        Called as ``progress(done, total)``.
    """
    pictures = Pictures(images, sizes)
    shown, frames, places = describe(pictures)
    pairs, usual = _candidates(shown, frames, n_jobs, progress)
    side = int(np.clip(max(images.shape[1:3]), *_FINE_SIDES))
    n_threads = count_threads(n_jobs)

    def coarsely(some: _Pairs) -> Aligned:
        first, second = (
            maps.reshape(len(maps), 3, -1, *maps.shape[2:]).mean(axis=2)
            for maps in _maps(pictures, some, _COARSE_SIDE)
        )
        starts = _by_place(places, some), _unmoved(len(first))
        tried = [align(first, second, moves, steps=4, blur=1.0) for moves in starts]
        return _better(*tried, by="rest")

    coarse = _each(coarsely, pairs, _COARSE_SIDE**2, n_threads)
    order = np.argsort(coarse.rest, kind="stable")[: max(_FINELY, len(images) // 8)]
    kept = np.sort(order[coarse.rest[order] < _MOST_LEFT_COARSELY])
    pairs, moves = pairs.take(kept), coarse.moves[kept]

    def finely(some: _Pairs, moves: FloatArray) -> Aligned:
        first, second = _maps(pictures, some, side)
        # Fine detail, which small pictures lack, leads them astray.
        starts = moves, _unmoved(len(first))
        tried = [align(first, second, start, steps=0, blur=1.0) for start in starts]
        found = _better(*tried, by="rest")
        near = np.flatnonzero(found.rest < _MOST_LEFT_AT_FIRST)
        first, second, moves = first[near], second[near], found.moves[near]
        there = align(first, second, moves, steps=3, blur=1.0)
        back = align(second, first, _reversed(moves), steps=3, blur=1.0)
        back = back._replace(moves=_reversed(back.moves), lift=-back.lift)
        for column, better in zip(found, _better(there, back, by="left"), strict=True):
            column[near] = better
        return found

    fine = _each(finely, pairs, pictures.n_channels * side**2, n_threads, moves)
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
    pairs, fine = pairs.take(is_copy), Aligned(*(column[is_copy] for column in fine))
    ascends = pairs.first < pairs.second
    return Links(
        np.where(ascends, pairs.first, pairs.second),
        np.where(ascends, pairs.second, pairs.first),
        fine.worst,
        [
            _explain(variant, move, lift, forth, side)
            for variant, move, lift, forth in zip(
                pairs.variant.tolist(), fine.moves, fine.lift.tolist(), ascends, strict=True
            )
        ],
    )


def confirm_copies(first: NDArray[np.generic], second: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Tell which pictures are explained by others, as they lie.

    Two pale pictures on white differ in few pixels and by little, and are near by any metric, but
    neither explains the other.

    Parameters
    ----------
    first, second : ndarray of shape (n, h, w) or (n, h, w, c)

    Returns
    -------
    ndarray of shape (n,), bool
    """
    n = len(first)
    confirmed = np.zeros(n, dtype=bool)
    if n == 0:
        return confirmed
    pictures = Pictures(np.concatenate([first, second]))
    side = int(np.clip(max(first.shape[1:3]), *_FINE_SIDES))
    for rows in _batches(n, pictures.n_channels * side**2):
        one, other = (pictures.shrink(part, side, knee=KNEE) for part in (rows, rows + n))
        still = _unmoved(len(rows))
        there = align(one, other, still, steps=3, blur=1.0)
        back = align(other, one, still, steps=3, blur=1.0)
        found = _better(there, back, by="left")
        confirmed[rows] = (found.left <= _AT_MOST_NEAR) & (found.n_seen >= _LEAST_SEEN)
    return confirmed


def _candidates(
    shown: NDArray[np.float32],
    frames: NDArray[np.float32],
    n_jobs: int | None,
    progress: Progress | None,
) -> tuple[_Pairs, FloatArray]:
    """Return pairs that may be copies, nearest for where they lie first, and usual distances."""
    n = len(shown)
    k = min(_NEIGHBORS, n - 1)
    ranked = []
    done = 0
    for looks, variants in ((shown, _SEARCHED), (frames, (0,))):
        search = NearestNeighbors(n_neighbors=k + 1, n_jobs=n_jobs)
        search.fit(np.ascontiguousarray(looks.reshape(n, -1)))
        found: list[tuple[FloatArray, IntArray]] = []
        for variant in variants:
            queries = np.ascontiguousarray(turn(looks, variant).reshape(n, -1))
            distances, rows = search.kneighbors(queries)
            distances[rows == np.arange(n)[:, np.newaxis]] = np.inf
            found.append((distances, rows))
            done += n
            if progress is not None:
                progress(done, count_searches(n))
        ranked.append(_rank(found, variants, k))
    usual = ranked[0][3]
    ratios, indices, variants_of = (
        np.concatenate([part[column] for part in ranked], axis=1) for column in range(3)
    )
    first = np.repeat(np.arange(n), indices.shape[1]).reshape(indices.shape)
    order = np.argsort(ratios, axis=None, kind="stable")
    order = order[np.isfinite(ratios.ravel()[order])]
    pairs = _Pairs(first.ravel()[order], indices.ravel()[order], variants_of.ravel()[order])
    low, high = np.minimum(pairs.first, pairs.second), np.maximum(pairs.first, pairs.second)
    _, once = np.unique(low * n + high, return_index=True)
    return pairs.take(np.sort(once)[: min(2 * n + _COARSELY[0], max(_COARSELY[1], n // 2))]), usual


def _rank(
    found: list[tuple[FloatArray, IntArray]], variants: tuple[int, ...], k: int
) -> tuple[FloatArray, IntArray, IntArray, FloatArray]:
    """Return the k nearest others, each in its best variant: how near for there, rows, variants.

    And how far the k-th is from each picture.
    """
    distances, rows = (np.concatenate(part, axis=1) for part in zip(*found, strict=True))
    of_column = np.repeat(np.array(variants), found[0][1].shape[1])
    order = np.lexsort((distances, rows), axis=1)
    distances, rows = (np.take_along_axis(part, order, axis=1) for part in (distances, rows))
    distances[:, 1:][rows[:, 1:] == rows[:, :-1]] = np.inf
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :k]
    distances, rows, order = (
        np.take_along_axis(part, nearest, axis=1) for part in (distances, rows, order)
    )
    # Where fewer than k others were found, nothing is usual; 2 is as far as descriptions can be.
    usual = np.minimum(distances[:, -1], 2)
    usual = np.maximum(usual, max(float(np.quantile(usual, _DENSEST)), np.finfo(float).tiny))
    both = np.minimum(usual[:, np.newaxis], usual[rows])
    return distances / both, rows, of_column[order], usual


def _maps(
    pictures: Pictures, pairs: _Pairs, side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    first, second = (pictures.shrink(rows, side, knee=KNEE) for rows in (pairs.first, pairs.second))
    for variant in np.unique(pairs.variant).tolist():
        rows = pairs.variant == variant
        first[rows] = turn(first[rows], variant)
    return first, second


def _by_place(places: NDArray[np.float32], pairs: _Pairs) -> FloatArray:
    """Return moves that bring what is seen in the first over what is seen in the second."""
    first, second = _centres(places, pairs)
    spreads = places[pairs.first, 2] / places[pairs.second, 2]
    scale = np.clip(spreads.astype(float), LEAST_SCALE, LARGEST_SCALE)
    moves = np.clip(first - scale[:, np.newaxis] * second, -FARTHEST, FARTHEST)
    return np.column_stack([moves, scale])


def _centres(places: NDArray[np.float32], pairs: _Pairs) -> tuple[FloatArray, FloatArray]:
    """Return where what is seen lies in the first, turned, and in the second."""
    first, second = places[pairs.first, :2].astype(float), places[pairs.second, :2].astype(float)
    bits = pairs.variant[:, np.newaxis]
    first *= np.where(bits & (2, 1), -1, 1)
    return np.where(bits & 4, first[:, ::-1], first), second


def _unmoved(n: int) -> FloatArray:
    return np.tile([0.0, 0, 1], (n, 1))


def _reversed(moves: FloatArray) -> FloatArray:
    return np.column_stack([-moves[:, :2] / moves[:, 2:], 1 / moves[:, 2]])


def _better(one: Aligned, other: Aligned, *, by: str) -> Aligned:
    wins = getattr(other, by) < getattr(one, by)
    return Aligned(
        *(
            np.where(wins.reshape(-1, *[1] * (a.ndim - 1)), b, a)
            for a, b in zip(one, other, strict=True)
        )
    )


def _each(
    function: Callable[..., Aligned],
    pairs: _Pairs,
    n_values: int,
    n_threads: int,
    *columns: FloatArray,
) -> Aligned:
    """Align pairs of pictures of so many values, some at a time."""
    if len(pairs.first) == 0:
        return Aligned(np.empty((0, 3)), *(np.empty(0) for _ in range(4)))

    def arguments() -> Iterator[tuple[object, ...]]:
        for rows in _batches(len(pairs.first), n_values):
            yield (pairs.take(rows), *(column[rows] for column in columns))

    with ThreadPoolExecutor(n_threads) as pool:
        parts = list(pool.map(lambda some: function(*some), arguments()))
    return Aligned(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _batches(n: int, n_values: int) -> Iterator[IntArray]:
    size = max(1, _VALUES // n_values)
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))


def _explain(variant: int, move: FloatArray, lift: float, forth: bool, side: int) -> str:
    """Tell what makes the picture with the higher row of the other."""
    if variant:
        return VARIANTS[variant if forth or variant not in (5, 6) else 11 - variant]
    if not forth:
        move, lift = _reversed(move[np.newaxis])[0], -lift
    if abs(move[2] - 1) >= 0.02:
        return "cropped" if move[2] < 1 else "padded"
    if np.abs(move[:2]).max() * side >= 0.4:
        return "shifted"
    if abs(lift) >= 0.012:
        return "brighter" if lift > 0 else "darker"
    return "resized or recompressed"
