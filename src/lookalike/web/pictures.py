"""PNG files, and data URLs of them, for the server's answers."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png(image: NDArray[Any]) -> bytes:
    """Return an image of shape (h, w) or (h, w, 1, 3 or 4), uint8, as a PNG file."""
    array = image[..., 0] if image.shape[2:] == (1,) else image
    stream = io.BytesIO()
    # Compress little: these images are small, and the page waits for them.
    Image.fromarray(np.ascontiguousarray(array)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def data_url(content: bytes) -> str:
    """Return a PNG file as a ``data:`` URL.

    Examples
    --------
    >>> data_url(png(np.zeros((2, 2), np.uint8)))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
