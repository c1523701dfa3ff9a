"""Noisy images beside what methods make of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike import GaussianNoise, KNeighborsDenoiser, add_noise, load_dataset
from lookalike.evaluation.denoising import Cleaned, Denoising, clean_images
from lookalike.evaluation.fidelity import measure_fidelity
from lookalike.reports.blocks import Gallery, Table
from lookalike.reports.denoising import cleaned_gallery, denoising_section
from lookalike.reports.png import save_png


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
