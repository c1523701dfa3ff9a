"""The comparison with scikit-learn: classifying, cleaning, and the extrapolated grid search."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
from sklearn import neighbors
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.evaluation import peers as peer_search
from lookalike.evaluation.peers import (
    BookCleaning,
    Differences,
    clean_by_sklearn,
    estimate_grid_search,
    find_cleaning_differences,
    find_differences,
    run_sklearn,
)


def test_scikit_learn_answers_alike_and_reports_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.evaluation.peers._BATCH", 100)
    digits = load_dataset("digits")
    knn = KNeighborsClassifier(4, weights="distance").fit(digits.train.images, digits.train.labels)
    steps: list[tuple[int, int]] = []
    peer = run_sklearn(knn, digits, n_threads=1, progress=lambda *step: steps.append(step))
    assert steps == [(0, 360), (100, 360), (200, 360), (300, 360), (360, 360)]
    assert peer.fit_seconds > 0
    assert peer.predict_seconds > 0
    explanation = knn.explain(digits.test.images)
    differences = find_differences(knn, explanation, digits.test.images, peer.prediction)
    assert differences.n == differences.n_ties


def test_differences_at_ties_are_told_from_others() -> None:
    rows = np.array([[0.0], [2.0], [10.0], [11.0], [40.0]])
    knn = KNeighborsClassifier(1).fit(rows, [0, 1, 0, 1, 1])
    # rows 0 and 1 are equally near to 1.0, but 10.2 and 40.0 have one nearest row each
    queries = np.array([[1.0], [10.2], [40.0]])
    explanation = knn.explain(queries)
    assert find_differences(knn, explanation, queries, np.array([1, 1, 1])) == Differences(2, 1)
    assert find_differences(knn, explanation, queries, np.array([0, 0, 1])) == Differences(0, 0)


def test_equal_votes_are_ties() -> None:
    knn = KNeighborsClassifier(2).fit([[0.0], [1.0]], [0, 1])  # no third row to be at a tie
    explanation = knn.explain([[0.2]])
    assert find_differences(knn, explanation, np.array([[0.2]]), np.array([1])) == Differences(1, 1)


def test_a_single_class_has_no_ties() -> None:
    knn = KNeighborsClassifier(1).fit([[0.0]], [0])
    found = find_differences(knn, knn.explain([[0.2]]), np.array([[0.2]]), np.array([1]))
    assert found == Differences(1, 0)


def cleaning(noisy_train: np.ndarray, noisy: np.ndarray) -> BookCleaning:
    clean = np.arange(noisy_train.size, dtype=np.uint8).reshape(noisy_train.shape)
    model = KNeighborsClassifier(1).fit(noisy_train, clean.reshape(len(clean), -1))
    cleaned = np.asarray(model.predict(noisy)).reshape(noisy.shape)
    return BookCleaning(noisy_train, clean, noisy, model, cleaned, 1.0, 2.0)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_scikit_learn_cleans_alike(channels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    book = cleaning(*(rng.integers(0, 350, (n, 3, 2, *channels)).astype(np.int16) for n in (12, 5)))
    peer = clean_by_sklearn(book, n_threads=1)
    assert peer.prediction.shape == book.cleaned.shape
    assert find_cleaning_differences(book, peer).n == 0


def test_differences_at_ties_are_told() -> None:
    noisy_train = np.array([[[0, 0]], [[0, 0]], [[9, 9]]], dtype=np.int16)
    book = cleaning(noisy_train, np.array([[[0, 0]], [[9, 9]]], dtype=np.int16))
    peer = clean_by_sklearn(book, n_threads=1)
    other = replace(peer, prediction=np.array([[[2, 3]], [[0, 1]]], dtype=np.uint8))
    found = find_cleaning_differences(book, other)
    assert (found.n, found.n_ties) == (2, 1)


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
