"""The parts of the matching, each alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from lookalike.matching.axes import PrincipalAxes, WithinClassWhitening
from lookalike.matching.byte_levels import ByteLevels, check_images, grey
from lookalike.matching.deformation import DeformationModel
from lookalike.matching.features import OrientedGradients
from lookalike.matching.local_scaling import local_radii
from lookalike.matching.matcher import Representation
from lookalike.matching.model_selection import USUAL, Trial, make_splits, pick
from lookalike.matching.scoring import Calibration, Scores, ScoringRule
from lookalike.matching.stroke_normalization import NormalizeStroke


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return (data.images * 15.9375).astype(np.uint8), data.target.astype(np.int32)


def test_floats_become_bytes_by_the_range_of_training():
    images = np.linspace(-1, 1, 2 * 64).reshape(2, 8, 8)
    levels = ByteLevels(images)
    own = levels.to_bytes(images)
    assert own.shape == (2, 8, 8, 1)
    assert (own.min(), own.max()) == (0, 255)
    with pytest.warns(UserWarning, match="outside are clipped"):
        assert levels.to_bytes(images * 2).max() == 255


def test_bytes_that_use_little_of_their_range_are_stretched():
    images = np.arange(17, dtype=np.uint8).repeat(64).reshape(17, 8, 8)
    assert ByteLevels(images).to_bytes(images).max() == 255
    bright = images * np.uint8(9)
    assert_array_equal(ByteLevels(bright).to_bytes(bright)[..., 0], bright)


def test_constant_images_have_a_range_too():
    images = np.full((2, 8, 8), 3.5)
    assert_array_equal(ByteLevels(images).to_bytes(images), 0)


@pytest.mark.parametrize(
    ("images", "error", "told"),
    [
        (np.zeros((2, 64)), ValueError, "reshape"),
        (np.zeros((0, 8, 8)), ValueError, "no images"),
        (np.zeros((2, 7, 8)), ValueError, "8 to 4096"),
        (np.zeros((2, 8, 8, 5)), ValueError, "1 to 4"),
        (np.full((2, 8, 8), np.nan), ValueError, "image 0 holds NaN"),
        (np.full((2, 8, 8), "a"), TypeError, "give numbers"),
        ([np.zeros((8, 8)), np.zeros((9, 8))], ValueError, "several sizes"),
    ],
)
def test_what_is_no_stack_of_images_is_refused(images, error, told):
    with pytest.raises(error, match=told):
        check_images(images)


def test_grey_is_luma():
    colour = np.zeros((1, 8, 8, 3), np.uint8)
    colour[..., 1] = 255
    assert grey(colour)[0, 0, 0] == 255 * 150 >> 8
    assert_array_equal(grey(np.full((1, 8, 8, 3), 255, np.uint8)), 255)


def test_normalizing_takes_slant_and_half_the_size_away(digits):
    rng = np.random.default_rng(0)
    upright = np.zeros((1, 28, 28), np.uint8)
    upright[0, 6:22, 12:16] = 255
    slanted = np.stack([np.roll(row, (14 - i) // 2) for i, row in enumerate(upright[0])])[
        np.newaxis
    ]
    strokes = NormalizeStroke().fit(upright)
    straight = strokes.transform(slanted)
    assert (
        np.abs(straight.astype(int) - upright).mean()
        < 0.5 * np.abs(slanted.astype(int) - upright).mean()
    )
    blank = np.zeros((2, 28, 28), np.uint8)
    assert_array_equal(strokes.transform(blank), blank)
    assert_array_equal(NormalizeStroke().fit_transform(blank), blank)
    dots = blank.copy()
    dots[np.arange(2), rng.integers(0, 28, 2), rng.integers(0, 28, 2)] = 255
    assert NormalizeStroke().fit_transform(dots).any()
    with pytest.raises(ValueError, match="convert them"):
        strokes.transform(digits[0])
    assert clone(NormalizeStroke(n_jobs=2)).n_jobs == 2


def test_gradients_see_where_edges_point():
    edge = np.zeros((2, 28, 28), np.uint8)
    edge[0, :, 14:] = 200  # brighter to the right: direction 0
    edge[1, 14:, :] = 200  # brighter below: a quarter turn
    features = OrientedGradients(4, root=True).fit_transform(edge).reshape(2, 4, 7, 7)
    inner = features[:, :, 2:5, 2:5].sum(axis=(2, 3))
    assert inner.argmax(axis=1).tolist() == [0, 1]
    assert_array_equal(inner[0, 1:], 0)
    assert OrientedGradients().fit_transform(edge).shape == (2, 588)
    assert OrientedGradients().fit_transform(edge[:, :8, :9]).shape == (2, 12 * 16)
    with pytest.raises(ValueError, match="convert them"):
        OrientedGradients().fit(edge).transform(edge[:, :8])
    with pytest.raises(NotFittedError):
        OrientedGradients().transform(edge)
    colour = np.stack([edge, 0 * edge, 0 * edge], axis=-1)
    assert_array_equal(
        OrientedGradients().fit_transform(colour), OrientedGradients().fit_transform(edge)
    )
    for wrong in ({"n_orientations": 1}, {"margin": 0.5}, {"spread": 0}, {"n_cells": 0}):
        with pytest.raises(ValueError, match="give"):
            OrientedGradients(**wrong).fit(edge)


@pytest.mark.parametrize("features", ["pixels", "gradients", "rich"])
def test_axes_keep_most_of_the_distances(digits, features):
    images = digits[0][:400, :, :, np.newaxis]
    axes = PrincipalAxes(features, 60, n_threads=2).fit(images)
    found = axes.transform(images)
    assert_array_equal(
        PrincipalAxes(features, 60, n_threads=1).fit(images).transform(images), found
    )
    assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    covariance = np.cov(found.T)
    assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-4)
    assert (np.diff(np.diag(covariance)) < 1e-6).all()
    assert 0.8 < np.trace(covariance) < {"rich": 2.2}.get(features, 1.01)


def test_axes_of_images_that_are_all_alike():
    images = np.zeros((5, 8, 8, 1), np.uint8)
    assert_array_equal(PrincipalAxes("rich", 16).fit(images).transform(images), 0)


def test_whitening_makes_classes_round(digits):
    images, codes = digits
    found = (
        PrincipalAxes("pixels", 30).fit(images[..., np.newaxis]).transform(images[..., np.newaxis])
    )
    whitening = WithinClassWhitening(1.0, shrinkage=1e-6).fit(found, codes)
    own = found @ whitening.rotation_
    within = sum(np.cov(own[codes == c].T, bias=True) * (codes == c).mean() for c in range(10))
    assert_allclose(within, np.eye(30), atol=2e-2)
    whole = whitening.transform(found)
    assert whole.dtype == np.int8
    assert np.abs(whole.astype(int)).max() == 127
    plain = WithinClassWhitening(0).fit(found, codes)
    assert_allclose(plain.transform(found) * plain.step_, found, atol=plain.step_ / 2 * 1.001)


def test_radii_of_duplicates_are_not_zero():
    assert_array_equal(local_radii(np.zeros((4, 3))), 1)
    radii = local_radii(np.array([[0.0, 0, 0], [1, 1, 1]]))
    assert radii.tolist() == [0.1, 2.0]


def test_a_shift_costs_its_penalty_only():
    image = np.zeros((1, 16, 16), np.uint8)
    image[0, 5:9, 5:9] = 255
    moved = np.roll(image, 1, axis=2)
    model = DeformationModel()
    table = np.array([[0]])
    assert model.distances(image, image, table)[0, 0] == 0
    plain = DeformationModel(shift=0).distances(image, moved, table)[0, 0]
    assert 0 < model.distances(image, moved, table)[0, 0] < 0.5 * plain
    field = model.displacements(image, moved, table)[0, 0]
    assert field[1, 5:9, 5:9].min() == 1  # to the right
    assert_array_equal(field[0, 5:9, 5:9], 0)
    for wrong in ({"shift": 4}, {"window": 3}, {"penalty": 1000}, {"penalty": -1}):
        with pytest.raises(ValueError, match=r"give|cost"):
            DeformationModel(**wrong)


def test_probabilities_are_calibrated_and_keep_the_order():
    rng = np.random.default_rng(0)
    right = rng.integers(0, 3, 4000)
    scores = rng.normal(size=(4000, 3))
    scores[np.arange(4000), right] -= 1.5
    own = Scores(scores, rng.random(4000) < 0.5)
    shares = Calibration().fit(own, right).probabilities(own)
    assert_allclose(shares.sum(axis=1), 1)
    assert_array_equal(shares.argmax(axis=1), scores.argmin(axis=1))
    sure = shares.max(axis=1)
    is_right = shares.argmax(axis=1) == right
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        part = (low < sure) & (sure < high)
        assert abs(sure[part].mean() - is_right[part].mean()) < 0.04


@pytest.mark.parametrize(
    ("n", "n_train", "n_held_out", "n_splits"), [(1000, 300, 200, 2), (50, 99, 99, 1)]
)
def test_splits_hold_every_class_in_proportion(n, n_train, n_held_out, n_splits):
    codes = (np.arange(n) % 10 == 0).astype(int)
    splits = make_splits(codes, n_train, n_held_out, n_splits, np.random.default_rng(1))
    held_out = np.concatenate([split.held_out for split in splits])
    assert len(set(held_out.tolist())) == len(held_out)
    for split in splits:
        assert not set(split.train) & set(split.held_out)
        assert abs(codes[split.held_out].mean() - 0.1) < 0.03
        assert abs(codes[split.train].mean() - 0.1) < 0.03


def test_what_luck_may_tell_apart_is_read_as_usual():
    representation = Representation(False, "pixels", 0.6)

    def trial(rule, n_wrong, representation=representation):
        return Trial(representation, rule, 900, 100, n_wrong, 1.0, 1)

    odd, usual = ScoringRule(0.0, 1, 0.0), USUAL
    assert pick([trial(odd, 16), trial(usual, 20)], "pixels").rule == usual
    assert pick([trial(odd, 16), trial(usual, 21)], "pixels").rule == odd
    rich = Representation(False, "rich", 0.6)
    both = [trial(usual, 16), trial(usual, 20, rich)]
    assert pick(both, "rich").representation == rich
    assert pick(both, "pixels").representation == representation


def test_copies_are_usual_where_they_could_be_had():
    representation = Representation(False, "pixels", 0.6)

    def trial(growth, n_wrong):
        return Trial(representation._replace(growth=growth), USUAL, 900, 100, n_wrong, 1.0, 3)

    both = [trial("none", 16), trial("turned", 19), trial("mirrored", 30)]
    assert pick(both, "pixels").representation.growth == "none"
    assert pick(both, "pixels", "turned").representation.growth == "turned"
    assert (
        pick([trial("none", 16), trial("turned", 21)], "pixels", "turned").representation
        == representation
    )
