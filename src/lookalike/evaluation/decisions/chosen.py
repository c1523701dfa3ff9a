"""What the choice of a threshold and that of a rejection have in common.

Scores by which a threshold is chosen must come from a classifier that has seen images of all sides
and none of the scored image's group; scikit-learn fills missing classes with zeros, and warns.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedGroupKFold, check_cv
from sklearn.utils.validation import _num_samples, check_is_fitted

from lookalike.evaluation.folds import check_groups_apart
from lookalike.results import Result

_KINDS = {"b": "truth values", "S": "strings", "U": "strings", "O": "objects"}


class Chosen(BaseEstimator, Result):  # type: ignore[misc]
    """Base of classifiers that remember what they were chosen on.

    A clone keeps the parameters and forgets the rest, so that it has nothing to show.
    """

    _described_by = "decisions"
    _chosen_by: ClassVar[str]

    def _html_repr(self) -> str:
        """Return the report for a notebook; of a clone scikit-learn's drawing."""
        if hasattr(self, "promise_"):
            return Result._repr_html_(self)
        drawing: str = super()._html_repr()
        return drawing

    def _describe(self) -> Any:
        self._check_chosen()
        return super()._describe()

    def _check_chosen(self) -> None:
        check_is_fitted(
            self,
            "promise_",
            msg="this %(name)s is a clone or was only fitted, so that it does not know what it was "
            f"chosen on; call {self._chosen_by}, or ask the one that it returned",
        )


def list_splits(X: Any, y: NDArray[Any], cv: Any, groups: Any) -> Any:
    """Return splits in which each training fold has two classes, and shares no group with the test.

    ``cv`` is a number of folds, which are stratified and keep groups together where there are some;
    a splitter; an iterable of splits; None for 5; or "loo", which is returned as it is.

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


def check_labels(images: Any, labels: ArrayLike, classes: NDArray[Any]) -> NDArray[Any]:
    """Return labels of images to evaluate on as an array.

    It is a ValueError if there are none, or not one for each image, or they cannot be the classes,
    so that no prediction would ever be right.
    """
    y = np.asarray(labels)
    if len(y) == 0:
        raise ValueError("0 images tell nothing; give at least one")
    if _num_samples(images) != len(y):
        raise ValueError(
            f"{_num_samples(images)} images but {len(y)} labels; give one label for each image"
        )
    ours, theirs = (_KINDS.get(which.dtype.kind, "numbers") for which in (y, classes))
    are_truth_values = "strings" not in (ours, theirs) and set(classes.tolist()) <= {0, 1}
    if ours == theirs or "objects" in (ours, theirs) or are_truth_values:
        return y
    raise ValueError(
        f"labels like {y.tolist()[0]!r} are {ours}, but those of training like "
        f"{classes.tolist()[0]!r} are {theirs}; give the same labels as in training"
    )
