"""Images that may not belong in the data: outliers, and pictures that can hardly be meant.

Outliers are images whose k-th neighbour is unusually far [1]_. The usual distance is given by the
median of the distances' logarithms, and by their spread above: the median of what exceeds it,
scaled to the standard deviation of a normal distribution [2]_. The spread below says nothing here,
and neither is moved by the outliers themselves.

Rejects are files that are broken, and pictures that are blank, nearly blank, tiny or odd-shaped.

References
----------
.. [1] Ramaswamy, Rastogi, Shim, "Efficient algorithms for mining outliers from large data sets",
   Proceedings of the ACM SIGMOD, 2000.
.. [2] Iglewicz, Hoaglin, "How to detect and handle outliers", ASQC Quality Press, 1993; Rousseeuw,
   Croux, "Alternatives to the median absolute deviation", Journal of the American Statistical
   Association 88, 1993 (the factor, and the advice for skewed data).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from lookalike.array_types import FloatArray, IntArray

RejectKind = Literal["broken", "blank", "nearly blank", "tiny", "odd shape"]

THRESHOLD = 3.0
"""Standard deviations above the median: 1.3 of 1,000 if the logarithms were normal."""

_EVEN = 0.1  # of the brightness of all pictures: differences that are no drawing
_LEAST_SEEN = 0.005  # of a picture's pixels; the thinnest of MNIST's ones have ten times as much
_TIMES_SMALLER = 4.0  # than the usual picture's smaller side
_TIMES_LONGER = 3.0  # than usual, for its height or its width
_DEVIATIONS = 4.0
_NORMAL = 0.6745  # the median deviation of a normal distribution of standard deviation 1
_BATCH_BYTES = 1 << 24


@dataclass(frozen=True)
class Reject:
    """A picture that can hardly be meant.

    Attributes
    ----------
    kind : {"broken", "blank", "nearly blank", "tiny", "odd shape"}
    row : int or None
        The row among the audited pictures; None for a file that could not be read.
    path : Path or None
        Its file.
    reason : str
    """

    kind: RejectKind
    row: int | None
    path: Path | None
    reason: str


def find_outliers(distances: FloatArray) -> tuple[IntArray, float]:
    """Return the images whose k-th neighbour is unusually far, the farthest first, and the cutoff.

    An image is an outlier if its distance to its k-th leave-one-out neighbour is more than the
    cutoff. This is NaN, with no outlier, where at least half of the images have k copies, which
    leaves no usual distance.
    """
    middle = np.median(distances)
    if middle == 0:
        return np.empty(0, dtype=np.int64), float("nan")
    excess = np.log(distances[distances > middle] / middle)
    spread = np.median(excess) / norm.ppf(0.75) if len(excess) else 0.0
    cutoff = float(middle * np.exp(THRESHOLD * spread))
    rows = np.flatnonzero(distances > cutoff)
    return rows[np.argsort(-distances[rows], kind="stable")], cutoff


def find_rejects(
    images: NDArray[Any],
    paths: Sequence[Path | None] | None,
    sizes: IntArray | None,
    skipped: Sequence[tuple[Path, str]],
) -> list[Reject]:
    """Return the pictures that can hardly be meant: broken ones first, then by row, each once.

    ``sizes`` are heights and widths of the files ``paths``, 0 where there is none. ``skipped`` are
    files that could not be read, and why.
    """
    found = dict(_blank(images))
    if sizes is not None:
        found = dict(_odd(sizes)) | found
    return [
        *(Reject("broken", None, path, reason) for path, reason in skipped),
        *(
            Reject(kind, row, None if paths is None else paths[row], reason)
            for row, (kind, reason) in sorted(found.items())
        ),
    ]


def read_sizes(paths: Sequence[Path | None]) -> IntArray:
    """Return height and width of image files by their headers, 0 where there is none to read."""
    from PIL import Image

    sizes = np.zeros((len(paths), 2), dtype=np.int64)
    for row, path in enumerate(paths):
        if path is None:
            continue
        try:
            with path.open("rb") as stream, Image.open(stream) as image:
                sizes[row] = image.height, image.width
        except Exception:  # the reader of pictures has said already what is wrong with it
            continue
    return sizes


def _blank(images: NDArray[Any]) -> Iterator[tuple[int, tuple[RejectKind, str]]]:
    rows = images.reshape(len(images), -1)
    even = _EVEN * (float(rows.max()) - float(rows.min()))
    batch = max(1, _BATCH_BYTES // (8 * rows.shape[1]))
    for start in range(0, len(rows), batch):
        some = rows[start : start + batch].astype(np.float64)
        spans = some.max(axis=1) - some.min(axis=1)
        usual = np.median(some, axis=1, keepdims=True)
        seen = (np.abs(some - usual) > even).mean(axis=1)
        for row in np.flatnonzero((spans == 0) | (seen < _LEAST_SEEN)).tolist():
            if spans[row] == 0:
                yield start + row, ("blank", "all its pixels are the same")
            else:
                share = f"{seen[row]:.2%}"
                reason = f"{share} of its values differ from the ground by more than a tenth"
                yield start + row, ("nearly blank", reason)


def _odd(sizes: IntArray) -> Iterator[tuple[int, tuple[RejectKind, str]]]:
    rows = np.flatnonzero(sizes.min(axis=1) > 0)
    if len(rows) < 3:
        return
    height, width = sizes[rows].T
    sides = np.log(np.minimum(height, width))
    shapes = np.log(height / width)
    usual_side, least = np.median(sides), np.median(sides) - _limit(sides, _TIMES_SMALLER)
    usual, most = np.median(shapes), _limit(shapes, _TIMES_LONGER)
    for row, h, w, side, shape in zip(rows.tolist(), height, width, sides, shapes, strict=True):
        if side < least:
            usual_pixels = f"usual are {np.exp(usual_side):.0f} a side"
            yield row, ("tiny", f"{h} × {w} pixels, {usual_pixels}")
        elif abs(shape - usual) > most:
            yield row, ("odd shape", f"{h} × {w} pixels, high × wide")


def _limit(values: FloatArray, factor: float) -> float:
    """Return how far from the median a logarithm may lie: that factor, more where many do."""
    spread = float(np.median(np.abs(values - np.median(values)))) / _NORMAL
    return max(float(np.log(factor)), _DEVIATIONS * spread)
