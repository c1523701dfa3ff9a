"""Kinds of labelled images made without a download, to compare classifiers on more than MNIST.

==============  ============  ======================================================
kind            images        labels
==============  ============  ======================================================
glyphs          28 × 28       36 letters and digits of many fonts, slanted and noisy
patches         24 × 24       12 photographs, grey, that the patches are cut from
colour-patches  24 × 24 × 3   11 photographs, in colour
colour-glyphs   28 × 28 × 3   10 digits in dark inks on light papers
==============  ============  ======================================================

The photographs come with scikit-image, scikit-learn and Matplotlib. The fonts are Matplotlib's and
those of the system, so glyphs are the same again only where the same fonts are installed.

In the folder benchmarks:

    python -m lib.kinds                       what there is
    python -m lib.kinds --out kinds.png       with a picture of 16 examples of each
"""

from __future__ import annotations

import argparse
import re
import string
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]

GREY_PHOTOGRAPHS = (
    "astronaut", "brick", "camera", "cat", "china.jpg", "coffee", "coins", "flower.jpg", "grass",
    "gravel", "moon", "stereo_motorcycle",
)  # fmt: skip
COLOUR_PHOTOGRAPHS = (
    "astronaut", "cat", "china.jpg", "coffee", "flower.jpg", "grace_hopper.jpg",
    "hubble_deep_field", "immunohistochemistry", "retina", "rocket", "stereo_motorcycle",
)  # fmt: skip
CHARACTERS = string.ascii_uppercase + string.digits
NO_TEXT_FONTS = re.compile(r"^(cmex|cmmi|cmsy|LastResort)|Dingbat|Emoji|Math|Symbol")
"""Files of fonts that draw other things where letters and digits are due."""

GLYPH_SIDE, PATCH_SIDE = 28, 24
SUPERSAMPLING = 4
"""How many times larger a glyph is drawn than it will be."""
BLOCK = 4
"""Patches along a side of the blocks that stay together in cross-validation."""

EXAMPLES, ZOOM, GAP, CAPTION = 16, 2, 4, 110
"""The contact sheet has so many images a row, enlarged so, and pixels between and before them."""


class Kind(NamedTuple):
    """Labelled images of one kind.

    Attributes
    ----------
    name : str
    images : ndarray of uint8, shape (n, h, w) or (n, h, w, 3)
    labels : ndarray of int64, shape (n,)
    groups : ndarray of int64, shape (n,), or None
        Images of one group belong on the same side of a split; None if any split will do.
    """

    name: str
    images: Bytes
    labels: Labels
    groups: Labels | None


def list_kinds() -> list[Kind]:
    """Make all kinds at their default sizes."""
    return [make_glyphs(), make_patches(), make_colour_patches(), make_colour_glyphs()]


def make_glyphs(n: int = 6000, *, characters: str = CHARACTERS, seed: int = 0) -> Kind:
    """Draw characters white on black, each in any font, size, slant, rotation, place and blur.

    Parameters
    ----------
    n : int
        Number of images, of each character alike.
    characters : str
        The label of an image is the position of its character here.
    seed : int
    """
    rng = np.random.default_rng(seed)
    coverage, labels = _draw_glyphs(n, characters, rng)
    return Kind("glyphs", _add_noise(coverage * 255, rng), labels, None)


def make_colour_glyphs(n: int = 3000, *, characters: str = string.digits, seed: int = 0) -> Kind:
    """Draw characters as `make_glyphs` does, each in any dark ink on any light paper."""
    rng = np.random.default_rng(seed)
    coverage, labels = _draw_glyphs(n, characters, rng)
    ink, paper = (rng.uniform(*limits, (n, 1, 1, 3)) for limits in ((0, 110), (170, 255)))
    images = paper + (ink - paper) * coverage[..., None]
    return Kind("colour-glyphs", _add_noise(images, rng), labels, None)


def make_patches(most: int = 400, *, seed: int = 0) -> Kind:
    """Cut grey photographs into patches that do not overlap; the photograph is the label.

    Parameters
    ----------
    most : int
        Patches of a photograph, chosen at random where it has more.
    seed : int
    """
    photographs = [np.asarray(load_photograph(name).convert("L")) for name in GREY_PHOTOGRAPHS]
    return _cut("patches", photographs, most, seed)


def make_colour_patches(most: int = 400, *, seed: int = 0) -> Kind:
    """Cut colour photographs as `make_patches` cuts grey ones."""
    photographs = [np.asarray(load_photograph(name)) for name in COLOUR_PHOTOGRAPHS]
    return _cut("colour-patches", photographs, most, seed)


def _draw_glyphs(
    n: int, characters: str, rng: np.random.Generator
) -> tuple[NDArray[np.float64], Labels]:
    """How much of each pixel is ink, 0 to 1, and the labels."""
    fonts = _find_fonts(characters)
    labels = rng.permutation(np.arange(n, dtype=np.int64) % len(characters))
    drawn = zip(labels, rng.integers(len(fonts), size=n), strict=True)
    glyphs = [_draw_glyph(characters[label], fonts[font], rng) for label, font in drawn]
    return np.stack(glyphs) / 255, labels


def _find_fonts(characters: str) -> list[ImageFont.FreeTypeFont]:
    """Fonts for text that have the characters, each family and style once."""
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    files = sorted(Path(get_data_path(), "fonts", "ttf").glob("*.ttf"))
    files += sorted(Path("/usr/share/fonts").rglob("*.ttf"))
    found: dict[tuple[str, str], ImageFont.FreeTypeFont] = {}
    for file in files:
        font = FT2Font(str(file))
        known = font.get_charmap()
        if all(ord(one) in known for one in characters) and not NO_TEXT_FONTS.search(file.stem):
            size = GLYPH_SIDE * SUPERSAMPLING * 0.75
            found.setdefault((font.family_name, font.style_name), ImageFont.truetype(file, size))
    return list(found.values())


def _draw_glyph(
    character: str, font: ImageFont.FreeTypeFont, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A character about the middle of an image, white on black."""
    side, middle = GLYPH_SIDE * SUPERSAMPLING, GLYPH_SIDE * SUPERSAMPLING / 2
    canvas = Image.new("L", (side, side))
    left, top, right, bottom = font.getbbox(character)
    at = (middle - (left + right) / 2, middle - (top + bottom) / 2)
    ImageDraw.Draw(canvas).text(at, character, fill=255, font=font)

    angle, slant = np.deg2rad(rng.uniform(-8, 8)), rng.uniform(-0.2, 0.2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.diag(rng.uniform(0.9, 1.2, 2))
    back = np.linalg.inv(turn @ np.array([[1, slant], [0, 1]]) @ stretch)
    shift = rng.uniform(-1, 1, 2) * SUPERSAMPLING
    offset = middle - back @ (middle + shift)
    matrix = tuple(np.column_stack([back, offset]).ravel().tolist())
    affine, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    moved = canvas.transform(canvas.size, affine, matrix, resample=bilinear)
    blurred = moved.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1) * SUPERSAMPLING))
    return np.asarray(blurred.reduce(SUPERSAMPLING), dtype=np.float64)


def _add_noise(images: NDArray[np.float64], rng: np.random.Generator) -> Bytes:
    """Add Gaussian noise, of a strength of its own to each image."""
    sigma = rng.uniform(5, 30, (len(images), *[1] * (images.ndim - 1)))
    noisy = images + rng.normal(size=images.shape) * sigma
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def load_photograph(name: str) -> Image.Image:
    """A photograph by its file's name, or by that of scikit-image's function."""
    from matplotlib import get_data_path
    from skimage import data
    from sklearn.datasets import load_sample_image

    if name == "grace_hopper.jpg":
        return Image.open(Path(get_data_path(), "sample_data", name)).convert("RGB")
    pixels = load_sample_image(name) if name.endswith(".jpg") else getattr(data, name)()
    return Image.fromarray(pixels[0] if isinstance(pixels, tuple) else pixels)  # of a stereo pair


def _cut(name: str, photographs: list[Bytes], most: int, seed: int) -> Kind:
    """Cells of a grid on each photograph, grouped by the block of the photograph."""
    rng, side = np.random.default_rng(seed), PATCH_SIDE
    images, labels, groups, n_blocks = [], [], [], 0
    for label, photograph in enumerate(photographs):
        rows, columns = (length // side for length in photograph.shape[:2])
        whole = photograph[: rows * side, : columns * side]
        grid = whole.reshape(rows, side, columns, side, *whole.shape[2:]).swapaxes(1, 2)
        chosen = np.sort(rng.permutation(rows * columns)[:most])
        row, column = np.divmod(chosen, columns)
        across = -(-columns // BLOCK)
        images.append(grid[row, column])
        labels.append(np.full(len(chosen), label, dtype=np.int64))
        groups.append(n_blocks + row // BLOCK * across + column // BLOCK)
        n_blocks += across * -(-rows // BLOCK)
    return Kind(name, np.concatenate(images), np.concatenate(labels), np.concatenate(groups))


def draw_sheet(kinds: list[Kind]) -> Image.Image:
    """Draw a row of examples of each kind, in the order of their labels."""
    step = max(kind.images.shape[1] for kind in kinds) * ZOOM + GAP
    sheet = Image.new("RGB", (CAPTION + EXAMPLES * step, GAP + len(kinds) * step), "white")
    for at, kind in enumerate(kinds):
        top = GAP + at * step
        ImageDraw.Draw(sheet).text((GAP, top + step // 2), kind.name, fill="black", anchor="lm")
        by_label = np.argsort(kind.labels, kind="stable")
        shown = by_label[np.linspace(0, len(by_label) - 1, EXAMPLES).astype(int)]
        for place, index in enumerate(shown):
            image = Image.fromarray(kind.images[index])
            larger = image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.BOX)
            sheet.paste(larger, (CAPTION + place * step, top))
    return sheet


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, metavar="FILE", help="draw examples there, as PNG")
    args = parser.parse_args()
    if find_spec("skimage") is None:
        parser.error("scikit-image not installed: pip install '.[bench]'")
    kinds = list_kinds()
    for kind in kinds:
        size = " × ".join(map(str, kind.images.shape[1:]))
        grouped = "" if kind.groups is None else f", {len(np.unique(kind.groups))} groups"
        n_labels = len(np.unique(kind.labels))
        print(f"{kind.name}: {len(kind.images):,} images of {size}, {n_labels} labels{grouped}")
    if args.out is not None:
        draw_sheet(kinds).save(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
