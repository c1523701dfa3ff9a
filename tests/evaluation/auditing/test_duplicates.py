"""Copies among training images, and of training images in the test part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from lookalike.evaluation.auditing.duplicates import (
    DuplicateGroup,
    Leak,
    NearCutoff,
    choose_near_cutoff,
    find_duplicates,
    find_leaks,
    row_keys,
)

NO_NEAR = NearCutoff(0.0, float("nan"), 0.0)


def duplicates(
    images: NDArray[Any], labels: NDArray[Any], k: int, cutoff: NearCutoff | None = None
) -> list[DuplicateGroup]:
    distances, indices = NearestNeighbors(n_neighbors=k).fit(images).kneighbors()
    chosen = choose_near_cutoff(distances) if cutoff is None else cutoff
    return find_duplicates(images, labels, distances, indices, chosen)


@given(st.lists(st.integers(0, 5), min_size=3, max_size=20), st.booleans())
def test_exact_groups_are_all_equal_rows(values: list[int], as_floats: bool) -> None:
    images = np.array(values, dtype=float if as_floats else np.uint8)[:, np.newaxis]
    labels = np.arange(len(values)) % 2
    groups = duplicates(images, labels, 2, NO_NEAR)
    expected = {
        value: [row for row, other in enumerate(values) if other == value] for value in set(values)
    }
    found = sorted(group.rows.tolist() for group in groups)
    assert found == sorted(rows for rows in expected.values() if len(rows) > 1)
    for group in groups:
        assert (group.kind, group.distance) == ("exact", 0)
        assert group.is_conflicting == (len({row % 2 for row in group.rows.tolist()}) > 1)
    conflicts = [group.is_conflicting for group in groups]
    assert conflicts == sorted(conflicts, reverse=True)


def test_keys_are_equal_where_images_are() -> None:
    one, other, third = row_keys(np.array([[0.0, 1], [-0.0, 1], [1, 0]]))
    assert one == other
    assert one != third


def test_negative_zero_is_zero() -> None:
    images = np.array([[0.0, 1.0], [-0.0, 1.0], [5.0, 5.0]])
    (group,) = duplicates(images, np.array(["a", "a", "b"]), 1, NO_NEAR)
    assert group.rows.tolist() == [0, 1]
    assert not group.is_conflicting


@pytest.mark.parametrize("dtype", [object, np.longdouble, np.float16])
def test_images_are_the_same_in_any_dtype(dtype: Any) -> None:
    # Values of their own for each row: equal objects are not one, and long doubles have padding.
    images = np.array([[0.5, 1.5], [3.0, 4.0], [0.5, 1.5], [-3.0, 4.0]])
    (group,) = duplicates(images.astype(dtype), np.arange(4), 2, NO_NEAR)
    assert (group.kind, group.rows.tolist()) == ("exact", [0, 2])
    for other in (float, np.float32):
        found = leaks(images.astype(dtype), images[1:2].astype(other), k=2)
        assert [(leak.kind, leak.train_row) for leak in found] == [("exact", 1)]


@pytest.mark.parametrize("dimension", [2, 5, 10])
def test_chance_brings_about_one_image_so_near(dimension: int) -> None:
    n_near = []
    for seed in range(20):
        points = np.random.default_rng(seed).random((1000, dimension))
        distances, _ = NearestNeighbors(n_neighbors=10).fit(points).kneighbors()
        cutoff = choose_near_cutoff(distances)
        assert cutoff.dimension == pytest.approx(dimension, rel=0.3)  # less at the edges
        n_near.append(np.count_nonzero(distances[:, 0] <= cutoff.ratio * distances[:, -1]))
    assert np.mean(n_near) < 2


def test_slightly_changed_copies_are_near_and_no_others() -> None:
    rng = np.random.default_rng(1)
    points = rng.random((1000, 8))
    # 30 copies of one image are more than the table is wide; 3 of another; an exact one beside.
    copies = np.concatenate(
        [
            points[[7] * 30] + rng.normal(0, 1e-3, (30, 8)),
            points[[9] * 3] + rng.normal(0, 1e-3, (3, 8)),
            points[[9]],
        ]
    )
    groups = duplicates(np.concatenate([points, copies]), np.arange(1034) % 3, 10)
    assert [(group.kind, group.rows.tolist()) for group in groups] == [
        ("exact", [9, 1033]),
        ("near", [7, *range(1000, 1030)]),
        ("near", [9, *range(1030, 1034)]),
    ]
    assert 0 < groups[1].distance < 0.02
    assert len(groups[1]) == 31


def test_near_copies_are_found_among_exact_copies() -> None:
    # Every image twice, as when a set is joined to itself: no nearest neighbour tells a distance.
    points = np.random.default_rng(5).random((400, 8))
    images = np.concatenate([points, points, points[:2] + 1e-4])
    groups = duplicates(images, np.arange(802) % 2, 10)
    near = [group.rows.tolist() for group in groups if group.kind == "near"]
    assert near == [[0, 400, 800], [1, 401, 801]]
    assert len(groups) == 402


def test_copies_of_every_image_change_the_dimension_little() -> None:
    points = np.random.default_rng(6).random((500, 5))
    distances, _ = NearestNeighbors(n_neighbors=10).fit(points).kneighbors()
    twice = np.concatenate([points, points])
    of_twice, _ = NearestNeighbors(n_neighbors=10).fit(twice).kneighbors()
    dimension = choose_near_cutoff(distances).dimension
    assert choose_near_cutoff(of_twice).dimension == pytest.approx(dimension, rel=0.3)


def test_images_alike_to_the_metric_alone_are_near() -> None:
    # By the cosine a brighter copy is at distance 0.
    images = np.array([[1, 2], [2, 4], [9, 1], [1, 9]], dtype=float)
    distances = np.array([[0.0, 1], [0, 1], [1, 1], [1, 1]])
    indices = np.array([[1, 2], [0, 2], [0, 1], [0, 1]])
    (group,) = find_duplicates(images, np.arange(4), distances, indices, NO_NEAR)
    assert (group.kind, group.rows.tolist(), group.distance) == ("near", [0, 1], 0)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_all_equal_images_are_one_exact_group(k: int) -> None:
    images = np.zeros((6, 4), dtype=np.uint8)
    (group,) = duplicates(images, np.arange(6), k)
    assert (group.kind, group.rows.tolist()) == ("exact", list(range(6)))


def leaks(train: NDArray[Any], test: NDArray[Any], k: int = 10) -> list[Leak]:
    search = NearestNeighbors(n_neighbors=k).fit(train)
    left_out, _ = search.kneighbors()
    return find_leaks(
        train,
        np.arange(len(train)),
        test,
        np.arange(len(test)),
        *search.kneighbors(test),
        left_out[:, -1],
        choose_near_cutoff(left_out),
    )


def test_leaks_are_the_test_images_that_training_has() -> None:
    rng = np.random.default_rng(2)
    train, test = rng.random((400, 8)), rng.random((50, 8))
    train[300] = train[3]
    test[5] = train[5]
    test[6] = train[300]  # whose first copy is row 3
    test[20] = train[100] + 1e-3
    found = leaks(train, test)
    assert [(leak.kind, leak.test_row, leak.train_row, leak.is_conflicting) for leak in found] == [
        ("exact", 6, 3, True),
        ("exact", 5, 5, False),
        ("near", 20, 100, True),
    ]
    assert (found[0].test_label, found[0].train_label) == (6, 3)
    assert found[2].distance == pytest.approx(np.sqrt(8) * 1e-3)


def test_no_leaks_where_chance_alone_is_at_work() -> None:
    rng = np.random.default_rng(4)
    assert len(leaks(rng.random((1000, 8)), rng.random((300, 8)))) <= 1
