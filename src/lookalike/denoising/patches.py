"""Windows around pixels, training patches made of them, and tiles of large images.

A channel is a float stack of shape (n, h, w, c), for example noisy values, an earlier estimate or a
bound. Images are mirrored at their borders, with the outermost pixel twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from lookalike.denoising.image_stacks import Floats

RADIUS = 3
KEY_RADIUS = 2

INTERCEPT = 100.0
"""Value of the constant feature, so large that its weight is hardly penalised."""

TILE, TRAINING_TILE = 160, 96
"""Sides of tiles in pixels."""

Positions = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]


def padded(channels: Sequence[Floats], radius: int) -> Floats:
    """Join channels and mirror them at the borders, in the form that native code takes.

    The shape is (n, h + 2 radius + 1, w + 2 radius, channels); no window includes the last row,
    but vector code may read past the end of a window.
    """
    together = np.concatenate(channels, axis=3, dtype=np.float32)
    margins = ((0, 0), (radius, radius + 1), (radius, radius), (0, 0))
    return np.pad(together, margins, mode="symmetric")


def windows(stack: Floats, radius: int, at: Positions, centre: int | None = None) -> Floats:
    """Return the windows of a radius around positions of a padded stack, one per row.

    ``centre`` is the radius of the stack's padding if it differs from ``radius``.
    """
    image, y, x = at
    inset = 0 if centre is None else centre - radius
    side = 2 * radius + 1
    n, height, width, channels = stack.shape
    corner = (image * height + (y + inset)) * width + (x + inset)
    # A window is made of runs of consecutive pixels: gathering whole runs takes half the time
    # of gathering pixels.
    runs = as_strided(
        np.ascontiguousarray(stack),
        (n * height * width - side + 1, side * channels),
        (channels * stack.itemsize, stack.itemsize),
        writeable=False,
    )
    seen: Floats = runs[corner[:, None] + np.arange(side) * width]
    return seen.reshape(len(corner), side * side * channels)


class Patches:
    """Pixels of images at some positions (image, y, x), with their windows, keys and targets.

    The key is taken from the first channel, which has the shape (n, h, w, outputs) of ``truth``.
    """

    def __init__(self, channels: Sequence[Floats], truth: NDArray[np.uint8], at: Positions) -> None:
        self._stack = padded(channels, RADIUS)
        self._at = at
        self.target = truth[at].astype(np.float32)
        planes = np.ascontiguousarray(self._stack[..., : truth.shape[3]])
        self.keys = windows(planes, KEY_RADIUS, at, centre=RADIUS)

    def __len__(self) -> int:
        return len(self.target)

    @property
    def n_features(self) -> int:
        """Number of values of a window, plus the intercept."""
        return (2 * RADIUS + 1) ** 2 * int(self._stack.shape[3]) + 1

    def products(self, part: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return X'X and X'y of a part of the pixels."""
        seen = self._seen(part)
        # The products of the intercept are the windows' sums: this saves a column of constants.
        sums = INTERCEPT * (np.ones(len(seen), np.float32) @ seen)
        gram = np.empty((self.n_features, self.n_features), np.float32)
        gram[:-1, :-1] = seen.T @ seen
        gram[-1, :-1] = gram[:-1, -1] = sums
        gram[-1, -1] = INTERCEPT**2 * len(seen)
        target = self.target[part]
        moments = np.append(seen.T @ target, INTERCEPT * target.sum(axis=0, keepdims=True), axis=0)
        return gram, moments

    def predict(self, weights: Floats, part: NDArray[np.intp]) -> Floats:
        """Return the predictions of a regression for a part, of shape (part, outputs)."""
        predicted: Floats = self._seen(part) @ weights[:-1] + INTERCEPT * weights[-1]
        return predicted

    def _seen(self, part: NDArray[np.intp]) -> Floats:
        image, y, x = self._at
        return windows(self._stack, RADIUS, (image[part], y[part], x[part]))


def corners(shape: Sequence[int], tile: int) -> list[tuple[int, int]]:
    """Return the upper left corners of tiles that cover an image."""
    return list(product(range(0, shape[0], tile), range(0, shape[1], tile)))


def tile_at(image: NDArray[Any], y: int, x: int, tile: int, halo: int = 0) -> NDArray[Any]:
    """Return a tile of an image (h, w, c) with a halo, mirrored at the borders."""
    down, right = (
        np.pad(np.arange(n), (halo, tile + halo), mode="symmetric")[at : at + tile + 2 * halo]
        for n, at in zip(image.shape, (y, x), strict=False)
    )
    result: NDArray[Any] = image[down[:, None], right]
    return result


def training_tiles(image: NDArray[Any]) -> list[NDArray[Any]]:
    """Return equally large tiles to learn from; the last ones overlap others."""
    h, w = image.shape[:2]
    side = TRAINING_TILE
    return [
        tile_at(image, max(0, min(y, h - side)), max(0, min(x, w - side)), side)
        for y, x in corners(image.shape, side)
    ]


def clean_in_tiles(
    image: Floats,
    clean: Callable[[Floats], tuple[Floats, Floats]],
    halo: int,
    tiles_at_once: int,
    progress: Callable[[int], None],
) -> tuple[Floats, Floats]:
    """Apply ``clean`` to an image (h, w, c) tile by tile.

    ``clean`` maps a stack of tiles to two of the same shape; ``progress`` gets the number of tiles.
    """
    wholes = np.empty(image.shape, np.float32), np.empty(image.shape, np.float32)
    places = corners(image.shape, TILE)
    for start in range(0, len(places), tiles_at_once):
        some = places[start : start + tiles_at_once]
        stacks = clean(np.stack([tile_at(image, y, x, TILE, halo) for y, x in some]))
        for whole, tiles in zip(wholes, stacks, strict=True):
            for (y, x), tile in zip(some, tiles, strict=True):
                place = whole[y : y + TILE, x : x + TILE]
                place[:] = tile[halo : halo + place.shape[0], halo : halo + place.shape[1]]
        progress(len(some))
    return wholes
