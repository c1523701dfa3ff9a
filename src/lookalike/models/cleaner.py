"""Denoising of images, by denoisers from files or fitted at their first use."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.denoising.noise_estimation import estimate_noise
from lookalike.estimators.denoiser import KNeighborsDenoiser
from lookalike.evaluation.folds import some_rows
from lookalike.images.dataset import Dataset
from lookalike.images.expression import noise_text, parse_noise
from lookalike.images.noise import Noise, SaltAndPepper, UniformNoise, add_noise
from lookalike.images.preprocessing import Form
from lookalike.models.file import open_file
from lookalike.models.safetensors_map import ModelError

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
    """Removes noise from images that are similar to clean training images (n, h, w[, c]), uint8.

    About 2,000 training images suit, because fitting takes too long with more.

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
        """Return denoised images of the same shape, (n, h, w) or (n, h, w, c), uint8.

        The noise is in a form that `parse_noise` reads, or else `ValueError`; by default it is
        estimated.
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


class Task(NamedTuple):
    """A denoiser of images of bytes and of one size, and what is known of it before it is used.

    The denoiser of a file is fitted; its `noise` is None if it was fitted to pairs of images. The
    denoiser of a data set is to be fitted to `train` and `noise`. `source` says where its training
    images come from, and `form` is that of the data set's images.
    """

    denoiser: KNeighborsDenoiser
    noise: Noise | None
    noise_text: str
    image_shape: tuple[int, ...]
    source: str | None
    form: Form | None = None
    train: Bytes = np.empty(0, np.uint8)
    test: Bytes = np.empty(0, np.uint8)


def task_of_file(path: Path, *, adds_noise: bool = False) -> Task:
    """Open a file that holds a fitted denoiser, whose noise may have to be added to images, too.

    `ModelError` if it holds something else, or a denoiser of other values or of images of several
    sizes, or its noise is not known but is to be added.
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
    noise = denoiser.noise_
    if adds_noise and noise is None:
        raise ModelError(
            f"{path} learnt its noise from pairs of images and can not add it; leave out "
            "--add-noise, and give noisy images"
        )
    return Task(denoiser, noise, noise_text(noise), image_shape, opened.description["source"])


def task_of_data(
    data: Dataset, noise: str, *, quality: str = "best", n_train: int | None = None, seed: int = 0
) -> Task:
    """Return a denoiser that is to be fitted to `n_train` train images of a data set, by chance.

    `ValueError` if there are not so many, or if the noise is none or does not suit bytes.

    Examples
    --------
    >>> from lookalike import load_dataset
    >>> task = task_of_data(load_dataset("digits"), "uniform:6", n_train=100)
    >>> len(task.train), task.noise, task.image_shape
    (100, UniformNoise(high=6), (8, 8))
    """
    added = parse_noise(noise)
    add_noise(np.zeros(1, dtype=np.uint8), added)  # for its checks
    train = data.train.images
    if n_train is not None:
        if n_train > len(train):
            raise ValueError(
                f"--train {n_train:,} but there are only {len(train):,} train images; "
                "lower it or leave it out"
            )
        train = train[some_rows(len(train), n_train, np.random.default_rng((seed, 0)))]
    denoiser = KNeighborsDenoiser(quality=quality, random_state=seed)
    about = (train.shape[1:], data.source, data.form)
    return Task(denoiser, added, noise, *about, train, data.test.images)
