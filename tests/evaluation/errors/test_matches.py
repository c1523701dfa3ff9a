"""Pictures of what was matched, and of how pixels moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lookalike import LookalikeClassifier, load_dataset
from lookalike.estimators.matches import Matches
from lookalike.reports.matches import draw_matches, surest_wrong


@pytest.fixture(scope="module")
def explained() -> tuple[Matches, NDArray[Any]]:
    digits = load_dataset("digits")
    classifier = LookalikeClassifier("fast").fit(15 * digits.train.images, digits.train.labels)
    return classifier.explain(15 * digits.test.images[:30], 5), digits.test.labels[:30]


def pixels(path: Path) -> NDArray[np.int64]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def n_blue(path: Path) -> int:
    red, _, blue = np.moveaxis(pixels(path), 2, 0)
    return int((blue - red > 100).sum())


def test_wrong_ones_come_surest_first(explained: tuple[Matches, NDArray[Any]]) -> None:
    matches, labels = explained
    others = labels.copy()
    others[[3, 8, 20]] += 1
    rows = surest_wrong(matches, others)
    assert {3, 8, 20} <= set(rows.tolist())
    assert (matches.prediction[rows] != others[rows]).all()
    assert (np.diff(matches.probabilities[rows].max(axis=1)) <= 0).all()


@pytest.mark.parametrize(("n", "lines", "blocks"), [(1, 1, 1), (8, 8, 1), (9, 5, 2)])
def test_a_line_for_each_image_in_one_block_or_two(
    n: int, lines: int, blocks: int, explained: tuple[Matches, NDArray[Any]], tmp_path: Path
) -> None:
    path = tmp_path / "matches.png"
    draw_matches(*explained, np.arange(n), path)
    height, width, _ = pixels(path).shape
    assert height == pytest.approx(200 * (1.47 * lines + 0.65), abs=2)
    assert (width > 2000) == (blocks == 2)
    assert pixels(path).mean() > 180  # ink on paper


def test_moves_are_drawn_where_they_counted(
    explained: tuple[Matches, NDArray[Any]], tmp_path: Path
) -> None:
    matches, labels = explained
    path = tmp_path / "matches.png"
    counts = []
    for deformed in (False, True):
        own = replace(matches, deformed=np.full(len(matches), deformed))
        draw_matches(own, labels, np.arange(2), path)
        counts.append(n_blue(path))
    assert counts[0] == 0
    assert counts[1] > 100


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_oblong_images_of_any_channels_and_names_of_any_kind(channels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 9, 15, channels), dtype=np.uint8)
    labels = np.array(["$a$ [b]", "ä", "$"])
    matches = LookalikeClassifier("fast").fit(images, labels).explain(images, 2)
    path = tmp_path / "matches.png"
    draw_matches(matches, labels, np.arange(3), path, numbers=np.array([5, 70, 10_000]))
    assert pixels(path).std() > 5
