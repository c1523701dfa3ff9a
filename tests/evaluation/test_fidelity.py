"""How near images come to the true ones, and noisy images beside what methods make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from PIL import Image
from tests.reference import fidelity as reference

from lookalike import GaussianNoise, KNeighborsDenoiser, add_noise, load_dataset
from lookalike.evaluation import fidelity
from lookalike.evaluation.fidelity import (
    Cleaned,
    Denoising,
    clean_images,
    measure_fidelity,
    peak_signal_noise_ratio,
    structural_similarity,
)
from lookalike.reports.blocks import Gallery, Table
from lookalike.reports.denoising import cleaned_gallery, denoising_section
from lookalike.reports.png import save_png

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
        (np.zeros((0, 8, 8)), np.zeros((0, 8, 8)), 255, "is not a stack of images"),
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


def test_estimates_become_whole_pixels_of_the_range() -> None:
    estimates = Cleaned("cleaned", np.array([[[-3.0, 0.4, 1.6, 15.7, 99.0]]]))
    pixels = Denoising(["a"], [estimates], 16).pixels(estimates)
    assert pixels.ravel().tolist() == [0, 0, 2, 16, 16]
    assert pixels.dtype == np.uint8


def test_fidelity_is_of_each_image() -> None:
    truth = np.zeros((3, 7, 9), dtype=np.uint8)
    pixels = truth.copy()
    pixels[1, 3, 4] = 16
    psnr, ssim = measure_fidelity(pixels, truth, 16)
    assert psnr.round(1).tolist() == [78.1, 18.0, 78.1]
    assert ssim[0] == ssim[2] == 1 > ssim[1]


def test_noisy_values_beyond_white_are_told_apart() -> None:
    def shades(noisy: list[int], brightest: int) -> list[int]:
        found = Denoising(["a"], [Cleaned("noisy", np.array([[noisy]]))], brightest)
        return cleaned_gallery(found, [0]).pictures[0].image.ravel().tolist()

    found = shades([-10, 0, 255, 340], 255)
    assert (found[0], found[-1]) == (0, 255)
    assert found == sorted(set(found))
    assert max(shades([0, 9], 16)) == round(9 * 255 / 16)


@pytest.fixture(scope="module")
def found() -> Denoising:
    data, noise = load_dataset("digits"), GaussianNoise(3)
    denoiser = KNeighborsDenoiser(quality="fast", random_state=0)
    denoiser.fit(clean=data.train.images[:100], noise=noise)
    truth = data.test.images[:4]
    noisy = add_noise(truth, noise, 0)
    return clean_images(denoiser, noisy, names=list("abcd"), truth=truth)


def test_means_are_those_of_the_images(found: Denoising) -> None:
    cleaned = found.fidelities["cleaned"]
    assert found.measures()["cleaned_psnr"] == round(cleaned.psnr.mean(), 4)
    assert found.measures(slice(1, 2))["cleaned_ssim"] == round(cleaned.ssim[1], 4)
    assert list(found.to_dict()) == ["noisy", "cleaned", "truth"]
    assert found.to_dict()["truth"]["ssim"] == 1


def test_section_shows_images_and_how_near_they_come(found: Denoising, tmp_path: Path) -> None:
    gallery, means, each = denoising_section(found, rows=range(2), each=True).blocks
    assert isinstance(gallery, Gallery)
    assert [len(one.neighbors) for one in gallery.pictures] == [2, 2]
    assert isinstance(means, Table)
    assert [row[0] for row in means.rows] == ["noisy", "cleaned"]
    assert isinstance(each, Table)
    psnr = [found.fidelities[name].psnr[3] for name in ("noisy", "cleaned")]
    assert list(each.rows[3])[:3] == ["d", *psnr]
    assert found.report(tmp_path / "clean.html") == ["clean.html", "clean.json"]


def test_picture_has_all_pixels_of_large_images(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((1, 400, 30, 3))
    found = Denoising(["a"], [Cleaned("noisy", images), Cleaned("cleaned", images)], 1)
    save_png(tmp_path / "a.png", cleaned_gallery(found, [0]), dpi=None)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.height > 400


def test_without_the_truth_there_are_times_only() -> None:
    noisy = np.zeros((1, 7, 7))
    found = Denoising(["a"], [Cleaned("noisy", noisy), Cleaned("cleaned", noisy, 0.25)], 255)
    assert found.measures() == {}
    assert found.to_dict()["cleaned"] == {"accuracy": None, "seconds": 0.25}
    assert "<iframe" in found._repr_html_()
