"""The confusion matrix and its picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike.evaluation.confusion import ConfusionMatrix

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


@pytest.mark.parametrize("names", [("0", "1"), ("T-shirt/top", r"$\nonsense{$ & more")])
def test_picture_of_the_matrix(names: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "matrix.png"
    ConfusionMatrix(np.array([[1200, 0], [7, 11]]), names).save_png(path)
    with Image.open(path) as picture:
        assert min(picture.size) >= 500
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    # the one kind of error is the darkest blue, and covers about a quarter of the matrix
    dark_blue = (pixels[:, 2] > 80) & (pixels[:, 0] < 40)
    assert 0.05 < dark_blue.mean() < 0.25


def test_picture_without_an_error(tmp_path: Path) -> None:
    path = tmp_path / "matrix.png"
    ConfusionMatrix(np.diag([3, 4, 5]), ("a", "b", "c")).save_png(path)
    with Image.open(path) as picture:
        picture.load()
