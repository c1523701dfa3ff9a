"""Small pictures in which copies look alike, and a description of what each shows.

A shifted, cropped, brightened or compressed copy differs from its picture in every pixel. What it
shows differs little once the ground is taken off and the rest is brought to one place, size and
contrast. The ground is the usual colour of the border; place and size are the centre of what
differs from it, and the spread about this centre. A description is a blurred look at this, of
length 1. That of a mirrored or turned picture is the description, mirrored or turned.

Where the picture fills its frame, cropping may change the border and with it the ground; such
copies are found by a second description, of the frame as it is, less its mean.

All places are told in sides of the frame, from -1/2 to 1/2 in height and in width.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

SIDE = 10
"""Pixels of a description's side."""

_REACH = 1.3  # half the side of what is described, in standard deviations of what is seen
_BLUR = 1.0  # of a description, in its pixels
_MAP_SIDE, _MAP_BLUR = 28, 0.7  # of the small picture that is described
_KEPT_SIDE = 64  # to which large pictures are shrunk once
_TRIM = 0.03  # of the side: what a shift leaves at the border is no part of the picture
_FAINT = 0.1  # of the strongest: noise that compression leaves on an even ground moves no centre
_FRAME_SPREAD = 0.5 / _REACH
_BATCH_BYTES = 1 << 24


class Pictures:
    """Pictures that can be made small.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c)
    sizes : ndarray of shape (n, 2), optional
        Height and width of the pictures' files. Where a picture was padded to the common shape,
        the padding is cut off, for it hides where a cropped copy ends.
    """

    def __init__(self, images: NDArray[np.generic], sizes: NDArray[np.int64] | None = None) -> None:
        self.images = images
        self._low, high = float(images.min()), float(images.max())
        self._range = max(high - self._low, float(np.finfo(np.float32).tiny))
        if sizes is not None or max(images.shape[1:3]) > _KEPT_SIDE:
            self._keep_small(sizes)

    def _keep_small(self, sizes: NDArray[np.int64] | None) -> None:
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
        rows: slice | NDArray[np.int64],
        side: int,
        blur: float = 0.5,
        knee: float | None = None,
    ) -> FloatArray:
        """Return pictures made small squares without their borders, of values from 0 to 1.

        Parameters
        ----------
        rows : slice or ndarray of int
        side : int
            Pixels of a small picture's side.
        blur : float
            Standard deviation in its pixels.
        knee : float, optional
            A value. Further channels hold what exceeds it, computed first before and then after the
            pictures were shrunk.

        Returns
        -------
        ndarray of shape (n, c, side, side), float32, of 3 c channels if a knee is given
        """
        picked = self.images[rows]
        return self._shrink(picked, side, blur, np.full((len(picked), 2), 1 - 2 * _TRIM), knee)

    def _shrink(
        self,
        images: NDArray[np.generic],
        side: int,
        blur: float,
        shares: NDArray[np.float64],
        knee: float | None = None,
    ) -> FloatArray:
        n, height, width = images.shape[:3]
        pixels = np.moveaxis(images.reshape(n, height, width, -1), 3, 1).astype(np.float32)
        down, across = (
            _samples(length, side, blur, shares[:, axis])
            for axis, length in enumerate((height, width))
        )
        pixels -= np.float32(self._low)
        pixels /= np.float32(self._range)
        if knee is not None:
            pixels = np.concatenate([pixels, _above(pixels, knee)], axis=1)
        shrunk = down[:, np.newaxis] @ pixels @ across.swapaxes(1, 2)[:, np.newaxis]
        small: FloatArray = shrunk.astype(np.float32, copy=False)
        if knee is not None:
            small = np.concatenate([small, _above(small[:, : self.n_channels], knee)], axis=1)
        return small


def describe(pictures: Pictures) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Describe what pictures show, where it lies, and their frames.

    Returns
    -------
    shown, frames : ndarray of shape (n, c, SIDE, SIDE), float32
        Each has length 1, or 0 where there is nothing to see.
    places : ndarray of shape (n, 3), float32
        Centre (y, x) and spread of what is shown.
    """
    n = len(pictures)
    shown = np.empty((n, pictures.n_channels, SIDE, SIDE), np.float32)
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


def turn(looks: FloatArray, variant: int) -> FloatArray:
    """Return squares mirrored and turned: bit 0 flips x, bit 1 flips y, bit 2 then swaps them."""
    if variant & 1:
        looks = looks[..., ::-1]
    if variant & 2:
        looks = looks[..., ::-1, :]
    return looks.swapaxes(-1, -2) if variant & 4 else looks


def grid(side: int) -> FloatArray:
    """Return where the pixels of a side lie, in sides of the frame."""
    places: FloatArray = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    return places - np.float32(0.5)


def _above(maps: FloatArray, knee: float) -> FloatArray:
    rest: FloatArray = np.maximum(maps - np.float32(knee), 0)
    return rest


def _samples(length: int, side: int, blur: float, share: NDArray[np.float64]) -> FloatArray:
    """Return the matrices that sample the middle share of a side by Gaussians of weight 1."""
    step = share[:, np.newaxis, np.newaxis]
    sigma = np.maximum(blur * step / side, 0.3 / length)
    weights = np.exp(-(((grid(side)[:, np.newaxis] * step - grid(length)) / sigma) ** 2) / 2)
    normal: FloatArray = (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)
    return normal


def _unpadded(images: NDArray[np.generic], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
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


def _places(maps: FloatArray) -> FloatArray:
    at = grid(maps.shape[-1])
    seen = np.sqrt((maps**2).sum(axis=1))
    seen = np.maximum(seen - _FAINT * seen.max(axis=(1, 2), keepdims=True), 0)
    rows, columns = seen.sum(axis=2), seen.sum(axis=1)
    total = np.maximum(rows.sum(axis=1), np.finfo(np.float32).tiny)
    y, x = rows @ at / total, columns @ at / total
    variance = (rows + columns) @ at**2 / total - y**2 - x**2
    return np.stack([y, x, np.sqrt(np.maximum(variance, 1e-4))], axis=1)


def _looks(maps: FloatArray, places: FloatArray) -> FloatArray:
    step = 2 * _REACH * places[:, 2] / SIDE
    sigma = np.maximum(_BLUR * step, 0.4 / maps.shape[-1])[:, np.newaxis, np.newaxis]
    at = grid(SIDE) * SIDE * step[:, np.newaxis]
    down, across = (
        np.exp(
            -((((c[:, np.newaxis] + at)[..., np.newaxis] - grid(maps.shape[-1])) / sigma) ** 2) / 2
        )
        for c in (places[:, 0], places[:, 1])
    )
    looks = down[:, np.newaxis] @ maps @ across.transpose(0, 2, 1)[:, np.newaxis]
    length = np.sqrt((looks**2).sum(axis=(1, 2, 3), keepdims=True))
    unit: FloatArray = np.divide(looks, length, out=np.zeros_like(looks), where=length > 0)
    return unit
