"""Which noise images have: the kind and the level that make clean images most like them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from lookalike.cleaning.layout import as_images
from lookalike.images.noise import GaussianNoise, Noise, SaltAndPepper, UniformNoise, add_noise

VALUES = 200_000
"""How many values of the clean and of the noisy images are compared."""

BINS = 400
_LEAST_SHARE = 1e-6  # of values in a bin, so that an empty one is unlikely and not impossible


def estimate_noise(noisy: Any, clean: Any, *, image_shape: Sequence[int] | None = None) -> Noise:
    """Return the noise that makes values of clean images most like those of noisy ones.

    Images of the same kind are wanted, not the same images. Of uniform noise from 0 up to a limit,
    Gaussian noise and salt and pepper, and of all their levels, it is the one under which the
    values of the noisy images are likeliest.

    Parameters
    ----------
    noisy, clean : images
        As `KNeighborsDenoiser.fit` takes them; at least a few of each.
    image_shape : tuple (h, w) or (h, w, c), optional
        Of images that are given as rows of pixels.

    Returns
    -------
    Noise
        A `UniformNoise`, `GaussianNoise` or `SaltAndPepper`, to be given to
        `KNeighborsDenoiser.fit`.

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
    # Where noise was clipped, the noisy images reach to where it was.
    limits = None if whole else (low, low + width)
    kinds: list[tuple[Callable[[float], Noise], tuple[float, float]]] = [
        (lambda level: _uniform(level, whole), (1.0 if whole else width * 1e-3, width)),
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

        # One valley is likely, not certain: the best of a coarse walk is refined.
        walk = np.linspace(np.log(least), np.log(most), 24)
        at = int(np.argmin([surprise(step) for step in walk]))
        around = walk[max(0, at - 1)], walk[min(len(walk) - 1, at + 1)]
        best = minimize_scalar(surprise, bounds=around, method="bounded")
        found.append((float(best.fun), kind(float(np.exp(best.x)))))
    return min(found, key=lambda one: one[0])[1]


def _uniform(level: float, whole: bool) -> Noise:
    return UniformNoise(0, max(1, round(level)) if whole else level)


def _some_values(stacks: list[NDArray[Any]]) -> NDArray[Any]:
    values = np.concatenate([stack.ravel() for stack in stacks])
    return values[:: max(1, values.size // VALUES)]
