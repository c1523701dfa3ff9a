"""Folds for a cross-validation that any labelled images allow, and smaller parts of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split


class Folds(NamedTuple):
    """How to split images, as `KNeighborsSearchCV` takes it.

    Attributes
    ----------
    cv : int or str
        The number of stratified folds, or "loo", each image predicted from all others.
    n_splits : int
        The number of folds; for "loo" that of images.
    most_neighbors : int
        The images of the smallest training fold, for there are no more neighbours.
    smallest_class : int
        The label that has the fewest images; among equal ones the lowest.
    """

    cv: int | str
    n_splits: int
    most_neighbors: int
    smallest_class: int


def choose_folds(labels: NDArray[np.int64], *, most: int = 5) -> Folds:
    """Return as many stratified folds as each class has images, or leave one out.

    Every fold is then tested on images of each class. A class of a single image allows no two
    folds, so that each image is left out in turn. There are at most ``most`` folds.

    Examples
    --------
    >>> choose_folds(np.array([0, 0, 0, 0, 1, 1, 1]))
    Folds(cv=3, n_splits=3, most_neighbors=4, smallest_class=1)
    >>> choose_folds(np.array([0, 0, 1]))
    Folds(cv='loo', n_splits=3, most_neighbors=2, smallest_class=1)
    """
    n = len(labels)
    if n < 2:
        raise ValueError(f"{n} labels cannot be split into images to train and to test; add some")
    classes, counts = np.unique(labels, return_counts=True)
    smallest = int(classes[np.argmin(counts)])
    n_folds = min(most, int(counts.min()))
    if n_folds < 2:
        return Folds("loo", n, n - 1, smallest)
    splits: Any = StratifiedKFold(n_folds).split(np.zeros(n), labels)
    return Folds(n_folds, n_folds, min(len(train) for train, _ in splits), smallest)


def check_groups_apart(
    number: int, train: NDArray[np.int64], test: NDArray[np.int64], groups: ArrayLike | None
) -> None:
    """Raise ValueError if the fold of this number tests images of a group that it trains on."""
    if groups is None:
        return
    of = np.asarray(groups)
    divided = np.intersect1d(of[train], of[test])
    if len(divided):
        raise ValueError(
            f"fold {number} trains on images of group {divided.tolist()[0]!r} and tests others of "
            "it; give a splitter that keeps groups together, such as StratifiedGroupKFold"
        )


def some_of_each_class(labels: NDArray[np.int64], n: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Choose n rows by chance, the same share of each class; in order.

    There must be as many rows as classes, and two images of each class.

    Examples
    --------
    >>> some_of_each_class(np.array([0, 0, 0, 0, 1, 1]), 3)
    array([2, 3, 4])
    """
    if n == len(labels):
        return np.arange(n)
    rows, _ = train_test_split(
        np.arange(len(labels)), train_size=n, stratify=labels, random_state=seed
    )
    return np.sort(rows)


def some_rows(n: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose at most so many of n rows by chance, in order.

    The first rows of a sorted data set would be of one class.
    """
    return np.sort(rng.choice(n, min(n, most), replace=False))
