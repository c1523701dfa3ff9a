"""Ink measured, and made as large and thick as wanted.

Ink is a float array with 0 for empty ground and 1 for full ink.

The width of a line is measured as ``2 * mass / variation``: along one pixel of a line of width w
the ink sums to w and rises and falls by 1, so its total variation is 2. It holds for blurred edges
as for sharp ones, for any curve, and needs no threshold.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Floats = NDArray[np.floating[Any]]
Value = TypeVar("Value", np.floating[Any], np.bool_)  # bool: all or nothing

FAINT = 1 / 16  # of full ink: less is ground

_ROUNDS = 3  # of measuring and mending the width of a line
_WORKING_SIDE = 160  # least longer side, in pixels, that a line's edge is moved at


def box_of(ink: NDArray[Value], least: float) -> NDArray[Value]:
    """Return ink cut to the box of what is more than a value."""
    rows = np.flatnonzero((ink > least).any(axis=1))
    columns = np.flatnonzero((ink > least).any(axis=0))
    return np.asarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def line_widths(ink: Floats) -> Floats:
    """Return the mean width of the lines in each image, in pixels.

    Ink has the shape (n, h, w), and there is some in each image.
    """
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    down, right = np.diff(padded, axis=1)[:, :, :-1], np.diff(padded, axis=2)[:, :-1]
    variation = np.hypot(down, right).sum(axis=(1, 2))
    return np.asarray(2 * padded.sum(axis=(1, 2)) / variation)


def centre_of(ink: Floats, kind: Literal["mass", "box"]) -> tuple[float, float]:
    """Return the centre of mass of ink, or the middle of the array: (down, right) in pixels."""
    height, width = ink.shape
    if kind == "box":
        return (height - 1) / 2, (width - 1) / 2
    total = ink.sum()
    down = float(ink.sum(axis=1) @ np.arange(height) / total)
    return down, float(ink.sum(axis=0) @ np.arange(width) / total)


def render(ink: Floats, side: int, frame: tuple[int, int]) -> Floats:
    """Return ink scaled, antialiased, to a longer side, or less where the frame is smaller."""
    scale = min(side / max(ink.shape), frame[0] / ink.shape[0], frame[1] / ink.shape[1])
    height, width = (max(1, round(n * scale)) for n in ink.shape)
    if (height, width) == ink.shape:
        return ink
    image = Image.fromarray(ink.astype(np.float32))
    filter = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC
    return np.asarray(image.resize((width, height), filter)).clip(0, 1)


def with_line_width(
    ink: Floats, side: int, frame: tuple[int, int], usual: tuple[float, float]
) -> Floats:
    """Return ink rendered so that its lines are of a usual width.

    Lines of less or more are brought to the nearest usual width by moving their edges: at the size
    of the drawing, before antialiasing, where a line's edge can be moved by less than one pixel of
    the result.

    The ink is cut to its box. The longer side of the result is ``side``, or less where the
    ``frame`` is smaller. The least and the largest ``usual`` width are in pixels of the result.
    """
    small = render(ink, side, frame)
    depth: Floats | None = None
    moved = 0.0  # outward
    for _ in range(_ROUNDS):
        width = float(line_widths(small[None])[0])
        wanted = float(np.clip(width, *usual))
        if abs(width - wanted) < 0.05 * wanted:
            break
        if depth is None:
            thicker = wanted > width
            room = math.ceil(usual[0] / side * max(_WORKING_SIDE, *ink.shape)) if thicker else 0
            depth, length = _depth(ink, outside=thicker, room=room + 1)
        # the box grows with its lines and is scaled to the same side: so lines grow by less
        moved += (wanted - width) / 2 * (length + 2 * moved) / side / (1 - wanted / side)
        moved = min(max(moved, 0.0), room) if thicker else min(moved, 0.0)
        edged = np.clip(depth + (moved + 0.5), 0, 1)
        if edged.max() <= 0.5:
            break
        small = render(box_of(edged, 0.5), side, frame)
    return small


def _depth(ink: Floats, *, outside: bool, room: int) -> tuple[Floats, int]:
    """Return how deep in the ink pixels lie, and the longer side of its box, in pixels.

    Outside the depth is negative. It is measured only there, or only inside; beyond the edge it
    is half a pixel. Around the ink is empty room.
    """
    finer = max(1, -(-_WORKING_SIDE // max(ink.shape)))
    height, width = (finer * n for n in ink.shape)
    image = Image.fromarray(ink.astype(np.float32))
    fine = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    inside = np.pad(fine > 0.5, room)
    if outside:
        depth = 0.5 - ndimage.distance_transform_edt(~inside)
    else:
        depth = ndimage.distance_transform_edt(inside) - 0.5
    return depth.astype(np.float32), max(height, width)
