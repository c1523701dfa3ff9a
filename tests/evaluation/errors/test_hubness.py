"""Hard, typical and misleading images."""

from __future__ import annotations

import numpy as np

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.evaluation.errors.hubness import (
    Occurrences,
    count_occurrences,
    hardest,
    most_misleading,
    most_typical,
)
from lookalike.evaluation.errors.mistakes import true_margins


def test_every_neighbor_is_counted_once() -> None:
    data = load_dataset("digits")
    train = data.train
    knn = KNeighborsClassifier(5).fit(train.images, train.labels)
    explanation = knn.explain(data.test.images)
    seen = count_occurrences(explanation, data.test.labels, len(train))
    good, bad = np.zeros(len(train), dtype=int), np.zeros(len(train), dtype=int)
    for true, neighbors in zip(data.test.labels, explanation.indices.tolist(), strict=True):
        for row in neighbors:
            (good if train.labels[row] == true else bad)[row] += 1
    np.testing.assert_array_equal(seen.good, good)
    np.testing.assert_array_equal(seen.bad, bad)
    for label in range(10):
        rows = most_typical(seen, train.labels, label, 4)
        assert len(rows) == 4
        assert np.all(train.labels[rows] == label)
        best = (good - bad)[train.labels == label].max()
        assert good[rows[0]] - bad[rows[0]] == best
    misleading = most_misleading(seen, 3)
    assert np.all(bad[misleading] > good[misleading])


def test_wrong_images_are_harder_than_right_ones() -> None:
    data = load_dataset("digits")
    knn = KNeighborsClassifier(5).fit(data.train.images[:300], data.train.labels[:300])
    explanation = knn.explain(data.test.images)
    wrong = np.flatnonzero(explanation.prediction != data.test.labels)
    margins = true_margins(explanation, data.test.labels)
    assert np.all(margins[wrong] <= 0)
    for label in range(10):
        rows = hardest(explanation, data.test.labels, label, 10_000)
        assert sorted(rows) == np.flatnonzero(data.test.labels == label).tolist()
        assert np.all(np.diff(margins[rows]) >= -1e-9)


def test_images_that_are_nobodys_neighbors_are_neither() -> None:
    nobody = Occurrences(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64))
    assert len(most_typical(nobody, np.zeros(3, dtype=np.int64), 0, 5)) == 0
    assert len(most_misleading(nobody, 5)) == 0
