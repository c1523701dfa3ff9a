"""The neighbours behind a prediction, their labels and their shares of the vote."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.byte_levels import grey
from lookalike.matching.matcher import variant_names
from lookalike.matching.scoring import Scorer, Scores
from lookalike.results import Result
from lookalike.search.machine import count_threads

if TYPE_CHECKING:
    from lookalike.matching.matcher import Matcher, Sought

_SHOWN_QUERIES = 5
_SHOWN_NEIGHBORS = 10
_SHOWN_OUTPUTS = 4
_OF_ALL_QUERIES = ("variant_names", "classes", "source", "matcher")
_NEAREST = 1e-3  # share of the farthest neighbour's distance below which distances count as equal


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Result):
    """The neighbours behind each prediction, nearest first.

    Printing it shows the first queries as small tables; ``explanation[i]`` and
    ``explanation[mask]`` pick queries. Images of queries and neighbours are references, no copies.

    Attributes
    ----------
    indices : ndarray of shape (n_queries, n_neighbors), int64
        Training rows.
    distances : ndarray of shape (n_queries, n_neighbors), float64
        Their distances, in the unit of the metric. A `LookalikeClassifier` gives squared distances
        in its coordinates relative to local radii, and where ``deformed`` deformation distances
        relative to theirs; neither has a unit.
    labels : ndarray of shape (n_queries, n_neighbors) or (n_queries, n_neighbors, n_outputs)
        Their labels, or targets for a regressor.
    shares : ndarray of shape (n_queries, n_neighbors), float64
        Each neighbour's share of the vote; they sum to 1 for each query. A neighbour has the same
        share in every output. The neighbours of a `LookalikeClassifier` do not vote: their shares
        are those of one over the distance.
    prediction : ndarray of shape (n_queries,) or (n_queries, n_outputs)
        The result of ``predict``, rejections included.
    variants : ndarray of shape (n_queries, n_neighbors), int64
        Number of the variant in which each neighbour was found; 0 is the image itself.
    variant_names : tuple of str
        Names of the variants by their numbers, "original" first.
    classes : ndarray of shape (n_classes,), or None
        All classes of a classifier of one label each, sorted.
    doubtful : ndarray of shape (n_queries,), bool, or None
        Whether the nearest training images are of several classes.
    images : ndarray of shape (n_queries, h, w[, c]), or None
        The queries in the form in which they were compared, if they are images.
    source : estimator or None
        A copy of the predictor at that time; it has the training images.
    probabilities : ndarray of shape (n_queries, n_classes), float64, or None
        Calibrated probabilities; only a `LookalikeClassifier` gives these and the attributes below.
    deformed : ndarray of shape (n_queries,), bool, or None
        Whether the distances of a query are deformation distances.
    rows : ndarray of shape (n_queries, n_neighbors), int64, or None
        The neighbours as rows of `matcher.images_`, which holds the training images and their
        copies in the form in which they were compared.
    matcher : Matcher or None

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(3, weights="distance")
    >>> knn = knn.fit([[0.0], [1.0], [2.0], [9.0]], ["low", "low", "mid", "high"])
    >>> print(knn.explain([[1.5]]))
    1 prediction by 3 neighbors each
    query 0: low
      share  label  distance  row
      42.9%  low         0.5    1
      42.9%  mid         0.5    2
      14.3%  low         1.5    0
    """

    _described_by = "explanation"

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    labels: NDArray[Any]
    shares: NDArray[np.float64]
    prediction: NDArray[Any]
    variants: NDArray[np.int64]
    variant_names: tuple[str, ...] = ("original",)
    classes: NDArray[Any] | None = None
    doubtful: NDArray[np.bool_] | None = None
    images: NDArray[Any] | None = None
    source: Any = None
    probabilities: Any = None
    deformed: NDArray[np.bool_] | None = None
    rows: NDArray[np.int64] | None = None
    matcher: Matcher | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, queries: Any) -> Explanation:
        """Return the explanation of some queries: an index, a slice, a mask or indices."""
        rows = np.atleast_1d(np.arange(len(self))[queries])
        picked = {
            one.name: getattr(self, one.name)[rows]
            for one in fields(self)
            if one.name not in _OF_ALL_QUERIES and getattr(self, one.name) is not None
        }
        return replace(self, **picked)

    def class_shares(self, classes: NDArray[Any]) -> NDArray[np.float64]:
        """Return each class's share of the vote, as ``predict_proba`` does.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
            Sorted labels, for example the classifier's ``classes_``, with all labels of neighbours.

        Returns
        -------
        ndarray of shape (n_queries, n_classes), float64
            The calibrated probabilities of a `LookalikeClassifier`.

        Raises
        ------
        ValueError
            If queries have several labels each, or a label is not one of the classes.

        Examples
        --------
        >>> from lookalike import KNeighborsClassifier
        >>> knn = KNeighborsClassifier(2).fit([[0.0], [1.0], [9.0]], ["low", "mid", "mid"])
        >>> knn.explain([[0.4], [8.0]]).class_shares(knn.classes_)
        array([[0.5, 0.5],
               [0. , 1. ]])
        """
        if self.labels.ndim != 2:
            raise ValueError(
                f"labels have shape {self.labels.shape}: each query has {self.labels.shape[-1]} "
                "labels, so there is more than one vote; explain one output at a time"
            )
        known = self.labels if self.probabilities is None else self.classes
        assert known is not None  # whoever has probabilities has classes
        codes = np.minimum(np.searchsorted(classes, known), len(classes) - 1)
        unknown = classes[codes] != known
        if unknown.any():
            label = known[unknown].tolist()[0]
            raise ValueError(
                f"label {label!r} is none of the {len(classes)} classes; give all classes of the "
                "training images, sorted"
            )
        shares = np.zeros((len(self), len(classes)))
        if self.probabilities is None:
            np.add.at(shares, (np.arange(len(self))[:, np.newaxis], codes), self.shares)
        else:
            shares[:, codes] = self.probabilities
        return shares

    def coded(self) -> Explanation:
        """Return it with labels and predictions, none of them rejected, as numbers of classes."""
        assert self.classes is not None  # of one label each
        return replace(
            self,
            labels=np.searchsorted(self.classes, self.labels),
            prediction=np.searchsorted(self.classes, self.prediction),
            classes=np.arange(len(self.classes)),
        )

    def compared(self, query: int, neighbor: int) -> NDArray[Any]:
        """Return a neighbour's image in the form, or the variant, in which it was compared.

        Parameters
        ----------
        query, neighbor : int
            The position of the query, and the position of the neighbour in its row.
        """
        if self.matcher is not None and self.rows is not None:
            return np.asarray(self.matcher.images_[self.rows[query, neighbor]])
        image = self.source.training_images(self.indices[query, neighbor : neighbor + 1])
        variant = int(self.variants[query, neighbor])
        if variant:
            image = self.source.augmentation.variants(image.shape[1:])[variant - 1].apply(image)
        return np.asarray(image[0])

    def displacements(self, query: int) -> NDArray[np.int8]:
        """Return the displacement from each pixel of a query to the match in each neighbour.

        Returns
        -------
        ndarray of shape (n_neighbors, 2, height, width), int8
            Numbers of pixels down and to the right.

        Raises
        ------
        ValueError
            If the predictor is not a `LookalikeClassifier`.
        """
        if self.matcher is None or self.images is None or self.rows is None:
            raise ValueError("pixels do not move; explain with a LookalikeClassifier")
        place = slice(query, query + 1)
        return np.asarray(
            self.matcher.deformation.displacements(
                grey(self.images[place]), grey(self.matcher.images_), self.rows[place]
            )[0]
        )

    def __repr__(self) -> str:
        n_queries, n_neighbors = self.indices.shape
        what = "prediction" if n_queries == 1 else "predictions"
        by = "neighbor" if n_neighbors == 1 else "neighbors"
        lines = [f"{n_queries} {what} by {n_neighbors} {by} each"]
        for i in range(min(n_queries, _SHOWN_QUERIES)):
            lines += self._query_lines(i)
        if n_queries > _SHOWN_QUERIES:
            lines.append(f"... and {n_queries - _SHOWN_QUERIES} more queries")
        return "\n".join(lines)

    def _query_lines(self, i: int) -> list[str]:
        rows = [("share", "label", "distance", "row", "variant")]
        rows += [
            (
                f"{self.shares[i, j]:.1%}",
                _label(self.labels[i, j]),
                f"{self.distances[i, j]:.6g}",
                str(self.indices[i, j]),
                self.variant_names[self.variants[i, j]],
            )
            for j in range(min(self.indices.shape[1], _SHOWN_NEIGHBORS))
        ]
        columns = list(zip(*rows, strict=True))[: 4 + (len(self.variant_names) > 1)]
        widths = [max(map(len, column)) for column in columns]
        lines = [f"query {i}: {_label(self.prediction[i])}"]
        if self.probabilities is not None and self.doubtful is not None:
            doubt = ", in doubt" if self.doubtful[i] else ""
            lines[0] += f" ({self.probabilities[i].max():.1%}{doubt})"
        for cells in zip(*columns, strict=True):
            padded = map("{:{}{}}".format, cells, "><>><", widths)
            lines.append(("  " + "  ".join(padded)).rstrip())
        if self.indices.shape[1] > _SHOWN_NEIGHBORS:
            rest = self.shares[i, _SHOWN_NEIGHBORS:]
            lines.append(f"  {rest.sum():.1%} in {len(rest)} more neighbors")
        return lines


def _label(label: Any) -> str:
    if np.ndim(label) == 0:
        return f"{label:.6g}" if isinstance(label, float | np.floating) else str(label)
    parts = [_label(part) for part in label[:_SHOWN_OUTPUTS]]
    if len(label) > _SHOWN_OUTPUTS:
        parts.append(f"... ({len(label)} outputs)")
    return ", ".join(parts)


def explain_matches(
    classifier: Any, parts: Iterable[tuple[Scorer, Sought]], n_neighbors: int
) -> Explanation:
    """Explain the answers of a `LookalikeClassifier` by the readers and candidates of images."""
    rule, most = classifier.scoring_rule_, classifier.most_explained_
    if not 1 <= n_neighbors <= most:
        raise ValueError(
            f"n_neighbors={n_neighbors} but {most} training images are compared with each image; "
            f"give 1 to {most}"
        )

    def take(reader: Scorer, sought: Sought) -> tuple[NDArray[Any], ...]:
        scores = reader.read(rule)
        table, unsure = reader.scaled(rule.scaling)
        near, deformed = table.first(n_neighbors), np.zeros(len(table.indices), bool)
        if rule.deformation != "off" and len(unsure):
            moved = reader.deformed(rule.scaling, rule.deformation)
            near.indices[unsure] = moved.indices[:, :n_neighbors]
            near.distances[unsure] = moved.distances[:, :n_neighbors]
            deformed[unsure] = True
        return near.indices, near.distances, deformed, sought.images, *scores

    taken = [take(*part) for part in parts]
    rows, distances, deformed, images, *found = map(np.concatenate, zip(*taken, strict=True))
    scores, matcher = Scores(*found), classifier._matcher
    indices = matcher.parents_[rows]
    return Explanation(
        indices=indices,
        distances=distances,
        labels=classifier._labels[indices],
        shares=nearness_shares(distances),
        prediction=classifier.classes_[scores.classes.argmin(axis=1)],
        variants=matcher.variants_[rows],
        variant_names=variant_names(classifier.representation_.growth),
        classes=classifier.classes_,
        doubtful=scores.doubtful,
        images=images if images.dtype == np.uint8 else None,  # none of vectors
        source=copy.copy(classifier),
        probabilities=classifier._calibration.probabilities(scores),
        deformed=deformed,
        rows=rows,
        matcher=matcher.on_threads(count_threads(classifier.n_jobs)),
    )


def nearness_shares(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one over each distance, divided by the sum of a query, shape (n, n_neighbors).

    Examples
    --------
    >>> nearness_shares(np.array([[1.0, 3.0]]))
    array([[0.75, 0.25]])
    """
    floor = _NEAREST * distances.max(axis=1, keepdims=True) + 1e-12
    near = 1 / np.maximum(distances, floor)
    shares: NDArray[np.float64] = near / near.sum(axis=1, keepdims=True)
    return shares
