"""Which wrong predictions come first."""

from __future__ import annotations

import numpy as np

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.mistakes import surest_mistakes, winning_shares


def explain(
    labels: list[list[int]], shares: list[list[float]], nearest: list[float]
) -> Explanation:
    """Make an explanation whose predictions are the labels with the largest share."""
    first = np.array(nearest)
    label_array, share_array = np.array(labels), np.array(shares)
    return Explanation(
        indices=np.zeros_like(label_array),
        distances=np.stack([first, first + 1], axis=1),
        labels=label_array,
        shares=share_array,
        prediction=label_array[np.arange(len(labels)), share_array.argmax(axis=1)],
        variants=np.zeros_like(label_array),
    )


def test_winning_shares_are_the_classifier_s_probabilities() -> None:
    digits = load_dataset("digits")
    knn = KNeighborsClassifier(7, weights="distance").fit(digits.train.images, digits.train.labels)
    probabilities = knn.predict_proba(digits.test.images)
    shares = winning_shares(knn.explain(digits.test.images))
    np.testing.assert_allclose(shares, probabilities.max(axis=1))


def test_order_is_surest_then_nearest_then_row_and_each_confusion_in_turn() -> None:
    explanation = explain(
        labels=[[1, 1], [1, 2], [1, 1], [1, 1], [2, 2], [1, 1], [2, 2]],
        shares=[[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.6, 0.4], [0.4, 0.6], [0.5, 0.5]],
        nearest=[3.0, 1.0, 2.0, 2.0, 9.0, 0.0, 1.0],
    )
    truth = np.array([0, 0, 0, 0, 0, 1, 1])
    # 0 taken for 1: rows 2, 3 (nearer than 0), 0, then the less sure 1; 0 for 2: row 4;
    # 1 for 2: row 6; row 5 is right
    assert surest_mistakes(explanation, truth).tolist() == [6, 2, 4, 3, 0, 1]


def test_no_mistake() -> None:
    explanation = explain([[1, 1]], [[0.5, 0.5]], [1.0])
    assert surest_mistakes(explanation, np.array([1])).tolist() == []
