"""Limits of a request."""

from __future__ import annotations

from dataclasses import dataclass


class TooLargeError(ValueError):
    """A request has more pixels or more pictures than the limits allow."""


@dataclass(frozen=True)
class Limits:
    """Limits of a request.

    Attributes
    ----------
    body_bytes : int
        Largest body of a request.
    side : int
        Largest width and height of a picture in pixels. Both are limited, not only their product,
        because padding to a square would turn a line into a huge picture.
    images : int
        Largest number of pictures in a request.
    seconds : float
        Longest time from the first byte of a request to the last byte of its answer.
    requests : int
        Largest number of requests that are answered at once.

    Examples
    --------
    >>> Limits(images=16).images, Limits().body_bytes
    (16, 8388608)
    """

    body_bytes: int = 8 * 2**20
    side: int = 4096
    images: int = 256
    seconds: float = 30.0
    requests: int = 64
