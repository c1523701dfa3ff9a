"""How much of an index pays for the queries that few rows were asked so far.

Up to `MOST_LAZY_ROWS` rows, fitting builds nothing. A search computes all distances until the
queries so far have taken as long as it takes to build the next stage of the index; then it builds
that. No order of queries therefore takes much more than twice the time of the best stage for all
of them (the ski-rental problem). Answers are the same at every stage. More rows are indexed when
they are fitted.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from lookalike.search.projection import (
    FEWEST_SAMPLE_ROWS,
    MOST_FINE,
    SAMPLE_ROWS,
    SAMPLE_VALUES,
    SMALLEST,
)

MOST_LAZY_ROWS = 4096
# Nanoseconds, measured on one thread with AVX-512: of a pair and of each of its values where all
# distances are computed, ...
PAIR = 4.0
VALUE = {
    "uint8": 0.02,
    "int8": 0.02,
    "int16": 0.05,
    "float32": 0.135,
    "float64": 0.08,
    "float16": 0.3,
    "bfloat16": 0.3,
}
# ... of a query, of each of its values, and of each pair of values where a filter of unprojected
# rows leaves so many pairs and so many for each neighbour, ...
FILTER, FILTER_VALUE, FILTER_PAIR_OF_VALUES = 3000.0, 1.5, 0.008
LEFT, LEFT_OF_NEIGHBOUR = 10, 1.5
# ... and of building: at least, of each value, and of each value of the sample that a projection is
# chosen from.
BUILD, BUILD_VALUE = 2e5, 2.3
CHOICE, CHOICE_VALUE = 1e6, 28.0


class Stage(IntEnum):
    """What an index has beside the rows."""

    EXHAUSTIVE = 0  # nothing
    UNPROJECTED = 1  # rows in 8 bits, and no choice
    PROJECTED = 2  # what `choose_projection` chooses


def stage_of(n: int, d: int, dtype: np.dtype[Any], metric: str, k: int, n_queries: int) -> Stage:
    """Return the stage that pays for n rows of d values after so many queries."""
    if n > MOST_LAZY_ROWS:
        return Stage.PROJECTED
    distance = PAIR + VALUE[dtype.name] * d
    sample = min(n, SAMPLE_ROWS, max(FEWEST_SAMPLE_ROWS, SAMPLE_VALUES // d)) * d
    filtered = FILTER_PAIR_OF_VALUES * n * d
    if n >= SMALLEST and n_queries * filtered > CHOICE + CHOICE_VALUE * sample:
        return Stage.PROJECTED
    left = (LEFT + LEFT_OF_NEIGHBOUR * k) * distance
    gain = n * distance - FILTER - FILTER_VALUE * d - filtered - left
    can_filter = metric != "manhattan" and d <= MOST_FINE
    if can_filter and gain > 0 and n_queries * n * distance > BUILD + BUILD_VALUE * n * d:
        return Stage.UNPROJECTED
    return Stage.EXHAUSTIVE
