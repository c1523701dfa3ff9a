"""The page: one document that needs nothing else, in order, with everything escaped."""

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from tests.reports.samples import NASTY, full_report, line_chart

from lookalike.reports.blocks import Headline, Report, Section, Table, Text, Undefined
from lookalike.reports.html import to_html

VOID = {"meta", "link", "img", "br", "hr", "input"}
Attributes = dict[str, str | None]


class Document(HTMLParser):
    """Elements in order; what is opened must be closed, innermost first."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Attributes]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, *tags: str) -> list[Attributes]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def text(self) -> str:
        return "".join(self.words)


@pytest.fixture(scope="module")
def page() -> Document:
    return Document(to_html(full_report()))


def test_same_report_gives_the_same_bytes() -> None:
    assert to_html(full_report()) == to_html(full_report())


def test_empty_report_is_a_page() -> None:
    document = Document(to_html(Report("Nothing")))
    assert document.all("nav") == []
    assert len(document.all("main")) == 1


def test_landmarks_and_headings(page: Document) -> None:
    for tag in ("header", "nav", "main", "footer", "h1"):
        assert len(page.all(tag)) == 1, tag
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.all("html") == [{"lang": "en"}]
    named = [a for tag, a in page.elements if tag in ("section", "nav") and len(a)]
    assert all("aria-label" in a or "aria-labelledby" in a for a in named)


def test_links_lead_somewhere(page: Document) -> None:
    identities = [a["id"] for _, a in page.elements if "id" in a]
    assert [name for name, n in Counter(identities).items() if n > 1] == []
    targets = [
        str(a["href"])[1:] for tag, a in page.elements if tag in ("a", "use") and "href" in a
    ]
    labels = [str(a["aria-labelledby"]) for _, a in page.elements if "aria-labelledby" in a]
    assert "report" in targets  # of the skip link
    assert {*targets, *labels} <= set(identities)


def test_contents_name_the_sections(page: Document) -> None:
    links = [a["href"] for a in page.all("a")]
    assert links == ["#report", "#section-1", "#section-2", "#made"]


def test_every_picture_and_drawing_has_words(page: Document) -> None:
    images = page.all("img")
    assert len(images) == 3 + 9
    assert all(image["alt"] for image in images)
    drawings = [a for _, a in page.elements if a.get("role") == "img"]
    assert len(drawings) == len(page.all("svg")) == 3
    assert all(drawing["aria-label"] for drawing in drawings)


def test_behind_every_chart_is_a_table(page: Document) -> None:
    tags = [tag for tag, _ in page.elements]
    starts = [
        i for i, (tag, a) in enumerate(page.elements) if tag == "figure" and "chart" in str(a)
    ]
    for start in starts:
        rest = tags[start + 1 :]
        own = rest[: rest.index("figure")] if "figure" in rest else rest
        assert own.count("svg") == own.count("details") == own.count("summary") == 1
        assert "table" in own[own.index("details") :]


def test_tables_have_captions_and_scopes(page: Document) -> None:
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(head["scope"] in ("col", "row") for head in page.all("th"))


def test_states_are_words_not_colours_alone(page: Document) -> None:
    assert "✗wrong: " in page.text
    assert "✓right: " in page.text


def test_page_forbids_all_that_it_does_not_bring(page: Document) -> None:
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    for tag in ("script", "iframe", "object", "embed", "form", "base", "audio", "video"):
        assert page.all(tag) == []
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))


def test_styles_load_nothing() -> None:
    html = to_html(full_report())
    assert re.findall(r"@import|url\((?!#)|https?://|//www", html) == []


def test_everything_is_escaped() -> None:
    document = Document(to_html(full_report(NASTY)))
    plain = Document(to_html(full_report()))
    assert [tag for tag, _ in document.elements] == [tag for tag, _ in plain.elements]
    assert document.text.count(NASTY) > 20
    assert all(image["alt"] == f"an image of {NASTY}" for image in document.all("img"))


def test_missing_numbers_have_footnotes() -> None:
    rows = [["a", Undefined("no image"), 1.0], ["b", Undefined("one class"), Undefined("no image")]]
    table = Table(["class", "x", "y"], rows, "Undefined")
    text = " ".join(Document(to_html(Report("t", sections=[Section("s", [table])]))).text.split())
    assert "a–11 b–2–1" in text.replace(" b", " b")
    assert "1 no image; 2 one class" in text


def test_parameters_are_read_as_words() -> None:
    text = Document(to_html(full_report())).text
    assert "augmentationnone" in text
    assert "exactyes" in text
    assert "fit0.25" in text


def test_charts_that_follow_one_another_stand_together() -> None:
    sections = [Section("s", [line_chart(), line_chart(), Text("between"), line_chart()])]
    html = to_html(Report("t", sections=sections))
    assert [run.count("<svg") for run in html.split('<div class="charts">')[1:]] == [2, 1]


@pytest.mark.parametrize("n_cards", [1, 4, 5, 6, 7, 8])
def test_cards_fill_their_lines(n_cards: int) -> None:
    html = to_html(Report("t", headline=[Headline("n", "1")] * n_cards))
    columns = int(re.findall(r"--columns: (\d)", html)[0])
    assert n_cards <= columns or n_cards % columns in (0, columns - 1)
