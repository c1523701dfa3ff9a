"""Images as features (pixels, gradients and colours, alone or together), selected by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.byte_levels import Bytes
from lookalike.matching.gradients import OrientedGradients

Floats = NDArray[np.float32]


class Block(NamedTuple):
    """One kind of features.

    Attributes
    ----------
    make : callable
        Returns features of shape (n, n_features).
    weight : float
        Standard deviation of the block as a whole.
    """

    make: Callable[[Bytes], Floats]
    weight: float = 1.0


def _gradients(gradients: OrientedGradients) -> Callable[[Bytes], Floats]:
    return lambda images: gradients._transform_bytes(images, n_threads=1)


def _pixels(images: Bytes) -> Floats:
    values: Floats = images.reshape(len(images), -1).astype(np.float32)
    return values


def _blurred(images: Bytes) -> Floats:
    """Return square roots of images blurred with sigma 1, at half the size."""
    values = images.astype(np.float32)
    down, across = (_blur(side) for side in images.shape[1:3])
    values = np.einsum("ai,nijc->najc", down, values, optimize=True)
    roots: Floats = np.sqrt(np.einsum("bj,najc->nabc", across, values, optimize=True))
    return roots.reshape(len(images), -1)


def _blur(side: int) -> Floats:
    """Return the weight of each pixel in each blurred pixel: (half the side, side)."""
    places, middles = np.arange(side), np.arange(0, side, 2 if side >= 16 else 1)
    weights = np.exp(-0.5 * (places - middles[:, np.newaxis]) ** 2.0)
    weights[np.abs(places - middles[:, np.newaxis]) > 4] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights, np.float32)


_N_FINE, _N_LEVELS = 16, 4
"""Levels per channel at which pixels are counted, and levels among which counts are shared."""


def _colours(images: Bytes) -> Floats:
    """Return square roots of the numbers of pixels of each of 4 x 4 x 4 colours.

    A pixel is shared among the colours nearest its own, in proportion to their nearness. Only the
    first three channels are used. Images are counted in small batches, because counts take more
    memory than images.
    """
    parts = (images[i : i + _N_COUNTED] for i in range(0, len(images), _N_COUNTED))
    return np.concatenate([_count_colours(part) for part in parts])


_N_COUNTED = 64


def _count_colours(images: Bytes) -> Floats:
    n = len(images)
    places = np.arange(n)[:, np.newaxis, np.newaxis]
    for channel in range(3):
        places = places * _N_FINE + images[..., channel] // (256 // _N_FINE)
    found = np.bincount(places.ravel(), minlength=n * _N_FINE**3)
    counts = found.reshape(n, *[_N_FINE] * 3).astype(np.float32)
    levels = np.linspace(0, _N_LEVELS - 1, _N_FINE)[:, np.newaxis]
    shares = np.maximum(0, 1 - np.abs(levels - np.arange(_N_LEVELS))).astype(np.float32)
    for _ in range(3):  # the first axis is summed out, a new one comes last
        counts = np.tensordot(counts, shares, (1, 0))
    return np.sqrt(counts).reshape(n, -1)


_FINE = Block(_gradients(OrientedGradients()))
_RICH = (
    Block(_gradients(OrientedGradients(root=True))),
    Block(_gradients(OrientedGradients(16, 5, margin=1 / 7, spread=0.4, root=True))),
    Block(_blurred, 0.3),
)

FEATURES: dict[str, tuple[Block, ...]] = {
    "pixels": (Block(_pixels),),
    "gradients": (_FINE,),
    "gradients and colours": (_FINE, Block(_colours, 0.5)),
    "rich": _RICH,
    "rich and colours": (*_RICH, Block(_colours, 0.7)),
}
"""Blocks of features by name.

"rich" joins fine cells, coarse cells with finer directions, and blurred pixels.
"""


def features_of(images: Bytes, name: str) -> list[Floats]:
    """Return the blocks of features of images, each of shape (n, n_features).

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels), uint8
    name : str
        A key of `FEATURES`; names with colours need three channels or more.
    """
    return [block.make(images) for block in FEATURES[name]]


@cache
def count_features(name: str, image_shape: tuple[int, int, int]) -> int:
    """Return the number of features of an image of shape (height, width, channels)."""
    blank = np.zeros((1, *image_shape), np.uint8)
    return sum(block.shape[1] for block in features_of(blank, name))


def with_colours(name: str) -> str:
    """Return the name of the same features with colours, or `name` itself if there are none."""
    coloured = f"{name} and colours"
    return coloured if coloured in FEATURES else name
