"""Search spaces: the representations and scoring rules that each effort tries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lookalike.matching.byte_levels import Bytes
from lookalike.matching.copies import ground_of
from lookalike.matching.features import with_colours
from lookalike.matching.matcher import Representation
from lookalike.matching.scoring import Deformed


class SearchSpace(NamedTuple):
    """The search space of an effort.

    Attributes
    ----------
    representations : tuple of Representation
        Representations to try, cheapest first.
    n_first, n_first_held_out : int
        Training and held-out images of the first comparison; cross-validation if there are fewer.
    n_kept : int
        Number of best representations in the second comparison, on more images; 0 if there is none.
    n_second, n_second_held_out : int
        Training and held-out images of each split of the second comparison.
    n_splits : int
        Number of these splits.
    deformations : tuple of {"off", "forward", "both"}
        Deformations that the second comparison tries.
    n_grown : int
        Copies are tried if the training set, with them, has at most this many images.
    usual : str
        Features that are preferred if errors are equal.
    n_components, n_neighbors : int
    longest_side : int
        In pixels; larger images are first averaged down to it.
    """

    representations: tuple[Representation, ...]
    n_first: int
    n_first_held_out: int
    n_kept: int
    n_second: int
    n_second_held_out: int
    n_splits: int
    deformations: tuple[Deformed, ...]
    n_grown: int
    usual: str
    n_components: int
    n_neighbors: int
    longest_side: int


def _recipes(features: Sequence[str], whitening: Sequence[float]) -> tuple[Representation, ...]:
    return tuple(
        Representation(strokes, name, power)
        for name in features
        for strokes in (False, True)
        for power in whitening
    )


PLANS = {
    "fast": SearchSpace(
        representations=(Representation(False, "pixels", 0.0), *_recipes(("gradients",), (0.6,))),
        n_first=8000,
        n_first_held_out=4000,
        n_kept=0,
        n_second=0,
        n_second_held_out=0,
        n_splits=0,
        deformations=("off",),
        n_grown=10_000,
        usual="gradients",
        n_components=128,
        n_neighbors=100,
        longest_side=48,
    ),
    "balanced": SearchSpace(
        representations=(
            Representation(False, "pixels", 0.0),
            Representation(True, "pixels", 0.6),
            *_recipes(("gradients",), (0.0, 0.6)),
            *_recipes(("rich",), (0.6,)),
        ),
        n_first=5000,
        n_first_held_out=2500,
        n_kept=1,
        n_second=24_000,
        n_second_held_out=8000,
        n_splits=1,
        deformations=("off", "forward"),
        n_grown=20_000,
        usual="gradients",
        n_components=160,
        n_neighbors=300,
        longest_side=64,
    ),
    "best": SearchSpace(
        representations=_recipes(("pixels", "gradients", "rich"), (0.0, 0.3, 0.6)),
        n_first=10_000,
        n_first_held_out=5000,
        n_kept=3,
        n_second=40_000,
        n_second_held_out=10_000,
        n_splits=2,
        deformations=("off", "forward", "both"),
        n_grown=50_000,
        usual="rich",
        n_components=256,
        n_neighbors=400,
        longest_side=64,
    ),
}


def plan_for(effort: str, images: Bytes) -> SearchSpace:
    """Return the plan of an effort for images (n, height, width, channels).

    Colour images use colour features; strokes are normalized on a dark background only.

    Raises
    ------
    ValueError
        If the effort is unknown.
    """
    plan = plan_of(effort)
    representations, usual = plan.representations, plan.usual
    if images.shape[3] >= 3:
        representations = tuple(
            one._replace(features=with_colours(one.features)) for one in representations
        )
        usual = with_colours(usual)
    if ground_of(images).mean() >= _BRIGHT:
        representations = tuple(one for one in representations if not one.strokes)
    return plan._replace(representations=representations, usual=usual)


def plan_of(effort: str) -> SearchSpace:
    """Return the plan of an effort for any images; `ValueError` if it is unknown."""
    if effort not in PLANS:
        raise ValueError(f"effort={effort!r}; give one of {', '.join(PLANS)}")
    return PLANS[effort]


_BRIGHT = 64
"""Strokes are not normalized on a background at least this bright: black would fill the gaps."""
