"""Images matched with training images: a representation, its search, and readings of the table."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.axes import PrincipalAxes
from lookalike.matching.deformation import DeformationModel
from lookalike.matching.levels import Bytes, grey
from lookalike.matching.scaling import N_LOCAL, local_radii
from lookalike.matching.strokes import NormalizeStroke
from lookalike.matching.whitening import WithinClassWhitening
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.table import Neighbors

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]

PARTNERS = 6
"""Nearest training images of each one, whose deformation distances tell how densely it stands."""


class Recipe(NamedTuple):
    """How images become coordinates.

    Attributes
    ----------
    strokes : bool
        Whether strokes are normalized first (`NormalizeStroke`).
    features : {"pixels", "gradients", "rich"}
    whitening : float
        The power of `WithinClassWhitening`.
    """

    strokes: bool
    features: str
    whitening: float

    def __str__(self) -> str:
        parts = ["strokes normalized"] if self.strokes else []
        parts.append(self.features)
        if self.whitening:
            parts.append(f"whitened {self.whitening:g}")
        return ", ".join(parts)


class Projected(NamedTuple):
    """Images on the axes of a recipe, not yet whitened.

    Attributes
    ----------
    images : ndarray of shape (n, height, width, channels), uint8
        As the recipe has them: strokes normalized, or not.
    coordinates : ndarray of shape (n, n_components), float32
    """

    images: Bytes
    coordinates: NDArray[np.float32]

    def part(self, rows: slice) -> Projected:
        """Return some of the images."""
        return Projected(self.images[rows], self.coordinates[rows])


class Sought(NamedTuple):
    """Images that neighbours were looked for.

    Attributes
    ----------
    images : ndarray of shape (n, height, width, channels), uint8
        As the recipe has them.
    coordinates : ndarray of shape (n, n_components), int8
    table : Neighbors
        Squared distances in coordinates.
    """

    images: Bytes
    coordinates: NDArray[np.int8]
    table: Neighbors


class Matcher:
    """Training images in the coordinates of a recipe, with an exact search over them.

    Parameters
    ----------
    recipe : Recipe
    n_components : int
    n_neighbors : int
        Candidates of each image.
    n_threads : int
    """

    def __init__(
        self, recipe: Recipe, *, n_components: int = 256, n_neighbors: int = 400, n_threads: int = 1
    ) -> None:
        self.recipe = recipe
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.n_threads = n_threads
        self.deformation = DeformationModel()

    def fit(self, images: Bytes, codes: Codes, n_classes: int) -> Self:
        """Learn from images (n, height, width, channels), bytes, and their classes."""
        return self.fit_projected(self.learn_axes(images), codes, n_classes)

    def learn_axes(self, images: Bytes) -> Projected:
        """Learn what needs no classes; return the images on the axes that were found."""
        self.strokes_ = None
        if self.recipe.strokes:
            self.strokes_ = NormalizeStroke(n_jobs=self.n_threads)._fit_bytes(images)
        images = self._normalized(images)
        self.axes_ = PrincipalAxes(self.recipe.features, self.n_components, self.n_threads)
        self.axes_.fit(images)
        return Projected(images, self.axes_.transform(images))

    def fit_projected(self, projected: Projected, codes: Codes, n_classes: int) -> Self:
        """Learn the rest from training images that are on the axes already."""
        images, coordinates = projected
        self.images_, self.codes_, self.n_classes_ = images, codes, n_classes
        self._grey = grey(images)
        self.whitening_ = WithinClassWhitening(self.recipe.whitening).fit(coordinates, codes)
        self.coordinates_ = self.whitening_.transform(coordinates)
        self.search_ = NearestNeighbors(metric="sqeuclidean", n_jobs=self.n_threads)
        self.search_.fit(self.coordinates_)
        self.radii_ = np.ones(len(images))
        self._deformed_radii: FloatArray | None = None
        if len(images) > 1:
            distances = self.search_.kneighbors(None, min(len(images) - 1, N_LOCAL))[0]
            self.radii_ = local_radii(np.sqrt(distances))
        return self

    def whitened(self, projected: Projected, codes: Codes, n_classes: int, power: float) -> Matcher:
        """Return a matcher on the same axes whose coordinates are whitened by another power."""
        other = Matcher(
            self.recipe._replace(whitening=power),
            n_components=self.n_components,
            n_neighbors=self.n_neighbors,
            n_threads=self.n_threads,
        )
        other.strokes_, other.axes_ = self.strokes_, self.axes_
        return other.fit_projected(projected, codes, n_classes)

    def project(self, images: Bytes) -> Projected:
        """Return images as `fit` takes them on the axes."""
        images = self._normalized(images)
        return Projected(images, self.axes_.transform(images))

    def seek(self, projected: Projected) -> Sought:
        """Find the candidates of images, nearest first."""
        own = self.whitening_.transform(projected.coordinates)
        k = min(self.n_neighbors, len(self.images_))
        distances, indices = self.search_.kneighbors(own, k)
        return Sought(projected.images, own, Neighbors(indices, distances))

    def deform(
        self, images: Bytes, candidates: NDArray[np.int64], *, backward: bool = False
    ) -> NDArray[np.int64]:
        """Return the deformation distances of images, as the recipe has them, to candidates."""
        return self.deformation.distances(
            grey(images),
            self._grey,
            candidates,
            backward=backward,
            n_threads=self.n_threads,
        )

    def deformed_radii(self) -> FloatArray:
        """Return the local radii in deformation distance, found when first asked for."""
        if self._deformed_radii is None:  # costly, and only needed where images are in doubt
            n = len(self.images_)
            self._deformed_radii = np.ones(n)
            if n > 1:
                partners = self.search_.kneighbors(None, min(n - 1, PARTNERS))[1]
                distances = self.deform(self.images_, partners)
                self._deformed_radii = local_radii(distances.astype(np.float64))
        return self._deformed_radii

    def _normalized(self, images: Bytes) -> Bytes:
        return images if self.strokes_ is None else self.strokes_._transform_bytes(images)
