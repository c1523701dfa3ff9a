"""Noise: what spoils images, as descriptions that can be drawn from again and again.

A `Noise` has scikit-learn's manners: its constructor only stores, it can be cloned, compared and
printed. It holds no random state; `add_noise` brings one. Nothing wraps around: where noisy values
leave the range of the images' dtype, the result has a wider one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator

from lookalike.images.augmentation import frozen

Range = tuple[float, float]

VALUES_AT_ONCE = 2**22
"""How many pixels are drawn together, so that memory beyond the result stays small."""


class Noise(BaseEstimator, ABC):  # type: ignore[misc]
    """Base of all noises. ``A + B`` is A, then B on top of it."""

    @abstractmethod
    def _dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Check the parameters for images of a dtype; return that of the noisy ones."""

    @abstractmethod
    def _draw(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Return noisy images, which may still be of another dtype than they end in."""

    def __add__(self, other: object) -> NoiseSequence:
        return NoiseSequence(self, other) if isinstance(other, Noise) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Noise) and type(self) is type(other) and self._key() == other._key()
        )

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def _key(self) -> tuple[Any, ...]:
        return tuple(sorted((n, frozen(v)) for n, v in self.get_params(deep=False).items()))


class NoiseSequence(Noise):
    """One noise on top of another; ``first + second`` makes it.

    Parameters
    ----------
    first, second : Noise
    """

    def __init__(self, first: Noise, second: Noise) -> None:
        self.first = first
        self.second = second

    def _dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return self.second._dtype(self.first._dtype(dtype))

    def _draw(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        between = self.first._draw(images, rng).astype(self.first._dtype(images.dtype), copy=False)
        return self.second._draw(between, rng)

    def __repr__(self) -> str:
        return f"{self.first!r} + {self.second!r}"


class UniformNoise(Noise):
    """Adds to every value a number drawn from ``low`` up to, but without, ``high``.

    Whole numbers to integers, as ``numpy.random.randint(low, high)``; any to floats. The noisy
    images of uint8 are int16, for they reach beyond 255.

    Parameters
    ----------
    low : number, default=0
    high : number, default=100
    """

    def __init__(self, low: float = 0, high: float = 100) -> None:
        self.low = low
        self.high = high

    def _dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        whole = dtype.kind != "f"
        for name, value in (("low", self.low), ("high", self.high)):
            if not _is_number(value) or (whole and not isinstance(value, Integral)):
                raise ValueError(
                    f"{self!r}: {name}={value!r} is no {'whole ' * whole}number; images of "
                    f"{dtype} need one"
                )
        if not self.low < self.high:
            raise ValueError(f"{self!r} draws from an empty range; make low less than high")
        if not whole:
            return dtype
        info = np.iinfo(dtype)
        return _signed_holding(info.min + int(self.low), info.max + int(self.high) - 1, self, dtype)

    def _draw(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        if images.dtype.kind == "f":
            share = rng.random(images.shape, dtype=_float_of(images))
            return np.asarray(images + (share * (self.high - self.low) + self.low))
        noisy: NDArray[Any] = images + rng.integers(int(self.low), int(self.high), images.shape)
        return noisy


class GaussianNoise(Noise):
    """Adds to every value a normally distributed number, then rounds and clips it to the range.

    Parameters
    ----------
    sigma : float, default=50
        Standard deviation, in units of the pixels.
    value_range : tuple (low, high), optional
        What is clipped to. By default integers are clipped to the limits of their dtype, and floats
        are not.
    """

    def __init__(self, sigma: float = 50, value_range: Range | None = None) -> None:
        self.sigma = sigma
        self.value_range = value_range

    def _dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        if not _is_number(self.sigma) or self.sigma < 0:
            raise ValueError(f"{self!r}: sigma={self.sigma!r} must be a number of at least 0")
        _range_of(self, dtype)
        return dtype

    def _draw(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        dtype = _float_of(images)
        noise = rng.standard_normal(images.shape, dtype=dtype) * dtype(self.sigma)
        noisy: NDArray[Any] = images + noise
        value_range = _range_of(self, images.dtype)
        if images.dtype.kind != "f":
            np.rint(noisy, out=noisy)
        if value_range is not None:
            np.clip(noisy, *value_range, out=noisy)
        return noisy


class SaltAndPepper(Noise):
    """Replaces a share of the values, one half by the lowest and one half by the highest there is.

    Parameters
    ----------
    share : float, default=0.2
        Between 0 and 1.
    value_range : tuple (low, high), optional
        Lowest and highest value. By default the limits of the images' dtype; images of floats need
        it.
    """

    def __init__(self, share: float = 0.2, value_range: Range | None = None) -> None:
        self.share = share
        self.value_range = value_range

    def _dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        if not _is_number(self.share) or not 0 <= self.share <= 1:
            raise ValueError(f"{self!r}: share={self.share!r} must be between 0 and 1")
        if _range_of(self, dtype) is None:
            raise ValueError(
                f"{self!r} does not know the lowest and highest value of images of {dtype}; give "
                "value_range, such as (0, 1)"
            )
        return dtype

    def _draw(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        value_range = _range_of(self, images.dtype)
        assert value_range is not None  # by _dtype
        where = rng.random(images.shape, dtype=np.float32)
        noisy = images.copy()
        noisy[where < self.share / 2] = value_range[0]
        noisy[where >= 1 - self.share / 2] = value_range[1]
        return noisy


def add_noise(
    images: ArrayLike,
    noise: Noise,
    rng: int | np.random.Generator | None = None,
) -> NDArray[Any]:
    """Return noisy copies of images.

    Parameters
    ----------
    images : array-like of any shape
        Bool (as uint8), integers or floats.
    noise : Noise
        Such as ``UniformNoise(0, 100)``, ``GaussianNoise(50)``, ``SaltAndPepper(0.2)`` or a sum of
        them.
    rng : int, numpy.random.Generator or None
        Seed or source of the random numbers; None draws anew at every call.

    Returns
    -------
    ndarray of the shape of images
        Of their dtype, or of a wider one where noisy values leave its range.

    Raises
    ------
    TypeError
        If ``noise`` is none.
    ValueError
        If images are empty, no numbers, or not finite, or a parameter of the noise is out of its
        limits.

    Examples
    --------
    >>> import numpy as np
    >>> from lookalike import UniformNoise, add_noise
    >>> noisy = add_noise(np.full((2, 3), 250, dtype=np.uint8), UniformNoise(0, 100), 0)
    >>> noisy
    array([[335, 313, 301],
           [276, 280, 254]], dtype=int16)
    """
    if not isinstance(noise, Noise):
        raise TypeError(f"noise={noise!r} is no noise; give one such as UniformNoise(0, 100)")
    array = np.asarray(images)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise ValueError(
            f"an array of shape {array.shape} and dtype {array.dtype} holds no pixels; give "
            "integers or floats"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("images hold NaN or infinity; replace them, as by np.nan_to_num")
    noisy = np.empty(array.shape, dtype=noise._dtype(array.dtype))
    generator = np.random.default_rng(rng)
    pixels, out = np.ravel(array), noisy.reshape(-1)
    for start in range(0, pixels.size, VALUES_AT_ONCE):
        part = slice(start, start + VALUES_AT_ONCE)
        out[part] = noise._draw(pixels[part], generator)
    return noisy


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and isfinite(value)


def _float_of(images: NDArray[Any]) -> Any:
    exact = 4 if images.dtype.kind == "f" else 2  # bytes of what float32 holds exactly
    return np.float32 if images.dtype.itemsize <= exact else np.float64


def _signed_holding(low: int, high: int, noise: Noise, dtype: DTypeLike) -> np.dtype[Any]:
    for candidate in (np.int16, np.int32, np.int64):
        info = np.iinfo(candidate)
        if info.min <= low and high <= info.max:
            return np.dtype(candidate)
    raise ValueError(
        f"{noise!r} makes values from {low} to {high} of images of {dtype}, which no integer "
        "dtype holds; convert the images to a smaller one"
    )


def _range_of(noise: GaussianNoise | SaltAndPepper, dtype: np.dtype[Any]) -> Range | None:
    """Return the lowest and highest value of noisy images, None where there is no limit."""
    limits = None if dtype.kind == "f" else np.iinfo(dtype)
    if noise.value_range is None:
        return None if limits is None else (limits.min, limits.max)
    pair = tuple(noise.value_range) if isinstance(noise.value_range, tuple | list) else ()
    if len(pair) != 2 or not (_is_number(pair[0]) and _is_number(pair[1]) and pair[0] < pair[1]):
        raise ValueError(
            f"{noise!r}: value_range={noise.value_range!r} is no pair of a lowest and a highest "
            "value, such as (0, 255)"
        )
    low, high = pair
    if limits is None:
        return low, high
    if not (limits.min <= low and high <= limits.max) or (low, high) != (int(low), int(high)):
        raise ValueError(
            f"{noise!r}: value_range={noise.value_range!r} must be whole numbers within the range "
            f"of images of {dtype}, {limits.min} to {limits.max}"
        )
    return low, high
