"""The comparison with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.evaluation.peers.sklearn_knn import Differences, find_differences, run_sklearn


def test_scikit_learn_answers_alike_and_reports_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.evaluation.peers.sklearn_knn._BATCH", 100)
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
