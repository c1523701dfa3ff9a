# Generated from src/core/bindings.cpp by `make stub`.
# ruff: noqa: C408
# mypy: disable-error-code="type-arg"
"""Native core of lookalike: plain arrays in, plain arrays out."""

from collections.abc import Mapping, Sequence
from typing import Annotated, overload

import numpy
from numpy.typing import NDArray

def available_cpu_paths() -> list[str]:
    """CPU paths that this machine can run, fastest first."""

def are_within(
    values: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    low: float,
    high: float,
    least: float = 0.0,
) -> bool:
    """
    Whether each value lies in low … high, and is zero or of at least the magnitude `least`.
    """

def winners_at(
    codes: Annotated[
        NDArray[numpy.int32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    weights: Annotated[
        NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    n_classes: int,
    ks: Sequence[int],
) -> Annotated[NDArray[numpy.int32], dict(shape=(None, None))]:
    """
    The class with most votes among the first k neighbours of each query, for each k in ks.
    """

@overload
def winners_of_outputs(
    codes: Annotated[
        NDArray[numpy.uint8], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    rows: Annotated[
        NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    weights: Annotated[
        NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    n_threads: int = 1,
) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None))]: ...
@overload
def winners_of_outputs(
    codes: Annotated[
        NDArray[numpy.uint16], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    rows: Annotated[
        NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    weights: Annotated[
        NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    n_threads: int = 1,
) -> Annotated[NDArray[numpy.uint16], dict(shape=(None, None))]:
    """The class with most votes of each query in each of many outputs."""

def labels_of_outputs(
    labels: Annotated[
        NDArray[numpy.uint8], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    n_threads: int = 1,
) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None))]:
    """Which of the 256 values of a byte come in each column."""

def relabelled(
    labels: Annotated[
        NDArray[numpy.uint8], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    table: Annotated[
        NDArray[numpy.uint8], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    n_threads: int = 1,
) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None))]:
    """The labels replaced as row j of the table says for column j."""

def blend_neighbours(
    noisy: Annotated[
        NDArray[numpy.uint16],
        dict(shape=(None, None, None), order="C", device="cpu", writable=False),
    ],
    rows: Annotated[
        NDArray[numpy.uint8], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    neighbours: Annotated[
        NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    *,
    costs: Annotated[
        NDArray[numpy.uint16], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    moments: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    evidences: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    weights: Annotated[
        NDArray[numpy.uint32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    shift: int,
    profile: Annotated[
        NDArray[numpy.uint16], dict(shape=(None,), order="C", device="cpu", writable=False)
    ],
    estimate: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None, None, None), order="C", device="cpu")
    ],
    spread: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None, None, None), order="C", device="cpu")
    ],
    truth: Annotated[
        NDArray[numpy.uint8],
        dict(shape=(None, None, None), order="C", device="cpu", writable=False),
    ]
    | None = None,
    joint: Annotated[NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu")]
    | None = None,
    cpu: str,
    n_threads: int = 1,
) -> None:
    """
    Estimate noisy images from whole clean neighbours; see src/core/blending.hpp.
    """

def regress_images(
    channels: Annotated[
        NDArray[numpy.float32],
        dict(shape=(None, None, None, None), order="C", device="cpu", writable=False),
    ],
    *,
    anchors: Annotated[
        NDArray[numpy.float32],
        dict(shape=(None, None, None), order="C", device="cpu", writable=False),
    ],
    norms: Annotated[
        NDArray[numpy.float32], dict(shape=(None,), order="C", device="cpu", writable=False)
    ],
    weights: Annotated[
        NDArray[numpy.float32],
        dict(shape=(None, None, None, None), order="C", device="cpu", writable=False),
    ],
    biases: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    radius: int,
    key_radius: int,
    blend: int,
    out: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None, None, None), order="C", device="cpu")
    ],
    cpu: str,
    n_threads: int = 1,
) -> None:
    """
    Predict pixels by the regression of the nearest anchor; see src/core/regression.hpp.
    """

def average_likes(
    guide: Annotated[
        NDArray[numpy.int32],
        dict(shape=(None, None, None, None), order="C", device="cpu", writable=False),
    ],
    values: Annotated[
        NDArray[numpy.float32],
        dict(shape=(None, None, None, None), order="C", device="cpu", writable=False),
    ],
    counts: Annotated[
        NDArray[numpy.float32],
        dict(shape=(None, None, None, None), order="C", device="cpu", writable=False),
    ],
    *,
    search_radius: int,
    patch_radius: int,
    sharpness: float,
    sums: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None, None, None, None), order="C", device="cpu")
    ],
    weights: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None, None, None, None), order="C", device="cpu")
    ],
    cpu: str,
    n_threads: int = 1,
) -> None:
    """
    Average pixels with those of like surroundings; see src/core/likeness.hpp.
    """

def normalize_strokes(
    images: Annotated[
        NDArray[numpy.uint8],
        dict(shape=(None, None, None, None), order="C", device="cpu", writable=False),
    ],
    *,
    target_x: float,
    target_y: float,
    out: Annotated[
        NDArray[numpy.uint8], dict(shape=(None, None, None, None), order="C", device="cpu")
    ],
    n_threads: int = 1,
) -> None:
    """
    Take slant and half of the size from handwriting; see src/core/strokes.hpp.
    """

def stroke_extents(
    images: Annotated[
        NDArray[numpy.uint8],
        dict(shape=(None, None, None, None), order="C", device="cpu", writable=False),
    ],
    *,
    out: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu")],
    n_threads: int = 1,
) -> None:
    """
    Standard deviations of the ink along x and y; see src/core/strokes.hpp.
    """

def orient_gradients(
    images: Annotated[
        NDArray[numpy.uint8],
        dict(shape=(None, None, None, None), order="C", device="cpu", writable=False),
    ],
    *,
    down: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    across: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    root: bool,
    out: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None, None, None), order="C", device="cpu")
    ],
    cpu: str,
    n_threads: int = 1,
) -> None:
    """Histograms of oriented gradients; see src/core/gradients.hpp."""

def product(
    rows: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    basis: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    *,
    out: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu")],
    cpu: str,
) -> None:
    """
    The matrix product; unlike BLAS's, a row has the same bits in all company, on every processor.
    """

def deformation_distances(
    queries: Annotated[
        NDArray[numpy.uint8],
        dict(shape=(None, None, None), order="C", device="cpu", writable=False),
    ],
    images: Annotated[
        NDArray[numpy.uint8],
        dict(shape=(None, None, None), order="C", device="cpu", writable=False),
    ],
    candidates: Annotated[
        NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    *,
    penalties: Annotated[
        NDArray[numpy.uint16], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    window: int,
    backward: bool,
    distances: Annotated[NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu")],
    fields: Annotated[
        NDArray[numpy.int8], dict(shape=(None, None, None, None, None), order="C", device="cpu")
    ]
    | None = None,
    cpu: str,
    n_threads: int = 1,
) -> None:
    """
    Distances between images whose pixels may move; see src/core/deformation.hpp.
    """

def rescale_table(
    indices: Annotated[
        NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    distances: Annotated[
        NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    *,
    factors: Annotated[
        NDArray[numpy.float64], dict(shape=(None,), order="C", device="cpu", writable=False)
    ],
    out_indices: Annotated[NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu")],
    out_distances: Annotated[
        NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu")
    ],
    n_threads: int = 1,
) -> None:
    """
    Multiply distances by factors of their rows and sort; see src/core/matching_table.hpp.
    """

def sum_classes(
    indices: Annotated[
        NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    distances: Annotated[
        NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    *,
    codes: Annotated[
        NDArray[numpy.int32], dict(shape=(None,), order="C", device="cpu", writable=False)
    ],
    ks: Annotated[
        NDArray[numpy.int64], dict(shape=(None,), order="C", device="cpu", writable=False)
    ],
    sums: Annotated[
        NDArray[numpy.float64], dict(shape=(None, None, None), order="C", device="cpu")
    ],
    n_threads: int = 1,
) -> None:
    """
    Sums of the k smallest distances to each class; see src/core/matching_table.hpp.
    """

def hyperplane_distances(
    queries: Annotated[
        NDArray[numpy.int8], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    rows: Annotated[
        NDArray[numpy.int8], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    indices: Annotated[
        NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    distances: Annotated[
        NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    *,
    codes: Annotated[
        NDArray[numpy.int32], dict(shape=(None,), order="C", device="cpu", writable=False)
    ],
    k: int,
    ridge: float,
    out: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu")],
    n_threads: int = 1,
) -> None:
    """
    Squared distances to local hyperplanes; see src/core/matching_table.hpp.
    """

class Projection:
    """How an index bounds distances; see src/core/bounds.hpp."""

    def __init__(
        self,
        mean: Annotated[
            NDArray[numpy.float32], dict(shape=(None,), order="C", device="cpu", writable=False)
        ],
        basis: Annotated[
            NDArray[numpy.float32],
            dict(shape=(None, None), order="C", device="cpu", writable=False),
        ]
        | None,
        residual: Annotated[
            NDArray[numpy.float32], dict(shape=(None,), order="C", device="cpu", writable=False)
        ]
        | None,
        *,
        fine: int,
        columns: int,
        fine_scale: float,
        coarse_scale0: float = 1.0,
        coarse_scale1: float = 1.0,
        residual_mean0: float = 0.0,
        residual_mean1: float = 0.0,
        integer_basis: Annotated[
            NDArray[numpy.int16], dict(shape=(None, None), order="C", device="cpu", writable=False)
        ]
        | None = None,
        steps: Annotated[
            NDArray[numpy.float32], dict(shape=(None,), order="C", device="cpu", writable=False)
        ]
        | None = None,
        wide_scale: float = 0.0,
        signs: Annotated[
            NDArray[numpy.float32], dict(shape=(None,), order="C", device="cpu", writable=False)
        ]
        | None = None,
    ) -> None: ...

class ManhattanCoding:
    """How an index bounds Manhattan distances; see src/core/manhattan.hpp."""

    def __init__(
        self,
        coordinates: Annotated[
            NDArray[numpy.int32], dict(shape=(None,), order="C", device="cpu", writable=False)
        ],
        ends: Annotated[
            NDArray[numpy.int32], dict(shape=(None,), order="C", device="cpu", writable=False)
        ],
        lows: Annotated[
            NDArray[numpy.float64], dict(shape=(None,), order="C", device="cpu", writable=False)
        ],
        bytes: Annotated[
            NDArray[numpy.int32], dict(shape=(None,), order="C", device="cpu", writable=False)
        ],
        *,
        step: float,
    ) -> None: ...

def rotated(
    rows: Annotated[
        NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu", writable=False)
    ],
    signs: Annotated[
        NDArray[numpy.float32], dict(shape=(None,), order="C", device="cpu", writable=False)
    ],
) -> Annotated[NDArray[numpy.float32], dict(shape=(None, None))]:
    """The rows as an index rotates them."""

class Index:
    """Exact nearest rows of one array."""

    def __init__(
        self,
        rows: Annotated[NDArray, dict(shape=(None, None), order="C", device="cpu", writable=False)],
        *,
        metric: str,
        cpu: str,
        projection: Projection | None = None,
        n_threads: int = 1,
        shifts: Sequence[tuple[int, int]] = [],
        frame: tuple[int, int, int] = (0, 0, 1),
        coding: ManhattanCoding | None = None,
        bits: str = "",
        on_disk: bool = False,
        saved: tuple[
            Mapping[
                str,
                Annotated[
                    NDArray[numpy.uint8],
                    dict(shape=(None,), order="C", device="cpu", writable=False),
                ],
            ],
            Sequence[float],
        ]
        | None = None,
    ) -> None:
        """
        With shifts, pairs (down, right), the rows are images of (height, width, channels) = frame
        and are searched as if all of them, moved by each shift, stood behind them. Rows of float16
        or bfloat16 are passed as uint16, with bits="float16" or "bfloat16". What `save` returned
        of an index of the same rows makes it again.
        """

    def save(self) -> tuple:
        """
        All numbers, without a copy: arrays by their names as bytes, and others.
        """

    def append(
        self,
        rows: Annotated[NDArray, dict(shape=(None, None), order="C", device="cpu", writable=False)],
        *,
        n_threads: int = 1,
    ) -> None:
        """Take the old rows followed by new ones in place of the old rows."""

    def query(
        self,
        queries: Annotated[
            NDArray, dict(shape=(None, None), order="C", device="cpu", writable=False)
        ],
        indices: Annotated[NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu")],
        distances: Annotated[
            NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu")
        ],
        *,
        query_groups: Annotated[
            NDArray[numpy.int64], dict(shape=(None,), order="C", device="cpu", writable=False)
        ]
        | None = None,
        row_groups: Annotated[
            NDArray[numpy.int64], dict(shape=(None,), order="C", device="cpu", writable=False)
        ]
        | None = None,
        n_threads: int = 1,
        working_memory: int = 268435456,
        progress: object | None = None,
    ) -> int:
        """
        Write the nearest rows and their distances, nearest first; return how many exact distances
        were computed. Row r under shift s, from 1 on, has the number s * n + r.
        """

    @property
    def is_finite(self) -> bool:
        """
        Whether all values are known to be finite, from building an index with bounds.
        """

    @property
    def nbytes(self) -> int:
        """Memory beyond the rows themselves, in bytes."""

class Tree:
    """A k-d tree, which holds a copy of its rows."""

    def __init__(
        self,
        rows: Annotated[NDArray, dict(shape=(None, None), order="C", device="cpu", writable=False)],
        *,
        metric: str,
        cpu: str,
        split: bool,
    ) -> None: ...
    def query(
        self,
        queries: Annotated[
            NDArray, dict(shape=(None, None), order="C", device="cpu", writable=False)
        ],
        indices: Annotated[NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu")],
        distances: Annotated[
            NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu")
        ],
        *,
        query_groups: Annotated[
            NDArray[numpy.int64], dict(shape=(None,), order="C", device="cpu", writable=False)
        ]
        | None = None,
        row_groups: Annotated[
            NDArray[numpy.int64], dict(shape=(None,), order="C", device="cpu", writable=False)
        ]
        | None = None,
        n_threads: int = 1,
        working_memory: int = 268435456,
        progress: object | None = None,
    ) -> int:
        """As of an index; queries may have any dtype."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
