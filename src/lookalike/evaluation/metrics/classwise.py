"""Metrics of classes, from three counts a class: images of it, predictions of it, and both.

Every function takes counts with any number of leading axes, so that one call serves a thousand
bootstrap samples. Undefined values are NaN, for instance the precision of a class that is never
predicted, for which scikit-learn returns 0 by default.

References
----------
.. [1] Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient",
   Computational Biology and Chemistry 28, 2004.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int64]


class Counts(NamedTuple):
    """How many images there are of each class; arrays of shape (..., n_classes).

    Attributes
    ----------
    true : images of the class
    predicted : images predicted to be of it
    right : images of the class that are predicted to be of it
    n : shape (..., 1), all images
    """

    true: FloatArray
    predicted: FloatArray
    right: FloatArray
    n: FloatArray


class ClassCounter:
    """Counts the images of each class in samples of images.

    Parameters
    ----------
    truth, predicted : ndarray of shape (n,), int64
        Positions of classes.
    n_classes : int
    """

    def __init__(self, truth: Codes, predicted: Codes, n_classes: int) -> None:
        right = truth == predicted
        self._members = [
            membership(truth, n_classes),
            membership(predicted, n_classes),
            membership(truth, n_classes, right),
        ]

    def count(self, drawn: NDArray[np.int64]) -> Counts:
        """Count in samples, given how often each image was drawn, shape (n_samples, n)."""
        true, predicted, right = (
            (of_class @ drawn.T).T.astype(np.float64) for of_class in self._members
        )
        return Counts(true, predicted, right, drawn.sum(axis=1, keepdims=True).astype(np.float64))


def membership(
    codes: Codes, n_codes: int, values: NDArray[np.bool_] | FloatArray | None = None
) -> csr_array:
    """Return a sparse matrix (n_codes, n) that sums up, by a product, what has the same code."""
    n = len(codes)
    entries = np.ones(n, dtype=np.int64) if values is None else values
    if entries.dtype == bool:
        entries = entries.astype(np.int64)
    return csr_array((entries, (codes, np.arange(n))), shape=(n_codes, n))


def recall(counts: Counts) -> FloatArray:
    """Return the share of each class's images that are predicted to be of it."""
    return _ratio(counts.right, counts.true)


def precision(counts: Counts) -> FloatArray:
    """Return the share of the predictions of each class that are right."""
    return _ratio(counts.right, counts.predicted)


def f1(counts: Counts) -> FloatArray:
    """Return the harmonic mean of precision and recall, 0 where no image is right."""
    return _ratio(2 * counts.right, counts.true + counts.predicted)


def jaccard(counts: Counts) -> FloatArray:
    """Return intersection over union of the true and the predicted images of each class."""
    return _ratio(counts.right, counts.true + counts.predicted - counts.right)


def macro(values: FloatArray, counts: Counts) -> FloatArray:
    """Return the mean over the classes that have images; NaN if it is so of one of them."""
    present = counts.true > 0
    total: FloatArray = np.sum(values, axis=-1, where=present)
    return _ratio(total, present.sum(axis=-1))


def weighted(values: FloatArray, counts: Counts) -> FloatArray:
    """Return the mean over the classes, each weighted by its images."""
    total: FloatArray = np.sum(values * counts.true, axis=-1, where=counts.true > 0)
    return _ratio(total, counts.true.sum(axis=-1))


def matthews(counts: Counts) -> FloatArray:
    """Return the Matthews correlation coefficient, for many classes [1]_.

    NaN where all images are of one class or predicted to be of one: it is 0 / 0 then.
    """
    n = counts.n[..., 0]
    right = counts.right.sum(axis=-1)
    both = (counts.true * counts.predicted).sum(axis=-1)
    true = n**2 - (counts.true**2).sum(axis=-1)
    predicted = n**2 - (counts.predicted**2).sum(axis=-1)
    return _ratio(n * right - both, np.sqrt(true * predicted))


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    ratio = np.full(np.shape(denominator), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator != 0)
    return ratio
