"""The confusion matrix."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.errors.confusion import ConfusionMatrix

NAMES = ("cat", "dog", "eel", "fox")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_counts_and_errors_are_those_of_a_loop(pairs: list[tuple[int, int]]) -> None:
    matrix = ConfusionMatrix.of(*np.array(pairs).T, NAMES)
    for true in range(4):
        own = [predicted for label, predicted in pairs if label == true]
        wrong = sum(predicted != true for predicted in own)
        assert matrix.counts[true].tolist() == [own.count(j) for j in range(4)]
        assert matrix.n_images[true] == len(own)
        assert matrix.n_wrong[true] == wrong
        if own:
            assert matrix.error_rates[true] == wrong / len(own)
        else:
            assert np.isnan(matrix.error_rates[true])
    largest = matrix.largest(16)
    counts = [confusion.n for confusion in largest]
    assert counts == sorted(counts, reverse=True)
    assert all(count > 0 for count in counts)
    assert sum(counts) == sum(true != predicted for true, predicted in pairs)
    assert all(pairs.count((true, predicted)) == n for true, predicted, n in largest)
    assert matrix.largest(1) == largest[:1]
