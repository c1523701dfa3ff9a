"""Values of training images: Shapley values by their definition, exact and truncated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reference.auditing import shapley_by_subsets

from lookalike.evaluation.auditing.shapley import knn_shapley, shapley_error_bound

Game = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


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
    monkeypatch.setattr("lookalike.evaluation.auditing.shapley._BATCH_CELLS", 100)
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
def test_refuses(width: int, n_labels: int, k: int, n_rows: int, match: str) -> None:
    indices = np.zeros((5, width), dtype=np.int64)
    with pytest.raises(ValueError, match=match):
        knn_shapley(indices, np.zeros(9), np.zeros(n_labels), k, n_rows)
