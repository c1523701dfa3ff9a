"""Labels, classes, names and probabilities as checked arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from lookalike.array_types import FloatArray

NO_PROBABILITIES = "there are no probabilities"
_TOLERANCE = 1e-4  # of a sum of probabilities: float32 of a thousand classes


def label_array(labels: Any, what: str) -> NDArray[Any]:
    """Return labels, or rows of them, as an array; a column of them as one dimension.

    They must be more than a single value, none may be missing, and NumPy must be able to sort them.
    """
    values = labels.toarray() if issparse(labels) else np.asarray(labels)
    if values.ndim == 0:
        raise ValueError(f"{what} are a single value, {values.item()!r}; give one for each image")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise ValueError(
            f"{what} of image {row} hold {values[row].tolist()!r}; leave images without a label out"
        )
    if values.dtype.kind == "O":
        try:
            np.unique(values)
        except TypeError as error:
            raise ValueError(
                f"{what} cannot be sorted among one another ({error}); give labels of one type, "
                "all numbers or all strings"
            ) from error
    return values


def check_same_type(
    labels: NDArray[Any], others: NDArray[Any], *, what: str, what_others: str
) -> None:
    """Raise ValueError if labels are strings and the others are not, or the other way round.

    NumPy takes the number 9 and the string "9" for the same in some calls and not in others.
    """
    kinds = _type_of(labels), _type_of(others)
    if kinds[0] != kinds[1] and labels.size and others.size:
        raise ValueError(
            f"{what} are {kinds[0]}, such as {labels.ravel().tolist()[0]!r}, but {what_others} are "
            f"{kinds[1]}, such as {others.ravel().tolist()[0]!r}; convert one of them"
        )


def _type_of(labels: NDArray[Any]) -> str:
    if labels.dtype.kind == "S":
        return "bytes"
    is_text = labels.dtype.kind == "U" or (
        labels.dtype.kind == "O" and any(isinstance(label, str) for label in labels.flat)
    )
    return "strings" if is_text else "numbers"


def class_array(classes: Any) -> NDArray[Any]:
    """Return classes in the order given; ValueError if one stands there twice."""
    known = np.asarray(classes)
    distinct, n_times = np.unique(known, return_counts=True)
    if len(distinct) < len(known):
        raise ValueError(
            f"classes hold {distinct[n_times > 1][:3].tolist()} more than once; give each once, in "
            "the order of the probabilities"
        )
    return known


def classes_of_outputs(
    classes: Any, n_outputs: int, is_multilabel: bool
) -> list[NDArray[Any]] | None:
    """Return the classes of each output, or None where they are not given."""
    if classes is None:
        return None
    is_flat = len(classes) > 0 and np.ndim(classes[0]) == 0
    if is_flat and is_multilabel:
        return None  # as scikit-learn's one-vs-rest has them, and its networks: one for each label
    if is_flat or len(classes) != n_outputs:
        raise ValueError(
            f"classes of shape {np.shape(classes)} for {n_outputs} outputs; give a list with the "
            "classes of each output"
            if is_flat
            else f"classes of {len(classes)} outputs but labels of {n_outputs}; give a list with "
            "the classes of each output"
        )
    return [class_array(of_one) for of_one in classes]


def encode(
    labels: NDArray[Any], known: NDArray[Any], *, what: str, predicted: bool = False
) -> NDArray[np.int64]:
    """Return positions of labels among classes; ValueError if a label is none of them."""
    check_same_type(labels, known, what=what, what_others="classes")
    is_unknown = ~np.isin(labels, known)
    if is_unknown.any():
        unknown = np.unique(labels[is_unknown])
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        cure = (
            "where they mark rejected images, judge without rejection"
            if predicted
            else "leave these images out, or train on their classes too"
        )
        raise ValueError(
            f"{what} contain {unknown[:3].tolist()}{more} ({int(is_unknown.sum()):,} images), none "
            f"of the {len(known)} classes; {cure}"
        )
    order = np.argsort(known, kind="stable")
    return order[np.searchsorted(known, labels, sorter=order)].astype(np.int64)


def probabilities_of_outputs(
    probabilities: Any, n: int, n_outputs: int, is_multilabel: bool
) -> list[NDArray[np.floating]]:
    """Return the probabilities of each output, a column for each of its classes.

    They are given as a list of n_outputs arrays, or of labels as an array of shape (n, n_labels),
    the probability that an image has each. They stay float32, or else become float64.
    """
    is_list = isinstance(probabilities, (list, tuple))
    if is_list and all(np.ndim(of_one) == 2 for of_one in probabilities):
        if len(probabilities) != n_outputs:
            raise ValueError(
                f"probabilities of {len(probabilities)} outputs but labels of {n_outputs}; give an "
                "array (n, n_classes) for each output"
            )
        return [_floats(of_one) for of_one in probabilities]
    if not is_multilabel or np.shape(probabilities) != (n, n_outputs):
        alternative = f", or an array ({n}, {n_outputs}) of labels" if is_multilabel else ""
        raise ValueError(
            f"probabilities of shape {np.shape(probabilities)} for {n} images and {n_outputs} "
            f"outputs; give a list with an array (n, n_classes) for each output{alternative}"
        )
    positive = _floats(probabilities)
    rest = 1 - positive
    rest[(rest < 0) & (rest > -1e-6)] = 0  # a mean of votes may be a last bit more than 1
    return [np.stack(of_one, axis=1) for of_one in zip(rest.T, positive.T, strict=True)]


def _floats(values: Any) -> NDArray[np.floating]:
    array = np.asarray(values)
    return array if array.dtype == np.float32 else array.astype(np.float64)


def check_probabilities(probabilities: NDArray[np.floating], n: int, n_classes: int) -> FloatArray:
    """Return probabilities as float64, after checking their shape, range and sums."""
    values = np.asarray(probabilities, dtype=np.float64)
    if values.shape != (n, n_classes):
        raise ValueError(
            f"probabilities of shape {values.shape} but {n:,} images and {n_classes} classes; give "
            f"one row for each image and one column for each class, ({n}, {n_classes})"
        )
    for is_bad, what in (
        (~np.isfinite(values).all(axis=1), "is not finite"),
        ((values < 0).any(axis=1), "has a negative value"),
    ):
        if is_bad.any():
            row = int(np.argmax(is_bad))
            raise ValueError(
                f"row {row} of the probabilities {what}: {values[row].tolist()}; give "
                "probabilities from 0 to 1"
            )
    sums = values.sum(axis=1)
    is_off = np.abs(sums - 1) > _TOLERANCE
    if is_off.any():
        row = int(np.argmax(is_off))
        raise ValueError(
            f"row {row} of the probabilities sums to {sums[row]:.6g}, not to 1; give "
            "probabilities, or leave them out if what there is are other scores"
        )
    return values


def check_scores(scores: Any, shape: tuple[int, ...]) -> FloatArray:
    """Return decision values as float64 of this shape; of two classes they may be one column.

    The value of the first of two classes is then minus that of the second.
    """
    values = np.asarray(scores, dtype=np.float64)
    if shape[1:] == (2,) and values.shape in (shape[:1], (*shape[:1], 1)):
        values = values.reshape(-1, 1) * [-1.0, 1.0]
    if values.shape != shape:
        raise ValueError(
            f"scores of shape {values.shape}; give one row for each image and one column for each "
            f"class or label, {shape}, or of two classes one value for each image"
        )
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise ValueError(f"row {row} of the scores is not finite: {values[row].tolist()}")
    return values


def names_of(given: Sequence[str] | None, known: NDArray[Any]) -> tuple[str, ...]:
    """Return the names of classes or outputs, as given or made of themselves."""
    if given is None:
        return tuple(map(str, known.tolist()))
    if len(given) != len(known):
        raise ValueError(
            f"{len(given)} class_names but {len(known)} classes or outputs; give one name for each"
        )
    return tuple(map(str, given))


def check_positive(**numbers: int) -> None:
    """Raise ValueError for a number that is less than 1."""
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name}={value!r} is less than 1; give 1 or more")
