"""Images unlike all others, and pictures that can hardly be meant."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from lookalike.evaluation.auditing.outliers import (
    THRESHOLD,
    find_outliers,
    find_rejects,
    read_sizes,
)


def usual(n: int = 10_000) -> NDArray[np.float64]:
    return np.exp(np.random.default_rng(0).normal(2, 0.3, n))


def test_of_normal_logarithms_as_many_as_a_normal_distribution_has() -> None:
    rows, cutoff = find_outliers(usual())
    assert cutoff == pytest.approx(np.exp(2 + THRESHOLD * 0.3), rel=0.05)
    assert 5 <= len(rows) <= 25  # 13.5 are expected


def test_the_farthest_come_first_and_do_not_hide_themselves() -> None:
    distances = usual()
    _, before = find_outliers(distances)
    distances[100:1000] = 1e6 + np.arange(900)
    rows, cutoff = find_outliers(distances)
    assert rows[:900].tolist() == list(range(999, 99, -1))
    assert cutoff < 1.3 * before


def test_the_cutoff_of_a_few_distances() -> None:
    rows, cutoff = find_outliers(np.array([4.0, 5, 5, 6, 7, 90]))
    assert rows.tolist() == [5]
    assert cutoff == pytest.approx(16.1, abs=0.05)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_does_not_matter(factor: float) -> None:
    rows, cutoff = find_outliers(usual())
    scaled_rows, scaled_cutoff = find_outliers(usual() * factor)
    np.testing.assert_array_equal(rows, scaled_rows)
    assert scaled_cutoff == pytest.approx(cutoff * factor)


def test_equal_distances_have_no_outlier() -> None:
    rows, cutoff = find_outliers(np.full(5, 3.0))
    assert (len(rows), cutoff) == (0, 3)


def test_no_distance_is_usual_where_half_are_copies() -> None:
    rows, cutoff = find_outliers(np.array([0.0, 0, 0, 7]))
    assert len(rows) == 0
    assert math.isnan(cutoff)


def test_blank_and_nearly_blank_pictures_are_found_among_digits() -> None:
    images = load_digits().images.copy()
    images = np.repeat(np.repeat(images, 4, axis=1), 4, axis=2)
    images[5] = 7
    images[9] = 0
    images[9, 3, 4:8] = 16
    rejects = find_rejects(images, None, None, ())
    assert [(reject.row, reject.kind) for reject in rejects] == [(5, "blank"), (9, "nearly blank")]


def test_tiny_and_odd_shapes_are_told_by_what_is_usual() -> None:
    sizes = np.array([[100, 120], [90, 140], [120, 100], [110, 100], [12, 14], [40, 400], [0, 0]])
    images = np.random.default_rng(0).integers(0, 256, (7, 8, 8))
    rejects = find_rejects(images, None, sizes, ())
    assert [(reject.row, reject.kind) for reject in rejects] == [(4, "tiny"), (5, "odd shape")]
    same = np.full((7, 2), 9)
    assert find_rejects(images, None, same, ()) == []


def test_broken_files_come_first_and_sizes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (5, 3)).save(path)
    (tmp_path / "b.png").write_bytes(b"no picture")
    sizes = read_sizes([path, None, tmp_path / "b.png", tmp_path / "none.png"])
    assert sizes.tolist() == [[3, 5], [0, 0], [0, 0], [0, 0]]
    images = np.zeros((1, 4, 4))
    broken, blank = find_rejects(images, [path], None, [(tmp_path / "b.png", "does not decode")])
    assert (broken.kind, broken.row, broken.reason) == ("broken", None, "does not decode")
    assert (blank.kind, blank.path) == ("blank", path)
