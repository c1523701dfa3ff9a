"""Confused pairs: every wrong prediction in exactly one, the most frequent first."""

from __future__ import annotations

import numpy as np

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.evaluation.errors.confusion import ConfusionMatrix
from lookalike.evaluation.errors.mistakes import winning_shares
from lookalike.evaluation.errors.pairs import confused_pairs


def test_pairs_are_the_cells_beside_the_diagonal_of_the_confusion_matrix() -> None:
    data = load_dataset("digits")
    knn = KNeighborsClassifier(3).fit(data.train.images[:200], data.train.labels[:200])
    explanation = knn.explain(data.test.images)
    pairs = confused_pairs(explanation, data.test.labels)
    matrix = ConfusionMatrix.of(data.test.labels, explanation.prediction, data.class_names)
    counts = [(pair.true, pair.predicted, len(pair.rows)) for pair in pairs]
    assert counts == matrix.largest(len(pairs) + 1)
    assert len(pairs) > 5
    for pair in pairs:
        assert np.all(data.test.labels[pair.rows] == pair.true)
        assert np.all(explanation.prediction[pair.rows] == pair.predicted)
        assert np.all(np.diff(winning_shares(explanation)[pair.rows]) <= 1e-9)


def test_no_errors_no_pairs() -> None:
    knn = KNeighborsClassifier(1).fit([[0.0], [1.0]], [0, 1])
    assert confused_pairs(knn.explain([[0.0]]), np.array([0])) == []
