"""Images as features (oriented gradients, pixels and colours, alone or together), by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lookalike import _core
from lookalike.matching.byte_levels import ByteLevels, Bytes, check_images
from lookalike.matching.vectors import NORMALIZATIONS
from lookalike.search.machine import count_threads, cpu_path

Floats = NDArray[np.float32]

_REACH = 3.7
"""Pixels farther than this many standard deviations from a cell's centre do not count in it."""


class OrientedGradients(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Strength of edges by direction, in each cell of a grid over the image.

    Gradients come from 3 x 3 Sobel filters with zeros beyond the border; each pixel of a colour
    image takes the channel with the largest gradient. Magnitudes are shared between the two
    nearest of `n_orientations` directions of the full circle and summed over cells with Gaussian
    weights; the features are square roots of the sums. They are identical to the last bit on
    every CPU and for every thread count.

    Parameters
    ----------
    n_orientations : int, default=12
    n_cells : int, default=7
        Cells along each side; fewer if the image has less than twice as many pixels.
    margin : float, default=1/14
        Distance of the outermost cells' centres from the edges, as a share of the side.
    spread : float, default=0.375
        Standard deviation of a cell, as a share of the distance between centres.
    root : bool, default=False
        Sum square roots of the magnitudes, so that strong edges count less.
    n_jobs : int, default=None
        Number of threads; None means all CPUs.

    Notes
    -----
    ``src/core/gradients.hpp`` has the algorithm.

    References
    ----------
    Dalal, Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.

    Examples
    --------
    >>> import numpy as np
    >>> edge = np.zeros((1, 28, 28), np.uint8)
    >>> edge[:, :, 14:] = 255
    >>> features = OrientedGradients(n_orientations=4, n_cells=2, margin=0.25).fit_transform(edge)
    >>> features.shape, features.reshape(4, 4).sum(axis=1).argmax()  # brighter to the right
    ((1, 16), np.int64(0))
    """

    def __init__(
        self,
        n_orientations: int = 12,
        n_cells: int = 7,
        *,
        margin: float = 1 / 14,
        spread: float = 0.375,
        root: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.n_orientations = n_orientations
        self.n_cells = n_cells
        self.margin = margin
        self.spread = spread
        self.root = root
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Store the shape and the range of values of images.

        Raises
        ------
        ValueError, TypeError
            If X is not a stack of finite images of one size, or if a parameter is out of range.
        """
        if self.n_orientations < 2 or self.n_cells < 1 or not 0 <= self.margin < 0.5:
            raise ValueError(
                f"n_orientations={self.n_orientations}, n_cells={self.n_cells}, "
                f"margin={self.margin}; give at least 2, at least 1, and a share below 0.5"
            )
        if not self.spread > 0:
            raise ValueError(f"spread={self.spread}; give a positive share of a cell")
        self._levels = ByteLevels(check_images(X))
        return self

    def transform(self, X: Any) -> Floats:
        """Return the features of images, shape (n, n_orientations * cells down * cells across).

        Raises
        ------
        NotFittedError
            If called before `fit`.
        ValueError, TypeError
            If X is not a stack of finite images of the fitted size.
        """
        check_is_fitted(self)
        return self._transform_bytes(self._levels.to_bytes(check_images(X)))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_levels")

    def _transform_bytes(self, images: Bytes, n_threads: int | None = None) -> Floats:
        down, across = (self._weights(side) for side in images.shape[1:3])
        cells = (self.n_orientations, down.shape[1], across.shape[1])
        out = np.empty((len(images), *cells), np.float32)
        _core.orient_gradients(
            images,
            down=down,
            across=across,
            root=self.root,
            out=out,
            cpu=cpu_path(),
            n_threads=n_threads or count_threads(self.n_jobs),
        )
        return out.reshape(len(images), -1)

    def _weights(self, side: int) -> Floats:
        """Return the weight of each pixel of a side in each cell: (side, cells)."""
        n_cells = min(self.n_cells, side // 2)
        middles = np.linspace(self.margin * side, (1 - self.margin) * side, n_cells)
        if n_cells == 1:
            middles = np.array([side / 2])
        sigma = self.spread * (side if n_cells == 1 else middles[1] - middles[0])
        # The Gaussian is normalised over all whole positions, including those beyond the border.
        beyond = int(np.ceil(4 * sigma))
        places = np.arange(-beyond, side + beyond)[:, np.newaxis]
        away = np.abs(places - middles)
        weights = np.where(away > _REACH * sigma, 0, np.exp(-0.5 * (away / sigma) ** 2))
        weights /= weights.sum(axis=0)
        return np.ascontiguousarray(weights[beyond : beyond + side], dtype=np.float32)


class Block(NamedTuple):
    """A function that returns features (n, n_features), and their total standard deviation."""

    make: Callable[[Bytes], Floats]
    weight: float = 1.0


def _pixels(images: Bytes) -> Floats:
    return images.reshape(len(images), -1).astype(np.float32)


def _blurred(images: Bytes) -> Floats:
    """Return square roots of images blurred with sigma 1, at half the size."""
    values = images.astype(np.float32)
    down, across = (_blur(side) for side in images.shape[1:3])
    values = np.einsum("ai,nijc->najc", down, values, optimize=True)
    values = np.einsum("bj,najc->nabc", across, values, optimize=True)
    return np.asarray(np.sqrt(values)).reshape(len(images), -1)


def _blur(side: int) -> Floats:
    """Return the weight of each pixel in each blurred pixel: (half the side, side)."""
    places, middles = np.arange(side), np.arange(0, side, 2 if side >= 16 else 1)
    weights = np.exp(-0.5 * (places - middles[:, np.newaxis]) ** 2.0)
    weights[np.abs(places - middles[:, np.newaxis]) > 4] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights, np.float32)


_N_FINE, _N_LEVELS = 16, 4
"""Levels per channel at which pixels are counted, and levels among which counts are shared."""


def _colours(images: Bytes) -> Floats:
    """Return square roots of the numbers of pixels of each of 4 x 4 x 4 colours.

    A pixel is shared among the colours nearest its own, in proportion to their nearness. Only the
    first three channels are used.
    """
    # Images are counted in small batches, because counts take more memory than images.
    return np.concatenate([_count_colours(images[i : i + 64]) for i in range(0, len(images), 64)])


def _count_colours(images: Bytes) -> Floats:
    n = len(images)
    places = np.arange(n)[:, np.newaxis, np.newaxis]
    for channel in range(3):
        places = places * _N_FINE + images[..., channel] // (256 // _N_FINE)
    found = np.bincount(places.ravel(), minlength=n * _N_FINE**3)
    counts = found.reshape(n, *[_N_FINE] * 3).astype(np.float32)
    levels = np.linspace(0, _N_LEVELS - 1, _N_FINE)[:, np.newaxis]
    shares = np.maximum(0, 1 - np.abs(levels - np.arange(_N_LEVELS))).astype(np.float32)
    for _ in range(3):  # the first axis is summed out, a new one comes last
        counts = np.tensordot(counts, shares, (1, 0))
    return np.sqrt(counts).reshape(n, -1)


def _gradients(n_orientations: int = 12, n_cells: int = 7, **how: Any) -> Block:
    gradients = OrientedGradients(n_orientations, n_cells, **how)
    return Block(partial(gradients._transform_bytes, n_threads=1))


_RICH = (
    _gradients(root=True),
    _gradients(16, 5, margin=1 / 7, spread=0.4, root=True),
    Block(_blurred, 0.3),
)

FEATURES: dict[str, tuple[Block, ...]] = {
    **dict.fromkeys(NORMALIZATIONS, (Block(_pixels),)),
    "pixels": (Block(_pixels),),
    "gradients": (_gradients(),),
    "gradients and colours": (_gradients(), Block(_colours, 0.5)),
    "rich": _RICH,
    "rich and colours": (*_RICH, Block(_colours, 0.7)),
}
"""Blocks of features by name. "rich" joins fine cells, coarse cells with finer directions, and
blurred pixels."""


def features_of(images: Bytes, name: str) -> list[Floats]:
    """Return the blocks of named features of images (n, height, width, channels), uint8.

    Names with colours need three channels or more.
    """
    return [block.make(images) for block in FEATURES[name]]


@cache
def count_features(name: str, image_shape: tuple[int, int, int]) -> int:
    """Return the number of features of an image of shape (height, width, channels)."""
    blank = np.zeros((1, *image_shape), np.uint8)
    return sum(block.shape[1] for block in features_of(blank, name))


def with_colours(name: str) -> str:
    """Return the name of the same features with colours, or `name` itself if there are none."""
    return f"{name} and colours" if f"{name} and colours" in FEATURES else name
