"""Principal axes of features: few coordinates that preserve nearly all distances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from threadpoolctl import ThreadpoolController

from lookalike.matching.byte_levels import Bytes
from lookalike.matching.features import FEATURES, features_of

Floats = NDArray[np.float32]
FloatArray = NDArray[np.float64]
_Found = tuple[FloatArray, FloatArray, FloatArray]
_Made = TypeVar("_Made")

CHUNK = 1024
"""Images whose features each thread holds in memory at once; fewer if they are large."""

CHUNK_VALUES = 2**20

SAMPLE = 15_000
"""Number of images, spread evenly over all, from which the axes are computed."""

WIDE_SAMPLE = 2048
"""The same number if there are more features than that; the Gram matrix is the smaller one then."""


@cache
def _blas() -> ThreadpoolController:
    """Return the libraries' thread pools; finding them takes a while."""
    return ThreadpoolController()


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
        _, axes = _leading(covariance, kept)
        return mean, weights, axes

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
            np.matmul(values, self.components_, out=out)

        with single_threaded_blas():
            list(self._chunkwise(project, images, coordinates))
        return coordinates

    def _values(self, images: Bytes) -> Floats:
        return np.concatenate(features_of(images, self.features), axis=1)

    def _chunkwise(
        self, work: Callable[..., _Made], images: Bytes, *beside: Floats
    ) -> Iterator[_Made]:
        """Apply `work` to chunks of images, and of other rows, with all threads, in order."""
        step = max(1, min(CHUNK, CHUNK_VALUES // images[0].size))
        starts = range(0, len(images), step)
        arrays: list[NDArray[Any]] = [images, *beside]
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
    side = len(matrix)
    # LAPACK needs column-major order, which the transpose has without a copy.
    found = linalg.eigh(
        matrix.T, subset_by_index=[side - n, side - 1], driver="evr", overwrite_a=True
    )
    values, vectors = (part[..., ::-1] for part in found)
    return values, vectors


def _block_weights(
    variances: NDArray[np.float64], widths: list[int], name: str
) -> NDArray[np.float64]:
    """Return the factor of each feature."""
    weights, start = np.empty(len(variances)), 0
    for block, width in zip(FEATURES[name], widths, strict=True):
        own = float(variances[start : start + width].sum())
        weights[start : start + width] = block.weight / np.sqrt(own) if own > 1e-12 else 0.0
        start += width
    return weights
