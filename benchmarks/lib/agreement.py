"""Whether two answers to one search are the same, and what any difference is.

A peer that computes ‖q‖² + ‖x‖² − 2 q·x in floating point may swap neighbours whose distances
are equal or nearly so. With unit roundoff u and γ = (d + 4)·u / (1 − (d + 4)·u), each of its
squared distances is within E = γ (‖q‖ + ‖x‖)² of the true one, whatever the order of summation
(Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1). The true distance of
what it ranks j-th is then within 2E of the true j-th distance; a larger difference is an error.
Likewise a sum of d rounded absolute differences is within E = γ (‖q‖₁ + ‖x‖₁), and a cosine
distance, from the product of two rows that were divided by rounded lengths, within E = 3γ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24}


@dataclass(frozen=True)
class Agreement:
    """How the rows of two neighbour tables compare.

    Attributes
    ----------
    n : int
        Rows in all.
    equal : int
        The same neighbours in the same order.
    ties : int
        Others at exactly the same distances, rank for rank.
    rounding : int
        Others within the rounding of the peer's floats.
    wrong : int
        The rest, to which one of the two must have given a wrong answer.
    largest : float
        The largest relative difference of two distances at one rank; of squared ones if Euclidean.
    """

    n: int
    equal: int
    ties: int
    rounding: int
    wrong: int
    largest: float

    def __str__(self) -> str:
        if self.equal == self.n:
            return f"{self.n:,} of {self.n:,} rows equal"
        return (
            f"{self.equal:,} of {self.n:,} rows equal; of the others {self.ties:,} by ties, "
            f"{self.rounding:,} by the peer's rounding (distances differ by a share of "
            f"{self.largest:.1e} at most), {self.wrong:,} WRONG"
        )


def compare(
    rows: NDArray[Any],
    queries: NDArray[Any],
    ours: NDArray[Any],
    theirs: NDArray[Any],
    dtype: str,
    metric: str = "euclidean",
) -> Agreement:
    """Compare our neighbours with a peer's.

    Parameters
    ----------
    rows, queries : ndarray of shape (n, d) and (n_queries, d)
    ours, theirs : ndarray of shape (n_queries, k), integer
    dtype : str
        What the peer computed in; integers are taken for float32.
    metric : {"euclidean", "cosine", "manhattan"}
    """
    u = UNIT_ROUNDOFF.get(dtype, UNIT_ROUNDOFF["float32"])
    ties = rounding = wrong = 0
    largest = 0.0
    different = np.flatnonzero((ours != theirs).any(axis=1))
    for i in different:
        if not (
            _are_distinct_rows(ours[i], len(rows)) and _are_distinct_rows(theirs[i], len(rows))
        ):
            wrong += 1
            continue
        a, b = (distances_of(queries[i], rows[found[i]], metric) for found in (ours, theirs))
        largest = max(largest, float(np.max(np.abs(a - b) / np.maximum(np.maximum(a, b), 1e-300))))
        if np.array_equal(a, b):
            ties += 1
        elif _ours_is_exact(a, b, metric) and np.all(
            np.abs(a - b) <= _most_rounding(queries[i], rows[np.r_[ours[i], theirs[i]]], u, metric)
        ):
            rounding += 1
        else:
            wrong += 1
    return Agreement(len(ours), len(ours) - len(different), ties, rounding, wrong, largest)


def distances_of(query: NDArray[Any], rows: NDArray[Any], metric: str) -> NDArray[Any]:
    """Squared if Euclidean; of integers exactly, in int64, but for cosine; of floats in float64."""
    wide = np.int64 if query.dtype.kind in "iu" and metric != "cosine" else np.float64
    q, x = query.astype(wide), rows.astype(wide)
    distances: NDArray[Any]
    if metric == "cosine":
        lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(q)
        distances = 1 - (x @ q) / np.where(lengths > 0, lengths, 1)
    elif metric == "manhattan":
        distances = np.abs(x - q).sum(axis=1)
    else:
        distances = np.einsum("ij,ij->i", x - q, x - q)
    return distances


def _are_distinct_rows(found: NDArray[Any], n: int) -> bool:
    return bool(found.min() >= 0 and found.max() < n and len(np.unique(found)) == len(found))


def _ours_is_exact(a: NDArray[Any], b: NDArray[Any], metric: str) -> bool:
    """Ours ascend, at no rank farther than theirs in order; floats are given a few ulps."""
    size = 1.0 if metric == "cosine" else float(b.max())  # a cosine distance is 1 less a cosine
    slack = 0.0 if a.dtype.kind == "i" else 1e-12 * size
    return bool(np.all(np.diff(a) >= -slack) and np.all(a <= np.sort(b) + slack))


def _most_rounding(query: NDArray[Any], rows: NDArray[Any], u: float, metric: str) -> float:
    n_operations = len(query) + 4
    gamma = n_operations * u / (1 - n_operations * u)
    if metric == "cosine":
        return 6 * gamma
    order = 1 if metric == "manhattan" else 2
    longest = np.linalg.norm(rows.astype(np.float64), order, axis=1).max()
    lengths = np.linalg.norm(query.astype(np.float64), order) + longest
    return float(2 * gamma * lengths**order)
