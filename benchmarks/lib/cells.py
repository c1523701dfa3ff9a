"""The cells of `grid.py`: which searches are measured, chosen so that every two values meet.

Searches differ in seven factors, which have tens of thousands of combinations. A covering design
takes few of them: each two values of two factors occur together in some cell, unless no cell that
can be measured has both (Cohen, Dalal, Fredman & Patton, The AETG system, 1997).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.data import SEED, make_data

Array = NDArray[Any]

DECAYING, EMBEDDING, ISOTROPIC = "decaying", "embedding", "isotropic"
MNIST, CLIPART = "mnist", "clipart"
MNIST_WIDTH, CLIPART_WIDTH, CLIPART_PICTURES = 784, 1280, 1088

LEVELS: dict[str, tuple[Any, ...]] = {
    "n": (100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000),
    "d": (2, 3, 8, 16, 64, 384, 768, 784, 1_024, CLIPART_WIDTH, 2_048, 8_192, 20_000),
    "dtype": ("uint8", "int16", "float32", "float64"),
    "metric": ("euclidean", "cosine", "manhattan"),
    "k": (1, 5, 20, 200),
    "queries": (1, 10, 1_000),
    "data": (DECAYING, EMBEDDING, ISOTROPIC, MNIST, CLIPART),
}
N_CELLS = 150
TRIED = 400
"""Random cells among which the next one is chosen."""

MOST_BYTES = 3 * 2**29
"""Largest size of the rows in memory."""
MOST_WORK = {"euclidean": 2e11, "cosine": 2e11, "manhattan": 2e10}
"""Pairs of values that a peer compares in some ten seconds."""
QUICK_BYTES, QUICK_WORK = 2**27, 4e9
"""Limits of the cells of a quick run."""


class Cell(NamedTuple):
    """One search: n rows of d values, and so many queries for the k nearest."""

    n: int
    d: int
    dtype: str
    metric: str
    k: int
    queries: int
    data: str

    @property
    def row_bytes(self) -> int:
        """Size of the rows."""
        return self.n * self.d * np.dtype(self.dtype).itemsize

    @property
    def work(self) -> int:
        """Pairs of values that an exhaustive search compares."""
        return self.n * self.d * self.queries

    @property
    def is_possible(self) -> bool:
        """Whether the data exist, fit in memory, and take a peer no longer than allowed."""
        if self.k > self.n or self.row_bytes > MOST_BYTES or self.work > MOST_WORK[self.metric]:
            return False
        if (self.data == CLIPART) != (self.d == CLIPART_WIDTH):
            return False
        if self.data == CLIPART:
            enough = self.n + self.queries <= CLIPART_PICTURES
            return enough and self.dtype == "float32" and _clipart() is not None
        return self.data != MNIST or self.d == MNIST_WIDTH

    @property
    def is_quick(self) -> bool:
        """Whether it is part of a quick run."""
        return self.row_bytes <= QUICK_BYTES and self.work <= QUICK_WORK

    def __str__(self) -> str:
        return (
            f"{self.n:,} × {self.d:,} {self.dtype} {self.metric} k={self.k} q={self.queries} "
            f"{self.data}"
        )


def embedding_cells() -> list[Cell]:
    """Wide rows of floats, as networks make them, and many neighbours."""
    sizes = {768: 100_000, 1_024: 100_000, 2_048: 20_000, 4_096: 10_000, 8_192: 5_000}
    cells = [
        Cell(n, d, "float32", "cosine", k, 1_000, EMBEDDING)
        for d, n in sizes.items()
        for k in (5, 20, 100, 200)
    ]
    return [*cells, Cell(5_000, 20_000, "float32", "cosine", 5, 1_000, EMBEDDING)]


def choose_cells(n_cells: int = N_CELLS) -> list[Cell]:
    """Choose cells one by one, each with the pairs of values that occurred least so far.

    A pair counts a quarter for each cell that has it: pairs that are missing decide, and once there
    are none, rare ones.
    """
    rng = np.random.default_rng(SEED)
    met: Counter[tuple[Any, ...]] = Counter()
    cells: list[Cell] = []
    while len(cells) < n_cells:
        tried = [_draw(rng) for _ in range(TRIED)]
        possible = [cell for cell in tried if cell.is_possible and cell not in cells]
        best = max(possible, key=lambda cell: sum(0.25 ** met[pair] for pair in pairs_of(cell)))
        met.update(pairs_of(best))
        cells.append(best)
    return sorted(cells)


def pairs_of(cell: Cell) -> Iterator[tuple[Any, ...]]:
    """Each two values of the cell, with the factors that they are of."""
    return combinations(zip(Cell._fields, cell, strict=True), 2)


def _draw(rng: np.random.Generator) -> Cell:
    cell = Cell(*(levels[rng.integers(len(levels))] for levels in LEVELS.values()))
    width = {MNIST: MNIST_WIDTH, CLIPART: CLIPART_WIDTH}.get(cell.data, cell.d)
    return cell._replace(d=width)


def _clipart() -> Path | None:
    """The folder of the pictures, if it is there."""
    place = Path(os.environ.get("LOOKALIKE_DATA", "."), CLIPART)
    return place if place.is_dir() else None


# --- Data ----------------------------------------------------------------------------------------


def make_cell(cell: Cell) -> tuple[Array, Array]:
    """Make the rows and the queries of a cell, the same at every call."""
    rng = np.random.default_rng([SEED, *cell[:2], cell.queries])
    if cell.data == MNIST:
        made = make_data("mnist", cell.n, cell.queries)
        return _as_dtype(made.rows, cell.dtype), _as_dtype(made.queries, cell.dtype)
    make = {
        DECAYING: _decaying,
        EMBEDDING: _embedding,
        ISOTROPIC: _isotropic,
        CLIPART: _pictures,
    }[cell.data]
    points = _as_dtype(make(cell.n + cell.queries, cell.d, rng), cell.dtype)
    return points[: cell.n], points[cell.n :].copy()


def _decaying(n: int, d: int, rng: np.random.Generator) -> Array:
    """Few directions hold most of the variance, as in pictures; each next one holds less."""
    n_directions = min(d, 64)
    scales = 1 / np.arange(1, n_directions + 1)
    mix = scales[:, None] * rng.standard_normal((n_directions, d)) / np.sqrt(d)
    points: Array = rng.standard_normal((n, n_directions), dtype=np.float32) @ mix.astype(
        np.float32
    )
    points += rng.standard_normal((n, d), dtype=np.float32) * np.float32(0.05 / np.sqrt(d))
    return points


def _embedding(n: int, d: int, rng: np.random.Generator) -> Array:
    """Clusters, and a few axes of large values, as a network's vectors have them."""
    centres = rng.standard_normal((100, d), dtype=np.float32)
    points: Array = rng.standard_normal((n, d), dtype=np.float32)
    points *= np.float32(0.5)
    points += centres[rng.integers(100, size=n)]
    points[:, :: max(1, d // 4)] *= 20
    return points


def _isotropic(n: int, d: int, rng: np.random.Generator) -> Array:
    points: Array = rng.standard_normal((n, d), dtype=np.float32)
    return points


def _pictures(n: int, d: int, rng: np.random.Generator) -> Array:
    """Vectors of clipart by the pretrained network."""
    from lookalike import PretrainedFeatures

    place = _clipart()
    assert place is not None
    files = sorted(place.glob("*/*/*.png"))
    chosen = rng.choice(len(files), n, replace=False)
    features: Array = PretrainedFeatures(n_jobs=1).fit_transform([files[i] for i in chosen])
    return features


def _as_dtype(points: Array, dtype: str) -> Array:
    """Floats scaled to the range of integers, bytes to shares."""
    if points.dtype == dtype:
        return points
    if points.dtype == np.uint8:
        if dtype == "int16":
            return points.astype(np.int16) * 100
        shares: Array = points.astype(dtype) / np.dtype(dtype).type(255)
        return shares
    if dtype == "float64":
        return points.astype(np.float64)
    low, high = np.quantile(points[:10_000], [0.001, 0.999])
    least, most = (0, 255) if dtype == "uint8" else (-10_000, 10_000)
    whole = np.empty(points.shape, dtype)
    for start in range(0, len(points), 10_000):
        part = (points[start : start + 10_000] - low) / (high - low) * (most - least) + least
        whole[start : start + 10_000] = np.clip(np.rint(part), least, most)
    return whole


def by_level(cells: Sequence[Cell]) -> Iterator[tuple[str, Any, list[int]]]:
    """Each value of each factor, with the numbers of its cells."""
    for name, levels in LEVELS.items():
        for level in levels:
            own = [i for i, cell in enumerate(cells) if getattr(cell, name) == level]
            if own:
                yield name, level, own
