"""One cell of `grid.py`: ours and the peers in turns, in one process, on one thread.

A cell has a process of its own, in which the contenders take turns. One thread each, and seconds of
the CPU: they hold on a machine with company.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.agreement import Agreement, compare, distances_of
from lib.cells import MOST_BYTES, Cell, make_cell

Array = NDArray[Any]
Answer = tuple[Array, Array]  # distances and indices
Query = Callable[[Array, int], Answer]

FIT_AND_QUERY_ROWS = 3_000
"""Up to so many rows fit and query count together; beyond, an index is queried often."""
FEWEST_ROUNDS, MOST_ROUNDS = 3, 25
ENOUGH_SECONDS, LONG_SECONDS = 0.5, 5.0
"""Rounds go on until they took so long together; who takes this long in one is not asked again."""
TREE_WIDTH = 16
"""The widest rows that SciPy's tree is given."""
AUTO_WIDTH = 15
"""The widest rows for which scikit-learn's "auto" takes a tree."""
WARM_UP = 1_000
OURS = "lookalike"


class Contestant(NamedTuple):
    """Somebody who searches: `fit(rows, metric, k)` returns `query(queries, k)`."""

    name: str
    dtype: str
    fit: Callable[[Array, str, int], Query]


@dataclass
class Outcome:
    """What was measured in a cell.

    Attributes
    ----------
    seconds : dict of str to list of (fit, query)
        CPU seconds of each round of each contestant, ours first.
    agreements : dict of str to Agreement
        How far each peer's neighbours are ours.
    wrong : int
        Queries with a wrong distance of ours, or with neighbours that differ from a peer's by
        more than ties and rounding.
    """

    seconds: dict[str, list[tuple[float, float]]]
    agreements: dict[str, Agreement]
    wrong: int


def measure_cell(cell: Cell) -> Outcome:
    """Measure one cell, in the process this is called in."""
    warnings.simplefilter("ignore")
    rows, queries = make_cell(cell)
    contestants = list_contestants(cell)
    # Contestants of one dtype share an array.
    given = {
        dtype: (rows.astype(dtype, copy=False), queries.astype(dtype, copy=False))
        for dtype in {one.dtype for one in contestants}
    }
    seconds: dict[str, list[tuple[float, float]]] = {one.name: [] for one in contestants}
    answers: dict[str, Answer] = {}
    for one in contestants:
        of_rows, of_queries = given[one.dtype]
        few = of_rows[:WARM_UP].copy()
        one.fit(few, cell.metric, cell.k)(of_queries[:1], min(cell.k, len(few)))
    start = perf_counter()
    for turn in range(MOST_ROUNDS):
        if turn >= FEWEST_ROUNDS and perf_counter() - start > ENOUGH_SECONDS:
            break
        for one in contestants:
            taken = seconds[one.name]
            if taken and sum(taken[0]) > LONG_SECONDS:
                continue
            of_rows, of_queries = given[one.dtype]
            began = process_time()
            query = one.fit(of_rows, cell.metric, cell.k)
            fitted = process_time()
            answers[one.name] = query(of_queries, cell.k)
            taken.append((fitted - began, process_time() - fitted))
            del query
    ours = answers.pop(OURS)
    agreements = {
        name: compare(
            rows,
            queries,
            ours[1],
            answers[name][1],
            next(one.dtype for one in contestants if one.name == name),
            cell.metric,
        )
        for name in answers
    }
    wrong = wrong_distances(rows, queries, ours, cell.metric)
    return Outcome(seconds, agreements, wrong + sum(one.wrong for one in agreements.values()))


def wrong_distances(rows: Array, queries: Array, ours: Answer, metric: str) -> int:
    """Count queries whose distances are not those of the neighbours, to the last bit if whole."""
    wrong = 0
    for query, given, indices in zip(queries, *ours, strict=True):
        exact = distances_of(query, rows[indices], metric)
        if metric == "euclidean":
            exact = np.sqrt(exact)
        if rows.dtype.kind == "f" or metric == "cosine":
            wrong += not np.allclose(given, exact, rtol=1e-12, atol=1e-12)
        else:
            wrong += not np.array_equal(given, exact)
    return wrong


def list_contestants(cell: Cell) -> list[Contestant]:
    """Ours, and the peers that have the metric of the cell."""
    exact = cell.dtype if cell.dtype.startswith("float") else "float64"
    if cell.n * cell.d * np.dtype(exact).itemsize > MOST_BYTES:
        exact = "float32"
    found = [Contestant(OURS, cell.dtype, _fit_ours)]
    if find_spec("faiss"):
        found.append(Contestant("FAISS", "float32", _fit_faiss))
    found.append(Contestant("scikit-learn brute", exact, _fit_sklearn_brute))
    if cell.metric != "cosine":
        if cell.d <= AUTO_WIDTH:
            found.append(Contestant("scikit-learn auto", exact, _fit_sklearn_auto))
        if cell.d <= TREE_WIDTH:
            found.append(Contestant("SciPy KDTree", "float64", _fit_tree))
    return found


def _fit_ours(rows: Array, metric: str, k: int) -> Query:
    from lookalike import NearestNeighbors

    return NearestNeighbors(n_neighbors=k, metric=metric, n_jobs=1).fit(rows).kneighbors


def _fit_faiss(rows: Array, metric: str, k: int) -> Query:
    import faiss

    faiss.omp_set_num_threads(1)
    kind = {"euclidean": faiss.METRIC_L2, "manhattan": faiss.METRIC_L1}
    index = faiss.IndexFlat(rows.shape[1], kind.get(metric, faiss.METRIC_INNER_PRODUCT))
    if metric != "cosine":
        index.add(rows)
        return lambda queries, k: index.search(queries, k)

    def to_unit_length(vectors: Array) -> Array:
        units = vectors.copy()
        faiss.normalize_L2(units)
        return units

    index.add(to_unit_length(rows))
    return lambda queries, k: index.search(to_unit_length(queries), k)


def _fit_sklearn_brute(rows: Array, metric: str, k: int) -> Query:
    return _fit_sklearn(rows, metric, k, "brute")


def _fit_sklearn_auto(rows: Array, metric: str, k: int) -> Query:
    return _fit_sklearn(rows, metric, k, "auto")


def _fit_sklearn(rows: Array, metric: str, k: int, algorithm: str) -> Query:
    from sklearn.neighbors import NearestNeighbors

    query: Query = (
        NearestNeighbors(n_neighbors=k, metric=metric, algorithm=algorithm, n_jobs=1)
        .fit(rows)
        .kneighbors
    )
    return query


def _fit_tree(rows: Array, metric: str, k: int) -> Query:
    from scipy.spatial import KDTree

    tree = KDTree(rows)
    # Neighbours from 1 to k, so that one neighbour has an axis too.
    return lambda queries, k: tree.query(
        queries, np.arange(1, k + 1), p=1 if metric == "manhattan" else 2
    )
