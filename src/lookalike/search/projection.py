"""Choice of the projection by which an index computes lower bounds of distances.

The native index (see ``src/core/bounds.hpp``) bounds distances by a few projected coordinates.
Answers are exact with any projection; a good one rejects more rows. It is chosen from a sample
of the rows, deterministically.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from lookalike import _core
from lookalike.search.machine import available_bytes

Floats = NDArray[np.float32]

# With fewer rows an exhaustive search takes less time than the choice.
SMALLEST = 512
# Size of the sample: this many rows, fewer if they are wide, but never too few.
SAMPLE_ROWS, SAMPLE_VALUES, FEWEST_SAMPLE_ROWS = 1024, 2**22, 256
SAMPLE_QUERIES = 64
# Shares of pairs are estimated from this part of the rows, if that is more: the fewer rows are left
# out, the less is extrapolated.
SHARES_PART, MOST_SHARES_ROWS, SHARES_VALUES = 64, 2**14, 2**24
MOST_AXES = 128
# The native filter takes at most this many fine coordinates.
MOST_FINE = 2**16
# Squared levels of a row may have this sum; the filter never rejects a row with a greater one.
MOST_SQUARES = 120_000_000
FINE_WIDTHS = (16, 24, 32, 40, 48, 56, 64, 80)
COARSE_WIDTHS = (64, 96, MOST_AXES)
# Wider rows are projected as floats: sums of their products would exceed 32 bits.
MOST_BYTES = 2**20


class Widths(NamedTuple):
    """Number of coordinates of each bound.

    The filter has ``fine`` ones: if they are as many as the values of a row, they are these values,
    unprojected. The coarse bound includes them; there is none if both numbers are equal. ``wide``
    tells whether a bound of all coordinates follows.
    """

    fine: int
    coarse: int
    wide: bool


class Unprojected(NamedTuple):
    """The step of all coordinates, and the signs of the rotation before it, if there is one."""

    step: float
    signs: Floats | None


class Costs(NamedTuple):
    """Costs of a pair of rows, in units of one coordinate in the filter.

    A coarse bound or an exact distance fetches its row from memory (a fixed cost), then processes
    its values. Groups of the wide bound are fetched too, each for many queries. Where bytes leave
    too many rows, the native search takes products of words: they leave hardly more than it wants.
    """

    coarse_fetch: float
    coarse_coordinate: float
    exact_fetch: float
    exact_value: float
    wide_coordinate: float
    product: float
    product_value: float


# Measured on MNIST. They differ because the unit does: 4 ps with VNNI, 14 ps with AVX2.
# Units of a coordinate to read a row from disk among many that are asked for at once: 0.04 ms.
ON_DISK = 1e7
# The index of rows on disk must stay in memory. It takes at most this part of what is free, and as
# much again while it is built.
INDEX_PART = 0.25
SLOW_FILTER = Costs(4500, 6, 8000, 6, 0.02, 40, 1.2)
COSTS = {"avx512vnni": Costs(9000, 15, 12000, 33, 0.05, 125, 2.1)}
# The native projection processes whole groups of this many columns.
COLUMN_STEP = 32
# The wide bound processes all rows of a group if the filter leaves one of them. Remaining rows
# cluster, more so if they are many: on MNIST, with and without noise, a share s of all pairs lies
# in about this number times the square root of s of the groups.
WIDE_GROUPS = 1.1
# It also needs a byte of memory for each value: it must make a search this many times faster.
WIDE_GAIN = 2
# It pays where there is noise, which hides the lesser axes from a small sample: take this many
# times the rows.
WIDE_SAMPLES = 4
# Coordinates of all rows reach farther than those of a sample by about this factor; bytes do not.
HEADROOM = 1.1
# Rows with a value this many times the usual largest one are left out of a sample.
FAR = 1000
# Approximate share that quantisation adds to the radius.
LOOSENESS = 0.1


@cache
def _blas() -> ThreadpoolController:
    """Return the libraries' thread pools; finding them takes half as long as a choice."""
    return ThreadpoolController()


def choose_projection(
    rows: NDArray[Any],
    metric: str,
    cpu_path: str,
    *,
    n_neighbors: int = 1,
    shifted: bool = False,
    on_disk: bool = False,
) -> _core.Projection | None:
    """Choose a projection for searches of `n_neighbors` rows, or None if none pays.

    The CPU path of the index determines the costs; an index with shifts has no wide bound. Nor has
    one of rows on disk, and only as many coordinates as fit in memory.
    Few rows do not need one. Manhattan distances have bounds of their own (``coding.py``).
    """
    n, d = rows.shape
    if n < SMALLEST:
        return None
    rng = np.random.default_rng(0)
    size = min(n, SAMPLE_ROWS, max(FEWEST_SAMPLE_ROWS, SAMPLE_VALUES // d))
    mean, centred, of_bytes = centred_sample(rows, size, metric, rng)
    if centred is None:
        return None
    size = len(centred)
    largest = float(np.abs(centred).max())
    # A sample is too small for several threads: on a busy machine they would wait for each other
    # much longer than the work takes.
    with _blas().limit(limits=1, user_api="blas"):
        some = rng.standard_normal((d, min(MOST_AXES, size // 4, d)), dtype=np.float32)
        axes = principal_axes(centred, some)
        costs = COSTS.get(cpu_path, SLOW_FILTER)
        most = None
        if on_disk:
            costs = costs._replace(exact_fetch=ON_DISK)
            most = most_on_disk(n)
        unprojected = quantise_all(centred, rng, of_bytes)
        seen = min(n // SHARES_PART, MOST_SHARES_ROWS, SHARES_VALUES // d)
        many = centred
        if seen > size:
            many = clipped(draw_rows(rows, seen, metric, rng) - mean, largest)
        widths = choose_widths(
            many, axes, unprojected, n, n_neighbors, costs, shifted or on_disk, most
        )
        if widths is None:
            return None
        if widths.wide:
            more = draw_rows(rows, min(n, WIDE_SAMPLES * size), metric, rng) - mean
            axes = principal_axes(clipped(more, largest), axes, rounds=1)
        return make_projection(centred, mean, axes, widths, unprojected, rng, of_bytes)


def without_projection(rows: NDArray[Any], metric: str) -> _core.Projection | None:
    """Return the filter of all values of rows, without a choice; None if floats cannot do it."""
    rng = np.random.default_rng(0)
    size = min(len(rows), SAMPLE_ROWS)
    mean, centred, of_bytes = centred_sample(rows, size, metric, rng)
    if centred is None:
        return None
    return of_all_values(mean, quantise_all(centred, rng, of_bytes))


def most_on_disk(n: int) -> int:
    """Return how many bytes an index of n rows on disk may have for each, to stay in memory."""
    return int(INDEX_PART * (available_bytes() or 0)) // n


def native_projection(*args: Any, **options: Any) -> _core.Projection:
    """Return a native projection, with the arguments that make it again."""
    projection = _core.Projection(*args, **options)
    projection.arguments = args, options  # type: ignore[attr-defined]
    return projection


def of_all_values(mean: Floats, unprojected: Unprojected) -> _core.Projection:
    """Return the filter of all values of rows in this step, rotated or not."""
    step, signs, d = *unprojected, len(mean)
    return native_projection(mean, None, None, fine=d, columns=d, fine_scale=step, signs=signs)


def centred_sample(
    rows: NDArray[Any], size: int, metric: str, rng: np.random.Generator
) -> tuple[Floats, Floats | None, bool]:
    """Return the mean of a sample, the sample less the mean, and whether sums of it are exact.

    The sample is None if its squares leave the range of float32, or if all its rows are alike.
    """
    of_bytes = rows.dtype in (np.uint8, np.int8) and metric == "sqeuclidean"
    of_bytes &= rows.shape[1] < MOST_BYTES
    sample = without_far(draw_rows(rows, size, metric, rng))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = sample.mean(axis=0).astype(np.float32)
        if of_bytes:
            mean = np.rint(mean)
        centred = (sample - mean).astype(np.float32, copy=False)
        largest = max(float(centred.max()), -float(centred.min()))
    return mean, centred if 1e-15 < largest < 1e15 else None, of_bytes


def without_far(sample: NDArray[Any]) -> NDArray[Any]:
    """Leave out the rows far beyond most: they would make the steps of all others coarse.

    The native index never rejects rows farther out than the sample; it compares them exactly.
    """
    sizes = np.abs(sample).max(axis=1)
    usual = np.median(sizes[sizes > 0]) if sizes.any() else 0.0
    kept: NDArray[Any] = sample[sizes <= FAR * usual]
    return kept


def clipped(centred: NDArray[Any], largest: float) -> Floats:
    """Limit values to those of the sample: outliers must not overflow floats nor dominate axes."""
    values: Floats = np.clip(centred, -largest, largest).astype(np.float32, copy=False)
    return values


def draw_rows(rows: NDArray[Any], size: int, metric: str, rng: np.random.Generator) -> NDArray[Any]:
    """Draw rows as the native projection sees them: as floats, with unit length for cosine."""
    drawn = rows[np.sort(rng.choice(len(rows), size, replace=False, shuffle=False))]
    sample: NDArray[Any] = drawn.astype(
        np.float64 if rows.dtype == np.float64 else np.float32, copy=False
    )
    if metric == "cosine":
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.linalg.norm(sample, axis=1, keepdims=True)
            sample /= np.where(lengths > 0, lengths, 1)
    return sample


def principal_axes(centred: Floats, axes: Floats, rounds: int = 2) -> Floats:
    """Return the leading principal axes of centred rows by subspace iteration.

    It starts from any axes of shape (d, n_axes). The axes need not be accurate, only nearly
    orthonormal; two rounds are accurate enough (Halko, Martinsson & Tropp, SIAM Review 2011,
    algorithm 4.4). The most important axis comes first.
    """
    for _ in range(rounds):
        axes = orthonormal(centred.T @ (centred @ axes))
    projected = centred @ axes
    _, rotation = np.linalg.eigh(projected.T @ projected)
    principal: Floats = axes @ rotation[:, ::-1]
    return principal


def orthonormal(columns: Floats) -> Floats:
    """Return orthonormal columns of the same span, by eigenvectors: faster than by QR.

    Directions that were lost to rounding come out shorter.
    """
    exact = columns.astype(np.float64)
    squares, directions = np.linalg.eigh(exact.T @ exact)
    lengths = np.sqrt(np.maximum(squares, squares[-1] * 1e-12) + 1e-300)
    orthonormal: Floats = (exact @ (directions / lengths)).astype(np.float32)
    return orthonormal


def quantise_all(centred: Floats, rng: np.random.Generator, of_bytes: bool) -> Unprojected:
    """Choose the step of all coordinates, which are rotated if that makes it clearly smaller.

    It does where a few coordinates are much larger than the others. Rows farther out than the
    sample must not be clipped, nor must the sum of their squared levels be too large.
    """
    signs = rng.choice(np.array([-1, 1], np.float32), centred.shape[1])
    plain = step_of(centred) * (1 if of_bytes else HEADROOM)
    rotated = step_of(_core.rotated(centred, signs)) * HEADROOM
    least = float(np.sqrt(squared_norms(centred).max() / MOST_SQUARES))
    if rotated < 0.8 * plain:
        return Unprojected(max(rotated, least), signs)
    return Unprojected(max(plain, least), None)


def choose_widths(
    centred: Floats,
    axes: Floats,
    unprojected: Unprojected,
    n_rows: int,
    n_neighbors: int,
    costs: Costs,
    no_wide: bool,
    most: int | None = None,
) -> Widths | None:
    """Choose the bounds and their numbers of coordinates, or None if no bound pays.

    With `most` they have at most so many coordinates together, or those of the smallest bound.

    A few rows of the sample serve as queries. The cost is the share of rows that pass each bound at
    the distance of the last neighbour, times the cost of a pair at each stage. The k-th nearest of
    all rows is about as far as the nearest of one in k of them. If these are more than the sample,
    the distance is extrapolated from how it shrinks from an eighth of the sample to the whole.
    """
    n, d = centred.shape
    queries = centred[:: max(1, n // SAMPLE_QUERIES)][:SAMPLE_QUERIES]
    squares, query_squares = squared_norms(centred), squared_norms(queries)
    distances = squared_distances(queries, centred)
    np.put_along_axis(distances, distances.argmin(axis=1)[:, None], np.inf, axis=1)  # itself
    rank = min(n * n_neighbors // n_rows, n - 2)
    radii = np.partition(distances, rank, axis=1)[:, rank]
    if not rank:
        shrinks = float(np.median(radii / np.maximum(distances[:, ::8].min(axis=1), 1e-30)))
        radii *= min(1.0, shrinks) ** (max(0.0, np.log(n_rows / n_neighbors / n)) / np.log(8))

    rows_on, queries_on = centred @ axes, queries @ axes
    shares: dict[int, float] = {}
    if d <= MOST_FINE:
        # A row's error and the query's, both of rounding to whole steps.
        reach = np.sqrt(radii) + 2 * unprojected.step * np.sqrt(d / 12)
        shares[d] = float(np.mean(distances <= reach[:, None] ** 2))
    for width in {*FINE_WIDTHS, *COARSE_WIDTHS}:
        if 4 < width < min(d, axes.shape[1] + 2):
            bounds = residual_bounds(queries_on, rows_on, query_squares, squares, width - 1)
            shares[width] = float(np.mean(bounds <= radii[:, None] * (1 + LOOSENESS) ** 2))

    exact: float = costs.exact_fetch + costs.exact_value * d

    def cost(widths: Widths) -> float:
        fine, coarse, wide = widths
        if wide:
            groups = min(1.0, WIDE_GROUPS * float(np.sqrt(shares[fine])))
            bound = (groups + costs.wide_coordinate) * d
            return float(WIDE_GAIN * (fine + bound + shares[d] * exact))
        if fine == coarse == d and not no_wide:
            product = costs.product + costs.product_value * d + n_neighbors / n_rows * exact
            return float(min(fine + shares[fine] * exact, product))
        if fine == coarse:
            return fine + shares[fine] * exact
        bound = costs.coarse_fetch + costs.coarse_coordinate * coarse
        return fine + shares[fine] * bound + shares[coarse] * exact

    pairs = [(fine, coarse) for fine in shares for coarse in shares if fine <= coarse]
    choices = [Widths(fine, coarse, False) for fine, coarse in pairs if coarse < d or fine == d]
    if d in shares and not no_wide:
        choices += [Widths(fine, fine, True) for fine in shares if fine < d]
    if most is not None:
        least = min((fine + coarse for fine, coarse, _ in choices), default=0)
        choices = [own for own in choices if own.fine + own.coarse <= max(most, least)]
    best = min(choices, key=cost, default=None)
    return best if best is not None and cost(best) < exact else None


def squared_norms(rows: Floats) -> Floats:
    """Return the squared Euclidean norms of rows, shape (n,)."""
    norms: Floats = np.einsum("ij,ij->i", rows, rows)
    return norms


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Return squared Euclidean distances from norms and products, never negative."""
    sums = squared_norms(a)[:, None] + squared_norms(b)
    squares: Floats = np.maximum(sums - 2 * (a @ b.T), 0)
    return squares


def residual_norms(projected: Floats, squares: Floats) -> Floats:
    """Return the residual norms, shape (n, 1), from coordinates and squared norms."""
    norms: Floats = np.sqrt(np.maximum(squares - squared_norms(projected), 0))[:, None]
    return norms


def residual_bounds(
    a: Floats, b: Floats, a_squares: Floats, b_squares: Floats, width: int
) -> Floats:
    """Return lower bounds of squared distances from `width` coordinates and the residual norm."""
    a, b = a[:, :width], b[:, :width]
    rests = residual_norms(a, a_squares) - residual_norms(b, b_squares).T
    bounds: Floats = squared_distances(a, b) + rests**2
    return bounds


def make_projection(
    centred: Floats,
    mean: Floats,
    axes: Floats,
    widths: Widths,
    unprojected: Unprojected,
    rng: np.random.Generator,
    of_bytes: bool,
) -> _core.Projection:
    """Rotate the axes so that one step quantises all coordinates well, and fit the steps.

    A bound has one coordinate more than axes. A random rotation mixes the axes and the residual
    norm, which takes the remaining dimension, into coordinates of similar size.
    """
    d = centred.shape[1]
    fine, coarse, wide = widths
    if fine == d:
        return of_all_values(mean, unprojected)
    blocks, residual = [], np.zeros(coarse, dtype=np.float32)
    for start, stop in ((0, fine), (fine, coarse)):
        size = stop - start
        if size == 0:
            continue
        rotation = np.linalg.qr(rng.standard_normal((size, size)))[0].astype(np.float32)
        first = start - (start > 0)  # the fine block took one axis fewer than it has coordinates
        blocks.append(axes[:, first : first + size - 1] @ rotation[:-1])
        residual[start:stop] = rotation[-1]
    basis = np.concatenate(blocks, axis=1).astype(np.float64)
    if of_bytes:
        integers, steps = whole_steps(basis)
        basis = integers * steps
    # The bound needs a spectral norm of at most 1, in spite of rounding.
    shrink = (1 - 1e-6) / np.sqrt(max(1.0, np.linalg.eigvalsh(basis.T @ basis)[-1]))
    basis = (basis * shrink).astype(np.float32)

    projected = centred @ basis
    squares = squared_norms(centred)
    head, tail = projected[:, :fine], projected[:, fine:]
    after_fine, after_all = residual_norms(head, squares), residual_norms(projected, squares)
    # The residual norm less its mean takes less of the range that a step has to cover.
    fine_mean, all_mean = after_fine.mean(), after_all.mean()
    fine_z = head + (after_fine - fine_mean) * residual[:fine]
    tail_z = tail + (after_all - all_mean) * residual[fine:]
    padding = ((0, 0), (0, -coarse % COLUMN_STEP))
    return native_projection(
        mean,
        None if of_bytes else np.pad(basis, padding),
        residual,
        fine=fine,
        columns=coarse,
        fine_scale=step_of(fine_z),
        coarse_scale0=step_of(head),
        coarse_scale1=step_of(tail_z) if coarse > fine else 1.0,
        residual_mean0=float(fine_mean),
        residual_mean1=float(all_mean),
        integer_basis=np.pad(integers, padding) if of_bytes else None,
        steps=np.pad((steps * shrink).astype(np.float32), padding[1]) if of_bytes else None,
        wide_scale=step_of(centred) if wide else 0.0,
    )


def whole_steps(basis: NDArray[np.float64]) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Round a basis to 16-bit integers times one step per column, as fine as 32-bit sums allow.

    A sum of products with bytes (or with a row of bytes less the mean) is at most 255 times the
    sum of the magnitudes of a column.
    """
    sizes = np.abs(basis)
    most = np.iinfo(np.int32).max / 255 - len(basis)  # each entry may be rounded up
    steps = np.maximum(sizes.max(axis=0) / np.iinfo(np.int16).max, sizes.sum(axis=0) / most)
    steps = np.maximum(steps, np.finfo(np.float32).tiny)
    return np.rint(basis / steps).astype(np.int16), steps


def step_of(coordinates: Floats) -> float:
    """Return the int8 step that just fits the sample. Rows farther out are never rejected."""
    return max(float(np.abs(coordinates).max()), 1e-30) / 127
