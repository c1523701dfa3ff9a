"""Images as PNG in data URIs, and how large they are drawn."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_SIDE = 84  # CSS pixels of a small image's longer side, about; 28 pixels are enlarged 3 times
_LARGEST = 192  # pixels of the longer side that is kept; of more the page would only grow


class Thumbnail(NamedTuple):
    """What an ``<img>`` element needs.

    Attributes
    ----------
    uri : str
        ``data:image/png;base64,…``
    width, height : int
        At which it is drawn, in CSS pixels.
    pixelated : bool
        Whether its pixels are enlarged and should stay sharp.
    """

    uri: str
    width: int
    height: int
    pixelated: bool


def thumbnail(image: NDArray[np.uint8]) -> Thumbnail:
    """Encode an image, a large one made smaller first.

    Parameters
    ----------
    image : ndarray of shape (h, w) or (h, w, c) with c of 1, 3 or 4, uint8

    Examples
    --------
    >>> thumbnail(np.zeros((28, 28), dtype=np.uint8))[1:]
    (84, 84, True)
    >>> thumbnail(np.zeros((480, 640, 3), dtype=np.uint8))[1:]
    (84, 63, False)
    """
    from PIL import Image

    picture = Image.fromarray(image[:, :, 0] if image.shape[2:] == (1,) else image)
    longer = max(picture.size)
    if longer > _LARGEST:
        picture.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    # Whole multiples, so that all of a digit's pixels are squares of one size.
    zoom = max(1, round(_SIDE / longer)) if longer < 1.5 * _SIDE else _SIDE / longer
    height, width = image.shape[:2]
    size = max(1, round(width * zoom)), max(1, round(height * zoom))
    return Thumbnail(_data_uri(picture), *size, pixelated=zoom > 1)


def as_pixels(image: NDArray[Any], *, brightest: float) -> NDArray[np.uint8]:
    """Return an image of any numbers with black 0 and ``brightest`` 255, as `Picture` takes it.

    Examples
    --------
    >>> as_pixels(np.array([[0, 8, 16]]), brightest=16)
    array([[  0, 128, 255]], dtype=uint8)
    """
    shades: NDArray[np.uint8] = np.clip(np.rint(image * (255 / brightest)), 0, 255).astype(np.uint8)
    return shades


def _data_uri(picture: Any) -> str:
    stream = BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return "data:image/png;base64," + b64encode(stream.getvalue()).decode("ascii")
