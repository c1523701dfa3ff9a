"""Comparisons: the same folds for all, and numbers that are scikit-learn's."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, ShuffleSplit, cross_val_predict, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from tests.features.networks import write_means
from threadpoolctl import threadpool_info

from lookalike import KNeighborsClassifier, PretrainedFeatures, compare, load_dataset
from lookalike.evaluation.comparison.comparison import Comparison
from lookalike.evaluation.comparison.models import (
    OnOneThread,
    TrainedOnSubset,
    Tuned,
    chapter_classifiers,
    vector_classifiers,
)
from lookalike.evaluation.comparison.paired import mcnemar

digits = load_dataset("digits").train
IMAGES, LABELS = digits.images[:600], digits.labels[:600]
ESTIMATORS = {
    "tree": DecisionTreeClassifier(random_state=0),
    "k-NN": KNeighborsClassifier(3),
    "$bayes$": GaussianNB(),
    "dummy": DummyClassifier(),
}


class Failing(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fails on some folds, and warns on all."""

    def __init__(self, at: int = 600) -> None:
        self.at = at

    def fit(self, X: Any, y: Any) -> Self:
        warnings.warn("not converged\n  at all", stacklevel=1)
        if self.at in X[:, -1].astype(int):
            raise ValueError("no such\nluck")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: NDArray[Any]) -> Any:
        return np.full(len(X), self.classes_[0])


class Answering(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts an array of any shape."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def fit(self, X: Any, y: Any) -> Self:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return self.answer


class Unclonable:
    """Has no parameters to clone it by."""

    def fit(self, X: Any, y: Any) -> Self:
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(ESTIMATORS, IMAGES, LABELS, cv=4)


def test_numbers_are_scikit_learns(comparison: Comparison) -> None:
    flat = IMAGES.reshape(len(IMAGES), -1)
    for contestant, estimator in zip(comparison.contestants, ESTIMATORS.values(), strict=True):
        predicted = cross_val_predict(estimator, flat, LABELS, cv=4)
        np.testing.assert_array_equal(contestant.right, predicted == LABELS)
        scores = cross_val_score(estimator, flat, LABELS, cv=4)
        np.testing.assert_allclose(contestant.fold_accuracy, scores, rtol=1e-14)
        assert contestant.error is None
        assert contestant.fit_seconds.shape == contestant.predict_seconds.shape == (4,)
    np.testing.assert_allclose(
        comparison.accuracy, [c.right.mean() for c in comparison.contestants]
    )


def test_wins_and_tests_are_of_the_very_images(comparison: Comparison) -> None:
    for i, one in enumerate(comparison.contestants):
        for j, other in enumerate(comparison.contestants):
            assert comparison.n_wins[i, j] == np.count_nonzero(one.right & ~other.right)
            if i != j:
                expected = mcnemar(int(comparison.n_wins[i, j]), int(comparison.n_wins[j, i]))
                assert comparison.p_values["mcnemar"][i, j] == expected
    beats = comparison.beats
    assert beats[1, 0]  # k-NN beats the tree
    assert beats[1, 3]  # and the dummy
    assert not (beats & beats.T).any()
    for test, corrected in comparison.corrected_p_values.items():
        assert np.all(np.triu(corrected >= comparison.p_values[test], 1)[np.triu_indices(4, 1)])
    assert comparison.names[comparison.order[0]] == "k-NN"
    low, high = comparison.intervals.T
    assert np.all((low < comparison.accuracy) & (comparison.accuracy < high))


def test_progress_is_told_fit_by_fit() -> None:
    told: list[tuple[int, int]] = []
    estimators = {name: ESTIMATORS[name] for name in ("k-NN", "dummy")}
    compare(estimators, IMAGES, LABELS, cv=3, progress=lambda *done: told.append(done))
    assert told == [(0, 6), (1, 6), (2, 6), (3, 6), (3, 6), (4, 6), (5, 6), (6, 6)]


def test_what_fails_is_told_and_the_others_go_on() -> None:
    images = np.arange(1200).reshape(600, 2)
    estimators = {"good": GaussianNB(), "bad": Failing(at=1199)}
    comparison = compare(estimators, images, LABELS, cv=3)
    bad = comparison.contestants[1]
    assert bad.error == "ValueError: no such luck"
    assert bad.notes == ("not converged at all",)
    assert not bad.right.any()
    assert np.isnan(comparison.accuracy[1])
    assert np.isnan(comparison.p_values["mcnemar"][0, 1])
    assert not comparison.beats.any()
    entry = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))["classifiers"][1]
    assert entry["accuracy"] is None
    assert repr(comparison).endswith("bad failed: ValueError: no such luck")
    for plot in (comparison.plot_accuracy, comparison.plot_beats, comparison.plot_times):
        assert isinstance(plot().figure, Figure)
    with pytest.raises(RuntimeError, match="all classifiers failed; bad: ValueError: no such"):
        compare({"bad": Failing(at=1199)}, images, LABELS, cv=3)


@pytest.mark.parametrize("answer", [3, np.zeros(7), np.zeros((200, 1)), np.zeros((200, 10))])
def test_predictions_that_are_not_one_class_an_image_fail_alone(answer: Any) -> None:
    estimators = {"odd": Answering(answer), "good": GaussianNB()}
    odd, good = compare(estimators, IMAGES, LABELS, cv=3).contestants
    assert odd.error is not None
    assert f"shape {np.shape(answer)} for 200 images" in odd.error
    assert not odd.right.any()
    assert good.error is None


def test_groups_stay_together() -> None:
    groups = np.arange(len(LABELS)) // 7
    knn = {"k-NN": KNeighborsClassifier(3)}
    comparison = compare(knn, IMAGES, LABELS, cv=GroupKFold(3), groups=groups)
    flat = IMAGES.reshape(len(IMAGES), -1)
    predicted = cross_val_predict(
        KNeighborsClassifier(3), flat, LABELS, cv=GroupKFold(3), groups=groups
    )
    np.testing.assert_array_equal(comparison.contestants[0].right, predicted == LABELS)


def test_report_is_written_and_shown_in_a_notebook(comparison: Comparison, tmp_path: Path) -> None:
    assert comparison.report(tmp_path / "who.html") == ["who.html", "who.json"]
    twin = json.loads((tmp_path / "who.json").read_text())
    assert twin["numbers"]["n_wins"] == comparison.n_wins.tolist()
    assert comparison._repr_html_().startswith("<iframe")


def test_numbers_survive_json_pickle_and_pictures(comparison: Comparison) -> None:
    numbers = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert [entry["name"] for entry in numbers["classifiers"]] == list(ESTIMATORS)
    assert numbers["n_wins"] == comparison.n_wins.tolist()
    again = pickle.loads(pickle.dumps(comparison))
    assert again.to_dict() == comparison.to_dict()
    lines = repr(comparison).splitlines()
    assert lines[0] == "600 images in 4 folds"
    assert lines[2].startswith("k-NN")
    axes = comparison.plot()
    assert [text.get_text() for text in axes.get_yticklabels()][-1] == "dummy"
    cells = [text.get_text() for text in comparison.plot_beats().texts]
    assert len(cells) == 12
    assert str(comparison.n_wins[1, 0]) in cells
    assert len(comparison.plot_times().texts) == 4


def test_a_perfect_classifier_can_be_drawn() -> None:
    images = np.repeat([[0.0, 1.0], [5.0, 9.0]], 20, axis=0)
    comparison = compare(
        {"k-NN": KNeighborsClassifier(1), "tree": DecisionTreeClassifier()},
        images,
        np.repeat([0, 1], 20),
        cv=2,
    )
    assert comparison.accuracy.tolist() == [1.0, 1.0]
    assert comparison.p_values["mcnemar"][0, 1] == 1.0
    for plot in (comparison.plot_accuracy, comparison.plot_times, comparison.plot_beats):
        plot().figure.savefig("/dev/null", format="png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimators": {}}, "no classifiers to compare"),
        ({"estimators": [DummyClassifier()]}, "no classifiers to compare"),
        ({"estimators": {" ": DummyClassifier()}}, "' ' is no name of a classifier"),
        ({"estimators": {1: DummyClassifier()}}, "1 is no name of a classifier"),
        ({"estimators": {"a": DummyClassifier}}, "'a' is .* can not be cloned"),
        ({"estimators": {"a": Unclonable()}}, "'a' is .* can not be cloned"),
        ({"estimators": {"a": 3}}, "'a' is 3, which has no fit and predict"),
        ({"estimators": {"a": LinearRegression()}}, "which is no classifier"),
        ({"labels": LABELS[:5]}, "600 images but 5 labels"),
        ({"labels": LABELS / 7}, "labels are continuous"),
        ({"labels": LABELS[:, None]}, r"labels of shape \(600, 1\); give one class an image"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "give some images"),
        ({"cv": 601}, "cv=601 but only 600 images"),
        ({"cv": 70}, r"cv=70 but the largest class has \d+ images; lower cv"),
        ({"cv": ShuffleSplit(2, random_state=0)}, "tests image .* times"),
        ({"cv": [(np.arange(600), np.arange(600))]}, "fold 0 trains on image 0, which it tests"),
        (
            {"cv": [(np.arange(300), np.arange(300, 600)), (np.arange(300, 600), np.arange(300))]}
            | {"groups": np.arange(600) % 300},
            "fold 0 trains on images of group 0 and tests others",
        ),
        (
            {
                "cv": [
                    (np.arange(300), np.arange(300, 600)),
                    (np.arange(300, 600), np.arange(300)),
                    (np.arange(300), np.arange(0)),
                ]
            },
            "fold 2 tests no image",
        ),
        ({"n_resamples": 0}, "n_resamples=0 resamples nothing"),
        ({"labels": np.zeros(600, dtype=int)}, "class np.int64\\(0\\) alone|class 0 alone"),
        ({"confidence": 95}, "confidence=95 is not between 0 and 1"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    given = {"estimators": ESTIMATORS, "images": IMAGES, "labels": LABELS, "cv": 3, **change}
    with pytest.raises(ValueError, match=message):
        compare(given.pop("estimators"), given.pop("images"), given.pop("labels"), **given)


def test_the_memory_of_a_fit_is_measured() -> None:
    class Hungry(DummyClassifier):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            np.ones(12_000_000).sum()
            return super().fit(X, y, sample_weight)

    (contestant,) = compare({"hungry": Hungry()}, IMAGES, LABELS, cv=2).contestants
    assert np.isnan(contestant.memory_mib) or 80 < contestant.memory_mib < 300


def test_a_subset_keeps_the_shares_of_the_classes() -> None:
    flat = IMAGES.reshape(len(IMAGES), -1)
    few = TrainedOnSubset(KNeighborsClassifier(1), 60).fit(flat, LABELS)
    seen = np.bincount(few.estimator_._y, minlength=10)
    assert seen.sum() == 60
    assert seen.min() >= 5
    whole = TrainedOnSubset(KNeighborsClassifier(1), 600).fit(flat, LABELS)
    assert whole.estimator_.n_samples_fit_ == 600


def test_on_one_thread_the_answers_are_the_same() -> None:
    class Counting(DummyClassifier):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            self.threads_ = {pool["num_threads"] for pool in threadpool_info()}
            return super().fit(X, y, sample_weight)

    flat = IMAGES.reshape(len(IMAGES), -1)
    before = [pool["num_threads"] for pool in threadpool_info()]
    assert OnOneThread(Counting()).fit(flat, LABELS).estimator_.threads_ == {1}
    assert [pool["num_threads"] for pool in threadpool_info()] == before
    boosting = HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=4)
    alone = OnOneThread(boosting).fit(flat, LABELS)
    assert alone.classes_.tolist() == list(range(10))
    np.testing.assert_array_equal(alone.predict(flat), boosting.fit(flat, LABELS).predict(flat))


@pytest.mark.slow("fits eight kinds of classifiers")
def test_the_chapters_classifiers_beat_the_dummy() -> None:
    comparison = compare(chapter_classifiers(), IMAGES, LABELS, cv=3)
    assert [contestant.error for contestant in comparison.contestants] == [None] * 8
    assert comparison.beats[:-1, -1].all()
    assert comparison.accuracy[:-1].min() > 0.75


@pytest.mark.mnist
@pytest.mark.slow("fits eight kinds of classifiers on MNIST")
def test_on_mnist_ours_beats_the_linear_ones_and_nobody_warns() -> None:
    train = load_dataset("mnist").train
    rows = np.random.default_rng(0).choice(len(train), 3_000, replace=False)
    comparison = compare(chapter_classifiers(), train.images[rows], train.labels[rows], cv=3)
    assert [contestant.error for contestant in comparison.contestants] == [None] * 8
    assert [contestant.notes for contestant in comparison.contestants] == [()] * 8
    place = {name: i for i, name in enumerate(comparison.names)}
    for name in ("sgd", "logistic", "dummy"):
        assert comparison.beats[place["knn"], place[name]], name
    assert comparison.accuracy[place["knn"]] > 0.89


def test_features_are_made_once_for_all_classifiers(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(60)]
    for path, image in zip(paths, IMAGES, strict=False):
        Image.fromarray(image * 15).save(path)
    asked = []

    def features(pictures: Any) -> NDArray[Any]:
        asked.append(len(pictures))
        return np.array([np.asarray(Image.open(one)).ravel() for one in pictures])

    estimators = {"k-NN": KNeighborsClassifier(3), "tree": DecisionTreeClassifier(random_state=0)}
    found = compare(estimators, paths, LABELS[:60], cv=3, features=features)
    assert asked == [60]
    rows = IMAGES[:60].reshape(60, -1) * 15
    expected = compare(estimators, rows, LABELS[:60], cv=3)
    assert found.accuracy.tolist() == expected.accuracy.tolist()
    pictures = [np.pad(image * 15, i % 2) for i, image in enumerate(IMAGES[:60])]
    network = PretrainedFeatures(write_means(tmp_path / "means.onnx"), cache=False)
    assert compare(estimators, pictures, LABELS[:60], cv=3, features=network).n == 60
    with pytest.raises(ValueError, match=r"see those that are tested; .*make_pipeline\(features"):
        compare(estimators, rows, LABELS[:60], features=PCA(3))


def test_vectors_have_tuned_peers() -> None:
    X, y = IMAGES[:120].reshape(120, -1).astype(np.float32), LABELS[:120]
    known = vector_classifiers()
    assert list(known) == list(chapter_classifiers())
    for name in ("logistic", "svm"):
        search = known[name].fit(X, y).estimator_.estimator_
        assert search.best_params_.keys() == {"vectors__roots", "classifier__C"}
        assert search.n_splits_ == 3
        assert known[name].score(X, y) > 0.9
    fewest = int(np.bincount(y).min())
    assert (
        Tuned(DummyClassifier(), {"constant": (0, 1)}, 99).fit(X, y).estimator_.n_splits_ == fewest
    )


def test_the_usual_settings_are_taken_where_nothing_can_be_held_out() -> None:
    tree = Tuned(DecisionTreeClassifier(), {"max_depth": (2, 1)}).fit(IMAGES[:3, 0], [0, 1, 2])
    assert tree.estimator_.get_params()["max_depth"] == 2
