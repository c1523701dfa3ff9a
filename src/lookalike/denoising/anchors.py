"""Anchors and the ridge regressions near them, which correct the common regression.

Each anchor learns from the patches nearest to it, so a patch serves several anchors. Patches are
first grouped into cells; the products of each cell are summed once, and an anchor adds up the cells
nearest to it. This takes less than half the time of summing for each anchor separately, and
predicts as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.denoising.intensity_scale import Floats
from lookalike.denoising.patches import Patches

Run = Callable[..., Iterable[Any]]
"""``map``, or the ``map`` of a thread pool."""

SAMPLES_PER_ANCHOR = (3000, 12000)
ANCHOR_RIDGES = (5.0, 20.0, 100.0, 400.0)
"""Numbers of nearest patches that an anchor learns from, and penalties per sample on its difference
from the common regression. A trial on some of the anchors chooses among them."""

TRIAL_ANCHORS = 24
TRIAL_SHARE = 0.1
"""Share of the samples held out for the trial."""

SAMPLES_PER_CELL = 500

_CENTRE_SAMPLES = 100
_CENTRE_ROUNDS = 6
_CHUNK = 16384
_CELLS_AT_ONCE = 32


def centres(keys: Floats, n_centres: int, rng: np.random.Generator) -> Floats:
    """Run Lloyd's k-means on a sample of keys; the number of threads does not change the result."""
    sample = keys[rng.permutation(len(keys))[: n_centres * _CENTRE_SAMPLES]]
    centres = sample[:n_centres].copy()
    for _ in range(_CENTRE_ROUNDS):
        label = _nearest(sample, centres)
        count = np.bincount(label, minlength=n_centres)
        for j, column in enumerate(sample.T):
            mean = np.bincount(label, column, n_centres) / np.maximum(count, 1)
            centres[:, j] = np.where(count > 0, mean, centres[:, j])
    return centres


def best_choice(
    patches: Patches, common: Floats, anchors: Floats, rng: np.random.Generator, run: Run
) -> tuple[int, float]:
    """Return the number of samples and the ridge with the least error on held-out samples."""
    held = rng.permutation(len(patches))[: int(len(patches) * TRIAL_SHARE)]
    order = rng.permutation(len(anchors))
    norms = np.einsum("ij,ij->i", patches.keys, patches.keys)
    norms[held] = np.inf
    label = _nearest(patches.keys[held], anchors, run)

    def errors(anchor: int) -> NDArray[np.float64]:
        mine = held[label == anchor]
        if not len(mine):
            return np.zeros(len(SAMPLES_PER_ANCHOR) * len(ANCHOR_RIDGES))
        apart = norms - 2 * (patches.keys @ anchors[anchor])
        most = min(len(apart) - len(held), SAMPLES_PER_ANCHOR[-1])
        near = np.argpartition(apart, most - 1)[:most]
        near = near[np.argsort(apart[near], kind="stable")]
        gram: Any = 0
        moments: Any = 0
        missed = []
        for begin, end in zip((0, *SAMPLES_PER_ANCHOR), SAMPLES_PER_ANCHOR, strict=False):
            more = patches.products(near[begin:end])
            gram, moments = gram + more[0], moments + more[1]
            for ridge in ANCHOR_RIDGES:
                weights = _ridge(gram, moments, common, ridge * min(end, most))
                off = patches.target[mine] - patches.predict(weights, mine)
                missed.append((off**2).sum(dtype=np.float64))
        return np.array(missed)

    total = sum(run(errors, order[:TRIAL_ANCHORS]))
    choices = [(size, ridge) for size in SAMPLES_PER_ANCHOR for ridge in ANCHOR_RIDGES]
    return choices[int(np.argmin(total))]


def fit_near(
    patches: Patches,
    common: Floats,
    anchors: Floats,
    choice: tuple[int, float],
    rng: np.random.Generator,
    run: Run,
    progress: Callable[[float], None],
) -> Floats:
    """Return the weights near each anchor, of shape (anchors, features, outputs)."""
    size, ridge = choice
    cells = _cells(patches.keys, anchors, rng, run)
    count = np.array([len(cell) for cell in cells])
    takes = _cells_near(
        anchors, np.stack([patches.keys[cell].mean(axis=0) for cell in cells]), count, size
    )
    n_anchors, n_features = len(anchors), patches.n_features
    # Only the upper triangles are stored: the matrices are symmetric.
    grams = [np.zeros((n_anchors, n_features - row), np.float32) for row in range(n_features)]
    moments = np.zeros((n_anchors, *common.shape), np.float32)
    for start in range(0, len(cells), _CELLS_AT_ONCE):
        taken = np.ascontiguousarray(takes[:, start : start + _CELLS_AT_ONCE])
        summed = run(patches.products, cells[start : start + _CELLS_AT_ONCE])
        grams_of, moments_of = (np.stack(each) for each in zip(*summed, strict=True))
        moments += np.tensordot(taken, moments_of, axes=1)

        def add(row: int, taken: Floats = taken, grams_of: Floats = grams_of) -> None:
            grams[row] += taken @ grams_of[:, row, row:]

        for _ in run(add, range(n_features)):
            pass
        progress(min(1.0, (start + _CELLS_AT_ONCE) / len(cells)))
    n_taken = takes @ count

    def solved(at: int) -> Floats:
        gram = np.empty((n_features, n_features), np.float32)
        for row, of_anchors in enumerate(grams):
            gram[row, row:] = gram[row:, row] = of_anchors[at]
        return _ridge(gram, moments[at], common, ridge * float(n_taken[at]))

    return np.stack(list(run(solved, range(n_anchors))))


def _ridge(gram: Floats, moments: Floats, common: Floats, penalty: float) -> Floats:
    """Fit the residuals of the common regression; return the sum of both weights."""
    penalties = np.float32(penalty) * np.eye(len(gram), dtype=np.float32)
    beyond = np.linalg.solve(gram + penalties, moments - gram @ common)
    return np.asarray(common + beyond, np.float32)


def _cells(
    keys: Floats, anchors: Floats, rng: np.random.Generator, run: Run
) -> list[NDArray[np.intp]]:
    """Group patches by nearest anchor, and these groups into cells around random members."""
    order = rng.permutation(len(keys))
    label = _nearest(keys[order], anchors, run)

    def cut(patches: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        n_cells = max(1, len(patches) // SAMPLES_PER_CELL)
        return _grouped(patches, _nearest(keys[patches], keys[patches[:n_cells]]), n_cells)

        # Equal patches give equal anchors; all but the first of these have no patches.

    groups = [group for group in _grouped(order, label, len(anchors)) if len(group)]
    return [cell for cell in chain.from_iterable(run(cut, groups)) if len(cell)]


def _grouped(values: NDArray[np.intp], label: NDArray[np.intp], n: int) -> list[NDArray[np.intp]]:
    """Return the values of each label, in their original order."""
    ends = np.cumsum(np.bincount(label, minlength=n))
    return np.split(values[np.argsort(label, kind="stable")], ends[:-1])


def _cells_near(anchors: Floats, means: Floats, count: NDArray[np.intp], size: int) -> Floats:
    """Mark with 1 the cells nearest to each anchor that together hold ``size`` patches."""
    apart = np.einsum("ij,ij->i", means, means) - 2 * (anchors @ means.T)
    near = np.argsort(apart, axis=1, kind="stable")
    before = np.cumsum(count[near], axis=1) - count[near]
    takes = np.zeros(apart.shape, np.float32)
    np.put_along_axis(takes, near, np.where(before < size, np.float32(1), np.float32(0)), axis=1)
    return takes


def _nearest(keys: Floats, centres: Floats, run: Run = map) -> NDArray[np.intp]:
    """Return the index of the centre nearest to each key."""
    half_norms = np.einsum("ij,ij->i", centres, centres) / 2

    def of(start: int) -> NDArray[np.intp]:
        found: NDArray[np.intp] = (half_norms - keys[start : start + _CHUNK] @ centres.T).argmin(1)
        return found

    return np.concatenate(list(run(of, range(0, len(keys), _CHUNK))))
