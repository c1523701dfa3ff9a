"""The denoising filters that others offer, each with the parameters that are worth trying.

A filter takes images of shape (n, h, w), floats of 0 to 255, and the standard deviation of their
noise, and returns as many. Strengths in the grids are multiples of that deviation.

References
----------
.. [1] Hwang, Haddad, "Adaptive median filters", IEEE Transactions on Image Processing 4, 1995.
.. [2] Tomasi, Manduchi, "Bilateral filtering for gray and color images", ICCV 1998.
.. [3] Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005.
.. [4] Chambolle, "An algorithm for total variation minimization and applications", Journal of
   Mathematical Imaging and Vision 20, 2004.
.. [5] Chang, Yu, Vetterli, "Adaptive wavelet thresholding for image denoising and compression",
   IEEE Transactions on Image Processing 9, 2000; Donoho, Johnstone, "Ideal spatial adaptation by
   wavelet shrinkage", Biometrika 81, 1994.
.. [6] Chui, Mhaskar, "MRA contextual-recovery extension of smooth functions on manifolds", Applied
   and Computational Harmonic Analysis 28, 2010.
.. [7] Dabov, Foi, Katkovnik, Egiazarian, "Image denoising by sparse 3-D transform-domain
   collaborative filtering", IEEE Transactions on Image Processing 16, 2007.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lib.noisy import GAUSSIAN, SALT_AND_PEPPER, UNIFORM, Floats

DEBIASED, POSTERIOR, INPAINTED = "debiased", "posterior mean", "inpainted"
"""What filters are given: noisy images without the mean of the noise; of each pixel the mean clean
value behind it; or, of salt and pepper, what `biharmonic` makes of them."""
PIXELWISE = (DEBIASED, POSTERIOR)

ALL_KINDS = (UNIFORM, GAUSSIAN, SALT_AND_PEPPER)
IMAGES_A_LINE = 10
"""How many images a line of a mosaic holds."""
WAVELET_SHIFTS = 4
"""Pixels each way; more change little."""


@dataclass(frozen=True)
class Filter:
    """A filter and what is tuned.

    Attributes
    ----------
    name : str
    apply : callable
        ``apply(images, sigma, **parameters)``.
    grid : mapping of str to sequence
    kinds : tuple of str
        The noises that it is made for.
    views : tuple of str, optional
        Those it is tried on, instead of all.
    slow : bool
        So slow that few test images must do.
    has_threads : bool
        Takes all images at once, for it spreads the work itself.
    module : str
        What must be installed.
    """

    name: str
    apply: Callable[..., Floats]
    grid: Mapping[str, Sequence[Any]]
    kinds: tuple[str, ...] = ALL_KINDS
    views: tuple[str, ...] | None = None
    slow: bool = False
    has_threads: bool = False
    module: str = "skimage"

    @property
    def is_installed(self) -> bool:
        return find_spec(self.module) is not None

    def settings(self) -> list[dict[str, Any]]:
        """All combinations of the grid."""
        return [
            dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())
        ]


def identity(images: Floats, sigma: float) -> Floats:
    """The images as they are."""
    return images


def median(images: Floats, sigma: float, size: int) -> Floats:
    """The median of the pixels around."""
    found: Floats = ndimage.median_filter(images, (1, size, size))
    return found


def switching_median(
    images: Floats, sigma: float, n_trusted: int = 5, largest: int = 3, fallback: int = 5
) -> Floats:
    """Replaces pixels of 0 or 255 only, by the median of those around that are neither.

    The window grows from 3 × 3 until it holds `n_trusted` such pixels, as in [1]_. Where the
    `largest` does not, nearly all around is black or white, and the median of all pixels of a
    `fallback` window is taken: without that, black paper would fill with grey.
    """
    extreme = (images == 0) | (images == 255)
    cleaned = np.where(extreme, median(images, sigma, fallback), images)
    trusted = np.where(extreme, np.float32(np.nan), images)
    open_still = extreme.copy()
    for size in range(3, largest + 1, 2):
        where = np.nonzero(open_still)
        windows = np.sort(_windows_at(trusted, where, size), axis=1)  # NaN comes last
        counts = np.count_nonzero(~np.isnan(windows), axis=1)
        enough = np.flatnonzero(counts >= n_trusted)
        middle = counts[enough] - 1
        lower, upper = windows[enough, middle // 2], windows[enough, (middle + 1) // 2]
        found = tuple(axis[enough] for axis in where)
        cleaned[found] = (lower + upper) / 2
        open_still[found] = False
    return cleaned


def _windows_at(images: Floats, where: tuple[NDArray[Any], ...], size: int) -> Floats:
    """The windows around some pixels as rows; NaN beyond the border."""
    border = size // 2
    padded = np.pad(images, ((0, 0), (border, border), (border, border)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    found: Floats = windows[where].reshape(len(where[0]), size * size)
    return found


def gaussian(images: Floats, sigma: float, width: float) -> Floats:
    """Smoothing with weights that fall off with the distance."""
    found: Floats = ndimage.gaussian_filter(images, (0, width, width))
    return found


def bilateral(images: Floats, sigma: float, strength: float, width: float) -> Floats:
    """Smoothing among pixels that are near and alike [2]_."""
    from skimage.restoration import denoise_bilateral

    least, span = float(images.min()), float(np.ptp(images)) or 1.0  # it wants none below 0
    return _each(
        lambda image: denoise_bilateral(
            image, sigma_color=strength * sigma / span, sigma_spatial=width, bins=1000
        ),
        (images - least) / span,
    ) * np.float32(span) + np.float32(least)


def non_local_means(
    images: Floats, sigma: float, strength: float, patch: int, fast: bool = True
) -> Floats:
    """The mean of pixels whose surroundings are alike [3]_, all over the image."""
    from skimage.restoration import denoise_nl_means

    return _each(
        lambda image: denoise_nl_means(
            image, patch, 14, h=strength * sigma, sigma=sigma, fast_mode=fast
        ),
        images,
    )


def total_variation(images: Floats, sigma: float, strength: float) -> Floats:
    """The image nearby whose differences between neighbouring pixels sum up to the least [4]_."""
    from skimage import restoration

    denoise: Any = restoration.denoise_tv_chambolle
    return _each(lambda image: denoise(image, weight=strength * sigma, max_num_iter=200), images)


def wavelet(images: Floats, sigma: float, method: str, strength: float, basis: str) -> Floats:
    """Wavelet coefficients drawn towards 0 [5]_, averaged over shifts of the image."""
    from skimage.restoration import denoise_wavelet

    def shrink(image: Floats) -> NDArray[Any]:
        cleaned: NDArray[Any] = denoise_wavelet(
            image, strength * sigma, basis, method=method, rescale_sigma=False
        )
        return cleaned

    shifts = list(product(range(WAVELET_SHIFTS), repeat=2))
    total = np.zeros_like(images)
    for shift in shifts:
        shifted = np.roll(images, shift, axis=(1, 2))
        total += np.roll(_each(shrink, shifted), [-one for one in shift], axis=(1, 2))
    return total / np.float32(len(shifts))


def biharmonic(images: Floats, sigma: float, threshold: float = 0, n_trusted: int = 4) -> Floats:
    """Fills damaged pixels smoothly from those around [6]_.

    Damaged are those of 0 or 255 that differ by more than a threshold from the switching median;
    most that are 0 belong to the black paper.
    """
    from skimage.restoration import inpaint_biharmonic

    extreme = (images == 0) | (images == 255)
    damaged = extreme & (np.abs(images - switching_median(images, sigma, n_trusted)) > threshold)
    filled = [
        inpaint_biharmonic(image, mask) if mask.any() else image
        for image, mask in zip(images, damaged, strict=True)
    ]
    return np.asarray(np.clip(np.stack(filled), 0, 255), dtype=np.float32)


def bm3d(images: Floats, sigma: float, strength: float, profile: str) -> Floats:
    """Stacks of similar patches, filtered together [7]_; from a mosaic of all images."""
    import bm3d as package

    options = {"np": package.BM3DProfile, "vn": package.profiles.BM3DProfileVN}[profile]()
    options.num_threads = 1
    n, height, width = images.shape
    # Copies fill the last line.
    filled = np.resize(images, (-(-n // IMAGES_A_LINE) * IMAGES_A_LINE, height, width))
    lines = filled.reshape(-1, IMAGES_A_LINE, height, width).swapaxes(1, 2)
    mosaic = lines.reshape(-1, IMAGES_A_LINE * width)
    cleaned = package.bm3d(mosaic / 255, strength * sigma / 255, options) * 255
    lines = cleaned.reshape(-1, height, IMAGES_A_LINE, width).swapaxes(1, 2)
    return np.asarray(lines.reshape(-1, height, width)[:n], dtype=np.float32)


def _each(work: Callable[[Any], NDArray[Any]], images: NDArray[Any]) -> Floats:
    return np.stack([work(image) for image in images]).astype(np.float32)


NO_FILTER = Filter("each pixel by itself", identity, {}, views=PIXELWISE, module="scipy")
"""What the views, the table and the bounds give without any filter."""

FILTERS = (
    Filter("median", median, {"size": (3, 5)}, views=PIXELWISE),
    Filter(
        "switching median",
        switching_median,
        {"n_trusted": (1, 2, 3, 4, 5), "largest": (3, 5), "fallback": (3, 5)},
        kinds=(SALT_AND_PEPPER,),
        views=(DEBIASED,),
    ),
    Filter("Gaussian filter", gaussian, {"width": (0.4, 0.5, 0.6, 0.7, 0.8, 1.0)}),
    Filter("bilateral", bilateral, {"strength": (0.6, 1, 1.5, 2, 3), "width": (0.7, 1, 1.5)}),
    Filter("total variation", total_variation, {"strength": (0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.2)}),
    Filter(
        "wavelet",
        wavelet,
        {
            "method": ("BayesShrink", "VisuShrink"),
            "strength": (0.3, 0.5, 0.8, 1.2),
            "basis": ("haar", "db2", "sym4"),
        },
    ),
    Filter(
        "non-local means",
        non_local_means,
        {"strength": (0.4, 0.6, 0.8, 1, 1.3, 1.7), "patch": (3, 5)},
        slow=True,
    ),
    Filter(
        "biharmonic inpainting",
        biharmonic,
        {"threshold": (0, 10, 40), "n_trusted": (3, 4, 5)},
        kinds=(SALT_AND_PEPPER,),
        views=(DEBIASED,),
    ),
    Filter(
        "BM3D",
        bm3d,
        {"strength": (0.7, 1, 1.5, 2.2, 3), "profile": ("np", "vn")},
        slow=True,
        module="bm3d",
    ),
)
"""From the quickest to the slowest."""
