"""The work of ``lookalike clean``: from what was asked for to cleaned images and a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lookalike
from lookalike import KNeighborsDenoiser
from lookalike.cli.screen import Bar
from lookalike.evaluation.cleaned import (
    Column,
    measure_fidelity,
    noisy_column,
    save_columns_png,
    to_pixels,
)
from lookalike.images.dataset import Dataset, load_dataset
from lookalike.images.given import GivenImage, read_images
from lookalike.images.noise import Noise, add_noise
from lookalike.images.noise_expression import parse_noise
from lookalike.images.raw import as_images

_N_TRIED = 8  # test images, where none are given


@dataclass
class Cleaning:
    """What was asked for; the parameters are those of ``lookalike clean``."""

    data: str
    paths: Sequence[Path]
    noise_text: str
    add_noise: bool
    out: Path | None
    quality: str
    n_train: int | None
    seed: int
    n_jobs: int | None

    def run(self, bar: Bar, *, watched: bool) -> Cleaned:
        """Do the work. All that can be wrong with what was asked for is found before fitting."""
        noise = parse_noise(self.noise_text)
        add_noise(np.zeros(1, dtype=np.uint8), noise)  # for its checks
        bar.start("loading the data")
        dataset = load_dataset(self.data, progress=watched)
        train = self._training_images(dataset)
        names, noisy, truth, files = self._images(dataset, noise)
        bar.start(f"learning from {len(train):,} images")
        model = KNeighborsDenoiser(quality=self.quality, random_state=self.seed, n_jobs=self.n_jobs)
        start = perf_counter()
        model.fit(clean=train, noise=noise, progress=bar)
        fitted = perf_counter()
        bar.start("cleaning")
        estimates = model.predict(noisy, progress=bar)
        return Cleaned(
            asked=self,
            source=dataset.source,
            n_train=len(train),
            names=names,
            read_from=files,
            noisy=noisy,
            estimates=estimates,
            truth=truth,
            brightest=max(1, int(train.max())),
            fit_seconds=fitted - start,
            clean_seconds=perf_counter() - fitted,
        )

    def _training_images(self, dataset: Dataset) -> NDArray[np.uint8]:
        images = dataset.train.images
        if self.n_train is None:
            return images
        if self.n_train > len(images):
            raise ValueError(
                f"--train {self.n_train:,} but {self.data} has only {len(images):,} train images; "
                "lower it or leave it out"
            )
        return images[some_rows(len(images), self.n_train, np.random.default_rng((self.seed, 0)))]

    def _images(
        self, dataset: Dataset, noise: Noise
    ) -> tuple[list[str], NDArray[Any], NDArray[np.uint8] | None, list[Path | None]]:
        """Return names, noisy images, clean ones where they are known, and files."""
        rng = np.random.default_rng((self.seed, 1))  # other numbers than fit draws
        if not self.paths:
            rows = some_rows(len(dataset.test), _N_TRIED, rng)
            names = [f"test-{row}" for row in rows.tolist()]
            truth = dataset.test.images[rows]
            return names, add_noise(truth, noise, rng), truth, [None] * len(rows)
        given = read_images(self.paths, dataset.train.images.shape[1:])
        names, files = [image.name for image in given], [image.path for image in given]
        if self.out is not None:
            _refuse_to_replace(files, [self.out / name for name in written_names(names)])
        if not self.add_noise:
            return names, np.stack([image.pixels for image in given]), None, [*files]
        truth = np.stack([_clean_pixels(image) for image in given])
        return names, add_noise(truth, noise, rng), truth, [*files]


@dataclass
class Cleaned:
    """What became of the images.

    Attributes
    ----------
    noisy : ndarray of shape (n, h, w) or (n, h, w, c), of any numbers
    estimates : ndarray of the same shape, float32
    truth : ndarray of the same shape, uint8, or None where it is not known
    brightest : int
        The greatest value of the training images.
    """

    asked: Cleaning
    source: str
    n_train: int
    names: list[str]
    read_from: list[Path | None]
    noisy: NDArray[Any]
    estimates: NDArray[np.float32]
    truth: NDArray[np.uint8] | None
    brightest: int
    fit_seconds: float
    clean_seconds: float

    def __post_init__(self) -> None:
        self.pixels = to_pixels(self.estimates, self.brightest)
        self.before, self.after = (
            None if self.truth is None else measure_fidelity(pixels, self.truth, self.brightest)
            for pixels in (to_pixels(self.noisy, self.brightest), self.pixels)
        )

    def report(self) -> dict[str, Any]:
        """Return what ``clean --json`` prints."""
        asked, n = self.asked, len(self.names)
        return {
            "lookalike": lookalike.__version__,
            "data": asked.data,
            "source": self.source,
            "noise": asked.noise_text,
            "noise_added": asked.add_noise,
            "quality": asked.quality,
            "seed": asked.seed,
            "image_shape": list(self.noisy.shape[1:]),
            "n_train": self.n_train,
            "fit_seconds": round(self.fit_seconds, 4),
            "clean_seconds": round(self.clean_seconds, 4),
            "images": [
                {
                    "name": name,
                    "file": None if path is None else str(path),
                    **self._fidelity(slice(i, i + 1)),
                }
                for i, (name, path) in enumerate(zip(self.names, self.read_from, strict=True))
            ],
            "mean": self._fidelity(slice(n)) or None,
        }

    def _fidelity(self, rows: slice) -> dict[str, float]:
        return {
            f"{when}_{name}": round(float(values[rows].mean()), 4)
            for when, fidelity in (("noisy", self.before), ("cleaned", self.after))
            if fidelity is not None
            for name, values in fidelity._asdict().items()
        }

    def columns(self) -> list[Column]:
        """Return the images as they are drawn: noisy, cleaned and, where known, true."""
        columns = [
            noisy_column("noisy", self.noisy, self.brightest),
            Column("cleaned", self.pixels, 0, self.brightest),
        ]
        if self.truth is not None:
            columns.append(Column("truth", self.truth, 0, self.brightest))
        return columns

    def files(self) -> list[str]:
        """Return the names of the files that `save` writes."""
        return written_names(self.names)

    def save(self, folder: Path, *, progress: Callable[[int, int], None]) -> None:
        """Write each image, cleaned, and beside what it was."""
        columns = self.columns()
        for i, (clean, strip) in enumerate(_pairs(self.names)):
            progress(i, len(self.names))
            Image.fromarray(self.pixels[i]).save(folder / clean)
            save_columns_png(folder / strip, [column.of(i) for column in columns])


def written_names(names: Sequence[str]) -> list[str]:
    """Return the names of the files that are written of images of these names."""
    return [file for pair in _pairs(names) for file in pair]


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(f"{name}-clean.png", f"{name}-before-after.png") for name in names]


def some_rows(n: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose rows by chance, for the first of a sorted data set are of one class; in order."""
    return np.sort(rng.choice(n, min(n, most), replace=False))


def _refuse_to_replace(read: Sequence[Path], written: Sequence[Path]) -> None:
    inputs = {path.resolve() for path in read}
    for path in written:
        if path.resolve() in inputs:
            raise ValueError(
                f"{path} is one of the images given, and would be replaced; name another folder "
                "by --out"
            )


def _clean_pixels(image: GivenImage) -> NDArray[np.uint8]:
    (pixels,) = as_images(image.pixels[None], f"{image.path}, as --add-noise takes it")
    return np.asarray(pixels)
