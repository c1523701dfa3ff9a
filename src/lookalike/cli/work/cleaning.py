"""The work of ``lookalike clean``: from what was asked for to cleaned images and a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lookalike
from lookalike import KNeighborsDenoiser
from lookalike.cli.data_options import DataName
from lookalike.cli.screen import Bar
from lookalike.evaluation.cleaned import (
    Column,
    measure_fidelity,
    noisy_column,
    save_columns_png,
    to_pixels,
)
from lookalike.images.dataset import Dataset
from lookalike.images.expression import parse_noise
from lookalike.images.given import GivenImage, read_images
from lookalike.images.noise import Noise, add_noise
from lookalike.images.raw import as_images
from lookalike.models.file import save_model

_N_TRIED = 8  # test images, where none are given


class Learnt(NamedTuple):
    """A fitted denoiser, and what is known of it.

    Attributes
    ----------
    denoiser : KNeighborsDenoiser
    name : str
        What it is called: by its data, or its file.
    source : str or None
        Where its training images come from.
    noise_text : str
    brightest : int
        The greatest value of its training images.
    data, model : str and Path, or None
        The data set it was fitted on now, and the file that it is or was kept in.
    n_train, fit_seconds : int and float, or None
        Where it was fitted now.
    """

    denoiser: KNeighborsDenoiser
    name: str
    source: str | None
    noise_text: str
    brightest: int
    data: str | None = None
    model: Path | None = None
    n_train: int | None = None
    fit_seconds: float | None = None

    def told(self) -> str:
        """Return in words what the denoiser is."""
        said = f"{self.denoiser.quality} denoiser of {self.noise_text}"
        if self.fit_seconds is None:
            return said if self.source is None else f"{said}, fitted on images of {self.source}"
        return f"{said}, fitted on {self.n_train:,} images in {self.fit_seconds:.2f} s"


class Given(NamedTuple):
    """Images to clean.

    Attributes
    ----------
    names : list of str
    noisy : ndarray of shape (n, h, w) or (n, h, w, c), of any numbers
    truth : ndarray of the same shape, uint8, or None where it is not known
    files : list of (Path or None)
        What they were read from.
    """

    names: list[str]
    noisy: NDArray[Any]
    truth: NDArray[np.uint8] | None
    files: list[Path | None]


@dataclass(kw_only=True)
class Asked:
    """What was asked for, whatever cleans; parameters as of ``lookalike clean``."""

    paths: Sequence[Path]
    add_noise: bool
    out: Path | None
    seed: int
    n_jobs: int | None

    def read(self, image_shape: tuple[int, ...], noise: Noise | None) -> Given:
        """Read the images, of a shape, and make them noisy if that was asked for."""
        given = read_images(self.paths, image_shape)
        names, files = [image.name for image in given], [image.path for image in given]
        if self.out is not None:
            _refuse_to_replace(files, [self.out / name for name in written_names(names)])
        if not self.add_noise:
            return Given(names, np.stack([image.pixels for image in given]), None, [*files])
        assert noise is not None
        truth = np.stack([_clean_pixels(image) for image in given])
        return Given(names, add_noise(truth, noise, self.rng()), truth, [*files])

    def rng(self) -> np.random.Generator:
        """Return a source of noise to add: of other numbers than fit draws."""
        return np.random.default_rng((self.seed, 1))

    def clean(self, given: Given, learnt: Learnt, bar: Bar) -> Cleaned:
        """Clean images that were read."""
        bar.start("cleaning")
        start = perf_counter()
        estimates = learnt.denoiser.predict(given.noisy, progress=bar)
        return Cleaned(self, learnt, given, estimates, perf_counter() - start)


@dataclass(kw_only=True)
class Cleaning(Asked):
    """That a denoiser is to be fitted and to clean.

    Attributes
    ----------
    model : Path or None
        The file to keep it in.
    """

    data: DataName
    noise_text: str
    quality: str
    n_train: int | None
    model: Path | None = None

    def run(self, bar: Bar, *, watched: bool) -> Cleaned:
        """Do the work. All that can be wrong with what was asked for is found before fitting."""
        noise = parse_noise(self.noise_text)
        add_noise(np.zeros(1, dtype=np.uint8), noise)  # for its checks
        bar.start("loading the data")
        dataset = self.data.load(progress=watched)
        train = self._training_images(dataset)
        if self.paths:
            given = self.read(train.shape[1:], noise)
        else:
            given = self._some_test_images(dataset, noise)
        bar.start(f"learning from {len(train):,} images")
        denoiser = KNeighborsDenoiser(
            quality=self.quality, random_state=self.seed, n_jobs=self.n_jobs
        )
        start = perf_counter()
        denoiser.fit(clean=train, noise=noise, progress=bar)
        seconds = perf_counter() - start
        learnt = Learnt(
            denoiser,
            name=self.data,
            source=dataset.source,
            noise_text=self.noise_text,
            brightest=brightest_of(denoiser),
            data=self.data,
            model=self.model,
            n_train=len(train),
            fit_seconds=seconds,
        )
        cleaned = self.clean(given, learnt, bar)
        if self.model is not None:
            bar.start("saving the denoiser")
            save_model(denoiser, self.model, source=Path(self.data).name, form=dataset.form)
        return cleaned

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

    def _some_test_images(self, dataset: Dataset, noise: Noise) -> Given:
        if not len(dataset.test):
            raise ValueError(f"{self.data} has no test images to clean; name images after it")
        rng = self.rng()
        rows = some_rows(len(dataset.test), _N_TRIED, rng)
        names = [f"test-{row}" for row in rows.tolist()]
        truth = dataset.test.images[rows]
        return Given(names, add_noise(truth, noise, rng), truth, [None] * len(rows))


@dataclass
class Cleaned:
    """What became of the images.

    Attributes
    ----------
    asked : Asked
    learnt : Learnt
    given : Given
    estimates : ndarray of the shape of the images, float32
    clean_seconds : float
    """

    asked: Asked
    learnt: Learnt
    given: Given
    estimates: NDArray[np.float32]
    clean_seconds: float

    def __post_init__(self) -> None:
        truth, brightest = self.given.truth, self.learnt.brightest
        self.pixels = to_pixels(self.estimates, brightest)
        self.before, self.after = (
            None if truth is None else measure_fidelity(pixels, truth, brightest)
            for pixels in (to_pixels(self.given.noisy, brightest), self.pixels)
        )

    def report(self) -> dict[str, Any]:
        """Return what ``clean --json`` prints."""
        asked, learnt, given = self.asked, self.learnt, self.given
        fit_seconds = learnt.fit_seconds
        return {
            "lookalike": lookalike.__version__,
            "data": learnt.data,
            "source": learnt.source,
            "model": None if learnt.model is None else str(learnt.model),
            "noise": learnt.noise_text,
            "noise_added": asked.add_noise,
            "quality": learnt.denoiser.quality,
            "seed": asked.seed if fit_seconds is not None or asked.add_noise else None,
            "image_shape": list(given.noisy.shape[1:]),
            "n_train": learnt.n_train,
            "fit_seconds": None if fit_seconds is None else round(fit_seconds, 4),
            "clean_seconds": round(self.clean_seconds, 4),
            "images": [
                {
                    "name": name,
                    "file": None if path is None else str(path),
                    **self._fidelity(slice(i, i + 1)),
                }
                for i, (name, path) in enumerate(zip(given.names, given.files, strict=True))
            ],
            "mean": self._fidelity(slice(len(given.names))) or None,
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
        brightest, truth = self.learnt.brightest, self.given.truth
        columns = [
            noisy_column("noisy", self.given.noisy, brightest),
            Column("cleaned", self.pixels, 0, brightest),
        ]
        if truth is not None:
            columns.append(Column("truth", truth, 0, brightest))
        return columns

    def files(self) -> list[str]:
        """Return the names of the files that `save` writes."""
        return written_names(self.given.names)

    def save(self, folder: Path, *, progress: Callable[[int, int], None]) -> None:
        """Write each image, cleaned, and beside what it was."""
        columns, names = self.columns(), self.given.names
        for i, (clean, strip) in enumerate(_pairs(names)):
            progress(i, len(names))
            Image.fromarray(self.pixels[i]).save(folder / clean)
            save_columns_png(folder / strip, [column.of(i) for column in columns])


def brightest_of(denoiser: KNeighborsDenoiser) -> int:
    """Return the greatest value among the bytes that a denoiser learnt from, at least 1."""
    return max(1, int(np.flatnonzero(denoiser._cascade.noise.prior)[-1]))


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
