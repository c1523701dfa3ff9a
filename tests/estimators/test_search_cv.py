"""The search over hyperparameters gives what scikit-learn's grid search gives."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.stats import randint
from sklearn import config_context, neighbors
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from lookalike import KNeighborsClassifier, KNeighborsRegressor, KNeighborsSearchCV, Softmax
from lookalike.search.nearest import NearestNeighbors

digits = load_digits()
IMAGES = digits.images[:360].astype(np.uint8)
X, Y = IMAGES.reshape(360, -1), digits.target[:360]
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
GROUPS = np.arange(360) % 7
WEIGHT = np.random.default_rng(5).integers(1, 4, 360).astype(float)
GRID = {"n_neighbors": [1, 2, 3, 4, 7], "weights": ["uniform", "distance"]}


def assert_same_results(ours, theirs):
    """Equal to the last bit, but for times."""
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for key, expected in theirs.cv_results_.items():
        found = ours.cv_results_[key]
        if key.endswith("_time"):
            assert found.shape == expected.shape
            assert (found >= 0).all()
        elif key.startswith(("split", "mean", "std", "rank")):
            np.testing.assert_array_equal(found, expected, strict=True, err_msg=key)
        elif key.startswith("param_"):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found.mask, expected.mask)
    for name in ("best_index_", "best_params_", "best_score_", "n_splits_", "multimetric_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
        if name.endswith("score_"):
            np.testing.assert_array_equal(getattr(ours, name, 0), getattr(theirs, name, 0))
        elif hasattr(ours, name):
            assert getattr(ours, name) == getattr(theirs, name), name
    assert hasattr(ours, "best_estimator_") == hasattr(theirs, "best_estimator_")


def both(grid, estimator=None, y=Y, fit_params=None, **options):
    estimator = KNeighborsClassifier() if estimator is None else estimator
    fit_params = fit_params or {}
    theirs = GridSearchCV(estimator, grid, **options).fit(X, y, **fit_params)
    ours = KNeighborsSearchCV(estimator, grid, **options).fit(X, y, **fit_params)
    if hasattr(theirs, "best_estimator_") and not fit_params:
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    return ours, theirs


@pytest.fixture
def searches(monkeypatch):
    """Count what searches are fitted and queried."""
    calls = []
    for name in ("fit", "neighbors"):
        original = getattr(NearestNeighbors, name)

        def counted(self, *args, _name=name, _original=original, **kwargs):
            calls.append(_name)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(NearestNeighbors, name, counted)
    return calls


SPLITTERS = {
    "int": 4,
    "k-fold": KFold(5),
    "shuffled": StratifiedKFold(3, shuffle=True, random_state=0),
    "groups": GroupKFold(3),
    "one group": LeaveOneGroupOut(),
    "repeated": RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=1),
    "shuffle split": ShuffleSplit(3, test_size=0.3, random_state=2),
    "shuffle split of all": ShuffleSplit(3, random_state=2),
    "time": TimeSeriesSplit(3),
    "some never tested": PredefinedSplit(np.arange(360) % 5 - 1),
    "lists": [(list(range(100, 360)), list(range(100))), (list(range(200)), list(range(200, 260)))],
    "masks": [(np.arange(360) < 300, np.arange(360) >= 300)],
    "descending": [(np.arange(359, 59, -1), np.arange(60)[::-1])],
    "some complementary": [
        (np.arange(100, 360), np.arange(100)),
        (np.arange(100), np.arange(100, 200)),
        (np.delete(np.arange(360), np.arange(120, 130)), np.arange(120, 130)[::-1]),
    ],
}


@pytest.mark.parametrize("name", SPLITTERS)
@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
def test_splits(name, scoring):
    assert_same_results(
        *both(
            GRID,
            cv=SPLITTERS[name],
            scoring=scoring,
            return_train_score=True,
            fit_params={"groups": GROUPS},
        )
    )


@pytest.mark.parametrize(
    ("name", "n_fits", "n_queries"),
    [
        ("int", 1, 1),
        ("groups", 1, 1),
        ("repeated", 1, 2),
        ("some never tested", 1, 1),
        ("shuffle split", 3, 3),
        ("time", 3, 3),
        ("some complementary", 2, 2),
    ],
)
def test_one_search_serves_all_candidates_and_if_it_may_all_folds(
    name, n_fits, n_queries, searches
):
    KNeighborsSearchCV(KNeighborsClassifier(), GRID, cv=SPLITTERS[name], refit=False).fit(
        X, Y, groups=GROUPS
    )
    assert searches.count("fit") == n_fits
    assert searches.count("neighbors") == n_queries


def test_parameters_of_the_search_cost_one_search_a_value(searches):
    grid = [
        {"metric": ["euclidean", "manhattan"], **GRID, "class_weight": [None, "balanced"]},
        {"metric": ["manhattan"], "n_neighbors": [9]},
    ]
    ours = KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=3, refit=False).fit(X, Y)
    assert searches.count("neighbors") == 2
    theirs = GridSearchCV(KNeighborsClassifier(), grid, cv=3, refit=False).fit(X, Y)
    assert_same_results(ours, theirs)


def test_the_refitted_estimator_needs_no_search_of_its_own(searches):
    search = KNeighborsSearchCV(KNeighborsClassifier(), GRID, cv=3).fit(X, Y)
    assert searches.count("fit") == 1
    fitted = clone(search.best_estimator_).fit(X, Y)
    np.testing.assert_array_equal(search.predict_proba(X), fitted.predict_proba(X))
    inner, expected = search.best_estimator_._search, fitted._search
    assert inner.get_params() == expected.get_params()
    assert search.best_estimator_.remove([0]).n_samples_fit_ == 359


@pytest.mark.parametrize(
    "scoring",
    [
        "accuracy",
        "f1_macro",
        "roc_auc_ovr",
        ["accuracy", "neg_log_loss"],
        {"a": "accuracy", "b": make_scorer(accuracy_score, normalize=False)},
        lambda estimator, X, y: estimator.predict_proba(X).max(axis=1).mean(),
        lambda estimator, X, y: {"n": len(estimator.classes_), "k": estimator.n_samples_fit_},
        lambda estimator, X, y: estimator.score(X[::2], y[::2]),  # other images than the fold's
        lambda estimator, X, y: estimator.score(None, estimator._y),
        lambda estimator, X, y: estimator.explain(X).distances.sum(),
    ],
)
@pytest.mark.parametrize("cv", [3, ShuffleSplit(2, random_state=0)], ids=["shared", "apart"])
def test_scorers(scoring, cv):
    some = isinstance(scoring, list | dict) or callable(scoring)
    ours, theirs = both(GRID, cv=cv, scoring=scoring, refit=not some, return_train_score=True)
    assert_same_results(ours, theirs)


def test_refit_by_a_metric_or_a_function():
    for refit in ("neg_log_loss", lambda results: int(results["rank_test_accuracy"].argmax())):
        ours, theirs = both(GRID, cv=3, scoring=["accuracy", "neg_log_loss"], refit=refit)
        assert_same_results(ours, theirs)
        assert ours.score(X, Y) == theirs.score(X, Y) if isinstance(refit, str) else True


@pytest.mark.parametrize("y", [NAMES[Y], NAMES[Y].astype(object), Y - 5, Y > 4, Y.astype(float)])
def test_labels(y):
    ours, theirs = both(GRID, y=y, cv=3)
    assert_same_results(ours, theirs)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)


def test_labels_that_a_training_fold_lacks_are_never_right():
    y = np.arange(360) // 60
    ours, theirs = both(GRID, y=y, cv=KFold(6))
    assert_same_results(ours, theirs)
    assert ours.best_score_ == 0


def test_several_outputs():
    def share(estimator, X, y):
        return (estimator.predict(X) == y).mean()

    y = np.column_stack([Y, Y % 2, NAMES[Y].astype("U3") == "on"])
    assert_same_results(*both(GRID, y=y, cv=3, scoring=share))


def test_regressor():
    grid = {**GRID, "weights": ["uniform", "distance", Softmax(3.0)]}
    for y in (Y, np.column_stack([Y, X[:, 10]])):
        for scoring in (None, ["r2", "neg_mean_absolute_error"]):
            ours, theirs = both(
                grid, KNeighborsRegressor(), y, cv=4, scoring=scoring, refit=scoring is None
            )
            assert_same_results(ours, theirs)
    assert is_regressor(ours)


READING = {
    "weights": ["uniform", "distance", None, Softmax(2.0)],
    "class_weight": [None, "balanced", {label: 1 + label for label in range(10)}],
    "reject": [None, 0.7],
    "n_neighbors": [2, 6],
}


def test_whatever_is_read_off_a_table():
    for fit_params in ({}, {"sample_weight": WEIGHT}):
        assert_same_results(*both(READING, cv=3, fit_params=fit_params))


def test_sample_weights_that_mute_some_images():
    weight = (np.arange(360) % 4 == 0).astype(float)
    options = {"cv": 3, "fit_params": {"sample_weight": weight}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some images have no neighbour that counts
        assert_same_results(*both(GRID, **options))


def test_distances_at_and_near_zero():
    # 1 / 1e-308 is finite, and 2 / 1e-308 is not: the weights depend on how many there are.
    rows = np.array([0, 0, 1e-308, 1e-308, 2e-308, 1, 2, 3] * 12)[:, None]
    y = np.random.default_rng(0).integers(0, 3, 96)
    grid = {"n_neighbors": [1, 2, 3, 30, 60], "weights": ["uniform", "distance"]}
    cv = KFold(4, shuffle=True, random_state=0)
    ours = KNeighborsSearchCV(KNeighborsClassifier(metric="manhattan"), grid, cv=cv).fit(rows, y)
    theirs = GridSearchCV(KNeighborsClassifier(metric="manhattan"), grid, cv=cv).fit(rows, y)
    for key in theirs.cv_results_:
        if key.startswith(("split", "mean_test")):
            np.testing.assert_array_equal(ours.cv_results_[key], theirs.cv_results_[key])


def test_scikit_learns_classifier_gives_the_same_where_no_distances_tie():
    local = np.random.default_rng(1)
    rows, y = local.normal(size=(300, 8)), local.integers(0, 4, 300)
    grid = {"n_neighbors": list(range(1, 12)), "weights": ["uniform", "distance"]}
    ours = KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=5).fit(rows, y)
    theirs = GridSearchCV(neighbors.KNeighborsClassifier(), grid, cv=5).fit(rows, y)
    for key in theirs.cv_results_:
        if key.startswith(("split", "mean_test", "std_test", "rank")):
            np.testing.assert_array_equal(ours.cv_results_[key], theirs.cv_results_[key])
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ == theirs.best_score_


@pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning")
@pytest.mark.parametrize("return_train_score", [False, True])
def test_searches_that_are_handed_over(return_train_score):
    local = np.random.default_rng(1)
    rows, y = local.normal(size=(120, 4)), local.integers(0, 3, 120)
    grid = {"n_neighbors": [1, 3], "metric": ["chebyshev", "euclidean"]}
    distances = np.abs(rows[:, :1] - rows[:, 0])
    for estimator, data, some in (
        (KNeighborsClassifier(), rows, grid),
        (KNeighborsClassifier(), csr_array(rows), {"n_neighbors": [1, 3]}),
        (KNeighborsClassifier(metric="precomputed"), distances, {"n_neighbors": [1, 3]}),
    ):
        options = {"cv": 3, "return_train_score": return_train_score}
        ours = KNeighborsSearchCV(estimator, some, **options).fit(data, y)
        theirs = GridSearchCV(estimator, some, **options).fit(data, y)
        for key in theirs.cv_results_:
            if key.startswith("split"):
                np.testing.assert_array_equal(ours.cv_results_[key], theirs.cv_results_[key])


PIPELINE = Pipeline(
    [
        ("scale", StandardScaler()),
        ("pca", PCA(random_state=0)),
        ("knn", KNeighborsClassifier()),
    ]
)
PIPELINE_GRID = {
    "pca__n_components": [8, 20],
    "knn__n_neighbors": [1, 4],
    "knn__weights": ["uniform", "distance"],
    "knn__metric": ["euclidean", "cosine"],
}


class CountedScaler(StandardScaler):
    fits = 0

    def fit(self, X, y=None, sample_weight=None):
        type(self).fits += 1
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", ["accuracy", "f1_macro"]])
def test_pipelines(scoring):
    options = {"cv": 3, "scoring": scoring, "refit": not isinstance(scoring, list)}
    assert_same_results(*both(PIPELINE_GRID, PIPELINE, return_train_score=True, **options))
    assert is_classifier(KNeighborsSearchCV(PIPELINE, PIPELINE_GRID))


def test_transformers_are_fitted_once_a_fold_for_each_setting_of_their_own():
    CountedScaler.fits = 0
    pipeline = clone(PIPELINE).set_params(scale=CountedScaler())
    grid = {**PIPELINE_GRID, "scale__with_mean": [True, False]}
    KNeighborsSearchCV(pipeline, grid, cv=3, refit=False).fit(X, Y)
    assert CountedScaler.fits == 3 * 2 * 2  # of folds, of n_components, of with_mean


def test_steps_of_pipelines_are_candidates_too():
    grid = [
        {"pca": ["passthrough", PCA(5, random_state=1)], "knn__n_neighbors": [3]},
        {"knn": [KNeighborsClassifier(2), KNeighborsClassifier(metric="cosine")]},
    ]
    assert_same_results(*both(grid, PIPELINE, cv=3))
    regression = make_pipeline(FunctionTransformer(lambda X: X / 16), KNeighborsRegressor())
    assert_same_results(*both({"kneighborsregressor__n_neighbors": [2, 3]}, regression, cv=3))


def test_parameters_of_fit_reach_their_steps():
    fit_params = {"knn__sample_weight": WEIGHT, "scale__sample_weight": WEIGHT[::-1]}
    assert_same_results(*both(PIPELINE_GRID, PIPELINE, cv=3, fit_params=fit_params))


def test_metadata_routing():
    with config_context(enable_metadata_routing=True):
        knn = KNeighborsClassifier().set_fit_request(sample_weight=True)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        params = {"sample_weight": WEIGHT, "groups": GROUPS}
        options = {"cv": GroupKFold(3), "scoring": scorer, "fit_params": params}
        assert_same_results(*both(GRID, knn, **options))
        pipeline = Pipeline(
            [("s", StandardScaler().set_fit_request(sample_weight=True)), ("k", knn)]
        )
        grid = {"k__n_neighbors": [1, 4]}
        assert_same_results(*both(grid, pipeline, **options))
        search = KNeighborsSearchCV(knn, GRID, cv="loo", scoring=scorer)
        assert search.fit(X, Y, sample_weight=WEIGHT).best_score_ > 0.9


def test_random_search():
    grid = {"n_neighbors": randint(1, 20), "weights": ["uniform", "distance"]}
    options = {"n_iter": 7, "random_state": 3, "cv": 3}
    ours = KNeighborsSearchCV(KNeighborsClassifier(), grid, **options).fit(X, Y)
    theirs = RandomizedSearchCV(KNeighborsClassifier(), grid, **options).fit(X, Y)
    assert_same_results(ours, theirs)


def test_images_frames_and_lists():
    search = KNeighborsSearchCV(KNeighborsClassifier(), GRID, cv=3, scoring="f1_macro")
    expected = clone(search).fit(X, Y)
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    for data, y in ((IMAGES, Y), (frame, pd.Series(Y)), (X.tolist(), Y.tolist())):
        found = clone(search).fit(data, y)
        for key in expected.cv_results_:
            if key.startswith("split"):
                np.testing.assert_array_equal(found.cv_results_[key], expected.cv_results_[key])
        np.testing.assert_array_equal(found.predict(data), expected.predict(X))
    of_frame = clone(search).fit(frame, Y)
    assert list(of_frame.feature_names_in_) == list(frame.columns)


@pytest.mark.parametrize(
    "estimator", [KNeighborsClassifier(), make_pipeline(KNeighborsClassifier())]
)
@pytest.mark.parametrize("scoring", [None, "f1_macro"])
def test_leave_one_out(estimator, scoring, searches):
    name = "" if isinstance(estimator, KNeighborsClassifier) else "kneighborsclassifier__"
    grid = {name + key: values for key, values in GRID.items()}
    search = KNeighborsSearchCV(
        estimator, grid, cv="loo", scoring=scoring, return_train_score=True, refit=False
    ).fit(X, Y)
    assert searches == ["fit", "neighbors", "neighbors"]
    assert search.n_splits_ == 1
    for i, params in enumerate(search.cv_results_["params"]):
        knn = KNeighborsClassifier(**{key.removeprefix(name): v for key, v in params.items()})
        knn.fit(X, Y)
        for side, queries in (("test", None), ("train", X)):
            predicted = neighbors_accuracy(knn, queries, scoring)
            assert search.cv_results_[f"mean_{side}_score"][i] == predicted
    assert (search.cv_results_["std_test_score"] == 0).all()


def neighbors_accuracy(knn, queries, scoring):
    predicted = knn.predict(queries)
    return (
        accuracy_score(Y, predicted) if scoring is None else f1_score(Y, predicted, average="macro")
    )


def test_leave_one_out_is_the_mean_over_folds_of_one_image():
    ours = KNeighborsSearchCV(KNeighborsClassifier(), GRID, cv="loo").fit(X, Y)
    by_folds = KNeighborsSearchCV(KNeighborsClassifier(), GRID, cv=LeaveOneOut()).fit(X, Y)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], by_folds.cv_results_["mean_test_score"], rtol=1e-12
    )
    assert ours.best_params_ == by_folds.best_params_


def test_nested_and_cloned():
    ours = KNeighborsSearchCV(KNeighborsClassifier(), GRID, cv=3)
    theirs = GridSearchCV(KNeighborsClassifier(), GRID, cv=3)
    np.testing.assert_array_equal(
        cross_val_score(clone(ours), X, Y, cv=3), cross_val_score(theirs, X, Y, cv=3)
    )
    pipeline = make_pipeline(StandardScaler(), ours)
    outer = GridSearchCV(pipeline, {"standardscaler__with_std": [True, False]}, cv=2)
    assert outer.fit(X, Y).best_score_ > 0.9


def test_failures_of_some_folds_are_told_as_scikit_learn_tells_them():
    grid = {"pca__n_components": [5, 40], "knn__n_neighbors": [1, 2]}
    splits = [(np.arange(30), np.arange(30, 60)), (np.arange(90), np.arange(90, 120))]
    options = {"cv": splits, "return_train_score": True}
    for scoring in (None, ["accuracy", "f1_macro"]):
        options |= {"scoring": scoring, "refit": scoring is None}
        with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 8"):
            ours = KNeighborsSearchCV(PIPELINE, grid, **options).fit(X, Y)
        with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 8"):
            theirs = GridSearchCV(PIPELINE, grid, **options).fit(X, Y)
        assert_same_results(ours, theirs)
    with pytest.raises(ValueError, match="n_components=40"):
        KNeighborsSearchCV(PIPELINE, grid, error_score="raise", **options).fit(X, Y)
    with pytest.raises(ValueError, match="All the 4 fits failed"):
        KNeighborsSearchCV(PIPELINE, {**grid, "pca__n_components": [99]}, **options).fit(X, Y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_answers_do_not_depend_on_threads(n_jobs):
    ours = KNeighborsSearchCV(KNeighborsClassifier(), GRID, cv=3, n_jobs=n_jobs).fit(X, Y)
    assert_same_results(ours, GridSearchCV(KNeighborsClassifier(), GRID, cv=3).fit(X, Y))


@pytest.mark.mnist
@pytest.mark.slow("searches MNIST in folds")
def test_mnist():
    from lookalike import load_dataset

    data = load_dataset("mnist")
    grid = {"weights": ["uniform", "distance"], "n_neighbors": [3, 4, 5]}
    search = KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=5)
    search.fit(data.train.images, data.train.labels)
    assert search.best_params_ == {"n_neighbors": 4, "weights": "distance"}
    assert search.best_score_ == pytest.approx(0.9716166667, abs=1e-10)
    expected = [0.9700666667, 0.9711166667, 0.9685, 0.9716166667, 0.9692833333, 0.9704166667]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, atol=1e-10)
    assert search.score(data.test.images, data.test.labels) == 0.9714
