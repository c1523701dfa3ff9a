"""Every native function of the matching beside plain NumPy, on every CPU path."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.reference import matching as reference

from lookalike import _core
from lookalike.matching.features import OrientedGradients

PATHS = _core.available_cpu_paths()
SIZES = st.sampled_from([1, 2, 3, 8, 15, 16, 17, 31])
SEEDS = st.integers(0, 10**6)


def draw_images(seed, shape):
    """Images of noise, of few values, of strokes, or empty."""
    rng = np.random.default_rng(seed)
    kind = seed % 4
    if kind == 0:
        return rng.integers(0, 256, shape).astype(np.uint8)
    if kind == 1:
        return rng.choice([0, 255], shape).astype(np.uint8)
    if kind == 2:
        return (rng.integers(0, 256, shape) * (rng.random(shape) < 0.2)).astype(np.uint8)
    return np.zeros(shape, np.uint8)


@settings(max_examples=60)
@given(seed=SEEDS, h=SIZES, w=SIZES, c=st.integers(1, 4), n_threads=st.integers(1, 3))
def test_normalized_strokes_equal_the_reference(seed, h, w, c, n_threads):
    images = draw_images(seed, (3, h, w, c))
    out = np.full_like(images, 7)
    _core.normalize_strokes(images, target_x=2.5, target_y=3.5, out=out, n_threads=n_threads)
    for image, own in zip(images, out, strict=True):
        assert_array_equal(own, reference.normalized(image, 2.5, 3.5))


@given(seed=SEEDS, h=SIZES, w=SIZES)
def test_extents_equal_the_reference(seed, h, w):
    images = draw_images(seed, (3, h, w, 1))
    out = np.empty((3, 2))
    _core.stroke_extents(images, out=out)
    for image, own in zip(images, out, strict=True):
        found = reference.moments(image)
        assert_array_equal(own, [0, 0] if found is None else np.sqrt(found[4:]))


@settings(max_examples=60)
@given(
    seed=SEEDS,
    h=SIZES,
    w=SIZES,
    c=st.integers(1, 4),
    n_orientations=st.sampled_from([2, 3, 12, 16]),
    cells=st.integers(1, 9),
    root=st.booleans(),
)
@pytest.mark.parametrize("cpu", PATHS)
def test_gradients_equal_the_reference(cpu, seed, h, w, c, n_orientations, cells, root):
    images = draw_images(seed, (2, h, w, c))
    rng = np.random.default_rng(seed)
    down, across = (
        (rng.random((side, cells)) * (rng.random((side, cells)) < 0.8)).astype(np.float32)
        for side in (h, w)
    )
    out = np.empty((2, n_orientations, cells, cells), np.float32)
    _core.orient_gradients(images, down=down, across=across, root=root, out=out, cpu=cpu)
    for image, own in zip(images, out, strict=True):
        assert_array_equal(own, reference.oriented(image, down, across, n_orientations, root))


def test_angles_are_those_of_arctan2():
    angles = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    x, y = (np.float32(100) * trig(angles).astype(np.float32) for trig in (np.cos, np.sin))
    away = np.abs(reference.turns(x, y, 12) - angles / (2 * np.pi) * 12)
    assert np.minimum(away, 12 - away).max() < 1e-4


@settings(max_examples=25)
@given(
    seed=SEEDS,
    h=st.sampled_from([1, 2, 7]),
    w=st.sampled_from([1, 5, 28, 31, 33]),
    shift=st.integers(0, 3),
    window=st.integers(0, 2),
    penalty=st.sampled_from([0, 1, 70, 111]),
    backward=st.booleans(),
)
@pytest.mark.parametrize("cpu", PATHS)
def test_deformation_equals_the_reference(cpu, seed, h, w, shift, window, penalty, backward):
    images = draw_images(seed - seed % 4 + seed % 3, (3, h, w))
    moves = np.arange(-shift, shift + 1) ** 2
    penalties = np.minimum(penalty * (moves[:, np.newaxis] + moves), 2000).astype(np.uint16)
    candidates = np.array([[0, 1, 2]])
    distances = np.empty((1, 3), np.int64)
    fields = np.empty((1, 3, 2, h, w), np.int8)
    _core.deformation_distances(
        images[:1], images, candidates, penalties=penalties, window=window, backward=backward,
        distances=distances, fields=fields, cpu=cpu,
    )  # fmt: skip
    alone = np.empty_like(distances)
    _core.deformation_distances(
        images[:1], images, candidates, penalties=penalties, window=window, backward=backward,
        distances=alone, cpu=cpu, n_threads=2,
    )  # fmt: skip
    assert_array_equal(distances, alone)
    for other in range(3):
        pair = (images[other], images[0]) if backward else (images[0], images[other])
        distance, field = reference.deformation(*pair, shift, window, penalties)
        assert distances[0, other] == distance
        assert_array_equal(fields[0, other], field)


@given(
    seed=SEEDS,
    n=st.integers(0, 40),
    k=st.integers(1, 9),
    n_classes=st.integers(1, 5),
    n_threads=st.integers(1, 2),
)
def test_readings_of_tables_equal_the_reference(seed, n, k, n_classes, n_threads):
    rng = np.random.default_rng(seed)
    n_rows = k + 3
    indices = np.array([rng.permutation(n_rows)[:k] for _ in range(n)]).reshape(n, k)
    indices = indices.astype(np.int64)
    distances = np.sort(rng.integers(0, 5, (n, k)).astype(float), axis=1)
    codes = rng.integers(0, n_classes, n_rows).astype(np.int32)
    sums = np.empty((2, n, n_classes))
    _core.sum_classes(
        indices, distances, codes=codes, ks=np.array([1, 3]), sums=sums, n_threads=n_threads
    )
    for i in range(n):
        for own, wanted in zip(sums, (1, 3), strict=True):
            assert_array_equal(
                own[i],
                reference.class_sums(distances[i], codes[indices[i]], n_classes, wanted),
            )
    factors = rng.choice([0.5, 1.0, 2.0], n_rows)
    out_indices, out_distances = np.empty_like(indices), np.empty_like(distances)
    _core.rescale_table(
        indices, distances, factors=factors, out_indices=out_indices,
        out_distances=out_distances, n_threads=n_threads,
    )  # fmt: skip
    scaled = distances * factors[indices]
    order = np.lexsort((indices, scaled), axis=1)
    assert_array_equal(out_indices, np.take_along_axis(indices, order, axis=1))
    assert_array_equal(out_distances, np.take_along_axis(scaled, order, axis=1))


@given(
    seed=SEEDS,
    d=st.sampled_from([1, 2, 16, 33]),
    k=st.integers(1, 12),
    ridge=st.sampled_from([0.01, 0.3, 2.0]),
)
def test_hyperplanes_equal_the_reference(seed, d, k, ridge):
    rng = np.random.default_rng(seed)
    rows = rng.integers(-128, 128, (20, d)).astype(np.int8)
    rows[5:8] = rows[4]  # duplicates
    queries = rng.integers(-128, 128, (3, d)).astype(np.int8)
    codes = rng.integers(0, 3, 20).astype(np.int32)
    indices = np.array([rng.permutation(20)[:15] for _ in range(3)])
    out = np.empty((3, 4))
    _core.hyperplane_distances(
        queries, rows, indices, np.zeros(indices.shape), codes=codes, k=k, ridge=ridge, out=out
    )
    for i, code in np.ndindex(3, 4):
        own = indices[i][codes[indices[i]] == code][:k]
        if len(own) == 0:
            assert out[i, code] == -1
        else:
            wanted = reference.hyperplane(queries[i].astype(float), rows[own].astype(float), ridge)
            assert_allclose(out[i, code], wanted, rtol=1e-7, atol=1e-6)


def test_points_that_are_one_make_a_plane_of_one_point():
    rows = np.full((4, 3), 5, np.int8)
    out = np.empty((1, 1))
    _core.hyperplane_distances(
        np.array([[5, 5, 9]], np.int8), rows, np.array([[0, 1, 2, 3]]), np.zeros((1, 4)),
        codes=np.zeros(4, np.int32), k=4, ridge=0.3, out=out,
    )  # fmt: skip
    assert out[0, 0] == 16


@pytest.mark.parametrize("cpu", PATHS)
def test_every_path_makes_the_same_features_of_real_digits(cpu, monkeypatch):
    from sklearn.datasets import load_digits

    images = (load_digits().images[:200] * 15.9).astype(np.uint8)
    expected = OrientedGradients(root=True).fit_transform(images)
    monkeypatch.setenv("LOOKALIKE_CPU", cpu)
    assert_array_equal(OrientedGradients(root=True, n_jobs=1).fit_transform(images), expected)


IMAGES = np.zeros((2, 8, 8), np.uint8)
GOOD = {
    "penalties": np.zeros((3, 3), np.uint16),
    "window": 1,
    "backward": False,
    "distances": np.zeros((2, 1), np.int64),
    "cpu": PATHS[0],
}


@pytest.mark.parametrize(
    ("candidates", "changed"),
    [
        ([[0], [2]], {}),
        ([[0], [-1]], {}),
        ([[0]], {}),
        ([[0], [1]], {"window": 3}),
        ([[0], [1]], {"penalties": np.zeros((2, 2), np.uint16)}),
        ([[0], [1]], {"penalties": np.full((3, 3), 2001, np.uint16)}),
        ([[0], [1]], {"penalties": np.zeros((9, 9), np.uint16)}),
        ([[0], [1]], {"n_threads": 0}),
        ([[0], [1]], {"cpu": "vax"}),
        ([[0], [1]], {"fields": np.zeros((2, 1, 2, 8, 7), np.int8)}),
    ],
)
def test_what_does_not_fit_together_is_refused(candidates, changed):
    with pytest.raises(ValueError, match=r".+"):
        _core.deformation_distances(
            IMAGES, IMAGES, np.array(candidates, np.int64), **{**GOOD, **changed}
        )


def test_codes_and_rows_that_are_none_are_refused():
    table = (np.array([[0, 1]]), np.zeros((1, 2)))
    sums = np.zeros((1, 1, 2))
    ks = np.array([1])
    with pytest.raises(ValueError, match="codes"):
        _core.sum_classes(*table, codes=np.array([0, 2], np.int32), ks=ks, sums=sums)
    with pytest.raises(ValueError, match="rows"):
        _core.sum_classes(*table, codes=np.array([0], np.int32), ks=ks, sums=sums)
    with pytest.raises(ValueError, match="ks"):
        _core.sum_classes(*table, codes=np.array([0, 1], np.int32), ks=np.array([0]), sums=sums)
