"""Estimate of the memory that the choice of a representation and the final fit take."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from lookalike.matching.axes import CHUNK as AXES_CHUNK
from lookalike.matching.axes import CHUNK_VALUES, SAMPLE, WIDE_SAMPLE
from lookalike.matching.byte_levels import working_sides
from lookalike.matching.features import count_features, with_colours
from lookalike.matching.matcher import Representation, variant_names
from lookalike.matching.model_selection import (
    CHUNK,
    KEPT_VALUES,
    N_FOLDS,
    RULES,
    SCALINGS,
    deformed_rules,
    kinds_of_copies,
)
from lookalike.matching.search_spaces import SearchSpace, space_of
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
    space: SearchSpace,
    n: int,
    image_shape: Sequence[int],
    n_classes: int,
    dtype: DTypeLike,
    n_threads: int,
    *,
    chosen: Representation | None = None,
    relearn: bool = True,
) -> int:
    """Return approximately the peak memory of a fit to n images, without the given images.

    With `chosen`, the representation of an earlier model, it is the peak memory of a change of the
    training images, without the given images and that model; `relearn` says whether axes and
    whitening are learned again. `image_shape` is (height, width) or (height, width, channels).
    """
    height, width, n_channels = (*image_shape, 1)[:3]
    sides = working_sides((height, width), space.longest_side)
    n_pixels = sides[0] * sides[1] if max(sides) > 1 else 4  # bytes of a value, of vectors
    needed = _REST
    if np.dtype(dtype) != np.uint8 or chosen is not None:
        needed += n * height * width * n_channels
    if sides != (height, width):
        needed += n * n_pixels * n_channels

    shape = (*sides, n_channels)
    names = {one.features for one in (space.representations if chosen is None else [chosen])}
    if n_channels >= 3:
        names = {with_colours(name) for name in names}
    d = max(count_features(name, shape) for name in names)
    kinds = kinds_of_copies(space, n) if chosen is None else [chosen.growth]
    n_all = n * max(len(variant_names(kind)) for kind in ("none", *kinds))
    n_copies, n_bytes = (_COPIES, _COORDINATES) if relearn else (1, _KEPT_COORDINATES)
    n_components = min(space.n_components, d)
    needed += n_all * (n_pixels * (n_copies * n_channels + 1) + n_bytes * n_components)
    if not relearn:
        return needed

    # Features (twice) and pixels of a chunk in each thread; then either the features of all images
    # for the axes with their Gram matrix, or the features' covariance, its scaled copy and the
    # memory for its eigenvectors.
    n_used = min(n_all, WIDE_SAMPLE if d > WIDE_SAMPLE else SAMPLE)
    chunk = min(AXES_CHUNK, CHUNK_VALUES // (n_pixels * n_channels))
    features = 8 * min(n_used, n_threads * chunk) * (d + n_pixels * n_channels)
    if d > n_used:
        needed += 4 * n_used * d + max(features, 16 * n_used**2)
    else:
        needed += features + 24 * d**2
    if chosen is not None:
        return needed

    # Tables of a chunk of held-out images as found and as scaled, and the scores that are kept.
    k, queries = min(space.n_neighbors, n_all), min(-(-n // N_FOLDS), CHUNK)
    n_rules = len(RULES) + len(deformed_rules(space))
    needed += queries * 16 * (k * (1 + len(SCALINGS)) + n_classes * 9)
    kept = 8 * min(KEPT_VALUES, n * n_classes * n_rules)
    return needed + kept * (len(space.representations) if not space.n_kept else space.n_kept + 2)


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

    The parameters are those of `needed_bytes`. `max_memory` is in MiB; None means the free memory
    of the machine or the container. The `ValueError` gives the need, the limit, and what would fit.
    """
    limit = available_bytes() if max_memory is None else count_bytes(max_memory, "max_memory")

    def need(n: int, effort: str = effort, relearn: bool = relearn) -> int:
        sizes = n, image_shape, n_classes, dtype, n_threads
        return needed_bytes(space_of(effort, image_shape), *sizes, chosen=chosen, relearn=relearn)

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
