"""Choice of the bytes by which an index bounds Manhattan distances.

The native index (see ``src/core/manhattan.hpp``) bounds a distance by the differences of sums over
groups of coordinates, in bytes. Answers are exact with any groups. Coordinates that rise and fall
together lose little in a sum, as neighbouring pixels do: fewer bytes then reject nearly as many
rows. Groups are joined in pairs as long as a sample of the rows tells that it pays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from lookalike import _core
from lookalike.search.dtypes import to_native
from lookalike.search.projection import most_on_disk

Floats = NDArray[np.float64]
Groups = list[NDArray[np.int32]]

# The native codes of a row have at most this many bytes.
MOST_CODED = 2**21
# Size of the sample: this many rows, fewer if they are wide, but never too few. Fewer tell ranges.
SAMPLE_ROWS, SAMPLE_VALUES, FEWEST_SAMPLE_ROWS = 512, 2**20, 128
PLAIN_ROWS, PLAIN_VALUES, FEWEST_PLAIN_ROWS = 128, 2**17, 64
SAMPLE_QUERIES = 16
# Rows whose values span so many times the span of the median row do not count for the ranges.
FAR = 4.0
LEVELS = 255
FEW = 16  # nearest rows that tell the intrinsic dimension
# One step is for all groups. It is the smallest for which this many bytes hold a group on average.
MOST_BYTES = 1.25
STEPS = 2.0 ** -np.arange(0, 8, 0.5)
SMALLEST_STEP = 1e-290  # its inverse is finite
# Wider rows are joined with their neighbours, because that takes no matrix of all pairs.
MOST_MATCHED = 2048
# Nanoseconds of a byte of the filter, and of an exact distance and each byte of its rows.
BYTE, EXACT, EXACT_BYTE = 0.006, 150.0, 0.1
# The same of a distance whose row is read from disk, among many that are asked for at once.
ON_DISK = 4e4


def choose_coding(
    rows: NDArray[Any], *, n_neighbors: int = 1, grouped: bool = True, on_disk: bool = False
) -> _core.ManhattanCoding | None:
    """Choose the bytes for searches of `n_neighbors` rows, or None if they would be too many.

    Without ``grouped``, each coordinate is a group of its own, which takes less time to choose. Of
    rows on disk there are only as many bytes as fit in memory, or those of the fewest groups.
    """
    n, d = rows.shape
    if d * MOST_BYTES > MOST_CODED:
        return None
    size = min(n, SAMPLE_ROWS, max(FEWEST_SAMPLE_ROWS, SAMPLE_VALUES // d))
    if not grouped:
        size = min(n, PLAIN_ROWS, max(FEWEST_PLAIN_ROWS, PLAIN_VALUES // d))
    drawn = np.random.default_rng(0).choice(n, size, replace=False)
    sample = to_native(rows[np.sort(drawn)])
    whole = rows.dtype.kind in "iu"
    groups: Groups = list(np.arange(d, dtype=np.int32)[:, None])
    levels = Levels(sample, whole)
    if grouped and size > SAMPLE_QUERIES:
        exact = (ON_DISK if on_disk else EXACT) + EXACT_BYTE * d * rows.dtype.itemsize
        most = most_on_disk(n) if on_disk else MOST_CODED
        sample = sample.astype(np.float64)
        groups, levels = _join(sample, groups, levels, n_neighbors / n, exact, whole, most)
    return native_coding(
        np.concatenate(groups),
        np.cumsum([len(group) for group in groups], dtype=np.int32),
        levels.lows,
        levels.n_bytes,
        step=levels.step,
    )


def native_coding(*args: Any, **options: Any) -> _core.ManhattanCoding:
    """Return a native coding, with the arguments that make it again."""
    coding = _core.ManhattanCoding(*args, **options)
    coding.arguments = args, options  # type: ignore[attr-defined]
    return coding


class Levels:
    """The step of all groups, their lowest sums and numbers of bytes, for the sums of a sample.

    Parameters
    ----------
    sums : ndarray of shape (n_sample, n_groups)
    whole : bool
        Whether the sums are integers: a step less than 1 gains nothing.
    """

    def __init__(self, sums: NDArray[Any], whole: bool) -> None:
        spans = sums.max(axis=1).astype(np.float64) - sums.min(axis=1)
        is_far = spans > FAR * np.median(spans)
        usual = sums[~is_far] if is_far.any() else sums
        self.lows = usual.min(axis=0).astype(np.float64)
        ranges = usual.max(axis=0) - self.lows
        most = float(ranges.max()) / LEVELS
        steps = np.maximum(most * STEPS, 1.0 if whole else SMALLEST_STEP)
        needed = [np.ceil(ranges / (LEVELS * step) - 1e-9) for step in steps]
        n_bytes = [np.maximum(one, 1).astype(np.int32) for one in needed]
        best = max(i for i, one in enumerate(n_bytes) if i == 0 or one.mean() <= MOST_BYTES)
        self.step, self.n_bytes = float(steps[best]), n_bytes[best]

    @property
    def width(self) -> int:
        """Bytes of a row."""
        return int(self.n_bytes.sum())

    def bounds(self, queries: Floats, sums: Floats) -> Floats:
        """Return lower bounds of the distances of the queries' sums and of those of the rows."""
        (q, q_errors), (x, x_errors) = self._rounded(queries), self._rounded(sums)
        bounds: Floats = (cdist(q, x, "cityblock") - q_errors[:, None] - x_errors) * self.step
        return bounds

    def _rounded(self, sums: Floats) -> tuple[Floats, Floats]:
        highs = self.lows + LEVELS * self.step * self.n_bytes
        exact = (np.clip(sums, self.lows, highs) - self.lows) / self.step
        levels = np.rint(exact)
        return levels, np.abs(levels - exact).sum(axis=1)


def _join(
    sample: Floats,
    groups: Groups,
    levels: Levels,
    share: float,
    exact: float,
    whole: bool,
    most: int,
) -> tuple[Groups, Levels]:
    """Join groups in pairs as long as that pays, or there are more than ``most`` bytes.

    ``share`` of all rows are neighbours, and an exact distance takes ``exact`` nanoseconds.
    """
    queries, others = np.split(sample, [SAMPLE_QUERIES])
    radii = _radii(cdist(queries, others, "cityblock"), share)

    def cost(levels: Levels, sums: Floats) -> float:
        bounds = levels.bounds(sums[:SAMPLE_QUERIES], sums[SAMPLE_QUERIES:])
        return BYTE * levels.width + exact * float((bounds <= radii).mean())

    sums, least = sample, cost(levels, sample)
    while len(groups) > 8:
        first, second, left = _pairs(sums)
        sums = np.concatenate([sums[:, first] + sums[:, second], sums[:, left]], axis=1)
        joined = [
            np.concatenate([groups[i], groups[j]]) for i, j in zip(first, second, strict=True)
        ]
        joined += [groups[i] for i in left]
        coarser = Levels(sums, whole)
        now = cost(coarser, sums)
        if now >= least and levels.width <= most:
            break
        groups, levels, least = joined, coarser, now
    return groups, levels


def _radii(distances: Floats, share: float) -> Floats:
    """Estimate the distance within which each query has such a share of all rows.

    It is less than the nearest in a small sample: the number of rows within a radius grows with a
    power m of it, the intrinsic dimension. The logarithms of the distances of the first and the
    f-th nearest differ by (1 + 1/2 + ... + 1/(f - 1)) / m on average.
    """
    n_rows = distances.shape[1]
    wanted, near = share * n_rows, np.sort(distances, axis=1)
    if wanted >= 1:
        return near[:, min(int(wanted), n_rows - 1), None]
    known = near[:, 0] > 0
    few = min(FEW, n_rows)
    growth = np.log(near[known, few - 1] / near[known, 0]).mean() if known.any() else 0.0
    power = growth / (1 / np.arange(1, max(few, 2))).sum()
    radii: Floats = near[:, :1] * wanted**power
    return radii


def _pairs(sums: Floats) -> tuple[list[int], list[int], list[int]]:
    """Return pairs of columns that correlate, and the columns without a partner."""
    n = sums.shape[1]
    if n > MOST_MATCHED:
        return list(range(0, n - 1, 2)), list(range(1, n, 2)), [n - 1] * (n % 2)
    centred = (sums - sums.mean(axis=0)).astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->j", centred, centred))
    centred /= np.maximum(lengths, np.finfo(np.float32).tiny)
    likeness = centred.T @ centred
    np.fill_diagonal(likeness, -np.inf)
    first: list[int] = []
    second: list[int] = []
    free = np.ones(n, dtype=bool)
    for i in np.argsort(-lengths, kind="stable"):
        if not free[i] or np.count_nonzero(free) == 1:
            continue
        free[i] = False
        likeness[:, i] = -np.inf
        j = int(likeness[i].argmax())
        free[j] = False
        likeness[:, j] = -np.inf
        first.append(int(i))
        second.append(j)
    return first, second, list(np.flatnonzero(free))
