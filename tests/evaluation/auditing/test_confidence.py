"""Self-confidence, the confident joint, and the order of suspicion."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reference.auditing import confident_joint

from lookalike.evaluation.auditing.confidence import (
    ConfidentJoint,
    count_confident_joint,
    count_votes,
    rank_by_suspicion,
    suggest_classes,
)

IntArray = NDArray[np.int64]


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


def joint_of(labels: IntArray, neighbor_labels: IntArray, n_classes: int) -> ConfidentJoint:
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
    np.testing.assert_array_equal(joint.counts, confident_joint(labels, shares))
    estimate = joint.estimate(labels)
    assert estimate.sum() == pytest.approx(1)
    n_given = np.bincount(labels, minlength=shares.shape[1])
    np.testing.assert_allclose(estimate.sum(axis=1), n_given / len(labels))


@given(voted())
def test_joint_and_confidence_are_cleanlab_s(case: tuple[IntArray, IntArray, int]) -> None:
    count = pytest.importorskip("cleanlab.count")
    rank = pytest.importorskip("cleanlab.rank")
    labels, neighbor_labels, n_classes = case
    joint, shares = joint_of(*case), shares_of(neighbor_labels, n_classes)
    theirs, rows = count.compute_confident_joint(
        labels, shares, calibrate=False, return_indices_of_off_diagonals=True
    )
    np.testing.assert_array_equal(joint.counts, theirs)
    np.testing.assert_array_equal(
        np.flatnonzero((joint.classes >= 0) & (joint.classes != labels)), rows
    )
    np.testing.assert_allclose(
        joint.thresholds, count.get_confident_thresholds(labels, shares), rtol=1e-12
    )
    # cleanlab rounds counts so that they keep their sums
    estimate = count.estimate_joint(labels, shares, confident_joint=theirs)
    np.testing.assert_allclose(joint.estimate(labels), estimate, atol=1 / len(labels))
    own = shares[np.arange(len(labels)), labels]
    np.testing.assert_array_equal(own, rank.get_self_confidence_for_each_label(labels, shares))


def test_known_noise_is_estimated() -> None:
    # 5 % of the 0 are labelled 1; neighbours know the true class with a little doubt.
    true = np.repeat([0, 1], 1000)
    labels = true.copy()
    labels[:50] = 1
    doubt = np.random.default_rng(0).random((len(true), 20)) < 0.1
    joint = joint_of(labels, np.where(doubt, 1 - true[:, np.newaxis], true[:, np.newaxis]), 2)
    assert joint.counts[0, 1] == 0
    assert joint.estimate(labels)[1, 0] == pytest.approx(0.025, abs=0.01)


def test_a_class_without_any_share_is_not_everybody_s() -> None:
    joint = joint_of(np.array([0, 0, 1]), np.zeros((3, 4), dtype=np.int64), 2)
    assert joint.classes.tolist() == [0, 0, 0]
    assert joint.counts.tolist() == [[2, 0], [1, 1]]


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


def test_suggestions_are_the_most_frequent_other_class_and_of_several_the_nearest() -> None:
    neighbor_labels = np.array([[0, 0, 0, 2, 1, 1], [2, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    suggested = suggest_classes(neighbor_labels, np.zeros(3, int), count_votes(neighbor_labels))
    assert suggested.tolist() == [1, 2, 0]


def test_many_classes_take_no_more_memory_than_the_table_and_the_joint() -> None:
    n, k, n_classes = 20_000, 10, 1000
    neighbor_labels = np.random.default_rng(0).integers(0, n_classes, (n, k))
    tracemalloc.start()
    try:
        joint_of(np.arange(n) % n_classes, neighbor_labels, n_classes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Shares of every class would be 160 MB.
    assert peak < 8 * neighbor_labels.nbytes + 3 * n_classes**2 * 8
