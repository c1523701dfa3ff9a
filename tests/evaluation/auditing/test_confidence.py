"""Self-confidence, the confident joint, and the order of suspicion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reference.auditing import confident_joint

from lookalike.evaluation.auditing.confidence import (
    count_confident_joint,
    count_votes,
    rank_by_suspicion,
)


@st.composite
def voted(draw: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels of 2 to 4 classes, each at least once, and vote shares with many ties."""
    n_classes = draw(st.integers(2, 4))
    more = draw(st.lists(st.integers(0, n_classes - 1), max_size=30))
    labels = np.array([*range(n_classes), *more])
    k = draw(st.integers(1, 6))
    vote = st.lists(st.integers(0, n_classes - 1), min_size=k, max_size=k)
    votes = draw(st.lists(vote, min_size=len(labels), max_size=len(labels)))
    return labels, count_votes(np.array(votes), n_classes) / k


@given(voted())
def test_joint_is_the_paper_s(case: tuple[NDArray[np.int64], NDArray[np.float64]]) -> None:
    labels, shares = case
    joint = count_confident_joint(labels, shares)
    np.testing.assert_array_equal(joint.counts, confident_joint(labels, shares))
    estimate = joint.estimate(labels)
    assert estimate.sum() == pytest.approx(1)
    n_given = np.bincount(labels, minlength=shares.shape[1])
    np.testing.assert_allclose(estimate.sum(axis=1), n_given / len(labels))


@given(voted())
def test_joint_and_confidence_are_cleanlab_s(
    case: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    count = pytest.importorskip("cleanlab.count")
    rank = pytest.importorskip("cleanlab.rank")
    labels, shares = case
    joint = count_confident_joint(labels, shares)
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
    sure = np.random.default_rng(0).uniform(0.8, 1, len(true))
    shares = np.where(np.arange(2) == true[:, np.newaxis], sure[:, np.newaxis], 1 - sure[:, None])
    joint = count_confident_joint(labels, shares)
    assert joint.counts[0, 1] == 0
    assert joint.estimate(labels)[1, 0] == pytest.approx(0.025, abs=0.01)


def test_a_class_without_any_share_is_not_everybody_s() -> None:
    shares = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    joint = count_confident_joint(np.array([0, 0, 1]), shares)
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
