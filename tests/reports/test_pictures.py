"""Pictures: captions as wide as their place, in fonts that have their letters, and data URIs."""

from __future__ import annotations

import warnings
from base64 import b64decode
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from lookalike import KNeighborsClassifier, LookalikeClassifier
from lookalike.images.dataset import Dataset, Split
from lookalike.reports import pictures
from lookalike.reports.blocks import Picture
from lookalike.reports.explanation import explained_gallery
from lookalike.reports.pictures import as_pixels, fitted, save_picture, thumbnail
from lookalike.reports.png import save_png

NAMES = [
    "a_very_long_class_name_that_goes_on_and_on_2024",
    "学习日本語のクラス名前がとても長い場合",
    "x y",
]


def box(text: Text) -> Bbox:
    with pictures._lacking():
        return text.get_window_extent()


def drawn_width(line: str, size: float, *, bold: bool) -> float:
    figure = Figure(dpi=150)
    family = ["DejaVu Sans", *pictures._fonts_with(pictures._beyond(line))]
    text = figure.text(0, 0, line, family=family, size=size, parse_math=False)
    text.set_fontweight("bold" if bold else "normal")
    return box(text).width / 150


@settings(max_examples=30, deadline=None)
@given(
    parts=st.lists(st.text(st.characters(codec="utf-8"), max_size=40), min_size=1, max_size=3),
    width=st.floats(0.6, 2),
    bold=st.booleans(),
)
def test_no_line_is_wider_than_its_place(parts: list[str], width: float, bold: bool) -> None:
    said = fitted(parts, width, size=8, bold=bold)
    for line in said.split("\n"):
        assert len(line) <= 3 or drawn_width(line, 8, bold=bold) <= width + 0.02
    if "…" not in said:
        assert said.split() == "".join(f" {part}" for part in map(pictures.drawable, parts)).split()


def test_parts_share_a_line_and_long_ones_keep_both_ends() -> None:
    assert fitted(["4,", "not 9", "(85%)"], 1.05, size=8) == "4, not 9 (85%)"
    first, second, third = fitted(["road signs,", NAMES[0], "(85%)"], 1, size=8).split("\n")
    assert (first, third) == ("road signs,", "(85%)")
    start, end = second.split("…")
    assert NAMES[0].startswith(start)
    assert NAMES[0].endswith(end)
    assert abs(len(start) - len(end)) <= 1
    assert len(start) > 4
    assert len(fitted(["x" * 10**6], 1, size=8)) < 30
    assert fitted(["two\nlines \ud800"], 2, size=8) == "two lines �"


def rare_letter() -> str:
    """Return a letter that matplotlib's usual font lacks and another of its own has."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    usual, other = (
        set(get_font(findfont(FontProperties(family=family))).get_charmap())
        for family in ("DejaVu Sans", "STIXGeneral")
    )
    return min(letter for letter in map(chr, other - usual) if letter.isalpha())


def test_letters_come_from_another_font_that_has_them(tmp_path: Path) -> None:
    letter = rare_letter()
    figure = Figure()
    axes = figure.subplots()
    axes.set_yticks([0, 1], [letter, "b"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_picture(figure, tmp_path / "a.png")
    assert pictures._fonts_with(letter)
    families = axes.get_yticklabels()[0].get_fontfamily()
    assert set(pictures._fonts_with(letter)) < set(families)


def test_letters_that_no_font_has_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_fonts_with", lambda letters: ())
    monkeypatch.setattr(pictures, "_told", set())
    figure = Figure()
    figure.text(0, 0, "学 b")
    with pytest.warns(UserWarning, match="letters 学, .* install a font") as told:
        save_picture(figure, tmp_path / "a.png")
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_picture(figure, tmp_path / "a.png")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Catches what is saved while the test runs."""
    saved = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: object, **options: object) -> None:
        saved.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def titles_do_not_overlap(figure: Figure) -> None:
    figure.set_layout_engine("none")
    figure.set_dpi(150)
    with pictures._lacking():
        figure.draw_without_rendering()
    texts = [text for axes in figure.axes for text in (*axes.texts, axes.title)]
    boxes = [(text.get_text(), box(text)) for text in texts if text.get_text()]
    assert len(boxes) > 8
    pairs = combinations(boxes, 2)
    assert [(a, b) for (a, one), (b, other) in pairs if one.overlaps(other)] == []


@pytest.mark.filterwarnings("ignore:no installed font")
def test_captions_of_long_names_do_not_overlap(tmp_path: Path, figures: list[Figure]) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 9, 9), dtype=np.uint8)
    labels = np.arange(12) % 3
    named = np.array(NAMES)[labels]
    matches = LookalikeClassifier("fast").fit(images, named).explain(images[:4], 4)
    gallery = explained_gallery(matches, np.roll(named[:4], 1), np.arange(4), "Matched")
    save_png(tmp_path / "matches.png", gallery)
    titles_do_not_overlap(figures[-1])

    split = Split(images, labels)
    data = Dataset(split, split, tuple(NAMES), "drawn")
    found = KNeighborsClassifier(4).fit(images, labels).explain(images[:3])
    save_png(tmp_path / "near.png", explained_gallery(found, labels, np.arange(3), "Near", data))
    titles_do_not_overlap(figures[-1])


def decode(uri: str) -> np.ndarray:
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(b64decode(data))))


@pytest.mark.parametrize("shape", [(28, 28), (28, 20, 3), (9, 8, 4)])
def test_pixels_stay_as_they_are(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(decode(thumbnail(Picture(image, "alt"))["uri"]), image)


def test_one_channel_is_grey() -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    np.testing.assert_array_equal(decode(thumbnail(Picture(image, "alt"))["uri"]), image[:, :, 0])


@pytest.mark.parametrize(
    ("shape", "size", "pixelated"),
    [
        ((8, 8), (80, 80), True),
        ((28, 28), (84, 84), True),
        ((32, 16), (48, 96), True),
        ((100, 50), (50, 100), False),
        ((400, 1000, 3), (84, 34), False),
        ((1, 2000), (84, 1), False),
        ((1, 1), (84, 84), True),
    ],
)
def test_sizes(shape: tuple[int, ...], size: tuple[int, int], pixelated: bool) -> None:
    small = thumbnail(Picture(np.zeros(shape, dtype=np.uint8), "alt"))
    assert (small["width"], small["height"]) == size
    assert small["is_pixelated"] == pixelated


def test_photographs_are_made_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 900, 3), dtype=np.uint8)
    assert decode(thumbnail(Picture(noise, "alt"))["uri"]).shape == (128, 192, 3)


def test_shades_reach_from_black_to_white() -> None:
    shades = as_pixels(np.array([[-1.0, 0.0, 8.0, 16.0, 99.0]]), brightest=16)
    assert shades.dtype == np.uint8
    assert shades.tolist() == [[0, 0, 128, 255, 255]]
