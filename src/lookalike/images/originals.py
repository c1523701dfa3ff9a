"""What pictures looked like before they were brought to one form: for people to look at.

A model works on pictures of a small size. Beside each stands the name of its file, if it was read
from one, and a thumbnail of what was read, if that is more than the model has.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

THUMBNAIL_SIDE = 96  # pixels of the longer side


def make_thumbnail(pixels: Bytes, form_size: tuple[int, int]) -> bytes:
    """Return a small JPEG file of a picture; nothing if it is no larger than the form's images."""
    from PIL import Image

    if pixels.shape[0] <= form_size[0] and pixels.shape[1] <= form_size[1]:
        return b""
    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85)
    return stream.getvalue()


class Originals:
    """File names and thumbnails of pictures, one for each; empty where there is none.

    Parameters
    ----------
    names : iterable of str
        Paths below the folder of the data set, for example ``"cup/1.png"``.
    thumbnails : iterable of bytes
        JPEG files.
    """

    def __init__(self, names: Iterable[str], thumbnails: Iterable[bytes]) -> None:
        encoded = [name.encode("utf-8", "surrogateescape") for name in names]
        self._packed = {"name": _pack(encoded), "thumbnail": _pack(thumbnails)}

    @classmethod
    def unknown(cls, n: int) -> Originals:
        """Return those of n pictures of which nothing is known."""
        return cls([""] * n, [b""] * n)

    @classmethod
    def of_pictures(cls, pictures: Sequence[Any] | Bytes) -> Originals:
        """Return those of pictures: paths, the contents of files, images of Pillow's or arrays.

        Files are named with the folder that they are in.

        Raises
        ------
        ValueError
            If a picture cannot be read.
        OSError
            If a file cannot be opened.
        """
        from lookalike.images.pictures import decode, read_picture

        names, thumbnails = [], []
        for picture in pictures:
            is_file, pixels = isinstance(picture, str | PathLike), picture
            if is_file or isinstance(picture, bytes):
                content = Path(picture) if is_file else picture
                pixels = read_picture(content, least_size=(THUMBNAIL_SIDE,) * 2).pixels
            elif not isinstance(picture, np.ndarray):
                pixels = decode(picture).pixels
            names.append("/".join(Path(picture).parts[-2:]) if is_file else "")
            thumbnails.append(make_thumbnail(pixels, (0, 0)))
        return cls(names, thumbnails)

    def __len__(self) -> int:
        return len(self._packed["name"][1])

    def name(self, row: int) -> str | None:
        """Return the name of a picture's file."""
        return _content(self._packed["name"], row).decode("utf-8", "surrogateescape") or None

    def picture(self, row: int) -> Bytes | None:
        """Return a picture as it looked, small; shape (h, w) or (h, w, 3)."""
        from lookalike.images.pictures import read_picture

        content = _content(self._packed["thumbnail"], row)
        return read_picture(content).pixels if content else None

    def filled(self, images: Bytes) -> Originals:
        """Return these, with thumbnails of their images where they lack one."""
        own = range(len(self))
        thumbnails = [
            _content(self._packed["thumbnail"], i) or make_thumbnail(images[i], (0, 0)) for i in own
        ]
        return Originals((self.name(i) or "" for i in own), thumbnails)

    def rows(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> Originals:
        """Return those of some pictures."""
        return self._of_packed(
            {
                kind: _pack(_content(own, int(row)) for row in rows)
                for kind, own in self._packed.items()
            }
        )

    def joined(self, others: Originals) -> Originals:
        """Return these, then others."""
        packed = {}
        for kind, (data, ends) in self._packed.items():
            more, more_ends = others._packed[kind]
            joined = np.concatenate([data, more])
            packed[kind] = joined, np.concatenate([ends, len(data) + more_ends])
        return self._of_packed(packed)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return them as four arrays, for a file."""
        arrays: dict[str, NDArray[Any]] = {}
        for kind, (data, ends) in self._packed.items():
            arrays |= {f"originals/{kind}s": data, f"originals/{kind}_ends": ends}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Any) -> Originals:
        """Return what `to_arrays` described; it trusts nothing.

        Raises
        ------
        ValueError
            If the arrays do not describe originals.
        """
        packed = {
            kind: _checked(arrays[f"originals/{kind}s"], arrays[f"originals/{kind}_ends"])
            for kind in ("name", "thumbnail")
        }
        if len(packed["name"][1]) != len(packed["thumbnail"][1]):
            raise ValueError("its originals have not as many names as thumbnails")
        return cls._of_packed(packed)

    @classmethod
    def _of_packed(cls, packed: dict[str, _Packed]) -> Originals:
        made = cls([], [])
        made._packed = packed
        return made


class Shown:
    """Pictures as people look at them: as they were where that is larger than their images.

    Each is read when it is asked for, by its row. Code that draws takes them for an array of
    images, shape (n, h, w) or (n, h, w, c).
    """

    def __init__(self, images: Bytes, originals: Originals) -> None:
        self._images, self._originals = images, originals
        self.ndim, self.shape, self.dtype = images.ndim, images.shape, images.dtype

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            rows = range(len(self))[row]
            return Shown(self._images[row], self._originals.rows(rows))
        picture = self._originals.picture(row)
        return self._images[row] if picture is None else picture

    def max(self) -> int:
        """Return the value that is shown as white."""
        return 255


_Packed = tuple[NDArray[np.uint8], NDArray[np.int64]]


def _pack(contents: Iterable[bytes]) -> _Packed:
    """Return contents one after the other, and where each ends."""
    contents = list(contents)
    ends = np.cumsum([len(one) for one in contents], dtype=np.int64)
    return np.frombuffer(b"".join(contents), np.uint8), ends


def _content(packed: _Packed, row: int) -> bytes:
    data, ends = packed
    start = int(ends[row - 1]) if row else 0
    return data[start : int(ends[row])].tobytes()


def _checked(data: NDArray[Any], ends: NDArray[Any]) -> _Packed:
    if (
        data.dtype != np.uint8
        or ends.dtype != np.int64
        or data.ndim != 1
        or ends.ndim != 1
        or (np.diff(ends, prepend=0) < 0).any()
        or (len(ends) and ends[-1] != len(data))
    ):
        raise ValueError("its originals are not packed as they should be")
    return data, ends
