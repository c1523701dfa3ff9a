"""The picture of test images beside the training images that decided what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.images.dataset import Dataset
from lookalike.reports.explanation import explained_gallery
from lookalike.reports.png import save_png


def save_neighbors_png(
    path: Path, data: Dataset, explanation: Explanation, rows: NDArray[np.int64]
) -> None:
    """Write the picture of test images beside their neighbours."""
    caption = "Each test image before the training images nearest to it."
    save_png(path, explained_gallery(explanation, data.test.labels, rows, caption, data))
