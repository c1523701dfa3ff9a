"""What the search over hyperparameters refuses, before any search, and what Ctrl-C leaves."""

import io
import sys

import numpy as np
import pytest
from sklearn import neighbors
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GroupKFold, ShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from lookalike import KNeighborsClassifier, KNeighborsRegressor, KNeighborsSearchCV
from lookalike.search.nearest import NearestNeighbors

digits = load_digits()
X, Y = digits.data[:150].astype(np.uint8), digits.target[:150]
GRID = {"n_neighbors": [1, 3, 5], "weights": ["uniform", "distance"]}
KNN = KNeighborsClassifier()
PIPELINE = make_pipeline(StandardScaler(), KNN)
NAN = np.where(np.arange(150)[:, None] == 7, np.nan, X.astype(float))


@pytest.fixture(autouse=True)
def no_search(request, monkeypatch):
    """Fail where an index is built, in the tests named refused."""
    if "refuse" in request.node.name:

        def fit(self, X, y=None):
            raise AssertionError("a search was fitted before the error")

        monkeypatch.setattr(NearestNeighbors, "fit", fit)


REFUSED = {
    "empty dict": ({}, {}, ValueError, r"param_grid=\{\} holds nothing to choose from; give each"),
    "empty list": ([], {}, ValueError, r"param_grid=\[\] holds nothing"),
    "no values": (
        {"n_neighbors": []},
        {},
        ValueError,
        "'n_neighbors' need to be a non-empty sequence",
    ),
    "one value": ({"n_neighbors": 3}, {}, TypeError, "'n_neighbors' needs to be a list"),
    "no grid": ("n_neighbors", {}, ValueError, "'param_grid' parameter .* must be an instance"),
    "empty sample": ({}, {"n_iter": 3}, ValueError, "holds nothing to choose from"),
    "n_iter": (GRID, {"n_iter": 0}, ValueError, "'n_iter' parameter .* int in the range"),
    "typo": (
        {"n_neighbours": [3]},
        {},
        ValueError,
        "'n_neighbours', which is not a parameter of .*did you mean 'n_neighbors'",
    ),
    "unknown": ({"gamma": [3]}, {}, ValueError, "'gamma', which .* parameters are algorithm, "),
    "step": (
        {"knn__n_neighbors": [3]},
        {"estimator": PIPELINE},
        ValueError,
        "did you mean 'kneighborsclassifier__n_neighbors'",
    ),
    "too many neighbours": (
        {"n_neighbors": [1, 101]},
        {"cv": 3},
        ValueError,
        "n_neighbors=101 but the smallest training fold has 100 training images; lower",
    ),
    "too many neighbours in one fold": (
        {"n_neighbors": [41]},
        {"cv": ShuffleSplit(2, train_size=40)},
        ValueError,
        "n_neighbors=41 but the smallest training fold has 40",
    ),
    "too many neighbours of one left out": (
        {"n_neighbors": [150]},
        {"cv": "loo"},
        ValueError,
        "n_neighbors=150 but leaving one image out leaves 149 training images; lower",
    ),
    "no neighbour": ({"n_neighbors": [1, 0]}, {}, ValueError, "Expected n_neighbors > 0. Got 0"),
    "half a neighbour": ({"n_neighbors": [1.5]}, {}, TypeError, "does not take .*float.*1.5"),
    "weights": ({"weights": ["near"]}, {}, ValueError, "weights='near' is unknown; use 'uniform'"),
    "reject": ({"reject": [None, 2]}, {}, ValueError, "reject=2 but it is compared"),
    "class_weight": ({"class_weight": ["fair"]}, {}, ValueError, "class_weight"),
    "cv": (GRID, {"cv": "two"}, ValueError, "'cv' parameter .* among {'loo'}. Got 'two'"),
    "one fold": (GRID, {"cv": 1}, ValueError, "'cv' parameter .* Got 1 instead"),
    "few in each class": (
        GRID,
        {"cv": 31},
        ValueError,
        "cannot be greater than the number of members in each class. Lower cv, or add images",
    ),
    "no groups": (
        GRID,
        {"cv": GroupKFold(3)},
        ValueError,
        r"'groups' parameter should not be None. Pass them: fit\(X, y, groups=groups\)",
    ),
    "no splits": (GRID, {"cv": []}, ValueError, "cv gives 0 splits .* at least one split"),
    "loo of a pipeline": (
        {"kneighborsclassifier__n_neighbors": [1]},
        {"estimator": PIPELINE, "cv": "loo"},
        ValueError,
        r"transformers would be fitted .* use cv=LeaveOneOut\(\)",
    ),
    "scoring": (GRID, {"scoring": "accurracy"}, ValueError, "'scoring' parameter"),
    "refit": (GRID, {"scoring": ["accuracy", "f1_macro"]}, ValueError, "refit must be set to a"),
    "n_jobs": (GRID, {"n_jobs": 0}, ValueError, "n_jobs=0 asks for no thread"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_parameters(name):
    grid, options, error, match = REFUSED[name]
    search = KNeighborsSearchCV(**{"estimator": KNN, "param_grid": grid, **options})
    with pytest.raises(error, match=match):
        search.fit(X, Y)
    assert not [name for name in vars(search) if name.endswith("_")]


@pytest.mark.parametrize(
    ("estimator", "match"),
    [
        (SVC(), "estimator is sklearn's SVC, which has no neighbour table.*GridSearchCV"),
        (
            neighbors.KNeighborsClassifier(),
            "sklearn's KNeighborsClassifier, which .*; give lookalike's KNeighborsClassifier",
        ),
        (
            make_pipeline(StandardScaler(), SVC()),
            "estimator is sklearn's Pipeline that ends with sklearn's SVC",
        ),
    ],
)
def test_refuses_other_estimators(estimator, match):
    with pytest.raises(TypeError, match=match):
        KNeighborsSearchCV(estimator, GRID).fit(X, Y)
    pipeline = Pipeline([("knn", KNN)])
    with pytest.raises(TypeError, match=r"Pipeline that ends with .*GridSearchCV"):
        KNeighborsSearchCV(pipeline, {"knn": [KNN, estimator]}).fit(X, Y)


@pytest.mark.parametrize(
    ("data", "y", "params", "error", "match"),
    [
        (NAN, Y, {}, ValueError, "NaN"),
        (X, Y[:149], {}, ValueError, "y has 149 targets but X has 150 images; give one"),
        (X, None, {}, ValueError, "requires y to be passed"),
        (X, np.where(Y == 0, np.nan, Y), {}, ValueError, "Input y contains NaN"),
        (X, np.linspace(0, 1, 150), {}, ValueError, "Unknown label type: continuous"),
        (X, Y, {"sample_weight": -np.ones(150)}, ValueError, "sample_weight gives -1.0"),
        (X, Y, {"sample_weight": np.ones(4)}, ValueError, r"shape \(4,\) but there are 150"),
        (X, Y, {"weight": np.ones(150)}, TypeError, r"fit got \['weight'\] for the predictor"),
    ],
)
def test_refuses_data(data, y, params, error, match):
    with pytest.raises(error, match=match):
        KNeighborsSearchCV(KNN, GRID).fit(data, y, **params)


def test_refuses_parameters_of_no_step():
    search = KNeighborsSearchCV(PIPELINE, {"kneighborsclassifier__n_neighbors": [1]})
    for name in ("sample_weight", "knn__sample_weight"):
        with pytest.raises(ValueError, match=f"fit got '{name}'.* among standardscaler, "):
            search.fit(X, Y, **{name: np.ones(150)})


def test_few_members_of_a_class_are_warned_of():
    y = np.where(np.arange(150) < 2, 99, Y)
    with pytest.warns(UserWarning, match="least populated class in y has only 2 members"):
        KNeighborsSearchCV(KNN, GRID, cv=3).fit(X, y)


def test_an_error_leaves_an_earlier_fit_as_it_was():
    search = KNeighborsSearchCV(KNN, GRID, cv=3).fit(X, Y)
    before = dict(vars(search))
    with pytest.raises(ValueError, match="NaN"):
        search.fit(NAN, Y)
    assert vars(search) == before


@pytest.mark.parametrize(
    ("cv", "n_test", "n_train"),
    [(3, 150, 300), ("loo", 150, 150), (ShuffleSplit(2, test_size=30, train_size=70), 60, 140)],
)
@pytest.mark.parametrize("with_train", [False, True])
def test_progress_counts_the_queries_of_all_searches(cv, n_test, n_train, with_train):
    grid = {**GRID, "metric": ["euclidean", "manhattan"]}
    steps = []
    search = KNeighborsSearchCV(KNN, grid, cv=cv, return_train_score=with_train)
    search.fit(X, Y, progress=lambda *step: steps.append(step))
    n_queries = 2 * (n_test + with_train * n_train)
    assert steps[-1] == (n_queries, n_queries)
    assert steps == sorted(steps)


def interrupt_after(n_queries):
    def progress(done, total):
        if done > n_queries:
            raise KeyboardInterrupt

    return progress


def test_ctrl_c_keeps_what_is_done():
    grid = [{"metric": ["euclidean"], **GRID}, {"metric": ["manhattan"], "n_neighbors": [1]}]
    complete = KNeighborsSearchCV(KNN, grid, cv=3).fit(X, Y)
    search = KNeighborsSearchCV(KNN, grid, cv=3).fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y, progress=interrupt_after(150))
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "refit_time_")
    assert search.cv_results_["params"] == complete.cv_results_["params"][:6]
    for key in ("mean_test_score", "std_test_score", "split2_test_score"):
        np.testing.assert_array_equal(search.cv_results_[key], complete.cv_results_[key][:6])
    best = search.cv_results_["mean_test_score"].argmax()
    assert search.best_index_ == best
    assert search.best_params_ == search.cv_results_["params"][best]
    assert search.best_score_ == search.cv_results_["mean_test_score"][best]


def test_ctrl_c_before_anything_is_done_sets_nothing():
    search = KNeighborsSearchCV(KNN, GRID, cv=3)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y, progress=interrupt_after(0))
    assert not [name for name in vars(search) if name.endswith("_")]
    # Where splits are searched one by one, a candidate is done when all of them are.
    apart = clone(search).set_params(cv=ShuffleSplit(3, test_size=50))
    with pytest.raises(KeyboardInterrupt):
        apart.fit(X, Y, progress=interrupt_after(100))
    assert not hasattr(apart, "cv_results_")


def test_ctrl_c_while_the_best_is_fitted_keeps_all_scores(monkeypatch):
    search = KNeighborsSearchCV(KNN, {**GRID, "metric": ["cosine", "euclidean"]}, cv=3)

    def fit(self, X, y, **params):
        raise KeyboardInterrupt

    monkeypatch.setattr(KNeighborsClassifier, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert len(search.cv_results_["params"]) == 12
    assert not hasattr(search, "best_estimator_")


def test_verbose_shows_a_bar_on_stderr(monkeypatch, capsys):
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    steps = []
    search = KNeighborsSearchCV(KNN, GRID, cv=3, verbose=1)
    search.fit(X, Y, progress=lambda *step: steps.append(step))
    assert "searching neighbours" in stderr.getvalue()
    assert "100%" in stderr.getvalue()
    assert steps[-1] == (150, 150)
    assert capsys.readouterr().out == ""


def test_callbacks_are_told_not_to_be_called():
    callback = pytest.importorskip("sklearn.callback")
    search = KNeighborsSearchCV(KNN, GRID, cv=3).set_callbacks(callback.ProgressBar())
    with pytest.warns(UserWarning, match="callbacks are not called.* use fit") as warned:
        search.fit(X, Y)
    assert warned[0].filename == __file__


SEARCHES = [
    KNeighborsSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 2]}, cv=2, error_score="raise"),
    KNeighborsSearchCV(KNeighborsRegressor(), {"n_neighbors": [1, 2]}, cv=2, error_score="raise"),
    KNeighborsSearchCV(
        Pipeline([("scale", StandardScaler()), ("knn", KNeighborsClassifier())]),
        {"knn__n_neighbors": [1, 2]},
        cv=2,
        error_score="raise",
    ),
]
NOT_REPETITION = "as for the classifier, and repeated images change the folds"
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": NOT_REPETITION,
    "check_sample_weight_equivalence_on_sparse_data": NOT_REPETITION,
}


@pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning")
@parametrize_with_checks(SEARCHES, expected_failed_checks=lambda search: EXPECTED_FAILURES)
def test_check_estimator(estimator, check):
    check(estimator)
