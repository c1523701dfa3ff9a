"""Digits drawn large on canvases as people have them: clean, framed, ruled, shaded, cropped.

Everything that a canvas bears beside its digit varies at random: where it lies, how thick, how dark
and how far turned it is. A generator with a seed decides, so a canvas is the same each time.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
Random = np.random.Generator

SIDE = 280
"""Pixels of a canvas."""

_FINER = 3  # times as fine lines are drawn before they are reduced, for smooth edges


def drawn(digit: Bytes, random: Random) -> Floats:
    """Return the ink of a digit of 28 x 28, 0 to 1, on a canvas: its lines smooth, edges sharp."""
    side = int(random.integers(180, 261))
    large = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC))
    line = np.clip((large / 255 - 0.5) * 4 + 0.5, 0, 1)
    canvas = np.zeros((SIDE, SIDE))
    down, right = random.integers(0, SIDE - side + 1, 2)
    canvas[down : down + side, right : right + side] = line
    return canvas


def colours(random: Random) -> tuple[float, float]:
    """Return the values of paper and of ink."""
    return float(random.uniform(215, 255)), float(random.uniform(0, 90))


def on_paper(ink: Floats, random: Random) -> Floats:
    paper, dark = colours(random)
    return paper + ink * (dark - paper)


def lines(segments: list[tuple[float, float, float, float]], width: float, turn: float) -> Floats:
    """Return lines (x, y, x, y) of a width, 0 to 1, turned by degrees about the canvas's middle."""
    canvas = Image.new("L", (SIDE * _FINER, SIDE * _FINER))
    brush = ImageDraw.Draw(canvas)
    sin, cos = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    for segment in segments:
        ends = np.reshape(segment, (2, 2)) - SIDE / 2
        ends = ends @ np.array([[cos, sin], [-sin, cos]]) + SIDE / 2
        brush.line([*map(float, ends.ravel() * _FINER)], 255, max(1, round(width * _FINER)))
    return np.asarray(canvas.reduce(_FINER)) / 255


def _tilt(random: Random) -> float:
    return float(random.uniform(-2, 2))


# --- What a canvas may bear, each a function of ink and a generator ------------------------------


def clean(ink: Floats, random: Random) -> Floats:
    return on_paper(ink, random)


def frame(ink: Floats, random: Random) -> Floats:
    """A border of one to four pixels around the picture, as screenshots have."""
    width = int(random.integers(1, 5))
    canvas = on_paper(ink, random)
    inside = np.zeros(canvas.shape, bool)
    inside[width:-width, width:-width] = True
    return np.where(inside, canvas, random.uniform(0, 140))


def box(ink: Floats, random: Random) -> Floats:
    """A printed box that the digit stands in and may touch."""
    rows, columns = (np.flatnonzero((ink > 0.1).any(axis=axis)) for axis in (1, 0))
    gap = random.uniform(-3, 24, 4)
    x0, x1 = columns[0] - gap[0], columns[-1] + gap[1]
    y0, y1 = rows[0] - gap[2], rows[-1] + gap[3]
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0), (x1, y0)]
    sides = [(*a, *b) for a, b in pairwise(corners)]
    printed = lines(sides, random.uniform(1, 6), _tilt(random)) * random.uniform(0.4, 1)
    return on_paper(np.maximum(ink, printed), random)


def edge_line(ink: Floats, random: Random) -> Floats:
    """A line or bar at one edge, as a scanner leaves."""
    width = int(random.integers(1, 9))
    canvas = np.rot90(on_paper(ink, random), k := int(random.integers(4))).copy()
    canvas[:, :width] = random.uniform(0, 120)
    return np.rot90(canvas, -k)


def specks(ink: Floats, random: Random) -> Floats:
    """Stray dots, one to twenty."""
    canvas = Image.new("L", (SIDE, SIDE))
    brush = ImageDraw.Draw(canvas)
    for _ in range(int(random.integers(1, 21))):
        x, y = random.uniform(0, SIDE, 2)
        radius = random.uniform(0.5, 4)
        brush.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    return on_paper(np.maximum(ink, np.asarray(canvas) / 255), random)


def _rules(random: Random, spacing: float) -> list[tuple[float, float, float, float]]:
    start = random.uniform(-spacing, 0)
    return [(-SIDE, y, 2 * SIDE, y) for y in np.arange(start - SIDE / 4, SIDE * 1.25, spacing)]


def ruled(ink: Floats, random: Random) -> Floats:
    """Ruled paper, half of it with a margin line."""
    segments = _rules(random, random.uniform(25, 90))
    if random.random() < 0.5:
        x = random.uniform(5, 60)
        segments.append((x, -SIDE, x, 2 * SIDE))
    printed = lines(segments, random.uniform(1, 3), _tilt(random)) * random.uniform(0.2, 0.8)
    return on_paper(np.maximum(ink, printed), random)


def squared(ink: Floats, random: Random) -> Floats:
    """Squared paper."""
    spacing = random.uniform(18, 60)
    segments = _rules(random, spacing)
    segments += [(y, x0, y, x1) for x0, y, x1, _ in _rules(random, spacing)]
    printed = lines(segments, random.uniform(1, 2.5), _tilt(random)) * random.uniform(0.2, 0.7)
    return on_paper(np.maximum(ink, printed), random)


def table(ink: Floats, random: Random) -> Floats:
    """A page on a dark table, turned by some degrees, whole or cut off by the picture's edge."""
    side = int(SIDE * random.uniform(1.2, 1.6))
    mask = Image.new("L", (side, side))
    room = random.uniform(-20, side - SIDE, 2).astype(int)
    corner = (int(room[0]), int(room[1]))
    page = Image.fromarray(on_paper(ink, random).astype(np.uint8))
    ImageDraw.Draw(mask).rounded_rectangle(
        (corner[0] - 12, corner[1] - 12, corner[0] + SIDE + 11, corner[1] + SIDE + 11),
        random.uniform(0, 20),
        255,
    )
    picture = Image.new("L", (side, side), int(page.getpixel((0, 0))))  # type: ignore[arg-type]
    picture.paste(page, corner)
    angle, centre = random.uniform(-8, 8), (corner[0] + SIDE / 2, corner[1] + SIDE / 2)
    how = {"resample": Image.Resampling.BICUBIC, "center": centre}
    paper = picture.rotate(angle, fillcolor=int(page.getpixel((0, 0))), **how)  # type: ignore[arg-type]
    inside = np.asarray(mask.rotate(angle, **how)) / 255  # type: ignore[arg-type]
    dark = random.uniform(20, 110)
    return np.asarray(inside * np.asarray(paper) + (1 - inside) * dark)


def shadow(ink: Floats, random: Random) -> Floats:
    """A hard shadow over part of the picture."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    angle = random.uniform(0, 2 * np.pi)
    across = x * np.cos(angle) + y * np.sin(angle) - random.uniform(-0.35, 0.35) * SIDE
    soft = random.uniform(0.5, 4)
    shade = 1 / (1 + np.exp(-np.clip(across / soft, -50, 50)))
    return np.asarray(on_paper(ink, random) * (1 - shade * random.uniform(0.25, 0.6)))


def light(ink: Floats, random: Random) -> Floats:
    """Uneven light: it falls off from one side, or around a bright spot, with a sensor's noise."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE - random.uniform(0.2, 0.8, (2, 1, 1))
    if random.random() < 0.5:
        angle = random.uniform(0, 2 * np.pi)
        fall = x * np.cos(angle) + y * np.sin(angle)
        fall = (fall - fall.min()) / np.ptp(fall)
    else:
        fall = x**2 + y**2
        fall = fall / fall.max()
    lit = on_paper(ink, random) * (1 - random.uniform(0.3, 0.65) * fall)
    return np.asarray(lit + random.normal(0, random.uniform(0, 4), lit.shape))


_LUMA = np.array([0.299, 0.587, 0.114])


def equal_luma(ink: Floats, random: Random) -> Floats:
    """Ink and ground of two colours that are one grey."""
    while True:
        ground, line = random.uniform(0, 255, (2, 3))
        line = line + (ground - line) @ _LUMA
        if line.min() >= 0 and line.max() <= 255 and np.abs(line - ground).max() > 80:
            return np.asarray(ground + ink[..., None] * (line - ground))


def crop(ink: Floats, random: Random) -> Floats:
    """A picture cut off at the ink on all sides, or up to four pixels from it."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    room = random.integers(0, 5, 4) * (random.random() < 0.5)
    kept = np.pad(ink, 5)[
        rows[0] + 5 - room[0] : rows[-1] + 6 + room[1],
        columns[0] + 5 - room[2] : columns[-1] + 6 + room[3],
    ]
    return on_paper(kept, random)


def chalk(ink: Floats, random: Random) -> Floats:
    """White on a blackboard with a light frame."""
    return 255 - frame(ink, random)


def thumb(ink: Floats, random: Random) -> Floats:
    """A finger that covers part of an edge, beside the digit."""
    canvas = Image.new("L", (SIDE, SIDE))
    width, reach = random.uniform(25, 50), random.uniform(5, 30)
    x = random.uniform(0, SIDE)
    ImageDraw.Draw(canvas).ellipse((x - width, -2 * reach, x + width, reach), 255)
    finger = np.rot90(np.asarray(canvas) / 255, int(random.integers(4)))
    paper = on_paper(ink, random)
    return paper + finger * (random.uniform(90, 160) - paper)


def label(ink: Floats, random: Random) -> Floats:
    """Small print in a corner."""
    text = Image.new("L", (SIDE, SIDE))
    words = "".join(random.choice(list("abcdefghkmnprstuvwxyz 0123456789"), 9))
    at = (random.uniform(2, 12), random.choice([3, SIDE - 16]))
    ImageDraw.Draw(text).text(at, words, 255, font_size=11)
    return on_paper(np.maximum(ink, np.asarray(text) / 255), random)


def camera(ink: Floats, random: Random) -> Floats:
    """A sensor's noise, blur and JPEG."""
    canvas = on_paper(ink, random) * 0.9 + random.normal(0, random.uniform(2, 8), ink.shape)
    image = Image.fromarray(canvas.clip(0, 255).astype(np.uint8))
    file = io.BytesIO()
    blurred = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.2)))
    blurred.save(file, "JPEG", quality=int(random.integers(30, 80)))
    return np.asarray(Image.open(file)).astype(float)


CONDITIONS: dict[str, Callable[[Floats, Random], Floats]] = {
    "clean": clean,
    "a frame of 1 to 4 pixels": frame,
    "a printed box": box,
    "a line at the edge": edge_line,
    "specks": specks,
    "ruled paper": ruled,
    "squared paper": squared,
    "a page on a dark table": table,
    "a hard shadow": shadow,
    "uneven light": light,
    "colours of equal luma": equal_luma,
    "a tight crop": crop,
    "chalk in a frame": chalk,
    "a finger at the edge": thumb,
    "print in a corner": label,
    "noise and JPEG": camera,
}


def canvas(digit: Bytes, condition: str, seed: int) -> Bytes:
    """Return a digit on a canvas, shape (h, w) or (h, w, 3): the same digit and pen for one seed.

    Parameters
    ----------
    digit : ndarray of shape (28, 28), uint8
        Bright on 0.
    condition : str
        One of `CONDITIONS`.
    seed : int
    """
    ink = drawn(digit, np.random.default_rng([seed, 0]))
    picture = CONDITIONS[condition](ink, np.random.default_rng([seed, 1]))
    return np.rint(picture).clip(0, 255).astype(np.uint8)
