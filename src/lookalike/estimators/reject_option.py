"""Saying "I don't know": the label that takes the place of a prediction with too few votes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_reject(reject: Any) -> None:
    """Raise ValueError unless ``reject`` is None or a probability."""
    if reject is not None and not (isinstance(reject, Real) and 0 <= float(reject) <= 1):
        raise ValueError(
            f"reject={reject!r} but it is compared with the winning class's probability; "
            "use a number from 0 (reject nothing) to 1 (reject all but unanimous votes), or None"
        )


def rejection_label(classes: NDArray[Any], reject_label: Any) -> NDArray[Any]:
    """Return the label of a rejected query as an array of shape ().

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
    reject_label : object
        None stands for -1 where classes are integers.

    Raises
    ------
    ValueError
        If None is given and classes are not integers, if the label is itself a class, or if
        it is a string among numbers or a number among strings.
    """
    kind = classes.dtype.kind
    example = classes.tolist()[0]
    if reject_label is None:
        if kind not in "iu":
            raise ValueError(
                f"reject is set but reject_label=None and the classes, like {example!r}, are "
                "not integers; give a reject_label that is no class, such as 'unknown' among "
                "strings or -1.0 among numbers"
            )
        reject_label = -1
    label = np.empty((), dtype=object)
    label[()] = reject_label
    if kind != "O":
        label = np.asarray(reject_label)
        if not _fits(label, classes):
            raise ValueError(
                f"reject_label={reject_label!r} does not fit classes of dtype {classes.dtype} "
                f"like {example!r}; give a label of the same kind, and labels of a signed "
                "dtype where it is negative"
            )
    if reject_label in classes.tolist():
        raise ValueError(
            f"reject_label={reject_label!r} is one of the classes, so rejected and predicted "
            "queries could not be told apart; give a reject_label that is no class"
        )
    return label


def reject_unsure(
    labels: NDArray[Any], probabilities: NDArray[np.float64], reject: float, label: NDArray[Any]
) -> NDArray[Any]:
    """Replace the labels of queries whose winning probability is below ``reject``.

    The result has a dtype that holds both, whether or not anything was rejected:
    ``int64`` for ``uint8`` classes and -1, wider strings for a longer label.
    """
    return np.where(probabilities < reject, label, labels)


def _fits(label: NDArray[Any], classes: NDArray[Any]) -> bool:
    strings = "US"
    if label.ndim or label.dtype.kind == "O":
        return False
    if label.dtype.kind in strings or classes.dtype.kind in strings:
        return label.dtype.kind == classes.dtype.kind
    # uint64 and int64 meet in float64, which does not hold every label exactly.
    exact = label.dtype.kind == "f" or classes.dtype.kind == "f"
    return exact or np.result_type(label, classes).kind != "f"
