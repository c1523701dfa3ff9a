"""The extrapolation of scikit-learn's grid search."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest
from sklearn import neighbors
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from lookalike.evaluation.peers import grid_search_time as peer_search
from lookalike.evaluation.peers.grid_search_time import estimate_grid_search


def images(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 12, 12), dtype=np.uint8)


def test_time_is_scaled_by_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_search, "_N_QUERIES", 30)
    monkeypatch.setattr(peer_search, "_N_ROWS", 100)
    estimate = estimate_grid_search(images(500), np.arange(500) % 10, n_splits=4, n_threads=1)
    assert (estimate.n_queries, estimate.n_rows) == (30, 100)
    # each of 500 images is predicted from the 375 of other folds
    scale = 500 * 375 / (30 * 100)
    assert estimate.seconds_per_candidate == pytest.approx(scale * estimate.measured_seconds)


@pytest.mark.parametrize(("n", "n_splits"), [(2, 2), (3, 3), (7, 2)])
def test_few_images(n: int, n_splits: int) -> None:
    estimate = estimate_grid_search(images(n), np.arange(n) % 2, n_splits=n_splits, n_threads=1)
    assert (estimate.n_queries, estimate.n_rows) == (n // n_splits, n - n // n_splits)
    assert estimate.seconds_per_candidate > 0


@pytest.mark.slow("runs scikit-learn's whole grid search")
def test_estimate_is_about_what_the_search_takes() -> None:
    X, y = images(6000), np.arange(6000) % 10
    estimate = estimate_grid_search(X, y, n_splits=3, n_threads=1)
    rows = X.reshape(6000, -1).astype(float)
    grid = {"weights": ["uniform", "distance"]}
    search = GridSearchCV(neighbors.KNeighborsClassifier(algorithm="brute"), grid, cv=3)
    with threadpool_limits(limits=1):
        start = perf_counter()
        search.fit(rows, y)
        seconds = perf_counter() - start
    # A machine that does other work besides stretches either.
    assert 0.2 < 2 * estimate.seconds_per_candidate / seconds < 5
