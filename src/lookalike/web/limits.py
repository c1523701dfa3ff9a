"""How much one request may ask for, in one place."""

from __future__ import annotations

from dataclasses import dataclass


class TooLargeError(ValueError):
    """More pixels, or more pictures, than the limits allow."""


@dataclass(frozen=True)
class Limits:
    """What is refused beyond.

    Attributes
    ----------
    body_bytes : int
        Of a request's body; a phone's photograph of 48 megapixels has 12 to 25 MB.
    all_body_bytes : int
        Of the bodies of all requests that are answered at once.
    side : int
        Pixels that a picture may be wide, and high, as it is decoded: JPEG files may be decoded at
        a smaller scale. Both sides are bounded rather than their product, so that no picture is a
        line that grows to a square when it is padded.
    images : int
        Pictures in one request.
    seconds : float
        From the first byte of a request to the last of its answer.
    requests : int
        That are answered at once.

    Examples
    --------
    >>> Limits(images=16).images, Limits().body_bytes
    (16, 33554432)
    """

    body_bytes: int = 32 * 2**20
    all_body_bytes: int = 512 * 2**20
    side: int = 4096
    images: int = 256
    seconds: float = 30.0
    requests: int = 64
