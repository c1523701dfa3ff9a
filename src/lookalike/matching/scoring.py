"""Scoring rules of a neighbour table: scores of each class for every image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.class_distances import class_distances, hyperplane_distances
from lookalike.matching.local_scaling import rescale
from lookalike.search.neighbors import Neighbors

if TYPE_CHECKING:
    from lookalike.matching.matcher import Matcher, Sought

FloatArray = NDArray[np.float64]
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
    """Scores of images.

    Attributes
    ----------
    classes : ndarray of shape (n, n_classes), float64
        Logarithm of the distance to each class; the lowest is the predicted class.
    doubtful : ndarray of shape (n,), bool
        Whether the nearest training images belong to several classes.
    """

    classes: FloatArray
    doubtful: NDArray[np.bool_]


class Scorer:
    """Computes scores by several scoring rules of the same candidates, and caches the shared steps.

    Parameters
    ----------
    matcher : Matcher
        The matcher that found the candidates.
    sought : Sought
    """

    def __init__(self, matcher: Matcher, sought: Sought) -> None:
        self._matcher = matcher
        self._sought = sought
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
        # The keys are functions, not bound methods: these would keep the reader, and its tables,
        # alive in a reference cycle.
        if (find, *how) not in self._done:
            self._done[find, *how] = find(self, *how)
        found: _Found = self._done[find, *how]
        return found

    def _scale(self, power: float) -> tuple[Neighbors, NDArray[np.int64]]:
        matcher = self._matcher
        # Distances are squared, hence twice the power.
        factors = matcher.factors(2 * power)
        table = rescale(self._sought.table, factors, n_threads=matcher.n_threads)
        nearest = matcher.codes_[table.indices[:, :UNANIMOUS]]
        return table, np.flatnonzero((nearest != nearest[:, :1]).any(axis=1))

    def _sum(self, scaling: float, k: int) -> FloatArray:
        return self._sum_classes(self.scaled(scaling)[0], k)

    def _sum_classes(self, table: Neighbors, k: int) -> FloatArray:
        matcher = self._matcher
        return _log(
            class_distances(
                table, matcher.codes_, matcher.n_classes_, k, n_threads=matcher.n_threads
            )
        )

    def _read_hyperplanes(self, scaling: float) -> FloatArray:
        matcher = self._matcher
        table, unsure = self.scaled(scaling)
        return _log(
            hyperplane_distances(
                self._sought.coordinates[unsure],
                matcher.coordinates_,
                table.take(unsure),
                matcher.codes_,
                matcher.n_classes_,
                n_threads=matcher.n_threads,
            )
        )

    def _deform(self, scaling: float, backward: bool) -> tuple[NDArray[np.int64], FloatArray]:
        """Return the candidates of doubtful images and their deformation distances."""
        table, unsure = self.scaled(scaling)
        candidates = np.ascontiguousarray(table.indices[unsure, :DEFORMED_CANDIDATES])
        distances = self._matcher.deform(self._sought.images[unsure], candidates, backward=backward)
        return candidates, distances.astype(np.float64)

    def _scale_deformed(self, scaling: float, how: Deformed) -> Neighbors:
        candidates, distances = self._once(Scorer._deform, scaling, False)
        if how == "both":
            distances = distances + self._once(Scorer._deform, scaling, True)[1]
        matcher = self._matcher
        factors = matcher.factors(DEFORMED_POWERS[how], deformed=True)
        return rescale(Neighbors(candidates, distances), factors, n_threads=matcher.n_threads)


def _log(distances: FloatArray) -> FloatArray:
    logarithms: FloatArray = np.log(np.maximum(distances, _LEAST_DISTANCE))
    return logarithms
