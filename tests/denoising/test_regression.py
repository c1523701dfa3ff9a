"""Regressions near anchors: what the cells sum up, beside sums taken for each anchor by itself."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lookalike.denoising.patches import INTERCEPT, Patches
from lookalike.denoising.regression import (
    AnchoredRegression,
    _cells,
    _cells_near,
    centres,
    fit_near,
)


@pytest.fixture(scope="module")
def patches():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.repeat(rng.integers(0, 2, (40, 7, 7, 1)) * 255, 4, axis=1), 4, axis=2)
    noisy = (truth + rng.normal(0, 30, truth.shape)).astype(np.float32)
    at = np.nonzero(rng.random(truth.shape[:3]) < 0.2)
    return Patches([noisy, np.abs(noisy)], truth.astype(np.uint8), at)


def features(patches, part):
    seen = patches._seen(part)
    return np.append(seen, np.full((len(seen), 1), INTERCEPT), axis=1).astype(np.float64)


def test_products_are_those_of_windows_and_intercept(patches):
    part = np.arange(50, 300)
    seen = features(patches, part)
    gram, moments = patches.products(part)
    assert_allclose(gram, seen.T @ seen, rtol=1e-4)
    assert_allclose(moments, seen.T @ patches.target[part], rtol=1e-4)
    weights = np.linspace(-1, 1, patches.n_features, dtype=np.float32)[:, None]
    assert_allclose(patches.predict(weights, part), seen @ weights, rtol=1e-4, atol=0.1)


def test_cells_hold_every_patch_once(patches):
    rng = np.random.default_rng(1)
    cells = _cells(patches.keys, centres(patches.keys, 3, rng), rng, map)
    assert len(cells) > 3
    assert_array_equal(np.sort(np.concatenate(cells)), np.arange(len(patches)))


def test_equal_patches_and_anchors_are_cut_into_cells_all_the_same():
    keys = np.repeat(np.eye(2, 25, dtype=np.float32), 2000, axis=0)
    anchors = keys[[0, 0, -1, -1, 0]]
    cells = _cells(keys, anchors, np.random.default_rng(0), map)
    assert_array_equal(np.sort(np.concatenate(cells)), np.arange(4000))


def test_an_anchor_takes_the_nearest_cells_until_it_has_enough():
    anchors, means = np.array([[0.0], [10]]), np.array([[9.0], [1], [5], [-2]])
    takes = _cells_near(anchors, means, np.array([40, 60, 30, 50]), 100)
    assert_array_equal(takes, [[0, 1, 0, 1], [1, 1, 1, 0]])


@pytest.mark.parametrize("size", [600, 10**6])
def test_each_anchor_fits_what_the_regression_for_all_leaves(patches, size):
    rng = np.random.default_rng(2)
    anchors = centres(patches.keys, 3, rng)
    common = rng.normal(0, 0.01, (patches.n_features, 1)).astype(np.float32)
    told = []
    weights = fit_near(
        patches, common, anchors, (size, 20.0), np.random.default_rng(5), map, told.append
    )
    cells = _cells(patches.keys, anchors, np.random.default_rng(5), map)
    means = np.stack([patches.keys[cell].mean(axis=0) for cell in cells])
    takes = _cells_near(anchors, means, np.array([len(cell) for cell in cells]), size)
    for anchor, taken in enumerate(takes):
        part = np.concatenate([cell for cell, take in zip(cells, taken, strict=True) if take])
        assert len(part) >= min(size, len(patches))
        seen = features(patches, part)
        left = patches.target[part] - seen @ common
        gram = seen.T @ seen + 20.0 * len(part) * np.eye(patches.n_features)
        assert_allclose(weights[anchor], common + np.linalg.solve(gram, seen.T @ left), atol=2e-3)
    assert told[-1] == 1


def test_regressions_are_the_same_on_any_number_of_threads():
    rng = np.random.default_rng(3)
    truth = (rng.random((60, 16, 16, 1)) < 0.4).astype(np.uint8) * 200
    channels = [truth + rng.normal(0, 40, truth.shape).astype(np.float32)]
    answers = []
    for n_threads in (1, 2, 3):
        regression = AnchoredRegression(6, 8000, 2, n_threads)
        regression.fit(channels, truth, np.random.default_rng(4))
        answers.append(regression.predict(channels))
    assert_array_equal(answers[1], answers[0])
    assert_array_equal(answers[2], answers[0])
