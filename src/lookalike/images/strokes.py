"""The strokes of a picture, found among whatever else is in it.

Ink is what is off the ground (`ground.py`). Printed lines are taken away (`printed_lines.py`),
the rest is cut into pieces, and pieces near each other make a group. The strokes are the heaviest
group that lies near the middle and not at the border. If another one might as well be them, a
different explanation of the ground is tried; if none makes sense, that is a doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull

from lookalike.images.ground import (
    COARSE,
    FINEST,
    Bytes,
    Floats,
    Mask,
    Off,
    grounds,
    largest,
    reduced,
)
from lookalike.images.line_width import FAINT, box_of, line_widths
from lookalike.images.printed_lines import printed_lines

_NOISE = 5.0  # standard deviations of the ground's noise that ink must exceed
_SPECK = 0.01  # of the largest piece: less is dust, or noise
_GAP = 0.25  # of the largest piece's side, that pieces of one group may be apart
_RIVAL = 0.4  # of the strokes' weight, which makes another group a possible answer
_AMBIGUOUS = 0.7  # of the best reading's worth, which makes another one a possible answer
_AT_BORDER = 0.15  # of its weight, that is left to a group which touches the border
_ALL_LINES = 0.8  # of the ink, in printed lines: a frame with nothing in it
_THIN = 0.4  # of the strokes' width: less is no mark of the same pen, and an underline if long
_FRAGMENTS = 2  # pieces of less than a pen leaves, that strokes may have lost
_IF_LINES = 0.01  # of its prior, that is left to printed lines alone
_IF_SOLID = 0.4  # of its prior, that is left to ink like a page with something on it
_EVEN = 0.8  # of full ink that half of even strokes are at least
_NEAR = 0.15  # of the picture's side, in which full ink is sought where strokes are uneven
_LEAST_FULL = 0.25  # of full ink, that may be full elsewhere
_WAVY = 0.002  # of the ink, that may be missing in it where nothing is drawn on it
_ALL_INK = 0.95  # of the ink, in lines that fill a picture
_OFF_CENTRE = 0.4  # of its side, that twice their middle may be off its middle
_ACROSS = 0.75  # of its longer side that they reach across
_SMALL = 32  # pixels of a picture's longer side in which nothing but strokes is looked for
_SOLID = 0.8  # of the hull that ink fills, as a page with something on it does


class Ink(NamedTuple):
    """The strokes of a picture, from 0, ground, to 1, full ink, cut to their box."""

    values: Floats
    doubt: str | None  # why something else may be the strokes


def find_ink(picture: Bytes, least_contrast: float = 16) -> Ink:
    """Return the strokes of a picture, and the doubt whether something else is the strokes.

    Ink must differ from the ground by ``least_contrast`` of 255. A picture without ink is a
    ValueError.
    """
    picture = _unrepeated(picture)
    readings: list[_Reading] = []
    best: _Reading | None = None
    if max(picture.shape[:2]) > COARSE:
        picture = reduced(picture, FINEST)
        plain = next(grounds(picture, least_contrast))
        if plain and (only := _read(plain[0], least_contrast)) and only.sure:
            return Ink(box_of(only.ink, FAINT), None)
        picture = reduced(picture, COARSE)
    for rivals in grounds(picture, least_contrast):
        readings += [one for off in rivals if (one := _read(off, least_contrast))]
        if len(readings) == 1:
            best = readings[0]
        elif readings:
            page = readings[0].page
            best = max(readings, key=lambda one: one.worth(page))
        if best and best.doubt is None and (best.sure or len(rivals) > 1):
            break
    if best is None:
        raise ValueError(
            "no ink: the picture is of one colour all over; draw something, or give a picture with "
            "more contrast"
        )
    doubt = best.doubt
    if len(readings) > 1 and doubt is None:
        least = _AMBIGUOUS * best.worth(page)
        if any(one.worth(page) > least and one.differs(best) for one in readings):
            doubt = "there are several ways to tell the strokes from the ground"
    return Ink(box_of(best.ink, FAINT), doubt)


@dataclass(frozen=True, eq=False)
class _Reading:
    """What the strokes are on one ground: ink as large as the picture, and the doubts."""

    ink: Floats
    doubt: str | None
    sure: bool  # these are lines, and no other ground needs to be tried
    prior: float
    page: Mask | None  # the outline of ink that a plain ground surrounds, where it may be a page

    def differs(self, other: _Reading) -> bool:
        """Return whether the ink is for the most part somewhere else than another reading's."""
        here, there = self.ink > 0.5, other.ink > 0.5
        return bool((here & there).sum() < 0.5 * (here | there).sum())

    def worth(self, page: Mask | None) -> float:
        """Return the length; only what of it lies on the page, if there is one."""
        if page is None:
            return self.length
        ink = self.ink > 0.5
        return self.length * float(ink[page].sum() / ink.sum())

    @cached_property
    def length(self) -> float:
        """How long the lines are beside their width, times the prior.

        That is the area of the ink in squares as wide as its widest place. Lines have many; a
        page or a shadow with a digit in it has few, and so has what lies between lines.
        """
        inside = self.ink > 2 * FAINT
        box = box_of(inside, 0)
        widest = 2 * ndimage.distance_transform_edt(box).max()
        return self.prior * float(np.count_nonzero(inside) / widest**2)


def _read(off: Off, least_contrast: float) -> _Reading | None:
    """Return the strokes among what is off one ground, None if nothing is."""
    values, noise, prior, cropped, steps, gain = off
    floor = _NOISE * noise
    most = float(values.max())
    if most <= max(least_contrast, floor):
        return None
    # a local ground is that of the brightest: sharpened edges of a page lift it a little
    mask = values > max(floor, FAINT * most if steps is None else 2 * FAINT * most)
    groups = _Groups(mask, cropped)
    clutter = groups.clutter()
    only_lines = False
    if clutter is not None:
        within = np.zeros(mask.shape, bool)
        edge = groups.edge + 1
        within[edge:-edge, edge:-edge] = True
        lines = printed_lines(mask, clutter, within if steps is None else within & ~steps)
        if lines.any():
            rest = _Groups(mask & ~lines, cropped)
            if rest.plausible:
                groups = rest
            else:
                only_lines = bool(lines.sum() > _ALL_LINES * mask.sum())
    kept, doubt, away = groups.strokes()
    if only_lines:
        prior *= _IF_LINES
        doubt = "there is hardly more than a frame or printed lines in the picture"
    strength = (values - floor) * gain
    shown = strength[kept]
    # in noise full ink is as most of it is, not as the one brightest pixel
    top = shown.max()
    full = np.quantile(shown[shown > top / 2], 0.9) if noise > 0 else top
    ink = np.clip(strength / max(full, 1.0), 0, 1)
    uneven = bool(np.median(ink[kept]) < _EVEN)
    if uneven:
        near = largest(ink, max(3, round(_NEAR * max(ink.shape))))
        uneven = bool(np.quantile(near[kept], 0.25) < _EVEN)
    if uneven or steps is not None or np.count_nonzero(kept) < np.count_nonzero(mask):
        ink = np.where(ndimage.binary_dilation(kept, np.ones((3, 3))), ink, 0.0)
    if ink.max() <= 0.5:
        return None
    if uneven:  # part of it is in the shade, or written faintly: full ink is less there
        ink = np.clip(ink / np.maximum(near, _LEAST_FULL), 0, 1)
    page = _page(ink > 0.5)
    if page is not None:
        prior *= _IF_SOLID
        doubt = doubt or "what stands out in the picture may be a page, and not the strokes"
    sure = doubt is None and (away or (steps is None and _fills(kept, mask)))
    surrounded = away and steps is None and not cropped
    return _Reading(ink, doubt, sure, prior, page if surrounded else None)


class _Groups:
    """The pieces of a mask, specks included, those near each other as one."""

    def __init__(self, mask: Mask, cropped: bool) -> None:
        self._pieces, self.n = ndimage.label(mask, np.ones((3, 3)))
        self.edge = min(mask.shape) // 100  # what is so near the picture's border touches it
        boxes = ndimage.find_objects(self._pieces)
        self._boxes = np.array(
            [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in boxes],
            dtype=int,
        ).reshape(-1, 4)
        low, high = self._boxes[:, :2], mask.shape - self._boxes[:, 2:]
        self._touch = (np.minimum(low, high) <= self.edge).any(axis=1) & (not cropped)
        self._areas = np.bincount(self._pieces.ravel(), minlength=self.n + 1)[1:]

    @property
    def _weights(self) -> Floats:
        return np.asarray(self._areas * np.where(self._touch, _AT_BORDER, 1.0))

    def clutter(self) -> tuple[slice, slice] | None:
        """Return the box in which printed lines may be, None if there can be none."""
        if self.n == 0:
            return None
        sides = self._boxes[:, 2:] - self._boxes[:, :2]
        long = np.flatnonzero(sides.max(axis=1) >= 0.25 * max(self._pieces.shape))
        if len(long) == 0:
            return None
        if len(long) == 1 and not self._touch[long[0]] and not self._framed(long[0]):
            return None
        top, left = self._boxes[long, :2].min(axis=0)
        bottom, right = self._boxes[long, 2:].max(axis=0)
        return slice(top, bottom), slice(left, right)

    def _framed(self, number: int) -> bool:
        """Return whether a piece lies along all sides of its box, as a printed box does."""
        top, left, bottom, right = self._boxes[number]
        piece = self._pieces[top:bottom, left:right] == number + 1
        for turned in (piece, piece.T):
            for side in (turned, turned[:, ::-1]):
                depth = np.where(side.any(axis=1), side.argmax(axis=1), side.shape[1])
                if np.quantile(depth, 0.7) > 0.1 * side.shape[1]:
                    return False
        return True

    @property
    def plausible(self) -> bool:
        """Whether something of size is left that lies within the picture."""
        if self.n == 0:
            return False
        main = self._weights.argmax()
        side = (self._boxes[main, 2:] - self._boxes[main, :2]).max()
        return bool(not self._touch[main] and side >= 0.1 * max(self._pieces.shape))

    def strokes(self) -> tuple[Mask, str | None, bool]:
        """Return where the strokes are, the doubt about them, and whether they are sure."""
        main = int(self._weights.argmax())
        if self.n == 1:
            kept = self._pieces == 1
            return kept, None, not self._touch[0]
        sides = (self._boxes[:, 2:] - self._boxes[:, :2]).max(axis=1)
        width = line_widths((self._pieces == main + 1)[None].astype(np.float32))[0]
        thin = self._areas < _THIN * width * np.maximum(sides, width)
        thin[main] = False
        underline = thin & (sides > sides[main] / 2)
        near = np.flatnonzero((self._areas >= _SPECK * self._areas[main]) & ~underline)
        boxes = self._boxes[near]
        gap = np.max(
            [boxes[:, None, :2] - boxes[None, :, 2:], boxes[None, :, :2] - boxes[:, None, 2:]],
            axis=(0, 3),
        )
        # what reaches the border may be anything; it is not drawn into the group of what does not
        alike = self._touch[near][:, None] == self._touch[near]
        # a fragment or two may have come off the strokes; more are print or dust, however near
        strewn = thin[near] & (np.count_nonzero(thin) > _FRAGMENTS)
        reach = np.where(strewn, width, _GAP * sides[main])
        close = gap <= np.minimum.outer(reach, reach)
        n, group = connected_components(close & alike, directed=False)
        weights = np.zeros(n)
        middle = np.array(self._pieces.shape) / 2
        for number in range(n):
            members = near[group == number]
            box = self._boxes[members]
            centre = (box[:, :2].min(axis=0) + box[:, 2:].max(axis=0)) / 2
            away = np.abs((centre - middle) / middle).max()
            weights[number] = self._weights[members].sum() * (1 - 0.5 * away)
        first = int(weights.argmax())
        members = near[group == first] + 1
        kept = np.isin(self._pieces, members)
        doubt = None
        if np.any(np.delete(weights, first) > _RIVAL * weights[first]):
            doubt = "there are several things in the picture that may be the strokes"
        touch = self._touch[members - 1].any()
        # as much beside the strokes, and cut off by the border: they may be a part of it
        beside = close[group == first].any(axis=0) & (group != first) & ~thin[near]
        cut_off = self._areas[near[beside]].sum() > _RIVAL * self._areas[members - 1].sum()
        return kept, doubt, not (touch or cut_off)


def _unrepeated(picture: Bytes) -> Bytes:
    """Return a small picture that was enlarged by repeating its pixels, as small as it was."""
    changes = [
        1 + np.flatnonzero(np.diff(turned, axis=0).any(axis=tuple(range(1, picture.ndim))))
        for turned in (picture, picture.swapaxes(0, 1))
    ]
    factor = int(np.gcd.reduce(np.concatenate([*changes, picture.shape[:2]])))
    return picture[::factor, ::factor] if max(picture.shape) <= _SMALL * factor else picture


def _fills(kept: Mask, mask: Mask) -> bool:
    """Return whether lines that are nearly all ink reach across a small picture.

    So it is in scikit-learn's digits, which touch their borders. A larger picture shows what else
    touches its border well enough to be told from strokes.
    """
    small = max(kept.shape) <= _SMALL
    if not small or np.count_nonzero(kept) < _ALL_INK * np.count_nonzero(mask):
        return False
    down, across = (np.flatnonzero(kept.any(axis=axis)) for axis in (1, 0))
    off = [
        abs(int(own[0]) + int(own[-1]) + 1 - length) / length
        for own, length in ((down, kept.shape[0]), (across, kept.shape[1]))
    ]
    side = max(np.ptp(down), np.ptp(across)) + 1
    return bool(max(off) <= _OFF_CENTRE and side >= _ACROSS * max(kept.shape))


def _page(kept: Mask) -> Mask | None:
    """Return the outline of ink that fills most of it and has something in it, or is half of all.

    It is None for other ink.
    """
    box = box_of(kept, 0)
    count = np.count_nonzero(box)
    if count < _SOLID / 2 * box.size or min(box.shape) <= 0.3 * max(box.shape):
        return None  # no convex outline is less than half its box
    within = np.ones(box.shape, bool)
    corners = []
    for turned, inside in ((box, within), (box.T, within.T)):
        lines = np.flatnonzero(turned.any(axis=1))
        first = turned.argmax(axis=1)
        last = turned.shape[1] - turned[:, ::-1].argmax(axis=1)
        if count <= _SOLID * (last - first)[lines].sum():
            return None  # the outline is no less
        along = np.arange(turned.shape[1])
        inside &= (along >= first[:, None]) & (along < last[:, None])
        if turned is box:
            corners = [
                np.column_stack([y, x[lines]]) for y in (lines, lines + 1) for x in (first, last)
            ]
    # a pen's wavy edge has nothing in it
    holes = np.count_nonzero(within & ~box)
    if holes <= _WAVY * count and count < kept.size / 2:
        return None
    if count <= _SOLID * ConvexHull(np.concatenate(corners)).volume:
        return None
    outline = np.zeros(kept.shape, bool)
    top, left = (int(kept.any(axis=axis).argmax()) for axis in (1, 0))
    outline[top : top + box.shape[0], left : left + box.shape[1]] = within
    return outline
