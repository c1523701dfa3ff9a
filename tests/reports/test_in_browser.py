"""The page in a real browser: silent, without any request, and within the screen."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.browser import Page, browser
from tests.reports.samples import NASTY, full_report

from lookalike.reports.charts import DARK, LIGHT
from lookalike.reports.write import write_report


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, full_report(NASTY))
    return (folder / "report.html").as_uri()


def test_browser_hears_what_goes_wrong(page: Page, tmp_path: Path) -> None:
    """Or else its silence would mean nothing."""
    bad = tmp_path / "bad.html"
    policy = "default-src 'none'; img-src http:"
    bad.write_text(
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<img src="http://127.0.0.1:9/a.png"><script>1</script>'
    )
    page.open(bad.as_uri())
    assert "http://127.0.0.1:9/a.png" in page.requests
    assert any("Content Security Policy" in line for line in page.console)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1200, 768, 360, 320])
def test_page_is_silent_and_fits(page: Page, url: str, width: int, dark: bool) -> None:
    page.open(url, width=width, dark=dark)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.console == []
    assert [request for request in page.requests if not request.startswith("data:")] == [url]
    inner = page.evaluate("document.documentElement.clientWidth")
    assert inner == width
    assert page.evaluate("document.documentElement.scrollWidth") <= inner


def test_pictures_are_shown(page: Page, url: str) -> None:
    page.open(url)
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert page.evaluate("document.images.length") == 12
    assert page.evaluate(broken) == 0
    assert page.evaluate("document.querySelector('img').getBoundingClientRect().width") == 84


@pytest.mark.parametrize("width", [1200, 360])
def test_rows_of_pictures_are_as_high_as_what_is_in_them(
    page: Page, width: int, tmp_path: Path
) -> None:
    write_report(tmp_path, full_report())
    page.open((tmp_path / "report.html").as_uri(), width=width)
    bottoms = "[...row.querySelectorAll('figcaption')].map(c => c.getBoundingClientRect().bottom)"
    row = "(row => row.getBoundingClientRect().bottom - {})(document.querySelector('.cases > li'))"
    assert 0 < page.evaluate(row.format(f"Math.max(...{bottoms})")) < 40


@pytest.mark.parametrize(("dark", "colours"), [(False, LIGHT), (True, DARK)])
def test_theme_follows_the_reader(
    page: Page, url: str, dark: bool, colours: dict[str, str], tmp_path: Path
) -> None:
    page.open(url, dark=dark)
    page.screenshot(tmp_path / "page.png")
    corner = np.asarray(Image.open(tmp_path / "page.png").convert("RGB"))[0, 0]
    assert "#" + bytes(corner.tolist()).hex() == colours["page"]
    colour = "getComputedStyle(document.querySelector('{}')).{}"
    seen = [
        page.evaluate(colour.format("h1", "color")),
        page.evaluate(colour.format("svg text", "fill")),
        page.evaluate(colour.format("svg path[style*=series-1]", "stroke")),
    ]
    ink, series = (
        f"rgb({', '.join(map(str, bytes.fromhex(colours[name][1:])))})"
        for name in ("ink", "series-1")
    )
    assert seen == [ink, ink, series]


def test_paper_is_light_and_shows_the_tables(page: Page, url: str) -> None:
    page.open(url, dark=True)
    is_visible = "document.querySelector('details table').checkVisibility()"
    assert page.evaluate(is_visible) is False
    page.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert page.evaluate(is_visible) is True
        background = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(background) == "rgb(253, 252, 249)"
    finally:
        page.call("Emulation.setEmulatedMedia", media="")


def test_keyboard_reaches_the_report_first(page: Page, url: str) -> None:
    page.open(url)
    page.call(
        "Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9
    )
    assert page.evaluate("document.activeElement.className") == "skip"
