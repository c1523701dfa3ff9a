"""The confusion matrix and its picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.evaluation.errors.confusion import ConfusionMatrix, confused_pairs
from lookalike.evaluation.errors.mistakes import winning_shares

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
        assert min(picture.size) >= 400
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    # the one kind of error alone is blue, and covers about a quarter of the matrix
    blue = pixels[:, 2] > pixels[:, 0] + 60
    assert 0.05 < blue.mean() < 0.25


def test_picture_without_an_error(tmp_path: Path) -> None:
    path = tmp_path / "matrix.png"
    ConfusionMatrix(np.diag([3, 4, 5]), ("a", "b", "c")).save_png(path)
    with Image.open(path) as picture:
        picture.load()


def many_classes(n_classes: int, n_confusions: int) -> ConfusionMatrix:
    """Classes of 5 images, all right but for as many random confusions of 1 to 4 images."""
    rng = np.random.default_rng(0)
    counts = np.diag(np.full(n_classes, 5))
    cells = rng.choice(n_classes * (n_classes - 1), n_confusions, replace=False)
    rows, columns = np.divmod(cells, n_classes - 1)
    columns += columns >= rows  # skips the diagonal
    counts[rows, columns] = rng.integers(1, 5, n_confusions)
    return ConfusionMatrix(counts, tuple(map(str, range(n_classes))))


@pytest.mark.parametrize("n_classes", [41, 1000, 3000])
def test_picture_of_many_classes_has_one_size_and_shows_every_confusion(
    n_classes: int, tmp_path: Path
) -> None:
    blues = []
    for n_confusions in (0, 1, 25):
        path = tmp_path / f"{n_confusions}.png"
        many_classes(n_classes, n_confusions).save_png(path)
        with Image.open(path) as picture:
            assert picture.size == (1350, 1297)
            # the matrix without the left labels and the colour bar
            pixels = np.asarray(picture.convert("RGB"))[:-110, 90:1200].astype(int)
        blues.append(np.count_nonzero(pixels[..., 2] > pixels[..., 0] + 20))
    assert blues[0] == 0
    one, few = blues[1:]
    assert one >= 9  # a dot of 3 pixels a side at the least
    assert 10 * one < few < 40 * one


def test_longest_names_are_shortened_in_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "matrix.png"
    ConfusionMatrix(np.eye(2, dtype=np.int64), ("x" * 100_000, "y")).save_png(path)
    with Image.open(path) as picture:
        assert max(picture.size) < 2000


def test_pairs_are_the_cells_beside_the_diagonal_of_the_confusion_matrix() -> None:
    data = load_dataset("digits")
    knn = KNeighborsClassifier(3).fit(data.train.images[:200], data.train.labels[:200])
    explanation = knn.explain(data.test.images)
    pairs = confused_pairs(explanation, data.test.labels)
    matrix = ConfusionMatrix.of(data.test.labels, explanation.prediction, data.class_names)
    counts = [(pair.true, pair.predicted, len(pair.rows)) for pair in pairs]
    assert counts == matrix.largest(len(pairs) + 1)
    assert len(pairs) > 5
    for pair in pairs:
        assert np.all(data.test.labels[pair.rows] == pair.true)
        assert np.all(explanation.prediction[pair.rows] == pair.predicted)
        assert np.all(np.diff(winning_shares(explanation)[pair.rows]) <= 1e-9)


def test_no_errors_no_pairs() -> None:
    knn = KNeighborsClassifier(1).fit([[0.0], [1.0]], [0, 1])
    assert confused_pairs(knn.explain([[0.0]]), np.array([0])) == []
