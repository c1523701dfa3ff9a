"""Images that are there twice: exact copies, near ones, and those that stand in training and test.

Exact copies have the same pixels, found by hashing whole rows. Near ones are closer than chance
would bring them. Around an image, let the others lie evenly in as many dimensions d as they do
locally; then the nearest of its k neighbours is within t times the distance of the k-th with a
probability of about (k - 1) t^d [1]_. The cut-off is the t at which one image in the whole set is
expected to have such a neighbour by chance::

    t = (1 / ((k - 1) n)) ** (1 / d)

d is the median over all images of the estimate of [2]_, off those neighbours that are no exact
copies. A pair is near if its distance is at most t times the k-th distance of both its images: in a
dense place two images must be closer than in a thin one. More than k near copies of one image would
shrink the k-th distance itself; it is therefore taken to be no less than that of the densest
twentieth of the set, which near copies must not make up alone.

Near is what the metric calls so: of MNIST's images saved as JPEG of quality 50, dimmed by a tenth
or with noise of 10 grey values added nearly all are found, of those moved by one pixel none.

References
----------
.. [1] Facco, d'Errico, Rodriguez, Laio, "Estimating the intrinsic dimension of datasets by a
   minimal neighborhood information", Scientific Reports 7, 2017 (ratios of distances).
.. [2] Levina, Bickel, "Maximum likelihood estimation of intrinsic dimension", Advances in Neural
   Information Processing Systems 17, 2004.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Confirm = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.bool_]]
"""Decides for pairs of images whether they are copies."""

Kind = Literal["exact", "near", "transformed"]

_DENSEST = 0.05


@dataclass(frozen=True, eq=False)
class DuplicateGroup:
    """Training images that are copies of each other.

    Attributes
    ----------
    kind : {"exact", "near", "transformed"}
        "exact": all have the same pixels. "near": each is near another of the group; exact copies
        of one that is near stand in both an exact group and this. "transformed": each is another
        of the group once that is mirrored, turned, shifted, cropped, resized or brightened.
    rows : ndarray of shape (n,), int64
        Ascending, at least two.
    labels : ndarray of shape (n,)
        Their given labels.
    distance : float
        The largest distance of a pair that was found alike; 0 if exact. If transformed, the largest
        remaining difference, as a share of the picture's contrast.
    how : tuple of str
        If transformed: how each image is made from another of the group, "mirrored" say; "" for
        that with the lowest row and for exact copies. Else empty.
    """

    kind: Kind
    rows: IntArray
    labels: NDArray[Any]
    distance: float
    how: tuple[str, ...] = ()

    @property
    def is_conflicting(self) -> bool:
        """Whether the labels differ."""
        return bool(np.any(self.labels != self.labels[0]))

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Leak:
    """A test image that is a copy of a training image.

    Attributes
    ----------
    kind : {"exact", "near", "transformed"}
    test_row, train_row : int
        The training row is that of the nearest copy.
    test_label, train_label : object
    distance : float
        As of `DuplicateGroup`.
    how : str
        If transformed: how the test image is made from a training image.
    """

    kind: Kind
    test_row: int
    train_row: int
    test_label: Any
    train_label: Any
    distance: float
    how: str = ""

    @property
    def is_conflicting(self) -> bool:
        """Whether the labels differ."""
        return bool(self.test_label != self.train_label)


@dataclass(frozen=True)
class NearCutoff:
    """Up to which multiple of its k-th distance an image's neighbour is a near copy.

    Attributes
    ----------
    ratio : float
        The t above; 0, with which only images at distance 0 are found, where no dimension can be
        told.
    dimension : float
        The d above: NaN where no image has three neighbours that are no copies of it, or all
        distances are alike.
    least_scale : float
        What the k-th distance is taken to be at least.
    """

    ratio: float
    dimension: float
    least_scale: float

    def scales(self, kth_distances: FloatArray) -> FloatArray:
        """Return the distances that the ratio is of."""
        return np.maximum(kth_distances, self.least_scale)


def choose_near_cutoff(distances: FloatArray) -> NearCutoff:
    """Choose the cut-off from leave-one-out distances.

    Parameters
    ----------
    distances : ndarray of shape (n, k), float64, k at least 1
        Nearest first.

    Examples
    --------
    >>> distances = np.sort(np.random.default_rng(0).random((500, 10)) ** (1 / 4))
    >>> cutoff = choose_near_cutoff(distances)
    >>> round(cutoff.dimension, 1), round(cutoff.ratio, 2)
    (3.6, 0.1)
    """
    n, k = distances.shape
    least_scale = float(np.quantile(distances[:, -1], _DENSEST))
    apart = distances > 0
    nearest = distances[np.arange(n), apart.argmax(axis=1)]
    is_spread = (apart.sum(axis=1) >= 3) & (nearest < distances[:, -1])
    if not is_spread.any():
        return NearCutoff(0.0, float("nan"), least_scale)
    spread, apart = distances[is_spread], apart[is_spread]
    ratios = np.ones_like(spread)
    np.divide(spread[:, -1:], spread, out=ratios, where=apart)
    dimension = float(np.median((apart.sum(axis=1) - 2) / np.log(ratios).sum(axis=1)))
    return NearCutoff(float((1 / ((k - 1) * n)) ** (1 / dimension)), dimension, least_scale)


def row_keys(images: NDArray[Any], dtype: DTypeLike | None = None) -> Iterator[bytes]:
    """Give a digest of each image: equal where all values are, and, being cryptographic, else not.

    Parameters
    ----------
    images : ndarray of shape (n, ...)
    dtype : dtype, default=None
        That the values are compared in; digests of two sets tell only if it is the same. None:
        that of the images.

    Examples
    --------
    >>> one, other, third = row_keys(np.array([[0.0, 1], [-0.0, 1], [1, 0]]))
    >>> one == other, one == third
    (True, False)
    """
    dtype = _dtype_of_bytes(images.dtype if dtype is None else dtype)
    for row in images.reshape(len(images), -1):
        values = row.astype(dtype, copy=False)
        if dtype.kind == "f":
            values = values + dtype.type(0)  # -0.0 becomes 0.0, which it equals
        yield hashlib.blake2b(values.tobytes(), digest_size=32).digest()


def _dtype_of_bytes(*dtypes: DTypeLike) -> np.dtype[Any]:
    """Return a dtype for values of all these in which equal ones have equal bytes."""
    wide = np.result_type(*dtypes)
    # Objects are addresses and long doubles have bytes to fill; both are searched as float64 too.
    return wide if wide.kind in "biuf" and wide.itemsize <= 8 else np.dtype(np.float64)


def find_duplicates(
    images: NDArray[Any],
    labels: NDArray[Any],
    distances: FloatArray,
    indices: IntArray,
    cutoff: NearCutoff,
    confirm: Confirm | None = None,
) -> list[DuplicateGroup]:
    """Find the exact and the near copies among training images.

    Parameters
    ----------
    images : ndarray of shape (n, ...)
    labels : ndarray of shape (n,)
    distances, indices : ndarray of shape (n, k)
        Their leave-one-out neighbours.
    cutoff : NearCutoff
    confirm : callable, optional
        Which pairs that are near are copies; all, if not given.

    Returns
    -------
    list of DuplicateGroup
        Exact ones first, then near ones, each with conflicting labels first, then by their rows.

    Examples
    --------
    >>> images = np.array([[1, 2], [5, 5], [1, 2]])
    >>> distances, indices = np.array([[0.0], [5.0], [0.0]]), np.array([[2], [0], [0]])
    >>> cutoff = choose_near_cutoff(distances)
    >>> groups = find_duplicates(images, np.array(["a", "b", "c"]), distances, indices, cutoff)
    >>> [(group.kind, group.rows.tolist(), group.is_conflicting) for group in groups]
    [('exact', [0, 2], True)]
    """
    of_key: dict[bytes, list[int]] = {}
    for row, key in enumerate(row_keys(images)):
        of_key.setdefault(key, []).append(row)
    exact = [np.array(rows) for rows in of_key.values() if len(rows) > 1]
    groups = [DuplicateGroup("exact", rows, labels[rows], 0.0) for rows in exact]
    groups += _near_groups(images, labels, distances, indices, cutoff, exact, confirm)
    return sorted(groups, key=lambda g: (g.kind, not g.is_conflicting, int(g.rows[0])))


def _near_groups(
    images: NDArray[Any],
    labels: NDArray[Any],
    distances: FloatArray,
    indices: IntArray,
    cutoff: NearCutoff,
    exact: list[IntArray],
    confirm: Confirm | None,
) -> Iterator[DuplicateGroup]:
    n = len(labels)
    scales = cutoff.scales(distances[:, -1])
    both = np.minimum(scales[:, np.newaxis], scales[indices])
    rows, columns = np.nonzero(distances <= cutoff.ratio * both)
    others, lengths = indices[rows, columns], distances[rows, columns]
    if confirm is not None:
        apart = lengths > 0
        apart[apart] = ~confirm(images[rows[apart]], images[others[apart]])
        rows, others, lengths = rows[~apart], others[~apart], lengths[~apart]
    for group, longest in link_groups(n, rows, others, lengths, exact):
        yield DuplicateGroup("near", group, labels[group], longest)


def link_groups(
    n: int, heads: IntArray, tails: IntArray, lengths: FloatArray, exact: list[IntArray]
) -> Iterator[tuple[IntArray, float]]:
    """Give the groups of images that links hold together, and the longest link in each.

    Parameters
    ----------
    n : int
        Images.
    heads, tails, lengths : ndarrays of shape (n_links,)
    exact : list of ndarray
        Groups of exact copies, which belong together too, but are no group by themselves.
    """
    original = np.arange(n)
    for copies in exact:
        original[copies] = copies[0]
    # Exact copies are linked to their first: there may be more of them than the table is wide.
    ends = np.concatenate([heads, original]), np.concatenate([tails, np.arange(n)])
    graph = coo_array((np.ones(len(ends[0]), dtype=bool), ends), shape=(n, n))
    n_parts, part = connected_components(graph, directed=False)
    longest = np.zeros(n_parts)
    np.maximum.at(longest, part[heads], lengths)
    order = np.argsort(part, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(part[order])) + 1):
        if np.any(original[group] != original[group[0]]):
            yield group, float(longest[part[group[0]]])


def find_leaks(
    images: NDArray[Any],
    labels: NDArray[Any],
    test_images: NDArray[Any],
    test_labels: NDArray[Any],
    distances: FloatArray,
    indices: IntArray,
    train_kth: FloatArray,
    cutoff: NearCutoff,
    confirm: Confirm | None = None,
) -> list[Leak]:
    """Find the test images that are copies of training images.

    Parameters
    ----------
    images, labels : ndarrays of shape (n, ...) and (n,)
        For training.
    test_images, test_labels : ndarrays of shape (m, ...) and (m,)
    distances, indices : ndarray of shape (m, k)
        The training images nearest to the test images.
    train_kth : ndarray of shape (n,)
        The k-th leave-one-out distance of the training images.
    cutoff : NearCutoff
        The cut-off of the training images.
    confirm : callable, optional
        As of `find_duplicates`.

    Returns
    -------
    list of Leak
        Exact ones first, then near ones, each with conflicting labels first, then by distance as a
        multiple of what is usual there.
    """
    dtype = _dtype_of_bytes(images.dtype, test_images.dtype)
    of_key: dict[bytes, int] = {}
    for row, key in enumerate(row_keys(images, dtype)):
        of_key.setdefault(key, row)
    keys = enumerate(row_keys(test_images, dtype))
    copies = {row: of_key[key] for row, key in keys if key in of_key}
    scales = np.minimum(cutoff.scales(distances[:, -1]), cutoff.scales(train_kth)[indices[:, 0]])
    found = [
        (0.0, Leak("exact", row, copy, test_labels[row], labels[copy], 0.0))
        for row, copy in copies.items()
    ]
    near = np.flatnonzero(distances[:, 0] <= cutoff.ratio * scales)
    if confirm is not None:
        near = near[confirm(test_images[near], images[indices[near, 0]])]
    for row in near.tolist():
        if row not in copies:
            copy, distance = int(indices[row, 0]), float(distances[row, 0])
            leak = Leak("near", row, copy, test_labels[row], labels[copy], distance)
            found.append((distance / max(float(scales[row]), np.finfo(float).tiny), leak))
    found.sort(key=lambda pair: (pair[1].kind, not pair[1].is_conflicting, pair[0]))
    return [leak for _, leak in found]


def count_duplicates(groups: Sequence[DuplicateGroup], near_cutoff: float) -> str:
    """Return in words how many groups of copies there are.

    Parameters
    ----------
    groups : sequence of DuplicateGroup
    near_cutoff : float
        The ``ratio`` of their `NearCutoff`.
    """
    no_near = "no near ones" if near_cutoff else "near ones unknown: no distance is usual"
    if near_cutoff and not groups:
        return "none"
    parts = []
    for kind, none in (("exact", "no exact ones"), ("near", no_near), ("transformed", "")):
        own = [group for group in groups if group.kind == kind]
        images, conflicting = sum(map(len, own)), sum(group.is_conflicting for group in own)
        if own:
            n = f"{len(own):,} {kind} {'group' if len(own) == 1 else 'groups'} of {images:,} images"
            parts.append(f"{n}, {conflicting:,} conflicting")
        elif none:
            parts.append(none)
    return "; ".join(parts)


def count_leaks(leaks: Sequence[Leak] | None, n_test: int | None) -> str:
    """Return in words how many test images are copies of training images."""
    if leaks is None:
        return "not looked for, no test images given"
    counts = Counter(leak.kind for leak in leaks)
    conflicting = sum(leak.is_conflicting for leak in leaks)
    kinds = [f"{counts['exact']:,} exact", f"{counts['near']:,} near"]
    if counts["transformed"]:
        kinds.append(f"{counts['transformed']:,} transformed")
    return f"{', '.join(kinds)}, of {n_test:,} test images; {conflicting:,} conflicting"
