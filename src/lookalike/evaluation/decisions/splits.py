"""Folds and labels that a choice can be trusted with.

Scores by which a threshold is chosen must come from a classifier that has seen images of all sides
and none of the scored image's group; scikit-learn fills missing classes with zeros, and warns.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, check_cv

from lookalike.evaluation.folds import check_groups_apart

_KINDS = {"b": "truth values", "S": "strings", "U": "strings", "O": "objects"}


def list_splits(X: Any, y: NDArray[Any], cv: Any, groups: Any) -> Any:
    """Return splits in which each training fold has two classes, and shares no group with the test.

    Parameters
    ----------
    X : array-like of n images
    y : ndarray of shape (n,)
        Labels.
    cv : int, splitter, iterable of splits, "loo" or None
        A number of folds is stratified, and keeps groups together where there are some.
    groups : array-like of shape (n,) or None

    Returns
    -------
    list of (train, test), or "loo"

    Raises
    ------
    ValueError
        If a fold trains on one class alone, or on images of a group of which it tests others.

    Examples
    --------
    >>> y = np.array([0, 1, 0, 1])
    >>> sorted(test.tolist() for _, test in list_splits(y, y, 2, groups=[7, 7, 8, 8]))
    [[0, 1], [2, 3]]
    """
    if isinstance(cv, str) and cv == "loo":
        if groups is not None:
            raise ValueError(
                "cv='loo' leaves out one image, and the rest of its group stays; give "
                "LeaveOneGroupOut(), or a number of folds"
            )
        return cv
    if groups is not None and (cv is None or isinstance(cv, Integral)):
        cv = StratifiedGroupKFold(5 if cv is None else int(cv))
    splits = [
        (np.arange(len(y))[train], np.arange(len(y))[test])
        for train, test in check_cv(cv, y, classifier=True).split(X, y, groups)
    ]
    for number, (train, test) in enumerate(splits):
        classes = np.unique(y[train])
        if len(classes) < 2:
            raise ValueError(
                f"fold {number} trains on images of {classes.tolist()} alone; shuffle the images, "
                "or give a stratified splitter or more images of the other class"
            )
        check_groups_apart(number, train, test, groups)
    return splits


def check_kind(labels: NDArray[Any], classes: NDArray[Any]) -> None:
    """Raise ValueError if labels can not be the classes, so that none would ever be right.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    classes : ndarray of shape (n_classes,)
    """
    ours, theirs = (_KINDS.get(which.dtype.kind, "numbers") for which in (labels, classes))
    if ours == theirs or "objects" in (ours, theirs) or len(labels) == 0:
        return
    if "strings" not in (ours, theirs) and set(classes.tolist()) <= {0, 1}:
        return
    raise ValueError(
        f"labels like {labels.tolist()[0]!r} are {ours}, but those of training like "
        f"{classes.tolist()[0]!r} are {theirs}; give the same labels as in training"
    )
