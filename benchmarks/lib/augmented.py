"""Classification with a grown training set: ours without copies, and everybody with them.

Each is measured in a process of its own. Afterwards, off the clock, `examine` finds out whether
all that was found is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lib.harness import Reading
from lib.images import StoredImages
from lib.peers import measure_model

if TYPE_CHECKING:
    from lookalike.evaluation.peers import Differences
    from lookalike.images.augmentation import Augmentation

N_NEIGHBORS = 4
OTHER_N_NEIGHBORS = 5


def classify_ours(data: StoredImages, augmentation: Augmentation | None, n_threads: int) -> Reading:
    """Fit and predict the test images; the answer is the prediction."""
    rows, labels = data.training()
    images, test_images = data.as_images(rows), data.as_images(data.test()[0])
    return measure_model(
        lambda: _ours(N_NEIGHBORS, augmentation, n_threads), images, labels, test_images
    )


def classify_sklearn(data: StoredImages, dtype: str, n_threads: int) -> Reading:
    """The same by scikit-learn."""
    from sklearn.neighbors import KNeighborsClassifier

    def new_model() -> Any:
        return KNeighborsClassifier(
            N_NEIGHBORS, weights="distance", algorithm="brute", n_jobs=n_threads
        )

    rows, labels = data.training(dtype)
    test_rows, _ = data.test(dtype)
    return measure_model(new_model, rows, labels, test_rows)


@dataclass(frozen=True)
class Examined:
    """What ours finds without copies, and a plain search of the copies.

    Attributes
    ----------
    indices, copied_indices : ndarray of shape (n_test, k), int64
        Rows of the grown training set, nearest first.
    distances, copied_distances : ndarray of shape (n_test, k), float64
    prediction : ndarray of shape (n_test,)
    accuracies : dict of int to float
        By n_neighbors.
    differences : Differences
        From the peer's prediction.
    index_bytes : list of int
        Memory of indexes beyond the rows: the plain one's, then of those that follow some shifts.
    """

    indices: NDArray[np.int64]
    copied_indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    copied_distances: NDArray[np.float64]
    prediction: NDArray[Any]
    accuracies: dict[int, float]
    differences: Differences
    index_bytes: list[int]


def examine(
    data: StoredImages,
    grown: StoredImages,
    augmentation: Augmentation,
    peer_prediction: NDArray[Any],
    weighed: Sequence[Augmentation],
    n_threads: int,
) -> Examined:
    """Find all that has to be equal or known, and what indexes of some shifts weigh."""
    from lookalike import NearestNeighbors
    from lookalike.evaluation.peers import find_differences

    rows, labels = data.training()
    test_rows, test_labels = data.test()
    images, test_images = data.as_images(rows), data.as_images(test_rows)
    models = {
        k: _ours(k, augmentation, n_threads).fit(images, labels)
        for k in (N_NEIGHBORS, OTHER_N_NEIGHBORS)
    }
    model = models[N_NEIGHBORS]
    explanation = model.explain(test_images)
    copied = NearestNeighbors(n_neighbors=N_NEIGHBORS, n_jobs=n_threads).fit(grown.training()[0])
    copied_distances, copied_indices = copied.kneighbors(test_rows)
    return Examined(
        indices=explanation.variants * len(rows) + explanation.indices,
        copied_indices=copied_indices,
        distances=explanation.distances,
        copied_distances=copied_distances,
        prediction=explanation.prediction,
        accuracies={k: float(one.score(test_images, test_labels)) for k, one in models.items()},
        differences=find_differences(model, explanation, test_images, peer_prediction),
        index_bytes=[_index_bytes(data, rows, one, n_threads) for one in (None, *weighed)],
    )


def _index_bytes(
    data: StoredImages, rows: NDArray[Any], augmentation: Augmentation | None, n_threads: int
) -> int:
    from lookalike.search.index import ExactIndex

    height, width = data.image_shape
    variants = augmentation.variants(data.image_shape) if augmentation else ()
    shifts = [(shift.dy, shift.dx) for shift in variants]  # type: ignore[attr-defined]
    return ExactIndex(rows, n_threads=n_threads, shifts=shifts, frame=(height, width, 1)).nbytes


def _ours(n_neighbors: int, augmentation: Augmentation | None, n_threads: int) -> Any:
    from lookalike import KNeighborsClassifier

    return KNeighborsClassifier(
        n_neighbors, weights="distance", augmentation=augmentation, n_jobs=n_threads
    )
