"""A representation of images with an exact search for their neighbours in the training set."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.axes import PrincipalAxes
from lookalike.matching.byte_levels import Bytes, grey
from lookalike.matching.copies import Grown, grow
from lookalike.matching.deformation import DeformationModel
from lookalike.matching.local_scaling import N_LOCAL, local_radii, mean_radius
from lookalike.matching.stroke_normalization import NormalizeStroke
from lookalike.matching.whitening import WithinClassWhitening
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.neighbors import Neighbors

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]

PARTNERS = 6
"""Number of neighbours from whose deformation distances the local density is estimated."""


class Representation(NamedTuple):
    """The conversion of images to coordinates.

    Attributes
    ----------
    strokes : bool
        Whether strokes are normalized first (`NormalizeStroke`).
    features : str
        A key of `FEATURES`.
    whitening : float
        The power of `WithinClassWhitening`.
    growth : {"none", "turned", "mirrored"}
        The copies that are added to the training images (`GROWTHS`).
    """

    strokes: bool
    features: str
    whitening: float
    growth: str = "none"

    def __str__(self) -> str:
        parts = ["strokes normalized"] if self.strokes else []
        parts.append(self.features)
        if self.whitening:
            parts.append(f"whitened {self.whitening:g}")
        if self.growth != "none":
            parts.append(f"and {self.growth} copies")
        return ", ".join(parts)


class Projected(NamedTuple):
    """Images projected onto the axes of a representation, not yet whitened.

    Attributes
    ----------
    images : ndarray of shape (n, height, width, channels), uint8
        The images, with strokes normalized if the representation says so.
    coordinates : ndarray of shape (n, n_components), float32
    """

    images: Bytes
    coordinates: NDArray[np.float32]

    def part(self, rows: slice) -> Projected:
        """Return these rows only."""
        return Projected(self.images[rows], self.coordinates[rows])


class Sought(NamedTuple):
    """Images and their candidate neighbours.

    Attributes
    ----------
    images : ndarray of shape (n, height, width, channels), uint8
        The images, with strokes normalized if the representation says so.
    coordinates : ndarray of shape (n, n_components), int8
    table : Neighbors
        Candidates by squared distance of coordinates.
    """

    images: Bytes
    coordinates: NDArray[np.int8]
    table: Neighbors


class Matcher:
    """Training images in the coordinates of a representation, and an exact search among them.

    Parameters
    ----------
    representation : Representation
    n_components : int
    n_neighbors : int
        Number of candidates per image.
    n_threads : int

    Attributes
    ----------
    images_ : ndarray of shape (n_grown, height, width, channels), uint8
        The training images and their copies, with strokes normalized if the representation says so.
    parents_, variants_ : ndarray of shape (n_grown,), int64
        The original of each image among the n training images, and its change (`Grown`).
    codes_ : ndarray of shape (n_grown,), int32
    n_classes_ : int
    coordinates_ : ndarray of shape (n_grown, n_components), int8
    radii_ : ndarray of shape (n_grown,), float64
    """

    def __init__(
        self,
        representation: Representation,
        *,
        n_components: int = 256,
        n_neighbors: int = 400,
        n_threads: int = 1,
    ) -> None:
        self.representation = representation
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.n_threads = n_threads
        self.deformation = DeformationModel()

    def fit(self, images: Bytes, codes: Codes, n_classes: int) -> Self:
        """Fit to images of shape (n, height, width, channels), uint8, and their classes."""
        return self.fit_projected(*self.learn_axes(images), codes, n_classes)

    def learn_axes(self, images: Bytes) -> tuple[Grown, NDArray[np.float32]]:
        """Fit the unsupervised steps; return the images with copies, and coordinates."""
        self.strokes_ = None
        if self.representation.strokes:
            self.strokes_ = NormalizeStroke(n_jobs=self.n_threads)._fit_bytes(images)
        grown = grow(self._normalized(images), self.representation.growth)
        self.axes_ = PrincipalAxes(self.representation.features, self.n_components, self.n_threads)
        self.axes_.fit(grown.images)
        return grown, self.axes_.transform(grown.images)

    def fit_projected(
        self, grown: Grown, coordinates: NDArray[np.float32], codes: Codes, n_classes: int
    ) -> Self:
        """Fit the other steps to projected training images and their classes."""
        self.images_, self.parents_, self.variants_ = grown
        self.codes_, self.n_classes_ = codes[grown.parents], n_classes
        self._grey = grey(grown.images)
        self.whitening_ = WithinClassWhitening(self.representation.whitening).fit(
            coordinates, self.codes_
        )
        self.coordinates_ = self.whitening_.transform(coordinates)
        self.search_ = NearestNeighbors(metric="sqeuclidean", n_jobs=self.n_threads)
        self.search_.fit(self.coordinates_)
        self._unit, self.radii_ = 0.0, np.ones(len(self.images_))
        self._deformed_unit = 0.0
        self._deformed_radii: FloatArray | None = None
        if len(codes) > 1:
            distances = np.sqrt(self._partners(N_LOCAL).distances)
            self._unit, self.radii_ = mean_radius(distances), local_radii(distances)
        return self

    def whitened(
        self,
        grown: Grown,
        coordinates: NDArray[np.float32],
        codes: Codes,
        n_classes: int,
        power: float,
    ) -> Matcher:
        """Return a matcher with the same axes and another power of whitening."""
        other = Matcher(
            self.representation._replace(whitening=power),
            n_components=self.n_components,
            n_neighbors=self.n_neighbors,
            n_threads=self.n_threads,
        )
        other.strokes_, other.axes_ = self.strokes_, self.axes_
        return other.fit_projected(grown, coordinates, codes, n_classes)

    def on_threads(self, n_threads: int) -> Self:
        """Set the number of threads."""
        self.n_threads = self.axes_.n_threads = self.search_.n_jobs = n_threads
        if self.strokes_ is not None:
            self.strokes_.n_jobs = n_threads
        return self

    @property
    def n_parents(self) -> int:
        """Number of training images without their copies."""
        return int(self.parents_.max()) + 1

    def project(self, images: Bytes) -> Projected:
        """Project images, in the form that `fit` takes, onto the axes."""
        images = self._normalized(images)
        return Projected(images, self.axes_.transform(images))

    def seek(self, projected: Projected) -> Sought:
        """Find the candidates of projected images, nearest first."""
        own = self.whitening_.transform(projected.coordinates)
        k = min(self.n_neighbors, len(self.images_))
        return Sought(projected.images, own, self.search_.neighbors(own, k))

    def deform(
        self, images: Bytes, candidates: NDArray[np.int64], *, backward: bool = False
    ) -> NDArray[np.int64]:
        """Return the deformation distances of normalized images to their candidates."""
        return self.deformation.distances(
            grey(images),
            self._grey,
            candidates,
            backward=backward,
            n_threads=self.n_threads,
        )

    def deformed_radii(self) -> FloatArray:
        """Return the local radii in deformation distance; computed at the first call."""
        if self._deformed_radii is None:  # costly, and needed for doubtful images only
            radii = np.ones(len(self.images_))
            if self.n_parents > 1:
                partners = self._partners(PARTNERS).indices
                distances = self.deform(self.images_, partners).astype(np.float64)
                self._deformed_unit, radii = mean_radius(distances), local_radii(distances)
            self._deformed_radii = radii
        return self._deformed_radii

    def factors(self, power: float, *, deformed: bool = False) -> FloatArray:
        """Return the factors of distances to each training image; cached."""
        known: dict[tuple[float, bool], FloatArray] = self.__dict__.setdefault("_factors", {})
        if (power, deformed) not in known:
            radii = self.deformed_radii() if deformed else self.radii_
            known[power, deformed] = radii**-power
        return known[power, deformed]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_factors"}

    def appended(self, images: Bytes, codes: Codes, n_classes: int) -> Matcher:
        """Return a matcher with more training images and the same axes.

        Only the local radii of the new images are computed, so it takes little more than a copy.

        Parameters
        ----------
        images : ndarray of shape (n_new, height, width, channels), uint8
        codes : ndarray of shape (n_parents + n_new,), int32
            Classes of all images, because a new class changes the codes of others.
        n_classes : int
        """
        n, n_grown = self.n_parents, len(self.images_)
        new = grow(self._normalized(images), self.representation.growth)
        own = self.whitening_.transform(self.axes_.transform(new.images))
        other = copy.copy(self)
        other.images_ = np.concatenate([self.images_, new.images])
        other._grey = grey(other.images_)
        other.parents_ = np.concatenate([self.parents_, n + new.parents])
        other.variants_ = np.concatenate([self.variants_, new.variants])
        other.codes_, other.n_classes_ = codes[other.parents_], n_classes
        other.coordinates_ = np.concatenate([self.coordinates_, own])
        other.search_ = copy.copy(self.search_).partial_fit(own)
        rows = np.arange(n_grown, len(other.images_))
        distances = np.sqrt(other._partners(N_LOCAL, rows).distances)
        other.radii_ = np.concatenate([self.radii_, local_radii(distances, self._unit)])
        if self._deformed_radii is not None:
            deformed = other.deform(new.images, other._partners(PARTNERS, rows).indices)
            radii = local_radii(deformed.astype(np.float64), self._deformed_unit)
            other._deformed_radii = np.concatenate([self._deformed_radii, radii])
        return other

    def kept(self, keep: NDArray[np.int64], codes: Codes, n_classes: int) -> Matcher:
        """Return a matcher with some of the training images and the same axes.

        Parameters
        ----------
        keep : ndarray of shape (n_kept,), int64
            Indices of the images to keep, ascending.
        codes : ndarray of shape (n_kept,), int32
        n_classes : int
        """
        places = np.full(self.n_parents, -1)
        places[keep] = np.arange(len(keep))
        rows = np.flatnonzero(places[self.parents_] >= 0)
        other = copy.copy(self)
        other.images_, other.parents_ = self.images_[rows], places[self.parents_[rows]]
        other._grey = grey(other.images_)
        other.variants_, other.radii_ = self.variants_[rows], self.radii_[rows]
        other.codes_, other.n_classes_ = codes[other.parents_], n_classes
        other.coordinates_ = self.coordinates_[rows]
        other.search_ = NearestNeighbors(metric="sqeuclidean", n_jobs=self.n_threads)
        other.search_.fit(other.coordinates_)
        if self._deformed_radii is not None:
            other._deformed_radii = self._deformed_radii[rows]
        return other

    def _partners(self, k: int, rows: NDArray[np.int64] | None = None) -> Neighbors:
        """Return the nearest rows that are not siblings, at squared distances."""
        k = min(self.n_parents - 1, k)
        queries = None if rows is None else self.coordinates_[rows]
        groups: Any = self.parents_ if rows is None else (self.parents_[rows], self.parents_)
        if rows is None and self.n_parents == len(self.images_):
            groups = None  # equivalent: each row is its own group
        return self.search_.neighbors(queries, k, exclude=groups)

    def _normalized(self, images: Bytes) -> Bytes:
        return images if self.strokes_ is None else self.strokes_._transform_bytes(images)
