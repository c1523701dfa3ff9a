"""Images in the terminal: half blocks where it shows greys, else characters of many densities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from lookalike.cli.screen import INDENT

_DENSITIES = " .:-=+*#%@"
_SMALLEST = 14  # columns; images of fewer pixels are enlarged to it
_GAP = 1  # columns between images


def shows_greys(console: Console) -> bool:
    """Whether the console has colours fine enough for pictures."""
    return console.color_system in ("256", "truecolor") and not console.no_color


def draw(image: NDArray[np.uint8], columns: int, *, brightest: int, greys: bool) -> Text:
    """Draw an image.

    Parameters
    ----------
    image : ndarray of shape (h, w) or (h, w, c), uint8
    columns : int
        Columns it may take. A larger image is made smaller; two of its pixels, one above the
        other, take one character.
    brightest : int
        The value drawn white.
    greys : bool
        Draw with half blocks in the image's own colours, instead of characters.
    """
    picture = Image.fromarray(np.minimum(image * (255 / brightest), 255).astype(np.uint8))
    width = min(columns, max(picture.width, _SMALLEST))
    lines = max(1, round(picture.height * width / picture.width / 2))
    if not greys:
        shades = picture.convert("L").resize((width, lines), Image.Resampling.BICUBIC)
        return Text("\n".join(_characters(np.asarray(shades))), no_wrap=True)
    picture = picture.convert("RGB").resize((width, 2 * lines), Image.Resampling.BICUBIC)
    return _half_blocks(np.asarray(picture))


def draw_line(
    images: Sequence[NDArray[np.uint8]],
    captions: Sequence[Text],
    console: Console,
    *,
    brightest: int,
) -> Table:
    """Draw images side by side, each above its caption, as wide as a step of the console allows.

    Parameters
    ----------
    images : sequence of ndarray of shape (h, w) or (h, w, c), uint8
    captions : sequence of Text, one for each image
    console : Console
    brightest : int
        The value drawn white.
    """
    columns = max(1, (console.width - INDENT + _GAP) // len(images) - _GAP)
    greys = shows_greys(console)
    table = Table.grid(padding=(0, _GAP, 0, 0))
    for _ in images:
        table.add_column(max_width=columns, overflow="fold")
    table.add_row(*(draw(image, columns, brightest=brightest, greys=greys) for image in images))
    table.add_row(*captions)
    return table


def _characters(shades: NDArray[np.uint8]) -> Iterator[str]:
    # The square root lifts thin strokes, which making them smaller has paled.
    for line in (np.sqrt(shades / 256) * len(_DENSITIES)).astype(int):
        yield "".join(_DENSITIES[shade] for shade in line)


def _half_blocks(pixels: NDArray[Any]) -> Text:
    text = Text(no_wrap=True)
    for upper, lower in zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True):
        if text:
            text.append("\n")
        for above, below in zip(upper, lower, strict=True):
            text.append("▀", Style(color=_rgb(above), bgcolor=_rgb(below)))
    return text


def _rgb(pixel: list[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*pixel)
