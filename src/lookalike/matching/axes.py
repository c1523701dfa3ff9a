"""Principal axes of features, and partial within-class whitening of the coordinates on them.

Few coordinates preserve nearly all distances. Whitened, they are quantised to bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, Self, TypeVar

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
from threadpoolctl import ThreadpoolController

from lookalike import _core
from lookalike.array_types import FloatArray
from lookalike.matching.byte_levels import Bytes
from lookalike.matching.features import FEATURES, features_of
from lookalike.search.machine import cpu_path

Floats = NDArray[np.float32]
_Found = tuple[FloatArray, FloatArray, FloatArray]
_Made = TypeVar("_Made")

CHUNK = 1024
"""Images whose features each thread holds in memory at once; fewer if they are large."""

CHUNK_VALUES = 2**20

_MOST_ALL = 3
"""Of 760 eigenvectors all take 0.06 s, and the last 256 alone 0.12: of fewer than this many times
those wanted, all are computed."""

_WHITENED = 4096
"""Rows of coordinates that are whitened at once."""

SAMPLE = 15_000
"""Number of images, spread evenly over all, from which the axes are computed."""

WIDE_SAMPLE = 2048
"""The same number if there are more features than that; the Gram matrix is the smaller one then."""


SHRINKAGE = 0.1
"""Share of the mean variance within classes that whitening adds to each, for images."""


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # finding the libraries takes a while


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep BLAS to one thread, so that sums do not depend on the number of threads."""
    with _blas().limit(limits=1, user_api="blas"):
        yield


class PrincipalAxes:
    """The leading principal axes of named features.

    Every block of features is centred and scaled so that its total variance is its squared weight;
    then all features are projected onto the axes of the largest variance.

    Parameters
    ----------
    features : str
        A key of `FEATURES`.
    n_components : int
    n_threads : int
    """

    def __init__(self, features: str, n_components: int = 256, n_threads: int = 1) -> None:
        self.features = features
        self.n_components = n_components
        self.n_threads = n_threads

    def fit(self, images: Bytes) -> Self:
        """Find the axes of `images`, in the form that `features_of` takes.

        Where features outnumber images, the axes follow from the images' Gram matrix: the
        eigenvectors u of Z Zᵀ give those of Zᵀ Z as Zᵀ u / ‖Zᵀ u‖.
        """
        widths = [block.shape[1] for block in features_of(images[:1], self.features)]
        n, d = len(images), sum(widths)
        n_used = min(n, SAMPLE if d <= min(n, WIDE_SAMPLE) else WIDE_SAMPLE)
        used = images if n_used == n else images[np.arange(n_used) * n // n_used]
        kept = max(1, min(self.n_components, d, n_used - 1))
        find = self._by_covariance if d <= n_used else self._by_gram
        with single_threaded_blas():
            mean, weights, axes = find(used, widths, kept)
        axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(kept)] < 0, -1, 1)
        self.mean_ = mean.astype(np.float32)
        self.components_ = np.ascontiguousarray(weights[:, np.newaxis] * axes, dtype=np.float32)
        return self

    def _by_covariance(self, images: Bytes, widths: list[int], kept: int) -> _Found:
        """Return the features' mean, their weights, and the axes, the leading one first."""

        def moments(part: Bytes) -> tuple[FloatArray, FloatArray]:
            values = self._values(part)
            return values.sum(axis=0, dtype=np.float64), (values.T @ values).astype(np.float64)

        total, gram = np.zeros(sum(widths)), np.zeros((sum(widths), sum(widths)))
        for sums, products in self._chunkwise(moments, images):
            total += sums
            gram += products
        mean = total / len(images)
        covariance = gram / len(images) - np.outer(mean, mean)
        weights = _block_weights(covariance.diagonal(), widths, self.features)
        covariance *= np.outer(weights, weights)
        return mean, weights, _leading(covariance, kept)[1]

    def _by_gram(self, images: Bytes, widths: list[int], kept: int) -> _Found:
        """Return the same without the features' covariance matrix."""
        values = np.empty((len(images), sum(widths)), np.float32)

        def fill(part: Bytes, out: Floats) -> None:
            out[:] = self._values(part)

        list(self._chunkwise(fill, images, values))
        mean = values.mean(axis=0, dtype=np.float64)
        values -= mean.astype(np.float32)
        variances = np.einsum("ij,ij->j", values, values, dtype=np.float64) / len(values)
        weights = _block_weights(variances, widths, self.features)
        values *= weights.astype(np.float32)
        squares, vectors = _leading((values @ values.T).astype(np.float64), kept)
        axes = values.T @ vectors.astype(np.float32)
        lengths = np.sqrt(np.maximum(squares, 0))
        # If images are alike there are fewer axes than images; the others keep length 0. Where
        # there is no axis, products of float32 leave lengths of some 5e-4.
        real = lengths > 1e-3 * lengths[0]
        return mean, weights, np.where(real, axes / np.where(real, lengths, 1), 0)

    def transform(self, images: Bytes) -> Floats:
        """Return the coordinates of images, shape (n, n_components)."""
        coordinates = np.empty((len(images), self.components_.shape[1]), np.float32)

        def project(part: Bytes, out: Floats) -> None:
            values = self._values(part)
            values -= self.mean_
            _core.product(values, self.components_, out=out, cpu=cpu_path())

        list(self._chunkwise(project, images, coordinates))
        return coordinates

    def _values(self, images: Bytes) -> Floats:
        return np.concatenate(features_of(images, self.features), axis=1)

    def _chunkwise(self, work: Callable[..., _Made], *arrays: NDArray[Any]) -> Iterator[_Made]:
        """Apply `work` to chunks of images, and of other rows, with all threads, in order."""
        step = max(1, min(CHUNK, CHUNK_VALUES // arrays[0][0].size))
        starts = range(0, len(arrays[0]), step)
        chunks = [[rows[i : i + step] for i in starts] for rows in arrays]
        if len(starts) == 1:  # starting a pool would take longer
            yield from map(work, *chunks)
            return
        with ThreadPoolExecutor(self.n_threads) as pool:
            yield from pool.map(work, *chunks)


def _leading(matrix: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Return the n largest eigenvalues of a symmetric matrix and their vectors, largest first.

    The matrix is overwritten: with many features a copy would be the largest of all arrays.
    """
    # LAPACK needs column-major order, which the transpose has without a copy.
    if len(matrix) < _MOST_ALL * n:
        values, vectors = linalg.eigh(matrix.T, driver="evd", overwrite_a=True)
        return values[: -n - 1 : -1], vectors[:, : -n - 1 : -1]
    last = [len(matrix) - n, len(matrix) - 1]
    values, vectors = linalg.eigh(matrix.T, subset_by_index=last, driver="evr", overwrite_a=True)
    return values[::-1], vectors[:, ::-1]


def _block_weights(variances: FloatArray, widths: list[int], name: str) -> FloatArray:
    """Return the factor of each feature."""
    parts = np.split(variances, np.cumsum(widths)[:-1])
    factors = [
        block.weight / np.sqrt(own) if (own := float(part.sum())) > 1e-12 else 0.0
        for block, part in zip(FEATURES[name], parts, strict=True)
    ]
    return np.repeat(factors, widths)


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

    def __init__(self, power: float = 0.6, shrinkage: float = SHRINKAGE) -> None:
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
        parts = self._rotated(coordinates)
        largest = max((float(np.abs(values).max()) for _, values in parts), default=0.0)
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
        for i, values in self._rotated(coordinates):
            values /= self.step_
            out[i : i + _WHITENED] = np.rint(np.clip(values, -127, 127))
        return out

    def _rotated(self, coordinates: Floats) -> Iterator[tuple[int, Floats]]:
        """Yield the number of the first row of each part, and the part on the whitened axes.

        Rows have the same bits in every part, which BLAS's products do not have on all processors.
        """
        for i in range(0, len(coordinates), _WHITENED):
            part = np.ascontiguousarray(coordinates[i : i + _WHITENED])
            values = np.empty((len(part), self.rotation_.shape[1]), np.float32)
            _core.product(part, self.rotation_, out=values, cpu=cpu_path())
            yield i, values


def _within_class_covariance(coordinates: Floats, codes: NDArray[np.integer]) -> FloatArray:
    n, d = coordinates.shape
    sums = np.zeros((int(codes.max()) + 1, d))
    gram = np.zeros((d, d))
    for i in range(0, n, _WHITENED):
        part, own = coordinates[i : i + _WHITENED], codes[i : i + _WHITENED]
        there, starts = np.unique(own[order := own.argsort(kind="stable")], return_index=True)
        sums[there] += np.add.reduceat(part[order], starts, axis=0, dtype=np.float64)
        gram += part.T @ part
    counts = np.bincount(codes, minlength=len(sums))
    used = counts > 0
    means = sums[used] / counts[used, np.newaxis]
    covariance: FloatArray = (gram - (means.T * counts[used]) @ means) / n
    return covariance
