"""The confident joint, the order of suspicion, and values of images by their definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reference.auditing import confident_joint, shapley_by_subsets
from tests.traced_memory import TracedMemory

from lookalike.array_types import IntArray
from lookalike.evaluation.auditing.votes import (
    count_confident_joint,
    count_votes,
    estimate_joint,
    knn_shapley,
    rank_by_share,
    rank_by_suspicion,
    shapley_error_bound,
    strong_evidence,
    suggest_classes,
    vote_accuracy,
)

Game = tuple[IntArray, IntArray, IntArray]


@st.composite
def voted(draw: Any) -> tuple[IntArray, IntArray, int]:
    """Labels of 2 to 4 classes, each at least once, labels of neighbours with many ties."""
    n_classes = draw(st.integers(2, 4))
    more = draw(st.lists(st.integers(0, n_classes - 1), max_size=30))
    labels = np.array([*range(n_classes), *more])
    k = draw(st.integers(1, 6))
    vote = st.lists(st.integers(0, n_classes - 1), min_size=k, max_size=k)
    votes = draw(st.lists(vote, min_size=len(labels), max_size=len(labels)))
    return labels, np.array(votes), n_classes


def joint_of(labels: IntArray, neighbor_labels: IntArray, n_classes: int) -> IntArray:
    return count_confident_joint(labels, neighbor_labels, count_votes(neighbor_labels), n_classes)


def shares_of(neighbor_labels: IntArray, n_classes: int) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (neighbor_labels[..., np.newaxis] == np.arange(n_classes)).mean(1)
    return shares


@given(voted())
def test_votes_are_those_of_the_neighbor_s_class(case: tuple[IntArray, IntArray, int]) -> None:
    _, neighbor_labels, _ = case
    expected = [[np.sum(row == label) for label in row] for row in neighbor_labels]
    np.testing.assert_array_equal(count_votes(neighbor_labels), expected)


@given(voted())
def test_joint_is_the_paper_s(case: tuple[IntArray, IntArray, int]) -> None:
    labels, neighbor_labels, n_classes = case
    joint = joint_of(*case)
    shares = shares_of(neighbor_labels, n_classes)
    np.testing.assert_array_equal(joint, confident_joint(labels, shares))
    estimate = estimate_joint(joint, labels)
    assert estimate.sum() == pytest.approx(1)
    n_given = np.bincount(labels, minlength=shares.shape[1])
    np.testing.assert_allclose(estimate.sum(axis=1), n_given / len(labels))


@given(voted())
def test_joint_and_confidence_are_cleanlab_s(case: tuple[IntArray, IntArray, int]) -> None:
    count = pytest.importorskip("cleanlab.count")
    rank = pytest.importorskip("cleanlab.rank")
    labels, neighbor_labels, n_classes = case
    joint, shares = joint_of(*case), shares_of(neighbor_labels, n_classes)
    theirs = count.compute_confident_joint(labels, shares, calibrate=False)
    np.testing.assert_array_equal(joint, theirs)
    # cleanlab rounds counts so that they keep their sums
    estimate = count.estimate_joint(labels, shares, confident_joint=theirs)
    np.testing.assert_allclose(estimate_joint(joint, labels), estimate, atol=1 / len(labels))
    own = shares[np.arange(len(labels)), labels]
    np.testing.assert_array_equal(own, rank.get_self_confidence_for_each_label(labels, shares))


def test_known_noise_is_estimated() -> None:
    # 5 % of the 0 are labelled 1; neighbours know the true class with a little doubt.
    true = np.repeat([0, 1], 1000)
    labels = true.copy()
    labels[:50] = 1
    doubt = np.random.default_rng(0).random((len(true), 20)) < 0.1
    joint = joint_of(labels, np.where(doubt, 1 - true[:, np.newaxis], true[:, np.newaxis]), 2)
    assert joint[0, 1] == 0
    assert estimate_joint(joint, labels)[1, 0] == pytest.approx(0.025, abs=0.01)


def test_a_class_without_any_share_is_not_everybody_s() -> None:
    joint = joint_of(np.array([0, 0, 1]), np.zeros((3, 4), dtype=np.int64), 2)
    assert joint.tolist() == [[2, 0], [1, 1]]


def test_fewest_own_votes_come_first_and_ties_go_by_nearness() -> None:
    distances = np.array([[1.0, 2, 4], [1, 2, 4], [1, 2, 4], [1, 2, 4], [0, 0, 3]])
    own = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 0]]
    is_own = np.array(own, dtype=bool)
    votes = np.array([1, 1, 1, 2, 1])
    # nearest other over nearest own: 2, 1/2, 1/4, 4, and 1 where a copy has another label
    assert rank_by_suspicion(votes, is_own, distances).tolist() == [2, 1, 4, 0, 3]


def test_none_of_the_own_and_none_of_another_count_as_far_as_the_last() -> None:
    distances = np.array([[1.0, 2], [1, 4], [1, 3], [0, 3]])
    is_own = np.array([[False, False], [False, False], [True, True], [True, True]])
    assert rank_by_suspicion(np.zeros(4, int), is_own, distances).tolist() == [1, 0, 2, 3]


def test_the_least_share_of_weighted_votes_comes_first() -> None:
    is_own = np.array([[True, False], [False, True], [False, False], [True, True], [False, True]])
    weights = np.array([[1.0, 0.5], [1.0, 0.25], [1.0, 0.5], [0.5, 0.5], [1.0, 0.25]])
    assert rank_by_share(is_own, weights).tolist() == [2, 1, 4, 0, 3]


def test_suggestions_are_the_most_frequent_other_class_and_of_several_the_nearest() -> None:
    neighbor_labels = np.array([[0, 0, 0, 2, 1, 1], [2, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    suggested = suggest_classes(neighbor_labels, np.zeros(3, int), count_votes(neighbor_labels))
    assert suggested.tolist() == [1, 2, 0]


def test_many_classes_take_no_more_memory_than_the_table_and_the_joint() -> None:
    n, k, n_classes = 20_000, 10, 1000
    neighbor_labels = np.random.default_rng(0).integers(0, n_classes, (n, k))
    with TracedMemory() as memory:
        joint_of(np.arange(n) % n_classes, neighbor_labels, n_classes)
    # Shares of every class would be 160 MB.
    assert memory.peak < 8 * neighbor_labels.nbytes + 3 * n_classes**2 * 8


def test_labels_are_confirmed_by_most_votes_and_of_several_by_the_nearest() -> None:
    neighbor_labels = np.array([[2, 1, 1], [0, 1, 2]])
    votes = count_votes(neighbor_labels)
    assert vote_accuracy(neighbor_labels, np.array([1, 2]), votes) == 0.5
    assert vote_accuracy(neighbor_labels, np.array([1, 0]), votes) == 1


def test_strong_evidence_is_agreement_that_is_nearly_always_right() -> None:
    # All of 200 images see class 1; one that none agrees with has another label.
    labels, neighbor_labels = np.ones(200, dtype=np.int64), np.ones((200, 5), dtype=np.int64)
    labels[3] = 0
    found = strong_evidence(neighbor_labels, labels, count_votes(neighbor_labels), 0.8)
    assert np.flatnonzero(found).tolist() == [3]
    labels[:100] = 0
    assert not strong_evidence(neighbor_labels, labels, count_votes(neighbor_labels), 0.8).any()


@st.composite
def games(draw: Any, most_rows: int) -> Game:
    """Full tables of a few queries, and the labels of rows and queries."""
    n = draw(st.integers(1, most_rows))
    orders = draw(st.lists(st.permutations(range(n)), min_size=1, max_size=3))
    row_labels = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    labels = draw(st.lists(st.integers(0, 2), min_size=len(orders), max_size=len(orders)))
    return np.array(orders), np.array(row_labels), np.array(labels)


@given(games(6), st.integers(1, 8))
def test_values_are_the_mean_of_what_an_image_adds_to_all_subsets(game: Game, k: int) -> None:
    indices, row_labels, labels = game
    n = len(row_labels)
    expected = [
        shapley_by_subsets(order.tolist(), row_labels == label, k)
        for order, label in zip(indices, labels, strict=True)
    ]
    values = knn_shapley(indices, row_labels, labels, k, n)
    np.testing.assert_allclose(values, np.mean(expected, axis=0), atol=1e-12)


@given(games(40), st.integers(1, 50))
def test_values_sum_to_the_share_of_right_votes(game: Game, k: int) -> None:
    indices, row_labels, labels = game
    right = row_labels[indices[:, :k]] == labels[:, np.newaxis]
    values = knn_shapley(indices, row_labels, labels, k, len(row_labels))
    assert values.sum() == pytest.approx((right.sum(axis=1) / k).mean())


@given(games(40), st.integers(1, 6), st.data())
def test_truncated_values_keep_within_their_bound(game: Game, k: int, data: Any) -> None:
    indices, row_labels, labels = game
    n = len(row_labels)
    width = data.draw(st.integers(min(k, n), n))
    exact = knn_shapley(indices, row_labels, labels, k, n)
    truncated = knn_shapley(indices[:, :width], row_labels, labels, k, n)
    bound = shapley_error_bound(width, n)
    assert np.abs(exact - truncated).max() <= bound + 1e-12
    assert (bound == 0) == (width == n)


def test_left_out_images_are_no_part_of_their_own_game() -> None:
    rng = np.random.default_rng(3)
    n, k = 7, 2
    labels = rng.integers(0, 2, n)
    indices = np.array([rng.permutation(np.delete(np.arange(n), i)) for i in range(n)])
    expected = np.zeros(n)
    for i, order in enumerate(indices):
        others = np.delete(np.arange(n), i)
        places = np.searchsorted(others, order).tolist()
        expected[others] += shapley_by_subsets(places, (labels == labels[i])[others], k) / n
    values = knn_shapley(indices, labels, labels, k, n - 1)
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    indices = np.array([rng.permutation(30) for _ in range(50)])
    row_labels, labels = rng.integers(0, 3, 30), rng.integers(0, 3, 50)
    whole = knn_shapley(indices, row_labels, labels, 4, 30)
    monkeypatch.setattr("lookalike.evaluation.auditing.votes._BATCH_CELLS", 100)
    np.testing.assert_allclose(knn_shapley(indices, row_labels, labels, 4, 30), whole, rtol=1e-12)


def test_labels_may_be_text() -> None:
    values = knn_shapley(np.array([[1, 0]]), np.array(["a", "b"]), np.array(["b"]), 1, 2)
    assert values.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("width", "n_labels", "k", "n_rows", "match"),
    [
        (3, 4, 1, 9, "5 rows of neighbours and 4 query labels; give one label"),
        (3, 5, 0, 9, "k=0 is less than 1"),
        (3, 5, 4, 9, "3 neighbours of each query but k=4 and n_rows=9; search for 4 to 9"),
        (3, 5, 4, 2, "3 neighbours of each query but k=4 and n_rows=2; search for 2 to 2"),
    ],
)
def test_impossible_tables_are_refused(
    width: int, n_labels: int, k: int, n_rows: int, match: str
) -> None:
    indices = np.zeros((5, width), dtype=np.int64)
    with pytest.raises(ValueError, match=match):
        knn_shapley(indices, np.zeros(9), np.zeros(n_labels), k, n_rows)
