"""Pictures as they travel: bytes of an image file in, PNG out.

Only five formats are opened, which all browsers show and none of which runs anything. A picture's
size is read from its header, and refused there, before a pixel is decoded: a few kilobytes can
promise gigabytes.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.models.pictures import DepthError, upright_pixels
from lookalike.web.limits import Limits

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
"""Pillow's names of the formats that are read."""

MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif")

Bytes = NDArray[np.uint8]


class BadPictureError(ValueError):
    """What was sent is no picture."""


class TooLargeError(ValueError):
    """More pixels, or more pictures, than the limits allow."""


def open_picture(content: bytes, limits: Limits) -> Image.Image:
    """Read a picture's header.

    Parameters
    ----------
    content : bytes
        Of an image file.
    limits : Limits

    Returns
    -------
    PIL.Image.Image
        Not decoded yet, and no larger than the limits allow.

    Raises
    ------
    BadPictureError
        If it is none of `FORMATS`.
    TooLargeError
    """
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooLargeError(
            f"the picture has more pixels than the limit of {limits.side:,} × {limits.side:,}; "
            "shrink it"
        ) from None
    except Exception:  # Pillow's readers raise whatever damaged bytes lead them to
        raise BadPictureError(
            f"{len(content):,} bytes that are no picture; send a PNG, JPEG, WebP, BMP or GIF file"
        ) from None
    if max(image.size) > limits.side:
        raise TooLargeError(
            f"the picture has {image.width:,} × {image.height:,} pixels but the limit is "
            f"{limits.side:,} × {limits.side:,}; shrink it"
        )
    return image


def decode(image: Image.Image) -> Bytes:
    """Return a picture's pixels, upright; of an animation the first.

    Parameters
    ----------
    image : PIL.Image.Image
        As `open_picture` returned it.

    Returns
    -------
    ndarray of shape (h, w), (h, w, 3) or (h, w, 4), uint8
        Grey, RGB, or RGBA where something is transparent.

    Raises
    ------
    BadPictureError
        If the file is damaged or cut short, or has more than 8 bits a channel.
    """
    try:
        return upright_pixels(image)
    except DepthError as error:
        raise BadPictureError(f"the picture has {error}") from None
    except Exception as error:  # as above
        raise BadPictureError(
            f"the picture does not decode: {_one_line(error)}; send the whole file"
        ) from None


def png(image: NDArray[Any]) -> bytes:
    """Return an image of shape (h, w) or (h, w, 1, 3 or 4), uint8, as a PNG file."""
    array = image[..., 0] if image.shape[2:] == (1,) else image
    stream = io.BytesIO()
    # The least compression: such images are small, and the page waits for them.
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


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
