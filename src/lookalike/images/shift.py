"""Shifts of images by whole pixels or by fractions of one, for a batch at once.

A shift by whole pixels copies one slice to another, for the whole batch and any dtype. SciPy
interpolates for fractions of a pixel.
"""

from __future__ import annotations

from math import inf
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LEAST_SIDE = 8  # in pixels; a smaller image is not taken for a colour image

# Dtypes that scipy.ndimage interpolates. It would truncate bool, so that only 1.0 stayed True.
_INTERPOLATED = "bBhHiIlLqQfd"

_MOST_EXACT = 2**52  # SciPy interpolates in float64, which has no halves beyond this


def shift(
    images: ArrayLike, dy: float, dx: float, fill: Any = 0, *, channel_axis: int | None = None
) -> NDArray[Any]:
    """Move images down by ``dy`` and right by ``dx`` pixels.

    The order is that of the axes, rows before columns, as in ``scipy.ndimage.shift(image,
    [dy, dx])``. The helper ``shift_image(image, dx, dy)`` of Géron's chapter has the other order:
    name the arguments, as in ``shift(image, dy=0, dx=1)``, and neither order matters.

    For whole ``dy`` and ``dx`` the result equals ``scipy.ndimage.shift(image, [dy, dx], cval=fill,
    order=0)`` for every image and channel, exactly and for every dtype.

    Parameters
    ----------
    images : array-like of shape (h, w), (n, h, w) or (n, h, w, c)
        One grey image, or a batch of grey or colour images; bool, integers or floats. **An array
        with three axes is a batch of grey images**, as everywhere in this package: give one colour
        image of shape (h, w, c) with ``channel_axis=-1``, or as the batch ``image[None]``.
    dy, dx : float
        Pixels to move down and right; negative values move up and left. At most ``h - 1`` and
        ``w - 1`` either way, so that a part of the images remains. Whole numbers copy pixels,
        others interpolate linearly (``scipy.ndimage.shift`` with ``order=1, mode="constant"``:
        pixels that lie partly outside are all ``fill``; integers are rounded, halves away from
        zero).
    fill : scalar, default=0
        Value of new pixels, which the dtype must hold.
    channel_axis : int, optional
        Axis of the channels, if it is not the last of four: ``channel_axis=-1`` for one
        colour image (h, w, c), ``channel_axis=1`` for a batch (n, c, h, w).

    Returns
    -------
    ndarray of the shape and dtype of ``images``
        Always a new array.

    Raises
    ------
    ValueError
        If ``images`` has another number of axes, no pixels, a non-numeric dtype, or three axes
        that may be one colour image, for example (28, 28, 3); if ``dy`` or ``dx`` is not finite
        or moves everything out of the image; if the dtype does not hold ``fill``; or, for fractions
        of a pixel, if SciPy does not interpolate the dtype or integers exceed 2**52.

    Examples
    --------
    >>> import numpy as np
    >>> from lookalike import shift
    >>> image = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)
    >>> shift(image, dy=0, dx=1)  # one pixel to the right
    array([[0, 1, 2],
           [0, 4, 5]], dtype=uint8)
    >>> shift(image, -1, 0, fill=255)
    array([[  4,   5,   6],
           [255, 255, 255]], dtype=uint8)
    >>> shift(np.ones((10, 28, 28, 3)), 2, -0.5).shape
    (10, 28, 28, 3)
    """
    array = np.asarray(images)
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"images of dtype {array.dtype} are not numeric; convert them to integers or floats"
        )
    first = _row_axis(array.shape, channel_axis)
    height, width = array.shape[first : first + 2]
    if height == 0 or width == 0:
        raise ValueError(
            f"images of shape {array.shape} are {height} × {width} pixels; give images with pixels"
        )
    _check_distance("dy", dy, height, "high")
    _check_distance("dx", dx, width, "wide")
    value = _check_fill(fill, array.dtype)
    if float(dy).is_integer() and float(dx).is_integer():
        return move(array, int(dy), int(dx), value, row_axis=first)
    return _interpolate(array, float(dy), float(dx), value, first)


def move(
    images: NDArray[Any], dy: int, dx: int, fill: Any = 0, *, row_axis: int = 1
) -> NDArray[Any]:
    """Move images by whole pixels, as `shift` does, but without checks.

    Rows and columns of pixels lie along ``row_axis`` and the next axis.
    """
    moved = np.full(images.shape, fill, dtype=images.dtype)
    before = (slice(None),) * row_axis
    height, width = images.shape[row_axis : row_axis + 2]
    target = (*before, _kept(dy, height), _kept(dx, width))
    source = (*before, _kept(-dy, height), _kept(-dx, width))
    moved[target] = images[source]
    return moved


def _kept(distance: int, size: int) -> slice:
    """Return the positions, after a move, of the pixels that stay within an axis."""
    return slice(min(max(distance, 0), size), max(size + min(distance, 0), 0))


def _row_axis(shape: tuple[int, ...], channel_axis: int | None) -> int:
    """Return the axis of the rows of pixels, which the axis of the columns follows."""
    n_axes = len(shape)
    if channel_axis is None:
        if n_axes not in (2, 3, 4):
            raise ValueError(
                f"images of shape {shape} have {n_axes} axes; give one image (h, w), or a batch "
                "(n, h, w) or (n, h, w, c)"
            )
        if n_axes == 3 and shape[2] in (3, 4) and min(shape[:2]) >= _LEAST_SIDE:
            raise ValueError(
                f"images of shape {shape} could be one colour image of {shape[0]} × {shape[1]} "
                f"pixels or {shape[0]} grey ones of {shape[1]} × {shape[2]}; pass channel_axis=-1 "
                "for one image, or images[..., None] for many"
            )
        return 0 if n_axes == 2 else 1
    if n_axes not in (3, 4) or not -n_axes <= channel_axis < n_axes:
        raise ValueError(
            f"channel_axis={channel_axis!r} but images have the shape {shape}; give one image with "
            "3 axes or a batch with 4, and the number of one of the axes"
        )
    channels = channel_axis % n_axes
    spatial = [axis for axis in range(n_axes) if axis != channels][-2:]
    if spatial[1] != spatial[0] + 1:
        raise ValueError(
            f"channel_axis={channel_axis!r} of images of shape {shape} lies between rows and "
            "columns; move it to the end, as in np.moveaxis(images, channel_axis, -1)"
        )
    return spatial[0]


def _check_distance(name: str, distance: Any, size: int, extent: str) -> None:
    is_number = isinstance(distance, Real)
    # Compare without conversion: float overflows for integers of 400 digits. NaN fails.
    if not is_number or not -inf < distance < inf:
        raise ValueError(
            f"{name}={distance!r} is not a number of pixels; give a finite number, whole or not"
        )
    if abs(distance) > size - 1:
        raise ValueError(
            f"{name}={distance!r} but the images are {size} pixels {extent}, so nothing of "
            f"them would remain; give at most {size - 1} either way"
        )


def _check_fill(fill: Any, dtype: np.dtype[Any]) -> Any:
    """Return ``fill`` as a scalar of the dtype; raise ValueError if it does not fit."""
    given = np.asarray(fill)
    if given.ndim == 0 and given.dtype.kind in "biuf":
        with np.errstate(over="ignore", invalid="ignore"):
            value = given.astype(dtype)
        # rounding to a float is allowed, but not to infinity; Python compares numbers exactly
        is_rounded = dtype.kind == "f" and np.isfinite(value)
        if is_rounded or value.item() == given.item() or (np.isnan(value) and np.isnan(given)):
            return value[()]
    held = "True and False" if dtype.kind == "b" else "finite numbers of its range, NaN and inf"
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        held = f"whole numbers {info.min} to {info.max}"
    raise ValueError(
        f"fill={fill!r} is not a value of images of dtype {dtype}, which holds {held}; choose "
        "another, or convert the images first"
    )


def _interpolate(
    images: NDArray[Any], dy: float, dx: float, fill: Any, row_axis: int
) -> NDArray[Any]:
    from scipy import ndimage

    if images.dtype.char not in _INTERPOLATED:
        raise ValueError(
            f"dy={dy}, dx={dx}: SciPy does not interpolate pixels of dtype {images.dtype}; shift "
            "by whole pixels, or convert to uint8 or float32"
        )
    if images.dtype.kind in "iu" and images.dtype.itemsize == 8 and images.size:
        largest = max(abs(int(images.min())), abs(int(images.max())), abs(int(fill)))
        if largest > _MOST_EXACT:
            raise ValueError(
                f"dy={dy}, dx={dx}: pixels are interpolated in float64, which is exact up to "
                f"2**52, but they reach {largest}; shift by whole pixels or scale them down"
            )
    distances = [0.0] * images.ndim
    distances[row_axis : row_axis + 2] = [dy, dx]
    shifted = np.empty(images.shape, dtype=images.dtype)
    shifted[...] = ndimage.shift(images, distances, order=1, cval=fill)  # in native byte order
    return shifted
