"""Tables of noise: from known noise, from pairs, and what follows from them."""

import numpy as np
import pytest

from lookalike import GaussianNoise, SaltAndPepper, UniformNoise, add_noise
from lookalike.denoising.image_stacks import IntensityScale
from lookalike.denoising.noise_table import prior_of, table_of_noise, table_of_pairs

BYTES = np.dtype(np.uint8)


def table(noise, clean):
    return table_of_noise(noise, IntensityScale(), BYTES, prior_of(clean), np.random.default_rng(0))


@pytest.fixture(scope="module")
def clean():
    rng = np.random.default_rng(0)
    ink = rng.integers(0, 256, (300, 12, 12))
    return np.where(rng.random(ink.shape) < 0.6, 0, ink).astype(np.uint8)


def test_uniform_noise_bounds_a_value_from_both_sides(clean):
    found = table(UniformNoise(0, 100), clean)
    assert (found.first, found.last) == (0, 354)
    assert found.has_bounds
    v = np.arange(355)
    assert (found.low == np.maximum(v - 99, 0)).all()
    assert (found.high == np.minimum(v, 255)).all()
    assert np.abs(found.likelihood[150:180, 140] - 0.01).max() < 0.002


def test_salt_and_pepper_leaves_other_values_alone(clean):
    found = table(SaltAndPepper(0.2), clean)
    assert (found.expected[1:255] == np.arange(1, 255)).all()
    assert (found.low[1:255] == found.high[1:255]).all()
    assert found.low[255] == 0
    assert found.high[0] == 255


@pytest.mark.parametrize("dtype", ["int8", "bool", "uint16", "float64"])
def test_no_dtype_wraps_around(dtype, clean):
    few = (clean // 64).astype(dtype)
    prior = prior_of(few.astype(np.uint8))
    rng = np.random.default_rng(0)
    found = table_of_noise(
        UniformNoise(0, 4), IntensityScale.of([few]), np.dtype(dtype), prior, rng
    )
    noisy = add_noise(few, UniformNoise(0, 4), 1)
    assert found.first == 0
    assert np.abs(found.expected[found.rows_of(noisy.astype(np.float32))] - few).mean() < 1.5
    assert found.low[0] == 0
    assert found.high[0] <= 1


def test_wide_gaussian_noise_has_no_bounds_worth_keeping(clean):
    assert not table(GaussianNoise(50), clean).has_bounds


@pytest.mark.parametrize("noise", [UniformNoise(0, 40), GaussianNoise(20), SaltAndPepper(0.3)])
def test_a_table_of_pairs_is_near_that_of_the_noise(noise, clean):
    noisy = add_noise(clean, noise, 1).astype(np.float32)
    known, learned = table(noise, clean), table_of_pairs(noisy, clean, prior_of(clean))
    rows = known.rows_of(noisy), learned.rows_of(noisy)
    error = [
        np.abs(t.expected[r] - clean).mean() for t, r in zip((known, learned), rows, strict=True)
    ]
    assert error[1] < 1.15 * error[0] + 0.5


def test_values_that_reach_absurdly_far_are_refused(clean):
    noisy = clean.astype(np.float32)
    noisy[0, 0, 0] = 1e6
    with pytest.raises(ValueError, match="check that noisy and clean images"):
        table_of_pairs(noisy, clean, prior_of(clean))
