"""Estimation of the kind and level of noise in images, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from lookalike.denoising.image_stacks import as_images
from lookalike.images.noise import GaussianNoise, Noise, SaltAndPepper, UniformNoise, add_noise

VALUES = 200_000
"""Number of values of the clean and of the noisy images that are compared."""

BINS = 400
_LEAST_SHARE = 1e-6  # added to each bin's share, so that no value is impossible


def estimate_noise(noisy: Any, clean: Any, *, image_shape: Sequence[int] | None = None) -> Noise:
    """Return the noise that makes values of clean images most like those of noisy ones.

    The clean images must be of the same kind as the noisy ones, not the same images. The result
    has the maximum likelihood among uniform noise from 0 up to a limit, Gaussian noise, and salt
    and pepper, at all levels.

    Parameters
    ----------
    noisy, clean : images
        Images in any form that `KNeighborsDenoiser.fit` takes; at least a few of each.
    image_shape : tuple (h, w) or (h, w, c), optional
        Shape of an image, if images are given as rows of pixels.

    Returns
    -------
    Noise
        A `UniformNoise`, `GaussianNoise` or `SaltAndPepper` that `KNeighborsDenoiser.fit` takes.

    Raises
    ------
    ValueError
        If images are empty, too small or not finite.

    Examples
    --------
    >>> from lookalike import GaussianNoise, add_noise, estimate_noise, load_dataset
    >>> images = (load_dataset("digits").train.images * 15).astype("uint8")
    >>> noisy = add_noise(images[700:], GaussianNoise(40), 0)
    >>> found = estimate_noise(noisy, images[:700])
    >>> type(found).__name__, 37 < found.sigma < 43
    ('GaussianNoise', True)
    """
    seen, truth = (
        _some_values(as_images(images, image_shape, name).arrays)
        for images, name in ((noisy, "noisy"), (clean, "clean"))
    )
    low, high = (float(end((end(seen), end(truth)))) for end in (np.min, np.max))
    whole = truth.dtype.kind != "f"
    width = high - low or 1.0
    # If the noise was clipped, the range of the noisy images gives the limits.
    limits = None if whole else (low, low + width)
    kinds: list[tuple[Callable[[float], Noise], tuple[float, float]]] = [
        (
            lambda level: UniformNoise(0, max(1, round(level)) if whole else level),
            (1.0 if whole else width * 1e-3, width),
        ),
        (lambda level: GaussianNoise(level, limits), (width * 1e-3, width)),
        (lambda level: SaltAndPepper(level, limits), (1e-3, 0.95)),
    ]
    margin = 0.5 if whole else width / BINS / 2
    edges = np.linspace(low - margin, low + width + margin, BINS + 1)
    counts = np.histogram(seen, edges)[0]
    found: list[tuple[float, Noise]] = []
    for kind, (least, most) in kinds:

        def surprise(log_level: float, kind: Callable[[float], Noise] = kind) -> float:
            made = add_noise(truth, kind(float(np.exp(log_level))), 0)
            share = np.histogram(made, edges)[0] / made.size
            return -float(counts @ np.log(share + _LEAST_SHARE))

        # There may be several minima: the best step of a coarse grid is refined.
        walk = np.linspace(np.log(least), np.log(most), 24)
        at = int(np.argmin([surprise(step) for step in walk]))
        around = walk[max(0, at - 1)], walk[min(len(walk) - 1, at + 1)]
        best = minimize_scalar(surprise, bounds=around, method="bounded")
        found.append((float(best.fun), kind(float(np.exp(best.x)))))
    return min(found, key=lambda one: one[0])[1]


def _some_values(stacks: list[NDArray[Any]]) -> NDArray[Any]:
    values = np.concatenate([stack.ravel() for stack in stacks])
    return values[:: max(1, values.size // VALUES)]
