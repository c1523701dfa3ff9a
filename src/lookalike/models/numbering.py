"""Test images with their classes numbered as a model numbers them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookalike.images.dataset import Dataset, Split
from lookalike.models.model import Model

_MOST_NAMED = 20  # classes


def numbered_as(model: Model, data: Dataset, name: str, file: str) -> Dataset:
    """Return the model's training images and the test images of a data set, numbered alike.

    Parameters
    ----------
    model : Model
    data : Dataset
        Its classes are matched with the model's by their names.
    name, file : str
        The names of the data and the model in errors.

    Raises
    ------
    ValueError
        If the test images are of another size, or of a class that the model does not know.
    """
    shape, wanted = data.test.images.shape[1:], model.image_shape
    if _sides(shape) != _sides(wanted):
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
    test = Split(data.test.images.reshape(-1, *wanted), codes[data.test.labels])
    estimator = model.estimator
    train = Split(
        np.asarray(estimator.training_images()).astype(np.uint8, copy=False),
        np.searchsorted(estimator.classes_, estimator.training_labels_),
    )
    return Dataset(train, test, tuple(model.class_names), data.source)


def some_of(names: Sequence[str]) -> str:
    """Return names in a line: the first ones, and how many there are, if there are many.

    Examples
    --------
    >>> some_of(["cat", "dog"])
    'cat, dog'
    """
    shown = ", ".join(names[:_MOST_NAMED])
    return shown + (f", … ({len(names)} in all)" if len(names) > _MOST_NAMED else "")


def _sides(shape: Sequence[int]) -> tuple[int, ...]:
    return (*shape, 1)[:3]


def _shape_text(shape: Sequence[int]) -> str:
    height, width, n_channels = _sides(shape)
    colours = {1: "grey", 3: "colour"}.get(n_channels, f"{n_channels} channels")
    return f"{height} × {width} pixels in {colours}"
