"""Lines that are printed, not drawn: frames, boxes, rules, squares and margins.

They are straight, nearly level or upright, long, and have no free end: each runs on to the border
of the picture or page, or into another such line. A drawn stroke, however straight, has a free end.

Long straight lines are found by a directional opening that bears a slight turn: the mask is cut
into columns of blocks, and a pixel lies on a line if, at one of several slopes, a run of blocks
through it is covered. Where a stroke crosses a line, or runs along it, the mask is thicker than the
line elsewhere; there the line is left in.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage

from lookalike.images.ground import Floats, Mask

_BLOCKS = 20  # that a side is cut into
_LEAST_RUN = 6  # blocks that a line is long
_COVERED = 0.8  # of a block's columns: the rest is worn off
_STEEPEST = 0.14  # tangent of the largest turn: eight degrees
_THICKEST = 0.12  # of the shorter side
_REACH = 0.03  # of the shorter side that a line's end may be away from what it runs into


def printed_lines(mask: Mask, box: tuple[slice, slice], within: Mask) -> Mask:
    """Return which pixels of ink lie on printed lines and on nothing else.

    Lines are looked for in the ``box``, beside which they are long. In ``within``, which leaves out
    borders, a line may end in another one only.
    """
    level, upright = _Lines(mask[box], within[box]), _Lines(mask[box].T, within[box].T)
    count = 0
    while count != (count := len(level.kept) + len(upright.kept)):
        level.keep_those_that_end_in(upright.widths().T)
        upright.keep_those_that_end_in(level.widths().T)
    lines = np.zeros(mask.shape, bool)
    if level.kept or upright.kept:
        found = level.alone() | upright.alone().T
        # where two lines cross, each is as thick as the other is long
        rest, n = ndimage.label(mask[box] & ~found, np.ones((3, 3)))
        elsewhere = (level.widths() == 0) | (upright.widths().T == 0)
        stays = np.zeros(n + 1, bool)
        stays[rest[elsewhere]] = True
        lines[box] = mask[box] & ~stays[rest] | found
    return lines


class _Lines:
    """Straight and nearly level lines of a mask, and which of them are kept."""

    def __init__(self, mask: Mask, within: Mask) -> None:
        self._within = within
        self._pieces, n = ndimage.label(_straight(mask), np.ones((3, 3)))
        self.kept: list[int] = []
        self._thickness = self._pieces
        if n == 0:
            return
        runs, _ = ndimage.label(mask, [[0, 1, 0]] * 3)
        lengths = np.bincount(runs.ravel())
        lengths[0] = 0
        self._thickness = lengths[runs]  # of the mask, up and down from each pixel
        tops = mask.copy()
        tops[1:] &= ~mask[:-1]
        tops &= self._pieces > 0
        self._boxes = ndimage.find_objects(self._pieces)
        self._usual = _low(self._thickness[tops], self._pieces[tops], n)
        least, most = mask.shape[1] * _LEAST_RUN / _BLOCKS, _THICKEST * min(mask.shape)
        self.kept = [
            number
            for number, box in enumerate(self._boxes, 1)
            if box[1].stop - box[1].start >= least and self._usual[number] <= most
        ]

    def widths(self) -> Floats:
        """Return the usual width of the kept line on each pixel, 0 elsewhere."""
        usual = np.zeros(self._pieces.max() + 1)
        usual[self.kept] = [self._usual[number] for number in self.kept]
        return np.asarray(usual[self._pieces])

    def keep_those_that_end_in(self, widths: Floats) -> None:
        """Drop lines with a free end: not at the border, nor in a line about as wide or wider."""
        if self.kept:
            reach = max(2, round(_REACH * min(widths.shape)))
            widths = ndimage.maximum_filter(widths, 2 * reach + 1)
            self.kept = [number for number in self.kept if self._ends_in(number, widths)]

    def _ends_in(self, number: int, widths: Floats) -> bool:
        box = self._boxes[number - 1]
        piece = self._pieces[box] == number
        for end in (0, -1):
            row = int(np.flatnonzero(piece[:, end]).mean()) + box[0].start
            column = box[1].start if end == 0 else box[1].stop - 1
            if self._within[row, column] and 1.5 * widths[row, column] + 1 < self._usual[number]:
                return False
        return True

    def alone(self) -> Mask:
        """Return the pixels of kept lines where the mask is no thicker than the line elsewhere."""
        widths = self.widths()
        return np.asarray((widths > 0) & (self._thickness <= 1.5 * widths + 1))


def _low(values: Floats, labels: NDArray[np.int32], n: int) -> Floats:
    """Return the lower quartile of the values of each label from 0 to n, infinite without any.

    Where strokes cross a line or run along it, it is thicker than elsewhere.
    """
    order = np.lexsort((values, labels))
    counts = np.bincount(labels, minlength=n + 1)
    at = np.cumsum(counts) - counts + counts // 4
    low = values[order][np.minimum(at, len(order) - 1)] if len(order) else np.zeros(n + 1)
    return np.where(counts > 0, low, np.inf)


def _straight(mask: Mask) -> Mask:
    """Return the pixels that lie on straight, nearly level lines."""
    height, width = mask.shape
    block = -(-width // _BLOCKS)
    starts = np.arange(0, width, block)
    thick = mask.copy()  # by a pixel to both sides, which allows for steps
    thick[1:] |= mask[:-1]
    thick[:-1] |= mask[1:]
    sizes = np.diff(np.append(starts, width))
    covered = np.add.reduceat(thick, starts, axis=1, dtype=np.int32) >= _COVERED * sizes
    n = len(starts)
    if not covered.any() or n < _LEAST_RUN - 1:
        return np.zeros_like(mask)
    # all slopes at once: a row of blocks along a slope is one number, a bit for each block
    most = round(_STEEPEST * width)
    bits = np.pad(
        covered.astype(np.uint32) << np.arange(n, dtype=np.uint32), ((most, most), (0, 0))
    )
    drifts = np.linspace(-most, most, most + 1)[:, None]
    down = np.rint(drifts * (np.arange(n) / max(n - 1, 1) - 0.5)).astype(int)
    along = np.zeros((most + 1, height), np.uint32)
    for column in range(n):
        moved = sliding_window_view(bits[:, column], height)
        along |= moved[most + down[:, column]]
    slope, row = np.nonzero(run := _opened(along))
    blocks = run[slope, row, None] >> np.arange(n, dtype=np.uint32) & 1 > 0
    number, at = np.nonzero(blocks)
    found = np.zeros(covered.shape, bool)
    found[np.clip(row[number] + down[slope[number], at], 0, height - 1), at] = True
    return np.asarray(np.repeat(found, sizes, axis=1) & thick) & mask


def _opened(covered: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the bits that belong to runs of enough, and those at the ends of the runs."""
    run = covered.copy()
    for step in range(1, _LEAST_RUN - 1):
        run &= covered >> np.uint32(step)
    wide = run | run >> np.uint32(1)
    for step in range(1, _LEAST_RUN):
        wide |= run << np.uint32(step)
    return wide
