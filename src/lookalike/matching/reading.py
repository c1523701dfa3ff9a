"""Readings of a neighbour table: how far each class is from every image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.classes import class_distances, hyperplane_distances
from lookalike.matching.scaling import rescale
from lookalike.search.table import Neighbors

if TYPE_CHECKING:
    from lookalike.matching.matcher import Matcher, Sought

FloatArray = NDArray[np.float64]
Deformed = Literal["off", "forward", "both"]
_Found = TypeVar("_Found")

UNANIMOUS = 12
"""Nearest training images that settle an image where all are of one class."""

DEFORMED_CANDIDATES = 200
DEFORMED_K = 4
DEFORMED_POWERS = {"forward": 0.4, "both": 0.5}
"""Of the local radii that deformation distances are divided by."""

_LEAST_DISTANCE = 1e-3
"""Of a class: the logarithm of an exact copy's is finite."""


class Reading(NamedTuple):
    """How a neighbour table is read.

    Attributes
    ----------
    scaling : float
        The power of the local radii that distances are divided by.
    k : int
        Neighbours of each class whose distances are added up.
    hyperplanes : float
        What the logarithm of the distance to each class's local hyperplane counts, on images that
        are in doubt; 0: nothing.
    deformation : {"off", "forward", "both"}
        Whether the sums are of deformation distances instead, on images that are in doubt.
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
    """What was found for images.

    Attributes
    ----------
    classes : ndarray of shape (n, n_classes), float64
        How far each class is, as a logarithm: the lowest is the answer.
    doubtful : ndarray of shape (n,), bool
        Whether the nearest training images were of several classes.
    """

    classes: FloatArray
    doubtful: NDArray[np.bool_]


class Reader:
    """Reads the candidates of images in several ways, and does once what these share.

    Parameters
    ----------
    matcher : Matcher
        Whose training images the candidates are.
    sought : Sought
    """

    def __init__(self, matcher: Matcher, sought: Sought) -> None:
        self._matcher = matcher
        self._sought = sought
        self._done: dict[tuple[Any, ...], Any] = {}

    def read(self, reading: Reading) -> Scores:
        """Return the scores of all images."""
        _, unsure = self.scaled(reading.scaling)
        scores = self._once(Reader._sum, reading.scaling, reading.k).copy()
        if len(unsure):
            if reading.deformation != "off":
                near = self.deformed(reading.scaling, reading.deformation)
                scores[unsure] = self._sum_classes(near, DEFORMED_K)
            if reading.hyperplanes:
                planes = self._once(Reader._read_hyperplanes, reading.scaling)
                scores[unsure] += reading.hyperplanes * planes
        doubtful = np.zeros(len(scores), bool)
        doubtful[unsure] = True
        return Scores(scores, doubtful)

    def scaled(self, power: float) -> tuple[Neighbors, NDArray[np.int64]]:
        """Return the table, scaled, and the rows of the images in doubt."""
        return self._once(Reader._scale, power)

    def deformed(self, scaling: float, how: Deformed) -> Neighbors:
        """Return the candidates of the images in doubt by scaled deformation distance."""
        return self._once(Reader._scale_deformed, scaling, how)

    def _once(self, find: Callable[..., _Found], *how: Any) -> _Found:
        # Functions, not bound methods, are remembered: a reader that held itself would outlive its
        # last use, with its tables.
        if (find, *how) not in self._done:
            self._done[find, *how] = find(self, *how)
        found: _Found = self._done[find, *how]
        return found

    def _scale(self, power: float) -> tuple[Neighbors, NDArray[np.int64]]:
        matcher = self._matcher
        # Of squared distances: twice the power.
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
                Neighbors(table.indices[unsure], table.distances[unsure]),
                matcher.codes_,
                matcher.n_classes_,
                n_threads=matcher.n_threads,
            )
        )

    def _deform(self, scaling: float, backward: bool) -> tuple[NDArray[np.int64], FloatArray]:
        """Return the candidates of the images in doubt, and their deformation distances."""
        table, unsure = self.scaled(scaling)
        candidates = np.ascontiguousarray(table.indices[unsure, :DEFORMED_CANDIDATES])
        distances = self._matcher.deform(self._sought.images[unsure], candidates, backward=backward)
        return candidates, distances.astype(np.float64)

    def _scale_deformed(self, scaling: float, how: Deformed) -> Neighbors:
        candidates, distances = self._once(Reader._deform, scaling, False)
        if how == "both":
            distances = distances + self._once(Reader._deform, scaling, True)[1]
        matcher = self._matcher
        factors = matcher.factors(DEFORMED_POWERS[how], deformed=True)
        return rescale(Neighbors(candidates, distances), factors, n_threads=matcher.n_threads)


def _log(distances: FloatArray) -> FloatArray:
    logarithms: FloatArray = np.log(np.maximum(distances, _LEAST_DISTANCE))
    return logarithms
