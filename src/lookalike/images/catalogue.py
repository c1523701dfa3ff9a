"""The catalogue of data sets that can be loaded by name: files, mirrors and hashes.

MNIST's hashes are those of the uncompressed content, which is the same in all copies. The published
hashes of Fashion-MNIST and KMNIST (for example in torchvision) are those of the authors' ``.gz``
files, so only these can be verified; of uncompressed copies only the shape is checked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.images.exceptions import DatasetError
from lookalike.images.idx import content_sha256, read_idx


@dataclass(frozen=True)
class CatalogueFile:
    """A file of uint8 values, by its name on mirrors, its shape, and the SHA-256 that is known."""

    name: str
    shape: tuple[int, ...]
    content_sha256: str | None = None
    gzip_sha256: str | None = None

    def path_in(self, folder: Path) -> Path:
        """Return the path of this file in a folder, uncompressed if it exists."""
        uncompressed = folder / self.name.removesuffix(".gz")
        return uncompressed if uncompressed.exists() else folder / self.name

    def read(self, path: Path) -> NDArray[np.uint8]:
        """Read this file from ``path``; raise DatasetError if it is not the expected one."""
        # the shape is known, so refuse to unpack more
        array = read_idx(path, max_bytes=int(np.prod(self.shape)))
        if array.dtype != np.uint8 or array.shape != self.shape:
            raise DatasetError(
                f"{path} is not {self.name}: it holds {array.dtype} of shape {array.shape} "
                f"instead of uint8 of shape {self.shape}; get the file again"
            )
        if self.content_sha256 is not None:
            digest, expected = content_sha256(array), self.content_sha256
        elif self.gzip_sha256 is not None and path.name == self.name:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            expected = self.gzip_sha256
        else:
            return array
        if digest != expected:
            raise DatasetError(
                f"{path} has the wrong SHA-256 for {self.name}: {digest} instead of {expected}; "
                "delete it to download it again, or load the folder by its path"
            )
        return array


@dataclass(frozen=True)
class CatalogueEntry:
    """The files of each part and kind, the mirrors, best first, and the names of the labels."""

    files: dict[tuple[str, str], CatalogueFile]
    mirrors: tuple[str, ...]
    class_names: tuple[str, ...]


def _like_mnist(
    mirrors: tuple[str, ...], class_names: tuple[str, ...], hash_name: str, hashes: tuple[str, ...]
) -> CatalogueEntry:
    """Return an entry with MNIST's file names, shapes and numbers of images.

    ``hashes`` are those of train images, train labels, test images and test labels.
    """
    keys = [(part, kind) for part in ("train", "test") for kind in ("images", "labels")]
    files = {}
    for (part, kind), digest in zip(keys, hashes, strict=True):
        shape = (60_000 if part == "train" else 10_000, *((28, 28) if kind == "images" else ()))
        prefix = "train" if part == "train" else "t10k"
        name = f"{prefix}-{kind}-idx{len(shape)}-ubyte.gz"
        files[part, kind] = CatalogueFile(name, shape, **{hash_name: digest})
    return CatalogueEntry(files, mirrors, class_names)


CATALOGUE = {
    # Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"
    "mnist": _like_mnist(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        tuple("0123456789"),
        "content_sha256",
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    # H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", arXiv:1708.07747
    "fashion-mnist": _like_mnist(
        (
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        "gzip_sha256",
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    # T. Clanuwat et al., "Deep Learning for Classical Japanese Literature", arXiv:1812.01718
    "kmnist": _like_mnist(
        (
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "https://storage.googleapis.com/kuzushiji-mnist/",
        ),
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        "gzip_sha256",
        (
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
    ),
}
"""The data sets that ``load_dataset`` downloads by name."""
