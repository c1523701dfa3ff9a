"""The choice between a picture's pixels and what a pretrained network makes of it.

A network takes a hundred times as long as pixels, and is worth it only where it sees more. A quick
test on a few hundred training pictures tells: both are tried with their usual representation on the
same held-out pictures. Grey pictures, such as digits and other strokes, are compared by their
pixels without a test, and so are pictures of which pixels get nearly all right.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.features.network import PhotosMissingError
from lookalike.features.pretrained import PretrainedFeatures
from lookalike.images.dataset import Dataset
from lookalike.images.exceptions import warn_caller
from lookalike.images.progress import Progress, StagedProgress
from lookalike.matching.byte_levels import ByteLevels, shrink, working_sides
from lookalike.matching.matcher import Codes
from lookalike.matching.model_selection import Trial, TrialSplit, make_splits, most_equal, try_usual
from lookalike.matching.search_spaces import SEARCH_SPACES
from lookalike.matching.vectors import VectorRows
from lookalike.search.machine import count_threads

PIXELS, AUTO = "pixels", "auto"

_N_TRAIN, _N_HELD_OUT = 250, 150
_N_OF_CLASS, _MOST_TRAIN = 4, 2000
"""Pictures of a class to learn from, where there are so many classes that it takes more."""

_GOOD, _BAD = 0.05, 0.2
"""Errors by pixels up to which no network is tried, and from which one that lacks is missed."""


class FeatureChoice(NamedTuple):
    """What was tried, and the network if it was better."""

    trials: list[Trial]
    network: PretrainedFeatures | None


def choose_features(
    images: NDArray[np.uint8],
    pictures: Sequence[Any] | NDArray[np.uint8],
    codes: Codes,
    *,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> FeatureChoice:
    """Choose between pixels and the vectors of the embedded network.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c), uint8
        The training pictures as pixels would be compared.
    pictures : sequence of n pictures
        The same as the network takes them.
    codes : ndarray of shape (n,), int32
        Their classes.
    n_jobs : int, optional
    progress : callable, optional
        That of the network.

    Warns
    -----
    UserWarning
        If the network is chosen; or if it is not installed and would probably be better.
    """
    n_classes = int(codes.max(initial=0)) + 1
    if images.ndim < 4 or images.shape[3] < 3 or n_classes < 2 or len(images) < 2 * n_classes:
        return FeatureChoice([], None)
    rows, splits = _some(codes, n_classes)
    own, n_threads = codes[rows], count_threads(n_jobs)
    some = images[rows]
    small = working_sides(some.shape[1:3], SEARCH_SPACES["fast"].longest_side)
    stack = shrink(ByteLevels(some).to_bytes(some), small, n_threads)
    pixels = try_usual(stack, own, n_classes, splits, n_threads)
    if pixels.error <= _GOOD:
        return FeatureChoice([pixels], None)
    try:
        network = PretrainedFeatures(n_jobs=n_jobs).fit()
    except PhotosMissingError:
        if pixels.error >= _BAD:
            warn_caller(
                f"{pixels.error:.0%} of held-out pictures come out wrong by their pixels; a "
                "pretrained network may do better (19 instead of 41% wrong on clip art): pip "
                "install 'lookalike[photos]'"
            )
        return FeatureChoice([pixels], None)
    except OSError as error:
        warn_caller(f"no network is tried, for it cannot be opened: {error}")
        return FeatureChoice([pixels], None)
    found = network.transform([pictures[row] for row in rows.tolist()], progress=progress)
    vectors = try_usual(VectorRows(found).to_bytes(found), own, n_classes, splits, n_threads)
    if most_equal(vectors.n_wrong) >= pixels.n_wrong:
        return FeatureChoice([pixels, vectors], None)
    warn_caller(
        f"pictures are compared by what {network.network} makes of them: of {pixels.n_held_out:,} "
        f"held-out ones {vectors.n_wrong:,} come out wrong, and {pixels.n_wrong:,} by their pixels"
    )
    return FeatureChoice([pixels, vectors], network)


def turn_into_vectors(
    data: Dataset, features: str, n_jobs: int | None, progress: StagedProgress
) -> tuple[Dataset, FeatureChoice]:
    """Return a data set with its vectors by a network, and the network, with what was tried before.

    Where "pixels" are wanted, or better if "auto" is, there are no vectors and no network.
    """
    if features == PIXELS:
        return data, FeatureChoice([], None)
    count_threads(n_jobs)
    if features == AUTO:
        progress.start("trying pixels and a network")
        train = data.train
        given = train.images, train.pictures, train.labels.astype(np.int32)
        found = choose_features(*given, n_jobs=n_jobs, progress=progress)
    else:
        progress.start("opening the network")
        found = FeatureChoice([], PretrainedFeatures(features, n_jobs=n_jobs).fit())
    network = found.network
    if network is not None:
        progress.start(f"turning pictures into vectors by {Path(network.network).name}")
        data = data.with_vectors(partial(network.transform, progress=progress))
    return data, found


def choose_features_for(X: Any, y: Codes, n_jobs: int | None) -> FeatureChoice:
    """Choose between pixels and a network for what a classifier is fitted to.

    Arrays of one size are tried both ways. Files, and pictures of several sizes, have no pixels to
    compare; other numbers are no pictures.
    """
    try:
        array = np.asarray(X)
    except ValueError:  # arrays of several sizes
        array = np.empty(len(X), object)
    if array.ndim == 1 and array.dtype.kind in "OSU":
        return FeatureChoice([], PretrainedFeatures(n_jobs=n_jobs))
    if array.dtype != np.uint8 or array.ndim < 3:
        return FeatureChoice([], None)
    return choose_features(array, array, y, n_jobs=n_jobs)


def _some(codes: Codes, n_classes: int) -> tuple[NDArray[np.int64], list[TrialSplit]]:
    """Return some rows, and splits of these."""
    n_train = max(_N_TRAIN, min(_N_OF_CLASS * n_classes, _MOST_TRAIN))
    splits = make_splits(codes, n_train, _N_HELD_OUT, 1, np.random.default_rng(0))
    rows = np.unique(np.concatenate([part for split in splits for part in split]))
    return rows, [TrialSplit(*(np.searchsorted(rows, part) for part in own)) for own in splits]
