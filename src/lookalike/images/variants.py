"""Variants: the single changes that an augmentation makes, the same for every image.

Shifts and flips only move pixels, so `compose` can simplify sequences of them to a unique form, in
which equal changes compare equal. An augmentation therefore has no duplicates, and two shifts in a
similar direction are again one `Shift`, which a search can follow without a copy of any image.

A warp reads each pixel of its result from a position between the image's pixels, by linear
interpolation with zeros outside of the image. Coordinates count pixels down and right from the
centre of the upper left pixel; the centre of an image is ((h - 1) / 2, (w - 1) / 2). A random warp
has its own seed, so that it is the same for every image, whichever images are warped together.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, groupby, pairwise, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.array_types import FloatArray
from lookalike.images.shift import move

if TYPE_CHECKING:
    from scipy.sparse import csr_array


_BLOCK_BYTES = 2**24  # size of one block of images as floats
_MOST_EXACT = 2**53  # float64 represents every integer up to this


class Variant(ABC):
    """One change of an image: frozen, hashable and picklable, and printed as a description."""

    @abstractmethod
    def apply(self, images: NDArray[Any]) -> NDArray[Any]:
        """Change a batch of images.

        Parameters
        ----------
        images : ndarray of shape (n, h, w) or (n, h, w, c)

        Returns
        -------
        ndarray of the same shape and dtype, C-contiguous
            Image i of the result depends on image i alone.
        """


@dataclass(frozen=True)
class Shift(Variant):
    """Move images down by ``dy`` and right by ``dx`` whole pixels; the new pixels are zero."""

    dy: int
    dx: int

    def apply(self, images: NDArray[Any]) -> NDArray[Any]:
        return move(images, self.dy, self.dx)

    def __str__(self) -> str:
        moves = [("right", self.dx), ("left", -self.dx), ("down", self.dy), ("up", -self.dy)]
        return ", ".join(f"{name} {distance}" for name, distance in moves if distance > 0)


@dataclass(frozen=True)
class Flip(Variant):
    """Mirror images; both directions together are a rotation by 180 degrees."""

    left_right: bool
    up_down: bool

    def apply(self, images: NDArray[Any]) -> NDArray[Any]:
        down, right = (slice(None, None, -1 if on else 1) for on in (self.up_down, self.left_right))
        return np.ascontiguousarray(images[:, down, right])

    def __str__(self) -> str:
        if self.left_right and self.up_down:
            return "flipped both ways"
        return "flipped left-right" if self.left_right else "flipped up-down"


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


@dataclass(frozen=True)
class Composed(Variant):
    """Several variants in sequence; `compose` creates it."""

    parts: tuple[Variant, ...]

    def apply(self, images: NDArray[Any]) -> NDArray[Any]:
        for part in self.parts:
            images = part.apply(images)
        return images

    def __str__(self) -> str:
        return ", then ".join(map(str, self.parts))


def compose(first: Variant, second: Variant) -> Variant | None:
    """Return a variant equal to ``first`` and then ``second``, or None if it changes nothing.

    Adjacent shifts and flips are simplified if exactly the same pixels are kept: a shift
    to the right and back loses a column, and so remains two shifts.
    """
    parts: list[Variant] = []
    every = [*_parts(first), *_parts(second)]
    for exact, run in groupby(every, lambda variant: isinstance(variant, Shift | Flip)):
        variants = list(run)
        parts += _simplify(variants) if exact else variants
    if len(parts) > 1:
        return Composed(tuple(parts))
    return parts[0] if parts else None


def _parts(variant: Variant) -> tuple[Variant, ...]:
    return variant.parts if isinstance(variant, Composed) else (variant,)


def _simplify(run: Iterable[Variant]) -> list[Variant]:
    """Return the fewest shifts, and then at most one flip, with the effect of a sequence."""
    left_right = up_down = False
    down, right = [], []
    for part in run:
        if isinstance(part, Flip):
            left_right ^= part.left_right
            up_down ^= part.up_down
        elif isinstance(part, Shift):
            # A flip and a move right equal a move left and a flip.
            down.append(-part.dy if up_down else part.dy)
            right.append(-part.dx if left_right else part.dx)
    moves = zip_longest(_fewest_moves(down), _fewest_moves(right), fillvalue=0)
    parts: list[Variant] = [Shift(dy, dx) for dy, dx in moves]
    if left_right or up_down:
        parts.append(Flip(left_right, up_down))
    return parts


def _fewest_moves(distances: list[int]) -> list[int]:
    """Return the fewest moves along an axis that reach as far either way and end at the same place.

    The farthest position either way determines the pixels lost; the end determines where the
    others are.
    """
    positions = [0, *accumulate(distances)]
    low, high, end = min(positions), max(positions), positions[-1]
    if high in (0, end):
        stations = [0, low, end]
    elif low in (0, end):
        stations = [0, high, end]
    else:
        stations = [0, high, low, end]
    moves = [after - before for before, after in pairwise(stations)]
    return [move for move in moves if move]


def _affine(
    height: int, width: int, inverse: FloatArray, moved: FloatArray | None = None
) -> FloatArray:
    """Return the positions that a linear map about the centre, followed by a move, reads.

    The inverse of the map and the move are those of (down, right).
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


def bilinear_matrix(coordinates: NDArray[np.float64]) -> csr_array:
    """Return the matrix, shape (h * w, h * w), that reads images at positions of shape (2, h, w).

    It has a row for each pixel of the result, with at most four weights, which are positive and sum
    to at most one. ``matrix @ image.ravel()`` equals ``scipy.ndimage.map_coordinates(image,
    coordinates, order=1, mode="grid-constant").ravel()`` to rounding.
    """
    from scipy.sparse import csr_array

    height, width = coordinates.shape[1:]
    n_pixels = height * width
    # All positions farther outside than one pixel are equal; clipped ones fit an integer.
    y = np.clip(coordinates[0].ravel(), -1, height)
    x = np.clip(coordinates[1].ravel(), -1, width)
    top, left = np.floor(y), np.floor(x)
    below, beside = y - top, x - left
    rows = np.stack([top, top, top + 1, top + 1], axis=1).astype(np.intp)
    columns = np.stack([left, left + 1, left, left + 1], axis=1).astype(np.intp)
    weights = np.stack(
        [(1 - below) * (1 - beside), (1 - below) * beside, below * (1 - beside), below * beside],
        axis=1,
    )
    counts = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & (weights > 0)
    starts = np.concatenate([[0], np.cumsum(counts.sum(axis=1))])
    entries = (weights[counts], (rows * width + columns)[counts], starts)
    return csr_array(entries, shape=(n_pixels, n_pixels))


def resample(images: NDArray[Any], matrix: csr_array) -> NDArray[Any]:
    """Multiply every channel of every image by the matrix, in float64 and in blocks of 16 MiB.

    Integers and bools are rounded, halves to even. Integers beyond 2**53, which float64 does not
    represent, are a ValueError.
    """
    resampled = np.empty(images.shape, dtype=images.dtype)
    n_pixels, n_channels = matrix.shape[0], int(np.prod(images.shape[3:]))
    step = max(1, _BLOCK_BYTES // (8 * n_pixels * max(1, n_channels)))
    for start in range(0, len(images), step):
        block = images[start : start + step]
        if images.dtype.kind in "iu" and images.dtype.itemsize == 8 and block.size:
            largest = max(abs(int(block.min())), abs(int(block.max())))
            if largest > _MOST_EXACT:
                raise ValueError(
                    f"images of dtype {images.dtype} reach {largest}, but they are warped in "
                    "float64, which is exact up to 2**53; scale them down"
                )
        # Pixels come first, so that one product serves all images of the block.
        values = block.reshape(len(block), n_pixels, n_channels).transpose(1, 0, 2)
        values = matrix @ values.reshape(n_pixels, -1).astype(np.float64, order="C")
        if images.dtype.kind in "biu":
            np.rint(values, out=values)
        values = values.reshape(n_pixels, len(block), n_channels).transpose(1, 0, 2)
        resampled[start : start + step] = values.reshape(block.shape)
    return resampled
