"""Images of a data set as pictures of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lookalike.matching.byte_levels import grey
from lookalike.reports.blocks import Picture
from lookalike.reports.thumbnails import as_pixels

_ENLARGED = 224  # pixels of the longer side, at about which arrows can be read
_ARROW = (90, 160, 255)
_FADED = 0.55  # what arrows are drawn over
_LEAST_SLOPE = 0.1  # of the brightest, a pixel, where arrows are drawn


def picture(
    image: NDArray[Any], brightest: float, alt: str, caption: Sequence[str] = (), **more: Any
) -> Picture:
    """Return an image as a picture, 0 black and ``brightest`` white.

    Parameters
    ----------
    image : ndarray of shape (h, w) or (h, w, c), of any numbers
    brightest : float
        More than 0.
    alt, caption, more
        As of `Picture`.

    Examples
    --------
    >>> picture(np.array([[0, 8, 16]]), 16, "three greys").image
    array([[  0, 128, 255]], dtype=uint8)
    """
    return Picture(as_pixels(image, brightest=brightest), alt, caption, **more)


def right_or_wrong(is_right: bool) -> Literal["right", "wrong"]:
    """Return the state of a picture."""
    return "right" if is_right else "wrong"


def with_arrows(
    image: NDArray[np.uint8], query: NDArray[np.uint8], moves: NDArray[np.integer[Any]]
) -> NDArray[np.uint8]:
    """Return an image enlarged, with arrows from the query's pixels to similar pixels of the image.

    Arrows stand where the query's grey changes, at every other pixel. The image is paler below.

    Parameters
    ----------
    image, query : ndarray of shape (h, w) or (h, w, c), uint8
        0 is black and 255 white.
    moves : ndarray of shape (2, h, w), int
        By how many pixels down, and to the right.

    Returns
    -------
    ndarray of shape (enlarged h, enlarged w, 3), uint8

    Examples
    --------
    >>> image = np.tile(np.array([0, 0, 255, 255], dtype=np.uint8), (4, 1))
    >>> drawn = with_arrows(image, image, np.ones((2, 4, 4), dtype=int))
    >>> drawn.shape, bool((drawn[..., 2] > drawn[..., 0] + 100).any())
    ((224, 224, 3), True)
    """
    height, width = image.shape[:2]
    zoom = max(1, _ENLARGED // max(height, width))
    drawn = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image).convert("RGB")
    drawn = drawn.resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
    drawn = Image.blend(Image.new("RGB", drawn.size), drawn, _FADED)
    slope = np.hypot(*np.gradient(grey(query.reshape(1, height, width, -1))[0].astype(float)))
    has_arrow = moves.any(axis=0) & (slope > _LEAST_SLOPE * max(1, int(query.max())))
    has_arrow &= np.indices((height, width)).sum(axis=0) % 2 == 0
    pen = ImageDraw.Draw(drawn)
    thick = max(1, zoom // 4)
    for row, column in np.argwhere(has_arrow):
        step = np.array([moves[1, row, column], moves[0, row, column]], dtype=float)
        start = zoom * (np.array([column, row]) + 0.5)
        end = start + zoom * step
        back = 3 * thick * step / np.hypot(*step)
        side = np.array([-back[1], back[0]]) / 2
        pen.line([*start, *(end - back)], fill=_ARROW, width=thick)
        pen.polygon([*end, *(end - back + side), *(end - back - side)], fill=_ARROW)
    return np.asarray(drawn)
