"""The filters that denoising is measured beside: each works, is tuned, and is told no truth."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lookalike import load_dataset
from lookalike.evaluation.fidelity import peak_signal_noise_ratio

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))  # where they find one another
noisy, filters, tuning, harness, strips = map(
    import_module, ("lib.noisy", "lib.filters", "lib.filter_tuning", "lib.harness", "lib.strips")
)

SIGMA = 30.0


@pytest.fixture(scope="module")
def clean():
    """Digits of 24 × 24 pixels."""
    images = load_dataset("digits").train.images[:40]
    return np.kron(images * np.uint8(15), np.ones((1, 3, 3), dtype=np.uint8))


def ratio(images, truth):
    return peak_signal_noise_ratio(tuning.as_bytes(images), truth).mean()


@pytest.mark.parametrize("kind", noisy.TITLES)
def test_truth_lies_within_the_bounds_that_the_noise_sets(clean, kind):
    images = noisy.NoisyImages.draw(kind, clean, 0)
    low, high = images.bounds
    assert (low <= clean).all()
    assert (clean <= high).all()
    assert low.min() >= 0
    assert high.max() <= 255
    if kind == noisy.SALT_AND_PEPPER:
        np.testing.assert_array_equal(low < high, (images.noisy == 0) | (images.noisy == 255))


def test_debiased_noise_has_no_mean(clean):
    images = noisy.NoisyImages.draw(noisy.UNIFORM, clean, 0)
    assert abs((images.debiased - clean).mean()) < 1


def test_table_has_the_mean_of_each_value_and_leaves_unknown_ones():
    values = np.repeat([10, 90], 10_000)
    truth = values + np.tile([0, 4], 10_000)
    table = noisy.ValueTable(values, truth)
    np.testing.assert_allclose(table([10, 90.3, 50]), [12, 92, 50], atol=0.02)
    np.testing.assert_allclose(table([-5, 300]), [12, 92], atol=0.02)  # no farther than is known


def test_table_draws_rare_values_towards_those_nearby():
    values = np.r_[np.repeat([10, 12], 10_000), 11]
    truth = np.r_[values[:-1] + 6, 255]
    assert noisy.ValueTable(values, truth)([11])[0] == pytest.approx(17, abs=6)


def slow_switching_median(image, n_trusted, largest, fallback):
    def window(y, x, size):
        b = size // 2
        return image[max(0, y - b) : y + b + 1, max(0, x - b) : x + b + 1].ravel()

    cleaned = image.copy()
    for y, x in np.argwhere((image == 0) | (image == 255)):
        padded = np.pad(image, fallback // 2, mode="symmetric")
        cleaned[y, x] = np.median(padded[y : y + fallback, x : x + fallback])
        for size in range(largest, 2, -2):
            trusted = [value for value in window(y, x, size) if value not in (0, 255)]
            if len(trusted) >= n_trusted:
                cleaned[y, x] = np.median(trusted)
    return cleaned


@given(
    npst.arrays(np.float32, (2, 6, 7), elements=st.sampled_from([0, 7, 40, 200, 255])),
    st.integers(1, 5),
    st.sampled_from([3, 5]),
    st.sampled_from([3, 5]),
)
def test_switching_median_is_that_of_the_slow_one(images, n_trusted, largest, fallback):
    found = filters.switching_median(images, SIGMA, n_trusted, largest, fallback)
    expected = [slow_switching_median(image, n_trusted, largest, fallback) for image in images]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("one", filters.FILTERS, ids=lambda one: one.name)
def test_every_filter_cleans_squares(one):
    pytest.importorskip(one.module)
    pytest.importorskip("pywt")
    (kind, *_) = one.kinds
    squares = np.zeros((3, 24, 24), dtype=np.uint8)
    squares[:, 6:18, 6:18] = 200
    images = noisy.NoisyImages.draw(kind, squares, 0)
    given_images = images.debiased.copy()
    errors = []
    for parameters in one.settings()[:: len(one.settings()) - 1]:
        found = one.apply(given_images, SIGMA, **parameters)
        assert found.shape == images.clean.shape
        assert found.dtype == np.float32
        errors.append(np.mean((found - images.clean) ** 2))
    np.testing.assert_array_equal(images.debiased, given_images)
    assert min(errors) < 0.9 * np.mean((given_images - images.clean) ** 2)


def test_tuned_is_the_best_of_all_settings_and_cleans_as_it_did(clean):
    images = noisy.NoisyImages.draw(noisy.UNIFORM, clean, 0)
    views = tuning.Views(images, 1)
    median = next(one for one in filters.FILTERS if one.name == "median")
    with harness.progress_on_stderr() as progress:
        tuned = tuning.tune(median, views, 1, progress)
    assert list(tuned) == ["alone", "table", "bounds"]
    tried = [
        ratio(median.apply(view, SIGMA, size), clean)
        for view in (images.debiased, images.table(images.noisy))
        for size in (3, 5)
    ]
    assert tuned["alone"].ratio == pytest.approx(max(tried))
    assert tuned["alone"].ratio < tuned["table"].ratio <= tuned["bounds"].ratio
    cleaned = tuning.clean(median, tuned, views, 1)
    for finish, how in tuned.items():
        assert ratio(cleaned.images[finish], clean) == pytest.approx(how.ratio)
    low, high = images.bounds
    assert ((low <= cleaned.images["bounds"]) & (cleaned.images["bounds"] <= high)).all()


def test_strips_are_drawn(clean, tmp_path):
    strips.save_strips(tmp_path / "strips.png", {"truth": clean[:5], "inverse": 255 - clean[:5]})
    assert (tmp_path / "strips.png").stat().st_size > 1000
