"""`Audit`: what was found in labelled images, in words, as JSON and as tables."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.array_types import FloatArray, IntArray
from lookalike.evaluation.auditing.duplicates import (
    DuplicateGroup,
    Leak,
    count_duplicates,
    count_leaks,
)
from lookalike.evaluation.auditing.outliers import Reject
from lookalike.evaluation.auditing.votes import LabelIssue
from lookalike.images.files import filled_folder
from lookalike.results import Result, number, numbers

LEAST_ACCURACY = 0.8
"""Share of right votes below which labels that neighbours contradict are guesses."""


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Result):
    """What `audit` found.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The distinct labels, sorted.
    labels : ndarray of shape (n,)
        The given labels.
    class_names : tuple of str or None
        What labels that are numbers are called.
    paths : tuple of (Path or None), or None
        The file of each image.
    n_train : int or None
        The rows from here on are the test part; None if there are no parts.
    n_neighbors : int
        Neighbours that vote.
    accuracy : float
        The share of images whose neighbours vote for their label. Where it is less than 0.8 the
        neighbours are wrong too often to tell how many labels are, and only labels that they
        contradict as strongly as they are nearly always right with are called issues.
    distances : ndarray of shape (n, n_neighbors), float64
        Distances from every image to its nearest others, in the unit of the metric.
    indices : ndarray of shape (n, n_neighbors), int64
        The rows of these nearest others.
    self_confidence : ndarray of shape (n,), float64
        The share of an image's neighbours that have its label.
    ranking : ndarray of shape (n,), int64
        All images, those with the most suspicious labels first.
    suggested : ndarray of shape (n,)
        The label that most neighbours of each image have, its own left out; the nearest decides
        between equally frequent ones. Its own where no neighbour has another.
    label_issues : list of LabelIssue
        As many images as are estimated to be labelled wrongly, the first of the ranking, excluding
        images whose own label has the most votes; fewer where ``accuracy`` is low. The farther
        down this list, the more images are only hard.
    confident_joint : ndarray of shape (n_classes, n_classes), int64
        Images counted by given label (row) and the class they are confidently of.
    label_noise : float
        The estimated share of wrong labels; NaN where ``accuracy`` is too low to tell.
    noise_of_class : ndarray of shape (n_classes,), float64
        The same share among the images with each label.
    duplicates : list of DuplicateGroup
        Copies among the images: exact ones first, then near ones, then transformed ones, in each
        case those with conflicting labels first.
    near_cutoff : float
        Up to which multiple of the distance of its neighbour number n_neighbors, or 10 if that is
        more, an image's neighbour is a near copy; 0 where distances are too few or too much alike
        to tell, so that near are only those at distance 0.
    leaks : list of Leak or None
        Test images that are copies of training images, their rows counted in the test part; None
        if no test part was given.
    n_test : int or None
    rejects : list of Reject
        Broken, blank, nearly blank, tiny and odd-shaped pictures.
    outliers : ndarray of shape (n_outliers,), int64
        Images unlike all others, the farthest from them first.
    outlier_distances : ndarray of shape (n,), float64
        The distance from every image to its k-th neighbour: how unlike the others it is.
    outlier_cutoff : float
        The distance beyond which an image is an outlier; NaN where half the images or more have
        k exact copies, so that no distance is usual.
    values : ndarray of shape (n,), float64
        The k-NN Shapley value of every image for classifying the others: their sum is the mean of
        ``self_confidence``, up to ``values_error_bound``. An image of negative value misleads more
        than it helps.
    values_error_bound : float
        How far a value may be off at most; 0 if they are exact. The values of a truncated table
        leave out what all images of a class are worth alike and differ where neighbours do.
    seconds : dict of str to float
        The time that each part took.
    images : array-like of shape (n, h, w), (n, h, w, c) or (n, d), optional
        The audited images themselves, no copy of them, for reports to show.
    test_images : array-like of shape (n_test, h, w), (n_test, h, w, c) or (n_test, d), optional
        Those of ``test``, if it was given to `audit`.

    Examples
    --------
    >>> from lookalike import audit, load_dataset
    >>> train = load_dataset("digits").train
    >>> found = audit(train.images[:200], train.labels[:200])
    >>> found.plot().get_ylabel()
    'images'
    """

    _described_by = "audit"

    classes: NDArray[Any]
    labels: NDArray[Any]
    class_names: tuple[str, ...] | None
    paths: tuple[Path | None, ...] | None
    n_train: int | None
    n_neighbors: int
    accuracy: float
    distances: FloatArray
    indices: IntArray
    self_confidence: FloatArray
    ranking: IntArray
    suggested: NDArray[Any]
    label_issues: list[LabelIssue]
    confident_joint: IntArray
    label_noise: float
    noise_of_class: FloatArray
    duplicates: list[DuplicateGroup]
    near_cutoff: float
    leaks: list[Leak] | None
    n_test: int | None
    rejects: list[Reject]
    outliers: IntArray
    outlier_distances: FloatArray
    outlier_cutoff: float
    values: FloatArray
    values_error_bound: float
    seconds: Mapping[str, float]
    images: Any = None
    test_images: Any = None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        head = (
            f"Audit of {len(self):,} images, {len(self.classes)} classes, k = {self.n_neighbors}, "
            f"in {sum(self.seconds.values()):.2f} s"
        )
        return "\n".join([head, *(f"  {what:14}{found}" for what, found in self.summary().items())])

    @property
    def is_sure(self) -> bool:
        """Whether the neighbours are right often enough for label issues to be no guesses."""
        return self.accuracy >= LEAST_ACCURACY

    @property
    def has_pictures(self) -> bool:
        """Whether the audited images are at hand and can be shown."""
        return self.images is not None and are_pictures(self.images)

    def is_test(self, row: int) -> bool:
        """Whether a row is of the test part."""
        return self.n_train is not None and row >= self.n_train

    def class_name(self, label: Any) -> str:
        """Return what a label is called."""
        names = self.class_names
        # A label of test images alone may have no name.
        is_named = names is not None and 0 <= int(label) < len(names)
        return names[int(label)] if names is not None and is_named else str(label)

    def place(self, row: int) -> str:
        """Return an image's part and row in it: "train 5"."""
        return f"test {row - (self.n_train or 0):,}" if self.is_test(row) else f"train {row:,}"

    def file(self, row: int) -> str | None:
        """Return the name of an image's file, with its folder's; None if it has none."""
        path = None if self.paths is None else self.paths[row]
        return None if path is None else str(Path(path.parent.name, path.name))

    def name(self, row: int) -> str:
        """Return what to call an image: its place and its file."""
        file = self.file(row)
        return self.place(row) if file is None else f"{self.place(row)}, {file}"

    def summary(self) -> dict[str, str]:
        """Return what was found of each kind, in words."""
        issues = f"{len(self.label_issues):,}; "
        if self.is_sure:
            issues += f"an estimated {self.label_noise:.2%} of all labels are wrong"
        else:
            issues += "guesses, since neighbours err; how many are wrong is unknown"
        rejects = Counter(reject.kind for reject in self.rejects)
        outliers = (
            f"{len(self.outliers):,} farther than {self.outlier_cutoff:,.4g} from neighbour k"
        )
        if math.isnan(self.outlier_cutoff):
            outliers = "undefined: half the images or more have k exact copies"
        values = f"{np.count_nonzero(self.values < 0):,} negative; exact"
        if self.values_error_bound:
            # Signs of values so small say nothing where they are truncated.
            bound = self.values_error_bound
            values = f"of the {round(1 / bound):,} nearest ranks; off by at most {bound:.2g}"
        return {
            "neighbors": f"vote right for {self.accuracy:.1%} of the images",
            "label issues": issues,
            "duplicates": count_duplicates(self.duplicates, self.near_cutoff),
            "leaks": count_leaks(self.leaks, self.n_test),
            "rejects": ", ".join(f"{n:,} {kind}" for kind, n in rejects.items()) or "none",
            "outliers": outliers,
            "values": values,
        }

    def to_dict(self, *, n_rows: int | None = None) -> dict[str, Any]:
        """Return all that was found as JSON takes it: plain numbers, None where one is undefined.

        Parameters
        ----------
        n_rows : int, optional
            Leave out what there is of every image, and give at most so many rows of each list.

        Raises
        ------
        ValueError
            If n_rows is negative.
        """
        if n_rows is not None and n_rows < 0:
            raise ValueError(f"n_rows={n_rows} is negative; give 0 or more, or None for all")
        n_leaks, leaks = None, None
        if self.leaks is not None:
            n_leaks = dict(Counter(leak.kind for leak in self.leaks))
            leaks = [self._leak(leak) for leak in self.leaks[:n_rows]]
        entry: dict[str, Any] = {
            "n": len(self),
            "n_test": self.n_test,
            "classes": [_plain(label) for label in self.classes],
            "n_neighbors": self.n_neighbors,
            "accuracy": self.accuracy,
            "n_label_issues": len(self.label_issues),
            "label_issues": [self._issue(issue) for issue in self.label_issues[:n_rows]],
            "confident_joint": self.confident_joint.tolist(),
            "label_noise": number(self.label_noise),
            "noise_of_class": numbers(self.noise_of_class),
            "n_duplicates": dict(Counter(group.kind for group in self.duplicates)),
            "duplicates": [self._group(group) for group in self.duplicates[:n_rows]],
            "near_cutoff": self.near_cutoff,
            "n_leaks": n_leaks,
            "leaks": leaks,
            "n_rejects": dict(Counter(reject.kind for reject in self.rejects)),
            "rejects": [self._reject(reject) for reject in self.rejects[:n_rows]],
            "n_outliers": len(self.outliers),
            "outliers": self.outliers[:n_rows].tolist(),
            "outlier_images": [self._image(row) for row in self.outliers[:n_rows].tolist()],
            "outlier_cutoff": number(self.outlier_cutoff),
            "n_negative_values": int(np.count_nonzero(self.values < 0)),
            "values_error_bound": self.values_error_bound,
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
        }
        if n_rows is None:
            for name in ("ranking", "self_confidence", "outlier_distances", "values"):
                entry[name] = getattr(self, name).tolist()
        return entry

    def to_csv(self, folder: Path | str) -> list[Path]:
        """Write what was found as tables, each whole or not at all.

        label_issues.csv, duplicates.csv (one line an image), leaks.csv (if there is a test part),
        rejects.csv, outliers.csv, and values.csv, which has every image with its value,
        self-confidence and place in the ranking.

        Parameters
        ----------
        folder : path
            Made if it is not there.

        Returns
        -------
        list of Path
            The files.
        """
        ranks = np.argsort(self.ranking)
        tables: dict[str, tuple[str, Iterable[Mapping[str, Any]]]] = {
            "label_issues": (
                "row part file given suggested self_confidence suggested_share class "
                "suggested_class",
                map(self._issue, self.label_issues),
            ),
            "duplicates": (
                "group kind row part file label class conflicting distance how",
                (
                    {**entry, **image, "group": i, "label": label, "how": how}
                    for i, entry in enumerate(map(self._group, self.duplicates))
                    for image, label, how in zip(
                        entry["images"], entry["labels"], entry["how"] or repeat(""), strict=False
                    )
                ),
            ),
            "rejects": ("row part file kind reason", map(self._reject, self.rejects)),
            "outliers": (
                "row part file label class distance",
                (
                    self._labelled(row, distance=self.outlier_distances[row])
                    for row in self.outliers.tolist()
                ),
            ),
            "values": (
                "row part file label class value self_confidence rank",
                (
                    self._labelled(row, value=value, self_confidence=share, rank=ranks[row])
                    for row, (value, share) in enumerate(
                        zip(self.values.tolist(), self.self_confidence.tolist(), strict=True)
                    )
                ),
            ),
        }
        if self.leaks is not None:
            tables["leaks"] = (
                "kind test_row train_row test_label train_label conflicting distance how test_file "
                "train_file",
                map(self._leak, self.leaks),
            )
        return write_tables(Path(folder), tables)

    def _image(self, row: int) -> dict[str, Any]:
        """Return an image's row in its part, the part, the file and what its label is called."""
        is_test, path = self.is_test(row), None if self.paths is None else self.paths[row]
        return {
            "row": row - (self.n_train or 0) if is_test else row,
            "part": "test" if is_test else "train",
            "file": None if path is None else str(path),
            "class": self.class_name(self.labels[row]),
        }

    def _labelled(self, row: int, **more: Any) -> dict[str, Any]:
        return {**self._image(row), "label": _plain(self.labels[row]), **more}

    def _issue(self, issue: LabelIssue) -> dict[str, Any]:
        labels = {"given": _plain(issue.given), "suggested": _plain(issue.suggested)}
        suggested = {"suggested_class": self.class_name(issue.suggested)}
        return vars(issue) | labels | self._image(issue.row) | suggested

    def _leak(self, leak: Leak) -> dict[str, Any]:
        labels = {"test_label": _plain(leak.test_label), "train_label": _plain(leak.train_label)}
        # Test images that were only looked for have no place among the audited ones.
        test = None if self.n_train is None else self._image(leak.test_row + self.n_train)["file"]
        files = {"test_file": test, "train_file": self._image(leak.train_row)["file"]}
        return vars(leak) | labels | {"conflicting": leak.is_conflicting} | files

    def _group(self, group: DuplicateGroup) -> dict[str, Any]:
        return {
            "kind": group.kind,
            "rows": group.rows.tolist(),
            "labels": [_plain(label) for label in group.labels],
            "conflicting": group.is_conflicting,
            "distance": group.distance,
            "how": list(group.how),
            "images": [self._image(row) for row in group.rows.tolist()],
        }

    def _reject(self, reject: Reject) -> dict[str, Any]:
        image = {} if reject.row is None else self._image(reject.row)
        file = None if reject.path is None else str(reject.path)
        return {"kind": reject.kind, "reason": reject.reason, "row": None, **image, "file": file}


def are_pictures(images: Any) -> bool:
    """Whether an array of images can be drawn, so that they are no rows of features."""
    is_one = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3, 4))
    return bool(is_one and images.dtype != object)


def write_tables(
    folder: Path, tables: Mapping[str, tuple[str, Iterable[Mapping[str, Any]]]]
) -> list[Path]:
    """Write tables into a folder as CSV files, which take their places when all are written.

    The tables stand by the names of their files. The columns are names with spaces between them; a
    row gives the value of each, and may have others.
    """
    with filled_folder(folder) as scratch:
        for name, (columns, rows) in tables.items():
            part = scratch / f"{name}.csv"
            # Names of files are bytes; surrogates stand for those that are no text.
            with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                writer = csv.DictWriter(file, columns.split(), extrasaction="ignore")
                writer.writeheader()
                writer.writerows(rows)
    return [folder / f"{name}.csv" for name in tables]


def _plain(label: Any) -> Any:
    """Return a label as JSON takes it: a date, or another thing that is no number, as text."""
    plain = label.item() if isinstance(label, np.generic) else label
    if isinstance(plain, float) and not math.isfinite(plain):
        return str(plain)
    return plain if isinstance(plain, str | int | float) else str(label)
