"""Estimate of the memory that the choice of a recipe and the final fit take."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lookalike.matching.axes import CHUNK_VALUES, SAMPLE, WIDE_SAMPLE
from lookalike.matching.choosing import CHUNK, KEPT_VALUES, growths_of, readings_of
from lookalike.matching.features import count_features, with_colours
from lookalike.matching.growing import growth_factor
from lookalike.matching.levels import working_sides
from lookalike.matching.plans import Plan, plan_of
from lookalike.search.machine import available_bytes
from lookalike.search.validation import count_bytes

_REST = 16 * 2**20
"""Memory that does not grow with the number of images."""

_COPIES = 3
"""Copies of the images in memory during growing and comparing, besides grey ones."""

_COORDINATES = 16
"""Bytes per coordinate of a training image: two floats, one byte, and the search's."""


def needed_bytes(
    plan: Plan, n: int, image_shape: Sequence[int], n_classes: int, dtype: DTypeLike, n_threads: int
) -> int:
    """Return approximately the peak memory of a fit, without the given images.

    Parameters
    ----------
    plan : Plan
    n : int
        Number of images.
    image_shape : sequence of int
        (height, width) or (height, width, channels).
    n_classes : int
    dtype : dtype
        Dtype of the images.
    n_threads : int
    """
    height, width, n_channels = (*image_shape, 1)[:3]
    sides = working_sides((height, width), plan.longest_side)
    n_pixels = sides[0] * sides[1]
    needed = _REST
    if np.dtype(dtype) != np.uint8:
        needed += n * height * width * n_channels
    if sides != (height, width):
        needed += n * n_pixels * n_channels

    n_grown = n * max([1, *map(growth_factor, growths_of(plan, n))])
    needed += n_grown * (n_pixels * (_COPIES * n_channels + 1) + _COORDINATES * plan.n_components)

    shape = (*sides, n_channels)
    names = {one.features for one in plan.recipes}
    if n_channels >= 3:
        names = {with_colours(name) for name in names}
    d = max(count_features(name, shape) for name in names)
    n_used = min(n_grown, WIDE_SAMPLE if d > WIDE_SAMPLE else SAMPLE)
    values = 4 * n_used * d if d > n_used else 0
    needed += max(2 * values, n_threads * 12 * CHUNK_VALUES) + 16 * min(d, n_used) ** 2

    k, queries = min(plan.n_neighbors, n_grown), min(n, CHUNK)
    readings = [one for stage in readings_of(plan) for one in stage]
    needed += queries * 16 * (k * (1 + len({one.scaling for one in readings})) + n_classes * 9)
    kept = 8 * min(KEPT_VALUES, n * n_classes * len(readings))
    return needed + kept * (len(plan.recipes) if not plan.n_kept else plan.n_kept + 2)


def check_memory(
    effort: str,
    images: NDArray[Any],
    n_classes: int,
    n_threads: int,
    max_memory: float | None,
) -> None:
    """Raise an error if a fit to these images takes more memory than there is.

    Parameters
    ----------
    effort : {"fast", "balanced", "best"}
    images : ndarray of shape (n, height, width) or (n, height, width, channels)
    n_classes, n_threads : int
    max_memory : float or None
        MiB; None means the free memory of the machine or the container.

    Raises
    ------
    ValueError
        If memory is too small; the message gives the need, the limit, and what would fit.
    """
    limit = available_bytes() if max_memory is None else count_bytes(max_memory, "max_memory")

    def need(n: int, effort: str = effort) -> int:
        return needed_bytes(plan_of(effort), n, shape, n_classes, images.dtype, n_threads)

    n, shape = len(images), images.shape[1:]
    if limit is None or need(n) <= limit:
        return
    fitting = bisect_right(range(1, n), limit, key=need)
    cures = [f"at most {fitting:,} images"] if fitting else []
    cures += ['effort="fast"'] if need(n, "fast") <= limit else []
    cures += ["more memory" if max_memory is None else "a larger max_memory"]
    told = f"{_in_mib(limit)} are free" if max_memory is None else f"{max_memory=:g} (MiB)"
    raise ValueError(
        f"{n:,} images of {' x '.join(map(str, shape))} take about {_in_mib(need(n))} of memory to "
        f"fit with {effort=!r}, but {told}; give {', or '.join(cures)}"
    )


def _in_mib(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:,.0f} MiB"
