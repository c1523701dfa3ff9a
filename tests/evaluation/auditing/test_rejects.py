"""Pictures that can hardly be meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from lookalike.evaluation.auditing.rejects import find_rejects, read_sizes


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
