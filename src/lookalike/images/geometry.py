"""Warps: variants that read each pixel of the result from some place between the image's pixels.

Coordinates are pixels from the centre of the upper left one, down and right; the middle of an image
is ((h - 1) / 2, (w - 1) / 2). A warp draws what is random about it from its own seed, so that it
is the same for every image, whichever images are warped together.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.resample import bilinear_matrix, resample
from lookalike.images.variants import Variant

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FloatArray = NDArray[np.float64]


class Warp(Variant):
    """A variant that interpolates linearly; outside of an image there are zeros."""

    @abstractmethod
    def coordinates(self, height: int, width: int) -> FloatArray:
        """Return where each pixel of the result is read, shape (2, h, w)."""

    def apply(self, images: NDArray[Any]) -> NDArray[Any]:
        return resample(images, _matrix(self, *images.shape[1:3]))


@lru_cache(maxsize=8)  # for those who warp block after block
def _matrix(warp: Warp, height: int, width: int) -> csr_array:
    return bilinear_matrix(warp.coordinates(height, width))


@dataclass(frozen=True)
class Rotation(Warp):
    """Rotate about the middle, counter-clockwise."""

    degrees: float

    def coordinates(self, height: int, width: int) -> FloatArray:
        return _affine(height, width, _rotation(-self.degrees))

    def __str__(self) -> str:
        return f"rotated {self.degrees:g}°"


@dataclass(frozen=True)
class Scaling(Warp):
    """Enlarge about the middle, or shrink if the factor is below 1."""

    factor: float

    def coordinates(self, height: int, width: int) -> FloatArray:
        return _affine(height, width, np.eye(2) / self.factor)

    def __str__(self) -> str:
        return f"scaled {self.factor:g}"


@dataclass(frozen=True)
class AffineWarp(Warp):
    """Scale, shear, rotate and move, all of it drawn evenly between limits.

    The limits are `AffineWarps`'; ``number`` tells this draw from others of the same seed.
    """

    number: int
    rotation: float
    scale: float
    shear: float
    translation: float
    seed: int

    def coordinates(self, height: int, width: int) -> FloatArray:
        rotation, scale, shear, down, right = np.random.default_rng(
            [self.seed, self.number]
        ).uniform(-1, 1, size=5)
        slant = math.tan(math.radians(self.shear * shear))
        # The inverse of what is done to the image, hence in the opposite order.
        inverse = (
            np.eye(2)
            / (1 + self.scale * scale)
            @ np.array([[1.0, 0.0], [-slant, 1.0]])
            @ _rotation(-self.rotation * rotation)
        )
        moved = np.array([down, right]) * self.translation
        return _affine(height, width, inverse, moved)

    def __str__(self) -> str:
        return f"affine {self.number}"


@dataclass(frozen=True)
class ElasticWarp(Warp):
    """Move every pixel by a smooth random field, as Simard, Steinkraus and Platt do.

    The field is drawn evenly from -1 to 1 a pixel and axis, smoothed by a Gaussian of ``sigma``
    pixels and multiplied by ``alpha``. ``number`` tells this draw from others of the same seed.
    """

    number: int
    alpha: float
    sigma: float
    seed: int

    def coordinates(self, height: int, width: int) -> FloatArray:
        from scipy.ndimage import gaussian_filter

        generator = np.random.default_rng([self.seed, self.number])
        noise = generator.uniform(-1, 1, size=(2, height, width))
        field = gaussian_filter(noise, self.sigma, mode="constant", axes=(1, 2))
        moved: FloatArray = np.indices((height, width)) + self.alpha * field
        return moved

    def __str__(self) -> str:
        return f"elastic {self.number}"


def _affine(
    height: int, width: int, inverse: FloatArray, moved: FloatArray | None = None
) -> FloatArray:
    """Return where a linear map about the middle, after which the image is moved, reads it from.

    Parameters
    ----------
    height, width : int
    inverse : ndarray of shape (2, 2), float64
        The inverse of the map, of (down, right) from the middle.
    moved : ndarray of shape (2,), float64, optional
        How far down and right.
    """
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    target = middle if moved is None else middle + moved
    from_middle = np.indices((height, width)) - target[:, None, None]
    read: FloatArray = np.einsum("ij,jhw->ihw", inverse, from_middle) + middle[:, None, None]
    return read


def _rotation(degrees: float) -> FloatArray:
    """Return the matrix that rotates (down, right) counter-clockwise as seen."""
    quarters = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}
    # Quarter turns take no rounding, else the outermost pixels lose a trace to the outside.
    radians = math.radians(degrees)
    cosine, sine = quarters.get(degrees % 360, (math.cos(radians), math.sin(radians)))
    return np.array([[cosine, -sine], [sine, cosine]])
