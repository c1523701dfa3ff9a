"""Noise taken from single images, by denoisers that are fitted when they are first asked for."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.cleaning.level import estimate_noise
from lookalike.estimators.denoiser import KNeighborsDenoiser
from lookalike.images.expression import parse_noise
from lookalike.images.noise import SaltAndPepper, UniformNoise

Bytes = NDArray[np.uint8]

_FEWEST = 100
"""Training images: of fewer too little can be learnt."""

_MOST_VALUES = 4096
"""Of an image."""

_KEPT = 16
"""Denoisers, one for each noise."""

_LEVELS = np.array([0, 3, 5, 8, 12, 18, 25, 35, 50, 70, 100, 140])
"""Of Gaussian noise that was estimated the nearest: a denoiser serves its neighbourhood."""


class Cleaner:
    """Cleans images like training images.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c), uint8
        Clean ones; some 2,000, as of more a denoiser takes longer than one waits.

    Examples
    --------
    >>> from lookalike import GaussianNoise, add_noise, load_dataset
    >>> images = load_dataset("digits").train.images
    >>> noisy = np.clip(add_noise(images[:9], GaussianNoise(3), 0).round(), 0, 16).astype("uint8")
    >>> cleaned = Cleaner(images[100:]).clean(noisy, "gaussian:3")
    >>> errors = [np.abs(own - images[:9].astype(float)).mean() for own in (noisy, cleaned)]
    >>> bool(errors[1] < 0.7 * errors[0])
    True
    """

    def __init__(self, images: Bytes) -> None:
        self._images = images
        self._denoiser = lru_cache(_KEPT)(self._fit)

    @staticmethod
    def is_possible(image_shape: tuple[int, ...], n: int) -> bool:
        """Whether there is enough to learn from, and images are so small that it takes seconds."""
        return n >= _FEWEST and prod(image_shape) <= _MOST_VALUES

    def clean(self, images: Bytes, noise: str | None = None) -> Bytes:
        """Return images cleaned, of the shape given.

        Parameters
        ----------
        images : ndarray of shape (n, h, w) or (n, h, w, c), uint8
        noise : str, optional
            As `parse_noise` takes it; estimated from the images if it is not given.

        Raises
        ------
        ValueError
            If the noise is none.
        """
        text = self._estimated(images) if noise is None else noise
        if text is None:
            return images.copy()
        cleaned = self._denoiser(text).predict(images)
        return np.asarray(np.clip(np.rint(cleaned), 0, 255).astype(np.uint8))

    def _fit(self, text: str) -> KNeighborsDenoiser:
        denoiser = KNeighborsDenoiser(quality="fast", random_state=0)
        return denoiser.fit(clean=self._images, noise=parse_noise(text))

    def _estimated(self, images: Bytes) -> str | None:
        """Return the noise that images have, in steps; None if that is as good as none."""
        found: Any = estimate_noise(images, self._images)
        if isinstance(found, UniformNoise):
            high = int(round(found.high, -1))
            return f"uniform:{high}" if high else None
        if isinstance(found, SaltAndPepper):
            share = round(found.share * 20) / 20
            return f"saltpepper:{share:g}" if share else None
        level = int(_LEVELS[np.abs(_LEVELS - found.sigma).argmin()])
        return f"gaussian:{level}" if level else None
