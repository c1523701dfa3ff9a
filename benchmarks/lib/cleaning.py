"""Noisy test images cleaned by neighbours: by our denoiser, and as the book does it.

Each is measured in a process of its own. The book (Géron, Hands-On Machine Learning, chapter 3)
takes noisy images as rows and the clean ones as targets, one output a pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lib.filter_tuning import as_bytes
from lib.filters import DEBIASED, Filter
from lib.harness import Reading, reading
from lib.images import StoredImages
from lib.noisy import TEST_SEED, TRAINING_SEED, Floats, noise_of
from lib.peers import measure_model
from lookalike import KNeighborsRegressor, add_noise

BOOK_MODELS: Mapping[str, Mapping[str, Any]] = {
    "KNeighborsClassifier": {"n_neighbors": 1},
    "KNeighborsRegressor": {"n_neighbors": 5},
}


def clean_by_ours(
    data: StoredImages,
    kind: str,
    level: float,
    applied: Sequence[float],
    quality: str,
    n_threads: int,
) -> Reading:
    """Fit our denoiser for one level of noise; the answer is the cleaned test images by level.

    Parameters
    ----------
    data : StoredImages
    kind : str
        Of noise.
    level : float
        That it is fitted for.
    applied : sequence of float
        Levels of the test images that it cleans; the first is on the clock.
    quality : {"best", "fast"}
    n_threads : int
    """
    from lookalike import KNeighborsDenoiser

    images = data.as_images(data.training()[0])
    noisy = {one: noisy_test_images(data, kind, one) for one in applied}
    first, *others = applied
    with reading() as result:
        with result.stage("fit"):
            model = KNeighborsDenoiser(quality=quality, random_state=0, n_jobs=n_threads)
            model.fit(clean=images, noise=noise_of(kind, level))
        with result.stage("predict"):
            cleaned = model.predict(noisy[first])
    result.answer = {first: as_bytes(cleaned)}
    for one in others:
        # What the fitted noise cannot make is refused: such values are clipped to its range first.
        within = np.clip(noisy[one], noisy[first].min(), noisy[first].max())
        result.answer[one] = as_bytes(model.predict(within))
    return result


def clean_as_the_book(
    data: StoredImages, kind: str, model: str, module: str, dtype: str | None, n_threads: int
) -> Reading:
    """Fit a model of the book on images with a kind of noise; the answer is the cleaned rows.

    The model is one of `BOOK_MODELS`, by either module: "lookalike" or "sklearn.neighbors". Noisy
    rows are converted to the dtype before the clock starts, if there is one.
    """
    options = {**BOOK_MODELS[model], "algorithm": "brute", "n_jobs": n_threads}

    def new_model() -> Any:
        return getattr(import_module(module), model)(**options)

    clean, _ = data.training()
    noisy = noisy_training_rows(data, kind).astype(dtype or "int16", copy=False)
    noisy_test = noisy_test_images(data, kind).reshape(-1, noisy.shape[1]).astype(noisy.dtype)
    return measure_model(new_model, noisy, clean, noisy_test)


def count_ties(
    data: StoredImages, kind: str, model: str, rows: NDArray[Any], n_threads: int
) -> int:
    """How many of some test images have equally near training images of which not all count."""
    from lookalike import NearestNeighbors

    k = BOOK_MODELS[model]["n_neighbors"]
    search = NearestNeighbors(n_neighbors=k + 1, n_jobs=n_threads)
    search.fit(noisy_training_rows(data, kind))
    queries = noisy_test_images(data, kind)[rows].reshape(len(rows), -1)
    distances, _ = search.kneighbors(queries)
    return int(np.count_nonzero(distances[:, k - 1] == distances[:, k]))


def neighbor_filters(noisy: Floats, clean: NDArray[np.uint8], n_threads: int) -> list[Filter]:
    """The book's way as filters: one neighbour, and as many and so weighted as suits it best.

    Parameters
    ----------
    noisy, clean : ndarray of shape (n, h, w)
        Training images, without those that it is tuned on.
    n_threads : int
    """
    model = KNeighborsRegressor(n_jobs=n_threads)
    model.fit(noisy.reshape(len(noisy), -1), clean.reshape(len(clean), -1))

    def average(images: Floats, sigma: float, **parameters: Any) -> Floats:
        rows = images.reshape(len(images), -1)
        averages = model.set_params(**parameters).predict(rows)
        return np.asarray(averages.reshape(images.shape), dtype=np.float32)

    grids: dict[str, dict[str, Sequence[Any]]] = {
        "the book's k-NN, k=1": {"n_neighbors": (1,)},
        "the book's k-NN, tuned": {
            "n_neighbors": (3, 5, 10, 20, 40),
            "weights": ("uniform", "distance"),
        },
    }
    return [
        Filter(name, average, grid, views=(DEBIASED,), has_threads=True)
        for name, grid in grids.items()
    ]


def noisy_training_rows(data: StoredImages, kind: str) -> NDArray[Any]:
    """The training images as noisy rows, the same at every call."""
    return add_noise(data.training()[0], noise_of(kind), TRAINING_SEED)


def noisy_test_images(data: StoredImages, kind: str, level: float = 1) -> NDArray[Any]:
    """The noisy test images, the same at every call."""
    return add_noise(data.as_images(data.test()[0]), noise_of(kind, level), TEST_SEED)
