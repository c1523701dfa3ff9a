"""Noisy images beside what methods make of them, and how near each comes to the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.denoiser import KNeighborsDenoiser
from lookalike.evaluation.fidelity import Fidelity, measure_fidelity
from lookalike.images.progress import Progress
from lookalike.results import Result


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Images as a method left them.

    Attributes
    ----------
    name : str
        The method, or "noisy", or "truth".
    images : ndarray of shape (n, h, w) or (n, h, w, c), of any numbers
    seconds : float or None
        How long the method took.
    accuracy : float or None
        The accuracy of a classifier that is asked about the images.
    """

    name: str
    images: NDArray[Any]
    seconds: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, eq=False)
class Denoising(Result):
    """Noisy images, what methods make of them, and the truth where it is known.

    Attributes
    ----------
    names : sequence of str
        The names of the images.
    methods : sequence of Cleaned
        The noisy images first, then what each method made of them.
    brightest : int
        The greatest value that a clean pixel can have, at most 255; the least is 0.
    truth : Cleaned or None
        The images before they were noisy, uint8.
    """

    _described_by = "denoising"

    names: Sequence[str]
    methods: Sequence[Cleaned]
    brightest: int
    truth: Cleaned | None = None

    def pixels(self, cleaned: Cleaned) -> NDArray[np.uint8]:
        """Return images as whole numbers from 0 to ``brightest``."""
        rounded: NDArray[np.uint8] = np.clip(np.rint(cleaned.images), 0, self.brightest)
        return rounded.astype(np.uint8)

    @property
    def shown(self) -> list[Cleaned]:
        """The methods, and the truth if it is known."""
        return [*self.methods, *([] if self.truth is None else [self.truth])]

    @cached_property
    def fidelities(self) -> dict[str, Fidelity]:
        """How near the pixels of each of `shown` come to the truth; empty if it is not known."""
        if self.truth is None:
            return {}
        truth = self.pixels(self.truth)
        return {
            one.name: measure_fidelity(self.pixels(one), truth, self.brightest)
            for one in self.shown
        }

    def measures(self, rows: slice = slice(None)) -> dict[str, float]:
        """Return means over some images for JSON: ``noisy_psnr``, ``noisy_ssim``, and so on."""
        return {
            f"{one.name}_{name}": round(float(values[rows].mean()), 4)
            for one in (self.methods if self.fidelities else ())
            for name, values in self.fidelities[one.name]._asdict().items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Return for JSON the means over all images of each of `shown`."""
        return {
            one.name: {
                **{
                    name: round(float(values.mean()), 4)
                    for name, values in self.fidelities[one.name]._asdict().items()
                },
                "accuracy": one.accuracy,
                "seconds": None if one.seconds is None else round(one.seconds, 4),
            }
            for one in (self.shown if self.fidelities else self.methods)
        }


def clean_images(
    denoiser: KNeighborsDenoiser,
    noisy: NDArray[Any],
    *,
    names: Sequence[str],
    truth: NDArray[np.uint8] | None = None,
    progress: Progress | None = None,
) -> Denoising:
    """Clean images, and compare them with the truth where it is known.

    Parameters
    ----------
    denoiser : KNeighborsDenoiser, fitted to whole numbers from 0 to 255
    noisy : ndarray of shape (n, h, w) or (n, h, w, c), of any numbers
    names : sequence of str
        The names of the images.
    truth : ndarray of the same shape, uint8, optional
    progress : callable, optional
        Called as ``progress(done, total)``.

    Raises
    ------
    ValueError
        As `KNeighborsDenoiser.predict`.

    Examples
    --------
    >>> from lookalike import UniformNoise, add_noise, load_dataset
    >>> data, noise = load_dataset("digits"), UniformNoise(0, 6)
    >>> denoiser = KNeighborsDenoiser(quality="fast", random_state=0)
    >>> denoiser = denoiser.fit(clean=data.train.images[:200], noise=noise)
    >>> truth = data.test.images[:5]
    >>> found = clean_images(denoiser, add_noise(truth, noise, 0), names="abcde", truth=truth)
    >>> before, after = (found.fidelities[name].psnr.mean() for name in ("noisy", "cleaned"))
    >>> bool(before < after)
    True
    """
    start = perf_counter()
    estimates = denoiser.predict(noisy, progress=progress)
    seconds = perf_counter() - start
    return Denoising(
        names,
        [Cleaned("noisy", noisy), Cleaned("cleaned", estimates, seconds)],
        denoiser.brightest_,
        None if truth is None else Cleaned("truth", truth),
    )
