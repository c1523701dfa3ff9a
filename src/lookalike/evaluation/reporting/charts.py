"""Figures of matplotlib as charts that suit a page, in light and in dark.

Draw within `drawing`, in matplotlib's default colours: black becomes the page's ink, white its
paper, and the colours of the default cycle ("C0" to "C9") series that read on both.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

from lookalike.evaluation.plain import drawable
from lookalike.evaluation.reporting.palette import HEAT, HEAT_OPACITY, OF_MATPLOTLIB
from lookalike.evaluation.reporting.report import Chart, Table
from lookalike.evaluation.reporting.svg import make_inline

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


@contextmanager
def drawing(width: float = 4.8, height: float = 3.4) -> Iterator[Axes]:
    """Give axes to draw a chart on, in a calm style, whatever the user's own settings are.

    Parameters
    ----------
    width, height : float
        In inches. Text keeps its size on the page, so a chart of some 5 inches can be read on a
        phone, and two of them stand side by side on a desk.

    Examples
    --------
    >>> table = Table(["x", "y"], [[0, 1], [1, 3]], "Points of the line")
    >>> with drawing() as axes:
    ...     _ = axes.plot([0, 1], [1, 3])
    ...     line = chart(axes, alt="A line that rises from 1 to 3.", caption="y by x", table=table)
    >>> line.svg[:4], line.width
    ('<svg', 460.8)
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield Figure(figsize=(width, height), layout="constrained").subplots()


def chart(drawn: Figure | Axes, *, alt: str, caption: str, table: Table) -> Chart:
    """Make a chart of a figure, which itself stays as it is.

    Parameters
    ----------
    drawn : Figure or Axes
        Of axes it is the whole figure that is taken.
    alt : str
        What it shows, for those who do not see it.
    caption : str
    table : Table
        The numbers that are drawn.

    Returns
    -------
    Chart
        The same for the same figure, to the last byte.

    Raises
    ------
    ValueError
        If ``alt`` or ``caption`` is empty.
    """
    import matplotlib
    from matplotlib.figure import Figure

    figure = drawn if isinstance(drawn, Figure) else drawn.figure.figure
    stream = StringIO()
    with matplotlib.rc_context(_WRITING), _fixed_on_images(figure), warnings.catch_warnings():
        # It is the reader's browser that draws the letters.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(stream, format="svg", transparent=True)
    svg, width = make_inline(drawable(stream.getvalue()), OF_MATPLOTLIB)
    return Chart(svg, alt, caption, table, width)


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
