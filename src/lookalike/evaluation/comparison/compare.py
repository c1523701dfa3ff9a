"""`compare`: the same folds for several classifiers, and what each takes of time and memory."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import get_tags
from sklearn.utils.multiclass import type_of_target

from lookalike.evaluation.comparison.comparison import Comparison, Contestant
from lookalike.evaluation.folds import check_groups_apart
from lookalike.features.transformers import make_transformer
from lookalike.images.checks import stack_images
from lookalike.images.files import counted
from lookalike.images.progress import Meter, Progress

Split = tuple[NDArray[np.int64], NDArray[np.int64]]

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def compare(
    estimators: Mapping[str, Any],
    images: Any,
    labels: ArrayLike,
    *,
    features: Any = None,
    cv: Any = 5,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Compare classifiers by cross-validation, with the same folds for all.

    Parameters
    ----------
    estimators : mapping of str to classifier
        What to call each, and any classifiers with ``fit`` and ``predict``, which stay as they
        are: clones of them are fitted. Those that take images get images, others (scikit-learn's)
        get a row of values for each; whether to scale these is theirs, as a `Pipeline`.
    images : array-like of shape (n, n_features) or (n, h, w[, c])
        Or, with `features`, pictures as it takes them, for example paths.
    labels : array-like of shape (n,)
    features : str, path, transformer or callable, default=None
        What turns pictures into vectors, as of `LookalikeClassifier`: once, for all classifiers and
        folds. It must not learn from pictures, or it would see those that are tested.
    cv : int, splitter or iterable of splits, default=5
        As in scikit-learn, where a number means stratified folds. Each image must be tested
        exactly once.
    groups : array-like of shape (n,), optional
        What belongs together, for splitters that need it; no group may be on both sides of a
        split.
    confidence : float, default=0.95
        The confidence of intervals, and of who beats whom.
    n_resamples, random_state : int
        Resamples and seed of the bootstrap.
    progress : callable, optional
        Called as ``progress(done, total)`` with fits: all folds of the first classifier, then of
        the second, ...

    Returns
    -------
    Comparison
        Accuracies with intervals, times, memory, paired tests, and a matrix of who beats whom.

    Raises
    ------
    ValueError
        If there are no classifiers, features learn from pictures, labels are not classes or do not
        fit the images, splits test images twice or not at all or train on what they test, or a
        training fold has a single class.
    RuntimeError
        If all classifiers fail. When some do, by an exception or predictions that are not one
        class an image, the others go on, and `Contestant.error` tells why.

    See Also
    --------
    lookalike.evaluation.comparison.models.chapter_classifiers : Some to compare with.
    lookalike.evaluation.comparison.models.vector_classifiers : The same for vectors, tuned.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.dummy import DummyClassifier
    >>> from lookalike import KNeighborsClassifier, compare
    >>> X, y = load_digits(return_X_y=True)
    >>> comparison = compare({"k-NN": KNeighborsClassifier(3), "most": DummyClassifier()}, X, y)
    >>> comparison.accuracy.round(3)
    array([0.967, 0.101])
    >>> comparison.beats
    array([[False,  True],
           [False, False]])
    """
    if not estimators or not hasattr(estimators, "items"):
        raise ValueError('no classifiers to compare; give some, as {"name": classifier}')
    for name, estimator in estimators.items():
        if not (isinstance(name, str) and name.strip()):
            raise ValueError(f"{name!r} is no name of a classifier; give a text that is not empty")
        if not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
            raise ValueError(
                f"{name!r} is {estimator!r}, which has no fit and predict; give a classifier"
            )
        if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
            raise ValueError(
                f"{name!r} is {estimator!r}, which can not be cloned for each fold; give an "
                "instance of a classifier that has get_params, as scikit-learn's have"
            )
        if hasattr(estimator, "__sklearn_tags__") and not is_classifier(estimator):
            raise ValueError(f"{name!r} is {estimator!r}, which is no classifier; give one")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r} is not between 0 and 1; give one such as 0.95")
    if n_resamples < 1:
        raise ValueError(f"n_resamples={n_resamples} resamples nothing; give 1 or more")
    if features is not None:
        images = _vectors(images, labels, features)
    X, y = np.asarray(stack_images(images)), np.asarray(labels)
    _check_labels(X, y)
    splits = _list_splits(y, cv, groups)
    flat = X.reshape(len(X), -1)
    contestants = []
    meter = Meter(len(estimators) * len(splits), progress)
    for name, estimator in estimators.items():
        has_tags = hasattr(estimator, "__sklearn_tags__")
        takes_images = has_tags and get_tags(estimator).input_tags.three_d_array
        rows = X if takes_images else flat
        contestants.append(_contest(name, estimator, rows, y, splits, meter))
    if all(contestant.error is not None for contestant in contestants):
        first = contestants[0]
        raise RuntimeError(f"all classifiers failed; {first.name}: {first.error}")
    return Comparison(
        tuple(contestants),
        n=len(y),
        n_folds=len(splits),
        n_test=float(np.mean([len(test) for _, test in splits])),
        n_train=float(np.mean([len(train) for train, _ in splits])),
        confidence=confidence,
        n_resamples=n_resamples,
        random_state=random_state,
    )


def _vectors(pictures: Any, labels: ArrayLike, features: Any) -> Any:
    if hasattr(features, "transform") and get_tags(features).requires_fit:
        raise ValueError(
            f"features={features!r:.80} learn from pictures, and would see those that are tested; "
            "put them before each classifier: make_pipeline(features, classifier)"
        )
    return make_transformer(features, None, pictures, labels).transform(pictures)


def _contest(
    name: str,
    estimator: Any,
    X: NDArray[Any],
    y: NDArray[Any],
    splits: list[Split],
    progress: Progress,
) -> Contestant:
    progress(0, len(splits))
    right = np.zeros(len(y), dtype=bool)
    accuracy, fitting, predicting, memories = (np.full(len(splits), np.nan) for _ in range(4))
    notes: dict[str, None] = {}  # in their order, each once
    error = None
    for i, (train, test) in enumerate(splits):
        X_train, X_test, model = X[train], X[test], clone(estimator)
        try:
            with _noted(notes), _peak_memory() as memory:
                start = perf_counter()
                model.fit(X_train, y[train])
                fitted = perf_counter()
                predicted = np.asarray(model.predict(X_test))
                done = perf_counter()
            if predicted.shape != test.shape:
                raise ValueError(
                    f"predicted an array of shape {predicted.shape} for {len(test)} images; "
                    "predict is to return one class an image"
                )
        except Exception as failure:
            error = f"{type(failure).__name__}: {' '.join(str(failure).split())}"
            break
        right[test] = predicted == y[test]
        accuracy[i] = right[test].mean()
        fitting[i], predicting[i], memories[i] = fitted - start, done - fitted, memory.peak_mib
        progress(i + 1, len(splits))
    if error is not None:
        progress(len(splits), len(splits))
        right[:] = False
        for numbers in (accuracy, fitting, predicting, memories):
            numbers[:] = np.nan
    peak = float(memories.max())
    return Contestant(name, right, accuracy, fitting, predicting, peak, tuple(notes), error)


@contextmanager
def _noted(notes: dict[str, None]) -> Iterator[None]:
    """Keep what is warned of, each text once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            notes.update((" ".join(str(one.message).split()), None) for one in caught)


@dataclass
class _Memory:
    """MiB of resident memory at the peak beyond what there was before.

    It is NaN where the system does not tell. What an earlier piece of work freed and the process
    kept counts for nothing, so that it is a lower bound.
    """

    peak_mib: float = float("nan")


@contextmanager
def _peak_memory() -> Iterator[_Memory]:
    """Give a `_Memory` that at the end holds the peak of what ran inside."""
    gc.collect()
    memory = _Memory()
    try:
        _CLEAR_REFS.write_text("5")  # forget the peak so far
        before = _resident("VmRSS")
    except OSError:
        yield memory
        return
    try:
        yield memory
    finally:
        memory.peak_mib = max(0.0, (_resident("VmHWM") - before) / 1024)


def _resident(name: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _check_labels(X: NDArray[Any], y: NDArray[Any]) -> None:
    if X.ndim < 2 or len(X) == 0:
        raise ValueError(
            f"images of shape {X.shape}; give some images (n, h, w) or rows (n, n_features)"
        )
    if len(X) != len(y):
        raise ValueError(f"{len(X)} images but {len(y)} labels; give one label for each image")
    kind = type_of_target(y, input_name="labels")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"labels are {kind}, but to compare is to count right images; give one class an image"
        )
    if y.ndim != 1:
        raise ValueError(
            f"labels of shape {y.shape}; give one class an image, of shape {(len(y),)}"
        )


def _list_splits(y: NDArray[Any], cv: Any, groups: Any) -> list[Split]:
    n, largest = len(y), int(np.unique(y, return_counts=True)[1].max())
    if isinstance(cv, int) and cv > n:
        raise ValueError(f"cv={cv} but only {n} images; lower cv or add images")
    if isinstance(cv, int) and cv > largest:
        raise ValueError(
            f"cv={cv} but the largest class has {counted(largest, 'image')}; "
            + ("add images" if largest < 2 else "lower cv or add images")
        )
    rows = np.arange(n)
    splitter = check_cv(cv, y, classifier=True)
    splits = [(rows[train], rows[test]) for train, test in splitter.split(np.zeros(n), y, groups)]
    times = np.zeros(n, dtype=np.int64)
    for _, test in splits:
        np.add.at(times, test, 1)
    if np.any(times != 1):
        row = int(np.flatnonzero(times != 1)[0])
        raise ValueError(
            f"cv={cv!r} tests image {row} {times[row]} times; give a splitter that tests each "
            "image once, such as StratifiedKFold or GroupKFold"
        )
    for number, (train, test) in enumerate(splits):
        if len(test) == 0:
            raise ValueError(f"fold {number} tests no image; leave it out or give it some")
        both = np.intersect1d(train, test)
        if len(both):
            raise ValueError(
                f"fold {number} trains on image {both[0]}, which it tests; leave it out of one"
            )
        check_groups_apart(number, train, test, groups)
        if len(np.unique(y[train])) < 2:
            raise ValueError(
                f"fold {number} trains on images of the class {y[train].tolist()[0]!r} alone; "
                "shuffle the images, or give a stratified splitter or images of more classes"
            )
    return splits
