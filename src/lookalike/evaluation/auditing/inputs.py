"""Checks of what an audit is given: labels, test images, names and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.images.checks import stack_images


def encode_labels(
    labels: ArrayLike, what: str
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return labels as an array, the classes, and the labels as codes."""
    given = np.asarray(labels)
    if given.ndim != 1:
        raise ValueError(
            f"{what} of shape {given.shape}; give one label for each image, shape (n,)"
        )
    if given.dtype == object:
        missing = np.flatnonzero([_is_missing(one) for one in given])
    else:
        missing = np.flatnonzero(given != given)  # NaN alone is unlike itself
    if len(missing):
        raise ValueError(
            f"{len(missing):,} {what} are missing, the first of row {missing[0]}; leave such "
            "images out, or give them a label of their own"
        )
    try:
        classes, codes = np.unique(given, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(one).__name__ for one in given.tolist()})
        raise TypeError(
            f"{what} of the kinds {' and '.join(kinds)} cannot be sorted; give them as one kind, "
            "such as text: [str(label) for label in labels]"
        ) from error
    return given, classes, codes.astype(np.int64)


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas' NA is neither like itself nor unlike
        return True


def check_counts(n: int, n_labels: int, k: int, classes: NDArray[Any]) -> None:
    """Raise ValueError if there are too few images, labels or classes."""
    if n != n_labels:
        raise ValueError(f"{n:,} images but {n_labels:,} labels; give one label for each image")
    if n <= k:
        raise ValueError(
            f"n_neighbors={k} but only {n} images, each with {n - 1} others; lower n_neighbors to "
            f"{n - 1} or less, or add images"
        )
    if len(classes) < 2:
        raise ValueError(
            f"all {n:,} labels are {classes[0]!r}; an audit of labels needs at least two classes"
        )


def check_test(
    test: tuple[Any, ArrayLike], classes: NDArray[Any], width: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return test images and labels as arrays; raise ValueError if they do not fit the others."""
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise ValueError(
            f"test is a {type(test).__name__} that is no pair; give (images, labels) or None"
        )
    images = np.asarray(stack_images(test[0]))
    labels, test_classes, _ = encode_labels(test[1], "test labels")
    if len(images) != len(labels) or len(images) == 0:
        raise ValueError(
            f"{len(images):,} test images and {len(labels):,} test labels; give one label for each "
            "image and at least one image, or test=None"
        )
    if images.size != len(images) * width:
        raise ValueError(
            f"test images of shape {images.shape} have not the {width} values of a training image; "
            "bring them to the same size"
        )
    kind, test_kind = _kind(classes), _kind(test_classes)
    if kind != test_kind:
        raise ValueError(
            f"test labels are of the kind {test_kind}, such as {test_classes.tolist()[0]!r}, but "
            f"training labels {kind}, such as {classes.tolist()[0]!r}; no two would be equal; give "
            "both as one kind"
        )
    return images, labels


def check_names(
    n: int,
    n_train: int | None,
    test: object,
    paths: Sequence[Path | None] | None,
    class_names: Sequence[str] | None,
    classes: NDArray[Any],
) -> None:
    """Raise ValueError if n_train, paths or class_names do not fit the images and labels."""
    if n_train is not None and test is not None:
        raise ValueError("both n_train and test are given; give test images in one way")
    if n_train is not None and not 1 <= n_train <= n:
        raise ValueError(f"n_train={n_train} of {n:,} images; give 1 to {n:,}")
    if paths is not None and len(paths) != n:
        raise ValueError(f"{len(paths):,} paths but {n:,} images; give one, or None, for each")
    if class_names is not None and not (
        classes.dtype.kind in "iu" and classes[0] >= 0 and classes[-1] < len(class_names)
    ):
        raise ValueError(
            f"{len(class_names)} class_names but labels from {classes[0]!r} to {classes[-1]!r}; "
            "give names only for whole numbers from 0 on, one for each"
        )


def _kind(classes: NDArray[Any]) -> str:
    """Return what labels are, such that those of two kinds are never equal."""
    label = classes.tolist()[0]
    return "number" if isinstance(label, int | float) else type(label).__name__
