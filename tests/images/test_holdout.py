"""The test part that is held out: a stratified part, one of each class, or nothing, and told."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils import Bunch

from lookalike import Dataset, Flips, load_dataset
from lookalike.images.exceptions import DatasetError
from lookalike.images.expand import save_expanded


def numbered(n: int, n_classes: int = 2) -> Bunch:
    """Return n images of 2 × 2 pixels, each holding its own number, in classes by turns."""
    images = np.repeat(np.arange(n, dtype=np.uint8), 4).reshape(n, 2, 2)
    return Bunch(images=images, target=np.arange(n) % n_classes)


def of_counts(*counts: int) -> Bunch:
    """Return so many images of each class, each holding its own number."""
    bunch = numbered(sum(counts))
    bunch.target = np.repeat(np.arange(len(counts)), counts)
    return bunch


def load_quietly(source: Any, **options: Any) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_dataset(source, **options)


@given(
    n=st.integers(20, 200),
    n_classes=st.integers(1, 4),
    share=st.floats(0.3, 0.6),
    seed=st.integers(0, 2**32 - 1),
)
def test_held_out_part_is_stratified_and_complete(
    n: int, n_classes: int, share: float, seed: int
) -> None:
    data = load_quietly(numbered(n, n_classes), test_size=share, random_state=seed)
    train, test = data.train.images[:, 0, 0], data.test.images[:, 0, 0]
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
    for split, numbers in ((data.train, train), (data.test, test)):
        np.testing.assert_array_equal(split.labels, numbers % n_classes)
        assert (np.diff(numbers.astype(int)) > 0).all()  # the source's order is kept
        counts = np.bincount(split.labels, minlength=n_classes)
        exact = np.bincount(np.arange(n) % n_classes) * len(split) / n
        assert (np.abs(counts - exact) < 1).all()


@given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_whatever_the_classes_have_is_split(counts: list[int], seed: int) -> None:
    bunch = of_counts(*counts)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        data = load_dataset(bunch, random_state=seed)
    numbers = np.concatenate([data.train.images, data.test.images])[:, 0, 0]
    np.testing.assert_array_equal(np.sort(numbers), np.arange(sum(counts)))
    held_out = np.bincount(data.test.labels, minlength=len(counts))
    kept = np.bincount(data.train.labels, minlength=len(counts))
    assert (kept >= 1).all()
    assert not held_out[np.array(counts) == 1].any()
    assert held_out.any() == (max(counts) > 1)
    assert bool(said) or min(counts) > 1


def test_seed_decides_the_held_out_part() -> None:
    for bunch in (numbered(100), numbered(30, 10)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first, again, other = (
                load_dataset(bunch, random_state=seed).test.images for seed in (0, 0, 1)
            )
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)
    assert len(load_dataset(numbered(100), test_size=7).test) == 7


@pytest.mark.parametrize("test_size", [0, 0.0])
def test_nothing_is_held_out_if_nothing_is_asked_for(test_size: float, tmp_path: Path) -> None:
    data = load_quietly(of_counts(1, 4), test_size=test_size)
    assert data.test.images.shape == (0, 2, 2)
    assert data.test.labels.shape == (0,)
    assert len(data.train) == 5
    assert "0 test images" in repr(data)
    save_expanded(tmp_path / "grown.npz", data, Flips())
    again = load_quietly(tmp_path / "grown.npz")  # where copies of one image would part
    assert (len(again.train), again.test.images.shape) == (10, (0, 2, 2))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_one_of_each_of_small_classes(n: int) -> None:
    with pytest.warns(UserWarning, match=r"has few images, .* one of each class is held") as said:
        data = load_dataset(of_counts(*[n] * 10))
    assert said[0].filename == __file__
    assert sorted(data.test.labels.tolist()) == list(range(10))
    assert len(load_quietly(of_counts(*[5] * 10)).test) == 10  # a fifth has one of each


def test_one_image_a_class() -> None:
    with pytest.warns(UserWarning, match="has one image of each class, so none is held out"):
        data = load_dataset(of_counts(1, 1, 1))
    assert (len(data.train), len(data.test)) == (3, 0)
    with pytest.raises(DatasetError, match=r"test_size=2 .* give 0 to hold none out, or add"):
        load_dataset(of_counts(1, 1, 1), test_size=2)


def test_single_images_train() -> None:
    names = ["a", "b", "c", "d", "e", "f", "g"]
    bunch = Bunch(images=numbered(27).images, target=names + ["y", "z"] * 10)
    with pytest.warns(UserWarning, match="'a', 'b', 'c', 'd', 'e' and 2 more have a single"):
        data = load_dataset(bunch)
    assert {data.class_names[label] for label in data.test.labels} == {"y", "z"}
    assert len(data.test) == 4
    with pytest.warns(UserWarning, match="'rare' has a single image, which is a train image"):
        load_dataset(
            Bunch(images=numbered(5).images, target=["a", "a", "b", "b", "rare"]), test_size=2
        )


@pytest.mark.parametrize("test_size", [1.0, 1.5, -1, 100, 99, 1, "many", np.nan])
def test_impossible_test_size_and_its_cure(test_size: Any) -> None:
    with pytest.raises(DatasetError, match="cannot be held out of 100") as caught:
        load_dataset(numbered(100), test_size=test_size)
    found = re.search(r"a number of images from (\d+) to (\d+), or 0", str(caught.value))
    assert found is not None
    for size in (int(found[1]), int(found[2]), 0):
        assert len(load_dataset(numbered(100), test_size=size).test) == size
