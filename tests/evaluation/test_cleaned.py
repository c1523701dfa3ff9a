"""Cleaned images: how near they come, and the picture of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.evaluation.cleaned import (
    Column,
    measure_fidelity,
    noisy_column,
    save_columns_png,
    to_pixels,
)


def test_estimates_become_whole_pixels_of_the_range() -> None:
    estimates = np.array([-3.0, 0.4, 1.6, 15.7, 99.0])
    assert to_pixels(estimates, 16).tolist() == [0, 0, 2, 16, 16]
    assert to_pixels(estimates, 16).dtype == np.uint8


def test_fidelity_is_of_each_image() -> None:
    truth = np.zeros((3, 7, 9), dtype=np.uint8)
    pixels = truth.copy()
    pixels[1, 3, 4] = 16
    psnr, ssim = measure_fidelity(pixels, truth, 16)
    assert psnr.round(1).tolist() == [78.1, 18.0, 78.1]
    assert ssim[0] == ssim[2] == 1 > ssim[1]


def test_noisy_values_beyond_white_are_told_apart() -> None:
    noisy = np.array([[[-10, 0, 255, 340]]])
    shades = noisy_column("noisy", noisy, 255).shades().ravel().tolist()
    assert (shades[0], shades[-1]) == (0, 255)
    assert shades == sorted(set(shades))
    assert noisy_column("noisy", noisy.clip(0, 9), 16).shades().max() == round(9 * 255 / 16)


def test_picture_holds_the_images_enlarged(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 17, (2, 8, 7), dtype=np.uint8)
    columns = [Column("a rather long title of it", grey, 0, 16), Column("b", grey[::-1], 0, 16)]
    save_columns_png(tmp_path / "a.png", columns)
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture)
    zoom = 112 // 8
    for shades in columns[0].shades():
        enlarged = shades.repeat(zoom, axis=0).repeat(zoom, axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 0], enlarged.shape)
        corners = np.argwhere(
            (windows[..., 0, 0] == enlarged[0, 0]) & (windows[..., -1, -1] == enlarged[-1, -1])
        )
        found = [(y, x) for y, x in corners.tolist() if (windows[y, x] == enlarged).all()]
        assert len(found) == 2  # in either column
    save_columns_png(tmp_path / "b.png", [Column("c", rng.random((1, 200, 3, 3)), 0, 1)])
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.height > 200
