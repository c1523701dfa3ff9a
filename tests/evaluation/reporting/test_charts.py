"""Charts: matplotlib's figures made part of a page."""

import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay
from tests.evaluation.reporting.samples import NASTY, heat_chart, line_chart, table

from lookalike.evaluation.plain import unformatted
from lookalike.evaluation.reporting.charts import chart, drawing, heat_colours
from lookalike.evaluation.reporting.svg import make_inline, number_ids


def drawn(figure: Figure) -> str:
    return chart(figure, alt="alt", caption="caption", table=table()).svg


def ids(svg: str) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', svg)


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("text")]


def test_same_figure_gives_the_same_bytes() -> None:
    assert line_chart().svg == line_chart().svg


def test_figure_stays_as_it_is() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.imshow([[0.0, 1.0]], cmap="gray")
    text = axes.text(0, 0, "on an image", color="black")
    before = figure.get_facecolor(), axes.get_facecolor(), text.get_color()
    assert drawn(figure) == drawn(figure)
    assert (figure.get_facecolor(), axes.get_facecolor(), text.get_color()) == before


def test_axes_stand_for_their_figure() -> None:
    figure = Figure()
    upper, lower = figure.subplots(2)
    upper.set_title("upper")
    lower.set_title("lower")
    of_axes = chart(lower, alt="alt", caption="caption", table=table()).svg
    assert of_axes == drawn(figure)
    inner = figure.subfigures(1).subplots()
    assert "upper" in texts(chart(inner, alt="alt", caption="caption", table=table()).svg)


def test_colours_are_the_page_s() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="C0")
    axes.plot([0, 1], [1, 0], color="C9")
    axes.grid(True)
    axes.legend(["a", "b"])
    svg = drawn(figure)
    for colour in ("currentColor", "--series-1)", "--series-10)", "--grid)", "--page)"):
        assert colour in svg
    assert re.findall("#[0-9a-f]{6}", svg) == []


def test_ink_is_written_for_black_fills_and_texts() -> None:
    figure = Figure()
    figure.text(0.5, 0.5, "black by default")
    assert drawn(figure).startswith("<svg viewBox=")
    assert 'fill="currentColor"' in drawn(figure).partition(">")[0]


def test_text_on_an_opaque_image_keeps_its_colour() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.imshow([[0.0, 1.0]], cmap="gray")
    axes.text(0, 0, "white on black", color="white")
    axes.text(1, 0, "black on white", color="black")
    svg = drawn(figure)
    assert "#fefefe" in svg
    assert "#010101" in svg


def test_text_on_heat_is_ink() -> None:
    svg = heat_chart().svg
    assert "#010101" not in svg
    assert "data:image/png;base64," in svg


@pytest.mark.parametrize("name", [NASTY, "a & b", "<b>", "$x$", "$", "tab\there", "\x00\ud800"])
def test_names_are_drawn_as_they_are(name: str) -> None:
    svg = line_chart(name).svg
    assert "<script" not in svg
    shown = name.replace("\x00", "�").replace("\ud800", "�").replace("\t", " ")
    assert any(shown == text.replace("\t", " ") for text in texts(svg)), texts(svg)


@pytest.mark.filterwarnings("error")
def test_letters_that_matplotlib_lacks_are_the_browser_s() -> None:
    assert "数字" in texts(line_chart("数字").svg)


def test_text_is_text_in_the_page_s_font() -> None:
    svg = line_chart().svg
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
    svg = line_chart().svg
    for tag in ("<metadata", "<style", "<?xml", "<!DOCTYPE", "xmlns", "date"):
        assert tag not in svg


def test_ids_are_few_and_all_in_use() -> None:
    svg = line_chart().svg
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert ids(svg)
    assert set(ids(svg)) == used
    assert len(ids(svg)) == len(set(ids(svg)))


def test_numbered_ids_are_another_chart_s() -> None:
    svg = line_chart().svg
    first, second = number_ids(svg, 1), number_ids(svg, 2)
    assert set(ids(first)).isdisjoint(ids(second))
    assert first.replace("c1-", "") == second.replace("c2-", "") == svg


def test_numbering_leaves_text_alone() -> None:
    name = 'id="i0" url(#i0) href="#i0"'
    assert name in texts(number_ids(line_chart(name).svg, 3))


def test_width_is_in_css_pixels() -> None:
    with drawing(width=3, height=2) as axes:
        assert chart(axes, alt="a", caption="c", table=table()).width == pytest.approx(3 * 96)


def test_display_of_sklearn_suits_the_page() -> None:
    with drawing() as axes:
        display = ConfusionMatrixDisplay(np.eye(3), display_labels=[unformatted("$a$"), "b", "c"])
        display.plot(ax=axes, cmap=heat_colours(), text_kw={"color": "black"}, colorbar=False)
        svg = chart(axes, alt="alt", caption="caption", table=table()).svg
    assert "$a$" in texts(svg)
    assert re.findall("#[0-9a-f]{6}", svg) == []


def test_settings_of_the_user_do_not_matter() -> None:
    expected = line_chart().svg
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert line_chart().svg == expected


def test_settings_of_the_user_come_back() -> None:
    with matplotlib.rc_context({"font.size": 30}):
        line_chart()
        assert matplotlib.rcParams["font.size"] == 30
