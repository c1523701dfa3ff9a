"""Enlarge a training set by the variants of its images: as one array, or as an ``.npz`` file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, NDArray

from lookalike.images.augmentation import Augmentation
from lookalike.images.files import replace_file
from lookalike.images.progress import Progress
from lookalike.images.variants import Variant
from lookalike.results import Result

if TYPE_CHECKING:
    from lookalike.images.dataset import Dataset

_BLOCK_BYTES = 2**23  # size of images that are changed and written at once


@dataclass(frozen=True, eq=False)
class Expansion(Result):
    """A data set and the augmentation by which its training images are expanded.

    Attributes
    ----------
    data : Dataset
    augmentation : Augmentation

    Examples
    --------
    >>> from lookalike import Shifts, load_dataset
    >>> Expansion(load_dataset("digits"), Shifts(1)).to_dict()["n_expanded"]
    7185
    """

    _described_by = "data"

    data: Dataset
    augmentation: Augmentation

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Variants of each training image; ValueError if there are none."""
        return self.augmentation.variants(self.data.train.images.shape[1:])

    def to_dict(self) -> dict[str, Any]:
        """Return a dict for JSON, without the images."""
        train, variants = self.data.train, self.variants
        return {
            "source": self.data.source,
            "augmentation": repr(self.augmentation),
            "image_shape": list(train.images.shape[1:]),
            "n_train": len(train),
            "n_test": len(self.data.test),
            "n_variants": len(variants),
            "n_expanded": len(train) * (len(variants) + 1),
            "expanded_bytes": train.images.nbytes * (len(variants) + 1),
            "variants": list(map(str, variants)),
        }


def expand(
    images: ArrayLike,
    labels: ArrayLike | None,
    augmentation: Augmentation,
    *,
    image_shape: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Enlarge a training set by the variants of every image.

    The result takes ``n_variants + 1`` times the memory of the images. Expand only training
    images: a split or a cross-validation of the result has copies of the same image on both sides,
    and overestimates the accuracy.

    Parameters
    ----------
    images : array-like of shape (n, h, w), (n, h, w, c), or (n, d) with ``image_shape``
        Bool, integers or floats. Integers are rounded if a variant interpolates.
    labels : array-like of shape (n,) or (n, n_outputs), or None
    augmentation : Augmentation
        For example ``Shifts(1)``.
    image_shape : tuple (h, w) or (h, w, c), optional
        Shape of the images, if they are given as rows of d pixels.
    progress : callable, default=None
        Called as ``progress(done, total)`` with numbers of images.

    Returns
    -------
    images : ndarray of shape ((n_variants + 1) * n, ...), of the dtype given
        First the images themselves, then all of them changed by the first variant, and so on:
        image ``i`` of variant ``v`` = 1, 2, ... is at ``v * n + i``. Rows if rows were given.
    labels : ndarray of shape ((n_variants + 1) * n, ...) or None

    Raises
    ------
    ValueError
        If there are no images, if rows do not match ``image_shape``, if values are NaN or
        infinite, if the number of labels differs, or if the augmentation does not fit the images.
    TypeError
        If ``augmentation`` is not an `Augmentation`.

    Examples
    --------
    >>> import numpy as np
    >>> from lookalike import Shifts, expand
    >>> images = np.array([[[1, 2], [3, 4]]])
    >>> grown, labels = expand(images, ["a"], Shifts(1))
    >>> [image.tolist() for image in grown]
    [[[1, 2], [3, 4]], [[0, 1], [0, 3]], [[2, 0], [4, 0]], [[0, 0], [1, 2]], [[3, 4], [0, 0]]]
    >>> labels.tolist()
    ['a', 'a', 'a', 'a', 'a']
    """
    if not isinstance(augmentation, Augmentation):
        raise TypeError(
            f"augmentation={augmentation!r} is not an augmentation; give for example Shifts(1)"
        )
    array = np.asarray(images)
    _check_pixels(array)
    if labels is not None:
        labels = np.asarray(labels)
        if labels.ndim == 0 or len(labels) != len(array):
            raise ValueError(
                f"{len(array)} images but labels of shape {labels.shape}; give one for each image"
            )
    variants = augmentation.variants(array.shape[1:] if array.ndim > 2 else image_shape)
    shape = _check_shape(array, image_shape)
    labels = None if labels is None else np.concatenate([labels] * (len(variants) + 1))
    n_images = len(array)
    grown = np.empty(((len(variants) + 1) * n_images, *array.shape[1:]), dtype=array.dtype)
    pixels, done = grown.reshape(-1, *shape), 0
    for block in _blocks(array.reshape(n_images, *shape), variants, progress):
        pixels[done : done + len(block)] = block
        done += len(block)
    return grown, labels


def _check_pixels(images: NDArray[Any]) -> None:
    if images.ndim not in (2, 3, 4) or images.size == 0:
        raise ValueError(
            f"an array of shape {images.shape} has no images to expand; give "
            "(n, h, w), (n, h, w, c), or rows (n, d) with image_shape"
        )
    if images.dtype.kind not in "biuf":
        raise ValueError(
            f"images of dtype {images.dtype} are not numeric; convert them to integers or floats"
        )
    if images.dtype.kind == "f":
        wrong = ~np.isfinite(images)
        if wrong.any():
            first = np.argwhere(wrong)[0]
            raise ValueError(
                f"image {first[0]} holds {images[tuple(first)]} (one of {wrong.sum():,} such "
                "values); pixels must be finite; replace them, as by np.nan_to_num"
            )


def _check_shape(images: NDArray[Any], image_shape: Sequence[int] | None) -> tuple[int, ...]:
    """Return the shape of one image; raise ValueError if it does not match ``image_shape``."""
    if image_shape is None:
        return images.shape[1:]
    shape = tuple(image_shape)
    if images.ndim > 2 and images.shape[1:] != shape:
        raise ValueError(
            f"image_shape={shape} but the images are {images.shape[1:]}; leave image_shape out"
        )
    if prod(shape) != prod(images.shape[1:]):
        raise ValueError(
            f"image_shape={shape} has {prod(shape):,} values but the rows have "
            f"{images.shape[1]:,}; correct it"
        )
    return shape


def save_expanded(
    path: Path, data: Dataset, augmentation: Augmentation, *, progress: Progress | None = None
) -> None:
    """Write a data set with its train part enlarged as by `expand`; `load_dataset` reads it.

    The ``.npz`` file appears only when it is complete. ``progress(done, total)`` gets the number of
    train images written. A path without ``.npz`` is a ValueError.
    """
    if path.suffix != ".npz":
        raise ValueError(f"{path} does not end in .npz, the suffix of data sets; rename it")
    train = data.train
    variants = augmentation.variants(train.images.shape[1:])
    n_images = (len(variants) + 1) * len(train)

    def write(beside: Path) -> None:
        with zipfile.ZipFile(beside, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            grown = _blocks(train.images, variants, progress)
            _write(archive, "train_images", (n_images, *train.images.shape[1:]), grown)
            _write(archive, "train_labels", (n_images,), [train.labels] * (len(variants) + 1))
            _write(archive, "test_images", data.test.images.shape, [data.test.images])
            _write(archive, "test_labels", data.test.labels.shape, [data.test.labels])
            names = np.array(data.class_names, dtype=str)
            _write(archive, "class_names", names.shape, [names])

    replace_file(path, write)


def _blocks(
    images: NDArray[Any], variants: Sequence[Variant], progress: Progress | None
) -> Iterator[NDArray[Any]]:
    """Yield the images as they are, and then changed by each variant, in blocks."""
    step = max(1, _BLOCK_BYTES // images[0].nbytes)
    done = 0
    for variant in (None, *variants):
        for start in range(0, len(images), step):
            block = images[start : start + step]
            yield block if variant is None else variant.apply(block)
            done += len(block)
            if progress is not None:
                progress(done, (len(variants) + 1) * len(images))


def _write(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], blocks: Iterable[NDArray[Any]]
) -> None:
    """Write an array whose blocks along its first axis arrive one by one."""
    # Without force_zip64, files beyond 2 GiB of unknown size would fail at the end.
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        for number, block in enumerate(blocks):
            if number == 0:
                descr = npy.dtype_to_descr(block.dtype)
                header = {"descr": descr, "fortran_order": False, "shape": shape}
                npy.write_array_header_1_0(member, header)
            member.write(np.ascontiguousarray(block).data)
