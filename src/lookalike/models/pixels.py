"""Whether a classifier can be asked about pictures, which are bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.images.scale import are_bytes


def why_no_bytes(estimator: Any) -> str | None:
    """Return why a fitted classifier of images can not be asked about bytes; None if it can."""
    if isinstance(estimator, LookalikeClassifier):
        levels = estimator._levels
        dtype, low, high = np.dtype(levels.dtype), levels.low, levels.high
        known = dtype == np.uint8
    else:
        rows = estimator.training_images()
        dtype, known = rows.dtype, are_bytes(rows)
        low, high = (0, 0) if known else (rows.min(), rows.max())
    if known:
        return None
    cure = "scale and round them to those, and fit again"
    if -1 <= low <= high <= 1:
        scaled = "255 * X" if low >= 0 else "127.5 * (X + 1)"
        cure = f"fit it to np.rint({scaled}).astype('uint8')"
    return (
        f"the classifier was fitted to images of {dtype} from {low:g} to {high:g}, but pixels of "
        f"files are whole numbers 0 to 255; {cure}"
    )


def is_of_images(estimator: Any) -> bool:
    """Whether it is a classifier of images with one label each."""
    return (
        isinstance(estimator, KNeighborsClassifier | LookalikeClassifier)
        and not getattr(estimator, "outputs_2d_", False)
        and estimator.image_shape_ is not None
    )
