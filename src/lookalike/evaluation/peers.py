"""The same work by scikit-learn, to measure ours against: how long it takes, and what differs.

Scikit-learn gets float64, to which images are converted before the clock starts, for it is slower
with any other dtype. It searches by brute force.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, NamedTuple, cast

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
# Large enough that scikit-learn takes as long a pair of images as in a whole fold, to about a
# tenth, and small enough for a part of a second on images of 28 × 28 pixels.
_N_QUERIES, _N_ROWS = 1_000, 12_000
_N_NEIGHBORS = 5


@dataclass(frozen=True, eq=False)
class PeerRun:
    """What this version of scikit-learn took and answered; predictions of shape (n_test, ...)."""

    version: str
    fit_seconds: float
    predict_seconds: float
    prediction: NDArray[Any]


@dataclass(frozen=True)
class Differences:
    """Test images that two classifiers predict differently.

    Attributes
    ----------
    n : int
        Differences in all.
    n_ties : int
        Those with a tie: not all of some training images at exactly the same distance can be among
        the k nearest, or two classes have equal votes. There both answers are right.
    """

    n: int
    n_ties: int


@dataclass(frozen=True, eq=False)
class BesidePeer:
    """Our work beside scikit-learn's; ``seconds`` are what ours took to fit and to predict."""

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


@dataclass(frozen=True, eq=False)
class BookCleaning:
    """Images cleaned as the book does: by the nearest noisy one, with one output a pixel.

    The ``model`` learnt to make ``clean`` of ``noisy_train``, images of shape (n_train, h, w[, c]),
    and made ``cleaned``, uint8, of ``noisy``.
    """

    noisy_train: NDArray[Any]
    clean: NDArray[np.uint8]
    noisy: NDArray[Any]
    model: KNeighborsClassifier
    cleaned: NDArray[np.uint8]
    fit_seconds: float
    predict_seconds: float


def run_sklearn(
    model: KNeighborsClassifier, data: Dataset, *, n_threads: int, progress: Progress
) -> PeerRun:
    """Have scikit-learn fit and predict the same as a model, in batches for the sake of progress.

    ``n_threads`` are those of OpenMP and BLAS; ``progress`` gets numbers of test images.
    """
    peer = neighbors.KNeighborsClassifier(
        model.n_neighbors, weights=model.weights, algorithm="brute", n_jobs=n_threads
    )
    train, test = data.train, data.test
    return _run(peer, train.images, train.labels, test.images, _BATCH, n_threads, progress)


def clean_as_the_book(
    noisy_train: NDArray[Any],
    clean: NDArray[np.uint8],
    noisy: NDArray[Any],
    *,
    n_jobs: int | None = None,
) -> BookCleaning:
    """Clean images by the nearest noisy training image, with our classifier."""
    model = KNeighborsClassifier(1, n_jobs=n_jobs)
    start = perf_counter()
    model.fit(noisy_train, clean.reshape(len(clean), -1))
    fitted = perf_counter()
    cleaned = np.asarray(model.predict(noisy)).reshape(noisy.shape)
    return BookCleaning(
        noisy_train, clean, noisy, model, cleaned, fitted - start, perf_counter() - fitted
    )


def clean_by_sklearn(book: BookCleaning, *, n_threads: int) -> PeerRun:
    """Have scikit-learn clean the same images; the prediction is of the shape of the images."""
    peer = neighbors.KNeighborsClassifier(
        book.model.n_neighbors, algorithm="brute", n_jobs=n_threads
    )
    targets, n = book.clean.reshape(len(book.clean), -1), len(book.noisy)
    run = _run(peer, book.noisy_train, targets, book.noisy, n, n_threads)
    return replace(run, prediction=run.prediction.reshape(book.cleaned.shape))


def _run(
    peer: Any,
    train_images: NDArray[Any],
    targets: NDArray[Any],
    test_images: NDArray[Any],
    batch: int,
    n_threads: int,
    progress: Progress = lambda done, total: None,
) -> PeerRun:
    train, test = _rows(train_images), _rows(test_images)
    batches = []
    with threadpool_limits(limits=n_threads):
        start = perf_counter()
        peer.fit(train, targets)
        fitted = perf_counter()
        for first in range(0, len(test), batch):
            progress(first, len(test))
            batches.append(peer.predict(test[first : first + batch]))
        predicted = perf_counter()
    progress(len(test), len(test))
    return PeerRun(sklearn.__version__, fitted - start, predicted - fitted, np.concatenate(batches))


def _rows(images: NDArray[Any]) -> NDArray[np.float64]:
    return images.reshape(len(images), -1).astype(np.float64)


def find_differences(
    model: KNeighborsClassifier,
    explanation: Explanation,
    images: NDArray[Any],
    peer_prediction: NDArray[np.int64],
) -> Differences:
    """Count the images predicted differently, and those of them that are ties.

    The explanation is that of ``images`` by ``model``.
    """
    rows = np.flatnonzero(explanation.prediction != peer_prediction)
    if len(rows) == 0:
        return Differences(0, 0)
    probabilities = cast(NDArray[np.float64], model.predict_proba(images[rows]))  # one output
    tied = _equal_votes(probabilities) | _equally_near(model, images[rows])
    return Differences(len(rows), int(np.count_nonzero(tied)))


def find_cleaning_differences(book: BookCleaning, peer: PeerRun) -> Differences:
    """Count the images cleaned differently, and those of them with equally near neighbours."""
    differs = (book.cleaned != peer.prediction).reshape(len(book.cleaned), -1).any(axis=1)
    rows = np.flatnonzero(differs)
    if len(rows) == 0:
        return Differences(0, 0)
    return Differences(len(rows), int(_equally_near(book.model, book.noisy[rows]).sum()))


def _equally_near(model: KNeighborsClassifier, images: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether the k-th neighbour of each image and the next one are equally near."""
    k = model.n_neighbors
    if k == model.n_samples_fit_:
        return np.zeros(len(images), dtype=np.bool_)
    distances, _ = model.kneighbors(images, k + 1)
    equal: NDArray[np.bool_] = distances[:, k - 1] == distances[:, k]
    return equal


def _equal_votes(probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities), dtype=np.bool_)
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    # Summed in another order, equal votes differ by rounding.
    equal: NDArray[np.bool_] = np.isclose(first, second, rtol=1e-12, atol=0)
    return equal


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
    part of a fold with 5 neighbours, and taken to cost the same for each pair of a test and a
    training image; fitting is left out. Both favour scikit-learn.

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
    rows = _rows(images[: n_queries + n_rows])
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
