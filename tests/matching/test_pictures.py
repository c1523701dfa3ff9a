"""Pictures larger than digits: their working size, colours, ground, and search space."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_sample_image

from lookalike import LookalikeClassifier, Rotations, expand, load_model, save_model
from lookalike.matching.byte_levels import ground_of, shrink, working_sides
from lookalike.matching.features import features_of
from lookalike.matching.matcher import add_copies
from lookalike.matching.search_spaces import SEARCH_SPACES, space_for
from lookalike.models.model import Model


@pytest.fixture(scope="module")
def photographs():
    """Patches of 96 x 120 pixels of two photographs, and which they are of."""
    cut = [
        load_sample_image(name)[y : y + 96, x : x + 120]
        for x in range(0, 481, 60)
        for y in range(0, 289, 96)
        for name in ("china.jpg", "flower.jpg")
    ]
    return np.stack(cut), np.tile(["china", "flower"], len(cut) // 2)


@pytest.fixture(scope="module")
def fitted(photographs):
    return LookalikeClassifier("balanced").fit(*photographs)


# --- Working size --------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(
    height=st.integers(2, 6),
    width=st.integers(2, 6),
    factor=st.integers(1, 5),
    channels=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_pictures_are_averaged_over_areas(height, width, factor, channels, seed):
    shape = (3, height * factor, width * factor, channels)
    images = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    found = shrink(images, (height, width), 2)
    means = images.reshape(3, height, factor, width, factor, channels).mean(axis=(2, 4))
    assert_allclose(found, means, atol=1.01)  # rounded twice: along one side, then the other
    assert_array_equal(shrink(images, (height, width), 1), found)


@given(st.integers(8, 4096), st.integers(8, 4096), st.sampled_from([48, 64]))
def test_working_sides_are_bounded_and_keep_the_shape(height, width, most):
    sides = working_sides((height, width), most)
    if max(height, width) <= most:
        assert sides == (height, width)
    else:
        assert max(sides) == most
        assert min(sides) >= 8
        short, long = sorted((height, width))
        assert abs(min(sides) - max(8, most * short / long)) <= 0.5


def test_small_pictures_stay_as_they_are():
    images = np.zeros((2, 28, 28, 1), np.uint8)
    for space in SEARCH_SPACES.values():
        assert shrink(images, working_sides((28, 28), space.longest_side)) is images


def test_pictures_are_matched_at_a_bounded_size_and_shown_as_they_were(photographs, fitted):
    images, labels = photographs
    longest = SEARCH_SPACES["balanced"].longest_side
    assert fitted._matcher.images_.shape[1:] == (round(longest * 0.8), longest, 3)
    assert fitted.score(images, labels) == 1
    matches = fitted.explain(images[:4], 3)
    assert_array_equal(matches.indices[:, 0], np.arange(4))
    assert_allclose(matches.distances[:, 0], 0, atol=1e-9)
    assert matches.displacements(0).shape == (3, 2, *matches.images.shape[1:3])
    model = Model(fitted)
    assert_array_equal(model.image(5), images[5])
    explained = model.explain(images[5:6])[0].neighbors[0]
    assert (explained.row, explained.compared.shape) == (5, matches.images.shape[1:])


def test_they_can_be_added_removed_and_kept_in_files(photographs, fitted, tmp_path):
    images, labels = photographs
    save_model(fitted, tmp_path / "model")
    model = load_model(tmp_path / "model")
    before = model.predict_proba(images)
    assert_array_equal(before, fitted.predict_proba(images))
    for relearn in (False, True):
        model.partial_fit(255 - images[:2], labels[:2], relearn=relearn)
        assert_array_equal(
            model.explain(255 - images[:2], 1).indices[:, 0], len(images) + np.arange(2)
        )
        model.remove(len(images) + np.arange(2), relearn=relearn)
        assert_array_equal(model.predict_proba(images), before)


# --- Colours -------------------------------------------------------------------------------------


def test_colours_tell_apart_what_gradients_can_not():
    rng = np.random.default_rng(0)
    grey = rng.integers(60, 120, (90, 16, 16, 1))
    labels = np.arange(90) % 3
    images = np.clip(grey + 60 * np.eye(3)[labels][:, np.newaxis, np.newaxis], 0, 255)
    classifier = LookalikeClassifier("fast").fit(images[:60].astype(np.uint8), labels[:60])
    assert "colours" in classifier.representation_.features
    assert classifier.score(images[60:].astype(np.uint8), labels[60:]) == 1


def test_colours_are_counted_near_their_own():
    shades = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [128, 0, 0]], np.uint8)
    images = np.broadcast_to(shades[:, np.newaxis, np.newaxis], (4, 8, 8, 3))
    counts = features_of(images, "gradients and colours")[1].reshape(4, 4, 4, 4) ** 2
    assert_allclose(counts.sum(axis=(1, 2, 3)), 64, rtol=1e-5)
    assert_allclose([counts[0, 0, 0, 0], counts[1, 3, 3, 3], counts[2, 3, 0, 0]], 64, rtol=1e-5)
    assert_allclose(counts[3, 1:3, 0, 0].sum(), 64, rtol=1e-5)
    assert counts[3, 1, 0, 0] > 20 < counts[3, 2, 0, 0]


def test_search_spaces_follow_the_pictures():
    dark = np.zeros((5, 16, 16, 1), np.uint8)
    assert space_for("fast", dark) == SEARCH_SPACES["fast"]
    assert not any(one.strokes for one in space_for("best", dark + 200).representations)
    coloured = space_for("balanced", np.zeros((5, 16, 16, 3), np.uint8))
    assert coloured.usual == "gradients and colours"
    assert {one.features for one in coloured.representations} == {
        "pixels",
        "gradients and colours",
        "rich and colours",
    }


# --- Ground --------------------------------------------------------------------------------------


def test_turned_copies_have_the_grounds_colour_in_their_corners():
    ground = np.array([[255, 250, 240], [10, 120, 30]], np.uint8)
    images = np.broadcast_to(ground[:, np.newaxis, np.newaxis], (2, 20, 30, 3)).copy()
    assert_array_equal(add_copies(images, "turned").images, np.concatenate([images] * 5))
    images[:, 8:12, 8:12] = 0
    grown = add_copies(images, "turned").images
    assert_array_equal(grown[:, 0, 0], np.concatenate([ground] * 5))
    assert_array_equal(grown[:, -1, -1], np.concatenate([ground] * 5))
    assert_array_equal(ground_of(images), ground)


def test_on_black_they_are_what_rotations_make():
    images = np.zeros((4, 28, 28, 1), np.uint8)
    images[:, 5:23, 5:23] = np.random.default_rng(0).integers(0, 256, (4, 18, 18, 1))
    expected = expand(images, None, Rotations((-10, -5, 5, 10)))[0]
    assert_array_equal(add_copies(images, "turned").images, expected)
