"""Pictures of any kind that Pillow opens as pixels, for `Form.apply`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lookalike.images.files import COLOUR_MODES, GREY_MODES


class DepthError(ValueError):
    """More than 8 bits a channel."""


def upright_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an opened picture, turned as its camera was held.

    Of an animation these are the first image's.

    Parameters
    ----------
    image : PIL.Image.Image
        Opened, not yet decoded; its size has been looked at.

    Returns
    -------
    ndarray of shape (h, w), (h, w, 3) or (h, w, 4), uint8
        Grey, RGB, or RGBA where something is transparent.

    Raises
    ------
    DepthError
        If it has more than 8 bits a channel.
    Exception
        Whatever damaged bytes lead Pillow's decoders to.
    """
    if image.mode not in GREY_MODES | COLOUR_MODES:
        raise DepthError(
            f"more than 8 bits a channel (Pillow's mode {image.mode}); convert it to 8 bits"
        )
    upright = ImageOps.exif_transpose(image)
    opaque = "L" if upright.mode in GREY_MODES else "RGB"
    mode = "RGBA" if upright.has_transparency_data else opaque
    return np.asarray(upright if upright.mode == mode else upright.convert(mode))
