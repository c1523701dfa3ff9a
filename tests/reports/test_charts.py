"""Charts: matplotlib's figures made part of a page."""

import re
from collections.abc import Callable
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from sklearn.metrics import ConfusionMatrixDisplay
from tests.reports.samples import NASTY, heat_chart, line_chart, table

from lookalike.reports.blocks import Chart
from lookalike.reports.captions import unformatted
from lookalike.reports.charts import heat_colours, to_svg
from lookalike.reports.svg import make_inline, number_ids


def drawn(draw: Callable[[Axes], object], size: tuple[float, float] = (4.8, 3.4)) -> str:
    return to_svg(Chart(draw, "alt", "caption", table(), size))[0]


def ids(svg: str) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', svg)


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("text")]


def test_same_figure_gives_the_same_bytes() -> None:
    assert to_svg(line_chart())[0] == to_svg(line_chart())[0]


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
    svg = to_svg(heat_chart())[0]
    assert "#010101" not in svg
    assert "data:image/png;base64," in svg


@pytest.mark.parametrize("name", [NASTY, "a & b", "<b>", "$x$", "$", "tab\there", "\x00\ud800"])
def test_names_are_drawn_as_they_are(name: str) -> None:
    svg = to_svg(line_chart(name))[0]
    assert "<script" not in svg
    shown = name.replace("\x00", "�").replace("\ud800", "�").replace("\t", " ")
    assert any(shown == text.replace("\t", " ") for text in texts(svg)), texts(svg)


@pytest.mark.filterwarnings("error")
def test_letters_that_matplotlib_lacks_are_the_browser_s() -> None:
    assert "数字" in texts(to_svg(line_chart("数字"))[0])


def test_text_is_text_in_the_page_s_font() -> None:
    svg = to_svg(line_chart())[0]
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
    assert f'style="{kept}"' in make_inline(svg, {})[0]


def test_nothing_but_the_drawing_is_left() -> None:
    svg = to_svg(line_chart())[0]
    for tag in ("<metadata", "<style", "<?xml", "<!DOCTYPE", "xmlns", "date"):
        assert tag not in svg


def test_ids_are_few_and_all_in_use() -> None:
    svg = to_svg(line_chart())[0]
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert ids(svg)
    assert set(ids(svg)) == used
    assert len(ids(svg)) == len(set(ids(svg)))


def test_numbered_ids_are_another_chart_s() -> None:
    svg = to_svg(line_chart())[0]
    first, second = number_ids(svg, 1), number_ids(svg, 2)
    assert set(ids(first)).isdisjoint(ids(second))
    assert first.replace("c1-", "") == second.replace("c2-", "") == svg


def test_numbering_leaves_text_alone() -> None:
    name = 'id="i0" url(#i0) href="#i0"'
    assert name in texts(number_ids(to_svg(line_chart(name))[0], 3))


def test_width_is_in_css_pixels() -> None:
    chart = Chart(lambda axes: axes.plot([0, 1]), "a", "c", table(), (3, 2))
    assert to_svg(chart)[1] == pytest.approx(3 * 96)


def test_display_of_sklearn_suits_the_page() -> None:
    def draw(axes: Axes) -> None:
        display = ConfusionMatrixDisplay(np.eye(3), display_labels=[unformatted("$a$"), "b", "c"])
        display.plot(ax=axes, cmap=heat_colours(), text_kw={"color": "black"}, colorbar=False)

    svg = drawn(draw)
    assert "$a$" in texts(svg)
    assert re.findall("#[0-9a-f]{6}", svg) == []


def test_settings_of_the_user_do_not_matter() -> None:
    expected = to_svg(line_chart())[0]
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert to_svg(line_chart())[0] == expected


def test_settings_of_the_user_come_back() -> None:
    with matplotlib.rc_context({"font.size": 30}):
        line_chart()
        assert matplotlib.rcParams["font.size"] == 30
