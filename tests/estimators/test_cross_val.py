"""Cross-validated predictions: those of scikit-learn's function, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, ShuffleSplit
from sklearn.model_selection import cross_val_predict as by_sklearn
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeClassifier

from lookalike import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    Shifts,
    cross_val_predict,
    load_dataset,
)

digits = load_dataset("digits").train
IMAGES, LABELS = digits.images[:300], digits.labels[:300]
NAMES = np.array([f"digit {label}" for label in range(10)])[LABELS]


def check(estimator: Any, X: Any, y: Any, *, method: str = "predict", **how: Any) -> None:
    ours = cross_val_predict(estimator, X, y, method=method, **how)
    theirs = by_sklearn(estimator, X, y, method=method, **how)
    np.testing.assert_equal(ours, theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("cv", [None, 3, KFold(4, shuffle=True, random_state=0)])
def test_folds_of_every_kind(method: str, weights: str, cv: Any) -> None:
    check(KNeighborsClassifier(4, weights=weights), IMAGES, LABELS, method=method, cv=cv)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_names_groups_and_weights_of_classes(method: str) -> None:
    knn = KNeighborsClassifier(5, class_weight="balanced")
    groups = np.arange(300) // 9
    check(knn, IMAGES, NAMES, method=method, cv=GroupKFold(4), groups=groups)


@pytest.mark.filterwarnings("ignore:Number of classes in training fold:RuntimeWarning")
def test_classes_that_a_fold_has_no_image_of() -> None:
    order = np.argsort(LABELS, kind="stable")
    check(KNeighborsClassifier(3), IMAGES[order], NAMES[order], cv=KFold(5), method="predict_proba")


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_several_outputs(method: str) -> None:
    y = np.stack([LABELS % 2, LABELS // 4], axis=1)
    check(KNeighborsClassifier(3), IMAGES, y, method=method, cv=4)


def test_targets_are_averaged() -> None:
    check(KNeighborsRegressor(3, weights="distance"), IMAGES, LABELS / 7, cv=4)


def test_only_training_folds_are_grown() -> None:
    knn = KNeighborsClassifier(3, weights="distance", augmentation=Shifts(1))
    check(knn, IMAGES, LABELS, cv=3, method="predict_proba")


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_folds_that_train_on_the_same_images(method: str) -> None:
    rows = np.arange(300)
    halves = [(rows, rows[:150]), (rows, rows[150:])]
    check(KNeighborsClassifier(3), IMAGES, LABELS, cv=halves, method=method)
    thirds = [(rows[200:], rows[:100]), (rows[200:], rows[100:200]), (rows[:200], rows[200:])]
    check(KNeighborsClassifier(3), IMAGES, LABELS, cv=thirds, method=method)


def test_rows_counted_from_the_end() -> None:
    rows = np.arange(300)
    halves = [(rows[:150], rows[150:] - 300), (rows[150:], rows[:150])]
    check(KNeighborsClassifier(3), IMAGES, LABELS, cv=halves, method="predict_proba")


@pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning")
@pytest.mark.parametrize("cv", [3, "loo"])
def test_distances_that_are_given(cv: Any) -> None:
    flat = IMAGES[:90].reshape(90, -1)
    distances = pairwise_distances(flat)
    knn = KNeighborsClassifier(3, metric="precomputed")
    ours = cross_val_predict(knn, distances, LABELS[:90], cv=cv, method="predict_proba")
    splitter = LeaveOneOut() if cv == "loo" else cv
    theirs = by_sklearn(knn, distances, LABELS[:90], cv=splitter, method="predict_proba")
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("cv", [3, KFold(3), "loo"])
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_images_weigh(cv: Any, method: str) -> None:
    X, y = IMAGES[:90], LABELS[:90]
    weights = np.random.default_rng(0).uniform(0.1, 5, 90)
    knn = KNeighborsClassifier(6, weights="distance")
    ours = cross_val_predict(knn, X, y, cv=cv, method=method, params={"sample_weight": weights})
    splitter = LeaveOneOut() if cv == "loo" else cv
    given = {"cv": splitter, "method": method}
    theirs = by_sklearn(knn, X, y, **given, params={"sample_weight": weights})
    np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(ours, by_sklearn(knn, X, y, **given))


@pytest.mark.parametrize("routing", [False, True])
def test_images_weigh_in_pipelines_and_by_routing(routing: bool) -> None:
    X, y = IMAGES[:90].reshape(90, -1), LABELS[:90]
    weights = np.random.default_rng(0).uniform(0.1, 5, 90)
    with config_context(enable_metadata_routing=routing):
        knn = KNeighborsClassifier(6)
        if routing:
            knn.set_fit_request(sample_weight=True)
        name = "sample_weight" if routing else "knn__sample_weight"
        pipeline = Pipeline([("pca", PCA(10, random_state=0)), ("knn", knn)])
        check(pipeline, X, y, cv=3, method="predict_proba", params={name: weights})


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_pipelines(method: str) -> None:
    pipeline = make_pipeline(PCA(10, random_state=0), KNeighborsClassifier(3, weights="distance"))
    check(pipeline, IMAGES.reshape(300, -1), LABELS, method=method, cv=3)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_leave_one_out_is_one_search(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = IMAGES[:60], LABELS[:60]
    knn = KNeighborsClassifier(3, weights="distance")
    theirs = by_sklearn(knn, X, y, cv=LeaveOneOut(), method=method)
    searches = []
    search = NearestNeighbors.neighbors
    monkeypatch.setattr(
        NearestNeighbors, "neighbors", lambda *a, **k: searches.append(a) or search(*a, **k)
    )
    np.testing.assert_array_equal(cross_val_predict(knn, X, y, cv="loo", method=method), theirs)
    assert len(searches) == 1
    cross_val_predict(knn, X, y, cv=5, method=method)
    assert len(searches) == 2


def test_others_are_left_to_scikit_learn() -> None:
    tree, flat = DecisionTreeClassifier(random_state=0), IMAGES.reshape(300, -1)
    check(tree, flat, LABELS, cv=3, method="predict_proba")
    loo = cross_val_predict(tree, flat[:30], LABELS[:30], cv="loo")
    np.testing.assert_array_equal(loo, by_sklearn(tree, flat[:30], LABELS[:30], cv=LeaveOneOut()))


@pytest.mark.parametrize("cv", [3, "loo"])
def test_progress_is_told(cv: Any) -> None:
    told: list[tuple[int, int]] = []
    knn = KNeighborsClassifier(1)
    cross_val_predict(knn, IMAGES, LABELS, cv=cv, progress=lambda *done: told.append(done))
    assert told[-1] == (300, 300)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="only works for partitions"):
        cross_val_predict(KNeighborsClassifier(), IMAGES, LABELS, cv=ShuffleSplit(2))
    with pytest.raises(ValueError, match="n_neighbors=250"):
        cross_val_predict(KNeighborsClassifier(250), IMAGES, LABELS, cv=3)
    with pytest.raises(ValueError, match="the target y is None"):
        cross_val_predict(KNeighborsClassifier(), IMAGES)
    with pytest.raises(TypeError, match="fit got \\['weight'\\]"):
        cross_val_predict(KNeighborsClassifier(), IMAGES, LABELS, params={"weight": LABELS})
    with pytest.raises(AttributeError):
        cross_val_predict(KNeighborsRegressor(), IMAGES, LABELS, cv=3, method="predict_proba")
