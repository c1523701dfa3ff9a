"""Channels of images, and windows around their pixels.

A channel is a float stack of shape (n, h, w, c), for example noisy values, an earlier estimate or a
bound. Images are mirrored at their borders, with the outermost pixel twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from lookalike.cleaning.levels import Floats

Positions = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]


def padded(channels: Sequence[Floats], radius: int) -> Floats:
    """Join channels and mirror them at the borders, in the form that native code takes.

    The shape is (n, h + 2 radius + 1, w + 2 radius, channels); no window includes the last row,
    but vector code may read past the end of a window.
    """
    n, h, w, _ = channels[0].shape
    down, right = _mirrored(h, radius, radius + 1), _mirrored(w, radius, radius)
    n_channels = sum(channel.shape[3] for channel in channels)
    together = np.empty((n, h + 2 * radius + 1, w + 2 * radius, n_channels), np.float32)
    at = 0
    for channel in channels:
        into = together[..., at : at + channel.shape[3]]
        into[:, radius : radius + h, radius : radius + w] = channel
        at += channel.shape[3]
    inner = slice(radius, radius + h)
    for edge in (slice(0, radius), slice(radius + w, None)):
        together[:, inner, edge] = together[:, inner, radius + right[edge]]
    for edge in (slice(0, radius), slice(radius + h, None)):
        together[:, edge] = together[:, radius + down[edge]]
    return together


def _mirrored(n: int, before: int, after: int) -> NDArray[np.intp]:
    return np.pad(np.arange(n), (before, after), mode="symmetric")


def windows(stack: Floats, radius: int, at: Positions, centre: int | None = None) -> Floats:
    """Return the windows of a radius around positions of a padded stack, one per row.

    ``centre`` is the radius of the stack's padding if it differs from ``radius``.
    """
    image, y, x = at
    inset = 0 if centre is None else centre - radius
    side = 2 * radius + 1
    n, height, width, channels = stack.shape
    corner = (image * height + (y + inset)) * width + (x + inset)
    # A window is made of runs of consecutive pixels: gathering whole runs takes half the time
    # of gathering pixels.
    runs = as_strided(
        np.ascontiguousarray(stack),
        (n * height * width - side + 1, side * channels),
        (channels * stack.itemsize, stack.itemsize),
        writeable=False,
    )
    seen: Floats = runs[corner[:, None] + np.arange(side) * width]
    return seen.reshape(len(corner), side * side * channels)
