"""Descriptions in which copies look alike, and the pairs of pictures that these bring together.

A shifted, cropped, brightened or compressed copy differs from its picture in every pixel. What it
shows differs little once the ground is taken off and the rest is brought to one place, size and
contrast. The ground is the usual colour of the border; place and size are the centre of what
differs from it, and the spread about this centre. A description is a blurred look at this, of
length 1. That of a mirrored or turned picture is the description, mirrored or turned.

Where the picture fills its frame, cropping may change the border and with it the ground; such
copies are found by a second description, of the frame as it is, less its mean.

All places are told in sides of the frame, from -1/2 to 1/2 in height and in width.

Pairs that may be copies are found by searching the descriptions of the pictures' eight mirrored and
turned variants (seven searches: one quarter turn is the other's reverse). Those are returned that
are nearest as a multiple of what is usual around both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.array_types import FloatArray, IntArray
from lookalike.images.progress import Progress
from lookalike.search.nearest import NearestNeighbors

Maps = NDArray[np.float32]

_SIDE = 10  # pixels of a description's side
_REACH = 1.3  # half the side of what is described, in standard deviations of what is seen
_BLUR = 1.0  # of a description, in its pixels
_MAP_SIDE, _MAP_BLUR = 28, 0.7  # of the small picture that is described
_KEPT_SIDE = 64  # to which large pictures are shrunk once
_TRIM = 0.03  # of the side: what a shift leaves at the border is no part of the picture
_FAINT = 0.1  # of the strongest: noise that compression leaves on an even ground moves no centre
_FRAME_SPREAD = 0.5 / _REACH
_BATCH_BYTES = 1 << 24

_SEARCHED = (0, 1, 2, 3, 4, 5, 7)
_NEIGHBORS = 8
_DENSEST = 0.05  # many copies of one picture are no usual distance: see `duplicates`
_MOST_PAIRS, _MORE_PAIRS = 8_000, 1_000
"""Pairs to align, which costs: two for each picture and some more, of many pictures fewer."""


class Pairs(NamedTuple):
    """Pairs: the second may be the variant of the first."""

    first: IntArray
    second: IntArray
    variant: IntArray

    def take(self, rows: NDArray[np.generic]) -> Pairs:
        """Return some of the pairs."""
        return Pairs(*(column[rows] for column in self))


class Pictures:
    """Pictures of shape (n, h, w) or (n, h, w, c) that can be made small.

    ``sizes`` are height and width of their files. Where a picture was padded to the common shape,
    the padding is cut off, for it hides where a cropped copy ends.
    """

    def __init__(self, images: NDArray[np.generic], sizes: IntArray | None = None) -> None:
        self.images = images
        self._low, high = float(images.min()), float(images.max())
        self._range = max(high - self._low, float(np.finfo(np.float32).tiny))
        if sizes is not None or max(images.shape[1:3]) > _KEPT_SIDE:
            self._keep_small(sizes)

    def _keep_small(self, sizes: IntArray | None) -> None:
        """Shrink large pictures once and for all, and cut their padding off."""
        small = np.empty((len(self), _KEPT_SIDE, _KEPT_SIDE, self.n_channels), np.uint8)
        for rows in self.batches():
            shares = np.ones((len(self.images[rows]), 2))
            if sizes is not None:
                shares = _unpadded(self.images[rows], sizes[rows])
            values = self._shrink(self.images[rows], _KEPT_SIDE, 0.35, shares) * 255
            small[rows] = np.rint(np.moveaxis(values, 1, 3))
        self.images, self._low, self._range = small, 0.0, 255.0

    def __len__(self) -> int:
        return len(self.images)

    @property
    def n_channels(self) -> int:
        return 1 if self.images.ndim == 3 else int(self.images.shape[3])

    def batches(self) -> Iterator[slice]:
        """Give slices of pictures that take a little memory."""
        size = max(1, _BATCH_BYTES // (4 * max(1, int(np.prod(self.images.shape[1:])))))
        for start in range(0, len(self), size):
            yield slice(start, start + size)

    def shrink(
        self,
        rows: slice | IntArray,
        side: int,
        blur: float = 0.5,
        knee: float | None = None,
    ) -> Maps:
        """Return pictures made small squares without their borders, of values from 0 to 1.

        The shape is (n, c, side, side). ``blur`` is a standard deviation in small pixels. With a
        knee there are 3 c channels: further ones hold what exceeds this value, computed first
        before and then after the pictures were shrunk.
        """
        picked = self.images[rows]
        return self._shrink(picked, side, blur, np.full((len(picked), 2), 1 - 2 * _TRIM), knee)

    def _shrink(
        self,
        images: NDArray[np.generic],
        side: int,
        blur: float,
        shares: FloatArray,
        knee: float | None = None,
    ) -> Maps:
        n, height, width = images.shape[:3]
        pixels = np.moveaxis(images.reshape(n, height, width, -1), 3, 1).astype(np.float32)
        down, across = (
            _samples(length, side, blur, shares[:, axis])
            for axis, length in enumerate((height, width))
        )
        pixels -= np.float32(self._low)
        pixels /= np.float32(self._range)
        if knee is not None:
            pixels = np.concatenate([pixels, np.maximum(pixels - np.float32(knee), 0)], axis=1)
        shrunk = down[:, np.newaxis] @ pixels @ across.swapaxes(1, 2)[:, np.newaxis]
        small: Maps = shrunk.astype(np.float32, copy=False)
        if knee is not None:
            rest = np.maximum(small[:, : self.n_channels] - np.float32(knee), 0)
            small = np.concatenate([small, rest], axis=1)
        return small


def describe(pictures: Pictures) -> tuple[Maps, Maps, Maps]:
    """Describe what pictures show, their frames, and where what is shown lies.

    The first two have shape (n, c, side, side), and each description has length 1, or 0 where there
    is nothing to see. The last of shape (n, 3) is centre (y, x) and spread.
    """
    n = len(pictures)
    shown = np.empty((n, pictures.n_channels, _SIDE, _SIDE), np.float32)
    frames = np.empty_like(shown)
    places = np.empty((n, 3), np.float32)
    for rows in pictures.batches():
        maps = pictures.shrink(rows, _MAP_SIDE, _MAP_BLUR)
        whole = np.zeros((len(maps), 3), np.float32)
        whole[:, 2] = _FRAME_SPREAD
        frames[rows] = _looks(maps - maps.mean(axis=(2, 3), keepdims=True), whole)
        border = [maps[..., 0, :], maps[..., -1, :], maps[..., 1:-1, 0], maps[..., 1:-1, -1]]
        ground = np.median(np.concatenate(border, axis=-1), axis=-1)
        maps -= ground[..., np.newaxis, np.newaxis]
        places[rows] = _places(maps)
        shown[rows] = _looks(maps, places[rows])
    return shown, frames, places


def turn(looks: Maps, variant: int) -> Maps:
    """Return squares mirrored and turned: bit 0 flips x, bit 1 flips y, bit 2 then swaps them."""
    if variant & 1:
        looks = looks[..., ::-1]
    if variant & 2:
        looks = looks[..., ::-1, :]
    return looks.swapaxes(-1, -2) if variant & 4 else looks


def count_searches(n: int) -> int:
    """Return how many pictures `find_transformed` searches for, as it tells its progress."""
    return n * (len(_SEARCHED) + 1)


def find_candidates(
    shown: Maps,
    frames: Maps,
    n_jobs: int | None,
    progress: Progress | None,
) -> tuple[Pairs, FloatArray]:
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
    pairs = Pairs(first.ravel()[order], indices.ravel()[order], variants_of.ravel()[order])
    low, high = np.minimum(pairs.first, pairs.second), np.maximum(pairs.first, pairs.second)
    _, once = np.unique(low * n + high, return_index=True)
    return pairs.take(np.sort(once)[: min(2 * n + _MORE_PAIRS, max(_MOST_PAIRS, n // 2))]), usual


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


def grid(side: int) -> Maps:
    """Return where the pixels of a side lie, in sides of the frame."""
    places: Maps = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    return places - np.float32(0.5)


def _samples(length: int, side: int, blur: float, share: FloatArray) -> Maps:
    """Return the matrices that sample the middle share of a side by Gaussians of weight 1."""
    step = share[:, np.newaxis, np.newaxis]
    sigma = np.maximum(blur * step / side, 0.3 / length)
    weights = np.exp(-(((grid(side)[:, np.newaxis] * step - grid(length)) / sigma) ** 2) / 2)
    normal: Maps = (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)
    return normal


def _unpadded(images: NDArray[np.generic], sizes: IntArray) -> FloatArray:
    """Return the shares of height and width that are no padding, 1 where there is none."""
    height, width = images.shape[1:3]
    sizes = np.maximum(sizes, 1)
    filled = np.minimum(1, sizes * (width, height) / (sizes[:, ::-1] * (height, width)))
    filled[sizes.min(axis=1) < 2] = 1
    shares = np.ones(filled.shape)
    for axis, length in enumerate((height, width)):
        lines = np.floor((1 - filled[:, axis]) * length / 2).astype(int)
        for row in np.flatnonzero(lines):
            line = np.moveaxis(images[row], axis, 0)
            ends = np.concatenate([line[: lines[row]], line[length - lines[row] :]])
            if np.all(ends == ends[0, 0]):
                shares[row, axis] = filled[row, axis]
    return shares


def _places(maps: Maps) -> Maps:
    at = grid(maps.shape[-1])
    seen = np.sqrt((maps**2).sum(axis=1))
    seen = np.maximum(seen - _FAINT * seen.max(axis=(1, 2), keepdims=True), 0)
    rows, columns = seen.sum(axis=2), seen.sum(axis=1)
    total = np.maximum(rows.sum(axis=1), np.finfo(np.float32).tiny)
    y, x = rows @ at / total, columns @ at / total
    variance = (rows + columns) @ at**2 / total - y**2 - x**2
    return np.stack([y, x, np.sqrt(np.maximum(variance, 1e-4))], axis=1)


def _looks(maps: Maps, places: Maps) -> Maps:
    step = 2 * _REACH * places[:, 2] / _SIDE
    sigma = np.maximum(_BLUR * step, 0.4 / maps.shape[-1])[:, np.newaxis, np.newaxis]
    at = grid(_SIDE) * _SIDE * step[:, np.newaxis]
    down, across = (
        np.exp(
            -((((c[:, np.newaxis] + at)[..., np.newaxis] - grid(maps.shape[-1])) / sigma) ** 2) / 2
        )
        for c in (places[:, 0], places[:, 1])
    )
    looks = down[:, np.newaxis] @ maps @ across.transpose(0, 2, 1)[:, np.newaxis]
    length = np.sqrt((looks**2).sum(axis=(1, 2, 3), keepdims=True))
    unit: Maps = np.divide(looks, length, out=np.zeros_like(looks), where=length > 0)
    return unit
