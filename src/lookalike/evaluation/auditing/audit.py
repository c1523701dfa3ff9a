"""`audit`: wrong labels, copies, leaks, outliers and the worth of images, off one neighbour table.

Every training image is searched among all others, once. All readers read that table: who agrees
with a label (`confidence`), what is too near (`duplicates`), what is too far (`outliers`), what an
image is worth to the others (`shapley`). The table is wider than the neighbours that vote, since
values need ranks far beyond them; a wider one costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from lookalike.evaluation.auditing.confidence import (
    count_confident_joint,
    count_votes,
    rank_by_suspicion,
    suggest_classes,
)
from lookalike.evaluation.auditing.duplicates import (
    Leak,
    NearCutoff,
    choose_near_cutoff,
    find_duplicates,
    find_leaks,
)
from lookalike.evaluation.auditing.outliers import find_outliers
from lookalike.evaluation.auditing.result import Audit, LabelIssue
from lookalike.evaluation.auditing.shapley import knn_shapley, shapley_error_bound
from lookalike.images.stack import stack_images
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.validation import check_count

Progress = Callable[[int, int], None]

_CELLS = 6_000_000
"""Of the table, 96 MB: exact values of 2,450 images, 1,000 ranks of 6,000, 100 of 60,000."""

_LEAST_LOCAL = 10
"""Neighbours that tell what distances are usual around an image, at least: fewer tell badly."""

_LEAST_WIDTH = 100
"""Ranks of the table of still more images: their values are off by at most 1 / 100."""


def audit(
    images: Any,
    labels: ArrayLike,
    *,
    test: tuple[Any, ArrayLike] | None = None,
    n_neighbors: int = 10,
    metric: str | Callable[..., float] = "euclidean",
    n_jobs: int | None = None,
    working_memory: float = 256,
    progress: Progress | None = None,
) -> Audit:
    """Look for what is wrong with labelled images.

    Parameters
    ----------
    images : array-like of shape (n, h, w), (n, h, w, c) or (n, d)
        Training images, or embeddings of them, in any dtype that `NearestNeighbors` takes.
    labels : array-like of shape (n,)
        Numbers or strings, of at least two classes.
    test : pair (images, labels), optional
        Test images of the same layout, to look for among the training images. Nothing else is
        read off them.
    n_neighbors : int, default=10
        Neighbours that vote about a label, and how far off an outlier's neighbour is counted.
    metric : str or callable, default="euclidean"
        As of `NearestNeighbors`.
    n_jobs : int, default=None
        Threads, as of `NearestNeighbors`.
    working_memory : float, default=256
        MiB, as of `NearestNeighbors`.
    progress : callable, default=None
        Called as ``progress(done, total)`` with numbers of images searched for, and at last when
        all is done. What it raises ends the audit.

    Returns
    -------
    Audit
        Its ``label_issues``, ``duplicates``, ``leaks``, ``outliers`` and ``values``, and much more.

    Raises
    ------
    ValueError
        If there are no more images than n_neighbors, fewer than two classes, not one label for each
        image, labels of several outputs or missing ones, test labels of another kind than those of
        training (text and numbers), or images that are not finite.
    TypeError
        If n_neighbors is not an integer, or labels can not be sorted.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits()
    >>> labels = digits.target.copy()
    >>> labels[[3, 5]] = [4, 8]
    >>> found = audit(digits.images, labels, n_neighbors=5)
    >>> sorted(found.ranking[:2].tolist())
    [3, 5]
    >>> found.label_issues[0]
    LabelIssue(row=3, given=4, suggested=3, self_confidence=0.0, suggested_share=1.0)
    """
    k = check_count(n_neighbors, "n_neighbors")
    given, classes, codes = _encode(labels, "labels")
    search = NearestNeighbors(metric=metric, n_jobs=n_jobs, working_memory=working_memory)
    if issparse(images) or metric == "precomputed":
        what = "sparse images" if issparse(images) else "precomputed distances"
        raise ValueError(f"{what} show no pixels to compare; give dense images or embeddings")
    seconds: dict[str, float] = {}
    images = stack_images(images)
    with _timed(seconds, "search"):
        search.fit(images)
        n = search.n_samples_fit_
        _check_counts(n, len(codes), k, classes)
        looked_for = None if test is None else _check_test(test, classes, search.n_features_in_)
        n_test = 0 if looked_for is None else len(looked_for[1])
        width = min(n - 1, max(k, _LEAST_WIDTH, _CELLS // n))
        distances, indices = search.kneighbors(None, width, progress=_part(progress, 0, n + n_test))
    near, near_rows = distances[:, :k], indices[:, :k]
    n_local = max(k, _LEAST_LOCAL)
    local, local_rows = distances[:, :n_local], indices[:, :n_local]
    rows = np.asarray(images).reshape(n, -1)
    with _timed(seconds, "labels"):
        is_own = codes[indices] == codes[:, np.newaxis]
        own_votes = is_own[:, :k].sum(axis=1)
        near_codes = codes[near_rows]
        votes = count_votes(near_codes)
        joint = count_confident_joint(codes, near_codes, votes, len(classes))
        noise, noise_of_class = _noise(joint.estimate(codes))
        ranking = rank_by_suspicion(own_votes, is_own, distances)
        others = suggest_classes(near_codes, codes, votes)
        suggested = classes[others]
        # The joint tells how many labels are wrong, the ranking which: better than the images off
        # its diagonal, which votes of k neighbours are too coarse for.
        issues = _list_issues(
            given,
            suggested,
            own_votes / k,
            (near_codes == others[:, np.newaxis]).mean(axis=1),
            ranking[: round(noise * n)],
        )
    with _timed(seconds, "duplicates"):
        cutoff = choose_near_cutoff(local)
        duplicates = find_duplicates(rows, given, local, local_rows, cutoff)
    leaks = None
    if looked_for is not None:
        with _timed(seconds, "leaks"):
            leaks = _leaks(search, rows, given, looked_for, local, cutoff, progress)
    with _timed(seconds, "outliers"):
        outliers = find_outliers(near[:, -1])
    with _timed(seconds, "values"):
        values = knn_shapley(indices, codes, codes, k, n - 1)
    if progress is not None:
        progress(n + n_test, n + n_test)
    return Audit(
        classes=classes,
        labels=given,
        n_neighbors=k,
        distances=near.copy(),
        indices=near_rows.copy(),
        self_confidence=own_votes / k,
        ranking=ranking,
        suggested=suggested,
        label_issues=issues,
        confident_joint=joint.counts,
        label_noise=noise,
        noise_of_class=noise_of_class,
        duplicates=duplicates,
        near_cutoff=cutoff.ratio,
        leaks=leaks,
        n_test=None if looked_for is None else n_test,
        outliers=outliers.rows,
        outlier_distances=outliers.distances.copy(),
        outlier_cutoff=outliers.cutoff,
        values=values,
        values_error_bound=shapley_error_bound(width, n - 1),
        seconds=seconds,
    )


def _encode(labels: ArrayLike, what: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
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
    classes, codes = np.unique(given, return_inverse=True)
    return given, classes, codes.astype(np.int64)


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas' NA is neither like itself nor unlike
        return True


def _check_counts(n: int, n_labels: int, k: int, classes: NDArray[Any]) -> None:
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


def _check_test(
    test: tuple[Any, ArrayLike], classes: NDArray[Any], width: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise ValueError(
            f"test is a {type(test).__name__} that is no pair; give (images, labels) or None"
        )
    images = np.asarray(stack_images(test[0]))
    labels, test_classes, _ = _encode(test[1], "test labels")
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


def _kind(classes: NDArray[Any]) -> str:
    """Return what labels are, such that those of two kinds are never equal."""
    label = classes.tolist()[0]
    return "number" if isinstance(label, int | float) else type(label).__name__


def _noise(joint: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the estimated share of wrong labels, of all and of each class."""
    right = joint.diagonal()
    return float(1 - right.sum()), 1 - right / joint.sum(axis=1)


def _list_issues(
    given: NDArray[Any],
    suggested: NDArray[Any],
    own_shares: NDArray[np.float64],
    suggested_shares: NDArray[np.float64],
    first: NDArray[np.int64],
) -> list[LabelIssue]:
    rows = first[suggested_shares[first] > own_shares[first]]
    columns = (rows, given[rows], suggested[rows], own_shares[rows], suggested_shares[rows])
    return [LabelIssue(*fields) for fields in zip(*(c.tolist() for c in columns), strict=True)]


def _leaks(
    search: NearestNeighbors,
    rows: NDArray[Any],
    labels: NDArray[Any],
    test: tuple[NDArray[Any], NDArray[Any]],
    local: NDArray[np.float64],
    cutoff: NearCutoff,
    progress: Progress | None,
) -> list[Leak]:
    (n, n_local), (images, test_labels) = local.shape, test
    part = _part(progress, n, n + len(images))
    distances, indices = search.kneighbors(images, n_local, progress=part)
    return find_leaks(rows, labels, images, test_labels, distances, indices, local[:, -1], cutoff)


def _part(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Report the progress of a part as that of the whole."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[name] = perf_counter() - start
