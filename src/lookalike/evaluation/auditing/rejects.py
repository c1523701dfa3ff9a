"""Pictures that can hardly be meant: broken, blank, nearly blank, tiny or odd-shaped ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
RejectKind = Literal["broken", "blank", "nearly blank", "tiny", "odd shape"]

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


def find_rejects(
    images: NDArray[Any],
    paths: Sequence[Path | None] | None,
    sizes: IntArray | None,
    skipped: Sequence[tuple[Path, str]],
) -> list[Reject]:
    """Find the pictures that can hardly be meant.

    Parameters
    ----------
    images : ndarray of shape (n, ...)
    paths : sequence of (Path or None), optional
        Their files.
    sizes : ndarray of shape (n, 2), int64, optional
        Heights and widths of the files, 0 where there is none.
    skipped : sequence of (Path, str)
        Files that could not be read, and why.

    Returns
    -------
    list of Reject
        Broken ones first, then in the order of the rows, each once.

    Examples
    --------
    >>> images = np.zeros((2, 4, 4), dtype=np.uint8)
    >>> images[0, :2] = 255
    >>> [(reject.row, reject.kind) for reject in find_rejects(images, None, None, ())]
    [(1, 'blank')]
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
    n = len(images)
    rows = images.reshape(n, -1)
    even = _EVEN * (float(rows.max()) - float(rows.min()))
    batch = max(1, _BATCH_BYTES // (8 * rows.shape[1]))
    for start in range(0, n, batch):
        some = rows[start : start + batch].astype(np.float64)
        spans = some.max(axis=1) - some.min(axis=1)
        usual = np.median(some, axis=1, keepdims=True)
        seen = (np.abs(some - usual) > even).mean(axis=1)
        for row in np.flatnonzero((spans == 0) | (seen < _LEAST_SEEN)).tolist():
            if spans[row] == 0:
                yield start + row, ("blank", "all its pixels are the same")
            else:
                told = f"{seen[row]:.2%} of its values differ from the ground by more than a tenth"
                yield start + row, ("nearly blank", told)


def _odd(sizes: IntArray) -> Iterator[tuple[int, tuple[RejectKind, str]]]:
    rows = np.flatnonzero(sizes.min(axis=1) > 0)
    if len(rows) < 3:
        return
    height, width = sizes[rows].T
    sides = np.log(np.minimum(height, width))
    shapes = np.log(height / width)
    least = np.median(sides) - _limit(sides, _TIMES_SMALLER)
    usual, most = np.median(shapes), _limit(shapes, _TIMES_LONGER)
    for row, h, w, side, shape in zip(rows.tolist(), height, width, sides, shapes, strict=True):
        if side < least:
            yield (
                row,
                ("tiny", f"{h} × {w} pixels, usual are {np.exp(np.median(sides)):.0f} a side"),
            )
        elif abs(shape - usual) > most:
            yield row, ("odd shape", f"{h} × {w} pixels, high × wide")


def _limit(values: NDArray[np.float64], factor: float) -> float:
    """Return how far from the median a logarithm may lie: that factor, more where many do."""
    spread = float(np.median(np.abs(values - np.median(values)))) / _NORMAL
    return max(float(np.log(factor)), _DEVIATIONS * spread)
