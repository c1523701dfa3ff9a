"""Text in pictures: captions as wide as their place, in fonts that have their letters.

matplotlib takes each letter from the first font of a text that has it. Its own font, DejaVu Sans,
has Latin, Greek, Cyrillic and Arabic letters, but no Chinese, Japanese, Korean or Indian ones. Who
gives classes such names has fonts for them installed, so these are looked for there, by the letters
that they have and not by names that differ from system to system.
"""

from __future__ import annotations

import logging
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.images.exceptions import warn_caller

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Control characters, halves of surrogate pairs (of file names that are no Unicode), no characters.
_NOT_DRAWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_DPI = 150  # where hinted letters are wider than at other usual resolutions
_PLOT_NAME = 1.7  # inches
_LONGEST = 200  # letters that are measured; no place is so wide


def fitted(parts: Sequence[str], width: float, *, size: float, bold: bool = False) -> str:
    """Return a caption in as few lines as its place allows, none of them wider.

    Parameters
    ----------
    parts : sequence of str
        They share a line, a space between them, as far as they fit. A part that is wider than the
        place is shortened in its middle, because names often differ at their ends.
    width : float
        The place's width, in inches.
    size : float
        The font's size, in points.
    bold : bool, default=False

    Examples
    --------
    >>> fitted(["cat,", "not dog"], 1.5, size=8)
    'cat, not dog'
    >>> fitted(["cat,", "not dog"], 0.6, size=8).splitlines()
    ['cat,', 'not dog']
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


def unformatted(name: str) -> str:
    r"""Return a name such that matplotlib draws it as it is, and no formula.

    What no font has and no XML, such as control characters, becomes "�".

    Examples
    --------
    >>> print(unformatted("$x$"))
    \$x\$
    """
    return drawable(name).replace("$", r"\$")


def drawable(text: str) -> str:
    """Return a text without what no font has and no XML: "�" takes its place."""
    return _NOT_DRAWN.sub("�", text)


def plot_name(name: str) -> str:
    r"""Return a name for a plot's axis or legend: shortened where it would leave the plot no room.

    Examples
    --------
    >>> print(plot_name("$x$"))
    \$x\$
    """
    return unformatted(fitted([name], _PLOT_NAME, size=10))


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
    """Give the set that collects the letters which matplotlib finds in no font, unwarned."""
    letters: set[str] = set()
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def keep(message: Warning | str, *where: Any, **more: Any) -> None:
            glyph = re.match(r"Glyph (\d+) ", str(message))
            if glyph is None:
                shown(message, *where, **more)
            # marks that change a letter are drawn with it, or not at all
            elif unicodedata.category(letter := chr(int(glyph[1])))[0] not in "MC":
                letters.add(letter)

        warnings.filterwarnings("always", "Glyph ")
        warnings.filterwarnings("ignore", "Matplotlib currently does not support")  # before 3.11
        warnings.showwarning = lambda message, *where, **more: keep(message, *where, **more)
        # It logs that a font has no bold letters: the usual ones do.
        log = logging.getLogger("matplotlib.font_manager")
        level = log.level
        log.setLevel(logging.ERROR)
        try:
            yield letters
        finally:
            log.setLevel(level)


def _shortened(text: str, width: float, size: float, bold: bool) -> str:
    if len(text) > _LONGEST:
        text = _cut(text, _LONGEST)
    if _width(text, size, bold) <= width:
        return text
    least, most = (
        2,
        len(text),
    )  # letters kept: of the least it does not matter, of the most too many
    while most - least > 1:
        n = (least + most) // 2
        if _width(_cut(text, n), size, bold) <= width:
            least = n
        else:
            most = n
    return _cut(text, least)


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
