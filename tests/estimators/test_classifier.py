"""What the classifier adds to scikit-learn's: class and sample weights, rejection, unlearning."""

import copy

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning

from lookalike import KNeighborsClassifier

rng = np.random.default_rng(3)
X = rng.normal(size=(120, 6))
Y = rng.choice(["cat", "dog", "emu"], 120)
QUERIES = rng.normal(size=(25, 6))


def test_images_in_colour_and_in_grey():
    images = rng.integers(0, 256, (50, 4, 5, 3), dtype=np.uint8)
    y = rng.integers(0, 3, 50)
    flat = KNeighborsClassifier(3).fit(images.reshape(50, -1), y)
    expected = flat.predict_proba(images[:9].reshape(9, -1))
    for layout in (images, images.reshape(50, 4, 15)):
        knn = KNeighborsClassifier(3).fit(layout, y)
        np.testing.assert_array_equal(knn.predict_proba(layout[:9]), expected)


def test_sample_weights_multiply_votes():
    knn = KNeighborsClassifier(3).fit([[0], [1], [2]], ["a", "b", "b"], sample_weight=[5, 1, 2])
    np.testing.assert_allclose(knn.predict_proba([[0.0]]), [[5 / 8, 3 / 8]])
    assert knn.predict([[0.0]]) == "a"


def test_equal_sample_weights_change_nothing():
    a = KNeighborsClassifier(5, weights="distance").fit(X, Y)
    b = KNeighborsClassifier(5, weights="distance").fit(X, Y, sample_weight=np.full(120, 0.25))
    np.testing.assert_allclose(a.predict_proba(QUERIES), b.predict_proba(QUERIES), rtol=1e-14)


def test_class_weights_are_sample_weights_of_the_classes():
    weight = {"cat": 1.0, "dog": 7.0, "emu": 0.5}
    by_class = KNeighborsClassifier(9, class_weight=weight).fit(X, Y)
    by_sample = KNeighborsClassifier(9).fit(X, Y, sample_weight=[weight[label] for label in Y])
    np.testing.assert_array_equal(by_class.predict_proba(QUERIES), by_sample.predict_proba(QUERIES))
    both = KNeighborsClassifier(9, class_weight=weight).fit(X, Y, sample_weight=np.arange(1, 121))
    expected = [weight[label] * (i + 1) for i, label in enumerate(Y)]
    by_sample.fit(X, Y, sample_weight=expected)
    np.testing.assert_allclose(both.predict_proba(QUERIES), by_sample.predict_proba(QUERIES))


def test_balanced_classes_share_the_vote_when_all_rows_vote():
    y = np.repeat(["rare", "common"], [10, 110])
    knn = KNeighborsClassifier(120, class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(knn.predict_proba(QUERIES), 0.5)


@pytest.mark.parametrize("threshold", [0, 0.4, 0.6, 1])
def test_reject_replaces_what_is_below_the_threshold(threshold):
    sure = KNeighborsClassifier(5).fit(X, Y)
    knn = KNeighborsClassifier(5, reject=threshold, reject_label="unknown").fit(X, Y)
    probabilities = knn.predict_proba(QUERIES)
    np.testing.assert_array_equal(probabilities, sure.predict_proba(QUERIES))
    kept = probabilities.max(axis=1) >= threshold
    expected = np.where(kept, sure.predict(QUERIES), "unknown")
    np.testing.assert_array_equal(knn.predict(QUERIES), expected)
    assert knn.score(QUERIES, sure.predict(QUERIES)) == kept.mean()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.uint32])
def test_rejected_integers_are_minus_one(dtype):
    y = rng.integers(0, 50, 120).astype(dtype)
    labels = KNeighborsClassifier(2, reject=0.9).fit(X, y).predict(QUERIES)
    assert labels.dtype.kind == "i"
    assert (labels == -1).any()


def test_each_output_is_rejected_on_its_own():
    y = np.column_stack([np.zeros(120, dtype=int), rng.integers(0, 50, 120)])
    labels = KNeighborsClassifier(2, reject=0.9).fit(X, y).predict(QUERIES)
    assert (labels[:, 0] == 0).all()
    assert (labels[:, 1] == -1).any()


def test_rejected_objects_stay_objects():
    knn = KNeighborsClassifier(5, reject=1, reject_label="?").fit(X, Y.astype(object))
    labels = knn.predict(QUERIES)
    assert labels.dtype == object
    assert "?" in labels


def test_rejection_can_be_set_after_fit():
    knn = KNeighborsClassifier(5).fit(X, Y).set_params(reject=1, reject_label="?")
    assert "?" in knn.predict(QUERIES)


def test_a_column_of_labels_is_taken_as_one_output():
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        knn = KNeighborsClassifier().fit(X, Y[:, np.newaxis])
    assert knn.outputs_2d_ is False
    assert knn.predict(QUERIES).shape == (25,)


def test_labels_of_the_caller_can_change_later():
    y = Y.copy()
    knn = KNeighborsClassifier(1).fit(X, y)
    y[:] = "dog"
    np.testing.assert_array_equal(knn.explain(X).labels[:, 0], Y)


def same(a, b):
    np.testing.assert_array_equal(a.classes_, b.classes_)
    np.testing.assert_array_equal(a.predict_proba(QUERIES), b.predict_proba(QUERIES))
    np.testing.assert_array_equal(a.explain(QUERIES).labels, b.explain(QUERIES).labels)


PARAMS = {"n_neighbors": 4, "weights": "distance", "class_weight": "balanced"}


def test_partial_fit_is_fit_on_all_rows_together():
    weights = rng.random(120)
    order = np.argsort(Y, kind="stable")  # classes come one after the other
    parts = KNeighborsClassifier(**PARAMS)
    for rows in np.array_split(order, 5):
        parts.partial_fit(X[rows], Y[rows], sample_weight=weights[rows])
    same(parts, KNeighborsClassifier(**PARAMS).fit(X[order], Y[order], weights[order]))


def test_longer_labels_that_come_later_are_kept_whole():
    knn = KNeighborsClassifier(1).partial_fit([[0.0]], ["a"]).partial_fit([[9.0]], ["aardvark"])
    assert knn.predict([[9.0]]) == "aardvark"


def test_remove_is_as_if_never_seen():
    weights = rng.random(120) + 0.1
    gone = np.flatnonzero(Y == "dog")
    knn = KNeighborsClassifier(**PARAMS).fit(X, Y, weights).remove(gone)
    kept = np.delete(np.arange(120), gone)
    same(knn, KNeighborsClassifier(**PARAMS).fit(X[kept], Y[kept], weights[kept]))
    assert "dog" not in knn.classes_


def test_declared_classes_have_columns_before_they_come():
    knn = KNeighborsClassifier(1).partial_fit(X[:9], Y[:9], classes=["ant", "cat", "dog", "emu"])
    assert knn.classes_.tolist() == ["ant", "cat", "dog", "emu"]
    assert knn.predict_proba(QUERIES).shape == (25, 4)
    knn.partial_fit(X[9:], Y[9:]).remove(np.flatnonzero(Y == "emu"))
    assert knn.classes_.tolist() == ["ant", "cat", "dog", "emu"]
    with pytest.raises(ValueError, match=r"y contains \['eel'\] but classes=.* declare every"):
        knn.partial_fit(X[:1], ["eel"])
    knn.partial_fit(X[:1], ["eel"], classes=["ant", "cat", "dog", "eel"])
    assert "eel" in knn.classes_


def test_declared_classes_of_several_outputs():
    y = rng.integers(0, 2, (120, 2))
    knn = KNeighborsClassifier().partial_fit(X, y, classes=[[0, 1], [0, 1, 2]])
    assert [p.shape[1] for p in knn.predict_proba(QUERIES)] == [2, 3]
    with pytest.raises(ValueError, match="classes holds 3 arrays but y has 2 outputs"):
        knn.partial_fit(X, y, classes=[[0, 1]] * 3)


@pytest.mark.parametrize(
    "fail",
    [
        lambda knn: knn.fit(X, Y[:-1]),
        lambda knn: knn.fit(X * np.nan, Y),
        lambda knn: knn.set_params(class_weight={"yak": 2}).fit(X, Y),
        lambda knn: knn.partial_fit(X[:, :2], Y),
        lambda knn: knn.partial_fit(X, np.column_stack([Y, Y])),
        lambda knn: knn.partial_fit(X, Y, classes=["cat"]),
        lambda knn: knn.set_params(class_weight={"yak": 2}).partial_fit(X, Y),
        lambda knn: knn.remove([0, 120]),
        lambda knn: knn.remove(range(120)),
        lambda knn: knn.set_params(class_weight={"yak": 2}).remove([0]),
    ],
)
def test_a_step_that_fails_changes_nothing(fail):
    knn = KNeighborsClassifier(4).fit(X, Y)
    expected = KNeighborsClassifier(4).fit(X, Y)
    with pytest.raises(ValueError):  # noqa: PT011  (the messages are tested elsewhere)
        fail(knn)
    assert knn.n_samples_fit_ == 120
    same(knn, expected)


@pytest.mark.slow("learns 784 outputs")
def test_an_image_as_labels_takes_seconds():
    y = rng.integers(0, 256, (600, 784), dtype=np.uint8)
    knn = KNeighborsClassifier(5).fit(rng.random((600, 4)), y)
    labels = knn.predict(rng.random((10_000, 4)))
    assert labels.shape == (10_000, 784)
    assert labels.dtype == np.uint8


def test_labels_that_grow_row_by_row() -> None:
    rng = np.random.default_rng(5)
    X = rng.integers(0, 9, (60, 5)).astype(np.uint8)
    y = np.array(["ant", "bee", "cat"])[rng.integers(0, 3, 60)]
    y[50] = "a new one"  # wider, and a new class
    weights = rng.random(60)
    grown = KNeighborsClassifier(3).fit(X[:10], y[:10], weights[:10])
    for i in range(10, 60):
        other = copy.copy(grown).partial_fit(X[i : i + 1], ["bee"])  # must not change `grown`
        assert other.training_labels_[-1] == "bee"
        grown.partial_fit(X[i : i + 1], y[i : i + 1], sample_weight=weights[i : i + 1])
        whole = KNeighborsClassifier(3).fit(X[: i + 1], y[: i + 1], weights[: i + 1])
        np.testing.assert_array_equal(grown.classes_, whole.classes_)
        np.testing.assert_array_equal(grown.training_labels_, whole.training_labels_)
        np.testing.assert_array_equal(grown.predict_proba(X), whole.predict_proba(X))
