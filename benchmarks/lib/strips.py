"""Pictures of what denoisers make of a few images, one line a method."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LABEL_WIDTH = 1.7
"""Inches beside the images."""


def save_strips(path: Path, strips: Mapping[str, NDArray[Any]]) -> None:
    """Draw the same few images as each method leaves them.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    strips : mapping of str to ndarray of shape (n, h, w)
        By the name of the method, all of one shape, pixels of 0 to 255.
    """
    from matplotlib.figure import Figure

    n, height, width = next(iter(strips.values())).shape
    figure = Figure(figsize=(LABEL_WIDTH + 0.7 * n, 0.7 * len(strips) * height / width))
    grid = figure.subplots(len(strips), 1, squeeze=False)
    figure.subplots_adjust(
        left=LABEL_WIDTH / (LABEL_WIDTH + 0.7 * n), right=1, top=1, bottom=0, hspace=0.04
    )
    for axes, (name, images) in zip(grid[:, 0], strips.items(), strict=True):
        axes.imshow(np.hstack(list(images)), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.text(-0.02, 0.5, name, transform=axes.transAxes, ha="right", va="center", fontsize=8)
        axes.set_axis_off()
    figure.savefig(path, dpi=150)
