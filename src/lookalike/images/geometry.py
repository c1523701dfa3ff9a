"""Warps: variants that read each pixel of the result from a position between the image's pixels.

Coordinates count pixels down and right from the centre of the upper left pixel; the centre of an
image is ((h - 1) / 2, (w - 1) / 2). A random warp has its own seed, so that it is the same for
every image, whichever images are warped together.
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
    """A variant with linear interpolation; pixels outside of an image are zero."""

    @abstractmethod
    def coordinates(self, height: int, width: int) -> FloatArray:
        """Return the position from which each pixel of the result is read, shape (2, h, w)."""

    def apply(self, images: NDArray[Any]) -> NDArray[Any]:
        return resample(images, _matrix(self, *images.shape[1:3]))


@lru_cache(maxsize=8)  # for callers that warp block by block
def _matrix(warp: Warp, height: int, width: int) -> csr_array:
    return bilinear_matrix(warp.coordinates(height, width))


@dataclass(frozen=True)
class Rotation(Warp):
    """Rotate about the centre, counter-clockwise."""

    degrees: float

    def coordinates(self, height: int, width: int) -> FloatArray:
        return _affine(height, width, _rotation(-self.degrees))

    def __str__(self) -> str:
        return f"rotated {self.degrees:g}°"


@dataclass(frozen=True)
class Scaling(Warp):
    """Enlarge about the centre, or shrink if the factor is below 1."""

    factor: float

    def coordinates(self, height: int, width: int) -> FloatArray:
        return _affine(height, width, np.eye(2) / self.factor)

    def __str__(self) -> str:
        return f"scaled {self.factor:g}"


@dataclass(frozen=True)
class AffineWarp(Warp):
    """Scale, shear, rotate and move by random amounts, drawn uniformly between limits.

    The limits are those of `AffineWarps`; ``number`` distinguishes warps with the same seed.
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
        # This is the inverse of the change, hence in the opposite order.
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
    """Move every pixel by a smooth random field (Simard, Steinkraus and Platt, ICDAR 2003).

    The field is drawn uniformly from -1 to 1 per pixel and axis, smoothed by a Gaussian of
    ``sigma`` pixels and multiplied by ``alpha``. ``number`` distinguishes fields of one seed.
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
    """Return the positions that a linear map about the centre, followed by a move, reads.

    Parameters
    ----------
    height, width : int
    inverse : ndarray of shape (2, 2), float64
        Inverse of the map of (down, right) from the centre.
    moved : ndarray of shape (2,), float64, optional
        Move down and right.
    """
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    target = middle if moved is None else middle + moved
    from_middle = np.indices((height, width)) - target[:, None, None]
    read: FloatArray = np.einsum("ij,jhw->ihw", inverse, from_middle) + middle[:, None, None]
    return read


def _rotation(degrees: float) -> FloatArray:
    """Return the matrix that rotates (down, right) counter-clockwise on the screen."""
    quarters = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}
    # Quarter turns must be exact; rounding would mix the outermost pixels with the outside.
    radians = math.radians(degrees)
    cosine, sine = quarters.get(degrees % 360, (math.cos(radians), math.sin(radians)))
    return np.array([[cosine, -sine], [sine, cosine]])
