"""Estimate of the memory that the choice of a representation and the final fit take."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from lookalike.matching.axes import CHUNK as AXES_CHUNK
from lookalike.matching.axes import CHUNK_VALUES, SAMPLE, WIDE_SAMPLE
from lookalike.matching.byte_levels import working_sides
from lookalike.matching.copies import growth_factor
from lookalike.matching.features import count_features, with_colours
from lookalike.matching.matcher import Representation
from lookalike.matching.model_selection import CHUNK, KEPT_VALUES, N_FOLDS, growths_of, rules_of
from lookalike.matching.search_spaces import SearchSpace, plan_of
from lookalike.search.machine import available_bytes
from lookalike.search.validation import count_bytes

_REST = 6 * 2**20
"""Memory that does not grow with the number of images."""

_COPIES = 3
"""Copies of the images in memory during growing and comparing, besides grey ones."""

_COORDINATES = 16
"""Bytes per coordinate of a training image: two floats, one byte, and the search's."""

_KEPT_COORDINATES = 4
"""The same if nothing is learned again."""


def needed_bytes(
    plan: SearchSpace,
    n: int,
    image_shape: Sequence[int],
    n_classes: int,
    dtype: DTypeLike,
    n_threads: int,
    *,
    chosen: Representation | None = None,
    relearn: bool = True,
) -> int:
    """Return approximately the peak memory of a fit, without the given images.

    With `chosen` it is the peak memory of a change of the training images, without the given images
    and the earlier model.

    Parameters
    ----------
    plan : SearchSpace
    n : int
        Number of images.
    image_shape : sequence of int
        (height, width) or (height, width, channels).
    n_classes : int
    dtype : dtype
        Dtype of the images.
    n_threads : int
    chosen : Representation, optional
        The representation of the earlier model.
    relearn : bool, default=True
        Whether axes and whitening are learned again.
    """
    height, width, n_channels = (*image_shape, 1)[:3]
    sides = working_sides((height, width), plan.longest_side)
    n_pixels = sides[0] * sides[1]
    needed = _REST
    if np.dtype(dtype) != np.uint8 or chosen is not None:
        needed += n * height * width * n_channels
    if sides != (height, width):
        needed += n * n_pixels * n_channels

    shape = (*sides, n_channels)
    names = {one.features for one in (plan.representations if chosen is None else [chosen])}
    if n_channels >= 3:
        names = {with_colours(name) for name in names}
    d = max(count_features(name, shape) for name in names)
    growths = growths_of(plan, n) if chosen is None else [chosen.growth]
    n_grown = n * max([1, *map(growth_factor, growths)])
    n_copies, n_bytes = (_COPIES, _COORDINATES) if relearn else (1, _KEPT_COORDINATES)
    n_components = min(plan.n_components, d)
    needed += n_grown * (n_pixels * (n_copies * n_channels + 1) + n_bytes * n_components)
    if not relearn:
        return needed

    # Features (twice) and pixels of a chunk in each thread; then either the features of all images
    # for the axes with their Gram matrix, or the features' covariance, its scaled copy and the
    # memory for its eigenvectors.
    n_used = min(n_grown, WIDE_SAMPLE if d > WIDE_SAMPLE else SAMPLE)
    chunk = min(AXES_CHUNK, CHUNK_VALUES // (n_pixels * n_channels))
    features = 8 * min(n_used, n_threads * chunk) * (d + n_pixels * n_channels)
    if d > n_used:
        needed += 4 * n_used * d + max(features, 16 * n_used**2)
    else:
        needed += features + 24 * d**2
    if chosen is not None:
        return needed

    # Tables of a chunk of held-out images as found and as scaled, and the scores that are kept.
    k, queries = min(plan.n_neighbors, n_grown), min(-(-n // N_FOLDS), CHUNK)
    rules = [one for stage in rules_of(plan) for one in stage]
    needed += queries * 16 * (k * (1 + len({one.scaling for one in rules})) + n_classes * 9)
    kept = 8 * min(KEPT_VALUES, n * n_classes * len(rules))
    return needed + kept * (len(plan.representations) if not plan.n_kept else plan.n_kept + 2)


def check_memory(
    effort: str,
    n: int,
    image_shape: Sequence[int],
    n_classes: int,
    dtype: DTypeLike,
    n_threads: int,
    max_memory: float | None,
    *,
    chosen: Representation | None = None,
    relearn: bool = True,
) -> None:
    """Raise an error if a fit to these images takes more memory than there is.

    Parameters
    ----------
    effort : {"fast", "balanced", "best"}
    n, image_shape, n_classes, dtype, n_threads, chosen, relearn
        As for `needed_bytes`.
    max_memory : float or None
        MiB; None means the free memory of the machine or the container.

    Raises
    ------
    ValueError
        If memory is too small; the message gives the need, the limit, and what would fit.
    """
    limit = available_bytes() if max_memory is None else count_bytes(max_memory, "max_memory")

    def need(n: int, effort: str = effort, relearn: bool = relearn) -> int:
        sizes = n, image_shape, n_classes, dtype, n_threads
        return needed_bytes(plan_of(effort), *sizes, chosen=chosen, relearn=relearn)

    if limit is None or need(n) <= limit:
        return
    fitting = bisect_right(range(1, n), limit, key=need)
    cures = [f"at most {fitting:,} images"] if fitting else []
    if chosen is None:
        cures += ['effort="fast"'] if need(n, "fast") <= limit else []
    elif need(n, relearn=False) <= limit:
        cures += ["relearn=False (--no-relearn)"]
    cures += ["more memory" if max_memory is None else "a larger max_memory"]
    told = f"{_in_mib(limit)} are free" if max_memory is None else f"{max_memory=:g} (MiB)"
    images = f"{n:,} images of {' x '.join(map(str, image_shape))}"
    raise ValueError(
        f"{images} take about {_in_mib(need(n))} of memory to fit with {effort=!r}, but {told}; "
        f"give {', or '.join(cures)}"
    )


def _in_mib(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:,.0f} MiB"
