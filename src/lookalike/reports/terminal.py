"""Sections in a terminal: text, tables, curves and pictures as wide as it is.

Blocks with ``detail=True`` are left out. Otherwise a terminal shows what the page shows: the same
text, the same tables up to a number of rows, curves in characters, and the first pictures of each
gallery in half blocks, or in characters where colours are missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from itertools import compress

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table as Grid
from rich.text import Text as Words

from lookalike.reports.blocks import (
    Block,
    Chart,
    Column,
    Gallery,
    Heading,
    Line,
    Picture,
    Section,
    Table,
    Text,
    cell_text,
)

INDENT = 3
"""Columns by which blocks are indented."""

_TEXT_WIDTH = 100
_MOST_ROWS = 30  # of a table
_NARROWEST = 12  # columns that the names of rows are wrapped to, if numbers need the room
_MOST_PICTURES = 3  # with their neighbours, or lines of pictures
_GAP = 1  # columns between pictures
_SMALLEST = 14  # columns of a picture; smaller ones are enlarged to it
_NARROWEST_PICTURE = 10  # columns; pictures of a line that do not fit are left out
_MOST_COLUMNS = 36  # of a picture
_DENSITIES = " .:-=+*#%@"
_MARKS = "ox+%&"
_LINES = 13  # of a chart
_STATES = {"right": "bold green", "wrong": "bold red", None: "bold"}


def show(
    sections: Sequence[Section],
    console: Console,
    *,
    titles: bool = True,
    most_pictures: int = _MOST_PICTURES,
) -> None:
    """Print sections, with their titles or without.

    A gallery shows at most ``most_pictures`` pictures with their neighbours, or as many lines of
    pictures without; it is left out if that is 0.

    Examples
    --------
    >>> table = Table(["class", Column("recall", ".1%")], [["3", 0.95]], "Recall of each class")
    >>> console = Console(width=60, color_system=None)
    >>> show([Section("How good it is", [table])], console)  # doctest: +NORMALIZE_WHITESPACE
    How good it is
    <BLANKLINE>
       class   recall
       3       95.0%
    """
    for number, section in enumerate(one for one in sections if not one.detail):
        if number:
            console.print()
        if titles:
            console.print(Words(section.title, "bold"))
            console.print()
        shown = [
            block
            for block in (*map(Text, section.intro), *section.blocks)
            if not block.detail and (most_pictures or not isinstance(block, Gallery))
        ]
        for place, block in enumerate(shown):
            if place and not (isinstance(block, Text) and isinstance(shown[place - 1], Text)):
                console.print()
            content = _render(block, console, most_pictures)
            console.print(Padding(content, (0, 0, 0, INDENT), expand=False))


def to_text(blocks: Sequence[Block]) -> str:
    """Return blocks as plain text of 100 columns, not indented."""
    file = StringIO()
    console = Console(file=file, width=_TEXT_WIDTH + INDENT, color_system=None)
    for block in blocks:
        console.print(_render(block, console, _MOST_PICTURES))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _render(block: Block, console: Console, most_pictures: int) -> RenderableType:
    width = console.width - INDENT
    match block:
        case Text():
            return Words(block.text, "dim" if block.is_note else "")
        case Heading():
            return Words(block.text, "bold")
        case Table():
            return _table(block, width)
        case Chart():
            if not block.lines:
                return _table(block.table, width)
            drawn = [_draw_lines(block.lines, width), Words(block.caption, "dim")]
            if len(block.table.rows) > _MOST_ROWS or block.table.detail:
                return Group(*drawn)
            return Group(*drawn, Words(), _table(block.table, width))
        case Gallery():
            return _gallery(block, console, most_pictures)


def _table(table: Table, width: int) -> RenderableType:
    shown = [not (isinstance(one, Column) and one.detail) for one in table.columns]
    heads = list(compress(table.heads(), shown))
    numeric = list(compress(table.is_numeric(), shown))
    texts = [list(compress(row, shown)) for row in table.texts()]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    gap = next((n for n in (3, 2) if sum(widths) + n * (len(heads) - 1) <= width), 1)
    grid = Grid(
        box=None, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False, header_style="bold"
    )
    for head, is_number in zip(heads, numeric, strict=True):
        justify: JustifyMethod = "right" if is_number else "left"
        grid.add_column(Words(head), justify=justify, no_wrap=is_number)
    for row in texts[:_MOST_ROWS]:
        grid.add_row(*map(Words, row))
    needed = min(widths[0], _NARROWEST) + sum(widths[1:]) + gap * (len(heads) - 1)
    if needed > width and all(numeric[1:]):  # a line of numbers that wraps can not be read
        return Words(
            f"{table.caption.rstrip('.')}: a table of {len(heads)} columns, wider than the {width} "
            "here; the report that --out writes has it."
        )
    grid.show_header = any(heads)
    if len(texts) <= _MOST_ROWS:
        return grid
    rest = len(texts) - _MOST_ROWS
    return Group(grid, Words(f"… {rest:,} more rows are in the report that --out writes.", "dim"))


def _draw_lines(lines: Sequence[Line], width: int) -> Words:
    """Draw one or more curves in characters that every terminal has."""
    x, y = np.concatenate([line.x for line in lines]), np.concatenate([line.y for line in lines])
    left, right, low, high = x.min(), x.max(), np.nanmin(y), np.nanmax(y)
    names = [cell_text(float(value)) for value in np.linspace(high, low, _LINES)]
    margin = max(map(len, names)) + 2
    columns = max(8, width - margin)
    cells = np.full((_LINES, columns), " ")
    for number, line in enumerate(lines):
        drawn = np.isfinite(line.y)
        across = (line.x[drawn] - left) / max(right - left, 1e-300) * (columns - 1)
        down = (high - line.y[drawn]) / max(high - low, 1e-300) * (_LINES - 1)
        cells[np.rint(down).astype(int), np.rint(across).astype(int)] = _MARKS[number % len(_MARKS)]
    text = Words(no_wrap=True)
    for place, (name, row) in enumerate(zip(names, cells, strict=True)):
        shown = name if place % 3 == 0 else ""
        text.append(f"{shown:>{margin - 2}} |", "dim")
        text.append("".join(row) + "\n")
    ends = cell_text(float(left)), cell_text(float(right))
    text.append(" " * (margin - 1) + "+" + "-" * columns + "\n", "dim")
    text.append(" " * margin + f"{ends[0]}{ends[1]:>{max(1, columns - len(ends[0]))}}\n", "dim")
    marks = (f"{_MARKS[i % len(_MARKS)]} {line.name}" for i, line in enumerate(lines))
    text.append(" " * margin + "   ".join(marks))
    return text


def _gallery(gallery: Gallery, console: Console, most: int) -> RenderableType:
    lines = gallery.lines(max(1, (console.width - INDENT) // (_SMALLEST + _GAP)))
    fitting = max(2, (console.width - INDENT + _GAP) // (_NARROWEST_PICTURE + _GAP))
    hidden = max(map(len, lines)) - fitting
    parts: list[RenderableType] = [Words(gallery.caption)]
    for line in lines[:most]:
        parts += [Words(), _row(line[:fitting], console)]
    if hidden > 0:
        parts.append(Words(f"… and {hidden:,} more in a line than fit here", "dim"))
    has_neighbors = any(one.neighbors for one in gallery.pictures)
    rest = len(lines[most:]) if has_neighbors else sum(map(len, lines[most:]))
    if rest:
        parts.append(Words(f"… {rest:,} more are in the report that --out writes.", "dim"))
    return Group(*parts)


def _row(pictures: Sequence[Picture], console: Console) -> Grid:
    """Draw pictures side by side, each above its caption, as wide as the console allows."""
    room = (console.width - INDENT + _GAP) // max(1, len(pictures)) - _GAP
    columns = max(1, min(room, _MOST_COLUMNS))
    greys = console.color_system in ("256", "truecolor") and not console.no_color
    grid = Grid.grid(padding=(0, _GAP, 0, 0))
    captions = []
    for one in pictures:
        grid.add_column(max_width=columns, overflow="fold")
        first, *others = one.caption or [""]
        captions.append(
            Words.assemble((first, _STATES[one.state]), ("\n".join(["", *others]), "dim"))
        )
    grid.add_row(*(_draw(one, columns, greys=greys) for one in pictures))
    grid.add_row(*captions)
    return grid


def _draw(shown: Picture, columns: int, *, greys: bool) -> Words:
    """Draw an image: two of its pixels, one above the other, take one character."""
    picture = Image.fromarray(shown.pixels())
    width = min(columns, max(picture.width, _SMALLEST))
    lines = max(1, round(picture.height * width / picture.width / 2))
    if not greys:
        shades = picture.convert("L").resize((width, lines), Image.Resampling.BICUBIC)
        # The square root lifts thin strokes, which making them smaller has paled.
        densities = (np.sqrt(np.asarray(shades) / 256) * len(_DENSITIES)).astype(int).tolist()
        rows = ("".join(_DENSITIES[density] for density in row) for row in densities)
        return Words("\n".join(rows), no_wrap=True)
    picture = picture.convert("RGB").resize((width, 2 * lines), Image.Resampling.BICUBIC)
    text, pixels = Words(no_wrap=True), np.asarray(picture)
    for upper, lower in zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True):
        if text:
            text.append("\n")
        for above, below in zip(upper, lower, strict=True):
            text.append("▀", Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
    return text
