"""matplotlib's SVG made part of a page: its colours and fonts, its ids, and little ballast.

matplotlib writes a document of its own: with a style sheet that would govern the whole page, the
fonts of this machine, colours for white paper, and ids that are the same in the next chart. What
comes out here takes ink and font from the page, in light and in dark; ids are left only where
something refers to them, and `number_ids` tells those of several charts apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

_ID_USES = re.compile(r'(\bid="|url\(#|\bhref="#)(?=i\d+[")])')
_TAG = re.compile(r"<[^>]*>")
_REFERENCE = re.compile(r"url\(#([^)]+)\)|^#(.+)$")
_LONG_FRACTION = re.compile(r"(-?\d+\.\d{2})\d+")
_NO_ROTATION = re.compile(r"\s*rotate\(-?0(?: [^)]*)?\)")
_FONT_FAMILY = re.compile(r"font-family:[^;]*;?")
_FONT = re.compile(r"font:\s*(?P<before>(?:\w+ )*?)(?P<size>[\d.]+px)\s[^;]*")
_DROPPED = {"metadata", "style", "title", "desc"}


def make_inline(document: str, colours: Mapping[str, str]) -> tuple[str, float]:
    """Return an ``<svg>`` element for an HTML page, and its width in CSS pixels.

    Parameters
    ----------
    document : str
        As matplotlib writes it, with text as text.
    colours : mapping of str to str
        What stands for colours, as ``{"#000000": "currentColor"}``.

    Returns
    -------
    svg : str
    width : float
    """
    root = ElementTree.fromstring(document)
    for parent in root.iter():
        for child in list(parent):
            if _name(child.tag) in _DROPPED:
                parent.remove(child)
    _renumber_ids(root)
    for element in root.iter():
        element.tag = _name(element.tag)
        element.tail = None
        if element.tag not in ("text", "tspan"):
            element.text = None
        for key in list(element.attrib):
            value = _tidy(_name(key), element.attrib.pop(key), colours)
            if value:
                element.set(_name(key), value)
    _drop_empty(root)
    view_box = root.get("viewBox", "")
    width = float(view_box.split()[2]) * 4 / 3  # a point is 4/3 CSS pixels
    root.attrib.clear()
    # Round joins are what matplotlib's style sheet asks for; black is written as no fill at all.
    root.attrib.update(
        {
            "viewBox": view_box,
            "fill": colours.get("#000000", "#000000"),
            "stroke-linejoin": "round",
            "aria-hidden": "true",
            "focusable": "false",
        }
    )
    return ElementTree.tostring(root, encoding="unicode"), width


def number_ids(svg: str, number: int) -> str:
    """Return the element with ids that those of no other chart's number equal.

    Examples
    --------
    >>> number_ids('<a id="i1"/><b clip-path="url(#i1)"/><use href="#i1"/>', 7)
    '<a id="c7-i1"/><b clip-path="url(#c7-i1)"/><use href="#c7-i1"/>'
    """
    # In tags alone: a text may read like an id, but within it a "<" is written as an entity.
    return _TAG.sub(lambda tag: _ID_USES.sub(rf"\g<1>c{number}-", tag[0]), svg)


def _name(qualified: str) -> str:
    """Return a name without its XML namespace, which HTML knows by itself."""
    return qualified.rpartition("}")[2]


def _renumber_ids(root: ElementTree.Element) -> None:
    """Name what is referred to i0, i1, …, and take the other ids away."""
    used: dict[str, str] = {}
    for element in root.iter():
        for key, value in element.attrib.items():
            if "url(#" in value or _name(key) == "href":
                for groups in _REFERENCE.findall(value):
                    used.setdefault(groups[0] or groups[1], f"i{len(used)}")
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in used:
            element.set("id", used[identity])
        for key, value in element.attrib.items():
            if "url(#" in value:
                renamed = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{used[m[1]]})", value)
                element.set(key, renamed)
            elif _name(key) == "href" and value.startswith("#"):
                element.set(key, f"#{used[value[1:]]}")


def _tidy(key: str, value: str, colours: Mapping[str, str]) -> str:
    if key == "d":
        return " ".join(_LONG_FRACTION.sub(r"\1", value).split())
    if key in ("x", "y"):
        return _LONG_FRACTION.sub(r"\1", value)
    if key == "transform":
        return _NO_ROTATION.sub("", value)
    if key != "style":
        return value
    value = _FONT.sub(_font_without_family, _FONT_FAMILY.sub("", value))
    for colour, stands_for in colours.items():
        value = value.replace(colour, stands_for)
    return value.strip().rstrip(";")


def _font_without_family(match: re.Match[str]) -> str:
    """Split the shorthand of older matplotlibs, which must name a family, into what stays."""
    words = match["before"].split()
    kept = [f"font-weight: {word}; " for word in words if word.isdigit()]
    kept += [f"font-style: {word}; " for word in words if word in ("italic", "oblique")]
    return f"{''.join(kept)}font-size: {match['size']}"


def _drop_empty(element: ElementTree.Element) -> None:
    for child in list(element):
        _drop_empty(child)
        if child.tag in ("g", "defs") and len(child) == 0:
            element.remove(child)
