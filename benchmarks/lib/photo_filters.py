"""The filters of others on single photographs, grey or colour, each with strengths worth trying.

A filter takes an image of shape (h, w) or (h, w, 3), floats of 0 to 255 without the mean of the
noise, the standard deviation of the noise, and a strength. References are those of `filters`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy import ndimage

from lib.filters import biharmonic, switching_median
from lib.noisy import GAUSSIAN, SALT_AND_PEPPER, UNIFORM, Floats


@dataclass(frozen=True)
class PhotoFilter:
    """A filter and the strengths that are tried, for noises that it is made for."""

    name: str
    apply: Callable[[Floats, float, Any], Floats]
    strengths: Sequence[Any]
    kinds: tuple[str, ...] = (UNIFORM, GAUSSIAN)
    module: str = "skimage"

    @property
    def is_installed(self) -> bool:
        return find_spec(self.module) is not None


def gaussian(image: Floats, sigma: float, width: float) -> Floats:
    widths = (width, width, 0)[: image.ndim]
    found: Floats = ndimage.gaussian_filter(image, widths)
    return found


def median(image: Floats, sigma: float, size: int) -> Floats:
    sizes = (size, size, 1)[: image.ndim]
    found: Floats = ndimage.median_filter(image, sizes)
    return found


def total_variation(image: Floats, sigma: float, strength: float) -> Floats:
    from skimage import restoration

    denoise: Any = restoration.denoise_tv_chambolle
    found: Floats = denoise(image, strength * sigma, max_num_iter=200, channel_axis=_axis(image))
    return found


def wavelet(image: Floats, sigma: float, strength: float) -> Floats:
    from skimage.restoration import denoise_wavelet

    def shrink(rolled: Floats) -> Floats:
        # Values of 0 to 1, for the conversion to luminance and colour differences.
        cleaned: Floats = denoise_wavelet(
            np.clip(rolled / 255, 0, 1), strength * sigma / 255, "db2",
            convert2ycbcr=rolled.ndim == 3, channel_axis=_axis(rolled), rescale_sigma=True,
        )  # fmt: skip
        return cleaned * 255

    shifts = [(y, x) for y in range(3) for x in range(3)]
    moved = [np.roll(shrink(np.roll(image, s, (0, 1))), (-s[0], -s[1]), (0, 1)) for s in shifts]
    found: Floats = np.mean(moved, axis=0)
    return found


def non_local_means(image: Floats, sigma: float, strength: float) -> Floats:
    from skimage.restoration import denoise_nl_means

    found: Floats = denoise_nl_means(
        image, 5, 10, h=strength * sigma, sigma=sigma, channel_axis=_axis(image)
    )
    return found


def bm3d(image: Floats, sigma: float, strength: float) -> Floats:
    import bm3d as package

    denoise = package.bm3d if image.ndim == 2 else package.bm3d_rgb
    return np.asarray(denoise(image / 255, strength * sigma / 255) * 255, np.float32)


def switching(image: Floats, sigma: float, largest: int) -> Floats:
    return _each_channel(image, lambda planes: switching_median(planes, sigma, 1, largest))


def inpainting(image: Floats, sigma: float, threshold: float) -> Floats:
    return _each_channel(image, lambda planes: biharmonic(planes, sigma, threshold))


def _each_channel(image: Floats, work: Callable[[Floats], Floats]) -> Floats:
    planes = image[None] if image.ndim == 2 else np.moveaxis(image, 2, 0)
    cleaned = work(planes)
    return cleaned[0] if image.ndim == 2 else np.moveaxis(cleaned, 0, 2)


def _axis(image: Floats) -> int | None:
    return None if image.ndim == 2 else -1


PHOTO_FILTERS = (
    PhotoFilter("Gaussian filter", gaussian, (0.6, 0.8, 1, 1.3)),
    PhotoFilter("median", median, (3, 5), (UNIFORM, GAUSSIAN, SALT_AND_PEPPER)),
    PhotoFilter("total variation", total_variation, (0.4, 0.6, 0.8, 1, 1.3)),
    PhotoFilter("wavelet", wavelet, (0.5, 0.8, 1, 1.3), module="pywt"),
    PhotoFilter("non-local means", non_local_means, (0.4, 0.6, 0.8, 1)),
    PhotoFilter("BM3D", bm3d, (0.8, 1, 1.2, 1.5), module="bm3d"),
    PhotoFilter("switching median", switching, (3, 5, 7), (SALT_AND_PEPPER,)),
    PhotoFilter("biharmonic inpainting", inpainting, (0, 10, 40), (SALT_AND_PEPPER,)),
)
"""From the quickest to the slowest of each noise."""
