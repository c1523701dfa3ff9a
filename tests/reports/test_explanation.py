"""Queries beside the training images behind their predictions: pictures, pages, arrows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lookalike import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LookalikeClassifier,
    Shifts,
    load_dataset,
)
from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.mistakes import surest_mistakes
from lookalike.reports.blocks import Gallery, Table
from lookalike.reports.explanation import describe, explained_gallery
from lookalike.reports.pictures import with_arrows
from lookalike.reports.png import save_png

DIGITS = load_dataset("digits")
WHITE = 16 / 255  # the digits' brightest value, by that of pictures


@pytest.fixture(scope="module")
def matched() -> tuple[Explanation, NDArray[Any]]:
    classifier = LookalikeClassifier("fast").fit(15 * DIGITS.train.images, DIGITS.train.labels)
    return classifier.explain(15 * DIGITS.test.images[:30], 5), DIGITS.test.labels[:30]


def test_wrong_ones_come_surest_first(matched: tuple[Explanation, NDArray[Any]]) -> None:
    found, labels = matched
    others = labels.copy()
    others[[3, 8, 20]] += 10
    rows = surest_mistakes(found, others)
    assert {3, 8, 20} <= set(rows.tolist())
    assert (found.prediction[rows] != others[rows]).all()
    assert (np.diff(found.probabilities[rows[:3]].max(axis=1)) <= 0).all()


@pytest.mark.parametrize("n", [1, 3])
def test_picture_has_a_line_for_each_image(n: int, tmp_path: Path) -> None:
    train = DIGITS.train
    found = KNeighborsClassifier(3).fit(train.images, train.labels).explain(DIGITS.test.images)
    gallery = explained_gallery(found, DIGITS.test.labels, np.arange(n), "First", DIGITS)
    save_png(tmp_path / "first.png", gallery)
    with Image.open(tmp_path / "first.png") as picture:
        # black, the digits' background, in each of the four pictures of each line
        black = (np.asarray(picture.convert("L")) == 0).any(axis=1)
    assert np.count_nonzero(np.diff(black.astype(int)) == 1) >= n
    for query, shown in enumerate(gallery.pictures):
        np.testing.assert_allclose(shown.image * WHITE, DIGITS.test.images[query], atol=0.1)
        assert len(shown.neighbors) == 3


def test_only_a_test_image_of_its_number_is_shown() -> None:
    knn = KNeighborsClassifier(3).fit(DIGITS.train.images, DIGITS.train.labels)
    numbers = np.array([7, 90])
    found = knn.explain(DIGITS.test.images[numbers])
    labels = DIGITS.test.labels[numbers] + 1
    gallery = explained_gallery(found, labels % 10, np.array([1]), "One", DIGITS, numbers=numbers)
    (shown,) = gallery.pictures
    assert shown.caption[1] == "test 90"
    assert shown.state == "wrong"
    np.testing.assert_allclose(shown.image * WHITE, DIGITS.test.images[90], atol=0.1)


def test_moves_are_drawn_where_they_counted(matched: tuple[Explanation, NDArray[Any]]) -> None:
    found, labels = matched
    assert found.images is not None
    moves = np.ones((5, 2, *found.images.shape[1:3]), dtype=np.int8)
    n_blue = []
    for deformed in (False, True):
        own = replace(found, deformed=np.full(len(found), deformed))
        object.__setattr__(own, "displacements", lambda _: moves)
        image = explained_gallery(own, labels, np.arange(1), "a").pictures[0].neighbors[0].image
        red, blue = (image[..., i].astype(int) for i in (0, -1))
        n_blue.append(int((blue - red > 100).sum()))
    assert n_blue[0] == 0
    assert n_blue[1] > 100


def test_arrows_lead_to_where_the_like_is() -> None:
    query = np.zeros((8, 8), dtype=np.uint8)
    query[3, 4] = 255  # its grey changes at the four pixels beside it
    moves = np.zeros((2, 8, 8), dtype=int)
    moves[1] = 2
    drawn = with_arrows(np.zeros_like(query), query, moves).astype(int)
    rows, columns = np.nonzero(drawn[..., 2] - drawn[..., 0] > 100)
    assert set(np.unique(rows // 28)) <= {2, 3, 4}
    assert columns.min() // 28 >= 2
    assert columns.max() // 28 == 7


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_oblong_images_of_any_channels_and_names_of_any_kind(channels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 9, 15, channels), dtype=np.uint8)
    labels = np.array(["$a$ [b]", "ä", "$"])
    found = LookalikeClassifier("fast").fit(images, labels).explain(images, 2)
    gallery = explained_gallery(
        found, labels, np.arange(3), "All", numbers=np.array([5, 70, 10_000])
    )
    save_png(tmp_path / "all.png", gallery)
    assert [shown.caption[1] for shown in gallery.pictures] == ["test 5", "test 70", "test 10,000"]


def test_an_explanation_shows_itself(tmp_path: Path) -> None:
    knn = KNeighborsClassifier(3, augmentation=Shifts(1))
    found = knn.fit(DIGITS.train.images, DIGITS.train.labels).explain(DIGITS.test.images[:4])
    assert found.images is not None
    assert np.shares_memory(found.images, DIGITS.test.images)
    knn.remove([0, 1, 2])  # the explanation keeps what it was made with
    (gallery,) = describe(found).sections[0].blocks
    assert isinstance(gallery, Gallery)
    for query, shown in enumerate(gallery.pictures):
        for place, neighbor in enumerate(shown.neighbors):
            compared = found.compared(query, place)
            np.testing.assert_allclose(neighbor.image * WHITE, compared, atol=0.1)
            distance = np.linalg.norm(compared.astype(float) - DIGITS.test.images[query])
            assert distance == pytest.approx(found.distances[query, place])
    assert found[1].report(tmp_path) == ["report.html", "report.json"]
    assert "srcdoc" in found._repr_html_()
    assert len(found[:2].plot().images) == 2 * (1 + 3)


def test_what_are_no_images_are_tables() -> None:
    X = np.arange(12.0).reshape(6, 2)
    found = KNeighborsRegressor(2).fit(X, X).explain(X[:2])
    blocks = describe(found).sections[0].blocks
    assert [type(block) for block in blocks] == [Table, Table]
    assert found.images is None
