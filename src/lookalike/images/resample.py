"""Bilinear resampling of a batch of images as one sparse matrix.

A warp tells for every pixel of its result where in the image it is read. Linear interpolation
between the four pixels around that place, with zeros outside of the image, is linear in the
pixels: a matrix with a row a pixel of the result and at most four entries a row, which is made once
and multiplies all images. The weights of a row are positive and add up to at most one, so no
result lies beyond the values that were there (and zero).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BLOCK_BYTES = 2**24  # of the floats of one block of images
_MOST_EXACT = 2**53  # beyond it not every integer is a float64


def bilinear_matrix(coordinates: NDArray[np.float64]) -> csr_array:
    """Return the matrix that reads images at these places.

    Parameters
    ----------
    coordinates : ndarray of shape (2, h, w), float64
        For each pixel of the result the row and the column, in pixels from the centre of the
        upper left one, at which the image is read; images have the shape (h, w) too.

    Returns
    -------
    csr_array of shape (h * w, h * w), float64
        ``matrix @ image.ravel()`` equals ``scipy.ndimage.map_coordinates(image, coordinates,
        order=1, mode="grid-constant").ravel()`` to rounding.
    """
    from scipy.sparse import csr_array

    height, width = coordinates.shape[1:]
    n_pixels = height * width
    # One pixel outside of the image and further outside is the same; what is left fits an integer.
    y = np.clip(coordinates[0].ravel(), -1, height)
    x = np.clip(coordinates[1].ravel(), -1, width)
    top, left = np.floor(y), np.floor(x)
    below, beside = y - top, x - left
    rows = np.stack([top, top, top + 1, top + 1], axis=1).astype(np.intp)
    columns = np.stack([left, left + 1, left, left + 1], axis=1).astype(np.intp)
    weights = np.stack(
        [
            (1 - below) * (1 - beside),
            (1 - below) * beside,
            below * (1 - beside),
            below * beside,
        ],
        axis=1,
    )
    counts = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & (weights > 0)
    starts = np.concatenate([[0], np.cumsum(counts.sum(axis=1))])
    entries = (weights[counts], (rows * width + columns)[counts], starts)
    return csr_array(entries, shape=(n_pixels, n_pixels))


def resample(images: NDArray[Any], matrix: csr_array) -> NDArray[Any]:
    """Read every channel of every image by the matrix, in float64 and in blocks of 16 MiB.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c)
        Bool, integers or floats. Integers are rounded, halves to even, and so are bools, as 0
        and 1.
    matrix : csr_array of shape (h * w, h * w)

    Returns
    -------
    ndarray of the same shape and dtype, C-contiguous

    Raises
    ------
    ValueError
        If integers exceed 2**53, which float64 would round.
    """
    resampled = np.empty(images.shape, dtype=images.dtype)
    n_pixels, n_channels = matrix.shape[0], int(np.prod(images.shape[3:]))
    step = max(1, _BLOCK_BYTES // (8 * n_pixels * max(1, n_channels)))
    for start in range(0, len(images), step):
        block = images[start : start + step]
        _check_exact(block)
        # Pixels first, so that one pass over the matrix serves all images of the block.
        values = block.reshape(len(block), n_pixels, n_channels).transpose(1, 0, 2)
        values = matrix @ values.reshape(n_pixels, -1).astype(np.float64, order="C")
        if images.dtype.kind in "biu":
            np.rint(values, out=values)
        values = values.reshape(n_pixels, len(block), n_channels).transpose(1, 0, 2)
        resampled[start : start + step] = values.reshape(block.shape)
    return resampled


def _check_exact(images: NDArray[Any]) -> None:
    if images.dtype.kind in "iu" and images.dtype.itemsize == 8 and images.size:
        largest = max(abs(int(images.min())), abs(int(images.max())))
        if largest > _MOST_EXACT:
            raise ValueError(
                f"images of dtype {images.dtype} reach {largest}, but they are warped in float64, "
                "which is exact up to 2**53; scale them down"
            )
