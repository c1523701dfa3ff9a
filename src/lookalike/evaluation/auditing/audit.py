"""`audit`: wrong labels, copies, leaks, outliers and the worth of images, from one neighbour table.

Every training image is searched among all others, once. All checks read that table: who agrees
with a label (`confidence`), which images are too near (`duplicates`) or too far (`outliers`), and
how much an image helps the others (`shapley`). The table is wider than the neighbours that vote,
since values need ranks far beyond them; a wider one costs little. Copies that differ in every pixel
are searched for by themselves (`transformed`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from lookalike.evaluation.auditing.confidence import (
    count_confident_joint,
    count_votes,
    list_issues,
    rank_by_suspicion,
    strong_evidence,
    suggest_classes,
    vote_accuracy,
)
from lookalike.evaluation.auditing.duplicates import (
    Confirm,
    DuplicateGroup,
    Leak,
    NearCutoff,
    choose_near_cutoff,
    find_duplicates,
    find_leaks,
    link_groups,
    row_keys,
)
from lookalike.evaluation.auditing.inputs import (
    check_counts,
    check_names,
    check_test,
    encode_labels,
)
from lookalike.evaluation.auditing.outliers import find_outliers
from lookalike.evaluation.auditing.rejects import Reject, find_rejects, read_sizes
from lookalike.evaluation.auditing.result import LEAST_ACCURACY, Audit, are_pictures
from lookalike.evaluation.auditing.shapley import knn_shapley, shapley_error_bound
from lookalike.evaluation.auditing.transformed import (
    LEAST_SIDE,
    Links,
    confirm_copies,
    count_searches,
    find_transformed,
)
from lookalike.images.checks import stack_images
from lookalike.images.progress import Meter, Progress
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.validation import check_count

_CELLS = 6_000_000
"""Cells of the table, 96 MB: exact values of 2,450 images, 1,000 ranks of 6,000, 100 of 60,000."""

_LEAST_LOCAL = 10
"""The fewest neighbours whose distances show which distances are usual around an image."""

_LEAST_WIDTH = 100
"""Ranks of the table for still more images, whose values are off by at most 1 / 100."""


def audit(
    images: Any,
    labels: ArrayLike,
    *,
    test: tuple[Any, ArrayLike] | None = None,
    n_train: int | None = None,
    paths: Sequence[Path | None] | None = None,
    class_names: Sequence[str] | None = None,
    skipped: Sequence[tuple[Path, str]] = (),
    n_neighbors: int = 10,
    transformed: bool = True,
    metric: str | Callable[..., float] = "euclidean",
    n_jobs: int | None = None,
    working_memory: float = 256,
    progress: Progress | None = None,
) -> Audit:
    """Look for what is wrong with labelled images.

    Parameters
    ----------
    images : array-like of shape (n, h, w), (n, h, w, c) or (n, d)
        Images, or embeddings of them, in any dtype that `NearestNeighbors` takes.
    labels : array-like of shape (n,)
        Numbers or strings, of at least two classes.
    test : pair (images, labels), optional
        Test images of the same layout, to look for among the images. Nothing else is computed from
        them; to audit them too, put them among the images and give n_train.
    n_train : int, optional
        The first n_train images are the training part of a data set, the others its test part. All
        are audited alike; copies that stand in both parts are leaks.
    paths : sequence of (Path or None), optional
        The file of each image, to name it by. Sizes and shapes are read from these files.
    class_names : sequence of str, optional
        What labels that are numbers from 0 on are called.
    skipped : sequence of (Path, str)
        Files that could not be read, and why, as of ``Dataset.skipped``: listed with the rejects.
    n_neighbors : int, default=10
        Neighbours that vote about a label, and how far off an outlier's neighbour is counted.
    transformed : bool, default=True
        Whether to look also for copies that were mirrored, turned, shifted, cropped, resized or
        brightened. They cannot be recognised in pictures of fewer than 16 pixels a side.
    metric : str or callable, default="euclidean"
        As of `NearestNeighbors`.
    n_jobs : int, default=None
        Threads, as of `NearestNeighbors`.
    working_memory : float, default=256
        MiB, as of `NearestNeighbors`.
    progress : callable, default=None
        Called as ``progress(done, total)`` with numbers of images searched for, and once more when
        all is done. An exception that it raises ends the audit.

    Returns
    -------
    Audit
        With ``label_issues``, ``duplicates``, ``leaks``, ``rejects``, ``outliers`` and ``values``;
        ``report(path)`` writes all of it as a page.

    Raises
    ------
    ValueError
        If there are no more images than n_neighbors, fewer than two classes, not one label for each
        image, labels of several outputs or missing ones, test labels of another kind than those of
        training (text and numbers), images that are not finite, or if n_train, paths or class_names
        do not fit the images and labels.
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
    given, classes, codes = encode_labels(labels, "labels")
    search = NearestNeighbors(metric=metric, n_jobs=n_jobs, working_memory=working_memory)
    if issparse(images) or metric == "precomputed":
        what = "sparse images" if issparse(images) else "precomputed distances"
        raise ValueError(f"{what} show no pixels to compare; give dense images or embeddings")
    seconds: dict[str, float] = {}
    images = stack_images(images)
    with _timed(seconds, "search"):
        search.fit(images)
        n = search.n_samples_fit_
        check_counts(n, len(codes), k, classes)
        looked_for = None if test is None else check_test(test, classes, search.n_features_in_)
        check_names(n, n_train, test, paths, class_names, classes)
        n_test = 0 if looked_for is None else len(looked_for[1])
        images = np.asarray(images)
        has_copies = transformed and are_pictures(images) and min(images.shape[1:3]) >= LEAST_SIDE
        pictures = images if has_copies else None
        confirm = confirm_copies if has_copies else None
        sizes = None if paths is None else read_sizes(paths)
        units = n + n_test + (0 if pictures is None else count_searches(n + n_test))
        meter = None if progress is None else Meter(units, progress, shown=n + n_test)
        width = min(n - 1, max(k, _LEAST_WIDTH, _CELLS // n))
        distances, indices = search.kneighbors(None, width, progress=meter)
    near, near_rows = distances[:, :k], indices[:, :k]
    n_local = max(k, _LEAST_LOCAL)
    local, local_rows = distances[:, :n_local], indices[:, :n_local]
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
        accuracy = vote_accuracy(near_codes, codes, votes)
        # The joint tells how many labels are wrong, the ranking which: better than the images off
        # its diagonal, which votes of k neighbours are too coarse for. Where neighbours often err,
        # the joint takes their errors for wrong labels.
        first = ranking[: round(noise * n)]
        if accuracy < LEAST_ACCURACY:
            noise, noise_of_class = np.nan, np.full(len(classes), np.nan)
            first = ranking[strong_evidence(near_codes, codes, votes, LEAST_ACCURACY)[ranking]]
        issues = list_issues(
            given,
            suggested,
            own_votes / k,
            (near_codes == others[:, np.newaxis]).mean(axis=1),
            first,
        )
    with _timed(seconds, "duplicates"):
        cutoff = choose_near_cutoff(local)
        duplicates = find_duplicates(images, given, local, local_rows, cutoff, confirm)
    leaks = None
    if looked_for is not None:
        with _timed(seconds, "leaks"):
            leaks = _leaks(search, images, given, looked_for, local, cutoff, confirm, meter)
    if pictures is not None:
        with _timed(seconds, "transformed"):
            links = _link(pictures, looked_for, sizes, n_jobs, meter)
            duplicates = duplicates + _transformed_groups(given, links, duplicates)
            if leaks is not None and looked_for is not None:
                leaks += _transformed_leaks(given, looked_for[1], links, leaks)
    if n_train is not None:
        leaks = _leaks_of_parts(given, n_train, duplicates)
    rejects = [Reject("broken", None, path, reason) for path, reason in skipped]
    if are_pictures(images):
        with _timed(seconds, "rejects"):
            rejects = find_rejects(images, paths, sizes, skipped)
    with _timed(seconds, "outliers"):
        outliers = find_outliers(near[:, -1])
    with _timed(seconds, "values"):
        values = knn_shapley(indices, codes, codes, k, n - 1)
    if progress is not None:
        progress(n + n_test, n + n_test)
    return Audit(
        classes=classes,
        labels=given,
        class_names=None if class_names is None else tuple(class_names),
        paths=None if paths is None else tuple(paths),
        n_train=n_train,
        n_neighbors=k,
        accuracy=accuracy,
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
        n_test=n_test if looked_for is not None else None if n_train is None else n - n_train,
        rejects=rejects,
        outliers=outliers.rows,
        outlier_distances=outliers.distances.copy(),
        outlier_cutoff=outliers.cutoff,
        values=values,
        values_error_bound=shapley_error_bound(width, n - 1),
        seconds=seconds,
        images=images,
        test_images=None if looked_for is None else looked_for[0].reshape(-1, *images.shape[1:]),
    )


def _noise(joint: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the estimated share of wrong labels, of all and of each class."""
    right = joint.diagonal()
    return float(1 - right.sum()), 1 - right / joint.sum(axis=1)


def _leaks(
    search: NearestNeighbors,
    rows: NDArray[Any],
    labels: NDArray[Any],
    test: tuple[NDArray[Any], NDArray[Any]],
    local: NDArray[np.float64],
    cutoff: NearCutoff,
    confirm: Confirm | None,
    progress: Progress | None,
) -> list[Leak]:
    images, test_labels = test
    images = images.reshape(-1, *rows.shape[1:])
    distances, indices = search.kneighbors(images, local.shape[1], progress=progress)
    return find_leaks(
        rows, labels, images, test_labels, distances, indices, local[:, -1], cutoff, confirm
    )


def _link(
    pictures: NDArray[Any],
    looked_for: tuple[NDArray[Any], NDArray[Any]] | None,
    sizes: NDArray[np.int64] | None,
    n_jobs: int | None,
    progress: Progress | None,
) -> Links:
    """Return transformed copies among the images and the test images, whose rows follow."""
    if looked_for is not None:
        test = looked_for[0].reshape(-1, *pictures.shape[1:])
        pictures = np.concatenate([pictures, test])
    keys = np.array(list(row_keys(pictures)), dtype=object)
    first = np.sort(np.unique(keys, return_index=True)[1])
    if len(first) < 2:
        none = np.empty(0, dtype=np.int64)
        return Links(none, none, np.empty(0), [])
    links = find_transformed(
        pictures if len(first) == len(pictures) else pictures[first],
        sizes=None if sizes is None or looked_for is not None else sizes[first],
        n_jobs=n_jobs,
        progress=progress,
    )
    return links._replace(first=first[links.first], second=first[links.second])


def _transformed_groups(
    labels: NDArray[Any], links: Links, known: list[DuplicateGroup]
) -> list[DuplicateGroup]:
    """Return groups of transformed copies, without exact and near copies that are known."""
    n = len(labels)
    new = links.second < n
    for kind in ("exact", "near"):
        group_of = np.full(n, -1)
        for number, group in enumerate(known):
            if group.kind == kind:
                group_of[group.rows] = number
        one, other = group_of[links.first[new]], group_of[links.second[new]]
        new[new] = (one < 0) | (one != other)
    heads, tails = links.first[new], links.second[new]
    how = dict(
        zip(
            tails[::-1].tolist(),
            [links.how[i] for i in np.flatnonzero(new)[::-1].tolist()],
            strict=True,
        )
    )
    exact = [group.rows for group in known if group.kind == "exact"]
    groups = [
        DuplicateGroup(
            "transformed",
            rows,
            labels[rows],
            longest,
            tuple(how.get(row, "") for row in rows.tolist()),
        )
        for rows, longest in link_groups(n, heads, tails, links.distances[new], exact)
    ]
    return sorted(groups, key=lambda group: (not group.is_conflicting, int(group.rows[0])))


def _transformed_leaks(
    labels: NDArray[Any], test_labels: NDArray[Any], links: Links, known: list[Leak]
) -> list[Leak]:
    n, rows = len(labels), {leak.test_row for leak in known}
    found: dict[int, Leak] = {}
    for i in np.argsort(links.distances, kind="stable").tolist():
        row, test_row = int(links.first[i]), int(links.second[i]) - n
        if row < n and test_row >= 0 and test_row not in rows:
            one, other = labels[row], test_labels[test_row]
            distance, how = float(links.distances[i]), links.how[i]
            leak = Leak("transformed", test_row, row, other, one, distance, how)
            found.setdefault(test_row, leak)
    return sorted(found.values(), key=lambda leak: not leak.is_conflicting)


def _leaks_of_parts(labels: NDArray[Any], n_train: int, groups: list[DuplicateGroup]) -> list[Leak]:
    """Return the images of the test part that are in a group with some of the training part."""
    found: dict[int, Leak] = {}
    for group in groups:
        row = int(group.rows[0])
        for i in np.flatnonzero(group.rows >= n_train).tolist() if row < n_train else []:
            test_row, how = int(group.rows[i]), group.how[i] if group.how else ""
            leak = Leak(
                group.kind,
                test_row - n_train,
                row,
                labels[test_row],
                labels[row],
                group.distance,
                how,
            )
            found.setdefault(leak.test_row, leak)
    kinds = ("exact", "near", "transformed")
    return sorted(found.values(), key=lambda x: (kinds.index(x.kind), not x.is_conflicting))


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[name] = perf_counter() - start
