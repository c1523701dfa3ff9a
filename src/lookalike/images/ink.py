"""Strokes on a ground: cut out of a picture, measured, and made as large and thick as wanted.

Ink is a float array with 0 for empty ground and 1 for full ink.

The width of a line is measured as ``2 * mass / variation``: along one pixel of a line of width w
the ink sums to w and rises and falls by 1, so its total variation is 2. It holds for blurred edges
as for sharp ones, for any curve, and needs no threshold.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]

FAINT = 1 / 16  # of full ink: less is ground

FINEST = 1024  # pixels of the longer side that ink is looked for in; finer tells nothing more
_NOISE = 5.0  # standard deviations of the ground's noise that ink must exceed
_ROUNDS = 3  # of measuring and mending the width of a line
_WORKING_SIDE = 160  # least longer side, in pixels, that a line's edge is moved at


def cut_out(picture: Bytes, least_contrast: float = 16) -> Floats:
    """Return the ink of a picture, cut to its box.

    Whether the ground is dark or bright, and how it slopes from side to side as paper does in a
    photograph, is read off the picture's border.

    Parameters
    ----------
    picture : ndarray of shape (h, w), (h, w, 3) or (h, w, 4), uint8
    least_contrast : float
        By how much of 255 ink must differ from the ground.

    Returns
    -------
    ndarray of shape (h', w'), values 0 to 1

    Raises
    ------
    ValueError
        If it has no ink.
    """
    grey = _grey(picture)
    factor = -(-max(grey.shape) // FINEST)
    if factor > 1:
        grey = np.asarray(Image.fromarray(grey).reduce(factor))
    off, noise = _off_ground(grey)
    floor = _NOISE * noise
    least = max(least_contrast, floor)
    # the ink's side of the ground: that to which more of the picture strays
    if off[off < -least].sum() + off[off > least].sum() < 0:
        off = -off
    if off.max() <= least:
        raise ValueError(
            "no ink: the picture is of one colour all over; draw something, or give a picture with "
            "more contrast"
        )
    # in noise full ink is as most of it is, not as the one brightest pixel
    full = np.quantile(off[off > off.max() / 2], 0.9) if noise > 0 else off.max()
    ink = np.clip((off - floor) / max(full - floor, 1.0), 0, 1)
    if noise > 0:
        ink = _without_specks(ink)
    return box_of(ink, FAINT)


def _grey(picture: Bytes) -> Bytes:
    """Return the luma of a picture, on white or black where it is transparent."""
    if picture.ndim == 2:
        return picture
    image = Image.fromarray(picture)
    if picture.shape[2] == 3:
        return np.asarray(image.convert("L"))
    luma = np.asarray(image.convert("RGB").convert("L")).astype(np.float32)
    alpha = picture[..., 3] / np.float32(255)
    total = float(alpha.sum())
    # dark strokes on a transparent ground lie on white, bright ones on black
    ground = 255.0 if total == 0 or float((luma * alpha).sum()) / total < 128 else 0.0
    return np.rint(luma * alpha + ground * (1 - alpha)).astype(np.uint8)


def _off_ground(grey: Bytes) -> tuple[Floats, float]:
    """Return how far each pixel is off the ground, and the ground's noise (standard deviation).

    The ground is the plane through the border's pixels, without those that are far from it: ink
    that touches the border.
    """
    height, width = grey.shape
    values = grey.astype(np.float32)
    edge = max(1, min(height, width) // 20)
    border = np.ones(grey.shape, bool)
    border[edge : height - edge, edge : width - edge] = False
    rim = values[border]
    median = np.median(rim)
    spread = np.median(np.abs(rim - median))
    if spread == 0:
        return values - median, 0.0
    down, right = np.nonzero(border)
    design = np.column_stack([np.ones(len(rim)), down / height - 0.5, right / width - 0.5])
    kept = np.abs(rim - median) <= 6 * spread
    for _ in range(3):
        plane = np.linalg.lstsq(design[kept], rim[kept], rcond=None)[0]
        away = np.abs(rim - design @ plane)
        noise = 1.4826 * float(np.median(away))  # the standard deviation, if it is Gaussian
        kept = away <= max(3 * noise, 1.0)
    rows = plane[1] * (np.arange(height) / height - 0.5)
    columns = plane[2] * (np.arange(width) / width - 0.5)
    return values - (plane[0] + rows[:, None] + columns), noise


def _without_specks(ink: Floats) -> Floats:
    """Return ink without pieces of less than a hundredth of all of it: noise, not strokes."""
    pieces, n = ndimage.label(ink > 0, np.ones((3, 3)))
    mass = ndimage.sum_labels(ink, pieces, np.arange(n + 1))
    kept = mass >= 0.01 * mass.sum()
    kept[0] = False
    return np.where(kept[pieces], ink, 0.0)


def box_of(ink: Floats, least: float) -> Floats:
    """Return ink cut to the box of what is more than a value."""
    rows = np.flatnonzero((ink > least).any(axis=1))
    columns = np.flatnonzero((ink > least).any(axis=0))
    return np.asarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def line_widths(ink: Floats) -> Floats:
    """Return the mean width of the lines in each image, in pixels.

    Parameters
    ----------
    ink : ndarray of shape (n, h, w)
        Each with some ink.

    Returns
    -------
    ndarray of shape (n,)
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

    Parameters
    ----------
    ink : ndarray of shape (h, w)
        Cut to its box.
    side : int
        The longer side of the result, in pixels.
    frame : tuple of int
        What the result must fit in.
    usual : tuple of float
        The least and the largest usual width, in pixels of the result.
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
