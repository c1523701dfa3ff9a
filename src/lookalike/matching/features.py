"""Images as features: pixels, gradients, or both at several scales; by name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.gradients import OrientedGradients
from lookalike.matching.levels import Bytes

Floats = NDArray[np.float32]


class Block(NamedTuple):
    """Features of one kind.

    Attributes
    ----------
    gradients : OrientedGradients or None
        None: pixels.
    weight : float
        The standard deviation that the block gets as a whole.
    """

    gradients: OrientedGradients | None
    weight: float = 1.0


FEATURES: dict[str, tuple[Block, ...]] = {
    "pixels": (Block(None),),
    "gradients": (Block(OrientedGradients()),),
    "rich": (
        Block(OrientedGradients(root=True)),
        Block(OrientedGradients(16, 5, margin=1 / 7, spread=0.4, root=True)),
        Block(None, 0.3),
    ),
}
"""What `features_of` makes, by name.

"rich" joins fine cells, coarse cells of finer directions, and blurred pixels.
"""


def features_of(images: Bytes, name: str) -> list[Floats]:
    """Return the blocks of features of images, each of shape (n, its number of features).

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels), uint8
    name : {"pixels", "gradients", "rich"}
    """
    blocks = FEATURES[name]
    return [
        _pixels(images, blurred=len(blocks) > 1)
        if block.gradients is None
        else block.gradients._transform_bytes(images, n_threads=1)
        for block in blocks
    ]


def _pixels(images: Bytes, *, blurred: bool) -> Floats:
    """Return pixels as floats; blurred: square roots of a blur (sigma 1) at half the size."""
    values = images.astype(np.float32)
    if blurred:
        down, across = (_blur(side) for side in images.shape[1:3])
        values = np.einsum("ai,nijc->najc", down, values, optimize=True)
        values = np.sqrt(np.einsum("bj,najc->nabc", across, values, optimize=True))
    return values.reshape(len(images), -1)


def _blur(side: int) -> Floats:
    """Return the weights of each pixel in every second blurred one: (half the side, side)."""
    places, middles = np.arange(side), np.arange(0, side, 2 if side >= 16 else 1)
    weights = np.exp(-0.5 * (places - middles[:, np.newaxis]) ** 2.0)
    weights[np.abs(places - middles[:, np.newaxis]) > 4] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights, np.float32)
