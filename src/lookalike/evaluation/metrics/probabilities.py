"""Metrics of probabilities, image by image; their means are log loss, Brier score, top-k accuracy.

References
----------
.. [1] Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review
   78, 1950.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int64]

_TOLERANCE = 1e-4  # of a sum of probabilities: float32 of a thousand classes


def check_probabilities(probabilities: NDArray[np.floating], n: int, n_classes: int) -> FloatArray:
    """Return probabilities as float64 after checking them.

    Raises
    ------
    ValueError
        If the shape is not (n, n_classes), or a row is not finite, has a negative value, or does
        not sum to 1; it names the row.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.shape != (n, n_classes):
        raise ValueError(
            f"probabilities of shape {values.shape} but {n:,} images and {n_classes} classes; give "
            f"one row for each image and one column for each class, ({n}, {n_classes})"
        )
    for is_bad, what in (
        (~np.isfinite(values).all(axis=1), "is not finite"),
        ((values < 0).any(axis=1), "has a negative value"),
    ):
        if is_bad.any():
            row = int(np.argmax(is_bad))
            raise ValueError(
                f"row {row} of the probabilities {what}: {values[row].tolist()}; give "
                "probabilities from 0 to 1"
            )
    sums = values.sum(axis=1)
    is_off = np.abs(sums - 1) > _TOLERANCE
    if is_off.any():
        row = int(np.argmax(is_off))
        raise ValueError(
            f"row {row} of the probabilities sums to {sums[row]:.6g}, not to 1; give "
            "probabilities, or leave them out if what there is are other scores"
        )
    return values


def smallest_step(probabilities: Any) -> float:
    """Return the smallest step from 1 of the type of probabilities: a float32's, or a float64's.

    Examples
    --------
    >>> -np.log(smallest_step(np.ones(1))), -np.log(smallest_step(np.ones(1, dtype=np.float32)))
    (np.float64(36.04365338911715), np.float64(15.942385152878742))
    """
    is_single = np.asarray(probabilities).dtype == np.float32
    return float(np.finfo(np.float32 if is_single else np.float64).eps)


def log_losses(probabilities: FloatArray, truth: Codes, smallest: float) -> FloatArray:
    """Return minus the logarithm of each true class's probability, shape (n,).

    As scikit-learn's `log_loss`: a probability of 0 counts as the smallest step of its type, so
    it costs 36, or as a float32 16.
    """
    own = np.take_along_axis(probabilities, truth[:, np.newaxis], axis=1)[:, 0]
    losses: FloatArray = -np.log(np.clip(own, smallest, 1 - smallest))
    return losses


def brier_scores(probabilities: FloatArray, truth: Codes) -> FloatArray:
    """Return the squared distance of each row from the truth [1]_, shape (n,).

    Summed over the classes; of two classes it is half of that, the squared error of the one
    probability. As scikit-learn's `brier_score_loss`.
    """
    errors = probabilities.copy()
    errors[np.arange(len(truth)), truth] -= 1
    scores: FloatArray = (errors**2).sum(axis=1)
    return scores / 2 if probabilities.shape[1] == 2 else scores


def in_top_k(probabilities: FloatArray, truth: Codes, k: int) -> NDArray[np.bool_]:
    """Return whether each true class is among the k most probable ones, shape (n,).

    Among equally probable classes the later ones come first, as in scikit-learn's
    `top_k_accuracy_score`.
    """
    first = np.argsort(probabilities, axis=1, kind="stable")[:, ::-1][:, :k]
    found: NDArray[np.bool_] = (first == truth[:, np.newaxis]).any(axis=1)
    return found
