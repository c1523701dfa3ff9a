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

from lookalike import LookalikeClassifier, PretrainedFeatures, evaluate
from lookalike.matching.search_spaces import SEARCH_SPACES, vector_space


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


NO_CLASSES = "partial_fit needs no classes=: new classes are always allowed"
REPEATED = "weights say how much errors count; a row that is repeated is a neighbour of itself"
FAIL = {
    "check_sample_weight_equivalence_on_dense_data": REPEATED,
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


def test_a_network_a_transformer_and_a_function_make_the_vectors(tmp_path, own_cache) -> None:
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
        evaluation = evaluate(classifier, list(colour), y[:200])
        assert evaluation.accuracy == (expected == y[:200]).mean()
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
    with pytest.warns(UserWarning, match=r"rows of 64 bytes .* image_shape=\(height, width\)"):
        LookalikeClassifier("fast").fit(X[:100].astype(np.uint8), y[:100])


def test_rows_of_pixels_are_images_of_the_shape_that_is_given() -> None:
    X, y = load_digits(return_X_y=True)
    X, images = X.astype(np.uint8), X.astype(np.uint8).reshape(-1, 8, 8)
    expected = LookalikeClassifier("fast").fit(images[:200], y[:200])
    flat = LookalikeClassifier("fast", image_shape=(8, 8)).fit(X[:200], y[:200])
    assert flat.image_shape_ == (8, 8)
    for given in (X[200:300], images[200:300]):
        assert_array_equal(flat.predict_proba(given), expected.predict_proba(images[200:300]))
    flat.partial_fit(X[300:301], y[300:301], relearn=False)
    assert flat.explain(X[300:301]).indices[0, 0] == 200
    with pytest.raises(ValueError, match=r"image_shape=\(8, 8\) does not fit rows of 60 values"):
        flat.predict(X[:, :60])
    with pytest.raises(ValueError, match=r"image_shape=\(7, 9\) does not fit rows of 64 values"):
        LookalikeClassifier(image_shape=(7, 9)).fit(X, y)


def test_rows_of_weight_0_are_as_absent(wine) -> None:
    X, y = wine
    weights = np.ones(len(X))
    weights[::3] = 0
    expected = LookalikeClassifier("fast").fit(X[weights > 0], y[weights > 0])
    weighted = LookalikeClassifier("fast").fit(X, y, 7 * weights)
    assert [own[:5] for own in weighted.choices_] == [own[:5] for own in expected.choices_]
    assert_array_equal(weighted.predict_proba(X), expected.predict_proba(X))
    assert weighted.n_samples_fit_ == (weights > 0).sum()
    pictures = [np.full((9, 9 + i % 2, 3), 20 * (i % 3), np.uint8) for i in range(30)]
    own = LookalikeClassifier(
        "fast", features=lambda given: [one.mean(axis=(0, 1)) for one in given]
    )
    own.fit(pictures, np.arange(30) % 3, [1] * 20 + [0] * 10)
    assert own.n_samples_fit_ == 20
    for wrong, message in (
        (weights[1:], r"sample_weight has shape \(177,\) but there are 178"),
        (-weights, "sample_weight"),
        (0 * weights, "all 178 entries of sample_weight are zero"),
    ):
        with pytest.raises(ValueError, match=message):
            LookalikeClassifier("fast").fit(X, y, wrong)


def test_weights_say_how_much_errors_count(wine) -> None:
    X, y = np.repeat(wine[0], 2, axis=0), np.repeat(wine[1], 2)
    X += np.random.default_rng(0).normal(scale=0.1, size=X.shape)
    by_chance = np.arange(len(X)) % 5 == 0
    y[by_chance] = np.arange(by_chance.sum()) % 3
    few = LookalikeClassifier("fast").fit(X, y, np.where(by_chance, 1e-3, 1))
    many = LookalikeClassifier("fast").fit(X, y, np.where(by_chance, 1, 1e-3))
    for fitted, rows in ((few, ~by_chance), (many, by_chance)):
        assert [own.n_held_out for own in fitted.choices_] == [
            pytest.approx(rows.sum(), abs=2)
        ] * len(fitted.choices_)
    assert min(trial.error for trial in many.choices_) > 0.4
    assert min(trial.error for trial in few.choices_) < 0.2
    assert few.predict_proba(X).max(axis=1).mean() > many.predict_proba(X).max(axis=1).mean() + 0.1
