"""The native blending, likes and regression beside plain NumPy, on every CPU path."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.reference.cleaning import averaged_likes, blended, regressed

from lookalike import _core
from lookalike.denoising.nearest_images import vote_weights

PATHS = _core.available_cpu_paths()
VOTES = vote_weights()


def blend(noisy, rows, found, tables, shift, profile, **others):
    shape = (len(VOTES), *noisy.shape)
    estimate, spread = np.empty(shape, np.float32), np.empty(shape, np.float32)
    options = {"cpu": PATHS[0], "n_threads": 1, **others}
    _core.blend_neighbours(
        noisy, rows, found, **tables, weights=VOTES, shift=shift, profile=profile,
        estimate=estimate, spread=spread, **options,
    )  # fmt: skip
    return estimate, spread


def case(seed, h, w, k, n_values=9, most=40):
    rng = np.random.default_rng(seed)
    rows = rng.choice([0, 0, 1, 128, 255], (7, h * w)).astype(np.uint8)
    rows[:, rng.random(h * w) < 0.3] = 0  # paper, where no image has ink
    tables = {
        "costs": rng.integers(0, most + 1, (n_values, 256)).astype(np.uint16),
        "moments": rng.random((n_values, 256), dtype=np.float32),
        "evidences": rng.random((n_values, 256), dtype=np.float32) + np.float32(0.1),
    }
    noisy = rng.integers(0, n_values, (2, h, w)).astype(np.uint16)
    return noisy, rows, rng.integers(0, len(rows), (2, k)), tables


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    h=st.integers(1, 4),
    w=st.sampled_from([1, 5, 32, 33]),
    k=st.integers(1, 2),
    shift=st.integers(0, 1),
    profile=st.sampled_from([[1], [1, 2, 1], [1, 3, 3, 3, 1], [0, 1, 0]]),
)
def test_blending_equals_the_reference(seed, h, w, k, shift, profile):
    noisy, rows, found, tables = case(seed, h, w, k)
    profile = np.array(profile, np.uint16)
    estimate, spread = blend(noisy, rows, found, tables, shift, profile)
    for i in range(len(noisy)):
        frames = rows[found[i]].reshape(k, h, w)
        for reading, weights in enumerate(VOTES):
            one, other = blended(
                noisy[i], frames, **tables, weights=weights, shift=shift, profile=profile
            )
            assert_allclose(estimate[reading, i], one, rtol=2e-5)
            assert_allclose(spread[reading, i], other, rtol=1e-3, atol=0.2)


def test_blending_is_the_same_on_every_path_and_thread_count():
    noisy, rows, found, tables = case(3, 28, 28, 5, most=700)
    profile = np.array([1, 2, 2, 2, 1], np.uint16)
    expected = blend(noisy, rows, found, tables, 1, profile, cpu="portable")
    for path in PATHS:
        for n_threads in (1, 2, 3):
            got = blend(noisy, rows, found, tables, 1, profile, cpu=path, n_threads=n_threads)
            assert_array_equal(got[0], expected[0])
            assert_array_equal(got[1], expected[1])


def test_joint_votes_of_an_image_sum_to_its_pixels():
    noisy, rows, found, tables = case(4, 6, 7, 3)
    joint = np.zeros((256, 256), np.int64)
    truth = rows[:2].reshape(2, 6, 7)
    blend(noisy, rows, found, tables, 1, np.ones(3, np.uint16), truth=truth, joint=joint)
    assert_allclose(joint.sum(), 2 * 42 * 2**20, rtol=1e-4)
    assert_allclose(joint.sum(axis=0) / 2**20, np.bincount(truth.ravel(), minlength=256), rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"found": np.full((2, 3), 7)}, "neighbours must be rows"),
        ({"noisy": np.full((2, 6, 7), 9, np.uint16)}, "noisy values must be in range"),
        ({"profile": np.ones(2, np.uint16)}, "a window has 1, 3, 5 or 7"),
        ({"profile": np.full(3, 100, np.uint16)}, "sums of costs leave 16 bits"),
    ],
)
def test_blending_refuses(change, message):
    noisy, rows, found, tables = case(5, 6, 7, 3)
    given = {"noisy": noisy, "found": found, "profile": np.ones(3, np.uint16), **change}
    with pytest.raises(ValueError, match=message):
        blend(given["noisy"], rows, given["found"], tables, 1, given["profile"])


def regression(seed, h, w, channels, outputs, n_anchors, blend, path):
    rng = np.random.default_rng(seed)
    stack = rng.integers(-9, 10, (2, h + 7, w + 6, channels)).astype(np.float32)
    stack[0, :, : w // 2] = 0
    # Anchors have all sizes, so that their norms keep some away; every other one is there twice.
    anchors = rng.integers(-9, 10, (n_anchors, 25 * outputs)) * rng.integers(0, 9, (n_anchors, 1))
    anchors[1::4] = anchors[0::4][: len(anchors[1::4])]
    anchors = anchors.astype(np.float32)
    weights = rng.integers(-3, 4, (n_anchors, outputs, 49 * channels)).astype(np.float32)
    biases = rng.integers(-3, 4, (n_anchors, outputs)).astype(np.float32)
    norms = (anchors**2).sum(axis=1) / 2
    order = np.argsort(norms, kind="stable")
    anchors, norms = anchors[order], norms[order]
    padding = -n_anchors % 32
    blocks = np.pad(anchors, ((0, padding), (0, 0))).reshape(-1, 32, 25 * outputs)
    row = 7 * channels
    wide = weights.reshape(n_anchors, outputs, 7, row)
    out = np.empty((2, h, w, outputs), np.float32)
    _core.regress_images(
        stack,
        anchors=np.ascontiguousarray(blocks.transpose(0, 2, 1)),
        norms=np.append(norms, np.full(padding, 3e38)).astype(np.float32),
        weights=np.pad(wide, ((0, 0), (0, 0), (0, 0), (0, -row % 16))),
        biases=biases,
        radius=3,
        key_radius=2,
        blend=blend,
        out=out,
        cpu=path,
        n_threads=2,
    )
    expected = [regressed(s[:-1], 3, 2, anchors, weights, biases, blend) for s in stack]
    return out, np.array(expected, np.float32)


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    h=st.integers(1, 4),
    w=st.integers(3, 9),
    channels=st.integers(1, 6),
    n_anchors=st.sampled_from([3, 15, 32, 33, 130, 300]),
    blend=st.integers(1, 3),
)
def test_regression_equals_the_reference(path, seed, h, w, channels, n_anchors, blend):
    # Small whole numbers: all sums are exact, and equally near anchors are equal to both.
    out, expected = regression(seed, h, w, channels, min(channels, 2), n_anchors, blend, path)
    assert_array_equal(out, expected)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_regression_stays_within_its_arrays_whatever_the_key(path, value, monkeypatch):
    regress = _core.regress_images

    def spoilt(stack, **others):
        stack[:, 3, 3] = value
        regress(stack, **others)

    monkeypatch.setattr(_core, "regress_images", spoilt)
    monkeypatch.setitem(globals(), "regressed", lambda *arguments: 0)
    out, _ = regression(0, 4, 9, 2, 1, 40, 3, path)
    assert not np.isfinite(out).all()


def likes(
    guide, values, counts, path, n_threads=1, search_radius=2, patch_radius=1, sharpness=1e-4
):
    n, *image = guide.shape
    sums, weights = (np.full((n, 2, *image), np.nan, np.float32) for _ in range(2))
    _core.average_likes(
        guide, values, counts, search_radius=search_radius, patch_radius=patch_radius,
        sharpness=sharpness, sums=sums, weights=weights, cpu=path, n_threads=n_threads,
    )  # fmt: skip
    return sums, weights


def photographs(seed, n, channels, h, w, most):
    rng = np.random.default_rng(seed)
    guide = rng.integers(0, most + 1, (n, channels, h, w)).astype(np.int32)
    counts = rng.random(guide.shape, dtype=np.float32) + np.float32(0.1)
    return guide, rng.random(guide.shape, dtype=np.float32) * counts, counts


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    h=st.integers(1, 5),
    w=st.sampled_from([1, 2, 7, 17]),
    channels=st.integers(1, 3),
    radii=st.tuples(st.integers(0, 6), st.integers(0, 3)),
    most=st.sampled_from([0, 30, 1020]),
    sharpness=st.sampled_from([0.0, 1e-6, 1e-3]),
)
def test_likes_equal_the_reference(path, seed, h, w, channels, radii, most, sharpness):
    images = photographs(seed, 2, channels, h, w, most)
    search_radius, patch_radius = radii
    sums, weights = likes(
        *images, path, 2, search_radius=search_radius, patch_radius=patch_radius,
        sharpness=sharpness,
    )  # fmt: skip
    for i in range(2):
        one, other = averaged_likes(*(part[i] for part in images), *radii, sharpness)
        assert_allclose(sums[i], one, rtol=2e-5)
        assert_allclose(weights[i], other, rtol=2e-5)


@pytest.mark.parametrize("path", PATHS)
def test_likes_are_the_same_wherever_an_image_begins(path):
    images = photographs(1, 1, 2, 40, 61, 300)
    whole = likes(*images, path)
    for top, left in [(0, 5), (3, 1), (7, 16)]:
        part = likes(*(np.ascontiguousarray(one[..., top:, left:]) for one in images), path)
        for one, other in zip(part, whole, strict=True):
            assert_array_equal(one[..., 3:, 3:], other[..., top + 3 :, left + 3 :])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"guide": np.full((1, 1, 4, 4), 1021, np.int32)}, "the guide must be in 0 .. 1020"),
        ({"values": np.zeros((1, 1, 4, 5), np.float32)}, "stacks must be of one shape"),
        ({"patch_radius": 11}, "patches of radius 10 at most"),
        ({"sharpness": float("nan")}, "sharpness at least 0"),
    ],
)
def test_likes_refuse(change, message):
    names = ("guide", "values", "counts")
    given = {**dict(zip(names, photographs(0, 1, 1, 4, 4, 9), strict=True)), **change}
    with pytest.raises(ValueError, match=message):
        likes(path=PATHS[0], **given)
