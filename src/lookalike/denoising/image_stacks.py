"""Images in the layouts that users give, and the 256 levels that the denoiser computes in.

Images are a stack, rows of pixels, or a list of several sizes. Clean images have levels 0 … 255,
noisy ones may lie outside, and estimates are floats. Bytes are levels themselves; other images are
scaled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

SMALLEST = 7
"""Least side in pixels: the size of the regressions' windows."""

MOST_CHANNELS = 4
N_LEVELS = 256

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Images:
    """Images of shape (h, w, c), with the layout in which they were given."""

    arrays: list[NDArray[Any]]
    """One stack (n, h, w, c) of all images, or one stack for each image if their sizes differ."""

    given: Literal["stack", "rows", "list"]
    flat: bool  # whether the images had no channel axis

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
            return [image for stack in results for image in stack]
        (stack,) = results
        return stack.reshape(len(stack), -1) if self.given == "rows" else stack

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (image for stack in self.arrays for image in stack)


def as_images(X: Any, image_shape: Sequence[int] | None, name: str = "X") -> Images:
    """Convert images to one layout, and raise ValueError if they cannot be denoised.

    That is if there are none, or if they are not numeric, not finite, too small, or differ in their
    channels.
    """
    given: Literal["stack", "rows", "list"] = "list" if isinstance(X, list | tuple) else "stack"
    if given == "list" and len({np.shape(image) for image in X}) > 1:
        stacks = [np.asarray(image)[None] for image in X]
        dimensions = sorted({stack.ndim - 1 for stack in stacks})
        if dimensions not in ([2], [3]):
            raise ValueError(
                f"{name} mixes arrays of {dimensions} dimensions; give images as (h, w) for grey "
                "or (h, w, c) for colour, all alike"
            )
    else:
        array = np.asarray(X)
        if array.ndim in (2, 3, 4) and len(array) == 0:
            raise ValueError(f"{name} holds no images; give at least one")
        if array.ndim == 2:
            array, given = _of_rows(array, image_shape, name), "rows"
        if array.ndim not in (3, 4):
            raise ValueError(
                f"{name} has shape {array.shape}; give images as (n, h, w) or (n, h, w, c), as "
                "rows of pixels with image_shape, or as a list of images"
            )
        stacks = [array]
    flat = stacks[0].ndim == 3
    stacks = [_checked(stack[..., None] if flat else stack, name) for stack in stacks]
    if len({stack.shape[3] for stack in stacks}) > 1:
        raise ValueError(f"images of {name} differ in their channels; convert them to one kind")
    return Images(stacks, given, flat)


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


@dataclass(frozen=True)
class IntensityScale:
    """The linear scale ``value = low + step * level``."""

    low: float = 0.0
    step: float = 1.0

    @classmethod
    def of(cls, clean: list[NDArray[Any]]) -> Self:
        """Return the levels of images: unscaled if all values are whole numbers 0 to 255."""
        low = min(float(image.min()) for image in clean)
        high = max(float(image.max()) for image in clean)
        are_whole = (i.dtype.kind in "ub" or bool((i == np.rint(i)).all()) for i in clean)
        if low >= 0 and high <= N_LEVELS - 1 and all(are_whole):
            return cls()
        return cls(low, (high - low) / (N_LEVELS - 1) or 1.0)

    def of_clean(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the nearest level of each value, clipped to 0 … 255."""
        if self == IntensityScale() and images.dtype == np.uint8:
            return np.ascontiguousarray(images)
        levels = np.rint(self.of_noisy(images))
        return np.clip(levels, 0, N_LEVELS - 1).astype(np.uint8)

    def of_noisy(self, images: NDArray[Any]) -> Floats:
        """Return values in levels, neither rounded nor clipped."""
        levels = images.astype(np.float32)
        levels -= np.float32(self.low)
        levels /= np.float32(self.step)
        return levels

    def values(self, levels: Floats) -> Floats:
        """Convert levels back to values."""
        return levels * np.float32(self.step) + np.float32(self.low)
