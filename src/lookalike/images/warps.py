"""Augmentations that warp images: rotations, scalings, random affine and elastic warps."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, remainder
from numbers import Real
from typing import Any

from numpy.typing import ArrayLike

from lookalike.images.augmentation import (
    Augmentation,
    check_number_of_variants,
    check_whole,
    frozen,
)
from lookalike.images.variants import AffineWarp, ElasticWarp, Rotation, Scaling, Variant

_MOST_SEED = 2**32 - 1  # scikit-learn's


class Rotations(Augmentation):
    """Images rotated about their centre with linear interpolation; the new pixels are zero.

    Parameters
    ----------
    degrees : array-like of float, or float
        Angles from -360 to 360, counter-clockwise, with one variant each. Full turns are left out,
        because they give the original, and so are angles that equal an earlier one plus a turn.

    Examples
    --------
    >>> from lookalike import Rotations
    >>> [str(variant) for variant in Rotations([-10, 0, 10]).variants((28, 28))]
    ['rotated -10°', 'rotated 10°']
    """

    _cure_of_none = "give at least one angle that is not a full turn"

    def __init__(self, degrees: ArrayLike) -> None:
        self.degrees = degrees

    def _variants(self, height: int, width: int) -> Sequence[Variant]:
        angles = [remainder(angle, 360) for angle in _check_numbers(self, "degrees", -360, 360)]
        return [Rotation(180.0 if angle == -180 else angle) for angle in angles if angle]


class Scalings(Augmentation):
    """Images enlarged or shrunk about their centre, interpolated linearly; new pixels are zero.

    Parameters
    ----------
    factors : array-like of float, or float
        Factors from 0.5 to 2, with one variant each. Beyond this range linear interpolation skips
        pixels, or three quarters of the image are lost. Factor 1 is left out.

    Examples
    --------
    >>> from lookalike import Scalings
    >>> [str(variant) for variant in Scalings([0.9, 1.1]).variants((28, 28))]
    ['scaled 0.9', 'scaled 1.1']
    """

    _cure_of_none = "give at least one factor other than 1"

    def __init__(self, factors: ArrayLike) -> None:
        self.factors = factors

    def _variants(self, height: int, width: int) -> Sequence[Variant]:
        factors = _check_numbers(self, "factors", 0.5, 2)
        return [Scaling(factor) for factor in factors if factor != 1]


class AffineWarps(Augmentation):
    """Images scaled, sheared, rotated and moved, each by a small random amount.

    Every variant is one warp, drawn uniformly within the limits and applied to all images. The
    first ones are the same for every ``n``.

    Parameters
    ----------
    n : int, default=4
        Number of variants.
    rotation : float, default=10.0
        Largest angle either way, in degrees, up to 180.
    scale : float, default=0.1
        Largest relative change of size, up to 0.5.
    shear : float, default=5.0
        Largest slant of vertical lines either way, in degrees, up to 60.
    translation : float, default=1.0
        Largest move along each axis in pixels, less than the height and the width.
    random_state : int, default=0
        Seed of the warps.

    Examples
    --------
    >>> from lookalike import AffineWarps
    >>> [str(variant) for variant in AffineWarps(2).variants((28, 28))]
    ['affine 1', 'affine 2']
    """

    def __init__(
        self,
        n: int = 4,
        *,
        rotation: float = 10.0,
        scale: float = 0.1,
        shear: float = 5.0,
        translation: float = 1.0,
        random_state: int = 0,
    ) -> None:
        self.n = n
        self.rotation = rotation
        self.scale = scale
        self.shear = shear
        self.translation = translation
        self.random_state = random_state

    def _variants(self, height: int, width: int) -> Sequence[Variant]:
        numbers, seed = _numbered(self)
        farthest = min(height, width) - 1
        limits = {
            "rotation": _check_number(self, "rotation", self.rotation, 0, 180),
            "scale": _check_number(self, "scale", self.scale, 0, 0.5),
            "shear": _check_number(self, "shear", self.shear, 0, 60),
            "translation": _check_number(self, "translation", self.translation, 0, farthest),
        }
        if not any(limits.values()):
            raise ValueError(
                "AffineWarps with rotation, scale, shear and translation of 0 leaves images as "
                "they are; give at least one above 0"
            )
        return [AffineWarp(number, **limits, seed=seed) for number in numbers]


class ElasticWarps(Augmentation):
    """Images whose pixels are moved a little by a smooth random field [1]_.

    Every variant is one field, applied to all images. The first ones are the same for every
    ``n``.

    Parameters
    ----------
    n : int, default=4
        Number of variants.
    alpha : float, default=34.0
        Factor of the smoothed field. Pixels then move by about ``0.16 * alpha / sigma`` along each
        axis (root mean square, away from the border), which must not exceed the height and the
        width of the images.
    sigma : float, default=4.0
        Standard deviation in pixels of the Gaussian that smoothes the field, up to the height
        and the width. The defaults are those of [1]_, for handwritten digits of 28 × 28 pixels.
    random_state : int, default=0
        Seed of the fields.

    References
    ----------
    .. [1] Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied
       to visual document analysis", ICDAR 2003, section 2.

    Examples
    --------
    >>> from lookalike import ElasticWarps
    >>> [str(variant) for variant in ElasticWarps(2).variants((28, 28))]
    ['elastic 1', 'elastic 2']
    """

    def __init__(
        self, n: int = 4, *, alpha: float = 34.0, sigma: float = 4.0, random_state: int = 0
    ) -> None:
        self.n = n
        self.alpha = alpha
        self.sigma = sigma
        self.random_state = random_state

    def _variants(self, height: int, width: int) -> Sequence[Variant]:
        numbers, seed = _numbered(self)
        size = min(height, width)
        sigma = _check_number(self, "sigma", self.sigma, 0, size, above=True)
        most = size * max(1.0, sigma / 0.16)
        alpha = _check_number(self, "alpha", self.alpha, 0, most, above=True)
        return [ElasticWarp(number, alpha, sigma, seed) for number in numbers]


def _numbered(augmentation: AffineWarps | ElasticWarps) -> tuple[range, int]:
    """Return the checked numbers of the variants and their seed."""
    n = check_whole(augmentation, "n", least=1)
    check_number_of_variants(n, augmentation)
    seed = check_whole(augmentation, "random_state", least=0)
    if seed > _MOST_SEED:
        raise ValueError(f"random_state={seed} but seeds go up to {_MOST_SEED}; give a lower one")
    return range(1, n + 1), seed


def _check_numbers(augmentation: Augmentation, name: str, least: float, most: float) -> list[float]:
    values = frozen(getattr(augmentation, name))
    values = values if isinstance(values, tuple) else (values,)
    check_number_of_variants(len(values), augmentation)
    return [_check_number(augmentation, name, value, least, most) for value in values]


def _check_number(
    augmentation: Augmentation,
    name: str,
    value: Any,
    least: float,
    most: float,
    *,
    above: bool = False,
) -> float:
    sound = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
    if not sound or not least <= value <= most or (above and value == least):
        raise ValueError(
            f"{name}={getattr(augmentation, name)!r} of {type(augmentation).__name__} holds "
            f"{value!r}; give numbers {'above' if above else 'from'} {least:g} to {most:g}"
        )
    return float(value)
