"""Charts: matplotlib's figures made part of a page, in colours measured by WCAG 2.2."""

import itertools
import re
from collections.abc import Callable, Iterator
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from sklearn.metrics import ConfusionMatrixDisplay
from tests.reports.samples import NASTY, heat_chart, line_chart, table, unformatted

from lookalike.reports.blocks import Chart
from lookalike.reports.charts import (
    DARK,
    HEAT,
    HEAT_OPACITY,
    LIGHT,
    heat_colours,
    make_inline,
    to_svg,
)


def drawn(draw: Callable[[Axes], object], size: tuple[float, float] = (4.8, 3.4)) -> str:
    return to_svg(Chart(draw, "alt", "caption", table(), size), 1)[0]


def ids(svg: str) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', svg)


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("text")]


def test_same_figure_gives_the_same_bytes() -> None:
    assert to_svg(line_chart(), 1)[0] == to_svg(line_chart(), 1)[0]


def test_colours_are_the_page_s() -> None:
    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color="C0")
        axes.plot([0, 1], [1, 0], color="C9")
        axes.grid(True)
        axes.legend(["a", "b"], frameon=True, facecolor="white", edgecolor="#cccccc")

    svg = drawn(draw)
    for colour in ("currentColor", "--series-1)", "--series-10)", "--grid)", "--page)"):
        assert colour in svg
    assert re.findall("#[0-9a-f]{6}", svg) == []


def test_ink_is_written_for_black_fills_and_texts() -> None:
    svg = drawn(lambda axes: axes.text(0.5, 0.5, "black by default"))
    assert svg.startswith("<svg viewBox=")
    assert 'fill="currentColor"' in svg.partition(">")[0]


def test_text_on_an_opaque_image_keeps_its_colour() -> None:
    def draw(axes: Axes) -> None:
        axes.imshow([[0.0, 1.0]], cmap="gray")
        axes.text(0, 0, "white on black", color="white")
        axes.text(1, 0, "black on white", color="black")

    svg = drawn(draw)
    assert "#fefefe" in svg
    assert "#010101" in svg


def test_text_on_heat_is_ink() -> None:
    svg = to_svg(heat_chart(), 1)[0]
    assert "#010101" not in svg
    assert "data:image/png;base64," in svg


@pytest.mark.parametrize("name", [NASTY, "a & b", "<b>", "$x$", "$", "tab\there", "\x00\ud800"])
def test_names_are_drawn_as_they_are(name: str) -> None:
    svg = to_svg(line_chart(name), 1)[0]
    assert "<script" not in svg
    shown = name.replace("\x00", "�").replace("\ud800", "�").replace("\t", " ")
    assert any(shown == text.replace("\t", " ") for text in texts(svg)), texts(svg)


@pytest.mark.filterwarnings("error")
def test_letters_that_matplotlib_lacks_are_the_browser_s() -> None:
    assert "数字" in texts(to_svg(line_chart("数字"), 1)[0])


def test_text_is_text_in_the_page_s_font() -> None:
    svg = to_svg(line_chart(), 1)[0]
    assert "font-family" not in svg
    assert "DejaVu" not in svg
    assert "line" in texts(svg)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (
            "font: 10px 'DejaVu Sans', sans-serif; text-anchor: end",
            "font-size: 10px; text-anchor: end",
        ),
        ("font: 700 12px 'DejaVu Sans'", "font-weight: 700; font-size: 12px"),
        ("font: italic 9.5px 'X Y', Z", "font-style: italic; font-size: 9.5px"),
        (
            "font-weight: 700; font-size: 12px; font-family: 'X'",
            "font-weight: 700; font-size: 12px",
        ),
    ],
)
def test_fonts_of_all_matplotlibs_lose_their_family(written: str, kept: str) -> None:
    svg = f'<svg viewBox="0 0 9 9"><text style="{written}">a</text></svg>'
    assert f'style="{kept}"' in make_inline(svg, 1)[0]


def test_nothing_but_the_drawing_is_left() -> None:
    svg = to_svg(line_chart(), 1)[0]
    for tag in ("<metadata", "<style", "<?xml", "<!DOCTYPE", "xmlns", "date"):
        assert tag not in svg


def test_ids_are_few_and_all_in_use() -> None:
    svg = to_svg(line_chart(), 1)[0]
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert ids(svg)
    assert set(ids(svg)) == used
    assert len(ids(svg)) == len(set(ids(svg)))


def test_ids_of_another_number_are_another_chart_s() -> None:
    first, second = (to_svg(line_chart(), number)[0] for number in (1, 2))
    assert set(ids(first)).isdisjoint(ids(second))
    assert first.replace("c1-", "") == second.replace("c2-", "")


def test_numbering_leaves_text_alone() -> None:
    name = 'id="i0" url(#i0) href="#i0"'
    assert name in texts(to_svg(line_chart(name), 3)[0])


def test_width_is_in_css_pixels() -> None:
    chart = Chart(lambda axes: axes.plot([0, 1]), "a", "c", table(), (3, 2))
    assert to_svg(chart, 1)[1] == pytest.approx(3 * 96)


def test_display_of_sklearn_suits_the_page() -> None:
    def draw(axes: Axes) -> None:
        display = ConfusionMatrixDisplay(np.eye(3), display_labels=[unformatted("$a$"), "b", "c"])
        display.plot(ax=axes, cmap=heat_colours(), text_kw={"color": "black"}, colorbar=False)

    svg = drawn(draw)
    assert "$a$" in texts(svg)
    assert re.findall("#[0-9a-f]{6}", svg) == []


def test_settings_of_the_user_do_not_matter() -> None:
    expected = to_svg(line_chart(), 1)[0]
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert to_svg(line_chart(), 1)[0] == expected


def test_settings_of_the_user_come_back() -> None:
    with matplotlib.rc_context({"font.size": 30}):
        line_chart()
        assert matplotlib.rcParams["font.size"] == 30


THEMES = {"light": LIGHT, "dark": DARK}
TEXT = ["ink", "muted", "accent", "right", "wrong"]
SERIES = [f"series-{i}" for i in range(1, 11)]

# Machado, Oliveira, Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", IEEE TVCG 2009, severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def linear(colour: str) -> NDArray[np.float64]:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the contrast of two linear colours, as WCAG defines it."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = sorted([float(weights @ a) + 0.05, float(weights @ b) + 0.05])
    return high / low


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(linear("#ffffff"), linear("#000000")) == pytest.approx(21)
    assert contrast(linear("#ffffff"), linear("#777777")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_themes_define_the_same_colours(theme: str) -> None:
    assert THEMES[theme].keys() == LIGHT.keys()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["page", "surface"])
@pytest.mark.parametrize("name", TEXT)
def test_text_has_contrast(theme: str, ground: str, name: str) -> None:
    colours = THEMES[theme]
    assert contrast(linear(colours[name]), linear(colours[ground])) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", SERIES)
def test_series_have_contrast(theme: str, name: str) -> None:
    assert contrast(linear(THEMES[theme][name]), linear(THEMES[theme]["page"])) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_ink_can_be_read_on_heat(theme: str, share: float) -> None:
    opacity = share * HEAT_OPACITY
    page, heat = (np.array(to_rgb(colour)) for colour in (THEMES[theme]["page"], HEAT))
    cell = tuple(opacity * heat + (1 - opacity) * page)
    assert contrast(linear(cell), linear(THEMES[theme]["ink"])) >= 4.5  # type: ignore[arg-type]


def test_full_heat_stands_out() -> None:
    for colours in THEMES.values():
        page, heat = (np.array(to_rgb(colour)) for colour in (colours["page"], HEAT))
        cell = tuple(HEAT_OPACITY * heat + (1 - HEAT_OPACITY) * page)
        assert contrast(linear(cell), linear(colours["page"])) >= 1.8  # type: ignore[arg-type]


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* of a linear colour, by daylight (D65)."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = to_xyz @ rgb / np.array([0.95047, 1.0, 1.08883])
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_lab_is_that_of_cie() -> None:
    # The red of sRGB, as every table of colours has it.
    np.testing.assert_allclose(lab(linear("#ff0000")), [53.24, 80.09, 67.20], atol=0.02)


def seen_as(colours: dict[str, str], vision: str) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for name in SERIES[:6]:
        yield name, lab(np.clip(VISION[vision] @ linear(colours[name]), 0, 1))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", VISION)
def test_first_six_series_keep_apart(theme: str, vision: str) -> None:
    seen = list(seen_as(THEMES[theme], vision))
    for (name, a), (other, b) in itertools.combinations(seen, 2):
        difference = float(np.linalg.norm(a - b))
        assert difference >= 15, f"{name} and {other} are alike: {difference:.1f}"
