"""Images in the layouts that users give: a stack, rows of pixels, or a list of several sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 7
"""Least side in pixels: the size of the regressions' windows."""

MOST_CHANNELS = 4


@dataclass(frozen=True)
class Images:
    """Images of shape (h, w, c), with the layout in which they were given.

    Attributes
    ----------
    arrays : list of ndarray of shape (n, h, w, c)
        One stack of all images, or one stack for each image of a list.
    given : str
        Layout: "stack", "rows" or "list".
    flat : bool
        Whether the images had no channel axis.
    """

    arrays: list[NDArray[Any]]
    given: str
    flat: bool

    @property
    def n_images(self) -> int:
        """Number of images."""
        return sum(len(stack) for stack in self.arrays)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.arrays[0].shape[3])

    @property
    def frame(self) -> tuple[int, int] | None:
        """Height and width if all images have the same, else None."""
        frames = {stack.shape[1:3] for stack in self.arrays}
        return frames.pop() if len(frames) == 1 else None

    def like(self, results: Sequence[NDArray[Any]]) -> Any:
        """Return results, one stack for each of ``arrays``, in the original layout."""
        if self.flat:
            results = [stack[..., 0] for stack in results]
        if self.given == "list":
            return [stack[0] for stack in results]
        (stack,) = results
        return stack.reshape(len(stack), -1) if self.given == "rows" else stack

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (image for stack in self.arrays for image in stack)


def as_images(X: Any, image_shape: Sequence[int] | None, name: str = "X") -> Images:
    """Check images and convert them to one layout.

    Raises
    ------
    ValueError
        If there are no images, or if they are not numeric, not finite, too small, or differ in
        their channels.
    """
    if isinstance(X, list | tuple) and len({np.shape(image) for image in X}) > 1:
        stacks, flat = _of_list(X, name)
        return Images(stacks, "list", flat)
    array = np.asarray(X)
    if array.ndim in (2, 3, 4) and len(array) == 0:
        raise ValueError(f"{name} holds no images; give at least one")
    given = "list" if isinstance(X, list | tuple) else "stack"
    if array.ndim == 2:
        array, given = _of_rows(array, image_shape, name), "rows"
    if array.ndim not in (3, 4):
        raise ValueError(
            f"{name} has shape {array.shape}; give images as (n, h, w) or (n, h, w, c), as rows of "
            "pixels with image_shape, or as a list of images"
        )
    flat = array.ndim == 3
    stack = _checked(array[..., None] if flat else array, name)
    return Images([stack] if given != "list" else [one[None] for one in stack], given, flat)


def _of_list(images: Sequence[Any], name: str) -> tuple[list[NDArray[Any]], bool]:
    arrays = [np.asarray(image) for image in images]
    dimensions = {array.ndim for array in arrays}
    if dimensions not in ({2}, {3}):
        raise ValueError(
            f"{name} mixes arrays of {sorted(dimensions)} dimensions; give images as (h, w) for "
            "grey or (h, w, c) for colour, all alike"
        )
    flat = dimensions == {2}
    stacks = [_checked((a[..., None] if flat else a)[None], name) for a in arrays]
    if len({stack.shape[3] for stack in stacks}) > 1:
        raise ValueError(f"images of {name} differ in their channels; convert them to one kind")
    return stacks, flat


def _of_rows(array: NDArray[Any], image_shape: Sequence[int] | None, name: str) -> NDArray[Any]:
    if image_shape is None:
        raise ValueError(
            f"{name} has shape {array.shape}, that is rows of pixels of unknown image shape; "
            "give image_shape=(h, w), or images as (n, h, w)"
        )
    if len(image_shape) not in (2, 3) or np.prod(image_shape) != array.shape[1]:
        raise ValueError(
            f"{name} has {array.shape[1]} values a row, which does not fit "
            f"image_shape={tuple(image_shape)}; give (h, w) or (h, w, c)"
        )
    return array.reshape(len(array), *image_shape)


def _checked(stack: NDArray[Any], name: str) -> NDArray[Any]:
    _, h, w, channels = stack.shape
    if stack.dtype.kind not in "buif":
        raise ValueError(f"{name} has dtype {stack.dtype}, but images are integers or floats")
    if not 1 <= channels <= MOST_CHANNELS:
        raise ValueError(
            f"images of {name} have {channels} channels, but 1 to {MOST_CHANNELS} are supported; "
            "is the shape (n, h, w, c)?"
        )
    if min(h, w) < SMALLEST:
        raise ValueError(
            f"images of {name} are {h} by {w} pixels, but windows of {SMALLEST} by {SMALLEST} must "
            "fit; enlarge them or pad them"
        )
    if stack.dtype.kind == "f" and not np.isfinite(stack).all():
        raise ValueError(f"{name} holds NaN or infinity; replace them, as by np.nan_to_num")
    return stack
