"""Scores of each class, computed from a neighbour table, and probabilities from the scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from lookalike import _core
from lookalike.array_types import FloatArray
from lookalike.matching.local_scaling import rescale
from lookalike.search.neighbors import Neighbors

if TYPE_CHECKING:
    from lookalike.matching.matcher import Matcher, Sought

Codes = NDArray[np.int32]
Deformed = Literal["off", "forward", "both"]
_Found = TypeVar("_Found")

UNANIMOUS = 12
"""If this many nearest training images are all of one class, the image is not doubtful."""

DEFORMED_CANDIDATES = 200
DEFORMED_K = 4
DEFORMED_POWERS = {"forward": 0.4, "both": 0.5}
"""Powers of the local radii by which deformation distances are divided."""

_LEAST_DISTANCE = 1e-3
"""Distances to classes are at least this, so that the logarithm of an exact copy's is finite."""

_SHARPEST = 100.0


class ScoringRule(NamedTuple):
    """How class scores are computed from a neighbour table.

    Attributes
    ----------
    scaling : float
        Power of the local radii by which distances are divided.
    k : int
        Number of neighbours of each class whose distances are summed.
    hyperplanes : float
        Weight of the logarithm of the distance to each class's local hyperplane; for doubtful
        images only.
    deformation : {"off", "forward", "both"}
        For doubtful images, sum deformation distances instead.
    """

    scaling: float
    k: int
    hyperplanes: float = 0.0
    deformation: Deformed = "off"

    def __str__(self) -> str:
        parts = [f"k = {self.k} a class"]
        if self.scaling:
            parts.append(f"scaled {self.scaling:g}")
        if self.hyperplanes:
            parts.append(f"hyperplanes {self.hyperplanes:g}")
        if self.deformation != "off":
            parts.append(f"deformed {self.deformation}")
        return ", ".join(parts)


class Scores(NamedTuple):
    """Each image's logarithm of the distance to each class, the lowest of which is predicted, and
    whether it is doubtful: whether its nearest training images belong to several classes."""

    classes: FloatArray
    doubtful: NDArray[np.bool_]


class Scorer:
    """Computes scores by several scoring rules of the same candidates, and caches shared steps."""

    def __init__(self, matcher: Matcher, sought: Sought) -> None:
        self._matcher, self._sought = matcher, sought
        self._done: dict[tuple[Any, ...], Any] = {}

    def read(self, rule: ScoringRule) -> Scores:
        """Return the scores of all images."""
        _, unsure = self.scaled(rule.scaling)
        scores = self._once(Scorer._sum, rule.scaling, rule.k).copy()
        if len(unsure):
            if rule.deformation != "off":
                near = self.deformed(rule.scaling, rule.deformation)
                scores[unsure] = self._sum_classes(near, DEFORMED_K)
            if rule.hyperplanes:
                planes = self._once(Scorer._read_hyperplanes, rule.scaling)
                scores[unsure] += rule.hyperplanes * planes
        doubtful = np.zeros(len(scores), bool)
        doubtful[unsure] = True
        return Scores(scores, doubtful)

    def scaled(self, power: float) -> tuple[Neighbors, NDArray[np.int64]]:
        """Return the scaled table, and the indices of doubtful images."""
        return self._once(Scorer._scale, power)

    def deformed(self, scaling: float, how: Deformed) -> Neighbors:
        """Return the candidates of doubtful images by scaled deformation distance."""
        return self._once(Scorer._scale_deformed, scaling, how)

    def _once(self, find: Callable[..., _Found], *how: Any) -> _Found:
        # The keys are functions, not bound methods: these would keep the scorer, and its tables,
        # alive in a reference cycle.
        if (find, *how) not in self._done:
            self._done[find, *how] = find(self, *how)
        found: _Found = self._done[find, *how]
        return found

    def _scale(self, power: float) -> tuple[Neighbors, NDArray[np.int64]]:
        # Distances are squared, hence twice the power.
        table = self._rescaled(self._sought.table, self._matcher.factors(2 * power))
        nearest = self._matcher.codes_[table.indices[:, :UNANIMOUS]]
        return table, np.flatnonzero((nearest != nearest[:, :1]).any(axis=1))

    def _rescaled(self, table: Neighbors, factors: FloatArray) -> Neighbors:
        return rescale(table, factors, n_threads=self._matcher.n_threads)

    def _sum(self, scaling: float, k: int) -> FloatArray:
        return self._sum_classes(self.scaled(scaling)[0], k)

    def _sum_classes(self, table: Neighbors, k: int) -> FloatArray:
        own = self._matcher
        sums = class_distances(table, own.codes_, own.n_classes_, k, n_threads=own.n_threads)
        return _log(sums)

    def _read_hyperplanes(self, scaling: float) -> FloatArray:
        own, (table, unsure) = self._matcher, self.scaled(scaling)
        queries, rows = self._sought.coordinates[unsure], own.coordinates_
        known = own.codes_, own.n_classes_
        near = table.take(unsure)
        return _log(hyperplane_distances(queries, rows, near, *known, own.n_threads))

    def _deform(self, scaling: float, backward: bool) -> tuple[NDArray[np.int64], FloatArray]:
        """Return the candidates of doubtful images and their deformation distances."""
        table, unsure = self.scaled(scaling)
        candidates = np.ascontiguousarray(table.indices[unsure, :DEFORMED_CANDIDATES])
        images = self._sought.images[unsure]
        return candidates, self._matcher.deform(images, candidates, backward=backward)

    def _scale_deformed(self, scaling: float, how: Deformed) -> Neighbors:
        candidates, distances = self._once(Scorer._deform, scaling, False)
        if how == "both":
            distances = distances + self._once(Scorer._deform, scaling, True)[1]
        factors = self._matcher.factors(DEFORMED_POWERS[how], deformed=True)
        return self._rescaled(Neighbors(candidates, distances), factors)


def _log(distances: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(distances, _LEAST_DISTANCE)))


def class_distances(
    table: Neighbors, codes: Codes, n_classes: int, k: int, *, n_threads: int = 1
) -> FloatArray:
    """Return the sum of the k smallest distances to each class, shape (n_queries, n_classes).

    The table is sorted, nearest first, and `codes` are the classes of all training images, in
    ``range(n_classes)``. A missing neighbour counts with the largest distance of the table.

    Examples
    --------
    >>> table = Neighbors(np.array([[7, 3, 9]]), np.array([[1.0, 2.0, 4.0]]))
    >>> codes = np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0], np.int32)
    >>> class_distances(table, codes, 2, 2)
    array([[5., 6.]])
    """
    sums, ks = np.empty((1, len(table.indices), n_classes)), np.array([k], np.int64)
    _core.sum_classes(*table[:2], codes=codes, ks=ks, sums=sums, n_threads=n_threads)
    return np.asarray(sums[0])


def hyperplane_distances(
    queries: NDArray[np.int8],
    rows: NDArray[np.int8],
    table: Neighbors,
    codes: Codes,
    n_classes: int,
    n_threads: int,
) -> FloatArray:
    """Return the squared distances of queries to the local hyperplane of each class.

    The hyperplane is the affine hull of the 10 nearest neighbours of a class. Ridge regression
    finds the weights of its directions. The ridge penalty is part of the distance, and is relative
    to the mean squared distance of the neighbours to their mean. A class without neighbours gets
    the largest distance of the query.

    The queries (n_queries, d) and the training images (n_training_images, d) are coordinates; the
    table and the codes are those of `class_distances`.

    References
    ----------
    Vincent, Bengio, "K-local hyperplane and convex distance nearest neighbor algorithms",
    NIPS 2001.

    Examples
    --------
    >>> rows = np.array([[0, 0], [2, 0], [1, 5]], np.int8)
    >>> table = Neighbors(np.array([[0, 1, 2]]), np.array([[2.0, 2.0, 16.0]]))
    >>> codes = np.array([0, 0, 1], np.int32)
    >>> hyperplane_distances(np.array([[1, 1]], np.int8), rows, table, codes, 2, n_threads=1)
    array([[ 1., 16.]])
    """
    out = np.empty((len(queries), n_classes))
    near = queries, rows, *table[:2]
    _core.hyperplane_distances(*near, codes=codes, k=10, ridge=0.3, out=out, n_threads=n_threads)
    farthest: FloatArray = out.max(axis=1, keepdims=True, initial=0)
    return np.where(out < 0, farthest, out)


class Calibration:
    """Probabilities by a softmax of scores, with one sharpness for doubtful images, one for others.

    The sharpness maximises the likelihood of the held-out images' labels (temperature scaling; Guo
    et al., "On calibration of modern neural networks", ICML 2017). Without held-out images it is 1.
    No class gets probability 0: a share of 1 / (number of held-out images + 2), and at least
    0.001 %, is spread over all classes.
    """

    def __init__(self) -> None:
        self.sharpness_ = {True: 1.0, False: 1.0}
        self.floor_ = {True: 1e-5, False: 1e-5}

    def fit(
        self, scores: Scores, codes: NDArray[np.integer], weights: FloatArray | None = None
    ) -> Self:
        """Fit to the scores of images whose classes, and weights if they differ, are known."""
        weights = np.ones(len(codes)) if weights is None else weights
        for doubtful in (True, False):
            rows = np.flatnonzero(scores.doubtful == doubtful)
            if not len(rows):
                continue
            own, right = scores.classes[rows], codes[rows]
            floor = self.floor_[doubtful] = max(1e-5, 1 / (len(rows) + 2))
            bounds = (np.log(0.01), np.log(_SHARPEST))
            given = (own, right, weights[rows], floor)
            found = minimize_scalar(self._loss, bounds=bounds, args=given, method="bounded")
            self.sharpness_[doubtful] = float(np.exp(found.x))
        return self

    def probabilities(self, scores: Scores) -> FloatArray:
        """Return probabilities, shape (n, n_classes); a low score gives a high probability."""
        out = np.empty(scores.classes.shape)
        for doubtful in (True, False):
            rows = scores.doubtful == doubtful
            out[rows] = self._shares(
                scores.classes[rows], self.sharpness_[doubtful], self.floor_[doubtful]
            )
        return out

    @staticmethod
    def _loss(
        log_sharpness: float, scores: FloatArray, right: Codes, weights: FloatArray, floor: float
    ) -> float:
        shares = Calibration._shares(scores, np.exp(log_sharpness), floor)
        return float(np.average(-np.log(shares[np.arange(len(right)), right]), weights=weights))

    @staticmethod
    def _shares(scores: FloatArray, sharpness: float, floor: float) -> FloatArray:
        shares: FloatArray = np.exp(log_softmax(-sharpness * scores, axis=1))
        shares *= 1 - floor
        shares += floor / scores.shape[1]
        return shares
