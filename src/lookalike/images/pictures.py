"""The one reader of pictures: any picture that Pillow knows, as upright pixels of 8 bits.

A picture is known by its content, whatever its file is called. Only formats that hold pictures and
run nothing are opened, and none whose header promises more pixels than a limit. Folders of
training pictures, the command line and the server all read by `read_picture`, so that a picture
that is asked about has the same pixels as when it was trained with.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.exceptions import (
    DatasetError,
    NoPictureError,
    PictureError,
    PictureTooLargeError,
)
from lookalike.images.files import counted, told_left_out

if TYPE_CHECKING:
    from PIL import Image

Bytes = NDArray[np.uint8]

MAX_PIXELS = 2**26  # of one picture, 8192 × 8192; more is taken for a decompression bomb

# Pillow's names of formats of pictures. Others run programs (EPS) or hold no picture.
_FORMATS = (
    "AVIF BMP DDS DIB GIF HEIF ICNS ICO JPEG JPEG2000 JXL MPO PCX PNG PPM PSD QOI SGI TGA TIFF WEBP"
)

_GREY_MODES = {"1", "L"}
DEEP_MODES = {"I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
_ORIENTATION = 0x0112  # EXIF tag; its values 5 to 8 swap height and width
_FAINT = 16  # of 255: a picture whose values differ by no more is blank


class Picture(NamedTuple):
    """The pixels of a picture, shape (h, w) where all of them are grey, or (h, w, 3)."""

    pixels: Bytes
    is_on_black: bool  # transparent parts are shown on black, for on white it would be blank
    n_frames: int = 1  # pages or frames of the file; these are the pixels of the first


@dataclass
class Findings:
    """What a user should know of many pictures that were read."""

    left_out: Counter[str] = field(default_factory=Counter)  # number of files, by kind
    n_of_several: int = 0  # files of several pages or frames
    n_frames: int = 0  # pages or frames that were not read
    n_on_black: int = 0  # pictures shown on black, as nothing could be seen on white
    remarks: list[str] = field(default_factory=list)  # about single files

    def add(self, picture: Picture) -> None:
        """Count a picture that was read."""
        self.n_of_several += picture.n_frames > 1
        self.n_frames += picture.n_frames - 1
        self.n_on_black += picture.is_on_black

    def notes(self) -> list[str]:
        """Return a sentence for each of these that there is."""
        notes = list(self.remarks)
        if self.n_frames:
            notes.append(
                f"several pages or frames lie in {counted(self.n_of_several, 'file')}; the first "
                f"was read, {self.n_frames:,} others were not"
            )
        if self.n_on_black:
            notes.append(
                "white ink on a transparent ground is shown on black in "
                f"{counted(self.n_on_black, 'picture')}"
            )
        told = told_left_out(self.left_out)
        return [*notes, told] if told else notes


def read_picture(
    source: Path | bytes, *, name: str | None = None, least_size: tuple[int, int] | None = None
) -> Picture:
    """Return the pixels of a picture, upright and opaque; only the first of several frames.

    Values of 16 bits are scaled to 8. Transparent parts are shown on white, or on black where
    nothing could be seen on white. Messages call the picture by its ``name``, else by its path. A
    ``least_size`` (height, width) is enough: a JPEG file may be decoded at a smaller scale, which
    is faster, but never smaller than this.

    NoPictureError says if it is empty or no picture, PictureTooLargeError if its header promises
    more than `MAX_PIXELS` pixels, and PictureError if it cannot be read otherwise.
    """
    with opened(source, name=name) as image:
        if least_size is not None:
            image.draft(None, least_size[::-1])  # does nothing where the format is not JPEG
        # the second frame of a photograph (MPO) is a preview or a map of brightness
        n_frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        return decode(image)._replace(n_frames=n_frames)


def read_size(source: Path | bytes) -> tuple[int, int]:
    """Return the height and width of a picture as it is meant to be seen, by its header alone."""
    from PIL import Image

    with opened(source) as image:
        width, height = image.size
        if image.format == "TIFF":  # whose size some versions of Pillow have turned already
            tags: Any = image
            width, height = tags.tag_v2[256], tags.tag_v2[257]
        # not the method of PNG files, which decodes all pixels in search of what stands behind them
        swapped = Image.Image.getexif(image).get(_ORIENTATION) in (5, 6, 7, 8)
        return (width, height) if swapped else (height, width)


@contextmanager
def opened(source: Path | bytes, *, name: str | None = None) -> Iterator[Image.Image]:
    """Open a picture for what the block does with it; turn all that fails into PictureError."""
    from PIL import Image, UnidentifiedImageError

    named = name or (str(source) if isinstance(source, Path) else "the picture")
    with _stream(source, named) as stream:
        try:
            with Image.open(stream, formats=_formats()) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise PictureTooLargeError(
                        f"{named}: its header promises {image.width:,} × {image.height:,} pixels "
                        f"but the limit is {MAX_PIXELS:,}; shrink it"
                    )
                yield image
        except PictureError as error:
            raise error if named in str(error) else type(error)(f"{named}: {error}") from None
        except DatasetError:
            raise
        except UnidentifiedImageError:
            raise NoPictureError(f"{named} {_why_unknown(stream, named)}") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            promised = re.search(r"\d+", str(error))  # Pillow gives the size in words alone
            many = f"{int(promised[0]):,}" if promised else "too many"
            raise PictureTooLargeError(
                f"{named}: its header promises {many} pixels but the limit is {MAX_PIXELS:,}; "
                "shrink it"
            ) from None
        except Exception as error:  # Pillow's decoders raise whatever damaged bytes lead them to
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise PictureError(
                f"{named} does not decode as a picture: {said}; replace or remove it"
            ) from error


def decode(image: Image.Image) -> Picture:
    """Return the pixels of a picture that was opened; raises what damaged bytes lead to."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode in DEEP_MODES:
        is_16 = upright.mode.startswith("I;16") or image.format in ("PNG", "PPM")
        return Picture(_to_8_bits(np.asarray(upright), is_16=is_16), False)
    if upright.has_transparency_data:
        return flatten(np.asarray(upright.convert("RGBA")))
    if upright.mode in _GREY_MODES:
        return Picture(np.asarray(upright.convert("L")), False)
    return Picture(_grey_if_grey(np.asarray(upright.convert("RGB"))), False)


def flatten(pixels: Bytes) -> Picture:
    """Return a picture of shape (h, w, 4) without transparency: on white, or else on black.

    It is shown on black where it would be blank on white although its transparency is not: white
    ink on a transparent ground.
    """
    from PIL import Image

    picture = Image.fromarray(pixels)

    def shown_on(ground: str) -> Bytes:
        whole = Image.alpha_composite(Image.new("RGBA", picture.size, ground), picture)
        return np.asarray(whole)[..., :3]

    on_white = shown_on("white")
    is_blank = _is_faint(on_white) and not _is_faint(pixels[..., 3])
    return Picture(_grey_if_grey(shown_on("black") if is_blank else on_white), is_blank)


def _is_faint(values: Bytes) -> bool:
    # a few pixels suffice to see that most pictures are not
    return bool(np.ptp(values[::16, ::16]) <= _FAINT and np.ptp(values) <= _FAINT)


def check_picture(picture: Any) -> Bytes:
    """Return a picture without transparency, and without the axis of a single channel.

    Anything else than an array of bytes of shape (h, w) or (h, w, 1, 3 or 4) is a ValueError.
    """
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        found = getattr(picture, "dtype", type(picture).__name__)
        raise ValueError(f"a picture of {found}; give an array of uint8, values 0 to 255")
    channels = picture.shape[2:]
    if picture.ndim not in (2, 3) or channels not in ((), (1,), (3,), (4,)) or not picture.size:
        raise ValueError(
            f"a picture of shape {picture.shape}; give (h, w), (h, w, 3) or (h, w, 4), not empty"
        )
    if channels == (4,):
        return flatten(picture).pixels
    return picture[..., 0] if channels == (1,) else picture


def _grey_if_grey(pixels: Bytes) -> Bytes:
    red, green, blue = (pixels[..., i] for i in range(3))
    # a few pixels suffice to see that most pictures are in colour
    for part in (np.s_[::16, ::16], np.s_[:, :]):
        if not (np.array_equal(red[part], green[part]) and np.array_equal(green[part], blue[part])):
            return pixels
    return np.ascontiguousarray(red)


def _to_8_bits(values: NDArray[Any], *, is_16: bool) -> Bytes:
    """Return grey values of more than 8 bits as bytes; values of 16 bits are divided by 257.

    Wider numbers have no usual range: fractions up to 1 are multiplied by 255, values up to 255 are
    rounded, those up to 65,535 are read as of 16 bits.
    """
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):  # NaN fails, too
        raise PictureError(
            f"it has values from {low:g} to {high:g}; save it with values of 8 or 16 bits"
        )
    wide = values.astype(np.float64)
    if is_16 or high > 255:
        wide /= 257
    elif high <= 1 and (wide % 1 != 0).any():
        wide *= 255
    return np.rint(wide).astype(np.uint8)


def _stream(source: Path | bytes, named: str) -> IO[bytes]:
    # A stream, because Pillow maps files given by path into memory, and then reads uncompressed
    # TIFFs that lie on their side with the rows cut wrongly.
    try:
        return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        cure = "correct its name, or remove the link to it" if is_missing else "mend or remove it"
        reason = error.strerror or str(error)
        raise PictureError(f"{named} cannot be read: {reason}; {cure}") from error


@cache
def _formats() -> list[str]:
    """Return Pillow's names of the formats that can be read here."""
    from importlib import import_module

    from PIL import Image

    for plugin in ("pillow_heif", "pillow_avif", "pillow_jxl"):
        with suppress(ImportError):
            module = import_module(plugin)
            getattr(module, "register_heif_opener", lambda: None)()
    Image.init()
    return sorted(set(_FORMATS.split()) & Image.OPEN.keys())


# How files of ZIP, gzip, 7z, RAR, bzip2 and xz begin.
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")


def _why_unknown(stream: IO[bytes], named: str) -> str:
    stream.seek(0)
    start = stream.read(32)
    if not start:
        return "is empty; replace or remove it"
    if start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        return "is a HEIC photograph, which is read after `pip install pillow-heif`"
    ending = Path(named).suffix.lower()
    if start.startswith(b"\x93NUMPY") or ending == ".npz":
        return (
            "holds arrays and is no picture; save its images as PNG files, or all images and "
            "labels in one .npz file, which is a data set by itself"
        )
    if ending in (".csv", ".tsv"):
        return "is a table and no picture; move it away, or give it alone, as a data set by itself"
    if start.startswith(_ARCHIVES):
        return "is an archive and no picture; unpack it there, then remove it"
    return "is no picture that can be read; replace or remove it"
