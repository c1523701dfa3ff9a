"""The data that searches are measured on: files where they are found, else made from a seed.

============  =============================================  ==============  =======
name          rows                                           default size    queries
============  =============================================  ==============  =======
mnist         MNIST, from 60,001 on perturbed copies         60,000 × 784    10,000
fashion-like  Fashion-MNIST if found, else smooth blobs      60,000 × 784    10,000
gaussian      mixture of 100 Gaussians, as embeddings are    100,000 × 512   10,000
isotropic     one Gaussian: no structure to make use of      100,000 × 512   10,000
digits        scikit-learn's digits, which need no network   1,437 × 64      360
============  =============================================  ==============  =======
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED = 0
DEFAULT_SIZES = {
    "mnist": (60_000, 10_000),
    "fashion-like": (60_000, 10_000),
    "gaussian": (100_000, 10_000),
    "isotropic": (100_000, 10_000),
    "digits": (1_437, 360),
}
QUICK_SIZES = (1_000, 100)
N_FEATURES = 512
N_CENTRES = 100
CLUSTER_SCALE = 0.5


@dataclass(frozen=True)
class SearchData:
    """Rows to search and queries.

    Attributes
    ----------
    title : str
        What it is, and how it was made.
    rows : ndarray of shape (n, d), uint8 or float32
    queries : ndarray of shape (n_queries, d), of the same dtype
    """

    title: str
    rows: NDArray[Any]
    queries: NDArray[Any]

    def __str__(self) -> str:
        n, d = self.rows.shape
        return f"{self.title}: {n:,} × {d} {self.rows.dtype}, {len(self.queries):,} queries"


@dataclass(frozen=True)
class StoredData(SearchData):
    """The same in files, which fresh processes load, and no longer in memory.

    Attributes
    ----------
    files : tuple of Path
        The rows and the queries.
    """

    files: tuple[Path, Path]


@contextmanager
def stored_data(
    name: str, n_rows: int, n_queries: int, n_features: int = N_FEATURES
) -> Iterator[StoredData]:
    """Make data as `make_data` does and give it stored, until the block ends."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        files = Path(folder) / "rows.npy", Path(folder) / "queries.npy"
        made = make_data(name, n_rows, n_queries, n_features)
        title = made.title
        np.save(files[0], made.rows)
        np.save(files[1], made.queries)
        del made
        rows, queries = (np.load(file, mmap_mode="r") for file in files)
        yield StoredData(title, rows, queries, files)


def load_rows(file: Path, n: int | None = None, dtype: str | None = None) -> NDArray[Any]:
    """Load the first n rows of a file, of the dtype asked for."""
    # Copied from the map in one go, so that the array is all the memory that it takes.
    return np.array(np.load(file, mmap_mode="r")[:n], dtype=dtype, order="C")


def make_data(name: str, n_rows: int, n_queries: int, n_features: int = N_FEATURES) -> SearchData:
    """Load or make data of a given size.

    Parameters
    ----------
    name : str
        Of `DEFAULT_SIZES`.
    n_rows, n_queries : int
        More rows than MNIST has are made from it; of other files there are as many as there are.
    n_features : int
        Width of the made data, "gaussian" and "isotropic".
    """
    rng = np.random.default_rng(SEED)
    if name == "gaussian":
        return _gaussian_mixture(n_rows, n_queries, n_features, rng)
    if name == "isotropic":
        points = rng.standard_normal((n_rows + n_queries, n_features), dtype=np.float32)
        return SearchData("isotropic Gaussian", points[:n_rows], points[n_rows:])
    if name == "fashion-like":
        return _fashion_like(n_rows, n_queries, rng)
    from lookalike import load_dataset

    data = load_dataset(name)
    images, title = data.train.images, {"mnist": "MNIST"}.get(name, name)
    if name == "mnist" and n_rows > len(images):
        title += " and perturbed copies"
        images = _with_perturbed_copies(images, n_rows, rng)
    return _as_rows(title, images[:n_rows], data.test.images[:n_queries])


def _as_rows(title: str, images: NDArray[Any], queries: NDArray[Any]) -> SearchData:
    return SearchData(title, images.reshape(len(images), -1), queries.reshape(len(queries), -1))


def _gaussian_mixture(
    n_rows: int, n_queries: int, n_features: int, rng: np.random.Generator
) -> SearchData:
    """100 centres from N(0, I), points around them from N(0, I / 4)."""
    n = n_rows + n_queries
    centres = rng.standard_normal((N_CENTRES, n_features), dtype=np.float32)
    points = rng.standard_normal((n, n_features), dtype=np.float32)
    points *= np.float32(CLUSTER_SCALE)
    points += centres[rng.integers(N_CENTRES, size=n)]
    return SearchData("Gaussian mixture", points[:n_rows], points[n_rows:])


def _with_perturbed_copies(
    images: NDArray[np.uint8], n: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The images, followed by as many perturbed copies of them as it takes to have n.

    A copy is shifted by up to two pixels each way, not by none, zeros coming in; each pixel of
    ink then changes by a random integer of -8..8, staying within 0..255.
    """
    height, width = images.shape[1:]
    grown = np.empty((n, height, width), dtype=np.uint8)
    grown[: len(images)] = images
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    shifts = [(y, x) for y in range(5) for x in range(5) if (y, x) != (2, 2)]
    for start in range(len(images), n, len(images)):
        copies = grown[start : start + len(images)]
        chosen = rng.integers(len(shifts), size=len(copies))
        for number, (y, x) in enumerate(shifts):
            these = np.flatnonzero(chosen == number)
            copies[these] = padded[these, y : y + height, x : x + width]
        noise = rng.integers(-8, 9, size=copies.shape, dtype=np.int8)
        np.copyto(copies, np.clip(copies + noise.astype(np.int16), 0, 255), "unsafe", copies > 0)
    return grown


def _fashion_like(n_rows: int, n_queries: int, rng: np.random.Generator) -> SearchData:
    from lookalike import load_dataset
    from lookalike.images.exceptions import DatasetNotFoundError

    try:
        data = load_dataset("fashion-mnist", download=False)
    except DatasetNotFoundError:
        images = _blobs(n_rows + n_queries, rng)
        title = "Fashion-like (made: smooth blobs of 10 kinds, for want of Fashion-MNIST)"
        return _as_rows(title, images[:n_rows], images[n_rows:])
    return _as_rows("Fashion-MNIST", data.train.images[:n_rows], data.test.images[:n_queries])


def _blobs(n: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Textured 28 × 28 silhouettes on black, the outlines of 10 kinds each varied smoothly.

    As in Fashion-MNIST about half of each image is filled, shades vary slowly inside, and a few
    smooth directions hold most of the variance.
    """
    upsample = _interpolation(7, 28)

    def smooth(n_fields: int) -> NDArray[Any]:
        fields: NDArray[Any] = (
            upsample @ rng.standard_normal((n_fields, 7, 7), dtype=np.float32) @ upsample.T
        )
        return fields

    kinds = smooth(10)
    images = np.empty((n, 28, 28), dtype=np.uint8)
    for start in range(0, n, 10_000):
        part = images[start : start + 10_000]
        outline = kinds[rng.integers(10, size=len(part))] + 0.4 * smooth(len(part))
        brightness = rng.uniform(100, 200, size=(len(part), 1, 1)).astype(np.float32)
        shade = brightness + 30 * smooth(len(part)) + rng.normal(0, 5, part.shape)
        part[...] = np.where(outline > 0, np.clip(shade, 1, 255), 0)
    return images


def _interpolation(coarse: int, fine: int) -> NDArray[Any]:
    """Matrix of shape (fine, coarse) whose rows are Gaussian weights of unit length."""
    positions = (np.arange(fine) + 0.5) * coarse / fine - 0.5
    weights = np.exp(-((positions[:, None] - np.arange(coarse)) ** 2))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return weights.astype(np.float32)
