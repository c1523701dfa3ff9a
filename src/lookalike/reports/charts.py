"""Charts drawn by matplotlib, in one style, and as SVG that suits a page in light and in dark.

Charts draw in matplotlib's default colours: on a page black becomes its ink, white its paper, and
the colours of the default cycle ("C0" to "C9") series that read on both.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

from lookalike.reports.blocks import Chart, Gallery, Report
from lookalike.reports.captions import drawable
from lookalike.reports.palette import HEAT, HEAT_OPACITY, OF_MATPLOTLIB
from lookalike.reports.svg import make_inline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelpad": 6.0,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11.0,
    "figure.constrained_layout.use": False,
    "font.size": 10.0,
    "grid.linewidth": 0.7,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
}
_WRITING: Any = {"svg.fonttype": "none", "svg.hashsalt": "lookalike"}
# Next to black and white to the eye, but not the page's ink and paper.
_FIXED = {"black": "#010101", "white": "#fefefe"}


def figure_of(chart: Chart) -> Figure:
    """Draw a chart in a calm style, whatever the user's own settings are.

    Examples
    --------
    >>> from lookalike.reports.blocks import Table
    >>> table = Table(["x", "y"], [[0, 1], [1, 3]], "Points of the line")
    >>> line = Chart(lambda axes: axes.plot([0, 1], [1, 3]), "A line.", "y by x", table)
    >>> svg, width = to_svg(line)
    >>> svg[:4], width
    ('<svg', 460.8)
    """
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


def to_svg(chart: Chart) -> tuple[str, float]:
    """Return a chart as an ``<svg>`` element, and its width in CSS pixels.

    It is the same for the same chart, to the last byte.
    """
    figure = figure_of(chart)
    stream = StringIO()
    with styled(_WRITING), _fixed_on_images(figure), warnings.catch_warnings():
        # It is the reader's browser that draws the letters.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(stream, format="svg", transparent=True)
    return make_inline(drawable(stream.getvalue()), OF_MATPLOTLIB)


def draw_first(report: Report, axes: Axes | None = None) -> Axes:
    """Draw the first chart of a report, or of a report without charts the first gallery.

    Raises
    ------
    ValueError
        If there is neither.
    """
    from lookalike.reports.png import draw_gallery

    blocks = [block for section in report.sections for block in section.blocks]
    for block in blocks:
        if isinstance(block, Chart):
            axes = axes_or_new(axes, block.size)
            block.draw(axes)
            return axes
    for block in blocks:
        if isinstance(block, Gallery):
            return draw_gallery(block, axes)
    raise ValueError(f"the report {report.title!r} has no chart; .report() writes it as a page")


def axes_or_new(axes: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the axes, or those of a new figure of this width and height in inches."""
    if axes is not None:
        return axes
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained").subplots()


def heat_colours() -> LinearSegmentedColormap:
    """Return a colour map whose cells bear ink in light and in dark: from nothing to a blue.

    Examples
    --------
    >>> heat_colours()(0.0)[3], round(float(heat_colours()(1.0)[3]), 2)
    (np.float64(0.0), 0.62)
    """
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    ends = [to_rgba(HEAT, 0.0), to_rgba(HEAT, HEAT_OPACITY)]
    return LinearSegmentedColormap.from_list("heat", ends)


@contextmanager
def _fixed_on_images(figure: Figure) -> Iterator[None]:
    """Keep text black or white where it lies on an opaque image, which is the same in the dark."""
    from matplotlib.colors import to_hex

    changed: list[tuple[Any, Any]] = []
    for axes in figure.get_axes():
        if not any(_is_opaque(image) for image in axes.images):
            continue
        for text in axes.texts:
            colour = to_hex(text.get_color())
            fixed = {"#000000": _FIXED["black"], "#ffffff": _FIXED["white"]}.get(colour)
            if fixed is not None:
                changed.append((text, text.get_color()))
                text.set_color(fixed)
    try:
        yield
    finally:
        for text, colour in changed:
            text.set_color(colour)


def _is_opaque(image: Any) -> bool:
    return bool((image.make_image(None, unsampled=True)[0][..., 3] == 255).all())
