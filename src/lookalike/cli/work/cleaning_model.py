"""The work of ``lookalike clean MODEL``: images cleaned by a denoiser that was fitted before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike import KNeighborsDenoiser
from lookalike.cleaning.levels import Levels
from lookalike.cli.screen import Bar
from lookalike.cli.work.cleaning import Asked, Cleaned, Learnt, brightest_of
from lookalike.images.expression import noise_text
from lookalike.models.errors import ModelError
from lookalike.models.file import Opened, open_file


@dataclass(kw_only=True)
class ModelCleaning(Asked):
    """That the denoiser of a file is to clean."""

    file: Path

    def run(self, bar: Bar) -> Cleaned:
        """Do the work. What can be wrong with what was asked for is found before any cleaning."""
        bar.start("opening the denoiser")
        opened = open_file(self.file)
        denoiser = opened.estimator
        if not isinstance(denoiser, KNeighborsDenoiser):
            raise ModelError(
                f"{self.file} holds a {type(denoiser).__name__}, which cleans no images; make a "
                "file that does by lookalike clean DATA --noise NOISE --save FILE"
            )
        image_shape = _image_shape(opened, self.file)
        if self.add_noise and denoiser.noise_ is None:
            raise ModelError(
                f"{self.file} learnt its noise from pairs of images and can not add it; leave out "
                "--add-noise, and give noisy images"
            )
        denoiser.n_jobs = self.n_jobs
        learnt = Learnt(
            denoiser,
            name=str(self.file),
            source=opened.description["source"],
            noise_text=noise_text(denoiser.noise_),
            brightest=brightest_of(denoiser),
            model=self.file,
        )
        return self.clean(self.read(image_shape, denoiser.noise_), learnt, bar)


def _image_shape(opened: Opened, file: Path) -> tuple[int, ...]:
    """Return the shape of the images that a denoiser of bytes cleans.

    Raises
    ------
    ModelError
        If it was fitted to others than bytes, or to images of several sizes.
    """
    denoiser: Any = opened.estimator
    if denoiser._levels != Levels():
        raise ModelError(
            f"{file} was fitted to other values than whole ones from 0 to 255, which no image file "
            "has; call its predict in Python, or fit it to uint8 images"
        )
    if opened.form is not None:
        return opened.form.image_shape
    if denoiser._frame is None:
        raise ModelError(
            f"{file} does not tell the size of its images; keep it by lookalike clean DATA --save "
            "FILE, or by save_model with form=learn_form(images)"
        )
    height, width = denoiser._frame[:2]
    return (height, width) if denoiser._n_channels == 1 else (height, width, denoiser._n_channels)
