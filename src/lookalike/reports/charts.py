"""Charts drawn by matplotlib, in one style and as SVG that is part of a page, and their colours.

Charts draw in matplotlib's default colours, which name roles: on a page black becomes its ink,
white its paper, and the colours of the default cycle ("C0" to "C9") series that read in light and
in dark.

All colours reach the contrast that WCAG 2.2 asks for: 4.5 to 1 for text, 3 to 1 for what is drawn.
The first six series keep apart for the colour-blind too: their hues are near those of Okabe and Ito
[1]_, and their lightness is chosen such that the two most alike, to normal eyes and to those
without red or green cones, differ most. The tests measure both. A chart of more series has to tell
them apart by more than colour.

matplotlib's SVG is a document of its own: with a style sheet that would govern the whole page, the
fonts of this machine, colours for white paper, and ids that are the same in the next chart.
`to_svg` returns an element that takes ink and font from the page; ids are left only where something
refers to them.

References
----------
.. [1] Okabe, Ito, "Color universal design (CUD): how to make figures and presentations that are
   friendly to colorblind people", 2008.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from lookalike.reports.blocks import Chart
from lookalike.reports.pictures import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

_COLOURS = {  # on a light page and on a dark one
    "page": ("#fdfcf9", "#14181d"),
    "surface": ("#f5f3ee", "#1d232a"),
    "ink": ("#1d2126", "#e7eaed"),
    "muted": ("#59626c", "#a4aeb8"),
    "rule": ("#dedad1", "#333b44"),
    "grid": ("#dcd9d2", "#2d353e"),
    "accent": ("#0b5a8f", "#7cc0f2"),
    "right": ("#1a7338", "#5fd07f"),
    "wrong": ("#b3261e", "#ff8d82"),
    "series-1": ("#0072b2", "#56b4e9"),
    "series-2": ("#da6e05", "#e79b42"),
    "series-3": ("#009e7c", "#60f4db"),
    "series-4": ("#7d1944", "#fb3e8e"),
    "series-5": ("#233e84", "#857afe"),
    "series-6": ("#7b580d", "#ede143"),
    "series-7": ("#2f8fb8", "#8fd3ee"),
    "series-8": ("#6e6e6e", "#b3b3b3"),
    "series-9": ("#7d8b1f", "#c3d15c"),
    "series-10": ("#a33b3b", "#e88f8f"),
}
LIGHT, DARK = ({name: pair[i] for name, pair in _COLOURS.items()} for i in (0, 1))

# Cells of a heat map reach from nothing to this colour, at this opacity. Ink can be read on it, the
# dark ink on the light page and the light ink on the dark one.
HEAT, HEAT_OPACITY = "#2a7fc0", 0.62

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelpad": 6.0,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11.0,
    "grid.linewidth": 0.7,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
}
_WRITING: Any = {"svg.fonttype": "none", "svg.hashsalt": "lookalike"}
# Next to black and white to the eye, but not the page's ink and paper.
_FIXED = {"#000000": "#010101", "#ffffff": "#fefefe"}

_REFERENCE = re.compile(r"(url\(#|^#)([^)]+)")
_LONG_FRACTION = re.compile(r"(-?\d+\.\d{2})\d+")
_NO_ROTATION = re.compile(r"\s*rotate\(-?0(?: [^)]*)?\)")
_FONT_FAMILY = re.compile(r"font-family:[^;]*;?")
_FONT = re.compile(r"font:\s*(?P<before>(?:\w+ )*?)(?P<size>[\d.]+px)\s[^;]*")
_DROPPED = {"metadata", "style", "title", "desc"}


def figure_of(chart: Chart) -> Figure:
    """Draw a chart in a calm style, whatever the user's own settings are."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=chart.size, layout="constrained")
        chart.draw(figure.subplots())
    return figure


@contextmanager
def styled(settings: Any = None) -> Iterator[None]:
    """Have matplotlib draw and write in the style of charts, whatever the user's settings are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        matplotlib.rcParams.update(settings or {})
        yield


def to_svg(chart: Chart, number: int) -> tuple[str, float]:
    """Return a chart as an ``<svg>`` element, and its width in CSS pixels.

    It is the same for the same chart, to the last byte, but for the number of the chart in its
    page, which tells its ids from those of others.
    """
    figure = figure_of(chart)
    stream = StringIO()
    _fix_text_on_images(figure)
    with styled(_WRITING), warnings.catch_warnings():
        # It is the reader's browser that draws the letters.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(stream, format="svg", transparent=True)
    return make_inline(drawable(stream.getvalue()), number)


def axes_or_new(axes: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the axes, or those of a new figure of this width and height in inches."""
    if axes is not None:
        return axes
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained").subplots()


def percent_axis(axis: Axis) -> None:
    """Write shares in percent, on a logarithmic axis at 1, 2 and 5 of each power of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if axis.get_scale() == "log":
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))


def heat_colours() -> LinearSegmentedColormap:
    """Return a colour map whose cells bear ink in light and in dark: from nothing to a blue."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    ends = [to_rgba(HEAT, 0.0), to_rgba(HEAT, HEAT_OPACITY)]
    return LinearSegmentedColormap.from_list("heat", ends)


def _fix_text_on_images(figure: Figure) -> None:
    """Keep text black or white where it lies on an opaque image, which is the same in the dark."""
    from matplotlib.colors import to_hex

    for axes in figure.get_axes():
        images: Sequence[Any] = axes.images
        pixels = (image.make_image(None, unsampled=True)[0] for image in images)
        if any((one[..., 3] == 255).all() for one in pixels):
            for text in axes.texts:
                colour = to_hex(text.get_color())
                text.set_color(_FIXED.get(colour, colour))


def make_inline(document: str, number: int) -> tuple[str, float]:
    """Return matplotlib's SVG, with text as text, as an ``<svg>`` element, and its CSS width."""
    root = ElementTree.fromstring(document)
    for parent in root.iter():
        for child in list(parent):
            if _name(child.tag) in _DROPPED:
                parent.remove(child)
    _renumber_ids(root, number)
    for element in root.iter():
        element.tag = _name(element.tag)
        element.tail = None
        if element.tag not in ("text", "tspan"):
            element.text = None
        for key in list(element.attrib):
            value = _tidy(_name(key), element.attrib.pop(key))
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
            "fill": _page_colours()["#000000"],
            "stroke-linejoin": "round",
            "aria-hidden": "true",
            "focusable": "false",
        }
    )
    return ElementTree.tostring(root, encoding="unicode"), width


def _name(qualified: str) -> str:
    """Return a name without its XML namespace, which HTML knows by itself."""
    return qualified.rpartition("}")[2]


def _renumber_ids(root: ElementTree.Element, number: int) -> None:
    """Name what is referred to c1-i0, c1-i1, … in chart 1, and take the other ids away."""
    used: dict[str, str] = {}

    def renumbered(reference: re.Match[str]) -> str:
        return reference[1] + used.setdefault(reference[2], f"c{number}-i{len(used)}")

    for element in root.iter():
        for key, value in element.attrib.items():
            if "url(#" in value or _name(key) == "href":
                element.set(key, _REFERENCE.sub(renumbered, value))
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in used:
            element.set("id", used[identity])


def _tidy(key: str, value: str) -> str:
    if key in ("d", "x", "y"):
        return " ".join(_LONG_FRACTION.sub(r"\1", value).split())
    if key == "transform":
        return _NO_ROTATION.sub("", value)
    if key != "style":
        return value
    value = _FONT.sub(_font_without_family, _FONT_FAMILY.sub("", value))
    for colour, stands_for in _page_colours().items():
        value = value.replace(colour, stands_for)
    return value.strip().rstrip(";")


@cache
def _page_colours() -> dict[str, str]:
    """Return what stands in the page for the colours that matplotlib draws in."""
    from matplotlib.colors import TABLEAU_COLORS

    return {
        "#000000": "currentColor",
        "#ffffff": "var(--page)",
        "#b0b0b0": "var(--grid)",
        "#cccccc": "var(--rule)",
        "#808080": "var(--muted)",
        **{str(c): f"var(--series-{i})" for i, c in enumerate(TABLEAU_COLORS.values(), start=1)},
    }


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
