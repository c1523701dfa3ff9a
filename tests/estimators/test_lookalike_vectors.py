"""`LookalikeClassifier` on vectors, and on what turns pictures into vectors."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.features.networks import write_means

from lookalike import LookalikeClassifier, PretrainedFeatures
from lookalike.matching.search_spaces import SEARCH_SPACES, vector_space


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


NO_CLASSES = "partial_fit needs no classes=: new classes are always allowed"
FAIL = {
    "check_estimators_partial_fit_n_features": NO_CLASSES,
    "check_n_features_in_after_fitting": NO_CLASSES,
}


@pytest.mark.slow("fits some sixty classifiers")
@parametrize_with_checks([LookalikeClassifier("fast")], expected_failed_checks=lambda _: FAIL)
def test_check_estimator(estimator, check) -> None:
    check(estimator)


def test_vectors_are_not_worse_than_plain_neighbors(wine) -> None:
    X, y = wine
    wrong = [
        int((cross_val_predict(model, X, y) != y).sum())
        for model in (LookalikeClassifier("fast"), KNeighborsClassifier())
    ]
    assert wrong[0] <= wrong[1]


def test_roots_are_tried_of_counts_only(wine) -> None:
    X, y = wine
    features = {trial.representation.features for trial in LookalikeClassifier().fit(X, y).choices_}
    assert features == {"unit vectors", "vectors"}
    features = {
        one.representation.features for one in LookalikeClassifier().fit(abs(X), y).choices_
    }
    assert features == {"unit vectors of roots", "unit vectors", "vectors"}


def test_vectors_are_compared_once_unless_there_are_more_of_them(wine) -> None:
    fitted = LookalikeClassifier().fit(*wine)
    assert {trial.stage for trial in fitted.choices_} == {1}
    space = vector_space("balanced")
    enough = space.n_first + space.n_first_held_out
    assert [space.n_again(n) for n in (enough - 1, enough)] == [0, 1]
    assert SEARCH_SPACES["balanced"].n_again(100) == 1


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 3.0, 1e30, 1e150])
def test_any_scale_gives_the_same_answers(wine, scale) -> None:
    X, y = wine
    expected = LookalikeClassifier("fast").fit(X, y).predict_proba(X)
    assert_allclose(
        LookalikeClassifier("fast").fit(X * scale, y).predict_proba(X * scale), expected
    )


def test_vectors_are_added_removed_and_explained(wine) -> None:
    X, y = wine
    classifier = LookalikeClassifier("fast").fit(X[::2], y[::2])
    classifier.partial_fit(X[1:2], [7], relearn=False)
    assert classifier.predict(X[1:2]) == [7]
    explanation = classifier.explain(X[1:2], 3)
    assert explanation.indices[0, 0] == len(X[::2])
    assert "query 0: 7" in str(explanation)
    assert "1 predictions by 3 neighbors" in explanation._repr_html_()
    assert_allclose(classifier.training_images([-1]), X[1:2], rtol=1e-6)
    classifier.remove([len(X[::2])], relearn=False)
    assert_array_equal(classifier.classes_, [0, 1, 2])


def test_the_memory_of_vectors_is_estimated() -> None:
    few, many = (LookalikeClassifier("fast").estimate(n, (1280,)) for n in (1_000, 100_000))
    assert 4 * 1_000 * 1280 < few < 2**28 < many < 2**33
    with pytest.raises(ValueError, match=r"vectors|max_memory"):
        LookalikeClassifier(max_memory=1).fit(np.ones((1000, 2000)), np.arange(1000) % 2)


def test_a_network_a_transformer_and_a_function_make_the_vectors(tmp_path) -> None:
    X, y = load_digits(return_X_y=True)
    colour = np.repeat(X.reshape(-1, 8, 8, 1) * 15, 3, axis=3).astype(np.uint8)[:200]
    network = write_means(tmp_path / "means.onnx")
    made = PretrainedFeatures(network, cache=False).fit_transform(colour)
    expected = LookalikeClassifier("fast").fit(made, y[:200]).predict(made)
    for features in (
        str(network),
        PretrainedFeatures(network, cache=False),
        lambda pictures: PretrainedFeatures(network, cache=False).fit_transform(pictures),
    ):
        classifier = LookalikeClassifier("fast", features=features).fit(list(colour), y[:200])
        assert_array_equal(classifier.predict(list(colour)), expected)
        assert classifier.image_shape_ == (3,)
    classifier = LookalikeClassifier("fast", features=PCA(10)).fit(X[:300], y[:300])
    axes = PCA(10).fit(X[:300])
    by_hand = LookalikeClassifier("fast").fit(axes.transform(X[:300]), y[:300])
    answers = by_hand.predict(axes.transform(X[300:600]))
    assert_array_equal(classifier.predict(X[300:600]), answers)
    assert classifier.score(X[300:600], y[300:600]) > 0.8


def test_a_network_tells_its_progress(tmp_path) -> None:
    network = PretrainedFeatures(write_means(tmp_path / "means.onnx"), cache=False, batch_size=8)
    pictures = np.random.default_rng(0).integers(0, 256, (20, 9, 9, 3), np.uint8)
    told = []
    classifier = LookalikeClassifier("fast", features=network)
    classifier.fit(pictures, np.arange(20) % 2, progress=lambda *own: told.append(own))
    assert told[:3] == [(8, 20), (16, 20), (20, 20)]
    assert told[-1][0] == told[-1][1] != 20


def test_bad_vectors_and_features_are_refused(wine) -> None:
    X, y = wine
    classifier = LookalikeClassifier("fast").fit(X, y)
    with pytest.raises(ValueError, match="13"):
        classifier.predict(X[:, 1:])
    with pytest.raises(ValueError, match="NaN"):
        classifier.predict(np.full((1, 13), np.nan))
    assert_array_equal(pickle.loads(pickle.dumps(classifier)).predict(X), classifier.predict(X))
    with pytest.raises(TypeError, match="features=7; give the name or the path of a network"):
        LookalikeClassifier(features=7).fit(X, y)
    with pytest.raises(FileNotFoundError, match="give 'efficientnet-lite0' or the path"):
        LookalikeClassifier(features="resnet").fit(X, y)


def test_flat_pixels_are_told(wine) -> None:
    X, y = load_digits(return_X_y=True)
    with pytest.warns(UserWarning, match=r"rows of 64 bytes .* X\.reshape\(-1, height, width\)"):
        LookalikeClassifier("fast").fit(X[:100].astype(np.uint8), y[:100])


def test_an_array_of_images_as_objects_is_of_images() -> None:
    X, y = load_digits(return_X_y=True)
    images = X[:100].reshape(-1, 8, 8).astype(np.uint8)
    objects = np.empty(100, object)
    objects[:] = list(images)
    classifier = LookalikeClassifier("fast").fit(objects, y[:100])
    assert classifier.image_shape_ == (8, 8)
    assert_array_equal(classifier.predict(objects), classifier.predict(images))
