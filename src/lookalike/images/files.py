"""One image file: opened with care, whatever is in it, and made bytes.

Only formats that hold pictures and run nothing are opened, and none whose header promises more
pixels than `MAX_PIXELS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.images.errors import DatasetError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 2**26
"""Pixels that one image file may hold, 8192 × 8192; more is taken for a decompression bomb."""

# Pillow's other formats are left out: some run programs (EPS), few hold what a camera takes.
FORMATS = {
    ".bmp": "BMP",
    ".gif": "GIF",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".pgm": "PPM",
    ".png": "PNG",
    ".ppm": "PPM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""How the names of image files end, and Pillow's name of the format."""

GREY_MODES = {"1", "L", "LA"}
COLOUR_MODES = {"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
"""Pillow's modes of at most 8 bits a channel."""

_CLUTTER = {"thumbs.db", "desktop.ini"}  # left by file managers, as are names with a leading dot


def is_clutter(path: Path) -> bool:
    """Whether a file is none that a user has put into a folder."""
    return path.name.startswith(".") or path.name.lower() in _CLUTTER


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image for what the block does with it; turn all that fails into DatasetError."""
    from PIL import Image

    if path.suffix.lower() not in FORMATS:
        raise DatasetError(
            f"{path} is no image by its name; images end in {', '.join(FORMATS)}; move it away"
        )
    try:
        # a stream, because Pillow maps files given by path into memory, and then reads
        # uncompressed TIFFs that lie on their side with the rows cut wrongly
        with (
            path.open("rb") as stream,
            Image.open(stream, formats=sorted(set(FORMATS.values()))) as image,
        ):
            if image.width * image.height > MAX_PIXELS:
                raise DatasetError(
                    f"{path}: its header promises {image.width} × {image.height} pixels but the "
                    f"limit is {MAX_PIXELS:,}; shrink the image"
                )
            yield image
    except DatasetError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever damaged bytes lead them to
        raise DatasetError(
            f"{path} does not decode as an image: {error}; replace or remove it"
        ) from error


def to_bytes(image: Image.Image, *, grey: bool) -> Image.Image:
    """Decode an image to 8 bits, grey or colour: upright, what is transparent on white."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright.convert("RGBA")).convert("RGB")
    return upright.convert("L" if grey else "RGB")
