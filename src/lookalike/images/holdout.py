"""Which images of a data set without a test part are held out to test with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.images.exceptions import DatasetError, warn_caller

_SHARE = 0.2  # of the images, held out where nothing else is asked for
_MOST_NAMED = 5  # classes in a message


def hold_out(
    labels: NDArray[np.int64],
    class_names: tuple[str, ...],
    source: str,
    test_size: float | None,
    random_state: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose the rows to train with and those to test with, both in order.

    ``labels`` are positions in the class names. ``test_size`` is the share or number of images to
    hold out, 0 for none; None is a fifth, or one of each class where a fifth has not one of each.
    A DatasetError says if so many cannot be held out. A warning says if nothing is held out though
    it was not asked for, only one of each class, or none of some classes, since they have a single
    image.
    """
    every = np.arange(len(labels))
    if test_size is not None and test_size == 0:
        return every, every[:0]
    counts = np.bincount(labels, minlength=len(class_names))
    n_classes = int(np.count_nonzero(counts > 1))
    if n_classes == 0 and test_size is None:
        warn_caller(
            f"{source} has one image of each class, so none is held out to test with: all of them "
            "are train images; add images to have a test part"
        )
        return every, every[:0]
    rows = every[counts[labels] > 1]
    if test_size is None and np.ceil(_SHARE * len(rows)) < n_classes:
        warn_caller(
            f"{source} has few images, {len(labels):,} of {np.count_nonzero(counts):,} classes: "
            "one of each class is held out to test with; another number: test_size (--test-size)"
        )
        shuffled = np.random.default_rng(random_state).permutation(rows)
        test = shuffled[np.unique(labels[shuffled], return_index=True)[1]]
    else:
        from sklearn.model_selection import train_test_split

        size = _SHARE if test_size is None else test_size
        try:
            _, test = train_test_split(
                rows, test_size=size, random_state=random_state, stratify=labels[rows]
            )
        except (ValueError, TypeError) as error:
            cure = (
                f"give a number of images from {n_classes} to {len(rows) - n_classes}, or 0 to "
                "hold none out"
                if len(rows)
                else "give 0 to hold none out, or add images"
            )
            raise DatasetError(
                f"{source}: test_size={size!r} cannot be held out of {len(labels):,} images of "
                f"{np.count_nonzero(counts)} classes, {n_classes} of them with two images or more; "
                f"{cure}"
            ) from error
    if n_classes < np.count_nonzero(counts):
        names = [repr(class_names[code]) for code in np.flatnonzero(counts == 1)]
        more = len(names) - _MOST_NAMED
        warn_caller(
            f"{source}: {', '.join(names[:_MOST_NAMED])}{f' and {more:,} more' if more > 0 else ''}"
            f" {'has' if len(names) == 1 else 'have'} a single image, which is a train image: none "
            "of the class is held out to test with"
        )
    # sorted, so that both parts keep the source's order
    return np.setdiff1d(every, test), np.sort(test)
