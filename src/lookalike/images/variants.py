"""Variants: the single changes that an augmentation makes, the same for every image.

Shifts and flips only move pixels, so `compose` can simplify sequences of them to a unique form, in
which equal changes compare equal. An augmentation therefore has no duplicates, and two shifts in a
similar direction are again one `Shift`, which a search can follow without a copy of any image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.shift import move


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
    """Move images down by ``dy`` and right by ``dx`` whole pixels; the new pixels are zero.

    Examples
    --------
    >>> from lookalike.images.variants import Shift
    >>> print(Shift(1, 0), Shift(-1, 2), sep="; ")
    down 1; right 2, up 1
    """

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

    Adjacent shifts and flips are simplified if exactly the same pixels are kept.

    Examples
    --------
    >>> from lookalike.images.variants import Flip, Shift, compose
    >>> compose(Shift(0, 1), Shift(2, 1))
    Shift(dy=2, dx=2)
    >>> compose(Shift(0, 1), Shift(0, -1))  # not the original: it loses a column
    Composed(parts=(Shift(dy=0, dx=1), Shift(dy=0, dx=-1)))
    >>> compose(Flip(True, False), Flip(True, False)) is None
    True
    """
    parts: list[Variant] = []
    for exact, run in groupby([*_parts(first), *_parts(second)], _is_exact):
        variants = list(run)
        parts += _simplify(variants) if exact else variants
    if len(parts) > 1:
        return Composed(tuple(parts))
    return parts[0] if parts else None


def _parts(variant: Variant) -> tuple[Variant, ...]:
    return variant.parts if isinstance(variant, Composed) else (variant,)


def _is_exact(variant: Variant) -> bool:
    return isinstance(variant, Shift | Flip)


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
