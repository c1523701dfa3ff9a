"""Large images in tiles with margins as large as the estimates depend on, so without seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.cleaning.levels import Floats

TILE = 160
"""Side of a tile in pixels."""

TRAINING_TILE = 96


def corners(height: int, width: int, tile: int) -> Iterator[tuple[int, int]]:
    """Return the upper left corners of tiles that cover an image."""
    return ((y, x) for y in range(0, height, tile) for x in range(0, width, tile))


def tile_at(image: NDArray[Any], y: int, x: int, tile: int, halo: int = 0) -> NDArray[Any]:
    """Return a tile of an image (h, w, c) with a halo, mirrored at the borders."""
    h, w = image.shape[:2]
    down = _mirrored(h, np.arange(y - halo, y + tile + halo))
    right = _mirrored(w, np.arange(x - halo, x + tile + halo))
    result: NDArray[Any] = image[down[:, None], right]
    return result


def training_tiles(image: NDArray[Any]) -> list[NDArray[Any]]:
    """Return equally large tiles to learn from; the last ones overlap others."""
    h, w = image.shape[:2]
    side = TRAINING_TILE
    return [
        tile_at(image, max(0, min(y, h - side)), max(0, min(x, w - side)), side)
        for y, x in corners(h, w, side)
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
    places = list(corners(image.shape[0], image.shape[1], TILE))
    for start in range(0, len(places), tiles_at_once):
        some = places[start : start + tiles_at_once]
        stacks = clean(np.stack([tile_at(image, y, x, TILE, halo) for y, x in some]))
        for whole, tiles in zip(wholes, stacks, strict=True):
            for (y, x), tile in zip(some, tiles, strict=True):
                place = whole[y : y + TILE, x : x + TILE]
                place[:] = tile[halo : halo + place.shape[0], halo : halo + place.shape[1]]
        progress(len(some))
    return wholes


def _mirrored(n: int, at: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return indices mirrored at both ends into 0 … n - 1, with the outermost twice."""
    at = np.mod(at, 2 * n)
    return np.minimum(at, 2 * n - 1 - at)
