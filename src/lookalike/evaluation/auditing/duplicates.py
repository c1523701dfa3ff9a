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
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lookalike.array_types import FloatArray, IntArray

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


class Links(NamedTuple):
    """Pairs of images that are copies of one another: their rows, and how far apart they are.

    ``how`` says what makes the second of the first. It is empty if they are near as they lie.
    """

    first: IntArray
    second: IntArray
    distances: FloatArray
    how: list[str]


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
    """Choose the cut-off from leave-one-out distances of shape (n, k), nearest first."""
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

    Values are compared in ``dtype``, by default that of the images. Digests of two sets of images
    can be compared only if it is the same.
    """
    # Objects are addresses and long doubles have bytes to fill; both are searched as float64 too.
    wide = np.dtype(images.dtype if dtype is None else dtype)
    wide = wide if wide.kind in "biuf" and wide.itemsize <= 8 else np.dtype(np.float64)
    for row in images.reshape(len(images), -1):
        values = row.astype(wide, copy=False)
        if wide.kind == "f":
            values = values + wide.type(0)  # -0.0 becomes 0.0, which it equals
        yield hashlib.blake2b(values.tobytes(), digest_size=32).digest()


def first_copies(*stacks: NDArray[Any]) -> IntArray:
    """Return for each image of joined stacks the row of the first with the same pixels."""
    dtype = np.result_type(*(stack.dtype for stack in stacks))
    keys = chain.from_iterable(row_keys(stack, dtype) for stack in stacks)
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(key, row) for row, key in enumerate(keys)])


def find_duplicates(
    images: NDArray[Any],
    labels: NDArray[Any],
    distances: FloatArray,
    indices: IntArray,
    cutoff: NearCutoff,
    confirm: Confirm | None = None,
) -> list[DuplicateGroup]:
    """Find the exact and the near copies among images, by the table of their neighbours.

    ``confirm`` decides which pairs that are near are copies; all, if it is not given. Exact groups
    come first, then near ones, each with conflicting labels first, then by their rows.
    """
    original = first_copies(images)
    exact = [
        DuplicateGroup("exact", rows, labels[rows], 0.0)
        for rows in _rows_by(original)
        if len(rows) > 1
    ]
    scales = cutoff.scales(distances[:, -1])
    both = np.minimum(scales[:, np.newaxis], scales[indices])
    rows, columns = np.nonzero(distances <= cutoff.ratio * both)
    others, lengths = indices[rows, columns], distances[rows, columns]
    if confirm is not None:
        apart = lengths > 0
        apart[apart] = ~confirm(images[rows[apart]], images[others[apart]])
        rows, others, lengths = rows[~apart], others[~apart], lengths[~apart]
    near = _linked("near", labels, original, Links(rows, others, lengths, []))
    return sorted(exact, key=_conflicting_first) + near


def find_transformed_duplicates(
    labels: NDArray[Any], links: Links, known: list[DuplicateGroup]
) -> list[DuplicateGroup]:
    """Return groups of transformed copies, without exact and near copies that are known."""
    n = len(labels)
    original = np.arange(n)
    new = links.second < n
    for kind in ("exact", "near"):
        group_of = np.full(n, -1)
        for number, group in enumerate(known):
            if group.kind == kind:
                group_of[group.rows] = number
                if kind == "exact":
                    original[group.rows] = group.rows[0]
        one, other = group_of[links.first[new]], group_of[links.second[new]]
        new[new] = (one < 0) | (one != other)
    how = [links.how[i] for i in np.flatnonzero(new).tolist()]
    links = Links(links.first[new], links.second[new], links.distances[new], how)
    return _linked("transformed", labels, original, links)


def _linked(
    kind: Kind, labels: NDArray[Any], original: IntArray, links: Links
) -> list[DuplicateGroup]:
    """Return the groups of images that links hold together.

    Exact copies belong together too, but are no group by themselves.
    """
    n = len(labels)
    # Exact copies are linked to their first: there may be more of them than the table is wide.
    ends = np.append(links.first, original), np.append(links.second, np.arange(n))
    graph = coo_array((np.ones(len(ends[0]), dtype=bool), ends), shape=(n, n))
    n_parts, part = connected_components(graph, directed=False)
    longest = np.zeros(n_parts)
    np.maximum.at(longest, part[links.first], links.distances)
    # The first link to an image says how it is made.
    how = dict(zip(links.second[::-1].tolist(), links.how[::-1], strict=False))
    groups = [
        DuplicateGroup(
            kind,
            rows,
            labels[rows],
            float(longest[part[rows[0]]]),
            tuple(how.get(row, "") for row in rows.tolist()) if how else (),
        )
        for rows in _rows_by(part)
        if np.any(original[rows] != original[rows[0]])
    ]
    return sorted(groups, key=_conflicting_first)


def _rows_by(values: IntArray) -> list[IntArray]:
    """Return the rows of each value, ascending."""
    order = np.argsort(values, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(values[order])) + 1)


def _conflicting_first(group: DuplicateGroup) -> tuple[bool, int]:
    return not group.is_conflicting, int(group.rows[0])


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

    ``distances`` and ``indices`` are the training images nearest to the test images, and
    ``train_kth`` are the k-th leave-one-out distances of the training images, whose the cut-off is.
    Exact leaks come first, then near ones, each with conflicting labels first, then by distance as
    a multiple of what is usual there.
    """
    originals = first_copies(images, test_images)[len(images) :]
    scales = np.minimum(cutoff.scales(distances[:, -1]), cutoff.scales(train_kth)[indices[:, 0]])
    near = np.flatnonzero(distances[:, 0] <= cutoff.ratio * scales)
    if confirm is not None:
        near = near[confirm(test_images[near], images[indices[near, 0]])]
    exact = np.flatnonzero(originals < len(images))
    found = [
        (0.0, Leak("exact", row, copy, test_labels[row], labels[copy], 0.0))
        for row, copy in zip(exact.tolist(), originals[exact].tolist(), strict=True)
    ]
    for row in np.setdiff1d(near, exact).tolist():
        copy, distance = int(indices[row, 0]), float(distances[row, 0])
        leak = Leak("near", row, copy, test_labels[row], labels[copy], distance)
        found.append((distance / max(float(scales[row]), np.finfo(float).tiny), leak))
    found.sort(key=lambda pair: (pair[1].kind, not pair[1].is_conflicting, pair[0]))
    return [leak for _, leak in found]


def find_transformed_leaks(
    labels: NDArray[Any], test_labels: NDArray[Any], links: Links, known: list[Leak]
) -> list[Leak]:
    """Return the test images that are transformed copies, without leaks that are known.

    The rows of the test images follow those of the training images in the links.
    """
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


def leaks_between_parts(
    labels: NDArray[Any], n_train: int, groups: list[DuplicateGroup]
) -> list[Leak]:
    """Return the images of the test part that are in a group with some of the training part."""
    found: dict[int, Leak] = {}
    for group in groups:
        row, distance = int(group.rows[0]), group.distance
        for i in np.flatnonzero(group.rows >= n_train).tolist() if row < n_train else []:
            test_row, how = int(group.rows[i]), group.how[i] if group.how else ""
            one, other = labels[row], labels[test_row]
            leak = Leak(group.kind, test_row - n_train, row, other, one, distance, how)
            found.setdefault(leak.test_row, leak)
    kinds = ("exact", "near", "transformed")
    return sorted(found.values(), key=lambda x: (kinds.index(x.kind), not x.is_conflicting))


def count_duplicates(groups: Sequence[DuplicateGroup], near_cutoff: float) -> str:
    """Return in words how many groups of copies there are."""
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
