"""Noise models, from which noise can be drawn any number of times.

A `Noise` follows scikit-learn's conventions: its constructor only stores parameters, and it can be
cloned, compared and printed. `add_noise` provides the random state. Values never wrap around: if
noisy values leave the range of the images' dtype, the result has a wider one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.images.augmentation import ComparedByParameters

Range = tuple[float, float]

VALUES_AT_ONCE = 2**22  # pixels to draw noise for at once, which limits the memory


class Noise(ComparedByParameters, ABC):
    """Base of all noises. ``A + B`` is A followed by B."""

    @abstractmethod
    def _dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Check the parameters for images of a dtype; return the dtype of noisy images."""

    @abstractmethod
    def _draw(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Return noisy images, possibly in another dtype than the final one."""

    def __add__(self, other: object) -> NoiseSequence:
        return NoiseSequence(self, other) if isinstance(other, Noise) else NotImplemented


class NoiseSequence(Noise):
    """One noise followed by another; ``first + second`` creates it."""

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
    """Add to every value a random number from ``low`` to ``high``, without ``high``.

    Integers get whole numbers, as from ``numpy.random.randint(low, high)``. Noisy images of
    uint8 are int16, because they exceed 255.

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
                    f"{self!r}: {name}={value!r} is not a {'whole ' * whole}number, which images "
                    f"of {dtype} need"
                )
        if not self.low < self.high:
            raise ValueError(f"{self!r} draws from an empty range; make low less than high")
        if not whole:
            return dtype
        info = np.iinfo(dtype)
        low, high = info.min + int(self.low), info.max + int(self.high) - 1
        for candidate in (np.int16, np.int32, np.int64):
            if np.iinfo(candidate).min <= low and high <= np.iinfo(candidate).max:
                return np.dtype(candidate)
        raise ValueError(
            f"{self!r} gives values from {low} to {high} for images of {dtype}, which no integer "
            "dtype holds; convert the images to a smaller one"
        )

    def _draw(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        if images.dtype.kind == "f":
            share = rng.random(images.shape, dtype=_float_of(images))
            return np.asarray(images + (share * (self.high - self.low) + self.low))
        noisy: NDArray[Any] = images + rng.integers(int(self.low), int(self.high), images.shape)
        return noisy


class GaussianNoise(Noise):
    """Add to every value a normally distributed number, then round and clip it to the range.

    Parameters
    ----------
    sigma : float, default=50
        Standard deviation, in units of the pixels.
    value_range : tuple (low, high), optional
        Range to clip to. By default integers are clipped to the limits of their dtype, and floats
        are not clipped.
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
    """Replace a share of the values, half of them by the lowest value and half by the highest.

    Parameters
    ----------
    share : float, default=0.2
        Share of the values, between 0 and 1.
    value_range : tuple (low, high), optional
        Lowest and highest value; by default the limits of the images' dtype. Float images need it.
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
                "value_range, for example (0, 1)"
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
    images: ArrayLike, noise: Noise, rng: int | np.random.Generator | None = None
) -> NDArray[Any]:
    """Return noisy copies of images.

    Parameters
    ----------
    images : array-like of any shape
        Bool (converted to uint8), integers or floats.
    noise : Noise
        For example ``UniformNoise(0, 100)``, ``GaussianNoise(50)``, ``SaltAndPepper(0.2)`` or a
        sum of these.
    rng : int, numpy.random.Generator or None
        Seed or source of the random numbers; None gives other noise at every call.

    Returns
    -------
    ndarray of the shape of images
        The dtype is that of images, or a wider one if noisy values leave its range.

    Raises
    ------
    TypeError
        If ``noise`` is not a `Noise`.
    ValueError
        If images are empty, not numeric, or not finite, or if a parameter of the noise is out of
        range.

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
        raise TypeError(f"noise={noise!r} is not a noise; give for example UniformNoise(0, 100)")
    array = np.asarray(images)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise ValueError(
            f"an array of shape {array.shape} and dtype {array.dtype} has no pixels; give "
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
    exact = 4 if images.dtype.kind == "f" else 2  # bytes of dtypes that float32 holds exactly
    return np.float32 if images.dtype.itemsize <= exact else np.float64


def _range_of(noise: GaussianNoise | SaltAndPepper, dtype: np.dtype[Any]) -> Range | None:
    """Return the lowest and highest value of noisy images; None if there is no limit."""
    limits = None if dtype.kind == "f" else np.iinfo(dtype)
    if noise.value_range is None:
        return None if limits is None else (limits.min, limits.max)
    pair = tuple(noise.value_range) if isinstance(noise.value_range, tuple | list) else ()
    if len(pair) != 2 or not (_is_number(pair[0]) and _is_number(pair[1]) and pair[0] < pair[1]):
        raise ValueError(
            f"{noise!r}: value_range={noise.value_range!r} is not a pair of lowest and highest "
            "value; give for example (0, 255)"
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
