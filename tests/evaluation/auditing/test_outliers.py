"""Images unlike all others."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.evaluation.auditing.outliers import THRESHOLD, find_outliers


def usual(n: int = 10_000) -> NDArray[np.float64]:
    return np.exp(np.random.default_rng(0).normal(2, 0.3, n))


def test_of_normal_logarithms_as_many_as_a_normal_distribution_has() -> None:
    found = find_outliers(usual())
    assert found.cutoff == pytest.approx(np.exp(2 + THRESHOLD * 0.3), rel=0.05)
    assert 5 <= len(found.rows) <= 25  # 13.5 are expected


def test_the_farthest_come_first_and_do_not_hide_themselves() -> None:
    distances = usual()
    before = find_outliers(distances).cutoff
    distances[100:1000] = 1e6 + np.arange(900)
    found = find_outliers(distances)
    assert found.rows[:900].tolist() == list(range(999, 99, -1))
    assert found.cutoff < 1.3 * before


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_does_not_matter(factor: float) -> None:
    found, scaled = find_outliers(usual()), find_outliers(usual() * factor)
    np.testing.assert_array_equal(found.rows, scaled.rows)
    assert scaled.cutoff == pytest.approx(found.cutoff * factor)


def test_equal_distances_have_no_outlier() -> None:
    found = find_outliers(np.full(5, 3.0))
    assert (len(found.rows), found.cutoff) == (0, 3)


def test_no_distance_is_usual_where_half_are_copies() -> None:
    found = find_outliers(np.array([0.0, 0, 0, 7]))
    assert len(found.rows) == 0
    assert math.isnan(found.cutoff)
