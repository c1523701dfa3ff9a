"""A representation of images with an exact search for their neighbours in the training set."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.array_types import FloatArray
from lookalike.images.augmentation import Augmentation, Flips
from lookalike.images.warps import Rotations
from lookalike.matching.axes import SHRINKAGE, PrincipalAxes, WithinClassWhitening
from lookalike.matching.byte_levels import Bytes, grey, ground_of
from lookalike.matching.deformation import DeformationModel
from lookalike.matching.local_scaling import N_LOCAL, local_radii, mean_radius
from lookalike.matching.stroke_normalization import NormalizeStroke
from lookalike.matching.vectors import NORMALIZATIONS, NormalizeVectors
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.neighbors import Neighbors

Codes = NDArray[np.int32]

_PARTNERS = 6
"""Number of neighbours from whose deformation distances the local density is estimated."""

COPIES: dict[str, Augmentation | None] = {
    "none": None,
    "turned": Rotations((-10, -5, 5, 10)),
    "mirrored": Flips(),
}
"""Changes that copies of the training images may have."""


class WithCopies(NamedTuple):
    """Images, followed by changed copies of them.

    Attributes
    ----------
    images : ndarray of shape (n_all, height, width, channels), uint8
    parents : ndarray of shape (n_all,), int64
        Index of the original of each image. Copies of one original are siblings: never each
        other's neighbours in a leave-one-out search.
    variants : ndarray of shape (n_all,), int64
        Change of each image, as an index into `variant_names`.
    """

    images: Bytes
    parents: NDArray[np.int64]
    variants: NDArray[np.int64]


def add_copies(images: Bytes, kind: str) -> WithCopies:
    """Return the images, followed by all of them after each change of a kind of `COPIES` in turn.

    Pixels from beyond the border take the colour of the image's background.

    Examples
    --------
    >>> found = add_copies(np.zeros((2, 8, 8, 1), np.uint8), "mirrored")
    >>> found.parents.tolist(), [variant_names("mirrored")[v] for v in found.variants]
    ([0, 1, 0, 1], ['original', 'original', 'flipped left-right', 'flipped left-right'])
    """
    n, augmentation = len(images), COPIES[kind]
    if augmentation is not None:
        # Warps fill with zeros, so they are applied to the difference from the background.
        ground = ground_of(images).astype(np.int16)[:, np.newaxis, np.newaxis]
        raised = images - ground
        changed = (change.apply(raised) for change in augmentation.variants(images.shape[1:]))
        images = np.concatenate([images, *((own + ground).astype(np.uint8) for own in changed)])
    variants, parents = np.divmod(np.arange(len(images)), n)
    return WithCopies(images, parents, variants)


def variant_names(kind: str) -> tuple[str, ...]:
    """Return the names of the variants of an image with copies of a kind, "original" first."""
    augmentation = COPIES[kind]
    # The variants do not depend on the size of the images.
    made = () if augmentation is None else augmentation.variants((8, 8))
    return ("original", *map(str, made))


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
        The copies that are added to the training images (`COPIES`).
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


class Sought(NamedTuple):
    """Normalized images, their coordinates, and their candidates by squared distance of these."""

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
    images_ : ndarray of shape (n_all, height, width, channels), uint8
        The training images and their copies, with strokes normalized if the representation says so.
    parents_, variants_ : ndarray of shape (n_all,), int64
        The original of each image among the n training images, and its change (`WithCopies`).
    codes_ : ndarray of shape (n_all,), int32
    n_classes_ : int
    coordinates_ : ndarray of shape (n_all, n_components), int8
    radii_ : ndarray of shape (n_all,), float64
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
        """Fit to images (n, height, width, channels), uint8, or vectors (n, 1, 1, d), float32."""
        return self.fit_projected(*self.learn_axes(images), codes, n_classes)

    def learn_axes(self, images: Bytes) -> tuple[WithCopies, NDArray[np.float32]]:
        """Fit the unsupervised steps; return the images with copies, and their coordinates."""
        self.normalizer_: NormalizeStroke | NormalizeVectors | None = None
        if self.representation.features in NORMALIZATIONS:
            roots, unit = NORMALIZATIONS[self.representation.features]
            self.normalizer_ = NormalizeVectors(roots=roots, unit=unit).fit_stack(images)
        elif self.representation.strokes:
            self.normalizer_ = NormalizeStroke(n_jobs=self.n_threads).fit_stack(images)
        own = add_copies(self._normalized(images), self.representation.growth)
        self.axes_ = PrincipalAxes(self.representation.features, self.n_components, self.n_threads)
        return own, self.axes_.fit(own.images).transform(own.images)

    def fit_projected(
        self, own: WithCopies, coordinates: NDArray[np.float32], codes: Codes, n_classes: int
    ) -> Self:
        """Fit the other steps to projected training images and their classes."""
        self.images_, self.parents_, self.variants_ = own
        self.codes_, self.n_classes_ = codes[own.parents], n_classes
        self._grey = grey(own.images)
        shrinkage = SHRINKAGE
        if self.representation.features in NORMALIZATIONS:
            # The eigenvalues of a covariance spread by the ratio of axes to degrees of freedom.
            shrinkage += coordinates.shape[1] / max(1, len(codes) - n_classes)
        whitening = WithinClassWhitening(self.representation.whitening, shrinkage)
        self.whitening_ = whitening.fit(coordinates, self.codes_)
        self.coordinates_ = whitening.transform(coordinates)
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
        own: WithCopies,
        coordinates: NDArray[np.float32],
        codes: Codes,
        n_classes: int,
        power: float,
    ) -> Matcher:
        """Return a matcher with the same axes and another power of whitening."""
        other = copy.copy(self)
        other.representation = self.representation._replace(whitening=power)
        return other.fit_projected(own, coordinates, codes, n_classes)

    def on_threads(self, n_threads: int) -> Self:
        """Set the number of threads."""
        self.n_threads = self.axes_.n_threads = self.search_.n_jobs = n_threads
        if isinstance(self.normalizer_, NormalizeStroke):
            self.normalizer_.n_jobs = n_threads
        return self

    @property
    def n_parents(self) -> int:
        """Number of training images without their copies."""
        return int(self.parents_.max()) + 1

    def project(self, images: Bytes) -> tuple[Bytes, NDArray[np.float32]]:
        """Return images, in the form that `fit` takes, normalized, and projected onto the axes."""
        images = self._normalized(images)
        return images, self.axes_.transform(images)

    def seek(self, images: Bytes, coordinates: NDArray[np.float32]) -> Sought:
        """Find the candidates of images that `project` returned, nearest first."""
        own = self.whitening_.transform(coordinates)
        k = min(self.n_neighbors, len(self.images_))
        return Sought(images, own, self.search_.neighbors(own, k))

    def deform(
        self, images: Bytes, candidates: NDArray[np.int64], *, backward: bool = False
    ) -> FloatArray:
        """Return the deformation distances of normalized images to their candidates."""
        pairs = grey(images), self._grey, candidates
        distances = self.deformation.distances(*pairs, backward=backward, n_threads=self.n_threads)
        return distances.astype(np.float64)

    def deformed_radii(self) -> FloatArray:
        """Return the local radii in deformation distance; computed at the first call."""
        if self._deformed_radii is None:  # costly, and needed for doubtful images only
            radii = np.ones(len(self.images_))
            if self.n_parents > 1:
                distances = self.deform(self.images_, self._partners(_PARTNERS).indices)
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

        `codes` are the classes of all images, because a new class changes the codes of others. Only
        the local radii of the new images are computed, so it takes little more than a copy.
        """
        n, n_before = self.n_parents, len(self.images_)
        new = add_copies(self._normalized(images), self.representation.growth)
        coordinates = self.whitening_.transform(self.axes_.transform(new.images))
        other = copy.copy(self)
        other.images_ = np.concatenate([self.images_, new.images])
        other._grey = grey(other.images_)
        other.parents_ = np.concatenate([self.parents_, n + new.parents])
        other.variants_ = np.concatenate([self.variants_, new.variants])
        other.codes_, other.n_classes_ = codes[other.parents_], n_classes
        other.coordinates_ = np.concatenate([self.coordinates_, coordinates])
        other.search_ = copy.copy(self.search_).partial_fit(coordinates)
        rows = np.arange(n_before, len(other.images_))
        distances = np.sqrt(other._partners(N_LOCAL, rows).distances)
        other.radii_ = np.concatenate([self.radii_, local_radii(distances, self._unit)])
        if self._deformed_radii is not None:
            distances = other.deform(new.images, other._partners(_PARTNERS, rows).indices)
            radii = local_radii(distances, self._deformed_unit)
            other._deformed_radii = np.concatenate([self._deformed_radii, radii])
        return other

    def kept(self, keep: NDArray[np.int64], codes: Codes, n_classes: int) -> Matcher:
        """Return a matcher with some of the training images, ascending, and the same axes.

        `codes` are the classes of the images that are kept.
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
        if rows is not None:
            groups = (self.parents_[rows], self.parents_)
            return self.search_.neighbors(self.coordinates_[rows], k, exclude=groups)
        # Without copies each row is its own group, which the search excludes by itself.
        has_copies = self.n_parents < len(self.images_)
        return self.search_.neighbors(None, k, exclude=self.parents_ if has_copies else None)

    def _normalized(self, images: Any) -> Any:
        return images if self.normalizer_ is None else self.normalizer_.transform_stack(images)
