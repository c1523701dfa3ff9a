"""Vectors are normalized as the formulae say, whatever their scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.utils.estimator_checks import parametrize_with_checks

from lookalike.matching.vectors import NormalizeVectors


@given(
    st.integers(1, 6),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1e-30, 1.0, 1e30]),
    st.integers(0, 99),
)
def test_they_follow_the_formulae(n, d, roots, unit, scale, seed) -> None:
    X = np.random.default_rng(seed).normal(size=(n, d)) * scale
    expected = X / np.abs(X).max()
    if roots:
        expected = np.sqrt(expected.clip(0))
    for centred in (False, True):
        if centred:
            expected = expected - expected.mean(axis=0)
        if unit:
            lengths = np.linalg.norm(expected, axis=1, keepdims=True)
            if lengths.min() < 1e-3:  # the direction of next to nothing is that of rounding
                return
            expected = expected / lengths
    found = NormalizeVectors(roots=roots, unit=unit).fit_transform(X)
    assert found.dtype == np.float32
    assert_allclose(found, expected, atol=2e-4)


def test_a_vector_without_length_stays() -> None:
    assert NormalizeVectors().fit_transform([[3.0, 4.0]]).tolist() == [[0, 0]]
    assert NormalizeVectors().fit_transform([[0.0], [0.0]]).tolist() == [[0], [0]]


@parametrize_with_checks([NormalizeVectors(), NormalizeVectors(roots=True, unit=False)])
def test_check_estimator(estimator, check) -> None:
    check(estimator)


def test_bad_vectors_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        NormalizeVectors().fit([[np.nan]])
    with pytest.raises(ValueError, match="expecting 2 features"):
        NormalizeVectors().fit([[1.0, 2.0]]).transform([[1.0]])
