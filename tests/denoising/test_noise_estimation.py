"""The level of noise, found from values alone."""

import numpy as np
import pytest

from lookalike import (
    GaussianNoise,
    SaltAndPepper,
    UniformNoise,
    add_noise,
    estimate_noise,
    load_dataset,
)


@pytest.fixture(scope="module")
def images():
    digits = np.random.default_rng(0).permutation(load_dataset("digits").train.images)
    return (digits * 15.9).astype(np.uint8)


@pytest.mark.parametrize(
    "noise",
    [
        UniformNoise(0, 25),
        UniformNoise(0, 100),
        GaussianNoise(12),
        GaussianNoise(60),
        SaltAndPepper(0.05),
        SaltAndPepper(0.3),
    ],
    ids=repr,
)
def test_kind_and_level_are_found(noise, images):
    found = estimate_noise(add_noise(images[:800], noise, 1), images[800:])
    assert type(found) is type(noise)
    level = {UniformNoise: "high", GaussianNoise: "sigma", SaltAndPepper: "share"}[type(noise)]
    assert abs(np.log(getattr(found, level) / getattr(noise, level))) < 0.1


def test_floats_have_a_level_too(images):
    clean = images / 255
    found = estimate_noise(add_noise(clean[:800], GaussianNoise(0.2, (0, 1)), 1), clean[800:])
    assert isinstance(found, GaussianNoise)
    assert 0.18 < found.sigma < 0.22


def test_few_values_are_no_trouble():
    flat = np.full((1, 8, 8), 9, np.uint8)
    assert estimate_noise(flat, flat) == UniformNoise(high=1)


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ValueError, match="clean holds no image"):
        estimate_noise(np.zeros((1, 8, 8)), np.zeros((0, 8, 8)))
