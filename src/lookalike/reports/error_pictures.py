"""Pictures of images beside the training images that decided what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.images.dataset import Dataset
from lookalike.reports.captions import called_lines, fitted, save_picture

_RIGHT, _WRONG = "#1a7f37", "#c0392b"
_SIDE, _FONT = 1.15, 7  # inches, points


def save_neighbors_png(
    path: Path, data: Dataset, explanation: Explanation, rows: NDArray[np.int64]
) -> None:
    """Draw test images, each in a line with its neighbours.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    data : Dataset
    explanation : Explanation
        Of all test images by the training images.
    rows : ndarray of shape (n,), int64, n at least 1
        The test images to draw.
    """
    from matplotlib.figure import Figure

    names = data.class_names
    n_neighbors = explanation.indices.shape[1]
    figure = Figure(figsize=(1.25 * (n_neighbors + 1) + 0.4, 1.6 * len(rows)), layout="constrained")
    # A narrow empty column sets the test image off from its neighbours.
    grid = figure.subplots(
        len(rows),
        n_neighbors + 2,
        squeeze=False,
        width_ratios=[1, 0.12, *[1] * n_neighbors],
    )
    brightest = data.brightest
    for axes in grid.ravel():
        axes.set_axis_off()
    for line, row in zip(grid, rows.tolist(), strict=True):
        true, predicted = int(data.test.labels[row]), int(explanation.prediction[row])
        line[0].imshow(data.test.shown[row], cmap="gray", vmin=0, vmax=brightest)
        wrong = [f"{names[true]},", "taken for", names[predicted]]
        line[0].set_title(
            fitted(
                [*called_lines(f"test {data.test.called(row)}"), *wrong],
                _SIDE,
                size=_FONT,
                bold=True,
            ),
            fontsize=_FONT,
            fontweight="bold",
            parse_math=False,
        )
        for axes, neighbor, label, distance, share in zip(
            line[2:],
            explanation.indices[row].tolist(),
            explanation.labels[row].tolist(),
            explanation.distances[row].tolist(),
            explanation.shares[row].tolist(),
            strict=True,
        ):
            axes.imshow(data.train.shown[neighbor], cmap="gray", vmin=0, vmax=brightest)
            axes.set_title(
                fitted([f"{names[label]},", f"{share:.0%} of the vote"], _SIDE, size=_FONT)
                + f"\ndistance {distance:,.1f}",
                fontsize=_FONT,
                color=_RIGHT if label == true else _WRONG,
                parse_math=False,
            )
    save_picture(figure, path)
