"""Which wrong predictions come first, margins of votes, and what another model changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import Dataset, KNeighborsClassifier, Shifts, load_dataset
from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.mistakes import (
    change_to_dict,
    decider,
    find_changes,
    surest_mistakes,
    true_margins,
    vote_margins,
    winning_shares,
)
from lookalike.images.dataset import Split
from lookalike.reports.data import changes_gallery


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


@st.composite
def explanations(draw: st.DrawFn) -> tuple[Explanation, list[str]]:
    """Some neighbours' labels and shares, and true labels that may be none of theirs."""
    n, k = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    name = st.sampled_from(["a", "b", "c", "dd"])
    labels = np.array([[draw(name) for _ in range(k)] for _ in range(n)])
    raw = np.array([[draw(st.integers(1, 4)) for _ in range(k)] for _ in range(n)], dtype=float)
    shares = raw / raw.sum(axis=1, keepdims=True)
    zeros = np.zeros((n, k), dtype=np.int64)
    explained = Explanation(zeros, shares, labels, shares, labels[:, 0], zeros)
    return explained, [draw(name) for _ in range(n)]


@given(explanations())
def test_margins_are_those_counted_one_by_one(drawn: tuple[Explanation, list[str]]) -> None:
    explanation, truth = drawn
    winners, own = [], []
    for i, true in enumerate(truth):
        votes: dict[str, float] = {}
        pairs = zip(explanation.labels[i].tolist(), explanation.shares[i].tolist(), strict=True)
        for label, share in pairs:
            votes[label] = votes.get(label, 0.0) + share
        first, second, *_ = [*sorted(votes.values(), reverse=True), 0.0]
        winners.append(first - second)
        others = [share for label, share in votes.items() if label != true]
        own.append(votes.get(true, 0.0) - max(others, default=0.0))
    np.testing.assert_allclose(vote_margins(explanation), winners, atol=1e-12)
    np.testing.assert_allclose(true_margins(explanation, np.array(truth)), own, atol=1e-12)


@given(explanations())
def test_a_wrong_prediction_has_no_positive_margin(drawn: tuple[Explanation, list[str]]) -> None:
    explanation, truth = drawn
    margins = true_margins(explanation, np.array(truth))
    assert np.all(np.abs(margins) <= vote_margins(explanation) + 1 + 1e-12)
    assert np.all((margins >= -1 - 1e-12) & (margins <= 1 + 1e-12))


def test_several_labels_a_query_have_no_one_margin() -> None:
    knn = KNeighborsClassifier(1).fit([[0.0], [1.0]], [[0, 1], [1, 1]])
    with pytest.raises(ValueError, match="each query has 2 labels"):
        vote_margins(knn.explain([[0.0]]))


def test_labels_of_another_number_are_refused() -> None:
    knn = KNeighborsClassifier(1).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match="2 labels but 1 predictions"):
        true_margins(knn.explain([[0.0]]), np.array([0, 1]))


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
        assert decider(before, query) == decider(after, query) == 0
        told = change_to_dict(data, before, after, query)
        assert told["test_row"] == query
        assert told["after"]["variant"] == str(VARIANTS[query % 4])
        assert told["after"]["predicted"] == told["true"]
        assert told["after"]["share"] == 1
        matched = after.compared(query, 0)
        distance = np.linalg.norm(matched - image.astype(float))
        assert distance == pytest.approx(told["after"]["distance"])
        assert told["before"]["variant"] == "original"
        row = told["before"]["train_row"]
        np.testing.assert_array_equal(before.compared(query, 0), data.train.images[row])


def test_decider_voted_for_the_prediction_and_of_equals_is_the_nearest() -> None:
    knn = KNeighborsClassifier(3).fit([[0.0], [2.0], [3.0], [90.0]], [0, 1, 1, 0])
    explanation = knn.explain([[0.9]])  # the nearest is outvoted
    i = decider(explanation, 0)
    assert explanation.indices[0, i] == 1
    assert explanation.labels[0, i] == explanation.prediction[0] == 1


def test_picture_names_the_image_and_its_shift() -> None:
    data = toy()
    before, after = explain_both(data, 1)
    gallery = changes_gallery("mended", data, before, after, np.arange(2))
    assert len(gallery.pictures) == 2
    said = [line for picture in gallery.pictures for line in picture.caption]
    assert "test 0" in said
    moved = [one.caption[-1] for picture in gallery.pictures for one in picture.neighbors]
    assert any(line in map(str, VARIANTS) for line in moved), moved
