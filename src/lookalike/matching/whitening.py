"""Partial within-class whitening of coordinates, which are then quantised to bytes."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from lookalike.matching.axes import single_threaded_blas

Floats = NDArray[np.float32]

_CHUNK = 4096


class WithinClassWhitening(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A supervised linear metric in closed form: partial within-class whitening.

    On the eigenvectors of the within-class covariance, axis i with variance w_i is scaled by
    (w_i + shrinkage * mean w) ** (-power / 2), so that variation within classes counts less. It
    is supervised: do not fit it to the labels of test images. Power 0 leaves distances unchanged
    and needs no labels.

    Coordinates are rounded to whole numbers in -127 … 127 with one common scale, so that
    distances are whole numbers too, and the search is exact.

    Parameters
    ----------
    power : float, default=0.6
    shrinkage : float, default=0.1

    References
    ----------
    Bishop, "Neural networks for pattern recognition" (1995), section 10.2: the within-class
    covariance and whitening by it; the power and the shrinkage are ours.

    Examples
    --------
    >>> X = np.array([[-3.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [3.0, 1.0]])
    >>> WithinClassWhitening(0).fit_transform(X)
    array([[-127,  -42],
           [ -42,   42],
           [  42,  -42],
           [ 127,   42]], dtype=int8)
    """

    def __init__(self, power: float = 0.6, shrinkage: float = 0.1) -> None:
        self.power = power
        self.shrinkage = shrinkage

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Compute the scaling.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Centred coordinates.
        y : array-like of shape (n,), optional
            Classes; without them distances stay unchanged.

        Raises
        ------
        ValueError
            If X is not finite and two-dimensional, if y has another length, or if power or
            shrinkage is negative.
        """
        if self.power < 0 or self.shrinkage < 0:
            raise ValueError(
                f"power={self.power}, shrinkage={self.shrinkage}; give numbers of at least 0"
            )
        coordinates = check_array(X, dtype=np.float32, input_name="X")
        d = coordinates.shape[1]
        self.rotation_ = np.eye(d, dtype=np.float32)
        with single_threaded_blas():
            if self.power and y is not None:
                codes = np.unique(column_or_1d(y), return_inverse=True)[1]
                check_consistent_length(coordinates, codes)
                covariance = _within_class_covariance(coordinates, codes)
                variances, axes = linalg.eigh(covariance)
                variances = np.maximum(variances, 0)
                floor = self.shrinkage * variances.mean()
                if floor > 0:
                    scaled = axes * (variances + floor) ** (-self.power / 2)
                    self.rotation_ = scaled.astype(np.float32)
            largest = max(
                (
                    float(np.abs(coordinates[i : i + _CHUNK] @ self.rotation_).max())
                    for i in range(0, len(coordinates), _CHUNK)
                ),
                default=0.0,
            )
        self.step_ = np.float32(largest / 127 if largest > 0 else 1.0)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.int8]:
        """Return the coordinates as whole numbers, shape (n, d), clipped to ±127.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        """
        check_is_fitted(self)
        coordinates = check_array(X, dtype=np.float32, input_name="X")
        out = np.empty(coordinates.shape, np.int8)
        with single_threaded_blas():
            for i in range(0, len(coordinates), _CHUNK):
                values = coordinates[i : i + _CHUNK] @ self.rotation_
                values /= self.step_
                out[i : i + _CHUNK] = np.rint(np.clip(values, -127, 127))
        return out


def _within_class_covariance(
    coordinates: Floats, codes: NDArray[np.integer]
) -> NDArray[np.float64]:
    n, d = coordinates.shape
    sums = np.zeros((int(codes.max()) + 1, d))
    gram = np.zeros((d, d))
    for i in range(0, n, _CHUNK):
        part = coordinates[i : i + _CHUNK]
        np.add.at(sums, codes[i : i + _CHUNK], part)
        gram += part.T @ part
    counts = np.bincount(codes, minlength=len(sums))
    used = counts > 0
    means = sums[used] / counts[used, np.newaxis]
    covariance: NDArray[np.float64] = (gram - (means.T * counts[used]) @ means) / n
    return covariance
