"""Margins of votes, against a plain count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import KNeighborsClassifier
from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.margins import true_margins, vote_margins


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
