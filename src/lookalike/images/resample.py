"""Bilinear resampling of a batch of images as one sparse matrix.

A warp gives the position in the image from which each pixel of its result is read. Linear
interpolation among the four pixels around that position, with zeros outside of the image, is linear
in the pixels: a matrix with one row per pixel of the result and at most four entries per row. It is
made once and multiplies all images. The weights of a row are positive and sum to at most one, so no
result exceeds the range of the image's values and zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BLOCK_BYTES = 2**24  # size of one block of images as floats
_MOST_EXACT = 2**53  # float64 represents every integer up to this


def bilinear_matrix(coordinates: NDArray[np.float64]) -> csr_array:
    """Return the matrix that reads images at these positions.

    Parameters
    ----------
    coordinates : ndarray of shape (2, h, w), float64
        For each pixel of the result the row and the column, in pixels from the centre of the
        upper left pixel, from which it is read; images also have the shape (h, w).

    Returns
    -------
    csr_array of shape (h * w, h * w), float64
        ``matrix @ image.ravel()`` equals ``scipy.ndimage.map_coordinates(image, coordinates,
        order=1, mode="grid-constant").ravel()`` to rounding.
    """
    from scipy.sparse import csr_array

    height, width = coordinates.shape[1:]
    n_pixels = height * width
    # All positions farther outside than one pixel are equal; clipped ones fit an integer.
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
    """Multiply every channel of every image by the matrix, in float64 and in blocks of 16 MiB.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c)
        Bool, integers or floats. Integers are rounded, halves to even, and so are bools, taken as
        0 and 1.
    matrix : csr_array of shape (h * w, h * w)

    Returns
    -------
    ndarray of the same shape and dtype, C-contiguous

    Raises
    ------
    ValueError
        If integers exceed 2**53, which float64 cannot represent exactly.
    """
    resampled = np.empty(images.shape, dtype=images.dtype)
    n_pixels, n_channels = matrix.shape[0], int(np.prod(images.shape[3:]))
    step = max(1, _BLOCK_BYTES // (8 * n_pixels * max(1, n_channels)))
    for start in range(0, len(images), step):
        block = images[start : start + step]
        _check_exact(block)
        # Pixels come first, so that one product serves all images of the block.
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
