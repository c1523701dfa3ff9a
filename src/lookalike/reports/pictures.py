"""Pictures of a report: images as bytes, with arrows, as thumbnails, and captions that fit.

matplotlib takes each letter from the first font of a text that has it. Its own font, DejaVu Sans,
has Latin, Greek, Cyrillic and Arabic letters, but no Chinese, Japanese, Korean or Indian ones.
Users who give classes such names have fonts for them installed, so these are looked for there, by
the letters that they have and not by names that differ from system to system.
"""

from __future__ import annotations

import logging
import re
import unicodedata
import warnings
from base64 import b64encode
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lookalike.images.exceptions import warn_caller
from lookalike.matching.byte_levels import grey
from lookalike.reports.blocks import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ENLARGED = 224  # pixels of the longer side, at about which arrows can be read
_ARROW = (90, 160, 255)
_FADED = 0.55  # what arrows are drawn over
_LEAST_SLOPE = 0.1  # least change of grey where arrows are drawn, as a share of the brightest pixel

_SIDE = 84  # CSS pixels of a small image's longer side, about; 28 pixels are enlarged 3 times
_LARGEST = 192  # pixels of the longer side that is kept; of more the page would only grow

# Control characters, halves of surrogate pairs (of file names that are no Unicode), no characters.
_NOT_DRAWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_DPI = 150  # where hinted letters are wider than at other usual resolutions
_PLOT_NAME = 1.7  # inches
_LONGEST = 200  # letters that are measured; no place is so wide


def picture(
    image: NDArray[Any], brightest: float, alt: str, caption: Sequence[str] = (), **more: Any
) -> Picture:
    """Return an image of any numbers as a `Picture`, 0 black and ``brightest``, above 0, white.

    Examples
    --------
    >>> picture(np.array([[0, 8, 16]]), 16, "three greys").image
    array([[  0, 128, 255]], dtype=uint8)
    """
    return Picture(as_pixels(image, brightest=brightest), alt, caption, **more)


def right_or_wrong(is_right: bool) -> Literal["right", "wrong"]:
    """Return the state of a picture."""
    return "right" if is_right else "wrong"


def with_arrows(
    image: NDArray[np.uint8], query: NDArray[np.uint8], moves: NDArray[np.integer[Any]]
) -> NDArray[np.uint8]:
    """Return an image enlarged, with arrows from the query's pixels to similar pixels of the image.

    Arrows stand where the query's grey changes, at every other pixel. The image is paler below.
    ``moves`` of shape (2, h, w) tells by how many pixels down, and to the right.
    """
    height, width = image.shape[:2]
    zoom = max(1, _ENLARGED // max(height, width))
    drawn = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image).convert("RGB")
    drawn = drawn.resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
    drawn = Image.blend(Image.new("RGB", drawn.size), drawn, _FADED)
    slope = np.hypot(*np.gradient(grey(query.reshape(1, height, width, -1))[0].astype(float)))
    has_arrow = moves.any(axis=0) & (slope > _LEAST_SLOPE * max(1, int(query.max())))
    has_arrow &= np.indices((height, width)).sum(axis=0) % 2 == 0
    pen = ImageDraw.Draw(drawn)
    thick = max(1, zoom // 4)
    for row, column in np.argwhere(has_arrow):
        step = np.array([moves[1, row, column], moves[0, row, column]], dtype=float)
        start = zoom * (np.array([column, row]) + 0.5)
        end = start + zoom * step
        back = 3 * thick * step / np.hypot(*step)
        side = np.array([-back[1], back[0]]) / 2
        pen.line([*start, *(end - back)], fill=_ARROW, width=thick)
        pen.polygon([*end, *(end - back + side), *(end - back - side)], fill=_ARROW)
    return np.asarray(drawn)


def thumbnail(shown: Picture) -> dict[str, Any]:
    """Return what an ``<img>`` element needs of a picture, of which a large one is made smaller.

    Its width and height are those in the page; pixels that are enlarged should stay sharp.
    """
    small = Image.fromarray(shown.pixels())
    width, height = small.size
    longer = max(width, height)
    if longer > _LARGEST:
        small.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    stream = BytesIO()
    small.save(stream, format="PNG", optimize=True)
    uri = "data:image/png;base64," + b64encode(stream.getvalue()).decode("ascii")
    # Whole multiples, so that all of a digit's pixels are squares of one size.
    zoom = max(1, round(_SIDE / longer)) if longer < 1.5 * _SIDE else _SIDE / longer
    width, height = max(1, round(width * zoom)), max(1, round(height * zoom))
    return {"uri": uri, "width": width, "height": height, "is_pixelated": zoom > 1}


def as_pixels(image: NDArray[Any], *, brightest: float) -> NDArray[np.uint8]:
    """Return an image of any numbers with black 0 and ``brightest`` 255, as `Picture` takes it."""
    shades: NDArray[np.uint8] = np.clip(np.rint(image * (255 / brightest)), 0, 255).astype(np.uint8)
    return shades


def fitted(parts: Sequence[str], width: float, *, size: float, bold: bool = False) -> str:
    """Return a caption in as few lines as its place allows, none wider than ``width`` inches.

    Parts share a line, a space between them, as far as they fit. A part that is wider than the
    place is shortened in its middle, because names often differ at their ends. ``size`` is the
    font's, in points.

    Examples
    --------
    >>> fitted(["cat,", "not dog"], 1.5, size=8)
    'cat, not dog'
    >>> shorter = fitted(["a_very_long_name_that_ends_in_2024"], 1, size=8)
    >>> shorter[:5], shorter[-5:], "…" in shorter
    ('a_ver', '_2024', True)
    """
    lines: list[str] = []
    for part in parts:
        part = " ".join(drawable(part).split())
        longer = f"{lines[-1]} {part}" if lines else part
        if lines and _width(longer, size, bold) <= width:
            lines[-1] = longer
        else:
            lines.append(_shortened(part, width, size, bold))
    return "\n".join(lines)


def called_lines(called: str) -> list[str]:
    """Return what a picture is called as lines of a caption: its row, its file without folders.

    Examples
    --------
    >>> called_lines("test 7, cup/a.png"), called_lines("test 7")
    (['test 7', 'a.png'], ['test 7'])
    """
    row, *file = called.split(", ", 1)
    return [row, *(name.rsplit("/", 1)[-1] for name in file)]


def drawable(text: str) -> str:
    """Return a text with "�" for what no font and no XML has, as control characters."""
    return _NOT_DRAWN.sub("�", text)


def plot_name(name: str) -> str:
    """Return a name for a plot's axis or legend, shortened if it would leave the plot no room."""
    return fitted([name], _PLOT_NAME, size=10).replace("$", r"\$")


def save_picture(figure: Figure, path: Path, *, dpi: int = 150) -> None:
    """Write a figure to a PNG file, with letters that its fonts lack from others installed.

    Where no installed font has a letter, matplotlib's sign for a missing one is drawn, and a
    warning names such letters once.
    """
    from matplotlib.text import Text

    with _lacking() as lacking:
        figure.savefig(path, dpi=dpi)
    if not lacking:
        return
    found = _fonts_with("".join(sorted(lacking)))
    if found:
        for text in figure.findobj(Text):
            text.set_fontfamily([*text.get_fontfamily(), *found])
        with _lacking() as lacking:
            figure.savefig(path, dpi=dpi)
    new = "".join(sorted(lacking - _told))
    if new:
        _told.update(new)
        more = f" and {len(new) - 20:,} more" if len(new) > 20 else ""
        warn_caller(
            f"no installed font has the letters {new[:20]}{more}, so pictures show signs for "
            "missing letters; install a font that has them, such as Noto Sans, and draw again",
            UserWarning,
        )


_told: set[str] = set()  # letters that no font has


@contextmanager
def _lacking() -> Iterator[set[str]]:
    """Give a set that has, in the end, the letters which no font of matplotlib has, unwarned."""
    letters: set[str] = set()
    # It logs that a font has no bold letters: the usual ones do.
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "Glyph ")
        warnings.filterwarnings("ignore", "Matplotlib currently does not support")  # before 3.11
        log.setLevel(logging.ERROR)
        try:
            yield letters
        finally:
            log.setLevel(level)
    for one in caught:
        glyph = re.match(r"Glyph (\d+) ", str(one.message))
        if glyph is None:
            warnings.warn_explicit(str(one.message), one.category, one.filename, one.lineno)
        # marks that change a letter are drawn with it, or not at all
        elif unicodedata.category(letter := chr(int(glyph[1])))[0] not in "MC":
            letters.add(letter)


def _shortened(text: str, width: float, size: float, bold: bool) -> str:
    if len(text) > _LONGEST:
        text = _cut(text, _LONGEST)
    if _width(text, size, bold) <= width:
        return text
    kept = range(2, max(3, len(text)))  # letters; two are kept even if they are too wide
    n_fit = bisect(kept, width, lo=1, key=lambda n: _width(_cut(text, n), size, bold))
    return _cut(text, kept[n_fit - 1])


def _cut(text: str, n: int) -> str:
    """Return the first and the last of a text's letters, n together."""
    return f"{text[: n - n // 2]}…{text[len(text) - n // 2 :]}"


@lru_cache(4096)
def _width(text: str, size: float, bold: bool) -> float:
    """Return how wide a line is, in inches."""
    from matplotlib import rcParams
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    family = [*rcParams["font.family"], *_fonts_with(_beyond(text))]
    properties = FontProperties(family=family, size=size, weight="bold" if bold else "normal")
    with _lacking():
        renderer = RendererAgg(1, 1, _DPI)  # type: ignore[no-untyped-call]
        return float(renderer.get_text_width_height_descent(text, properties, False)[0]) / _DPI  # type: ignore[no-untyped-call]


def _beyond(text: str) -> str:
    """Return the letters of a text that the usual font lacks, each once."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    return "".join(sorted({one for one in text if not font.get_char_index(ord(one))}))


@cache
def _fonts_with(letters: str) -> tuple[str, ...]:
    """Return the fewest installed families that have most of the letters."""
    from matplotlib.font_manager import findSystemFonts, fontManager
    from matplotlib.ft2font import FT2Font

    if not letters:
        return ()
    # matplotlib keeps a list of fonts, which lacks those that were installed later.
    known = {entry.fname for entry in fontManager.ttflist}
    for path in set(findSystemFonts()) - known:
        try:
            fontManager.addfont(path)
        except Exception:  # whatever unusual fonts lead FreeType to
            continue
    having: dict[str, set[str]] = {}
    # A family is judged by its regular font.
    for entry in sorted(fontManager.ttflist, key=lambda entry: entry.weight not in (400, "normal")):
        # "Last Resort" has a sign for every letter there is.
        if entry.name in having or entry.style != "normal" or "Last Resort" in entry.name:
            continue
        try:
            font = FT2Font(entry.fname)
        except Exception:  # as above, or a file that was removed
            continue
        if font.scalable:
            having[entry.name] = {one for one in letters if font.get_char_index(ord(one))}
    left, found = set(letters), []
    while having:
        best = max(sorted(having), key=lambda name: (len(having[name] & left), "Sans" in name))
        if not having[best] & left:
            break
        found.append(best)
        left -= having.pop(best)
    return tuple(found)
