"""Augmentations: the variants by which a training set is enlarged.

An `Augmentation` follows scikit-learn's conventions: its constructor only stores parameters, and it
can be cloned, compared, searched over, and printed as the expression that creates it. It holds no
images and no random state; `Augmentation.variants` lists the same variants for images of a given
shape at every call.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from lookalike.images.variants import Flip, Shift, Variant, compose

MAX_VARIANTS = 10_000  # of an image; more are taken for a mistake


class ComparedByParameters(BaseEstimator):  # type: ignore[misc]
    """Equals an object of the same class with equal parameters, in scikit-learn's sense."""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ComparedByParameters)
            and type(self) is type(other)
            and self._key() == other._key()
        )

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def _key(self) -> tuple[Any, ...]:
        return tuple(sorted((n, frozen(v)) for n, v in self.get_params(deep=False).items()))


class Augmentation(ComparedByParameters, ABC):
    """Base of all augmentations; subclasses list their variants in `_variants`.

    ``A + B`` gives the variants of A, then those of B. ``A * B`` gives the variants of A, of B, and
    every variant of A followed by every variant of B.
    """

    _cure_of_none = "leave it out"

    def variants(self, image_shape: Sequence[int] | None) -> tuple[Variant, ...]:
        """List the variants of every image.

        Parameters
        ----------
        image_shape : tuple (h, w) or (h, w, c), or None
            Shape of an image; None (rows of pixels of unknown shape) is an error.

        Returns
        -------
        tuple of Variant
            At least one, in order, without duplicates and without the identity.

        Raises
        ------
        ValueError
            If ``image_shape`` is not the shape of an image, if a parameter is out of range, if
            there are no variants or more than `MAX_VARIANTS`, or if one makes images empty.
        """
        height, width = _check_image_shape(self, image_shape)
        variants = self._distinct_variants(height, width)
        white = np.ones((1, height, width), dtype=np.float32)
        for variant in variants:
            if not variant.apply(white).any():
                raise ValueError(
                    f"{self!r} leaves nothing of images of {height} × {width} pixels with its "
                    f"variant '{variant}'; move them less"
                )
        return variants

    def _distinct_variants(self, height: int, width: int) -> tuple[Variant, ...]:
        variants = tuple(dict.fromkeys(self._variants(height, width)))
        if not variants:
            raise ValueError(f"{self!r} makes no variants of images; {self._cure_of_none}")
        check_number_of_variants(len(variants), self)
        return variants

    @abstractmethod
    def _variants(self, height: int, width: int) -> Sequence[Variant]:
        """Check the parameters and list the variants, possibly with duplicates."""

    def __add__(self, other: object) -> Sum:
        return Sum(self, other) if isinstance(other, Augmentation) else NotImplemented

    def __mul__(self, other: object) -> Product:
        return Product(self, other) if isinstance(other, Augmentation) else NotImplemented

    def __repr__(self) -> str:
        """Return the expression that creates this, without default values of later parameters."""
        shown = []
        for position, parameter in enumerate(inspect.signature(type(self)).parameters.values()):
            value = _plain(getattr(self, parameter.name))
            if position == 0 and not isinstance(value, bool):
                shown.append(repr(value))
            elif value != parameter.default:
                shown.append(f"{parameter.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class _Pair(Augmentation):
    def __init__(self, first: Augmentation, second: Augmentation) -> None:
        self.first = first
        self.second = second


class Sum(_Pair):
    """The variants of one augmentation, then those of another; ``first + second`` creates it."""

    def _variants(self, height: int, width: int) -> Sequence[Variant]:
        first = self.first._distinct_variants(height, width)
        return first + self.second._distinct_variants(height, width)

    def __repr__(self) -> str:
        second = f"({self.second!r})" if isinstance(self.second, Sum) else repr(self.second)
        return f"{self.first!r} + {second}"


class Product(_Pair):
    """Variants of one augmentation followed by those of another; ``first * second`` creates it.

    For the original, and then for every variant of ``first``, the list has that one alone, and then
    followed by every variant of ``second``; the original alone is left out. Integer images are
    rounded after each of two warps.
    """

    def _variants(self, height: int, width: int) -> Sequence[Variant]:
        first = self.first._distinct_variants(height, width)
        second = self.second._distinct_variants(height, width)
        check_number_of_variants((len(first) + 1) * (len(second) + 1) - 1, self)
        pairs = product((None, *first), (None, *second))
        composed = (compose(one, other) if one and other else one or other for one, other in pairs)
        return [variant for variant in composed if variant is not None]

    def __repr__(self) -> str:
        first = f"({self.first!r})" if isinstance(self.first, Sum) else repr(self.first)
        second = f"({self.second!r})" if isinstance(self.second, _Pair) else repr(self.second)
        return f"{first} * {second}"


class Shifts(Augmentation):
    """Images moved by whole pixels; the new pixels are zero.

    Parameters
    ----------
    reach : int, default=1
        Longest move in pixels; less than the height and the width of the images.
    diagonal : bool, default=False
        If False, there are 4 * reach variants: right, left, down and up by 1 pixel, then by 2, up
        to ``reach``. If True, all other moves of up to ``reach`` pixels along both axes follow, row
        by row from the upper left: together (2 * reach + 1)**2 - 1 variants.

    Examples
    --------
    >>> from lookalike import Shifts
    >>> [str(variant) for variant in Shifts(1).variants((28, 28))]
    ['right 1', 'left 1', 'down 1', 'up 1']
    >>> len(Shifts(2, diagonal=True).variants((28, 28)))
    24
    >>> Shifts(30).variants((28, 28))
    Traceback (most recent call last):
        ...
    ValueError: Shifts(30) moves images of 28 × 28 pixels by 30, which leaves nothing of them; \
give a reach of 1 to 27
    """

    def __init__(self, reach: int = 1, diagonal: bool = False) -> None:
        self.reach = reach
        self.diagonal = diagonal

    def _variants(self, height: int, width: int) -> Sequence[Variant]:
        reach = check_whole(self, "reach", least=1)
        diagonal = check_flag(self, "diagonal")
        farthest = min(height, width) - 1
        if reach > farthest:
            cure = f"give a reach of 1 to {farthest}" if farthest else "they are too small to shift"
            raise ValueError(
                f"{self!r} moves images of {height} × {width} pixels by {reach}, which leaves "
                f"nothing of them; {cure}"
            )
        check_number_of_variants((2 * reach + 1) ** 2 - 1 if diagonal else 4 * reach, self)
        straight = [
            Shift(distance * dy, distance * dx)
            for distance in range(1, reach + 1)
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
        ]
        if not diagonal:
            return straight
        distances = range(-reach, reach + 1)
        return straight + [Shift(dy, dx) for dy, dx in product(distances, distances) if dy and dx]


class Flips(Augmentation):
    """Mirrored images.

    Parameters
    ----------
    left_right : bool, default=True
        Mirror left and right.
    up_down : bool, default=False
        Mirror top and bottom. If both are True, there are three variants: the third is mirrored
        both ways.

    Examples
    --------
    >>> from lookalike import Flips
    >>> [str(variant) for variant in Flips(up_down=True).variants((32, 32, 3))]
    ['flipped left-right', 'flipped up-down', 'flipped both ways']
    """

    _cure_of_none = "set left_right or up_down, for images with more than one column or row"

    def __init__(self, left_right: bool = True, up_down: bool = False) -> None:
        self.left_right = left_right
        self.up_down = up_down

    def _variants(self, height: int, width: int) -> Sequence[Variant]:
        # A single column or row of pixels is its own mirror image.
        left_right = check_flag(self, "left_right") and width > 1
        up_down = check_flag(self, "up_down") and height > 1
        flips = [Flip(True, False)] * left_right + [Flip(False, True)] * up_down
        return [*flips, Flip(True, True)] if left_right and up_down else flips


def check_whole(augmentation: Augmentation, name: str, *, least: int) -> int:
    """Return a parameter; raise ValueError unless it is an integer of at least ``least``."""
    value = getattr(augmentation, name)
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name}={value!r} of {type(augmentation).__name__} is not a whole number of at least "
            f"{least}; give one"
        )
    return int(value)


def check_flag(augmentation: Augmentation, name: str) -> bool:
    """Return a parameter; raise ValueError unless it is True or False."""
    value = getattr(augmentation, name)
    if not isinstance(value, bool | np.bool_):
        raise ValueError(
            f"{name}={value!r} of {type(augmentation).__name__} is neither True nor False; give one"
        )
    return bool(value)


def check_number_of_variants(n_variants: int, augmentation: Augmentation) -> None:
    """Raise ValueError if there are more than `MAX_VARIANTS`; called before they are created."""
    if n_variants > MAX_VARIANTS:
        raise ValueError(
            f"{augmentation!r} makes {n_variants:,} variants of every image but the limit is "
            f"{MAX_VARIANTS:,}; reduce them"
        )


def _check_image_shape(
    augmentation: Augmentation, image_shape: Sequence[int] | None
) -> tuple[int, int]:
    if image_shape is None:
        raise ValueError(
            f"{augmentation!r} needs the image shape of rows of pixels; give image_shape, "
            "or images of shape (n, h, w) or (n, h, w, c) instead of rows"
        )
    shape = tuple(image_shape) if np.iterable(image_shape) else ()
    if len(shape) not in (2, 3) or not all(isinstance(n, Integral) and n >= 1 for n in shape):
        raise ValueError(
            f"image_shape={image_shape!r} is not the shape of an image; give (height, width) or "
            "(height, width, channels)"
        )
    return int(shape[0]), int(shape[1])


def _plain(value: Any) -> Any:
    """Convert NumPy's arrays and numbers to Python's, whose repr can be evaluated."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def frozen(value: Any) -> Any:
    """Convert lists and arrays to tuples, which can be compared and hashed."""
    value = _plain(value)
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value
