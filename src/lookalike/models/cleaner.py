"""Noise taken from images: by denoisers kept in files, or fitted when they are first asked for."""

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


def open_denoiser(path: Path) -> tuple[KNeighborsDenoiser, tuple[int, ...], str | None]:
    """Open a file that holds a denoiser of images of bytes and of one size.

    Parameters
    ----------
    path : Path

    Returns
    -------
    denoiser : KNeighborsDenoiser, fitted
    image_shape : tuple (h, w) or (h, w, c)
        The shape of the images that it cleans.
    source : str or None
        Where its training images come from.

    Raises
    ------
    ModelError
        If it holds something else, or a denoiser of other values or of images of several sizes.
    OSError
        If it cannot be read.
    """
    opened = open_file(path)
    denoiser = opened.estimator
    if not isinstance(denoiser, KNeighborsDenoiser):
        raise ModelError(
            f"{path} holds a {type(denoiser).__name__}, which cleans no images; make a "
            "file that does by lookalike clean DATA --noise NOISE --save FILE"
        )
    if not denoiser.is_of_bytes_:
        raise ModelError(
            f"{path} was fitted to other values than whole ones from 0 to 255, which no image file "
            "has; call its predict in Python, or fit it to uint8 images"
        )
    image_shape = denoiser.image_shape_ if opened.form is None else opened.form.image_shape
    if image_shape is None:
        raise ModelError(
            f"{path} does not tell the size of its images; keep it by lookalike clean DATA --save "
            "FILE, or by save_model with form=learn_form(images)"
        )
    return denoiser, image_shape, opened.description["source"]
