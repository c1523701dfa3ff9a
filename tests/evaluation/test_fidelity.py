"""How near images come to the true ones, against scikit-image and a loop over windows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from tests.reference import fidelity as reference

from lookalike.evaluation import fidelity
from lookalike.evaluation.fidelity import peak_signal_noise_ratio, structural_similarity

Pair = tuple[NDArray[Any], NDArray[Any]]


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Images and truth of one shape, bytes or floats, grey or coloured."""
    shape = tuple(draw(st.integers(1, 3 if axis == 0 else 11)) for axis in range(3))
    shape = (shape[0], shape[1] + 6, shape[2] + 6, *draw(st.sampled_from([(), (3,)])))
    dtype = draw(st.sampled_from([np.uint8, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    images, truth = rng.integers(0, 256, (2, *shape)).astype(dtype)
    mix = draw(st.floats(0, 1))
    return (mix * images + (1 - mix) * truth).astype(dtype), truth


def noisy_pair(shape: tuple[int, ...], seed: int = 0) -> Pair:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 256, shape, dtype=np.uint8)
    return np.clip(truth + rng.integers(-40, 41, shape), 0, 255).astype(np.uint8), truth


@given(pairs(), st.sampled_from([1.0, 255.0]))
def test_similarity_equals_the_reference(pair: Pair, data_range: float) -> None:
    found = structural_similarity(*pair, data_range=data_range)
    grey = [one.reshape(*one.shape[:3], -1) for one in pair]
    expected = [
        np.mean(
            [
                reference.structural_similarity(image[..., c], truth[..., c], data_range)
                for c in range(image.shape[-1])
            ]
        )
        for image, truth in zip(*grey, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@given(npst.arrays(np.uint8, (2, 3, 4, 5)), st.sampled_from([1.0, 255.0]))
def test_ratio_equals_the_reference(arrays: NDArray[Any], data_range: float) -> None:
    found = peak_signal_noise_ratio(*arrays, data_range=data_range)
    expected = [
        reference.peak_signal_noise_ratio(*one, data_range) for one in zip(*arrays, strict=True)
    ]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("shape", [(4, 28, 28), (3, 9, 12, 3), (1, 7, 7)])
def test_both_equal_scikit_image(shape: tuple[int, ...]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    images, truth = noisy_pair(shape)
    channel_axis = -1 if len(shape) == 4 else None
    similarities = [
        metrics.structural_similarity(t, i, data_range=255, channel_axis=channel_axis)
        for i, t in zip(images, truth, strict=True)
    ]
    ratios = [
        metrics.peak_signal_noise_ratio(t, i, data_range=255)
        for i, t in zip(images, truth, strict=True)
    ]
    np.testing.assert_allclose(structural_similarity(images, truth), similarities, atol=1e-12)
    np.testing.assert_allclose(peak_signal_noise_ratio(images, truth), ratios, rtol=1e-12)


@pytest.mark.parametrize("data_range", [1.0, 255.0, 65535.0])
def test_images_met_exactly_have_the_most(data_range: float) -> None:
    images = np.full((2, 8, 8), data_range / 2)
    most = 10 * np.log10(255**2 / fidelity.LEAST_ERROR)
    found = peak_signal_noise_ratio(images, images, data_range=data_range)
    np.testing.assert_allclose(found, most)
    np.testing.assert_allclose(structural_similarity(images, images, data_range=data_range), 1)


def test_bytes_do_not_wrap_around() -> None:
    images, truth = np.zeros((1, 8, 8), np.uint8), np.full((1, 8, 8), 255, np.uint8)
    assert peak_signal_noise_ratio(images, truth) == pytest.approx(0)


def test_in_parts_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = noisy_pair((7, 10, 9))
    whole = [measure(*pair) for measure in (peak_signal_noise_ratio, structural_similarity)]
    monkeypatch.setattr(fidelity, "_VALUES_AT_ONCE", 200)
    parts = [measure(*pair) for measure in (peak_signal_noise_ratio, structural_similarity)]
    np.testing.assert_array_equal(whole, parts)


@pytest.mark.parametrize("measure", [peak_signal_noise_ratio, structural_similarity])
@pytest.mark.parametrize(
    ("images", "truth", "data_range", "message"),
    [
        (np.zeros((2, 8, 8)), np.zeros((3, 8, 8)), 255, "one true image of the same size"),
        (np.zeros((8, 8)), np.zeros((8, 8)), 255, r"one image as image\[None\]"),
        (np.zeros((0, 8, 8)), np.zeros((0, 8, 8)), 255, "no stack of images"),
        (np.full((1, 8, 8), np.nan), np.zeros((1, 8, 8)), 255, "images hold NaN"),
        (np.zeros((1, 8, 8)), np.full((1, 8, 8), np.inf), 255, "truth hold NaN or infinity"),
        (np.zeros((1, 8, 8)), np.zeros((1, 8, 8)), 0, "is not positive; bytes have 255"),
    ],
)
def test_refused(measure: Any, images: Any, truth: Any, data_range: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure(images, truth, data_range=data_range)


def test_images_smaller_than_the_window_have_no_similarity() -> None:
    with pytest.raises(ValueError, match="8 × 6 are smaller than the window of 7 × 7"):
        structural_similarity(np.zeros((1, 8, 6)), np.zeros((1, 8, 6)))
