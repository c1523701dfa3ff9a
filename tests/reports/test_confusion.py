"""The section on a confusion matrix: its table in the terminal, and its picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from lookalike.evaluation.errors.confusion import ConfusionMatrix
from lookalike.reports.blocks import Chart
from lookalike.reports.confusion import confusion_section
from lookalike.reports.png import save_png
from lookalike.reports.terminal import show


def chart_of(matrix: ConfusionMatrix) -> Chart:
    block = confusion_section(matrix).blocks[0]
    assert isinstance(block, Chart)
    return block


def shown(matrix: ConfusionMatrix, width: int = 80) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        show([confusion_section(matrix)], console)
    return capture.get()


@given(
    st.lists(st.text("ab狐$[ ", min_size=1, max_size=25), min_size=1, max_size=12),
    st.integers(0, 2_000_000),
)
def test_every_name_and_count_is_in_the_table(names: list[str], most: int) -> None:
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    counts[0, -1] = most
    table = chart_of(ConfusionMatrix(counts, tuple(names))).table
    assert [row[1:-2] for row in table.rows] == counts.tolist()
    assert all(str(row[0]).endswith(name) for row, name in zip(table.rows, names, strict=True))
    long_names = max(map(len, names)) > 5
    assert (table.texts()[0][0] == f"0 {names[0]}") == long_names


def test_matrix_of_ten_digits_fits_80_columns() -> None:
    text = shown(ConfusionMatrix(np.diag(np.full(10, 1135)), tuple("0123456789")))
    assert re.search(r"\n   9( +0){9} 1135 +0 +0\.0%", text)
    assert "Most often: no class taken for another." in text
    assert "Highest" not in text


def test_many_classes_are_told_by_their_largest_confusions() -> None:
    text = shown(many_classes(1000, 3))
    assert text.count("\n") < 20
    assert "Highest error rates: " in text


def test_a_class_without_images_has_no_error_rate() -> None:
    table = chart_of(ConfusionMatrix(np.array([[3, 1], [0, 0]]), ("a", "b"))).table
    assert table.texts() == [["a", "3", "1", "1", "25.0%"], ["b", "0", "0", "0", "–"]]


@pytest.mark.parametrize("names", [("0", "1"), ("T-shirt/top", r"$\nonsense{$ & more")])
def test_picture_of_the_matrix(names: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "matrix.png"
    save_png(path, chart_of(ConfusionMatrix(np.array([[1200, 0], [7, 11]]), names)))
    with Image.open(path) as picture:
        assert min(picture.size) >= 500
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    # the one kind of error is blue, and covers about a quarter of the matrix
    blue = pixels[:, 2] > pixels[:, 0] + 60
    assert 0.05 < blue.mean() < 0.25


def test_picture_without_an_error(tmp_path: Path) -> None:
    path = tmp_path / "matrix.png"
    save_png(path, chart_of(ConfusionMatrix(np.diag([3, 4, 5]), ("a", "b", "c"))))
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
        save_png(path, chart_of(many_classes(n_classes, n_confusions)))
        with Image.open(path) as picture:
            assert picture.size == (1320, 1200)
            # the matrix without title, the left labels and the colour bar
            pixels = np.asarray(picture.convert("RGB"))[80:-120, 120:1050].astype(int)
        blues.append(np.count_nonzero(pixels[..., 2] > pixels[..., 0] + 20))
    assert blues[0] == 0
    one, few = blues[1:]
    assert one >= 9  # a dot of 3 pixels a side at the least
    assert 10 * one < few < 40 * one


def test_longest_names_are_shortened_in_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "matrix.png"
    save_png(path, chart_of(ConfusionMatrix(np.eye(2, dtype=np.int64), ("x" * 100_000, "y"))))
    with Image.open(path) as picture:
        assert max(picture.size) < 2000
