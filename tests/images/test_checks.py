"""Pixels from 0 to 1 among bytes, and bytes among those, are warned of; all else is not."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike import KNeighborsClassifier, NearestNeighbors
from lookalike.images.checks import are_bytes, as_images
from lookalike.images.exceptions import DatasetError

IMAGES = np.random.default_rng(0).integers(0, 256, (100, 6, 6), np.uint8)


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "u8", "f4", "f8"])
def test_bytes_of_any_dtype(dtype: str) -> None:
    assert are_bytes(IMAGES.astype(dtype))
    assert are_bytes(np.zeros((1, 2, 2), dtype)) == (dtype == "u1")
    if dtype != "u1":
        assert not are_bytes(IMAGES.astype(dtype) + np.array(1, dtype))
    if dtype[0] == "f":
        assert not are_bytes((IMAGES / 255).astype(dtype))
        assert not are_bytes(IMAGES.astype(dtype) / 2)
    assert not are_bytes(IMAGES > 9)


@pytest.mark.parametrize(
    ("fitted", "asked", "message"),
    [
        (IMAGES / 255, IMAGES, r"up to 25\d, but fit got pixels of at most 1, .* X / 255"),
        ((IMAGES / 255).astype("f4"), IMAGES.astype(float), "X holds whole numbers up to"),
        (IMAGES / 127.5 - 1, IMAGES, "X holds whole numbers up to"),
        (IMAGES > 99, IMAGES, "X holds whole numbers up to"),
        (IMAGES, IMAGES / 255, "X holds pixels from 0 to 1, .* multiply X by 255"),
        (IMAGES.astype(float), IMAGES / 255, "X holds pixels from 0 to 1"),
        (IMAGES, IMAGES / 127.5 - 1, "X holds pixels from 0 to 1"),
    ],
)
def test_another_scale_is_warned_of(fitted: Any, asked: Any, message: str) -> None:
    knn = KNeighborsClassifier(1).fit(fitted, np.arange(100))
    with pytest.warns(UserWarning, match=message) as said:
        knn.predict(asked[:20])
    assert {warning.filename for warning in said} == {__file__}


def same(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return values, values[:5]


@pytest.mark.parametrize(
    ("fitted", "asked"),
    [
        same(IMAGES),
        same(IMAGES / 255),
        same(IMAGES > 99),
        same(IMAGES / 127.5 - 1),
        (IMAGES, np.zeros((1, 6, 6))),
        (IMAGES, IMAGES[:5] > 99),
        (IMAGES, IMAGES[:5] / 2),
        (IMAGES / 255, IMAGES[:5] / 200),
        (IMAGES / 2, IMAGES[:5] / 255),
        (IMAGES - 300.0, IMAGES[:5] / 255),
        (IMAGES * 9.0, IMAGES[:5] / 255),
        ([[0], [200]], [[0.5]]),
    ],
)
def test_no_other_scale(fitted: Any, asked: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NearestNeighbors(n_neighbors=1).fit(fitted).kneighbors(asked)


@pytest.mark.parametrize(
    "images",
    [
        IMAGES / 255,
        IMAGES / 127.5 - 1,
        IMAGES * np.uint16(257),
        IMAGES * 1000.0,
        IMAGES > 127,
        (IMAGES.astype(int) - 256).astype("i1"),
    ],
)
def test_the_cure_for_other_pixels_gives_images(images: NDArray[Any]) -> None:
    with pytest.raises(DatasetError) as caught:
        as_images(images, "a.npz")
    (cure,) = re.findall(r"(?:as in|as by|give) (.*)$", str(caught.value))
    mended = as_images(eval(cure, {"np": np, "images": images}), "a.npz")
    assert mended.max() > 250
    assert mended.min() < 5


def test_pixels_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"hold nan, .* replace NaN and infinity"):
        as_images(np.where(IMAGES > 9, IMAGES, np.nan), "a.npz")
