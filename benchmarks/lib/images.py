"""Labelled images in files, which fresh processes load: what classifiers are measured on.

======  =============  ===============  ===========
name    images         training images  test images
======  =============  ===============  ===========
mnist   28 × 28 uint8  60,000           10,000
digits  8 × 8 uint8    1,437            360
======  =============  ===============  ===========
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lib.data import DEFAULT_SIZES, QUICK_SIZES, load_rows

if TYPE_CHECKING:
    from lookalike.images.augmentation import Augmentation

Labelled = tuple[NDArray[Any], NDArray[np.int64]]
NAMES = ("mnist", "digits")


@dataclass(frozen=True)
class StoredImages:
    """Training and test images with their labels in a folder, the images as rows of pixels.

    Attributes
    ----------
    title : str
    image_shape : tuple of int
    folder : Path
    training_name : str
        How the files of the training images begin.
    """

    title: str
    image_shape: tuple[int, ...]
    folder: Path
    training_name: str = "training"

    @property
    def files(self) -> tuple[Path, Path]:
        """Rows of the training images and of the test images."""
        return self.folder / f"{self.training_name}.npy", self.folder / "test.npy"

    @property
    def rows(self) -> NDArray[Any]:
        """Rows of the training images, not in memory."""
        rows: NDArray[Any] = np.load(self.files[0], mmap_mode="r")
        return rows

    @property
    def test_rows(self) -> NDArray[Any]:
        """Rows of the test images, not in memory."""
        rows: NDArray[Any] = np.load(self.files[1], mmap_mode="r")
        return rows

    def training(self, dtype: str | None = None) -> Labelled:
        """Load the training images as rows, and their labels."""
        return load_rows(self.files[0], dtype=dtype), self._labels(self.training_name)

    def test(self, dtype: str | None = None) -> Labelled:
        """Load the test images as rows, and their labels."""
        return load_rows(self.files[1], dtype=dtype), self._labels("test")

    def as_images(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows seen as the images that they are of."""
        return rows.reshape(len(rows), *self.image_shape)

    def grown(self, augmentation: Augmentation) -> StoredImages:
        """Store the training images with all their variants beside them, as `expand` does."""
        from lookalike import expand

        rows, labels = expand(
            *self.training(), augmentation=augmentation, image_shape=self.image_shape
        )
        assert labels is not None
        grown = replace(self, training_name="grown")
        grown._save("grown", rows, labels)
        return grown

    def _labels(self, name: str) -> NDArray[np.int64]:
        labels: NDArray[np.int64] = np.load(self.folder / f"{name}-labels.npy")
        return labels

    def _save(self, name: str, rows: NDArray[Any], labels: NDArray[Any]) -> None:
        np.save(self.folder / f"{name}.npy", rows)
        np.save(self.folder / f"{name}-labels.npy", labels)

    def __str__(self) -> str:
        size = " × ".join(map(str, self.image_shape))
        return (
            f"{self.title}: {len(self.rows):,} training images of {size} {self.rows.dtype}, "
            f"{len(self.test_rows):,} test images"
        )


@contextmanager
def stored_images(
    name: str, *, quick: bool, most: tuple[int | None, int | None] = (None, None)
) -> Iterator[StoredImages]:
    """Load a data set and give it stored, until the block ends.

    Parameters
    ----------
    name : str
        Of `NAMES`.
    quick : bool
        Give few images.
    most : tuple of int or None
        Training and test images to give instead of all, the first ones.
    """
    from lookalike import load_dataset

    sizes = QUICK_SIZES if quick else DEFAULT_SIZES[name]
    n_training, n_test = (limit or size for limit, size in zip(most, sizes, strict=True))
    data = load_dataset(name)
    title = {"mnist": "MNIST"}.get(name, name)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stored = StoredImages(title, data.train.images.shape[1:], Path(folder))
        for part, which, n in ((data.train, "training", n_training), (data.test, "test", n_test)):
            images = part.images[:n]
            stored._save(which, images.reshape(len(images), -1), part.labels[:n])
        yield stored
