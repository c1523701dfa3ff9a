"""The curve of score against the number of neighbours, and the one-standard-error rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn import neighbors
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lookalike import KNeighborsClassifier, KNeighborsSearchCV, Softmax
from lookalike.evaluation.tuning import Curve, Tuning, TuningChoice, read_tuning
from lookalike.reports.blocks import Chart, Table
from lookalike.reports.png import save_png
from lookalike.reports.training import describe, tuning_chart

X, Y = load_digits(return_X_y=True)
X, Y = X[:500], Y[:500]
GRID = {"n_neighbors": [5, 1, 3, 9], "weights": ["uniform", "distance", None, Softmax(2.0)][:2]}


def search(grid: Any = GRID, estimator: Any = None, **options: Any) -> KNeighborsSearchCV:
    estimator = KNeighborsClassifier(4) if estimator is None else estimator
    return KNeighborsSearchCV(estimator, grid, **options).fit(X, Y)


def test_curves_are_the_scores_of_the_splits() -> None:
    found = search(cv=5)
    tuning = read_tuning(found)
    splits = np.array([found.cv_results_[f"split{i}_test_score"] for i in range(5)])
    assert [curve.weights for curve in tuning.curves] == ["uniform", "distance"]
    for j, curve in enumerate(tuning.curves):
        assert curve.n_neighbors.tolist() == [1, 3, 5, 9]
        own = splits[:, j::2][:, [1, 2, 0, 3]]  # candidates come by n_neighbors, 5 first
        np.testing.assert_allclose(curve.mean, own.mean(axis=0))
        np.testing.assert_allclose(curve.standard_error, own.std(axis=0, ddof=1) / np.sqrt(5))
    assert tuning.best.mean == found.best_score_
    assert tuning.best.n_neighbors == found.best_params_["n_neighbors"]
    assert tuning.best.weights == found.best_params_["weights"]


def results(**scores: list[float]) -> Any:
    """A search of 5 splits, of which each candidate has mean and standard error."""

    class Search:
        estimator = KNeighborsClassifier()
        n_splits_ = 5
        cv_results_: Any

    params = [{"weights": w, "n_neighbors": k} for w in scores for k in range(1, 5)]
    Search.cv_results_ = {
        "params": params,
        "mean_test_score": np.array([mean for means in scores.values() for mean in means]),
        "std_test_score": np.full(len(params), 0.1 * np.sqrt(4)),
    }
    return Search()


@pytest.mark.parametrize(
    ("uniform", "distance", "best", "simplest"),
    [
        ([0.9, 0.8, 0.7, 0.6], [0.5] * 4, ("uniform", 1), ("uniform", 2)),
        ([0.9, 0.5, 0.85, 0.5], [0.5] * 4, ("uniform", 1), ("uniform", 3)),
        ([0.9, 0.5, 0.5, 0.81], [0.5, 0.5, 0.5, 0.85], ("uniform", 1), ("distance", 4)),
        ([0.5, 0.5, 0.5, 0.85], [0.5, 0.5, 0.5, 0.85], ("uniform", 4), ("uniform", 4)),
        ([0.9, 0.7, 0.7, 0.7], [0.9, 0.7, 0.7, 0.7], ("uniform", 1), ("uniform", 1)),
        ([np.nan, 0.9, 0.7, np.nan], [0.5] * 4, ("uniform", 2), ("uniform", 2)),
    ],
)
def test_one_standard_error_rule(
    uniform: list[float], distance: list[float], best: Any, simplest: Any
) -> None:
    tuning = read_tuning(results(uniform=uniform, distance=distance))
    assert tuning.best[:2] == best
    assert tuning.one_standard_error[:2] == simplest


def test_one_split_has_a_standard_error_only_as_a_share_of_images() -> None:
    found = search(cv="loo")
    alone = read_tuning(found)
    assert np.isnan(alone.best.standard_error)
    assert alone.one_standard_error == alone.best
    tuning = read_tuning(found, n_images=500)
    p = tuning.best.mean
    assert tuning.best.standard_error == pytest.approx(np.sqrt(p * (1 - p) / 500))
    assert tuning.one_standard_error.mean >= p - tuning.best.standard_error


def test_other_searches() -> None:
    theirs = GridSearchCV(neighbors.KNeighborsClassifier(weights=None), {"n_neighbors": [2]}, cv=2)
    assert read_tuning(theirs.fit(X, Y)).best[:2] == ("uniform", 2)
    only_weights = search({"weights": [Softmax(0.5), np.square]}, cv=2)
    names = [curve.weights for curve in read_tuning(only_weights).curves]
    assert names == ["Softmax(temperature=0.5)", "square"]
    pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier())
    grid = {"kneighborsclassifier__n_neighbors": [1, 2], "standardscaler__with_std": [False]}
    assert read_tuning(search(grid, pipeline, cv=2)).curves[0].n_neighbors.tolist() == [1, 2]
    several = search(cv=2, scoring=["accuracy", "f1_macro"], refit=False)
    assert read_tuning(several, metric="f1_macro").best.mean < 1


def test_refuses_what_is_no_curve() -> None:
    with pytest.raises(ValueError, match=r"varies metric too.* search over n_neighbors and"):
        read_tuning(search({**GRID, "metric": ["cosine", "euclidean"]}, cv=2))
    with pytest.raises(ValueError, match=r"metric='f1' is not a score .* one of \['score'\]"):
        read_tuning(search(cv=2), metric="f1")
    with pytest.raises(ValueError, match="all 8 candidates score NaN"):
        read_tuning(results(uniform=[np.nan] * 4, distance=[np.nan] * 4))


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        assert picture.size == (960, 570)
        return np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)


def test_picture(tmp_path: Path) -> None:
    k = np.arange(1, 31)
    mean = 0.97 - 0.0004 * k
    counts = {}
    for name, error in (("wide", 0.004), ("narrow", 0.001), ("unknown", np.nan)):
        curve = Curve("uniform", k, mean, np.full(30, error))
        best, simplest = curve.point(0), curve.point(2)
        save_png(tmp_path / f"{name}.png", tuning_chart(Tuning([curve], best, simplest)))
        found = pixels(tmp_path / f"{name}.png")
        # the band, a pale blue
        counts[name] = np.count_nonzero((found[:, 2] > found[:, 0] + 20) & (found[:, 0] > 150))
    assert counts["wide"] > 1.5 * counts["narrow"] > 3 * counts["unknown"]


def test_picture_of_a_single_point(tmp_path: Path) -> None:
    curve = Curve("uniform", np.array([3]), np.array([0.5]), np.array([0.1]))
    point = TuningChoice("uniform", 3, 0.5, 0.1)
    save_png(tmp_path / "one.png", tuning_chart(Tuning([curve], point, point)))
    assert len(pixels(tmp_path / "one.png")) == 960 * 570


def test_choices_are_marked_in_the_table() -> None:
    k = np.array([1, 2, 3])
    curves = [
        Curve("uniform", k, np.array([0.9, 0.8, 0.7]), np.full(3, 0.1)),
        Curve("distance", k[1:], np.array([0.85, 0.82]), np.full(2, 0.1)),
    ]
    tuning = Tuning(curves, curves[0].point(0), curves[1].point(1))
    assert tuning_chart(tuning).table.rows == [
        [1, 0.9, 0.1, None, None, "best: uniform"],
        [2, 0.8, 0.1, 0.85, 0.1, ""],
        [3, 0.7, 0.1, 0.82, 0.1, "one standard error: distance"],
    ]


def test_a_search_shows_itself(tmp_path: Path) -> None:
    found = search(cv=3)
    assert found.plot().get_ylabel() == "accuracy"
    assert found.report(tmp_path / "tuned.html") == ["tuned.html", "tuned.json"]
    assert f"{found.best_score_:.4f}" in (tmp_path / "tuned.html").read_text()
    assert "iframe" not in str(found._repr_html_)  # that of scikit-learn stays
    with pytest.raises(NotFittedError):
        KNeighborsSearchCV(KNeighborsClassifier(), GRID).plot()


@pytest.mark.parametrize(
    ("grid", "options", "kind"),
    [
        ({"n_neighbors": [1, 2]}, {"cv": "loo"}, Chart),
        ({"metric": ["cosine", "euclidean"]}, {"cv": 2}, Table),
        ({"weights": ["uniform"]}, {"cv": 2, "scoring": ["accuracy", "f1_macro"]}, Chart),
    ],
)
def test_whatever_is_searched_has_a_report(grid: Any, options: Any, kind: type) -> None:
    report = describe(search(grid, refit=False, **options))
    assert isinstance(report.sections[0].blocks[0], kind)
    assert len(report.numbers["candidates"]) == len(next(iter(grid.values())))
