"""The data that a model is judged by: its training images, and test images of the same classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lookalike.images.dataset import Dataset, Split
from lookalike.images.files import some_of
from lookalike.images.progress import Progress
from lookalike.models.model import UNKNOWN, Model


def numbered_as(
    model: Model, data: Dataset, name: str, file: str, *, progress: Progress | None = None
) -> Dataset:
    """Return the model's training images and the test images of a data set, numbered alike.

    The classes of the data are matched with the model's by their names. If the model compares
    vectors, those of both parts are there, too. `ValueError`, with the
    names of the data and of the model's file, if the test images are of another size, or of a class
    that the model does not know.
    """
    shape, wanted = data.test.images.shape[1:], model.image_shape
    if _sides(shape) != _sides(wanted) and not model.is_of_vectors:
        raise ValueError(
            f"{name} has images of {_shape_text(shape)}, but {file} was trained on images of "
            f"{_shape_text(wanted)}; judge it on images like those"
        )
    known = {own: code for code, own in enumerate(model.class_names)}
    there = [data.class_names[code] for code in np.unique(data.test.labels).tolist()]
    unknown = [own for own in there if own not in known]
    if unknown:
        classes = "class" if len(unknown) == 1 else "classes"
        raise ValueError(
            f"{name} has test images of {classes} {some_of(unknown)}, which {file} does not know; "
            f"it knows {some_of(model.class_names)}; rename classes, or add images by lookalike "
            f"add {file}"
        )
    codes = np.array([known.get(own, -1) for own in data.class_names])
    own = model.estimator
    labels = np.searchsorted(own.classes_, own.training_labels_)
    if model.is_of_vectors:
        vectors = own.features_.transform(data.test.pictures, progress=progress)
        test = replace(data.test, labels=codes[data.test.labels], vectors=vectors)
        images = np.broadcast_to(UNKNOWN, (model.n_samples, *UNKNOWN.shape))
        train = Split(images, labels, None, model.originals, own.training_images())
    else:
        test = Split(data.test.images.reshape(-1, *wanted), codes[data.test.labels])
        images = np.asarray(own.training_images()).astype(np.uint8, copy=False)
        train = Split(images, labels)
    return Dataset(train, test, tuple(model.class_names), data.source)


def _sides(shape: Sequence[int]) -> tuple[int, ...]:
    return (*shape, 1)[:3]


def _shape_text(shape: Sequence[int]) -> str:
    height, width, n_channels = _sides(shape)
    colours = {1: "grey", 3: "colour"}.get(n_channels, f"{n_channels} channels")
    return f"{height} × {width} pixels in {colours}"
