"""How near images come to the true ones, and what methods of denoising make of noisy ones.

Peak signal-to-noise ratio and structural similarity both measure single images; for many images
the mean is reported. (The ratio of the mean error of many images is another, lower figure, ruled by
the worst of them.)

References
----------
.. [1] Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
   structural similarity", IEEE Transactions on Image Processing 13, 2004.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import uniform_filter

from lookalike.estimators.denoiser import KNeighborsDenoiser
from lookalike.images.progress import Progress
from lookalike.results import Result

LEAST_ERROR = 1e-3
"""A mean squared error below it counts as it, at a data range of 255: an image that is met exactly
has 78.1 dB instead of infinitely many, and a mean over images stays finite."""

WINDOW = 7
"""Pixels of a side of the window, scikit-image's default."""

_K1, _K2 = 0.01, 0.03  # of [1]_, section III.B
_VALUES_AT_ONCE = 2**20

_Stack = NDArray[np.float64]


class Fidelity(NamedTuple):
    """How near each of some images comes to the truth.

    Attributes
    ----------
    psnr : ndarray of shape (n,), float64
        Peak signal-to-noise ratio, in dB.
    ssim : ndarray of shape (n,), float64
        Structural similarity.
    """

    psnr: NDArray[np.float64]
    ssim: NDArray[np.float64]


def measure_fidelity(
    pixels: NDArray[np.uint8], truth: NDArray[np.uint8], brightest: int
) -> Fidelity:
    """Compare images with the true ones, whose pixels can be 0 to ``brightest``."""
    return Fidelity(
        peak_signal_noise_ratio(pixels, truth, data_range=brightest),
        structural_similarity(pixels, truth, data_range=brightest),
    )


def peak_signal_noise_ratio(
    images: ArrayLike, truth: ArrayLike, *, data_range: float = 255
) -> NDArray[np.float64]:
    """Return the peak signal-to-noise ratio of each image, in decibels; more is nearer.

    It is ``10 log10(data_range² / error)``, the error the mean squared one of the image's values,
    taken for no less than `LEAST_ERROR` (at other data ranges as much less, so that none exceeds
    78.1 dB).

    Parameters
    ----------
    images, truth : array-like of shape (n, h, w) or (n, h, w, c), n at least 1
        Estimates and what they are estimates of: integers or floats, as they are. Round and clip
        estimates first where pixels can be whole numbers of a range only.
    data_range : float, default=255
        From the least to the greatest value that a pixel can have.

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    ValueError
        If the shapes differ or are not of images, a value is NaN or infinite, or ``data_range`` is
        not positive.

    Examples
    --------
    >>> truth = np.zeros((2, 8, 8), dtype=np.uint8)
    >>> images = truth.copy()
    >>> images[1] += 16
    >>> peak_signal_noise_ratio(images, truth).round(2)
    array([78.13, 24.05])
    """
    ratios = []
    floor = LEAST_ERROR * (data_range / 255) ** 2
    for ours, true in _in_parts(images, truth, data_range):
        errors = np.mean((ours - true) ** 2, axis=tuple(range(1, ours.ndim)))
        ratios.append(10 * np.log10(data_range**2 / np.maximum(errors, floor)))
    return np.concatenate(ratios)


def structural_similarity(
    images: ArrayLike, truth: ArrayLike, *, data_range: float = 255
) -> NDArray[np.float64]:
    """Return the mean structural similarity of each image, at most 1; more is nearer.

    It is what ``skimage.metrics.structural_similarity`` computes by default (Wang, Bovik, Sheikh
    and Simoncelli 2004), with windows of 7 × 7 pixels of equal weight and sample covariances: the
    mean over all windows that lie within the image, and over the channels.

    Parameters
    ----------
    images, truth : array-like of shape (n, h, w) or (n, h, w, c), n at least 1, h and w at least 7
        Integers or floats.
    data_range : float, default=255
        From the least to the greatest value that a pixel can have.

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    ValueError
        If the shapes differ or are not of images, the images are smaller than the window, a value
        is NaN or infinite, or ``data_range`` is not positive.

    Examples
    --------
    >>> truth = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)
    >>> images = truth.copy()
    >>> images[1] = images[1] // 2
    >>> structural_similarity(images, truth).round(3)
    array([1.  , 0.64])
    """
    similarities = []
    for ours, true in _in_parts(images, truth, data_range):
        height, width = ours.shape[1:3]
        if min(height, width) < WINDOW:
            raise ValueError(
                f"images of {height} × {width} are smaller than the window of {WINDOW} × {WINDOW}; "
                "enlarge them, or use peak_signal_noise_ratio"
            )
        windows = _similarity_of_windows(ours, true, data_range)
        similarities.append(windows.mean(axis=tuple(range(1, ours.ndim))))
    return np.concatenate(similarities)


def _similarity_of_windows(x: _Stack, y: _Stack, data_range: float) -> _Stack:
    """Formula (13) of [1]_ around every pixel whose window lies within the image."""
    n = WINDOW * WINDOW
    border, size = WINDOW // 2, (1, WINDOW, WINDOW) + (1,) * (x.ndim - 3)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (
        uniform_filter(values, size)[:, border:-border, border:-border]
        for values in (x, y, x * x, y * y, x * y)
    )
    variance_x = n / (n - 1) * (mean_xx - mean_x**2)
    variance_y = n / (n - 1) * (mean_yy - mean_y**2)
    covariance = n / (n - 1) * (mean_xy - mean_x * mean_y)
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    similarity: _Stack = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity /= (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return similarity


def _in_parts(
    images: ArrayLike, truth: ArrayLike, data_range: float
) -> Iterator[tuple[_Stack, _Stack]]:
    """Give both as floats, some images at once so that memory stays small; check them."""
    ours, true = np.asarray(images), np.asarray(truth)
    if ours.shape != true.shape:
        raise ValueError(
            f"images of shape {ours.shape} and truth of shape {true.shape}; give one true image of "
            "the same size for each image"
        )
    if ours.ndim not in (3, 4) or ours.size == 0:
        raise ValueError(
            f"an array of shape {ours.shape} is not a stack of images; give (n, h, w) or "
            "(n, h, w, c), one image as image[None]"
        )
    if not data_range > 0:
        raise ValueError(f"data_range={data_range!r} is not positive; bytes have 255")
    step = max(1, _VALUES_AT_ONCE // ours[0].size)
    for start in range(0, len(ours), step):
        part = [one[start : start + step].astype(np.float64) for one in (ours, true)]
        for name, values in zip(("images", "truth"), part, strict=True):
            if not np.isfinite(values).all():
                raise ValueError(f"{name} hold NaN or infinity; replace them, as by np.nan_to_num")
        yield part[0], part[1]


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
            f"{one.name}_{name}": mean
            for one in self.methods
            for name, mean in self._means(one, rows).items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Return for JSON the means over all images of each of `shown`."""
        return {
            one.name: {
                **self._means(one),
                "accuracy": one.accuracy,
                "seconds": None if one.seconds is None else round(one.seconds, 4),
            }
            for one in self.shown
        }

    def _means(self, cleaned: Cleaned, rows: slice = slice(None)) -> dict[str, float]:
        if self.truth is None:
            return {}
        measured = self.fidelities[cleaned.name]._asdict()
        return {name: round(float(values[rows].mean()), 4) for name, values in measured.items()}


def clean_images(
    denoiser: KNeighborsDenoiser,
    noisy: NDArray[Any],
    *,
    names: Sequence[str],
    truth: NDArray[np.uint8] | None = None,
    progress: Progress | None = None,
) -> Denoising:
    """Clean images, and compare them with the truth where it is known.

    The denoiser is fitted to whole numbers from 0 to 255; ``names`` are those of the images.

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
