"""The same classification by scikit-learn: how long it takes, and where it answers otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn import neighbors
from threadpoolctl import threadpool_limits

from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.explanation import Explanation
from lookalike.images.dataset import Dataset
from lookalike.images.progress import Progress

# Large enough to keep scikit-learn's threads busy, small enough for a bar that moves.
_BATCH = 1000


@dataclass(frozen=True, eq=False)
class PeerRun:
    """What scikit-learn took and answered.

    Attributes
    ----------
    version : str
    fit_seconds, predict_seconds : float
    prediction : ndarray of shape (n_test,), int64
    """

    version: str
    fit_seconds: float
    predict_seconds: float
    prediction: NDArray[np.int64]


@dataclass(frozen=True)
class Differences:
    """Test images that two classifiers predict differently.

    Attributes
    ----------
    n : int
        Differences in all.
    n_ties : int
        Those with a tie: training images at exactly the same distance of which not all can be
        among the k nearest, or two classes with equal votes. There both answers are right.
    """

    n: int
    n_ties: int


@dataclass(frozen=True, eq=False)
class BesidePeer:
    """Our work beside scikit-learn's.

    Attributes
    ----------
    seconds : (float, float)
        What ours took to fit and to predict.
    peer : PeerRun
    differences : Differences
    """

    seconds: tuple[float, float]
    peer: PeerRun
    differences: Differences

    @property
    def times_faster(self) -> float:
        """How many times as fast ours is, fitting and predicting together."""
        return (self.peer.fit_seconds + self.peer.predict_seconds) / sum(self.seconds)

    def to_dict(self) -> dict[str, Any]:
        """Return for JSON what scikit-learn took, and how far its answers are ours."""
        return {
            "sklearn": self.peer.version,
            "measured": "whole",
            "dtype": "float64",
            "algorithm": "brute",
            "fit_seconds": round(self.peer.fit_seconds, 4),
            "predict_seconds": round(self.peer.predict_seconds, 4),
            "times_faster": round(self.times_faster, 2),
            "n_different": self.differences.n,
            "n_different_at_ties": self.differences.n_ties,
        }


def run_sklearn(
    model: KNeighborsClassifier,
    data: Dataset,
    *,
    n_threads: int,
    progress: Progress,
) -> PeerRun:
    """Have scikit-learn fit and predict the same, whole, by brute force.

    The images are converted to float64 before the clock starts: scikit-learn is slower with
    any other dtype. All test images are predicted, in batches for the sake of progress.

    Parameters
    ----------
    model : KNeighborsClassifier
        Gives ``n_neighbors`` and ``weights``.
    data : Dataset
    n_threads : int
        Threads of OpenMP and BLAS.
    progress : callable
        Called as ``progress(done, total)`` with numbers of test images.
    """
    train, test = (
        part.images.reshape(len(part), -1).astype(np.float64) for part in (data.train, data.test)
    )
    peer = neighbors.KNeighborsClassifier(
        model.n_neighbors, weights=model.weights, algorithm="brute", n_jobs=n_threads
    )
    batches = []
    with threadpool_limits(limits=n_threads):
        start = perf_counter()
        peer.fit(train, data.train.labels)
        fitted = perf_counter()
        for first in range(0, len(test), _BATCH):
            progress(first, len(test))
            batches.append(peer.predict(test[first : first + _BATCH]))
        predicted = perf_counter()
    progress(len(test), len(test))
    return PeerRun(sklearn.__version__, fitted - start, predicted - fitted, np.concatenate(batches))


def find_differences(
    model: KNeighborsClassifier,
    explanation: Explanation,
    images: NDArray[Any],
    peer_prediction: NDArray[np.int64],
) -> Differences:
    """Count the images predicted differently, and those of them that are ties.

    Parameters
    ----------
    model : KNeighborsClassifier, fitted
    explanation : Explanation
        The explanation of ``images`` by ``model``.
    images : ndarray of shape (n, h, w[, c])
    peer_prediction : ndarray of shape (n,), int64
    """
    rows = np.flatnonzero(explanation.prediction != peer_prediction)
    if len(rows) == 0:
        return Differences(0, 0)
    k = explanation.indices.shape[1]
    probabilities = cast(NDArray[np.float64], model.predict_proba(images[rows]))  # one output
    tied = _equal_votes(probabilities)
    if k < model.n_samples_fit_:
        distances, _ = model.kneighbors(images[rows], k + 1)
        tied |= distances[:, k - 1] == distances[:, k]
    return Differences(len(rows), int(np.count_nonzero(tied)))


def _equal_votes(probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities), dtype=np.bool_)
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    # Summed in another order, equal votes differ by rounding.
    equal: NDArray[np.bool_] = np.isclose(first, second, rtol=1e-12, atol=0)
    return equal
