"""Normalization of handwriting: slant is removed, and size moved halfway to the mean."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lookalike import _core
from lookalike.matching.byte_levels import ByteLevels, Bytes, check_images
from lookalike.search.machine import count_threads


class NormalizeStroke(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Remove the slant of strokes, and bring their size halfway to that of the training set.

    This suits strokes on an empty background, for instance handwriting, and distorts other
    images. It uses the moments of the ink; ``src/core/strokes.hpp`` has the formulae. An image
    without ink stays unchanged.

    Parameters
    ----------
    n_jobs : int, default=None
        Number of threads; None means all CPUs.

    Attributes
    ----------
    target_x_, target_y_ : float
        Mean standard deviations of the training images' ink, in pixels, along x without slant
        and along y.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
    Proc. IEEE 86 (1998): deskewing by moments.

    Examples
    --------
    >>> import numpy as np
    >>> slanted = np.zeros((1, 9, 9), np.uint8)
    >>> slanted[0, range(1, 8), range(7, 0, -1)] = 255
    >>> upright = NormalizeStroke().fit_transform(slanted)
    >>> upright[0].any(axis=0).sum()
    np.int64(1)
    """

    def __init__(self, *, n_jobs: int | None = None) -> None:
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Measure the size of the strokes of images.

        Parameters
        ----------
        X : array-like of shape (n, height, width) or (n, height, width, channels)
        y : ignored

        Raises
        ------
        ValueError, TypeError
            If X is not a stack of finite images of one size.
        """
        images = check_images(X)
        self._levels = ByteLevels(images)
        return self.fit_stack(self._levels.to_bytes(images))

    def transform(self, X: Any) -> Bytes:
        """Return images of the same shape, as bytes.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        ValueError
            If the images differ in size from those of training.
        """
        check_is_fitted(self)
        images = check_images(X)
        return self.transform_stack(self._levels.to_bytes(images)).reshape(images.shape)

    def fit_stack(self, images: Bytes) -> Self:
        extents = np.empty((len(images), 2))
        _core.stroke_extents(images, out=extents, n_threads=count_threads(self.n_jobs))
        inked = extents[extents.all(axis=1)]
        height, width = images.shape[1:3]
        # Without any ink nothing moves, but the target must be defined.
        means: NDArray[Any] = inked.mean(axis=0) if len(inked) else np.array([width, height]) / 6
        self.target_x_, self.target_y_ = map(float, means)
        return self

    def transform_stack(self, images: Bytes) -> Bytes:
        out = np.empty_like(images)
        _core.normalize_strokes(
            images,
            target_x=self.target_x_,
            target_y=self.target_y_,
            out=out,
            n_threads=count_threads(self.n_jobs),
        )
        return out
