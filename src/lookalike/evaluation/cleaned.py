"""What is told of cleaned images: how near they come to the true ones, and how they look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.fidelity import peak_signal_noise_ratio, structural_similarity

_SMALLEST = 112  # pixels of the longer side of a drawn image; smaller ones are enlarged to it
_GAP = 8
_FONT_SIZE = 13


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


def to_pixels(estimates: NDArray[Any], brightest: int) -> NDArray[np.uint8]:
    """Return images as whole numbers from 0 to ``brightest``, which is at most 255."""
    pixels: NDArray[np.uint8] = np.clip(np.rint(estimates), 0, brightest).astype(np.uint8)
    return pixels


def measure_fidelity(
    pixels: NDArray[np.uint8], truth: NDArray[np.uint8], brightest: int
) -> Fidelity:
    """Compare images with the true ones.

    Parameters
    ----------
    pixels, truth : ndarray of shape (n, h, w) or (n, h, w, c), uint8, h and w at least 7
    brightest : int
        The greatest value that a pixel can have; the least is 0.

    Examples
    --------
    >>> truth = np.zeros((1, 8, 8), dtype=np.uint8)
    >>> psnr, ssim = measure_fidelity(truth + np.uint8(16), truth, 255)
    >>> psnr.round(2)
    array([24.05])
    """
    return Fidelity(
        peak_signal_noise_ratio(pixels, truth, data_range=brightest),
        structural_similarity(pixels, truth, data_range=brightest),
    )


class Column(NamedTuple):
    """Images below one another in a picture.

    Attributes
    ----------
    title : str
    images : ndarray of shape (n, h, w) or (n, h, w, c), of any numbers
    low, high : float
        The values drawn black and white.
    """

    title: str
    images: NDArray[Any]
    low: float
    high: float

    def of(self, row: int) -> Column:
        """Return the column of one of its images."""
        return self._replace(images=self.images[row : row + 1])

    def shades(self) -> NDArray[np.uint8]:
        """Return the images with black 0 and white 255."""
        return to_pixels((self.images - self.low) * (255 / (self.high - self.low)), 255)


def noisy_column(title: str, noisy: NDArray[Any], brightest: int) -> Column:
    """Return a column in which values beyond black and white can be told apart too."""
    return Column(title, noisy, min(0.0, float(noisy.min())), max(brightest, float(noisy.max())))


def save_columns_png(path: Path, columns: Sequence[Column]) -> None:
    """Draw columns side by side below their titles, small images enlarged.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    columns : sequence of Column
        Of images of one shape, as many in each.
    """
    from PIL import Image, ImageDraw, ImageFont

    n, height, width = columns[0].images.shape[:3]
    zoom = max(1, -(-_SMALLEST // max(height, width)))
    font = ImageFont.load_default(_FONT_SIZE)
    widest = max(font.getlength(column.title) for column in columns)
    step = max(zoom * width, int(widest) + 1) + _GAP
    head = _FONT_SIZE + _GAP
    size = (len(columns) * step + _GAP, head + n * (zoom * height + _GAP) + _GAP)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for i, column in enumerate(columns):
        middle = _GAP + i * step + (step - _GAP) // 2
        draw.text((middle, _GAP // 2), column.title, "black", font, anchor="ma")
        for j, shades in enumerate(column.shades()):
            enlarged = shades.repeat(zoom, axis=0).repeat(zoom, axis=1)
            left, top = middle - zoom * width // 2, head + _GAP // 2 + j * (zoom * height + _GAP)
            picture.paste(Image.fromarray(enlarged).convert("RGB"), (left, top))
    picture.save(path, optimize=True)
