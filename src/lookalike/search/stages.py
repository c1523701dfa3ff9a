"""How much of an index pays for the queries that few rows were asked so far.

Up to `MOST_LAZY_ROWS` rows, fitting builds nothing. A search computes all distances until the
queries so far have taken as long as it takes to build the next stage of the index; then it builds
that. No order of queries therefore takes much more than twice the time of the best stage for all
of them (the ski-rental problem). Answers are the same at every stage. More rows are indexed when
they are fitted.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from lookalike.search.dtypes import NATIVE
from lookalike.search.projection import (
    FEWEST_SAMPLE_ROWS,
    MOST_FINE,
    SAMPLE_ROWS,
    SAMPLE_VALUES,
    SMALLEST,
)

MOST_LAZY_ROWS = 4096
# Nanoseconds, measured on one thread with AVX-512, where all distances are computed: of a pair, and
# of each value of rows of 16 bits, which are converted. The filter leaves so many pairs and so many
# for each neighbour.
PAIR, HALF = 4.0, 0.3
LEFT, LEFT_OF_NEIGHBOUR = 10, 1.5


class Costs(NamedTuple):
    """What searches by a metric cost, in nanoseconds, as above.

    Where all distances are computed, each value of a pair costs ``value`` by dtype. Where a filter
    of unprojected rows leaves a few of them, a query costs ``query``, each of its values
    ``query_value``, a pair ``pair`` and each of its values ``pair_value``. Building costs
    ``build``, ``build_column`` for each column and ``build_value`` for each value. A choice costs
    ``choice`` and ``choice_value`` for each value of a sample, and saves the share ``saving`` of
    the filter's time.
    """

    value: dict[np.dtype[Any], float]
    query: float
    query_value: float
    pair: float
    pair_value: float
    build: float
    build_column: float
    build_value: float
    choice: float
    choice_value: float
    saving: float


EUCLIDEAN = Costs(
    value=dict(zip(NATIVE, (0.02, 0.04, 0.12, 0.09, 0.16), strict=True)),
    query=2000.0,
    query_value=1.5,
    pair=0.0,
    pair_value=0.014,
    build=8e5,
    build_column=0.0,
    build_value=3.0,
    choice=1e6,
    choice_value=28.0,
    saving=1.0,
)
MANHATTAN = Costs(
    value=dict(zip(NATIVE, (0.09, 0.09, 0.09, 0.08, 0.16), strict=True)),
    query=1500.0,
    query_value=2.5,
    pair=0.6,
    pair_value=0.0065,
    build=4e5,
    build_column=650.0,
    build_value=2.2,
    choice=1e6,
    choice_value=30.0,
    saving=0.5,
)


class Stage(IntEnum):
    """What an index has beside the rows."""

    EXHAUSTIVE = 0  # nothing
    UNPROJECTED = 1  # rows in 8 bits, and no choice
    PROJECTED = 2  # what `choose_projection` or `choose_coding` chooses


def stage_of(n: int, d: int, dtype: np.dtype[Any], metric: str, k: int, n_queries: int) -> Stage:
    """Return the stage that pays for n rows of d values after so many queries."""
    if n > MOST_LAZY_ROWS:
        return Stage.PROJECTED
    costs = MANHATTAN if metric == "manhattan" else EUCLIDEAN
    distance = PAIR + costs.value.get(dtype, HALF) * d
    if n_queries * n * distance <= costs.build:
        return Stage.EXHAUSTIVE
    sample = min(n, SAMPLE_ROWS, max(FEWEST_SAMPLE_ROWS, SAMPLE_VALUES // d)) * d
    filtered = (costs.pair + costs.pair_value * d) * n
    choice = costs.choice + costs.choice_value * sample
    if n >= SMALLEST and n_queries * filtered * costs.saving > choice:
        return Stage.PROJECTED
    left = (LEFT + LEFT_OF_NEIGHBOUR * k) * distance
    gain = n * distance - costs.query - costs.query_value * d - filtered - left
    build = costs.build + (costs.build_column + costs.build_value * n) * d
    is_built = n_queries * n * distance > build
    return Stage.UNPROJECTED if d <= MOST_FINE and gain > 0 and is_built else Stage.EXHAUSTIVE
