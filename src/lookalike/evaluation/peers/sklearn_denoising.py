"""The book's way to clean images, by scikit-learn: how long it takes, and where images differ."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn import neighbors
from threadpoolctl import threadpool_limits

from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.evaluation.peers.sklearn_knn import Differences, PeerRun


@dataclass(frozen=True, eq=False)
class BookCleaning:
    """Images cleaned as the book does: by the nearest noisy one, with one output a pixel.

    Attributes
    ----------
    noisy_train, clean : ndarray of shape (n_train, h, w) or (n_train, h, w, c)
    noisy : ndarray of shape (n, h, w) or (n, h, w, c)
        What was cleaned.
    model : KNeighborsClassifier, fitted
    cleaned : ndarray of the shape of ``noisy``, uint8
        What it gave.
    fit_seconds, predict_seconds : float
    """

    noisy_train: NDArray[Any]
    clean: NDArray[np.uint8]
    noisy: NDArray[Any]
    model: KNeighborsClassifier
    cleaned: NDArray[np.uint8]
    fit_seconds: float
    predict_seconds: float

    @property
    def seconds(self) -> float:
        """Both together."""
        return self.fit_seconds + self.predict_seconds


def clean_as_the_book(
    noisy_train: NDArray[Any],
    clean: NDArray[np.uint8],
    noisy: NDArray[Any],
    *,
    n_jobs: int | None = None,
) -> BookCleaning:
    """Clean images by the nearest noisy training image, with our classifier.

    Parameters
    ----------
    noisy_train, clean, noisy
        As of `BookCleaning`.
    n_jobs : int, optional
    """
    model = KNeighborsClassifier(1, n_jobs=n_jobs)
    start = perf_counter()
    model.fit(noisy_train, clean.reshape(len(clean), -1))
    fitted = perf_counter()
    cleaned = np.asarray(model.predict(noisy)).reshape(noisy.shape)
    return BookCleaning(
        noisy_train, clean, noisy, model, cleaned, fitted - start, perf_counter() - fitted
    )


def clean_by_sklearn(book: BookCleaning, *, n_threads: int) -> PeerRun:
    """Have scikit-learn clean the same images, whole, by brute force.

    The noisy images are converted to float64 before the clock starts: scikit-learn is slower with
    integers.

    Parameters
    ----------
    book : BookCleaning
    n_threads : int
        Threads of OpenMP and BLAS.

    Returns
    -------
    PeerRun
        Its prediction is of the shape of ``book.cleaned``.
    """
    noisy_train, noisy = (
        images.reshape(len(images), -1).astype(np.float64)
        for images in (book.noisy_train, book.noisy)
    )
    peer = neighbors.KNeighborsClassifier(
        book.model.n_neighbors, algorithm="brute", n_jobs=n_threads
    )
    with threadpool_limits(limits=n_threads):
        start = perf_counter()
        peer.fit(noisy_train, book.clean.reshape(len(book.clean), -1))
        fitted = perf_counter()
        cleaned = peer.predict(noisy)
        predicted = perf_counter()
    return PeerRun(
        sklearn.__version__,
        fitted - start,
        predicted - fitted,
        np.asarray(cleaned).reshape(book.cleaned.shape),
    )


def find_cleaning_differences(book: BookCleaning, peer: PeerRun) -> Differences:
    """Count the images cleaned differently, and those of them with equally near neighbours."""
    n = len(book.cleaned)
    rows = np.flatnonzero((book.cleaned != peer.prediction).reshape(n, -1).any(axis=1))
    k = book.model.n_neighbors
    if len(rows) == 0 or k == book.model.n_samples_fit_:
        return Differences(len(rows), 0)
    distances, _ = book.model.kneighbors(book.noisy[rows], k + 1)
    return Differences(len(rows), int(np.count_nonzero(distances[:, k - 1] == distances[:, k])))
