"""Channels of images, and the windows around their pixels.

A channel is a stack of shape (n, h, w, c) of floats: noisy values, an earlier estimate, a bound. At
their borders images are mirrored, the outermost pixel twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from lookalike.cleaning.levels import Floats

Positions = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]


def padded(channels: Sequence[Floats], radius: int) -> Floats:
    """Return channels behind each other and mirrored at the borders, as native code takes them.

    Of shape (n, h + 2 radius + 1, w + 2 radius, channels): the last row is there to be read past
    the end of a window, and in none.
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
    """Return the windows of a radius around positions of a padded stack, a row each.

    ``centre`` is the radius that the stack is padded by, where it is another.
    """
    image, y, x = at
    inset = 0 if centre is None else centre - radius
    side = 2 * radius + 1
    n, height, width, channels = stack.shape
    corner = (image * height + (y + inset)) * width + (x + inset)
    # A window is side rows of side pixels beside each other, wherever these begin: gathered row by
    # row, in half the time of pixel by pixel.
    runs = as_strided(
        np.ascontiguousarray(stack),
        (n * height * width - side + 1, side * channels),
        (channels * stack.itemsize, stack.itemsize),
        writeable=False,
    )
    seen: Floats = runs[corner[:, None] + np.arange(side) * width]
    return seen.reshape(len(corner), side * side * channels)
