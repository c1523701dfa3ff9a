"""The book's way to clean images, ours beside scikit-learn's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lookalike import KNeighborsClassifier
from lookalike.evaluation.peers.sklearn_denoising import (
    BookCleaning,
    clean_by_sklearn,
    find_cleaning_differences,
)


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
    assert book.seconds == 3


def test_differences_at_ties_are_told() -> None:
    noisy_train = np.array([[[0, 0]], [[0, 0]], [[9, 9]]], dtype=np.int16)
    book = cleaning(noisy_train, np.array([[[0, 0]], [[9, 9]]], dtype=np.int16))
    peer = clean_by_sklearn(book, n_threads=1)
    other = replace(peer, prediction=np.array([[[2, 3]], [[0, 1]]], dtype=np.uint8))
    found = find_cleaning_differences(book, other)
    assert (found.n, found.n_ties) == (2, 1)
