"""Charts and galleries as PNG files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.reports.blocks import Chart, Gallery, Picture, Report
from lookalike.reports.charts import axes_or_new, figure_of
from lookalike.reports.pictures import fitted, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"right": "#1a7f37", "wrong": "#c0392b", None: "#222222"}
_PER_LINE = 8  # pictures, where none has neighbours

# inches
_SIDE, _GAP, _SET_OFF, _LINE, _ABOVE, _MARGIN = 1.05, 0.08, 0.14, 0.125, 0.06, 0.1
_FONT = 8  # points


def save_png(path: Path, block: Chart | Gallery, *, dpi: int | None = 150) -> None:
    """Draw a chart, or the pictures of a gallery with their captions, to a PNG file.

    Pictures that have neighbours stand one below the other, each in a line with them; others eight
    in a line. Captions are shortened to the width of their picture. ``dpi`` of None stands for as
    many as show all pixels of a gallery's first picture, and 150 at least.
    """
    if dpi is None:
        side = max(block.pictures[0].image.shape[:2]) if isinstance(block, Gallery) else 0
        dpi = max(150, math.ceil(side / _SIDE))
    figure: Any = figure_of(block) if isinstance(block, Chart) else draw_gallery(block).figure
    save_picture(figure, path, dpi=dpi)


def draw_first(report: Report, axes: Axes | None = None) -> Axes:
    """Draw the first chart of a report, or of a report without charts the first gallery."""
    blocks = [block for section in report.sections for block in section.blocks]
    for chart in (block for block in blocks if isinstance(block, Chart)):
        axes = axes_or_new(axes, chart.size)
        chart.draw(axes)
        return axes
    for gallery in (block for block in blocks if isinstance(block, Gallery)):
        return draw_gallery(gallery, axes)
    raise ValueError(f"the report {report.title!r} has no chart; .report() writes it as a page")


def draw_gallery(gallery: Gallery, axes: Axes | None = None) -> Axes:
    """Draw the pictures of a gallery with their captions, in inches from the upper left.

    Without axes, those of a new figure of the right size are drawn in.
    """
    from matplotlib.figure import Figure

    lines = gallery.lines(_PER_LINE)
    set_off = _SET_OFF if any(one.neighbors for one in gallery.pictures) else _GAP
    titles = [[_title(one, is_bold=place == 0) for place, one in enumerate(line)] for line in lines]
    heights = [_ABOVE + _LINE * max(t.count("\n") + 1 for t in own) + 0.05 for own in titles]
    width = set_off + max(map(len, lines)) * (_SIDE + _GAP) + 2 * _MARGIN
    width = max(width, 3.0)
    key = fitted(gallery.caption.split(), width - 2 * _MARGIN, size=_FONT)
    key_height = _LINE * (key.count("\n") + 1) + _GAP
    height = sum(heights) + len(lines) * _SIDE + key_height + 2 * _MARGIN
    # All pictures are on one canvas: as many axes take ten seconds.
    canvas = Figure(figsize=(width, height)).add_axes((0, 0, 1, 1)) if axes is None else axes
    canvas.set_axis_off()
    y = _MARGIN
    for line, own, above in zip(lines, titles, heights, strict=True):
        y += above
        for place, (one, title) in enumerate(zip(line, own, strict=True)):
            x = _MARGIN + place * (_SIDE + _GAP) + (set_off - _GAP if place else 0)
            canvas.imshow(
                one.pixels(),
                cmap="gray",
                vmin=0,
                vmax=255,
                extent=_square(one.image.shape, x, y),
                aspect="auto",
                interpolation="nearest" if max(one.image.shape[:2]) <= 64 else "antialiased",
            )
            canvas.text(
                x + _SIDE / 2,
                y - 0.04,
                title,
                fontsize=_FONT,
                ha="center",
                va="bottom",
                parse_math=False,
                color=_COLOURS[one.state],
                fontweight="bold" if place == 0 and one.neighbors else "normal",
            )
        y += _SIDE
    canvas.text(_MARGIN, height - _MARGIN, key, fontsize=_FONT, va="bottom", parse_math=False)
    canvas.set_xlim(0, width)
    canvas.set_ylim(height, 0)
    return canvas


def _title(picture: Picture, *, is_bold: bool) -> str:
    return "\n".join(fitted([line], _SIDE, size=_FONT, bold=is_bold) for line in picture.caption)


def _square(shape: tuple[int, ...], x: float, y: float) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of an image within the square at (x, y)."""
    height, width = shape[:2]
    pixel = _SIDE / max(height, width)
    left, top = x + (_SIDE - width * pixel) / 2, y + (_SIDE - height * pixel) / 2
    return left, left + width * pixel, top + height * pixel, top
