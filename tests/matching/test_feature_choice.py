"""Pixels or a network: what a quick test on training pictures chooses, and what it does without."""

import sys

import numpy as np
import pytest
from PIL import Image

from lookalike import LookalikeClassifier, load_dataset
from lookalike.features.pretrained import PretrainedFeatures
from lookalike.matching import feature_choice
from lookalike.matching.feature_choice import choose_features


class Seer(PretrainedFeatures):
    """A network that sees what is written in the last bits of the first pixel."""

    def fit(self, X=None, y=None):
        return self

    def transform(self, X, *, progress=None):
        pictures = [
            one if isinstance(one, np.ndarray) else np.asarray(Image.open(one)) for one in X
        ]
        seen = [np.eye(4, dtype=np.float32)[one[0, 0, 0] & 3] for one in pictures]
        noise = np.random.default_rng(0).normal(0, 0.05, (len(seen), 4))
        return (np.array(seen) + noise).astype(np.float32)


@pytest.fixture
def noise():
    """Pictures that are noise but for the last bits of the first pixel, their classes."""
    pictures = np.random.default_rng(1).integers(0, 256, (120, 16, 16, 3), np.uint8)
    return pictures, (pictures[:, 0, 0, 0] & 3).astype(np.int32)


def never(*_, **__):
    pytest.fail("the network was opened")


def test_grey_pictures_are_not_tried(monkeypatch) -> None:
    monkeypatch.setattr(feature_choice, "PretrainedFeatures", never)
    train = load_dataset("digits").train
    found = choose_features(train.images, train.images, train.labels.astype(np.int32))
    assert found == ([], None)
    auto = LookalikeClassifier("fast", features="auto").fit(train.images[:200], train.labels[:200])
    plain = LookalikeClassifier("fast").fit(train.images[:200], train.labels[:200])
    assert auto.features_ is None
    assert [one.n_wrong for one in auto.choices_] == [one.n_wrong for one in plain.choices_]


def test_pixels_that_are_right_open_no_network(monkeypatch) -> None:
    monkeypatch.setattr(feature_choice, "PretrainedFeatures", never)
    train = load_dataset("digits").train
    colour = np.repeat(train.images[:500, ..., np.newaxis] * np.uint8(15), 3, axis=3)
    trials, network = choose_features(colour, colour, train.labels[:500].astype(np.int32))
    assert network is None
    assert [(one.stage, one.n_held_out) for one in trials] == [(0, 150)]
    assert trials[0].error < 0.05


def test_a_network_that_sees_more_is_chosen_and_told(monkeypatch, noise) -> None:
    monkeypatch.setattr(feature_choice, "PretrainedFeatures", Seer)
    pictures, labels = noise
    with pytest.warns(UserWarning, match=r"of 120 held-out ones 0 come out wrong, and \d+ by"):
        classifier = LookalikeClassifier("fast", features="auto").fit(pictures, labels)
    quick = [one for one in classifier.choices_ if one.stage == 0]
    assert quick[0].n_wrong > 60
    assert quick[1].n_wrong == 0
    assert (classifier.predict(pictures) == labels).all()
    monkeypatch.setattr(Seer, "transform", lambda self, X, progress=None: np.ones((len(X), 4)))
    assert choose_features(pictures, pictures, labels).network is None


def test_many_classes_are_tried_on_more_pictures(monkeypatch) -> None:
    monkeypatch.setattr(feature_choice, "PretrainedFeatures", Seer)
    labels = np.arange(3000) % 200
    pictures = np.random.default_rng(0).integers(0, 50, (3000, 8, 8, 3), np.uint8)
    pictures[..., 0] += labels[:, np.newaxis, np.newaxis].astype(np.uint8)
    pictures[:, :4, :, 1] += labels[:, np.newaxis, np.newaxis].astype(np.uint8)
    (trial,) = choose_features(pictures, pictures, labels.astype(np.int32)).trials[:1]
    assert (trial.n_images, trial.n_held_out) == (800, 150)


def test_files_and_pictures_of_several_sizes_need_the_network(monkeypatch, noise, tmp_path) -> None:
    monkeypatch.setattr(feature_choice, "PretrainedFeatures", Seer)
    pictures, labels = noise
    files = [tmp_path / f"{i}.png" for i in range(40)]
    for file, picture in zip(files, pictures, strict=False):
        Image.fromarray(picture).save(file)
    sizes = [picture[: 10 + i % 3] for i, picture in enumerate(pictures[:40])]
    for given in (files, [str(file) for file in files], sizes):
        classifier = LookalikeClassifier("fast", features="auto").fit(given, labels[:40])
        assert isinstance(classifier.features_, Seer)
    rows = pictures[:40].reshape(40, -1).astype(float)
    assert LookalikeClassifier("fast", features="auto").fit(rows, labels[:40]).features_ is None


def test_a_network_that_lacks_is_missed(monkeypatch, noise) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    pictures, labels = noise
    with pytest.warns(UserWarning, match=r"come out wrong by their pixels; .*lookalike\[photos\]"):
        found = choose_features(pictures, pictures, labels)
    assert found.network is None
    assert found.trials[0].error > 0.5
