"""Features on their principal axes: few coordinates that keep nearly all of their distances."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from threadpoolctl import ThreadpoolController

from lookalike.matching.features import FEATURES, features_of
from lookalike.matching.levels import Bytes

Floats = NDArray[np.float32]

CHUNK = 1024
"""Images whose features are in memory at once, in each thread."""

SAMPLE = 15_000
"""Images that the axes are taken from, spread evenly over all."""


@cache
def _blas() -> ThreadpoolController:
    """The libraries' thread pools, looked for once, which takes a while."""
    return ThreadpoolController()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep BLAS to one thread, so that sums do not depend on how many there are."""
    with _blas().limit(limits=1, user_api="blas"):
        yield


class PrincipalAxes:
    """The leading principal axes of features by name.

    Every block of features is centred and scaled to a total variance of its weight squared, then
    all are projected onto the axes that most of their variance lies along.

    Parameters
    ----------
    features : {"pixels", "gradients", "rich"}
    n_components : int
    n_threads : int
    """

    def __init__(self, features: str, n_components: int = 256, n_threads: int = 1) -> None:
        self.features = features
        self.n_components = n_components
        self.n_threads = n_threads

    def fit(self, images: Bytes) -> Self:
        """Find the axes; `images` as `features_of` takes them."""
        n = len(images)
        rows = np.arange(n) if n <= SAMPLE else np.arange(SAMPLE) * n // SAMPLE
        chunks = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
        widths: list[int] = []
        total, gram = None, None
        with single_threaded_blas(), ThreadPoolExecutor(self.n_threads) as pool:
            for sums, products, own in pool.map(lambda rows: self._moments(images[rows]), chunks):
                widths = own
                total = sums if total is None else total + sums
                gram = products if gram is None else gram + products
            assert total is not None
            assert gram is not None
            mean = total / len(rows)
            covariance = gram / len(rows) - np.outer(mean, mean)
            weights = _block_weights(covariance.diagonal(), widths, self.features)
            covariance *= np.outer(weights, weights)
            d = len(mean)
            kept = max(1, min(self.n_components, d, len(rows) - 1))
            _, axes = linalg.eigh(covariance, subset_by_index=[d - kept, d - 1], driver="evr")
        axes = axes[:, ::-1]
        axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(kept)] < 0, -1, 1)
        self.mean_ = mean.astype(np.float32)
        self.components_ = np.ascontiguousarray(weights[:, np.newaxis] * axes, dtype=np.float32)
        return self

    def transform(self, images: Bytes) -> Floats:
        """Return the coordinates of images, shape (n, n_components)."""
        out = np.empty((len(images), self.components_.shape[1]), np.float32)

        def project(start: int) -> None:
            part = images[start : start + CHUNK]
            centred = np.concatenate(features_of(part, self.features), axis=1)
            centred -= self.mean_
            np.matmul(centred, self.components_, out=out[start : start + len(part)])

        with single_threaded_blas():
            if len(images) <= CHUNK:  # a pool would take longer than few images do
                project(0)
                return out
            with ThreadPoolExecutor(self.n_threads) as pool:
                list(pool.map(project, range(0, len(images), CHUNK)))
        return out

    def _moments(self, images: Bytes) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]]:
        blocks = features_of(images, self.features)
        values = np.concatenate(blocks, axis=1)
        products = (values.T @ values).astype(np.float64)
        return values.sum(axis=0, dtype=np.float64), products, [b.shape[1] for b in blocks]


def _block_weights(
    variances: NDArray[np.float64], widths: list[int], name: str
) -> NDArray[np.float64]:
    """Return what each feature is multiplied by."""
    weights, start = np.empty(len(variances)), 0
    for block, width in zip(FEATURES[name], widths, strict=True):
        own = float(variances[start : start + width].sum())
        weights[start : start + width] = block.weight / np.sqrt(own) if own > 1e-12 else 0.0
        start += width
    return weights
