"""Normalization of vectors: roots tame heavy tails, lengths become 1, and the mean 0."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from lookalike.features.pretrained import PretrainedFeatures
from lookalike.images.checks import stack_images
from lookalike.images.progress import Progress
from lookalike.matching.byte_levels import check_images
from lookalike.search.validation import check_shape_of_images

Floats = NDArray[np.float32]

NORMALIZATIONS = {
    "vectors": (False, False),
    "unit vectors": (False, True),
    "unit vectors of roots": (True, True),
}
"""Whether roots are taken, and whether vectors come to unit length, by the name of the features."""


class NormalizeVectors(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Centre vectors, after roots and between two divisions by their length if so wanted.

    Activations of a network after its ReLU have heavy tails, which the square root tames: the
    distance between roots is Hellinger's [1]_. Distances between centred vectors of unit length
    depend on their angle only, as cosine distances do. Vectors have unit length before they are
    centred, too: otherwise the mean hides those that are shorter than others.

    Parameters
    ----------
    roots : bool, default=False
        Take the root of each value; negative values become 0.
    unit : bool, default=True
        Divide each vector by its length before it is centred, and again after; a vector without
        length stays.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,), float32
        Subtracted from vectors, after the root and the first division.
    scale_ : float
        The largest absolute value of training, by which values are first divided.

    References
    ----------
    .. [1] Arandjelović, Zisserman, "Three things everyone should know to improve object
       retrieval", CVPR 2012.

    Examples
    --------
    >>> X = np.array([[4.0, 0.0], [0.0, 16.0]])
    >>> NormalizeVectors(roots=True).fit_transform(X)
    array([[ 0.70710677, -0.70710677],
           [-0.70710677,  0.70710677]], dtype=float32)
    """

    def __init__(self, *, roots: bool = False, unit: bool = True) -> None:
        self.roots = roots
        self.unit = unit

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the mean of vectors of shape (n, n_features).

        Raises
        ------
        ValueError
            If X does not hold finite vectors.
        """
        return self.fit_stack(validate_data(self, X, dtype=[np.float64, np.float32]))

    def transform(self, X: Any) -> Floats:
        """Return normalized vectors of shape (n, n_features).

        Raises
        ------
        NotFittedError
            If called before `fit`.
        ValueError
            If X does not hold finite vectors of the same length as those of training.
        """
        check_is_fitted(self)
        dtypes = [np.float64, np.float32]
        return self.transform_stack(validate_data(self, X, reset=False, dtype=dtypes))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit_stack(self, vectors: NDArray[Any]) -> Self:
        """Learn the mean of finite vectors, along the last axis."""
        self.scale_ = float(np.abs(vectors).max()) or 1.0
        mean = np.mean(self._prepared(vectors), axis=tuple(range(vectors.ndim - 1)), dtype=float)
        self.mean_ = mean.astype(np.float32)
        return self

    def transform_stack(self, vectors: NDArray[Any]) -> Floats:
        """Return finite vectors normalized, in the shape given."""
        values = self._prepared(vectors)
        values -= self.mean_
        return _to_unit_length(values) if self.unit else values

    def _prepared(self, vectors: NDArray[Any]) -> Floats:
        """Return vectors before they are centred."""
        values = (vectors / self.scale_).astype(np.float32)
        if self.roots:
            np.sqrt(np.maximum(values, 0, out=values), out=values)
        return _to_unit_length(values) if self.unit else values


def _to_unit_length(values: Floats) -> Floats:
    """Divide vectors by their length, in place."""
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    values /= np.where(lengths > 0, lengths, 1)
    return values


def check_inputs(X: Any, features: Any = None, *, progress: Progress | None = None) -> NDArray[Any]:
    """Return finite images, or finite vectors of shape (n, d), float64 or float32.

    `features`, if given, turns X into vectors first; a network tells its progress. The errors are
    those of `check_images` and of scikit-learn's `check_array`.
    """
    if isinstance(features, PretrainedFeatures):
        X = features.transform(X, progress=progress)
    elif features is not None:
        X = features.transform(X)
    else:
        try:
            array = np.asarray(X)
        except ValueError:  # images of several sizes, of which `check_images` says more
            return check_images(X)
        # An array of objects along one axis holds images; a sparse matrix is an object of no axis.
        if array.ndim > 2 or (array.ndim == 1 and array.dtype == object):
            return check_images(X)
    return np.asarray(check_array(X, dtype=[np.float64, np.float32]))


def rows_to_images(X: Any, image_shape: Sequence[int] | None) -> Any:
    """Return rows of pixels as images of a shape; X as it is if there is none.

    The errors are those of `check_shape_of_images`.
    """
    if image_shape is None:
        return X
    array = np.asarray(stack_images(X))
    fitted = array.shape[1:] if array.ndim > 2 else None
    shape = check_shape_of_images(image_shape, fitted, prod(array.shape[1:]))
    return array.reshape(-1, *(shape or ()))


def stack_shape(image_shape: Sequence[int]) -> tuple[int, int, *tuple[int, ...]]:
    """Return the shape that images, or vectors, have in a stack."""
    height, width, *channels = (1, 1, *image_shape) if len(image_shape) == 1 else image_shape
    return height, width, *channels


class VectorRows:
    """Conversion of rows of numbers to the stacks that a `Matcher` takes.

    It takes the place of `ByteLevels` where there are no images. Values are divided by the largest
    of training, so that float32 holds them whatever their scale.

    Attributes
    ----------
    image_shape : tuple of int
        The length of the vectors, alone.
    dtype : str
    scale : float
    """

    def __init__(self, vectors: NDArray[Any]) -> None:
        self.image_shape, self.dtype = vectors.shape[1:], vectors.dtype.str
        self.scale = float(np.abs(vectors).max()) or 1.0

    def to_bytes(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Return vectors of shape (n, d) as a stack of shape (n, 1, 1, d), float32.

        Raises
        ------
        ValueError
            If the vectors differ in length from those of training.
        """
        if vectors.ndim > 2:
            raise ValueError(
                f"X has shape {vectors.shape}, but the classifier was fitted to vectors; give "
                "(n, n_features)"
            )
        if vectors.shape[1:] != self.image_shape:
            raise ValueError(
                f"X has {vectors.shape[1]} features, but LookalikeClassifier is expecting "
                f"{self.image_shape[0]} features as input"
            )
        scaled: NDArray[Any] = (vectors / self.scale).astype(np.float32)
        return scaled.reshape(len(vectors), 1, 1, -1)

    def from_bytes(self, stack: NDArray[Any]) -> NDArray[Any]:
        """Return the vectors that `to_bytes` was given, to the precision of float32."""
        vectors = stack.reshape(len(stack), -1).astype(np.float64) * self.scale
        return vectors.astype(self.dtype)
