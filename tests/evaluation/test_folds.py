"""Folds that any labelled images allow."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from lookalike.evaluation.folds import choose_folds


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(2, 6))
def test_every_fold_tests_every_class_and_trains_on_enough(labels: list[int], most: int) -> None:
    y = np.array(labels)
    folds = choose_folds(y, most=most)
    classes, counts = np.unique(y, return_counts=True)
    assert folds.smallest_class == classes[np.argmin(counts)]
    if folds.cv == "loo":
        assert counts.min() == 1
        assert (folds.n_splits, folds.most_neighbors) == (len(y), len(y) - 1)
        return
    assert folds.cv == folds.n_splits == min(most, counts.min())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # scikit-learn's, of classes with fewer images than folds
        splits = list(StratifiedKFold(folds.n_splits).split(y[:, None], y))
    assert min(len(train) for train, _ in splits) == folds.most_neighbors
    for _, test in splits:
        assert set(y[test]) == set(classes)


def test_one_image_can_not_be_split() -> None:
    with pytest.raises(ValueError, match="1 labels cannot be split into images to train"):
        choose_folds(np.array([3]))
