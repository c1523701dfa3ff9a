"""The errors that another classifier mends and makes, and what decided them."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike import Dataset, KNeighborsClassifier, Shifts
from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.changes import (
    Decider,
    as_matched,
    decider,
    find_changes,
)
from lookalike.images.dataset import Split
from lookalike.reports.data import changes_gallery

VARIANTS = Shifts(1).variants((6, 5))


def toy(n_test: int = 12) -> Dataset:
    """Test images that are shifted training images, under noise, with some wrong labels."""
    rng = np.random.default_rng(3)
    train = rng.integers(0, 200, (20, 6, 5), dtype=np.uint8)
    rows = rng.integers(0, 20, n_test)
    test = np.stack([VARIANTS[i % 4].apply(train[row, None])[0] for i, row in enumerate(rows)])
    labels = np.arange(20) % 4
    return Dataset(
        Split(train, labels),
        Split(test + rng.integers(0, 20, test.shape, dtype=np.uint8), labels[rows]),
        ("a", "b [bold]", "$c$", "d"),
        "noise",
    )


def explain_both(data: Dataset, k: int) -> tuple[Explanation, Explanation]:
    before, after = (
        KNeighborsClassifier(k, weights="distance", augmentation=augmentation)
        .fit(data.train.images, data.train.labels)
        .explain(data.test.images)
        for augmentation in (None, Shifts(1))
    )
    return before, after


def test_changes_are_those_of_the_predictions() -> None:
    data = toy()
    labels = data.test.labels
    before, after = explain_both(data, 3)
    for first, second in ((before, after), (after, before)):
        changes = find_changes(first, second, labels)
        was, is_ = first.prediction == labels, second.prediction == labels
        assert sorted(changes.mended) == np.flatnonzero(~was & is_).tolist()
        assert sorted(changes.made) == np.flatnonzero(was & ~is_).tolist()
    assert len(find_changes(before, after, labels).mended) > 2


def test_decider_is_the_image_that_was_shifted() -> None:
    data = toy()
    before, after = explain_both(data, 1)
    for query, image in enumerate(data.test.images):
        decided = decider(after, query)
        assert decided.variant == query % 4 + 1
        assert decided.label == data.test.labels[query]
        assert decided.share == 1
        matched = as_matched(data.train.images, decided, VARIANTS)
        assert np.linalg.norm(matched - image.astype(float)) == pytest.approx(decided.distance)
        unmoved = decider(before, query)
        assert unmoved.variant == 0
        np.testing.assert_array_equal(
            as_matched(data.train.images, unmoved, VARIANTS), data.train.images[unmoved.row]
        )


def test_decider_voted_for_the_prediction_and_of_equals_is_the_nearest() -> None:
    knn = KNeighborsClassifier(3).fit([[0.0], [2.0], [3.0], [90.0]], [0, 1, 1, 0])
    explanation = knn.explain([[0.9]])  # the nearest is outvoted
    third = explanation.shares[0, 1]
    assert decider(explanation, 0) == Decider(1, 0, 1, float(third), pytest.approx(1.1))


def test_picture_names_the_image_and_its_shift() -> None:
    data = toy()
    before, after = explain_both(data, 1)
    gallery = changes_gallery("mended", data, before, after, np.arange(2), VARIANTS)
    assert len(gallery.pictures) == 2
    said = [line for picture in gallery.pictures for line in picture.caption]
    assert "test 0" in said
    moved = [one.caption[-1] for picture in gallery.pictures for one in picture.neighbors]
    assert any(line in map(str, VARIANTS) for line in moved), moved
