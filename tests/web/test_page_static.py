"""The page as files: what it is made of is all here, and nothing of it is inline."""

import re
from collections import Counter
from html.parser import HTMLParser
from importlib.resources import files

import pytest

PAGE = files("lookalike.web") / "page"
SOURCES = {entry.name: entry.read_text("utf-8") for entry in PAGE.iterdir() if entry.is_file()}
SCRIPTS = {name: text for name, text in SOURCES.items() if name.endswith(".js")}
VOID = {"meta", "link", "img", "input", "br"}
FOR_TESTS = {
    "pad",
    "answer",
    "bars",
    "neighbors",
    "corrections",
    "save",
    "clear",
    "undo",
    "file",
    "noise",
    "noisy",
    "cleaned",
    "error",
    "verdict",
    "seen-image",
    "labels",
    "new-name",
    "unsaved",
    "token-dialog",
}


class Outline(HTMLParser):
    """Elements with their attributes, if each that is opened is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style") and data.strip():
            self.inline.append(data)


@pytest.fixture(scope="module")
def outline() -> Outline:
    return Outline(SOURCES["index.html"])


def ids(outline: Outline) -> list[str]:
    return [attributes["id"] or "" for _, attributes in outline.elements if "id" in attributes]


def test_html_is_well_formed(outline: Outline) -> None:
    assert outline.open == []
    assert [name for name, count in Counter(ids(outline)).items() if count > 1] == []


def test_nothing_is_inline(outline: Outline) -> None:
    assert outline.inline == []
    tags = {tag for tag, _ in outline.elements}
    assert "style" not in tags
    for tag, attributes in outline.elements:
        assert tag != "script" or "src" in attributes
        bad = [name for name in attributes if name == "style" or name.startswith("on")]
        assert bad == [], f"{tag} {attributes}"


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_nothing_is_fetched_from_elsewhere(name: str) -> None:
    text = SOURCES[name].replace("http://www.w3.org/2000/svg", "")  # a name, never fetched
    assert re.findall(r"(?:https?:|\bwss?:)?//[a-z0-9][\w-]*\.[^\s\"']*", text) == []
    assert not re.search(r"@import|url\(", text)


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_no_text_becomes_html_or_code(name: str) -> None:
    """Names of classes and of files come from others."""
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|cssText"
    )
    assert re.findall(forbidden, SCRIPTS[name]) == []


def test_page_is_whole(outline: Outline) -> None:
    """Every file that is asked for is there, and every file there is asked for."""
    linked = {
        value.removeprefix("static/")
        for tag, attributes in outline.elements
        for name, value in attributes.items()
        if tag in ("link", "script") and name in ("src", "href") and value
    }
    imported = {
        name
        for text in SCRIPTS.values()
        for name in re.findall(r'^import .*? from "\./([\w.]+)";$', text, re.MULTILINE)
    }
    assert linked == {"page.css", "page.js"}
    assert linked | imported | {"index.html"} == set(SOURCES)


def test_every_id_that_is_used_exists(outline: Outline) -> None:
    known = set(ids(outline))
    used = {name for text in SCRIPTS.values() for name in re.findall(r'byId\("([\w-]+)"\)', text)}
    patterns = {
        pattern for text in SCRIPTS.values() for pattern in re.findall(r"byId\(`(.+?)`\)", text)
    }
    assert len(used) > 30
    assert used <= known
    assert patterns == {"${name}-image", "${name}-answer", "${name}-note"}
    assert {f"{a}-{b}" for a in ("noisy", "cleaned") for b in ("image", "answer", "note")} <= known
    assert known >= FOR_TESTS
    styled = set(re.findall(r"#([a-z][\w-]*)(?=[^{};]*\{)", SOURCES["page.css"]))
    assert styled <= known


def test_everything_has_a_label(outline: Outline) -> None:
    known = set(ids(outline))
    labelled = {a["for"] for tag, a in outline.elements if tag == "label" and "for" in a}
    for tag, attributes in outline.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert attributes.get(name) is None or attributes[name] in known
        if tag == "input" and attributes.get("type") not in ("file", "radio"):
            assert attributes["id"] in labelled
        if tag == "img":
            assert "alt" in attributes
