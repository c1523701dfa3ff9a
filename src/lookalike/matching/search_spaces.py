"""Search spaces: the representations and scoring rules that each effort tries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from lookalike.matching.byte_levels import Bytes, ground_of
from lookalike.matching.features import with_colours
from lookalike.matching.matcher import Representation
from lookalike.matching.scoring import Deformed


class SearchSpace(NamedTuple):
    """The search space of an effort.

    A first comparison tries all `representations` (the cheapest first, those with the same features
    together) on `n_first` training and `n_first_held_out` held-out images. A second one tries the
    `n_kept` best, with `deformations`, on `n_splits` splits of `n_second` training and
    `n_second_held_out` held-out images. Where there are fewer images, each is a cross-validation.
    Copies are tried if the training set, with them, has at most `most_with_copies` images.

    With fewer than `enough_a_class` images a class, the default scoring rule is taken, without
    hyperplanes: too few neighbours span them, and too few are left when some are held out.

    If errors are equal, the features `usual` are preferred. Images with a side of more than
    `longest_side` pixels are first averaged down to it.
    """

    representations: tuple[Representation, ...]
    n_first: int
    n_first_held_out: int
    most_with_copies: int
    usual: str
    n_components: int
    n_neighbors: int
    longest_side: int
    n_kept: int = 0
    n_second: int = 0
    n_second_held_out: int = 0
    n_splits: int = 0
    deformations: tuple[Deformed, ...] = ()
    enough_a_class: int = 0

    def n_again(self, n: int) -> int:
        """Return how many representations of n images are compared again.

        None is if that would neither take more images nor more scoring rules.
        """
        tells_more = self.deformations or n >= self.n_first + self.n_first_held_out
        return self.n_kept if tells_more else 0


def _grid(features: Sequence[str], whitening: Sequence[float]) -> tuple[Representation, ...]:
    found = product(features, (False, True), whitening)
    return tuple(Representation(strokes, name, power) for name, strokes, power in found)


SEARCH_SPACES = {
    "fast": SearchSpace(
        representations=(Representation(False, "pixels", 0.0), *_grid(("gradients",), (0.6,))),
        n_first=8000,
        n_first_held_out=4000,
        most_with_copies=10_000,
        usual="gradients",
        n_components=128,
        n_neighbors=100,
        longest_side=48,
    ),
    "balanced": SearchSpace(
        representations=(
            Representation(False, "pixels", 0.0),
            Representation(True, "pixels", 0.6),
            *_grid(("gradients",), (0.0, 0.6)),
            *_grid(("rich",), (0.6,)),
        ),
        n_first=5000,
        n_first_held_out=2500,
        n_kept=1,
        n_second=24_000,
        n_second_held_out=8000,
        n_splits=1,
        deformations=("forward",),
        most_with_copies=20_000,
        usual="gradients",
        n_components=160,
        n_neighbors=300,
        longest_side=64,
    ),
    "best": SearchSpace(
        representations=_grid(("pixels", "gradients", "rich"), (0.0, 0.3, 0.6)),
        n_first=10_000,
        n_first_held_out=5000,
        n_kept=3,
        n_second=40_000,
        n_second_held_out=10_000,
        n_splits=2,
        deformations=("forward", "both"),
        most_with_copies=50_000,
        usual="rich",
        n_components=256,
        n_neighbors=400,
        longest_side=64,
    ),
}


def space_for(effort: str, images: Bytes) -> SearchSpace:
    """Return the space of an effort for images (n, height, width, channels), or vectors.

    Colour images use colour features; strokes are normalized on a dark background only.
    """
    space = space_of(effort)
    if images.dtype != np.uint8:
        return vector_space(effort, has_roots=bool(images.min() >= 0))
    representations, usual = space.representations, space.usual
    if images.shape[3] >= 3:
        representations = tuple(
            one._replace(features=with_colours(one.features)) for one in representations
        )
        usual = with_colours(usual)
    if ground_of(images).mean() >= _BRIGHT:
        representations = tuple(one for one in representations if not one.strokes)
    return space._replace(representations=representations, usual=usual)


def vector_space(effort: str, *, has_roots: bool = True) -> SearchSpace:
    """Return the space of an effort for vectors, which may have roots if none is negative."""
    space = SEARCH_SPACES[effort]
    usual = "unit vectors of roots" if has_roots else "unit vectors"
    powers = (0.0, 0.3, 0.6, 0.8) if effort == "best" else (0.0, 0.6)
    # The length of vectors may tell classes apart, and does where there are few features.
    others = [("vectors", 0.6)]
    if effort != "fast":
        others += [("vectors", 0.0), ("unit vectors", 0.6)]
    tried = dict.fromkeys([*((usual, power) for power in powers), *others])
    return space._replace(
        representations=tuple(Representation(False, *one) for one in tried),
        usual=usual,
        n_components=_VECTOR_COMPONENTS,
        most_with_copies=0,
        deformations=(),
        enough_a_class=4,
    )


_VECTOR_COMPONENTS = 256
"""Axes of vectors, whose search is cheap beside the network that made them."""


def space_of(effort: str, shape: Sequence[int] | None = None) -> SearchSpace:
    """Return the space of an effort for any images, or for vectors if the shape says so.

    Vectors are stacks of shape (n, 1, 1, d). The `ValueError` names the efforts that there are.
    """
    if effort not in SEARCH_SPACES:
        raise ValueError(f"effort={effort!r}; give one of {', '.join(SEARCH_SPACES)}")
    if shape is not None and max(shape[:2]) == 1:
        return vector_space(effort)
    return SEARCH_SPACES[effort]


_BRIGHT = 64
"""Strokes are not normalized on a background at least this bright: black would fill the gaps."""
