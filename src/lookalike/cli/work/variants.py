"""What an augmentation makes of a data set, drawn in the terminal and into a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.table import Table
from rich.text import Text

from lookalike.cli.screen import INDENT, Screen
from lookalike.cli.work.drawing import draw, shows_greys
from lookalike.images.augmentation import Augmentation
from lookalike.images.dataset import Dataset
from lookalike.images.variants import Variant
from lookalike.reports.augmented import save_augmentation_png

_N_SHOWN = 3  # images drawn in the terminal
_N_SAVED = 10  # images drawn into the PNG file
_COLUMNS = 14  # of a picture in the terminal
_GAP = 1


def draw_variants(
    data: Dataset, variants: tuple[Variant, ...], screen: Screen, *, n_shown: int = _N_SHOWN
) -> None:
    """Draw the first images of a few classes, each in a line with the variants that fit."""
    rows = _first_of_each_class(data, n_shown)
    images = data.train.images[rows]
    room = screen.out.width - INDENT + _GAP
    shown = variants[: max(1, room // (_COLUMNS + _GAP) - 1)]
    columns = max(1, min(_COLUMNS, room // (len(shown) + 1) - _GAP))
    brightest = data.brightest
    greys = shows_greys(screen.out)
    table = Table.grid(padding=(0, _GAP, 0, 0))
    for _ in range(len(shown) + 1):
        table.add_column(max_width=columns, overflow="fold")
    table.add_row(*(Text(str(caption), style="bold") for caption in ("original", *shown)))
    for line in zip(images, *(variant.apply(images) for variant in shown), strict=True):
        table.add_row()
        table.add_row(*(draw(image, columns, brightest=brightest, greys=greys) for image in line))
    screen.say(table)
    screen.say()
    if len(shown) < len(variants):
        screen.say(f"… and {len(variants) - len(shown):,} more variants", style="dim")


def save_variants(path: Path, data: Dataset, augmentation: Augmentation) -> None:
    """Draw the first image of each class, up to ten, with its variants into a PNG file."""
    rows = _first_of_each_class(data, _N_SAVED)
    names = [data.class_names[label] for label in data.train.labels[rows]]
    save_augmentation_png(path, data.train.images[rows], augmentation, names=names)


def _first_of_each_class(data: Dataset, most: int) -> list[int]:
    _, rows = np.unique(data.train.labels, return_index=True)
    first: list[int] = rows[:most].tolist()
    return first
