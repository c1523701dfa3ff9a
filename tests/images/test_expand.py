"""expand: the book's five-fold set, and any augmentation of any images."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import AffineWarps, Flips, Rotations, Shifts, expand, load_dataset


def the_books(X_train: Any, y_train: Any, height: int, width: int) -> tuple[Any, Any]:
    """Géron, "Hands-On Machine Learning", chapter 3, exercise 2, but for the size of images."""
    from scipy.ndimage import shift

    def shift_image(image: Any, dx: int, dy: int) -> Any:
        image = image.reshape((height, width))
        shifted_image = shift(image, [dy, dx], cval=0, mode="constant")
        return shifted_image.reshape([-1])

    X_train_augmented = [image for image in X_train]  # noqa: C416
    y_train_augmented = [label for label in y_train]  # noqa: C416

    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        for image, label in zip(X_train, y_train, strict=True):
            X_train_augmented.append(shift_image(image, dx, dy))
            y_train_augmented.append(label)

    return np.array(X_train_augmented), np.array(y_train_augmented)


def assert_the_books(images: np.ndarray, labels: np.ndarray) -> None:
    height, width = images.shape[1:]
    rows = images.reshape(len(images), -1)
    expected, expected_labels = the_books(rows, labels, height, width)
    grown, grown_labels = expand(images, labels, Shifts(1))
    np.testing.assert_array_equal(grown.reshape(len(grown), -1), expected)
    np.testing.assert_array_equal(grown_labels, expected_labels)
    assert grown.dtype == images.dtype
    assert grown_labels.dtype == labels.dtype
    flat, _ = expand(rows, labels, Shifts(1), image_shape=(height, width))
    np.testing.assert_array_equal(flat, expected)


@settings(deadline=None)
@given(
    n=st.integers(1, 4),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    seed=st.integers(0, 2**32),
)
def test_shifts_are_the_books_set(n: int, height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, height, width), dtype=np.uint8)
    assert_the_books(images, rng.integers(0, 10, n).astype(str))


def test_the_books_set_of_digits() -> None:
    train = load_dataset("digits").train
    assert_the_books(train.images, train.labels)


@pytest.mark.mnist
def test_the_books_set_of_mnist() -> None:
    train = load_dataset("mnist").train
    assert_the_books(train.images[:2000], train.labels[:2000])
    grown, labels = expand(train.images, train.labels, Shifts(1))
    assert grown.shape == (300_000, 28, 28)
    np.testing.assert_array_equal(labels.reshape(5, -1), np.tile(train.labels, (5, 1)))


@given(
    n=st.integers(1, 4),
    channels=st.sampled_from([None, 1, 3]),
    dtype=st.sampled_from(["?", "u1", "i8", "f4", "f8"]),
    augmentation=st.sampled_from(
        [Shifts(2), Flips(up_down=True), Rotations([9]) + Flips(), AffineWarps(2) * Shifts(1)]
    ),
    flat=st.booleans(),
)
def test_original_first_then_block_by_block(
    n: int, channels: int | None, dtype: str, augmentation: Any, flat: bool
) -> None:
    shape = (6, 7) if channels is None else (6, 7, channels)
    images = (np.random.default_rng(n).random((n, *shape)) * 9).astype(dtype)
    labels = np.arange(n * 2).reshape(n, 2)
    given_images = images.reshape(n, -1) if flat else images
    grown, grown_labels = expand(given_images, labels, augmentation, image_shape=shape)
    variants = augmentation.variants(shape)
    assert grown.dtype == images.dtype
    assert grown.shape == ((len(variants) + 1) * n, *given_images.shape[1:])
    blocks = grown.reshape(-1, *images.shape)
    np.testing.assert_array_equal(blocks[0], images)
    for block, variant in zip(blocks[1:], variants, strict=True):
        np.testing.assert_array_equal(block, variant.apply(images))
    np.testing.assert_array_equal(grown_labels.reshape(-1, n, 2), [labels] * (len(variants) + 1))


def test_labels_of_any_kind_or_none() -> None:
    images = np.zeros((2, 3, 3))
    assert expand(images, None, Shifts(1))[1] is None
    assert expand(images, ["a", "b"], Shifts(1))[1].tolist() == ["a", "b"] * 5
    assert expand(images, [None, "b"], Flips())[1].tolist() == [None, "b"] * 2
    assert expand(images, [0.5, 2], Flips())[1].tolist() == [0.5, 2] * 2


def test_the_images_given_stay_as_they_are() -> None:
    images = np.arange(18).reshape(2, 3, 3)
    grown, _ = expand(images, None, Flips())
    grown[:] = -1
    np.testing.assert_array_equal(images, np.arange(18).reshape(2, 3, 3))


def test_progress_counts_images() -> None:
    calls: list[tuple[int, int]] = []
    expand(np.zeros((3, 4, 4)), None, Shifts(1), progress=lambda *call: calls.append(call))
    assert calls == [(3, 15), (6, 15), (9, 15), (12, 15), (15, 15)]


IMAGES = np.zeros((3, 4, 5))


def holding(value: float) -> np.ndarray:
    images = IMAGES.copy()
    images[1, 2, 3] = value
    return images


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (
            IMAGES.reshape(3, 20),
            {},
            r"Shifts\(1\) needs the image shape.*give image_shape, or images of",
        ),
        (IMAGES.reshape(3, 20), {"image_shape": (4, 4)}, "has 16 values but the rows have 20"),
        (IMAGES.reshape(3, 20), {"image_shape": (20,)}, "is not the shape of an image"),
        (IMAGES.reshape(3, 20), {"image_shape": 20}, "image_shape=20 is not the shape of an image"),
        (IMAGES, {"image_shape": (5, 4)}, r"image_shape=\(5, 4\) but the images are \(4, 5\)"),
        (IMAGES, {"augmentation": Shifts(9)}, "give a reach of 1 to 3"),
        (
            IMAGES,
            {"labels": [1, 2]},
            r"3 images but labels of shape \(2,\); give one for each image",
        ),
        (IMAGES, {"labels": 5}, r"3 images but labels of shape \(\)"),
        (IMAGES[:0], {"labels": []}, r"shape \(0, 4, 5\) has no images"),
        (IMAGES[0, 0], {}, r"shape \(5,\) has no images"),
        (IMAGES[None, None], {}, "has no images"),
        (holding(np.nan), {}, r"image 1 holds nan \(one of 1 such values\); .*np\.nan_to_num"),
        (holding(-np.inf), {}, "image 1 holds -inf"),
        (IMAGES.astype(str), {}, "dtype <U32 are not numeric"),
        (IMAGES.astype(object), {}, "dtype object are not numeric"),
    ],
)
def test_bad_input(images: Any, options: dict[str, Any], message: str) -> None:
    options = {"labels": None, "augmentation": Shifts(1), **options}
    with pytest.raises(ValueError, match=message):
        expand(images, **options)


@pytest.mark.parametrize("augmentation", ["Shifts(1)", None, Shifts, 1])
def test_what_is_no_augmentation(augmentation: Any) -> None:
    message = re.escape(f"augmentation={augmentation!r} is not an augmentation; give for example")
    with pytest.raises(TypeError, match=message):
        expand(IMAGES, None, augmentation)
