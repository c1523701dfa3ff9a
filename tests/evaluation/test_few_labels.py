"""Few labels: what is drawn, measured, said and shown."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.evaluation.few_labels import FewLabels, draw_of_each_class, measure_few_labels


def found(**errors: list[list[float]]) -> FewLabels:
    sizes = [10, 50, 100][: len(next(iter(errors.values())))]
    return FewLabels(
        sizes, {name: [np.array(d) for d in draws] for name, draws in errors.items()}, 200
    )


@given(st.lists(st.integers(0, 3), min_size=1), st.integers(0, 9))
def test_draw_has_as_many_of_each_class(labels: list[int], seed: int) -> None:
    labels_ = np.array(labels)
    classes, counts = np.unique(labels_, return_counts=True)
    size = int(counts.min())
    rows = draw_of_each_class(labels_, size, seed)
    assert len(set(rows.tolist())) == len(rows)
    assert np.unique(labels_[rows], return_counts=True)[1].tolist() == [size] * len(classes)
    assert rows.tolist() == draw_of_each_class(labels_, size, seed).tolist()


def test_draws_differ_by_seed() -> None:
    labels = np.repeat([0, 1], 50)
    assert draw_of_each_class(labels, 5, 0).tolist() != draw_of_each_class(labels, 5, 1).tolist()


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="3 labels a class but class 7 has 1 images; draw at most"):
        draw_of_each_class(np.array([5, 5, 5, 7]), 3, 0)


def test_errors_are_those_of_the_fitted_classifiers() -> None:
    data = load_dataset("digits")
    knn = KNeighborsClassifier(1)
    calls = []
    result = measure_few_labels(
        {"1-NN": knn, "dummy": DummyClassifier()},
        data.train,
        data.test,
        {20: 1, 5: 2},
        progress=lambda done, total: calls.append((done, total)),
    )
    assert (result.sizes, result.n_draws, result.n_test) == ([5, 20], [2, 1], len(data.test))
    for i, size in enumerate((5, 20)):
        for seed, error in enumerate(result.errors["1-NN"][i]):
            rows = draw_of_each_class(data.train.labels, size, seed)
            own = KNeighborsClassifier(1).fit(data.train.images[rows], data.train.labels[rows])
            assert error == pytest.approx(1 - own.score(data.test.images, data.test.labels))
    assert not hasattr(knn, "classes_")
    assert calls == [(done, 60) for done in (5, 10, 15, 20, 40, 60)]


def test_means_and_spreads() -> None:
    result = found(a=[[0.1, 0.3], [0.2]])
    np.testing.assert_allclose(result.means("a"), [0.2, 0.2])
    np.testing.assert_allclose(result.spreads("a"), [np.sqrt(0.02), np.nan])
    told = json.loads(json.dumps(result.to_dict()))
    assert told["classifiers"]["a"]["standard_deviation"] == [pytest.approx(np.sqrt(0.02)), None]
    assert told["classifiers"]["a"]["errors"] == [[0.1, 0.3], [0.2]]


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (found(a=[[0.1]]), "With 10 labels a class a errs the least, 10.0%."),
        (
            found(ours=[[0.5]], peer=[[0.25]]),
            "With 10 labels a class peer errs the least, 25.0%; the next is ours with 50.0%.",
        ),
        (
            found(a=[[0.2], [0.1]], b=[[0.4], [0.3]]),
            "With 10 labels a class a errs the least, 20.0%; the next is b with 40.0%, and even "
            "with 50 labels none of the others errs as little.",
        ),
        (
            found(a=[[0.2], [0.1]], b=[[0.4], [0.2]]),
            "With 10 labels a class a errs the least, 20.0%; the next is b with 40.0%.",
        ),
        (
            found(a=[[0.3]], b=[[0.1, 0.2]], c=[[0.2, 0.1]]),
            "With 10 labels a class b and c err the least, 15.0% each.",
        ),
    ],
)
def test_verdict_is_true_whoever_wins(result: FewLabels, verdict: str) -> None:
    assert result.verdict() == verdict


def test_plot_has_a_line_for_each_with_its_means() -> None:
    result = found(a=[[0.1, 0.3], [0.2]], **{"$b$": [[0.4, 0.4], [0.3]]})
    axes = result.plot()
    axes.figure.figure.canvas.draw()
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["10", "50"]
    lines = axes.containers
    assert [line.get_label() for line in lines] == ["a", r"\$b\$"]
    np.testing.assert_allclose(lines[0][0].get_ydata(), [0.2, 0.2])
    assert any(text.get_text() == "20%" for text in axes.get_yticklabels())


def test_no_error_is_drawn_on_a_linear_scale() -> None:
    axes = found(a=[[0.0, 0.0]], b=[[0.1, 0.2]]).plot()
    assert axes.get_yscale() == "linear"
    low, high = axes.get_xlim()
    assert low < 10 < high
