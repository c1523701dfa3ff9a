"""Noise: what it adds, that nothing wraps around, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from lookalike import GaussianNoise, SaltAndPepper, UniformNoise, add_noise
from lookalike.images.noise import VALUES_AT_ONCE, Noise

INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32")


@given(
    dtype=st.sampled_from(INTEGERS),
    low=st.integers(-400, 400),
    size=st.integers(1, 500),
    seed=st.integers(0, 99),
)
def test_uniform_noise_never_wraps_around(dtype: str, low: int, size: int, seed: int) -> None:
    info = np.iinfo(dtype)
    images = np.random.default_rng(seed).choice([info.min, 0, info.max], 64).astype(dtype)
    noisy = add_noise(images, UniformNoise(low, low + size), seed)
    difference = noisy.astype(object) - images.astype(object)
    assert min(difference) >= low
    assert max(difference) < low + size


def test_uniform_noise_reaches_both_ends_and_spreads_evenly() -> None:
    noisy = add_noise(np.zeros(100_000, dtype=np.uint8), UniformNoise(0, 100), 0)
    counts = np.bincount(noisy, minlength=100)
    assert noisy.dtype == np.int16
    assert len(counts) == 100
    assert np.abs(counts - 1000).max() < 6 * np.sqrt(1000)


def test_uniform_noise_of_floats_keeps_their_dtype() -> None:
    images = np.zeros((3, 400), dtype=np.float32)
    noisy = add_noise(images, UniformNoise(-0.5, 0.25), 0)
    assert noisy.dtype == np.float32
    assert -0.5 <= noisy.min() < -0.49
    assert 0.24 < noisy.max() <= 0.25


def test_gaussian_noise_is_rounded_and_clipped() -> None:
    images = np.full(100_000, 128, dtype=np.uint8)
    noisy = add_noise(images, GaussianNoise(20), 0)
    assert noisy.dtype == np.uint8
    assert abs(noisy.mean() - 128) < 0.5
    assert abs(noisy.std() - 20) < 0.3
    wide = add_noise(images, GaussianNoise(1000), 0)
    assert set(np.unique(wide)) >= {0, 255}
    assert abs((wide == 0).mean() - 0.45) < 0.02


@given(dtype=st.sampled_from(INTEGERS), seed=st.integers(0, 99))
def test_gaussian_noise_never_wraps_around(dtype: str, seed: int) -> None:
    info = np.iinfo(dtype)
    top = add_noise(np.full(200, info.max, dtype=dtype), GaussianNoise(10), seed)
    bottom = add_noise(np.full(200, info.min, dtype=dtype), GaussianNoise(10), seed)
    assert top.astype(object).min() > info.max - 100
    assert bottom.astype(object).max() < info.min + 100


def test_gaussian_noise_of_floats_is_clipped_where_asked() -> None:
    images = np.zeros(1000)
    assert add_noise(images, GaussianNoise(0.5), 0).min() < -1
    clipped = add_noise(images, GaussianNoise(0.5, value_range=(0, 1)), 0)
    assert clipped.min() == 0
    assert clipped.max() == 1


def test_salt_and_pepper_replaces_its_share() -> None:
    images = np.full(100_000, 7, dtype=np.uint8)
    noisy = add_noise(images, SaltAndPepper(0.2), 0)
    assert set(np.unique(noisy)) == {0, 7, 255}
    assert abs((noisy == 0).mean() - 0.1) < 0.005
    assert abs((noisy == 255).mean() - 0.1) < 0.005
    assert np.array_equal(add_noise(images, SaltAndPepper(0.0), 0), images)
    assert not (add_noise(images, SaltAndPepper(1.0), 0) == 7).any()


def test_salt_and_pepper_of_floats_takes_the_range_it_is_given() -> None:
    noisy = add_noise(np.full(1000, 0.5), SaltAndPepper(0.5, value_range=(0, 1)), 0)
    assert set(np.unique(noisy)) == {0.0, 0.5, 1.0}


def test_sums_are_drawn_one_on_top_of_the_other() -> None:
    noise = UniformNoise(0, 100) + SaltAndPepper(0.5, value_range=(0, 354))
    noisy = add_noise(np.full(10_000, 255, dtype=np.uint8), noise, 0)
    assert noisy.dtype == np.int16
    assert repr(noise) == "UniformNoise() + SaltAndPepper(share=0.5, value_range=(0, 354))"
    kept = noisy[(noisy != 0) & (noisy != 354)]
    assert 0.45 < len(kept) / len(noisy) < 0.55
    assert kept.min() >= 255


def test_same_seed_same_noise_and_the_images_stay() -> None:
    images = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    before = images.copy()
    for noise in (UniformNoise(), GaussianNoise(), SaltAndPepper()):
        first, again = (add_noise(images, noise, 3) for _ in range(2))
        assert first.shape == images.shape
        assert np.array_equal(first, again)
        assert not np.array_equal(first, add_noise(images, noise, 4))
        generator = np.random.default_rng(3)
        assert np.array_equal(first, add_noise(images, noise, generator))
        assert not np.array_equal(first, add_noise(images, noise, generator))
    assert np.array_equal(images, before)


def test_large_arrays_are_drawn_in_parts() -> None:
    images = np.zeros(VALUES_AT_ONCE + 5, dtype=np.uint8)
    noisy = add_noise(images, UniformNoise(0, 100), 0)
    assert not np.array_equal(noisy[:5], noisy[VALUES_AT_ONCE:])
    assert np.array_equal(noisy[:5], add_noise(images[:5], UniformNoise(0, 100), 0))


def test_cloned_and_compared() -> None:
    noise = UniformNoise(0, 5) + GaussianNoise(3)
    assert clone(noise) == noise
    assert hash(clone(noise)) == hash(noise)
    assert GaussianNoise(3) != GaussianNoise(4)
    assert len({GaussianNoise(3, value_range=[0, 1]), GaussianNoise(3, value_range=(0, 1))}) == 1


@pytest.mark.parametrize(
    ("images", "noise", "message"),
    [
        (np.zeros(3, np.uint8), UniformNoise(5, 5), "empty range"),
        (np.zeros(3, np.uint8), UniformNoise(0, 0.5), "whole number"),
        (np.zeros(3), UniformNoise(0, np.inf), "is not a number"),
        (np.zeros(3, np.int64), UniformNoise(0, 9), "no integer dtype holds"),
        (np.zeros(3, np.uint8), GaussianNoise(-1), "at least 0"),
        (np.zeros(3, np.uint8), GaussianNoise(1, value_range=(0, 300)), "within the range"),
        (np.zeros(3, np.uint8), GaussianNoise(1, value_range=(0, 9.5)), "whole numbers"),
        (np.zeros(3, np.uint8), GaussianNoise(1, value_range=5), "is not a pair"),
        (np.zeros(3), SaltAndPepper(0.2), "give value_range"),
        (np.zeros(3, np.uint8), SaltAndPepper(1.2), "between 0 and 1"),
        (np.zeros(3, np.uint8), SaltAndPepper(True), "between 0 and 1"),
        (np.zeros(0), GaussianNoise(), "no pixels"),
        (np.array(["a"]), GaussianNoise(), "no pixels"),
        (np.array([1.0, np.nan]), GaussianNoise(), "NaN"),
    ],
)
def test_refused(images: Any, noise: Noise, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        add_noise(images, noise, 0)


def test_what_is_no_noise_is_refused() -> None:
    with pytest.raises(TypeError, match="is not a noise"):
        add_noise(np.zeros(3), "uniform", 0)  # type: ignore[arg-type]
