"""Denoising of images, by denoisers from files or fitted at their first use."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.cleaning.level import estimate_noise
from lookalike.estimators.denoiser import KNeighborsDenoiser
from lookalike.images.expression import parse_noise
from lookalike.images.noise import SaltAndPepper, UniformNoise
from lookalike.models.errors import ModelError
from lookalike.models.file import open_file

Bytes = NDArray[np.uint8]

_FEWEST = 100
"""Least number of training images; with fewer, too little can be learned."""

_MOST_VALUES = 4096
"""Largest number of values of an image."""

_KEPT = 16
"""Number of denoisers in the cache, one for each noise."""

_LEVELS = np.array([0, 3, 5, 8, 12, 18, 25, 35, 50, 70, 100, 140])
"""Levels of Gaussian noise; an estimated level is rounded to the nearest of them."""


class Cleaner:
    """Removes noise from images that are similar to training images.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c), uint8
        Clean images; about 2,000, because fitting takes too long with more.

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
        """Return whether there are enough images, small enough for a fit within seconds."""
        return n >= _FEWEST and prod(image_shape) <= _MOST_VALUES

    def clean(self, images: Bytes, noise: str | None = None) -> Bytes:
        """Return denoised images of the same shape.

        Parameters
        ----------
        images : ndarray of shape (n, h, w) or (n, h, w, c), uint8
        noise : str, optional
            The noise, in a form that `parse_noise` reads; by default it is estimated.

        Raises
        ------
        ValueError
            If `noise` is not a valid noise.
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
        """Return the estimated noise, rounded; None if it is negligible."""
        found: Any = estimate_noise(images, self._images)
        if isinstance(found, UniformNoise):
            high = int(round(found.high, -1))
            return f"uniform:{high}" if high else None
        if isinstance(found, SaltAndPepper):
            share = round(found.share * 20) / 20
            return f"saltpepper:{share:g}" if share else None
        level = int(_LEVELS[np.abs(_LEVELS - found.sigma).argmin()])
        return f"gaussian:{level}" if level else None


def open_denoiser(path: Path) -> tuple[KNeighborsDenoiser, tuple[int, ...], str | None]:
    """Open a file with a denoiser for images of bytes and of one size.

    Parameters
    ----------
    path : Path

    Returns
    -------
    denoiser : KNeighborsDenoiser, fitted
    image_shape : tuple (h, w) or (h, w, c)
        Shape of the images that it cleans.
    source : str or None
        Origin of its training images.

    Raises
    ------
    ModelError
        If the file holds something else, or a denoiser for other values or for several sizes.
    OSError
        If the file cannot be read.
    """
    opened = open_file(path)
    denoiser = opened.estimator
    if not isinstance(denoiser, KNeighborsDenoiser):
        raise ModelError(
            f"{path} holds a {type(denoiser).__name__}, which is not a denoiser; "
            "create one with lookalike clean DATA --noise NOISE --save FILE"
        )
    if not denoiser.is_of_bytes_:
        raise ModelError(
            f"{path} was fitted to values other than whole numbers 0 to 255, which image files do "
            "not have; call its predict in Python, or fit it to uint8 images"
        )
    image_shape = denoiser.image_shape_ if opened.form is None else opened.form.image_shape
    if image_shape is None:
        raise ModelError(
            f"{path} does not contain the size of its images; save it with lookalike clean DATA "
            "--save FILE, or with save_model and form=learn_form(images)"
        )
    return denoiser, image_shape, opened.description["source"]
