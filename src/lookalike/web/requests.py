"""Conversion of request bodies to images in the model's form.

A body is an image file, a form with files (``multipart/form-data``), or JSON with files in base64
or nested lists of numbers. Small bodies are decoded in the event loop: passing 50 µs of work to
another thread takes longer. All others go to a few threads, whose number limits how many large
decoded pictures are in memory at once.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from lookalike.images.exceptions import NoPictureError, PictureError
from lookalike.images.pictures import MAX_PIXELS, opened, read_picture
from lookalike.images.preprocessing import Form, Formed
from lookalike.web.security import Limits, TooLargeError

Bytes = NDArray[np.uint8]
Result = TypeVar("Result")

# Limits of work that is decoded in the event loop, which takes a millisecond at most.
_SMALL_BODY = 16 * 2**10
_SMALL_PICTURES = 4
_SMALL_PIXELS = 2**14


class MediaTypeError(ValueError):
    """The body's Content-Type is not supported."""


class MeaningError(ValueError):
    """The body can be read, but its content is invalid."""


class _File(NamedTuple):
    """The content of an image file whose header has been checked."""

    content: bytes
    n_pixels: int


class _Wanted(NamedTuple):
    """What images of a request become: a form, which they may already have."""

    form: Form
    as_is: bool

    @property
    def least_size(self) -> tuple[int, int] | None:
        return None if self.as_is else self.form.least_size


class Read(NamedTuple):
    """The images of a request, at least one."""

    images: Bytes  # of shape (n, *image_shape)
    doubts: list[str | None]  # about the strokes that were found in each image


class RequestReader:
    """Reads the images of requests, and brings them to the form of a model's images."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(
            min(4, os.cpu_count() or 1), thread_name_prefix="lookalike-pictures"
        )

    async def read(self, request: Request, form: Form, *, as_is: bool) -> Read:
        """Return the images of a request in a form.

        If ``as_is``, they already have that form, and must have its exact shape. Raises
        `MediaTypeError`, `MeaningError`, `PictureError` or `TooLargeError`.
        """
        wanted = _Wanted(form, as_is)
        body = await self._read(request)
        size = len(body) if isinstance(body, bytes) else sum(map(len, body))
        if size <= _SMALL_BODY:
            given = self._given(body, wanted)
            if len(given) <= _SMALL_PICTURES and all(map(_is_small, given)):
                return _stack(given, wanted)
            return await self.run(lambda stop: _stack(given, wanted, stop))
        return await self.run(lambda stop: _stack(self._given(body, wanted), wanted, stop))

    async def run(self, function: Callable[[threading.Event], Result]) -> Result:
        """Call a function in one of the threads; its event is set if the request is cancelled."""
        stop = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    def close(self) -> None:
        """End the threads after their current work."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _read(self, request: Request) -> bytes | list[bytes]:
        """Return JSON, or the contents of image files."""
        content_type = request.headers.get("content-type", "")
        media_type = content_type.split(";", 1)[0].strip().lower()
        if _may_be_picture(media_type):
            return [await request.body()]
        if media_type == "application/json":
            return await request.body()
        if media_type == "multipart/form-data":
            return await self._files(request)
        raise MediaTypeError(
            f"Content-Type {media_type[:100] or 'none'!r} is not supported; send image/png or "
            "another image type, multipart/form-data with files named images, or application/json"
        )

    async def _files(self, request: Request) -> list[bytes]:
        most = self._limits.images
        parser = MultiPartParser(
            request.headers,
            request.stream(),
            max_files=most + 1,
            max_fields=16,
            max_part_size=2**10,
        )
        parser.spool_max_size = self._limits.body_bytes + 1  # so that no file goes to the disk
        try:
            form = await parser.parse()
        except (MultiPartException, ValueError, LookupError, AttributeError) as error:
            # Malformed headers are none of the parser's own exceptions, which have a message.
            reason = getattr(error, "message", "").rstrip(".")
            if reason.startswith("Too many files"):
                raise _too_many(f"more than {most:,}", most) from None
            raise MeaningError(
                f"the multipart/form-data cannot be read{reason and ': '}{reason}; send files "
                "named images"
            ) from None
        try:
            parts = [part for name in _FIELDS for part in form.getlist(name)]
            return [part.file.read() for part in parts if not isinstance(part, str)]
        finally:
            await form.close()

    def _given(self, body: bytes | list[bytes], wanted: _Wanted) -> list[Any]:
        """Return opened pictures and arrays of numbers."""
        files: Sequence[Any] = _from_json(body) if isinstance(body, bytes) else body
        if not files:
            raise MeaningError(
                "no images; send at least one, in a form as files named images (curl -F "
                "images=@a.png)"
            )
        if len(files) > self._limits.images:
            raise _too_many(f"{len(files):,}", self._limits.images)
        given = []
        for i, file in enumerate(files):
            with _numbered(i, len(files)):
                given.append(_open(file, self._limits, wanted.least_size))
        return given


def _stack(given: Sequence[Any], wanted: _Wanted, stop: threading.Event | None = None) -> Read:
    read = Read(np.empty((len(given), *wanted.form.image_shape), np.uint8), [])
    for i, one in enumerate(given):
        if stop is not None and stop.is_set():
            raise CancelledError
        with _numbered(i, len(given)):
            read.images[i], doubt = _formed(one, wanted)
            read.doubts.append(doubt)
    return read


def _formed(given: Any, wanted: _Wanted) -> Formed:
    form, as_is = wanted
    picture = (
        read_picture(given.content, least_size=wanted.least_size).pixels
        if isinstance(given, _File)
        else given
    )
    try:
        return Formed(form.check(picture), None) if as_is else form.read(picture)
    except ValueError as error:
        if as_is:
            raise MeaningError(f"{error}; send one of that shape, or omit as_is") from None
        raise PictureError(str(error)) from None


@contextmanager
def _numbered(i: int, n: int) -> Iterator[None]:
    """Prefix error messages with the number of the image, if there are several."""
    try:
        yield
    except (MeaningError, PictureError, TooLargeError) as error:
        if n == 1:
            raise
        raise type(error)(f"image {i}: {error}") from None


def _open(file: Any, limits: Limits, least_size: tuple[int, int] | None) -> Any:
    if isinstance(file, str):
        file = _from_base64(file)
    if isinstance(file, bytes):
        # A small file can declare a huge picture: check its size before decoding.
        try:
            with opened(file) as image:
                width, height = image.size
                # A progressive file is decoded in memory as a whole, at any scale.
                if least_size is not None and "progressive" not in image.info:
                    image.draft(None, least_size[::-1])
                decoded = image.size
        except NoPictureError:
            raise NoPictureError(
                f"the file of {len(file):,} bytes is not a picture; send a PNG, JPEG, WebP or GIF "
                "file, as bytes or in base64"
            ) from None
        if max(decoded) > limits.side:
            raise TooLargeError(
                f"the picture has {width:,} × {height:,} pixels but the limit is {limits.side:,} × "
                f"{limits.side:,}; shrink it, or send a baseline JPEG of at most {MAX_PIXELS:,} "
                "pixels, which is read at a smaller scale"
            )
        return _File(file, height * width)
    if isinstance(file, list):
        return _from_numbers(file, limits)
    raise MeaningError(
        f"the image is {_json_name(file)}; send a file in base64 or nested lists of numbers"
    )


def _is_small(given: Any) -> bool:
    if isinstance(given, _File):
        return given.n_pixels <= _SMALL_PIXELS
    return bool(given.size <= 4 * _SMALL_PIXELS)


def _from_json(content: bytes) -> list[Any]:
    try:
        # Not strict, so that strings may contain line breaks: most tools break base64 into lines.
        document = json.loads(content, strict=False)
    except RecursionError:
        raise MeaningError("the JSON is nested too deeply; " + _WANTED) from None
    except ValueError as error:
        raise MeaningError(f"the JSON cannot be read ({error}); {_WANTED}") from None
    fields = document if isinstance(document, dict) else {}
    alone = [fields[name] for name in _FIELDS[1:] if isinstance(fields.get(name), str)]
    images = fields.get("images", alone or None)
    if not isinstance(images, list):
        raise MeaningError(f"the JSON has no list of images; {_WANTED}")
    return images


_FIELDS = ("images", "image", "file", "files", "images[]", "files[]")
_WANTED = 'send {"images": [...]} with image files in base64 or nested lists of numbers 0 to 255'


def _may_be_picture(media_type: str) -> bool:
    """Return whether a body of this type may be a picture; its content decides."""
    return media_type != "image/svg+xml" and (
        media_type.startswith("image/") or media_type.endswith("/octet-stream")
    )


def _from_base64(text: str) -> bytes:
    """Decode base64 as leniently as browsers do (WHATWG's Infra Standard, section 7).

    White space, the URL-safe alphabet, missing padding and data URLs are accepted.
    """
    text = "".join(text.split())
    if text[:5].lower() == "data:":
        head, _, text = text[5:].partition(",")
        media_type, *parameters = head.lower().split(";")
        if media_type == "image/svg+xml" or "base64" not in parameters:
            raise PictureError(
                f"a data URL of {head[:100]!r} is not supported; send pixels in base64, for "
                "example data:image/png;base64,..."
            )
        text = unquote(text)
    text = text.translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
        wrong = _NO_BASE64.search(text)
        shown = f"text with {wrong[0]!r}" if wrong else f"{len(text):,} letters of text"
        raise PictureError(
            f"{shown} is not base64; encode the bytes of an image file, in Python with "
            "base64.b64encode(content).decode()"
        ) from None


_URL_SAFE = str.maketrans("-_", "+/")
_NO_BASE64 = re.compile("[^A-Za-z0-9+/]")


def _from_numbers(numbers: list[Any], limits: Limits) -> Bytes:
    # Types are checked first: NumPy would convert mixed numbers and strings to an array of strings,
    # each as wide as the longest, which may take gigabytes for a small body.
    values: list[Any] = [numbers]
    for _ in range(3):
        if set(map(type, values)) != {list}:
            break
        values = list(chain.from_iterable(values))
    if not set(map(type, values)) <= {int, float}:
        raise MeaningError(
            "the lists hold something other than numbers, or are nested too deeply; send (h, w) "
            "or (h, w, 3) numbers 0 to 255"
        )
    try:
        array = np.array(numbers, np.float64)
    except (ValueError, OverflowError):
        raise MeaningError(
            "the lists have unequal lengths or huge numbers; send (h, w) or (h, w, 3) numbers"
        ) from None
    if (
        array.ndim not in (2, 3)
        or 0 in array.shape
        or array.shape[2:] not in ((), (1,), (3,), (4,))
    ):
        raise MeaningError(
            f"the numbers have shape {array.shape}; send (h, w) or (h, w, 3) in nested lists"
        )
    if max(array.shape) > limits.side:
        raise TooLargeError(
            f"the image has {array.shape[1]:,} × {array.shape[0]:,} pixels but the limit is "
            f"{limits.side:,} × {limits.side:,}; shrink it"
        )
    # NaN fails every comparison, so it is refused here too
    if not ((array >= 0) & (array <= 255)).all():
        raise MeaningError("the values are not from 0 to 255; scale them")
    return np.rint(array).astype(np.uint8)


def _too_many(found: str, most: int) -> TooLargeError:
    return TooLargeError(
        f"{found} images in a request but the limit is {most:,}; send them in several requests"
    )


def _json_name(value: Any) -> str:
    if value is None:
        return "null"
    return {dict: "an object", bool: "true or false"}.get(type(value), "a number")
