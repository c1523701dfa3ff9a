"""Vectors are judged as the protocol says, and what does not fit is named."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.reference.probing import vote_by_softmax

from lookalike import probe
from lookalike.evaluation.few_labels import draw_of_each_class
from lookalike.evaluation.metrics.intervals import share_interval

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def vectors() -> Arrays:
    """Four overlapping classes of 40 vectors, and 15 of each to predict."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 12))
    y, y_test = np.repeat(np.arange(4), 40), np.repeat(np.arange(4), 15)
    X, X_test = (
        centres[own] + 1.5 * rng.normal(size=(len(own), 12)).astype(np.float32)
        for own in (y, y_test)
    )
    return X, y, X_test, y_test


def test_knn_is_that_of_the_protocol(vectors: Arrays) -> None:
    X, y, X_test, y_test = vectors
    names = np.array(["ape", "bee", "cat", "dog"])
    ks = [1, 10, 25, 160]
    found = probe(
        X, names[y], X_test, names[y_test], ks=ks, per_class=[3, 7], n_tries=4, effort=None,
        linear=False,
    )  # fmt: skip
    expected = vote_by_softmax(X, y, X_test, ks, 0.07)
    own = {(row.name, row.per_class): row.n_right.tolist() for row in found.rows}
    for k in ks:
        assert own[f"k-NN, k = {k}", None] == [(expected[k] == y_test).sum()]
    for size in (3, 7):
        draws = [draw_of_each_class(y, size, seed) for seed in range(4)]
        for k in (1, 10):
            right = [
                (vote_by_softmax(X[rows], y[rows], X_test, [k], 0.07)[k] == y_test).sum()
                for rows in draws
            ]
            assert own[f"k-NN, k = {k}", size] == right
    assert len(own) == 4 + 2 + 3


def test_accuracies_have_intervals_and_the_report_has_them(vectors: Arrays, tmp_path: Any) -> None:
    found = probe(*vectors, ks=[5, 500], per_class=4, n_tries=3, effort="fast", n_jobs=1)
    assert [row.name for row in found.rows] == [
        *["k-NN, k = 5", "lookalike (fast)", "logistic regression"] * 2
    ]
    assert found.left_out == (500,)
    whole, few = found.rows[0], found.rows[3]
    assert whole.interval(0.95) == share_interval(int(whole.n_right[0]), 60)
    assert math.isnan(whole.spread)
    shares = few.n_right / 60
    assert few.accuracy == pytest.approx(shares.mean())
    half = 4.302653 * shares.std(ddof=1) / math.sqrt(3)  # Student's 97.5 % with 2 degrees
    assert_allclose(few.interval(0.95), [shares.mean() - half, shares.mean() + half], atol=1e-6)
    assert found.accuracy("lookalike (fast)", 4) == found.rows[4].accuracy
    assert found.best.accuracy == max(row.accuracy for row in found.rows[:3])
    with pytest.raises(ValueError, match="no 'SVM' with per_class=None; the classifiers are k-NN"):
        found.accuracy("SVM")

    assert found.report(tmp_path) == ["report.html", "report.json"]
    numbers = json.loads((tmp_path / "report.json").read_text())["numbers"]
    assert numbers["results"][3]["n_right"] == few.n_right.tolist()
    assert "k = 500 left out: there are only 160 training vectors" in (
        (tmp_path / "report.html").read_text()
    )
    ax = found.plot()
    assert [label.get_text() for label in ax.get_yticklabels()][3] == "k-NN, k = 5, 4 a class"


def test_progress_reaches_its_end(vectors: Arrays) -> None:
    told: list[tuple[int, int]] = []
    probe(
        *vectors, ks=[5], per_class=2, n_tries=2, effort=None, progress=lambda *at: told.append(at)
    )
    assert told[-1] == (6, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((160, 4, 3))}, "X has shape .160, 4, 3.; give vectors"),
        ({"X_test": np.zeros((60, 5))}, "X has 12 features but X_test 5; give vectors of the same"),
        ({"X_test": np.full((60, 12), np.nan)}, "X_test contains NaN"),
        ({"y": np.repeat([0, 1], 80)}, "test class 2 is not among the 2 classes of training"),
        ({"y": np.zeros(160), "y_test": np.zeros(60)}, "all labels are 0.0; give vectors of two"),
        ({"y": np.zeros(159)}, r"X has 160 vectors but y labels of shape \(159,\)"),
        ({"y_test": np.array(["a"] * 60)}, "test labels are text, such as 'a', but those of train"),
        ({"ks": [200]}, "but only 160 vectors; lower ks"),
        ({"per_class": 41}, "41 labels a class but class 0 has 40"),
        ({"confidence": 1.0}, "confidence=1.0 is not between 0 and 1"),
        ({"temperature": 0}, "temperature=0 but it must be a positive"),
    ],
)
def test_what_does_not_fit_is_named(vectors: Arrays, change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = dict(zip(("X", "y", "X_test", "y_test"), vectors, strict=True))
    with pytest.raises(ValueError, match=message):
        probe(**{**given, **change})
