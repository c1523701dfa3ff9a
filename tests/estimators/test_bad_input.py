"""Every error names the value, the limit and the cure."""

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from lookalike import KNeighborsClassifier, KNeighborsRegressor
from lookalike.search.sklearn_fallback import SklearnFallbackWarning

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10) % 3
both = pytest.mark.parametrize("Estimator", [KNeighborsClassifier, KNeighborsRegressor])


def refused(match, error=ValueError):
    return pytest.raises(error, match=match)


@both
@pytest.mark.parametrize("method", ["predict", "kneighbors", "explain", "kneighbors_graph"])
def test_not_fitted(Estimator, method):
    with refused("not fitted yet", NotFittedError):
        getattr(Estimator(), method)(X)
    with refused("not fitted yet", NotFittedError):
        Estimator().remove([0])


@both
def test_fit(Estimator):
    with refused("y has 9 targets but X has 10 images; give one target per"):
        Estimator().fit(X, Y[:9])
    with refused("requires y to be passed, but the target y is None; give one"):
        Estimator().fit(X, None)
    with refused("Input y contains NaN"):
        Estimator().fit(X, np.where(Y == 0, np.nan, Y))
    with refused("Input y contains infinity"):
        Estimator().fit(X, np.where(Y == 0, np.inf, Y))
    with refused("Found array with dim 3"):
        Estimator().fit(X, np.zeros((10, 2, 2)))
    with refused("0 sample"):
        Estimator().fit(X[:0], Y[:0])
    with refused(r"sample_weight has shape \(9,\) but there are 10 training images; give one"):
        Estimator().fit(X, Y, sample_weight=np.ones(9))
    with refused(r"sample_weight gives -1\.0 .* at least 0; set the weight"):
        Estimator().fit(X, Y, sample_weight=-np.ones(10))
    with refused("all 10 entries of sample_weight are zero.* give some image"):
        Estimator().fit(X, Y, sample_weight=np.zeros(10))
    with refused("weights='nearest' is unknown; use 'uniform', 'distance' or a function"):
        Estimator(weights="nearest").fit(X, Y)
    with refused("n_neighbors > 0"):
        Estimator(n_neighbors=0).fit(X, Y)


@both
def test_predict(Estimator):
    with refused("n_neighbors = 11, n_samples_fit = 10.* lower n_neighbors or add"):
        Estimator(n_neighbors=11).fit(X, Y).predict(X)
    with refused("n_neighbors.*10"):  # one fewer is left by leave-one-out
        Estimator(n_neighbors=10).fit(X, Y).predict(None)
    knn = Estimator().fit(X, Y)
    with refused("X has 3 features.* expecting 2"):
        knn.predict(np.ones((1, 3)))
    with refused("weights='near' is unknown"):
        knn.set_params(weights="near").predict(X)


@both
def test_muted_neighbors(Estimator):
    knn = Estimator(n_neighbors=1).fit(X, Y, sample_weight=np.arange(10) > 0)
    with refused("zero weights.* 1 of 10 queries, first query 0; otherwise raise n_neighbors"):
        knn.predict(X)


@both
def test_partial_fit_and_remove(Estimator):
    knn = Estimator().fit(X, Y)
    with refused(r"y has shape \(10, 2\) but earlier targets had shape \(10,\); give as many"):
        knn.partial_fit(X, np.column_stack([Y, Y]))
    with refused("id 10 is not a row: rows are numbered 0 to 9"):
        knn.remove(10)
    with refused("keep at least one"):
        knn.remove(range(10))


@pytest.mark.parametrize("strings", [np.array(["a"]), np.array(["a"], dtype=object)])
def test_numbers_and_strings_are_not_joined(strings):
    with refused("y has dtype .* give numbers after numbers and strings after strings"):
        KNeighborsClassifier().fit(X, Y).partial_fit(X[:1], strings)
    with refused("y has dtype int64 but earlier targets have dtype "):
        KNeighborsClassifier().fit(X[:1], strings).partial_fit(X, Y)


def test_regressor_targets_are_numbers():
    with refused("dtype='numeric' is not compatible with arrays of bytes/strings"):
        KNeighborsRegressor().fit(X, ["a"] * 10)
    with refused("Unable to convert|could not convert"):
        KNeighborsRegressor().fit(X, np.array(["a"] * 10, dtype=object))


def test_classifier_labels_are_classes():
    with refused("Unknown label type: continuous"):
        KNeighborsClassifier().fit(X, np.linspace(0, 1, 10))
    with refused("labels like 'a' cannot be sorted .* give labels of one type"):
        KNeighborsClassifier().fit(X, np.array(["a", 1] * 5, dtype=object))


@pytest.mark.parametrize("reject", [-0.1, 1.1, np.nan, "0.5", [0.5]])
def test_reject_is_a_probability(reject):
    with refused("reject=.* use a number from 0 .* to 1"):
        KNeighborsClassifier(reject=reject).fit(X, Y)
    with refused("reject=.* use a number from 0 .* to 1"):
        KNeighborsClassifier().fit(X, Y).set_params(reject=reject).predict(X)


@pytest.mark.parametrize(
    ("y", "label", "match"),
    [
        (Y.astype(float), None, r"classes, like 0\.0, are neither integers nor strings; give"),
        (Y > 0, None, "classes, like False, are neither integers nor strings"),
        (np.where(Y, "unknown", "b"), None, "reject_label='unknown' is one of the classes"),
        (Y - 1, None, "reject_label=-1 is one of the classes"),
        (Y, 2, "reject_label=2 is one of the classes"),
        (Y, "unknown", "reject_label='unknown' does not fit classes of dtype int64 like 0"),
        (Y.astype(str), -1, "reject_label=-1 does not fit classes of dtype <U"),
        (Y, [-1], r"reject_label=\[-1\] does not fit"),
        (Y.astype(np.uint64), -1, "labels of a signed dtype where it is negative"),
    ],
)
def test_reject_label_can_be_told_from_classes(y, label, match):
    with refused(match):
        KNeighborsClassifier(reject=0.5, reject_label=label).fit(X, y)


def test_class_weight():
    with refused("class_weight"):
        KNeighborsClassifier(class_weight="fair").fit(X, Y)
    with refused(r"class_weight=.* gives -2\.0 .* give a class that must not vote 0"):
        KNeighborsClassifier(class_weight={0: -2}).fit(X, Y)
    with refused("not in class_weight"):
        KNeighborsClassifier(class_weight={0: 1, 7: 2}).fit(X, Y)


def test_a_single_class_is_always_predicted():
    knn = KNeighborsClassifier().fit(X, ["only"] * 10)
    assert set(knn.predict(X)) == {"only"}
    np.testing.assert_array_equal(knn.predict_proba(X), np.ones((10, 1)))


@both
@pytest.mark.parametrize("algorithm", ["auto", "brute"])
def test_minkowski_below_one_is_announced_not_to_be_a_metric(Estimator, algorithm):
    knn = Estimator(p=0.1, algorithm=algorithm)
    with (
        pytest.warns(SklearnFallbackWarning),
        pytest.warns(UserWarning, match="Minkowski metrics are not distance metrics"),
    ):
        knn.fit(X, Y)
    assert knn.effective_metric_params_["p"] == 0.1


@both
def test_metrics_that_do_not_fit_the_data(Estimator):
    with (
        pytest.warns(SklearnFallbackWarning),
        refused("Haversine distance only valid in 2 dimensions"),
    ):
        Estimator(metric="haversine", algorithm="brute").fit(np.ones((10, 3)), Y).predict(
            np.ones((1, 3))
        )


@pytest.mark.parametrize("kind", [bytes, object])
def test_bytes_as_labels_and_the_cure(kind: Any) -> None:
    y = np.array([b"cup", b"hand"] * 5, dtype=kind)
    X = np.arange(40, dtype=np.uint8).reshape(10, 4)
    with refused(r"y holds bytes, for example .*b'cup'.*numpy\.char\.decode"):
        KNeighborsClassifier().fit(X, y)
    y = np.char.decode(y.astype(bytes), "utf-8")
    assert KNeighborsClassifier(1).fit(X, y).predict(X[:2]).tolist() == ["cup", "hand"]


@pytest.mark.parametrize("odd", [None, 3])
def test_labels_of_several_types(odd: Any) -> None:
    y = np.array([odd, *"abcabcabc"], dtype=object)
    with refused("cannot be sorted because they have the types .*, str; give labels of one"):
        KNeighborsClassifier().fit(np.arange(40, dtype=np.uint8).reshape(10, 4), y)


@both
def test_errors_of_the_search_name_the_class_that_was_called(Estimator: Any) -> None:
    class Own(Estimator):
        pass

    with refused("X has 3 features, but Own is expecting 2 features"):
        Own(1).fit(X, Y).predict(np.ones((1, 3)))
    with refused("Own does not accept missing values"):
        Own(1).fit(np.where(X > 3, np.nan, X), Y)


@both
def test_a_metric_that_nobody_knows(Estimator: Any) -> None:
    with refused("metric='euclid' is no metric; give one of .* euclidean, .* chebyshev"):
        Estimator(metric="euclid").fit(X, Y)
