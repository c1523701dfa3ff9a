"""Writing of an enlarged data set to an ``.npz`` file, with little memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lookalike.images.atomic import replace_file
from lookalike.images.augmentation import Augmentation
from lookalike.images.dataset import Dataset
from lookalike.images.progress import Progress
from lookalike.images.variants import Variant

_BLOCK_BYTES = 2**23  # size of images that are changed and written at once


def save_expanded(
    path: Path,
    data: Dataset,
    augmentation: Augmentation,
    *,
    progress: Progress | None = None,
) -> None:
    """Write a data set with an enlarged train part; `load_dataset` reads it.

    The file appears only when it is complete.

    Parameters
    ----------
    path : Path
        The ``.npz`` file to write or replace.
    data : Dataset
        Its train part is enlarged as by `expand`; its test part stays unchanged.
    augmentation : Augmentation
    progress : callable, default=None
        Called as ``progress(done, total)`` with the number of train images written.

    Raises
    ------
    ValueError
        If ``path`` does not end in ``.npz``, or as `Augmentation.variants`.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from lookalike import Flips, load_dataset
    >>> from lookalike.images.save import save_expanded
    >>> with TemporaryDirectory() as folder:
    ...     save_expanded(Path(folder, "grown.npz"), load_dataset("digits"), Flips())
    ...     load_dataset(Path(folder, "grown.npz")).train
    Split(2,874 images of 8 × 8)
    """
    if path.suffix != ".npz":
        raise ValueError(f"{path} does not end in .npz, the suffix of data sets; rename it")
    train = data.train
    variants = (None, *augmentation.variants(train.images.shape[1:]))
    n_images = len(variants) * len(train)

    def write(beside: Path) -> None:
        with zipfile.ZipFile(beside, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            grown = _blocks(train.images, variants, progress)
            _write(archive, "train_images", (n_images, *train.images.shape[1:]), grown)
            _write(archive, "train_labels", (n_images,), [train.labels] * len(variants))
            _write(archive, "test_images", data.test.images.shape, [data.test.images])
            _write(archive, "test_labels", data.test.labels.shape, [data.test.labels])
            names = np.array(data.class_names, dtype=str)
            _write(archive, "class_names", names.shape, [names])

    replace_file(path, write)


def _blocks(
    images: NDArray[np.uint8],
    variants: tuple[Variant | None, ...],
    progress: Progress | None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield blocks of the images as they are, for None, and changed by each variant."""
    step = max(1, _BLOCK_BYTES // images[0].nbytes)
    done = 0
    for variant in variants:
        for start in range(0, len(images), step):
            block = images[start : start + step]
            yield block if variant is None else variant.apply(block)
            done += len(block)
            if progress is not None:
                progress(done, len(variants) * len(images))


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
