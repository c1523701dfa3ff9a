"""Principal axes from the smaller matrix: of features, or of images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg
from scipy.spatial.distance import pdist
from tests.traced_memory import TracedMemory

from lookalike.matching import axes as module
from lookalike.matching.axes import PrincipalAxes, single_threaded_blas
from lookalike.matching.features import FEATURES, features_of


def blobs(n, shape, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


def covariance_axes(images, name, n_components):
    """Return mean and components by the covariance of all features, as plainly as can be."""
    blocks = features_of(images, name)
    values = np.concatenate(blocks, axis=1)
    mean = values.sum(axis=0, dtype=np.float64) / len(values)
    with single_threaded_blas():
        covariance = (values.T @ values).astype(np.float64) / len(values) - np.outer(mean, mean)
        weights, start = np.ones(len(mean)), 0
        for kind, block in zip(FEATURES[name], blocks, strict=True):
            own = slice(start, start + block.shape[1])
            total = covariance.diagonal()[own].sum()
            weights[own] = kind.weight / np.sqrt(total) if total > 1e-12 else 0
            start = own.stop
        covariance *= np.outer(weights, weights)
        side = len(mean)
        kept = [side - min(n_components, side, len(values) - 1), side - 1]
        axes = linalg.eigh(covariance, subset_by_index=kept, driver="evr")[1][:, ::-1]
    signs = np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)
    return mean.astype(np.float32), (weights[:, np.newaxis] * (axes * signs)).astype(np.float32)


@pytest.mark.parametrize("name", ["pixels", "gradients"])
def test_of_fewer_features_than_images_it_is_the_covariance_to_the_last_bit(name):
    images = blobs(1000, (28, 28, 1), 0) // 2 + blobs(1, (28, 28, 1), 1) // 2
    mean, components = covariance_axes(images, name, 128)
    axes = PrincipalAxes(name, 128).fit(images)
    assert_array_equal(axes.mean_, mean)
    assert_array_equal(axes.components_, components)


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(2, 40),
    shape=st.sampled_from([(12, 12, 1), (9, 14, 3), (16, 16, 3)]),
    name=st.sampled_from(sorted(FEATURES)),
    seed=st.integers(0, 2**16),
)
def test_of_more_features_than_images_the_gram_matrix_finds_the_same_axes(n, shape, name, seed):
    if shape[2] < 3:
        name = name.removesuffix(" and colours")
    images = blobs(n, shape, seed)
    axes = PrincipalAxes(name, 256).fit(images)
    mean, components = covariance_axes(images, name, 256)
    assert axes.components_.shape == components.shape
    assert_allclose(axes.mean_, mean, rtol=1e-5, atol=1e-4)
    # Whatever turn there is between axes of like variance, distances do not know it.
    asked = np.concatenate([images, blobs(5, shape, seed + 1)])
    values = np.concatenate(features_of(asked, name), axis=1) - mean
    expected = pdist(values @ components)
    assert_allclose(pdist(axes.transform(asked)), expected, rtol=2e-3, atol=2e-3)


def test_every_thread_count_finds_the_same_axes():
    images = blobs(300, (40, 40, 3), 3)
    one, two = (PrincipalAxes("pixels", 30, n_threads).fit(images) for n_threads in (1, 2))
    assert_array_equal(one.components_, two.components_)
    assert_array_equal(one.transform(images), two.transform(images))


def test_images_that_are_alike_span_no_axes_but_their_own():
    images = np.repeat(blobs(3, (16, 16, 3), 0), 10, axis=0)
    axes = PrincipalAxes("pixels", 20).fit(images)
    lengths = np.linalg.norm(axes.components_, axis=0)
    assert (lengths > 0).sum() == 2
    assert pdist(axes.transform(images[:20])).max() > 0.5
    assert np.isfinite(axes.transform(blobs(4, (16, 16, 3), 1))).all()


@pytest.mark.parametrize("n", [20, 150])
def test_no_matrix_of_features_by_features_where_they_outnumber_images(n, monkeypatch):
    monkeypatch.setattr(module, "WIDE_SAMPLE", 100)
    images = blobs(n, (48, 48, 3), 0)
    n_features = images[0].size
    with TracedMemory() as memory:
        PrincipalAxes("pixels", 16).fit(images)
    assert (
        memory.peak < 6 * 4 * 100 * n_features
    )  # that matrix alone would be 69 times as many floats
    assert memory.peak < n_features**2


def test_many_wide_images_are_sampled(monkeypatch):
    monkeypatch.setattr(module, "WIDE_SAMPLE", 60)
    images = blobs(240, (10, 10, 1), 0)
    axes = PrincipalAxes("pixels", 16).fit(images)  # 100 features, from 60 images
    expected = PrincipalAxes("pixels", 16).fit(images[::4])
    assert_array_equal(axes.components_, expected.components_)
