"""What a picture is drawn on, and how far each of its pixels is off that ground.

A picture is first made one value a pixel: its luma, or, where ink and ground differ in colour and
hardly in luma, the place on the line through their colours. Then there are three explanations of
the ground, from the plainest on; who looks for ink takes the first in which it makes sense.

- A plane through the border's pixels: paper in even light, from side to side brighter or not.
- A local ground: the picture without anything that is narrower than a window (a morphological
  closing where ink is dark, an opening where it is bright). It follows shadows, spots of light, and
  the step from a page to the table. The picture is continued beyond its border, so that whatever
  lies along the border is ground, too.
- Two levels: ink that reaches the border, as where a picture is cut off at the strokes. The level
  that holds the corners is the ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

FINEST = 1024  # pixels of the longer side that ink is looked for in; finer tells nothing more
COARSE = 512  # the same where the ground is no plane and several explanations are weighed

_WINDOW = 0.4  # of a picture's side: ink is narrower, but a page is wider
_LEAST_RIM = 0.6  # of the border's pixels that are ground if a plane is to explain them
_MOST_SHAPE = 3.0  # standard deviations off a plane in those of neighbouring pixels: else no plane
_LEAST_APART = 0.75  # of the variance that lies between two levels
_PLAIN, _DARK = 1.5, 1.2  # how much more likely a plain ground is, and dark ink on a local one
_MOST_LUMA = 0.5  # of the contrast in colour, which luma must reach to be looked at instead


class Off(NamedTuple):
    """How far pixels are off a ground, positive on the ink's side of it."""

    values: Floats
    noise: float  # the ground's own standard deviation
    prior: float  # how much more likely such a ground is than others
    cropped: bool = False  # the ground was found on the condition that ink reaches the border
    steps: Mask | None = None  # where the ground itself changes, as from a page to the table
    gain: Floats | float = 1.0  # makes ink in the shade as strong as ink in the light


def grounds(picture: Bytes, least_contrast: float) -> Iterator[list[Off]]:
    """Yield the explanations of a picture's ground, the plainest first.

    Each is a list: with several entries where no one is plainer, and empty where it does not hold.
    Ink must differ from the ground by ``least_contrast`` of 255.
    """
    for values in _views(picture):
        yield _off_plane(values, least_contrast)
        yield _off_local(values, least_contrast) + _off_level(values, least_contrast)


def reduced(picture: Bytes, side: int) -> Bytes:
    """Return a picture whose longer side is at most that many pixels."""
    factor = -(-max(picture.shape[:2]) // side)
    if factor == 1:
        return picture
    return np.asarray(Image.fromarray(picture).reduce(factor))


def _views(picture: Bytes) -> Iterator[Floats]:
    """Yield a picture as one value a pixel, first as the contrast is best.

    That is luma, or the place on the line through the colours of ground and ink if they differ more
    along that. Then comes what differs in colour alone.
    """
    if picture.ndim == 2:
        yield picture.astype(np.float32)
        return
    luma = np.asarray(Image.fromarray(picture).convert("L")).astype(np.float32)
    colours = picture.astype(np.float32)
    if np.ptp(colours, axis=2).max() < 16:
        yield luma
        return
    sample = colours[:: max(1, len(colours) // 128), :: max(1, colours.shape[1] // 128)]
    sample = sample.reshape(-1, 3)
    sample = sample - np.median(sample, axis=0).astype(np.float32)
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    axis, variance = _principal(sample)
    in_luma = float(np.square(sample @ weights).sum() / np.square(weights).sum())
    yield luma if in_luma > _MOST_LUMA**2 * variance else colours @ axis
    axis, _ = _principal(sample - (sample @ weights)[:, None])
    yield (colours - luma[..., None]) @ axis


def _principal(colours: Floats) -> tuple[Floats, float]:
    """Return the axis along which colours, shape (n, 3), differ most, and their squares' sum."""
    variances, axes = np.linalg.eigh(colours.T @ colours)
    axis = axes[:, -1] * (np.sign(axes[:, -1].sum()) or 1)
    return axis.astype(np.float32), float(variances[-1])


def _off_plane(values: Floats, least_contrast: float) -> list[Off]:
    """Return how far pixels are off the plane through the border's pixels.

    Those far from it, ink that touches the border, are left out.
    """
    height, width = values.shape
    edge = max(1, min(height, width) // 20)
    border = np.ones(values.shape, bool)
    border[edge : height - edge, edge : width - edge] = False
    rim = values[border]
    median = np.median(rim)
    spread = np.median(np.abs(rim - median))
    if spread == 0:
        near = np.abs(rim - median) <= least_contrast
        return _if_most(near, _ink_side(values - median, least_contrast), 0.0)
    down, right = np.nonzero(border)
    design = np.column_stack([np.ones(len(rim)), down / height - 0.5, right / width - 0.5])
    kept = np.abs(rim - median) <= 6 * spread
    for _ in range(3):
        plane = np.linalg.lstsq(design[kept], rim[kept], rcond=None)[0]
        away = np.abs(rim - design @ plane)
        noise = 1.4826 * float(np.median(away))  # the standard deviation, if it is Gaussian
        kept = away <= max(3 * noise, 1.0)
    if noise > max(_MOST_SHAPE * _pixel_noise(values[:edge]), 3.0):
        return []
    rows = plane[1] * (np.arange(height) / height - 0.5)
    columns = plane[2] * (np.arange(width) / width - 0.5)
    off = values - (plane[0] + rows[:, None] + columns)
    return _if_most(kept, _ink_side(off, max(least_contrast, 5 * noise)), noise)


def _if_most(kept: Mask, off: Floats, noise: float) -> list[Off]:
    return [Off(off, noise, _PLAIN)] if kept.mean() >= _LEAST_RIM else []


def _pixel_noise(values: Floats) -> float:
    """Return the standard deviation of noise, from the differences of neighbours."""
    steps = np.abs(np.diff(values, axis=1))
    return 1.4826 * float(np.median(steps)) / 2**0.5 if steps.size else 0.0


def _ink_side(off: Floats, least: float) -> Floats:
    """Return how far pixels are off, positive where more of the picture strays."""
    return -off if off[off < -least].sum() + off[off > least].sum() < 0 else off


def _off_local(values: Floats, least_contrast: float) -> list[Off]:
    """Return how far pixels are off what is left without anything narrower than a window."""
    height, width = values.shape
    size = round(_WINDOW * (height * width) ** 0.5) // 2 * 2 + 1
    # as far as a window reaches: a filter's own way to continue an image would do so twice
    padded = np.pad(values, size // 2, mode="edge")
    inside = np.s_[size // 2 : size // 2 + height, size // 2 : size // 2 + width]
    found = []
    for first, then in ((largest, _least), (_least, largest)):
        ground = then(first(padded, size), size)[inside]
        off = np.abs(ground - values)
        off = off - np.median(off)  # the brightest of noise is the ground that a window finds
        noise = 1.4826 * float(np.median(np.abs(off)))
        wide = max(7, size // 4)  # a page's lines end near its edge
        steps = largest(ground, wide) - _least(ground, wide) > max(2 * least_contrast, 5 * noise)
        if first is largest:
            # light multiplies: ink in the shade is as much darker than its ground as in the light
            gain = np.median(ground) / np.maximum(ground, 1)
            found.append(Off(off, noise, _DARK, steps=steps, gain=gain))
        else:
            found.append(Off(off, noise, 1.0, steps=steps))
    return found


def largest(values: Floats, size: int) -> Floats:
    """Return the largest value in the square of a size around each pixel."""
    for axis in (0, 1):
        values = ndimage.maximum_filter1d(values, size, axis)
    return values


def _least(values: Floats, size: int) -> Floats:
    for axis in (0, 1):
        values = ndimage.minimum_filter1d(values, size, axis)
    return values


def _off_level(values: Floats, least_contrast: float) -> list[Off]:
    """Return how far pixels are off one of two levels: the one that holds the corners."""
    low, high = float(values.min()), float(values.max())
    if high - low < least_contrast:
        return []
    counts, edges = np.histogram(values, 64, (low, high))
    middle = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1].astype(float)
    sums = np.cumsum(counts * middle)
    above = counts.sum() - below
    apart = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / np.maximum(above, 1)) ** 2
    cut = int(apart.argmax())
    if apart[cut] / counts.sum() ** 2 < _LEAST_APART * values.var():
        return []
    bright = values > edges[cut + 1]
    corners = int(bright[[0, 0, -1, -1], [0, -1, 0, -1]].sum())
    if corners == 2:
        # the ground is wider than a line
        reach = [ndimage.distance_transform_edt(mask).max() for mask in (~bright, bright)]
        on_bright = bool(reach[1] >= 0.8 * reach[0])
    else:
        on_bright = corners > 2
    ground = values[bright == on_bright]
    level = float(np.median(ground))
    noise = 1.4826 * float(np.median(np.abs(ground - level)))
    return [Off(level - values if on_bright else values - level, noise, _PLAIN, cropped=True)]
