"""`audit`: wrong labels, copies, leaks, outliers and the worth of images, from one neighbour table.

Every training image is searched among all others, once. All checks read that table: who agrees
with a label and how much an image helps the others (`votes`), which images are too near
(`duplicates`) or too far (`outliers`). The table is wider than the neighbours that vote, since
values need ranks far beyond them; a wider one costs little. Copies that differ in every pixel are
searched for by themselves (`transformed`).
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

from lookalike.estimators.weights import Softmax
from lookalike.evaluation.auditing.descriptors import count_searches
from lookalike.evaluation.auditing.duplicates import (
    choose_near_cutoff,
    find_duplicates,
    find_leaks,
    find_transformed_duplicates,
    find_transformed_leaks,
    leaks_between_parts,
)
from lookalike.evaluation.auditing.outliers import Reject, find_outliers, find_rejects, read_sizes
from lookalike.evaluation.auditing.result import LEAST_ACCURACY, Audit, are_pictures
from lookalike.evaluation.auditing.transformed import LEAST_SIDE, confirm_copies, find_transformed
from lookalike.evaluation.auditing.votes import (
    LabelIssue,
    count_confident_joint,
    count_votes,
    estimate_joint,
    knn_shapley,
    rank_by_share,
    rank_by_suspicion,
    shapley_error_bound,
    strong_evidence,
    suggest_classes,
    vote_accuracy,
)
from lookalike.features.transformers import make_transformer
from lookalike.images.checks import stack_images
from lookalike.images.progress import Meter, Progress
from lookalike.matching.vectors import NormalizeVectors
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
    features: Any = None,
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
    features : str, path, transformer or callable, default=None
        What turns pictures into vectors, as of `LookalikeClassifier`; they are made of the files
        of ``paths`` where all are given, else of the images. Vectors of unit length are then
        searched, of roots where none is negative. The most suspicious labels are those with the
        least share of the votes of all neighbours in the table, weighted as by `probe` (`Softmax`).
        Copies among the nearest are still confirmed by pixels, and transformed copies looked for
        among them.
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
    given, classes, codes = _encode(labels, "labels")
    search = NearestNeighbors(metric=metric, n_jobs=n_jobs, working_memory=working_memory)
    if issparse(images) or metric == "precomputed":
        what = "sparse images" if issparse(images) else "precomputed distances"
        raise ValueError(f"{what} show no pixels to compare; give dense images or embeddings")
    seconds: dict[str, float] = {}
    images = stack_images(images)
    with _timed(seconds, "search"):
        compare = None if features is None else _comparison(features, images, labels, n_jobs)
        if compare is None:
            search.fit(images)
        else:
            search.fit(compare(images if paths is None or None in paths else paths))
        n = search.n_samples_fit_
        _check_counts(n, len(codes), k, classes)
        images = np.asarray(images)
        tested = None if test is None else _check_test(test, classes, images)
        _check_names(n, n_train, test, paths, class_names, classes)
        n_test = 0 if tested is None else len(tested[1])
        is_drawn = are_pictures(images)
        has_copies = transformed and is_drawn and min(images.shape[1:3]) >= LEAST_SIDE
        confirm = confirm_copies if has_copies else None
        sizes = None if paths is None else read_sizes(paths)
        units = n + n_test + (count_searches(n + n_test) if has_copies else 0)
        meter = None if progress is None else Meter(units, progress, shown=n + n_test)
        width = min(n - 1, max(k, _LEAST_WIDTH, _CELLS // n))
        distances, indices = search.kneighbors(None, width, progress=meter)
    near, near_rows = distances[:, :k], indices[:, :k]
    n_local = max(k, _LEAST_LOCAL)
    local, local_rows = distances[:, :n_local], indices[:, :n_local]
    with _timed(seconds, "labels"):
        is_own = codes[indices] == codes[:, np.newaxis]
        own_votes = is_own[:, :k].sum(axis=1)
        own_shares = own_votes / k
        near_codes = codes[near_rows]
        votes = count_votes(near_codes)
        counts = count_confident_joint(codes, near_codes, votes, len(classes))
        joint = estimate_joint(counts, codes)
        right = joint.diagonal()
        noise, noise_of_class = float(1 - right.sum()), 1 - right / joint.sum(axis=1)
        if compare is None:
            ranking = rank_by_suspicion(own_votes, is_own, distances)
        else:  # half the squared distance of vectors of unit length is their cosine distance
            ranking = rank_by_share(is_own, Softmax()(distances**2 / 2))
        others = suggest_classes(near_codes, codes, votes)
        suggested = classes[others]
        other_shares = (near_codes == others[:, np.newaxis]).mean(axis=1)
        accuracy = vote_accuracy(near_codes, codes, votes)
        # The joint tells how many labels are wrong, the ranking which: better than the images off
        # its diagonal, which votes of k neighbours are too coarse for. Where neighbours often err,
        # the joint takes their errors for wrong labels.
        first = ranking[: round(noise * n)]
        if accuracy < LEAST_ACCURACY:
            noise, noise_of_class = np.nan, np.full(len(classes), np.nan)
            first = ranking[strong_evidence(near_codes, codes, votes, LEAST_ACCURACY)[ranking]]
        first = first[other_shares[first] > own_shares[first]]
        columns = (first, *(x[first] for x in (given, suggested, own_shares, other_shares)))
        issues = [LabelIssue(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]
    with _timed(seconds, "duplicates"):
        cutoff = choose_near_cutoff(local)
        duplicates = find_duplicates(images, given, local, local_rows, cutoff, confirm)
    leaks = None
    if tested is not None:
        with _timed(seconds, "leaks"):
            asked = tested[0] if compare is None else compare(tested[0])
            far, far_rows = search.kneighbors(asked, local.shape[1], progress=meter)
            leaks = find_leaks(images, given, *tested, far, far_rows, local[:, -1], cutoff, confirm)
    if has_copies:
        with _timed(seconds, "transformed"):
            pictures = images if tested is None else np.concatenate([images, tested[0]])
            own_sizes = sizes if tested is None else None
            links = find_transformed(pictures, sizes=own_sizes, n_jobs=n_jobs, progress=meter)
            duplicates = duplicates + find_transformed_duplicates(given, links, duplicates)
            if leaks is not None and tested is not None:
                leaks += find_transformed_leaks(given, tested[1], links, leaks)
    if n_train is not None:
        leaks = leaks_between_parts(given, n_train, duplicates)
    rejects = [Reject("broken", None, path, reason) for path, reason in skipped]
    if is_drawn:
        with _timed(seconds, "rejects"):
            rejects = find_rejects(images, paths, sizes, skipped)
    with _timed(seconds, "outliers"):
        outlier_distances = near[:, -1].copy()
        outliers, outlier_cutoff = find_outliers(outlier_distances)
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
        self_confidence=own_shares,
        ranking=ranking,
        suggested=suggested,
        label_issues=issues,
        confident_joint=counts,
        label_noise=noise,
        noise_of_class=noise_of_class,
        duplicates=duplicates,
        near_cutoff=cutoff.ratio,
        leaks=leaks,
        n_test=n_test if tested is not None else None if n_train is None else n - n_train,
        rejects=rejects,
        outliers=outliers,
        outlier_distances=outlier_distances,
        outlier_cutoff=outlier_cutoff,
        values=values,
        values_error_bound=shapley_error_bound(width, n - 1),
        seconds=seconds,
        images=images,
        test_images=None if tested is None else tested[0],
    )


def _comparison(
    features: Any, images: Any, labels: ArrayLike, n_jobs: int | None
) -> Callable[[Any], Any]:
    """Return a function from pictures to normalized vectors; it learns from those of training,
    which it gets first."""
    transformer = make_transformer(features, n_jobs, images, labels)
    normalizer = NormalizeVectors()

    def compare(pictures: Any) -> Any:
        vectors = transformer.transform(pictures)
        if not hasattr(normalizer, "mean_"):
            normalizer.set_params(roots=bool(np.min(vectors) >= 0)).fit(vectors)
        return normalizer.transform(vectors)

    return compare


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[name] = perf_counter() - start


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
    test: tuple[Any, ArrayLike], classes: NDArray[Any], training: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return test images, in the shape of training images, and labels, after checking both."""
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
    width = training[0].size
    if images.size != len(images) * width:
        raise ValueError(
            f"test images of shape {images.shape} have not the {width} values of a training image; "
            "bring them to the same size"
        )
    label, test_label = classes.tolist()[0], test_classes.tolist()[0]
    kind, test_kind = (
        "number" if isinstance(one, int | float) else type(one).__name__
        for one in (label, test_label)
    )
    if kind != test_kind:
        raise ValueError(
            f"test labels are of the kind {test_kind}, such as {test_label!r}, but training labels "
            f"{kind}, such as {label!r}; no two would be equal; give both as one kind"
        )
    return images.reshape(-1, *training.shape[1:]), labels


def _check_names(
    n: int,
    n_train: int | None,
    test: object,
    paths: Sequence[Path | None] | None,
    class_names: Sequence[str] | None,
    classes: NDArray[Any],
) -> None:
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
