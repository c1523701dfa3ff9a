"""How long scikit-learn's grid search would take, extrapolated from a small part of it."""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn import neighbors
from threadpoolctl import threadpool_limits

# Large enough that scikit-learn takes as long a pair of images as in a whole fold, to about a
# tenth, and small enough for a part of a second on images of 28 × 28 pixels.
_N_QUERIES, _N_ROWS = 1_000, 12_000
_N_NEIGHBORS = 5


class GridSearchEstimate(NamedTuple):
    """What a search over hyperparameters would take, and what that is extrapolated from.

    Attributes
    ----------
    seconds_per_candidate : float
        Extrapolated: the time measured, by the number of pairs of images.
    measured_seconds : float
        Seconds to predict ``n_queries`` images from ``n_rows`` training images once.
    n_queries, n_rows : int
    version : str
        scikit-learn's version.
    """

    seconds_per_candidate: float
    measured_seconds: float
    n_queries: int
    n_rows: int
    version: str

    def to_dict(self, n_candidates: int, seconds: float) -> dict[str, Any]:
        """Return for JSON what so many candidates would take, beside a search of these seconds."""
        theirs = self.seconds_per_candidate * n_candidates
        return {
            "sklearn": self.version,
            "measured": "a part",
            "n_queries": self.n_queries,
            "n_rows": self.n_rows,
            "measured_seconds": round(self.measured_seconds, 4),
            "extrapolated_seconds": round(theirs, 2),
            "times_faster": round(theirs / seconds, 1),
        }


def estimate_grid_search(
    images: NDArray[Any], labels: NDArray[np.int64], *, n_splits: int, n_threads: int
) -> GridSearchEstimate:
    """Extrapolate what each candidate of a `GridSearchCV` costs with scikit-learn's classifier.

    For every candidate it fits and predicts every fold anew. Predicting is measured once, on a
    part of a fold, by brute force in float64 (scikit-learn is slower with any other dtype, to
    which the images are converted before the clock starts) with 5 neighbours, and taken to cost
    the same for each pair of a test and a training image; fitting is left out. Both favour
    scikit-learn.

    Parameters
    ----------
    images : ndarray of shape (n, h, w[, c])
    labels : ndarray of shape (n,), int64
    n_splits : int
        Folds, 2 to n. In each, n / n_splits images are predicted from the others.
    n_threads : int
        Threads of OpenMP and BLAS.

    Examples
    --------
    >>> from lookalike import load_dataset
    >>> train = load_dataset("digits").train
    >>> estimate = estimate_grid_search(train.images, train.labels, n_splits=5, n_threads=1)
    >>> estimate.n_queries, estimate.n_rows
    (287, 1150)
    """
    n = len(images)
    n_queries = min(_N_QUERIES, n // n_splits)
    n_rows = min(_N_ROWS, n - n_queries)
    rows = images[: n_queries + n_rows].reshape(n_queries + n_rows, -1).astype(np.float64)
    peer = neighbors.KNeighborsClassifier(
        min(_N_NEIGHBORS, n_rows), algorithm="brute", n_jobs=n_threads
    )
    with threadpool_limits(limits=n_threads):
        peer.fit(rows[n_queries:], labels[n_queries : n_queries + n_rows])
        peer.predict(rows[:1])  # loads what is loaded at the first call
        start = perf_counter()
        peer.predict(rows[:n_queries])
        seconds = perf_counter() - start
    pairs = n * (n - n / n_splits)  # every image is predicted once, from all other folds
    return GridSearchEstimate(
        seconds * pairs / (n_queries * n_rows), seconds, n_queries, n_rows, sklearn.__version__
    )
