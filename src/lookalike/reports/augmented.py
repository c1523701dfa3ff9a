"""A picture of what an augmentation makes of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.augmentation import Augmentation
from lookalike.reports.captions import save_picture

_MOST_COLUMNS = 11  # the original and ten variants: a page's width
_CAPTION = 18  # characters a line


def save_augmentation_png(
    path: Path,
    images: NDArray[Any],
    augmentation: Augmentation,
    *,
    names: Sequence[str] | None = None,
    max_columns: int = _MOST_COLUMNS,
) -> None:
    """Draw images, each in a line with its variants.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    images : ndarray of shape (n, h, w) or (n, h, w, c), n at least 1, c 3 or 4
        Values from 0, black, to the greatest of them all, white.
    augmentation : Augmentation
    names : sequence of n str, optional
        What to call each image.
    max_columns : int, default=11
        Pictures in a line, at least 2; of the variants that do not fit only the number is told.

    Raises
    ------
    ValueError
        As `Augmentation.variants`.
    """
    from matplotlib.figure import Figure

    variants = augmentation.variants(images.shape[1:])
    shown = variants[: max_columns - 1]
    n_more = len(variants) - len(shown)
    columns = [images, *(variant.apply(images) for variant in shown)]
    captions = ["original", *map(str, shown)]
    n_columns = len(columns) + (n_more > 0)
    height, width = images.shape[1:3]
    figure = Figure(
        figsize=(1.25 * n_columns + 0.6, 0.7 + len(images) * (0.15 + 1.2 * height / width)),
        layout="constrained",
    )
    grid = figure.subplots(len(images), n_columns, squeeze=False)
    brightest = max(float(images.max()), np.finfo(np.float32).tiny)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[], frame_on=False)
    for column, pictures, caption in zip(grid.T, columns, captions, strict=False):
        column[0].set_title(_lines(caption), fontsize=8, parse_math=False)
        for axes, picture in zip(column, pictures, strict=True):
            axes.imshow(np.clip(picture / brightest, 0, 1), cmap="gray", vmin=0, vmax=1)
    if names is not None:
        for axes, name in zip(grid[:, 0], names, strict=True):
            label = axes.set_ylabel(_lines(name), rotation=0, ha="right", va="center")
            label.set(fontsize=8, fontweight="bold", parse_math=False)
    if n_more:
        grid[0, -1].text(0.5, 0.5, f"… and\n{n_more:,} more", ha="center", va="center", fontsize=9)
    title = fill(repr(augmentation), _CAPTION * n_columns)
    figure.suptitle(title, fontsize=9, parse_math=False)
    save_picture(figure, path)


def _lines(caption: str) -> str:
    return fill(caption, _CAPTION, break_on_hyphens=False)
