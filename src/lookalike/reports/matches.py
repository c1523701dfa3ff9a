"""The picture of what a matching classifier got wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.errors.mistakes import surest_mistakes
from lookalike.images.dataset import Dataset
from lookalike.reports.explanation import explained_gallery
from lookalike.reports.png import save_png

surest_wrong = surest_mistakes


def draw_matches(
    matches: Explanation,
    labels: NDArray[Any],
    rows: NDArray[np.int64],
    path: Path,
    *,
    names: Sequence[str] | None = None,
    numbers: NDArray[np.int64] | None = None,
    data: Dataset | None = None,
) -> None:
    """Write the picture of queries beside their neighbours."""
    caption = "Each test image before the training images nearest to it."
    save_png(path, explained_gallery(matches, labels, rows, caption, data, numbers=numbers))
