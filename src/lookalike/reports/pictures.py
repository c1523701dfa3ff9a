"""Images of a data set as pictures of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from lookalike.reports.blocks import Picture
from lookalike.reports.thumbnails import as_pixels


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
    >>> import numpy as np
    >>> picture(np.array([[0, 8, 16]]), 16, "three greys").image
    array([[  0, 128, 255]], dtype=uint8)
    """
    return Picture(as_pixels(image, brightest=brightest), alt, caption, **more)
