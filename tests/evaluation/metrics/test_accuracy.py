"""Accuracy and its standard error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from lookalike.evaluation.metrics.accuracy import accuracy


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_equals_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = np.array(pairs).T
    found = accuracy(labels, predicted)
    assert found.value == accuracy_score(labels, predicted)
    assert found.n_right == accuracy_score(labels, predicted, normalize=False)
    assert found.n == len(pairs)


def test_standard_error_is_the_spread_over_samples() -> None:
    rng = np.random.default_rng(0)
    shares = [accuracy(np.zeros(400), rng.random(400) < 0.1).value for _ in range(2000)]
    right = np.arange(400) < 40
    assert accuracy(np.zeros(400), right).standard_error == pytest.approx(np.std(shares), rel=0.05)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (3, 2)])
def test_refuses_what_has_no_accuracy(n: int, m: int) -> None:
    with pytest.raises(ValueError, match=f"{n} labels and {m} predictions; give one"):
        accuracy(np.zeros(n), np.zeros(m))
