"""Both estimators where scikit-learn's users put them: pipelines, searches, pickles."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from joblib import cpu_count
from scipy.sparse import csr_array
from sklearn import neighbors
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import get_tags

from lookalike import KNeighborsClassifier, KNeighborsRegressor, Softmax
from lookalike.search.machine import count_threads
from lookalike.search.sklearn_fallback import SklearnFallbackWarning

digits = load_digits()
IMAGES, LABELS = digits.images[:600], digits.target[:600]
ESTIMATORS = [
    KNeighborsClassifier(3, weights="distance", reject=0.1, class_weight="balanced"),
    KNeighborsRegressor(3, weights=Softmax(0.2), metric="cosine"),
]
both = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)


@both
def test_clone_keeps_parameters_and_forgets_data(estimator):
    copied = clone(clone(estimator).fit(IMAGES, LABELS))
    assert copied.get_params() == estimator.get_params()
    assert not hasattr(copied, "n_features_in_")
    assert not hasattr(copied, "feature_names_in_")


@both
@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies_predict_alike(estimator, copy_of):
    knn = clone(estimator).fit(IMAGES[:400], LABELS[:400])
    copied = copy_of(knn)
    np.testing.assert_array_equal(copied.predict(IMAGES[400:]), knn.predict(IMAGES[400:]))
    knn.remove(range(100))
    assert copied.n_samples_fit_ == 400


@both
@pytest.mark.parametrize(
    "change",
    [
        lambda knn: knn.remove(range(100)),
        lambda knn: knn.partial_fit(IMAGES[400:], LABELS[400:]),
        lambda knn: knn.set_params(n_neighbors=1).predict(IMAGES),
    ],
)
def test_a_shallow_copy_can_change_on_its_own(estimator, change):
    knn = clone(estimator).fit(IMAGES[:400], LABELS[:400])
    expected = knn.predict(IMAGES)
    change(copy.copy(knn))
    np.testing.assert_array_equal(knn.predict(IMAGES), expected)


@both
def test_tags(estimator):
    tags = get_tags(estimator)
    assert is_classifier(estimator) != is_regressor(estimator)
    assert tags.target_tags.multi_output
    assert tags.target_tags.required
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.pairwise
    assert get_tags(clone(estimator).set_params(metric="precomputed")).input_tags.pairwise


def test_cross_validation_takes_images():
    knn = KNeighborsClassifier(3)
    of_images = cross_val_predict(knn, IMAGES, LABELS, cv=3)
    of_rows = cross_val_predict(knn, digits.data[:600], LABELS, cv=3)
    np.testing.assert_array_equal(of_images, of_rows)
    theirs = neighbors.KNeighborsClassifier(3)
    np.testing.assert_array_equal(
        cross_val_score(knn, IMAGES, LABELS, cv=3),
        cross_val_score(theirs, digits.data[:600], LABELS, cv=3),
    )


def test_grid_search_takes_images():
    grid = {"n_neighbors": [1, 3], "weights": ["uniform", "distance", Softmax(0.1)]}
    search = GridSearchCV(KNeighborsClassifier(metric="cosine"), grid, cv=3).fit(IMAGES, LABELS)
    assert search.best_score_ > 0.9
    assert search.predict(IMAGES[:5]).shape == (5,)


@pytest.mark.slow("starts a pool of processes")
def test_processes_of_a_grid_search_share_the_cpus():
    def threads(knn, X, y):
        return count_threads(knn.n_jobs)

    grid = {"n_jobs": [None, 1]}
    search = GridSearchCV(KNeighborsClassifier(), grid, scoring=threads, cv=2, n_jobs=2)
    share = max(1, cpu_count() // 2)
    assert list(search.fit(IMAGES[:100], LABELS[:100]).cv_results_["mean_test_score"]) == [share, 1]


def test_grid_search_splits_precomputed_distances_both_ways():
    distances = np.abs(LABELS[:60, None] - LABELS[None, :60]).astype(float)
    knn = KNeighborsClassifier(1, metric="precomputed")
    with pytest.warns(UserWarning, match="handed over"):
        assert cross_val_score(knn, distances, LABELS[:60], cv=3).min() == 1


def test_pipelines():
    flatten = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    ours, theirs = (
        make_pipeline(flatten, PCA(20, random_state=0), knn).fit(IMAGES[:400], LABELS[:400])
        for knn in (KNeighborsClassifier(3), neighbors.KNeighborsClassifier(3))
    )
    np.testing.assert_array_equal(ours.predict(IMAGES[400:]), theirs.predict(IMAGES[400:]))


def test_data_frames_keep_their_column_names():
    frame = pd.DataFrame(digits.data[:600], columns=[f"pixel {i}" for i in range(64)])
    pipe = make_pipeline(StandardScaler(), KNeighborsClassifier(3))
    pipe.set_output(transform="pandas").fit(frame, LABELS)
    assert list(pipe[-1].feature_names_in_) == list(frame.columns)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        pipe[-1].predict(digits.data[:2])
    assert not hasattr(pipe[-1].fit(digits.data, digits.target), "feature_names_in_")


def test_labels_may_be_a_series_or_categories():
    for y in (pd.Series(LABELS), pd.Series(LABELS.astype(str), dtype="category"), list(LABELS)):
        knn = KNeighborsClassifier(1).fit(IMAGES, y)
        assert list(knn.predict(IMAGES)) == list(y)


def test_inside_other_estimators():
    outputs = np.column_stack([LABELS, LABELS % 2])
    wrapped = MultiOutputClassifier(KNeighborsClassifier(3)).fit(digits.data[:600], outputs)
    alone = KNeighborsClassifier(3).fit(digits.data[:600], outputs)
    queries = digits.data[600:650]
    np.testing.assert_array_equal(wrapped.predict(queries), alone.predict(queries))
    knn = KNeighborsClassifier(3).fit(digits.data[:100], LABELS[:100])
    importance = permutation_importance(knn, digits.data[:100], LABELS[:100], n_repeats=1)
    assert importance.importances_mean[0] == 0  # the corner is blank in every image


@both
@pytest.mark.parametrize(
    "call",
    [
        lambda knn: knn.set_params(metric="chebyshev").fit(IMAGES, LABELS),
        lambda knn: knn.predict(csr_array(digits.data[:5])),
        lambda knn: knn.explain(csr_array(digits.data[:5])),
    ],
)
def test_what_is_handed_over_is_announced_at_the_callers_line(estimator, call):
    knn = clone(estimator).fit(IMAGES, LABELS)
    with pytest.warns(SklearnFallbackWarning) as warned:
        call(knn)
    assert [warning.filename for warning in warned] == [__file__]


@both
def test_several_threads_predict_at_once(estimator):
    knn = clone(estimator).fit(IMAGES[:400], LABELS[:400])
    expected = knn.predict(IMAGES)
    with ThreadPoolExecutor(4) as pool:
        for labels in pool.map(knn.predict, [IMAGES] * 8):
            np.testing.assert_array_equal(labels, expected)


@both
def test_parameters_that_need_no_new_fit_take_effect_at_once(estimator):
    knn = clone(estimator).fit(IMAGES, LABELS).set_params(n_neighbors=1, n_jobs=1)
    assert knn.kneighbors(IMAGES[:2])[1].shape == (2, 1)
    np.testing.assert_array_equal(knn.predict(IMAGES), LABELS)
