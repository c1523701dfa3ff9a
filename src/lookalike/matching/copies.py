"""Training sets enlarged by changed copies of their images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.augmentation import Augmentation, Flips
from lookalike.images.warps import Rotations
from lookalike.matching.byte_levels import Bytes

GROWTHS: dict[str, Augmentation | None] = {
    "none": None,
    "turned": Rotations((-10, -5, 5, 10)),
    "mirrored": Flips(),
}
"""Changes by which a training set may be enlarged."""


class Grown(NamedTuple):
    """Images and their changed copies.

    Attributes
    ----------
    images : ndarray of shape (n_grown, height, width, channels), uint8
    parents : ndarray of shape (n_grown,), int64
        Index of the original of each image, which is its own original or a copy of it. Copies of
        one original are siblings: never each other's neighbours in a leave-one-out search.
    variants : ndarray of shape (n_grown,), int64
        Change of each image, as an index into `variant_names`.
    """

    images: Bytes
    parents: NDArray[np.int64]
    variants: NDArray[np.int64]


def grow(images: Bytes, growth: str) -> Grown:
    """Return the images, followed by all of them after each change of a growth in turn.

    Pixels from beyond the border take the colour of the image's background.

    Examples
    --------
    >>> grown = grow(np.zeros((2, 8, 8, 1), np.uint8), "mirrored")
    >>> grown.parents.tolist(), [variant_names("mirrored")[v] for v in grown.variants]
    ([0, 1, 0, 1], ['original', 'original', 'flipped left-right', 'flipped left-right'])
    """
    n, augmentation = len(images), GROWTHS[growth]
    if augmentation is not None:
        changes = augmentation.variants(images.shape[1:])
        # Warps fill with zeros, so they are applied to the difference from the background.
        ground = ground_of(images).astype(np.int16)[:, np.newaxis, np.newaxis]
        raised = images - ground
        grown = [images, *(_to_bytes(change.apply(raised), ground) for change in changes)]
        images = np.concatenate(grown)
    variants, parents = np.divmod(np.arange(len(images)), n)
    return Grown(images, parents, variants)


def _to_bytes(raised: NDArray[np.int16], ground: NDArray[np.int16]) -> Bytes:
    return np.asarray((raised + ground).astype(np.uint8))


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


def variant_names(growth: str) -> tuple[str, ...]:
    """Return the names of the variants of a growth, "original" first."""
    augmentation = GROWTHS[growth]
    # The variants do not depend on the size of the images.
    made = () if augmentation is None else augmentation.variants((8, 8))
    return ("original", *(str(variant) for variant in made))


def growth_factor(growth: str) -> int:
    """Return the factor by which a growth multiplies the number of images."""
    return len(variant_names(growth))
