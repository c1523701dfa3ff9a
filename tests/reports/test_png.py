"""Charts and galleries as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.reports.samples import line_chart

from lookalike.reports.blocks import Gallery, Picture
from lookalike.reports.png import save_png


def white(shape: tuple[int, ...] = (28, 28), *lines: str, **more: Any) -> Picture:
    return Picture(np.full(shape, 255, dtype=np.uint8), "white", lines, **more)


def saved(path: Path, pictures: Sequence[Picture], **options: Any) -> NDArray[np.uint8]:
    save_png(path / "gallery.png", Gallery(pictures, "The caption."), **options)
    with Image.open(path / "gallery.png") as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_chart_has_its_size(tmp_path: Path) -> None:
    chart = line_chart()
    save_png(tmp_path / "chart.png", chart, dpi=100)
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.size == tuple(round(100 * side) for side in chart.size)
        assert len(picture.convert("L").getcolors() or []) > 20


def test_pictures_with_neighbors_stand_in_lines_of_their_own(tmp_path: Path) -> None:
    case = white((28, 28), "case", neighbors=[white()] * 3)
    one, four = (saved(tmp_path, [case] * n) for n in (1, 4))
    assert one.shape[1] == four.shape[1]
    assert four.shape[0] > 3 * one.shape[0]


def test_pictures_alone_stand_eight_in_a_line(tmp_path: Path) -> None:
    heights = [saved(tmp_path, [white((28, 28), "a")] * n).shape[0] for n in (1, 8, 9, 16)]
    assert heights[0] == heights[1] < heights[2] == heights[3]


def test_each_line_of_a_caption_has_a_line(tmp_path: Path) -> None:
    heights = [saved(tmp_path, [white((28, 28), *"abcd"[:n])]).shape[0] for n in (1, 2, 4)]
    assert np.diff(heights).tolist() == pytest.approx([0.125 * 150, 0.25 * 150], abs=1)


@pytest.mark.parametrize("shape", [(30, 10), (10, 30), (20, 20, 1), (20, 20, 3), (20, 20, 4)])
def test_images_keep_their_form(tmp_path: Path, shape: tuple[int, ...]) -> None:
    blue = np.zeros(shape, dtype=np.uint8)  # black where there is one channel
    if shape[2:] in ((3,), (4,)):
        blue[..., 2:] = 255
    drawn = saved(tmp_path, [Picture(blue, "a colour", ["name"])]).astype(int)
    colour = [0, 0, 255] if shape[2:] in ((3,), (4,)) else [0, 0, 0]
    # The letters have few rows and columns that are full of the colour.
    inside = np.abs(drawn - colour).sum(axis=2) < 30
    rows, columns = inside.sum(axis=1), inside.sum(axis=0)
    height, width = np.count_nonzero(rows > 40), np.count_nonzero(columns > 40)
    assert height / width == pytest.approx(shape[0] / shape[1], rel=0.05)
    assert max(height, width) == pytest.approx(1.05 * 150, abs=3)


def test_captions_have_the_colour_of_their_state(tmp_path: Path) -> None:
    near = [white((28, 28), "####", state=state) for state in ("right", "wrong")]
    drawn = saved(tmp_path, [white((28, 28), "case", neighbors=near)]).astype(int)
    red, green = drawn[..., 0] - drawn[..., 1], drawn[..., 1] - drawn[..., 0]
    assert np.count_nonzero(red > 80) > 20
    assert np.count_nonzero(green > 40) > 20


def test_captions_are_no_formulas(tmp_path: Path) -> None:
    assert saved(tmp_path, [white((28, 28), r"$\nonsense{$", "a & b")]).size


def test_dpi_that_shows_every_pixel(tmp_path: Path) -> None:
    small, large = (saved(tmp_path, [white((n, n))], dpi=None) for n in (28, 420))
    assert large.shape[0] > 2.5 * small.shape[0]
