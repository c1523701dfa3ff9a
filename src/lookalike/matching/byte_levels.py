"""Conversion of images of any numeric dtype to the bytes that the representations use."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.images.checks import are_bytes

Bytes = NDArray[np.uint8]

_LEAST_SIDE, _MOST_SIDE = 8, 4096
_MOST_CHANNELS = 4
_CHUNK_VALUES = 2**20


class ByteLevels:
    """The range of values of the training images.

    Bytes stay unchanged, unless the largest byte of training is below 128. All other values are
    scaled so that the least value of training becomes 0 and the largest 255; values outside that
    range are clipped at prediction, with a warning.

    Parameters
    ----------
    images : ndarray of shape (n, height, width) or (n, height, width, channels)

    Attributes
    ----------
    image_shape : tuple of int
    dtype : str
        Dtype of the training images; that of bytes if all values are whole numbers 0 to 255.
    low, high : float
        The range; 0 and 255 for bytes that are not scaled.
    """

    def __init__(self, images: NDArray[Any]) -> None:
        self.image_shape, self.dtype = images.shape[1:], images.dtype.str
        self.low, self.high = float(images.min()), float(images.max())
        if are_bytes(images):  # the same answers for any dtype
            self.dtype = np.dtype(np.uint8).str
            self.low, self.high = 0.0, self.high if self.high < 128 else 255.0

    def to_bytes(self, images: NDArray[Any]) -> Bytes:
        """Return images as bytes of shape (n, height, width, channels).

        `ValueError` if the images differ in shape from those of training; `UserWarning` if values
        lie outside the range of training.
        """
        if images.shape[1:] != self.image_shape:
            raise ValueError(
                f"images of shape {images.shape[1:]} but those of training had "
                f"{self.image_shape}; convert them to that shape"
            )
        shape = (len(images), *(*self.image_shape, 1)[:3])
        if images.dtype == np.uint8 and (self.low, self.high) == (0.0, 255.0):
            return np.ascontiguousarray(images).reshape(shape)
        low, high = float(images.min()), float(images.max())
        if low < self.low or high > self.high:
            warnings.warn(
                f"images have values in [{low:g}, {high:g}] but those of training were in "
                f"[{self.low:g}, {self.high:g}]; values outside are clipped",
                stacklevel=2,
            )
        span = self.high - self.low
        scale = 255.0 / span if span > 0 else 0.0
        out = np.empty(shape, np.uint8)
        step = max(1, _CHUNK_VALUES // out[0].size)
        for start in range(0, len(images), step):
            part = images[start : start + step].astype(np.float64).reshape(-1, *shape[1:])
            np.clip((part - self.low) * scale, 0, 255, out=part)
            out[start : start + step] = np.rint(part)
        return out

    def from_bytes(self, images: Bytes) -> Bytes:
        """Return the images that `to_bytes` was given; `ValueError` if they were not bytes."""
        if self.dtype != "|u1":
            raise ValueError(f"the images were {self.dtype}; only bytes can be restored")
        images = images.reshape(len(images), *self.image_shape)
        if self.high == 255.0:
            return images
        values = images.astype(np.float32) * np.float32(self.high / 255)
        return np.asarray(np.rint(values).astype(np.uint8))


def check_images(X: Any) -> NDArray[Any]:
    """Return X as finite images of shape (n, height, width) or (n, height, width, channels).

    `TypeError` if the values are not numbers; `ValueError` if X is not a stack of images of one
    size, 8 to 4,096 pixels a side and of 1 to 4 channels, or a value is not finite.
    """
    try:
        images = np.asarray(X)
        if images.dtype == object:
            images = np.array(images.tolist())
    except ValueError as error:
        raise ValueError(
            "images of several sizes; resize them to one size, as with PIL.Image.resize"
        ) from error
    if images.dtype.kind not in "buif":
        raise TypeError(f"images of dtype {images.dtype}; give numbers")
    if images.ndim not in (3, 4):
        raise ValueError(
            f"images of shape {images.shape}; give (n, height, width) or (n, height, width, "
            "channels), for example X.reshape(-1, 28, 28)"
        )
    if len(images) == 0:
        raise ValueError("no images; give at least one")
    sides = images.shape[1:3]
    if min(sides) < _LEAST_SIDE or max(sides) > _MOST_SIDE:
        raise ValueError(
            f"images of {sides[0]} x {sides[1]} pixels; give sides of {_LEAST_SIDE} to {_MOST_SIDE}"
        )
    if images.ndim == 4 and not 1 <= images.shape[3] <= _MOST_CHANNELS:
        raise ValueError(f"images of {images.shape[3]} channels; give 1 to {_MOST_CHANNELS}")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        bad = int(np.flatnonzero(~np.isfinite(images).all(axis=tuple(range(1, images.ndim))))[0])
        raise ValueError(f"image {bad} holds NaN or infinity; give finite values")
    return images


def working_sides(sides: tuple[int, int], most: int) -> tuple[int, int]:
    """Return the sides of an image scaled down to a longest one, at least 8 pixels each.

    Examples
    --------
    >>> working_sides((28, 28), 48), working_sides((96, 128), 48), working_sides((8, 640), 48)
    ((28, 28), (36, 48), (8, 48))
    """
    scale = min(1.0, most / max(sides))
    height, width = (max(min(side, _LEAST_SIDE), round(side * scale)) for side in sides)
    return height, width


def shrink(images: Bytes, sides: tuple[int, int], n_threads: int = 1) -> Bytes:
    """Scale images of shape (n, height, width, channels) down, by averages over areas."""
    if images.shape[1:3] == sides:
        return images
    out = np.empty((len(images), *sides, images.shape[3]), np.uint8)

    def average(row: int) -> None:
        for channel in range(images.shape[3]):
            plane = Image.fromarray(np.ascontiguousarray(images[row, :, :, channel]))
            out[row, :, :, channel] = np.asarray(plane.resize(sides[::-1], Image.Resampling.BOX))

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(average, range(len(images))))
    return out


def grey(images: Bytes) -> Bytes:
    """Convert images (n, height, width, channels) to grey ones (n, height, width).

    The weights are ITU-R BT.601's in 256ths. Two channels give the first, four channels the
    luma of the first three.
    """
    channels = images.shape[3]
    if channels < 3 or images.dtype != np.uint8:  # vectors have no colours
        return np.ascontiguousarray(images[..., 0])
    red, green, blue = (images[..., i].astype(np.uint16) for i in range(3))
    return ((77 * red + 150 * green + 29 * blue) >> 8).astype(np.uint8)


def ground_of(images: Bytes) -> Bytes:
    """Return each image's background colour, the median of its border: (n, channels).

    Examples
    --------
    >>> image = np.full((1, 8, 8, 1), 200, np.uint8)
    >>> image[:, 2:6, 2:6] = 0
    >>> ground_of(image)
    array([[200]], dtype=uint8)
    """
    sides = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    return np.asarray(np.median(np.concatenate(sides, axis=1), axis=1).astype(np.uint8))
