"""Do the intervals hold the truth as often as they say? Simulated, with a truth that is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from lookalike.evaluation.metrics import intervals
from lookalike.evaluation.metrics.evaluate import evaluate_predictions
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.evaluation.metrics.intervals import accuracy

_N_SETS, _N = 300, 250


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three classes, and probabilities that are right in their ways and wrong in others."""
    truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    scores = rng.normal(size=(n, 3))
    scores[np.arange(n), truth] += 1.5
    probabilities = np.exp(1.3 * scores)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return truth, probabilities.argmax(axis=1), probabilities


@pytest.mark.slow("resamples hundreds of samples")
def test_intervals_cover() -> None:
    rng = np.random.default_rng(0)
    names = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "log_loss", "brier", "ece")
    whole = evaluate_predictions(*draw(rng, 400_000), n_resamples=1)
    assert isinstance(whole, Evaluation)
    inside = dict.fromkeys((*names, "recall"), 0.0)
    for _ in range(_N_SETS):
        one = evaluate_predictions(*draw(rng, _N), n_resamples=400)
        assert isinstance(one, Evaluation)
        for name in names:
            low, high = one.intervals[name]
            inside[name] += low <= whole.scalars()[name] <= high
        low, high = one.intervals["recall"].T
        inside["recall"] += float(np.mean((low <= whole.recall) & (whole.recall <= high)))
    for name, times in inside.items():
        # 0.95 less or more three standard errors, and what a percentile bootstrap of 250 loses;
        # that of the calibration error may hold the truth more often than it says.
        assert 0.90 <= times / _N_SETS <= (1 if name == "ece" else 0.99), name


@pytest.mark.slow("resamples hundreds of samples")
@pytest.mark.parametrize("too_sure", [0.0, 0.02, 0.2])
def test_intervals_of_the_calibration_error_cover(too_sure: float) -> None:
    """Also of a calibrated classifier, any sample of which has an error."""
    rng = np.random.default_rng(1)

    def sample(n: int) -> Evaluation:
        confidence = 1 - 0.4 * rng.beta(1, 4, n)
        right = rng.random(n) < confidence - too_sure
        probabilities = np.stack([1 - confidence, confidence], axis=1)
        predicted = np.ones(n, dtype=int)
        evaluation = evaluate_predictions(
            right.astype(int), predicted, probabilities, classes=[0, 1], n_resamples=300
        )
        assert isinstance(evaluation, Evaluation)
        return evaluation

    inside = 0
    for _ in range(200):
        low, high = sample(300).intervals["ece"]
        inside += low <= too_sure <= high
    assert inside / 200 >= 0.91


def test_a_share_that_is_neither_none_nor_all_gets_no_interval_of_those() -> None:
    """One of two labels of every image is right, so all samples are alike."""
    truth = np.zeros((20, 2), dtype=int)
    evaluation = evaluate_predictions(truth, np.tile([0, 1], (20, 1)))
    assert np.isnan(evaluation.intervals["mean_accuracy"]).all()
    assert "every sample" in evaluation.undefined["mean_accuracy"]
    # Wilson's: none of 20 are at most 3.84 / (20 + 3.84), and all of 20 the mirror of it.
    np.testing.assert_allclose(evaluation.intervals["exact_match"], [0, 0.1611], atol=1e-4)
    np.testing.assert_allclose(
        evaluation.intervals["accuracy"], [[0.8389, 1], [0, 0.1611]], atol=1e-4
    )


def test_samples_are_the_same_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    made = draw(np.random.default_rng(2), 100)
    seen: list[tuple[int, int]] = []
    whole = evaluate_predictions(*made, n_resamples=120, progress=lambda *done: seen.append(done))
    assert seen == [(50, 120), (100, 120), (120, 120)]
    monkeypatch.setattr(intervals, "_MOST_DRAWN", 700)
    parts = evaluate_predictions(*made, n_resamples=120, progress=lambda *done: seen.append(done))
    assert seen[3:5] == [(7, 120), (14, 120)]
    for name, interval in whole.intervals.items():
        np.testing.assert_allclose(parts.intervals[name], interval)


def test_an_interval_of_no_error_reaches_as_far_as_wilson_says() -> None:
    """The rule of three: 50 right of 50 may well come of 7 % errors."""
    labels = np.repeat([0, 1], 25)
    evaluation = evaluate_predictions(labels, labels)
    low, high = evaluation.intervals["accuracy"]
    assert 0.92 < low < 0.94
    assert high == 1.0
    np.testing.assert_array_equal(evaluation.intervals["weighted_recall"], [low, high])
    assert np.isnan(evaluation.intervals["mcc"]).all()
    assert "every sample" in evaluation.undefined["mcc"]
    assert np.all(evaluation.intervals["recall"][:, 0] < 0.9)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_equals_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = np.array(pairs).T
    found = accuracy(labels, predicted)
    assert found.value == accuracy_score(labels, predicted)
    assert found.n_right == accuracy_score(labels, predicted, normalize=False)
    assert found.n == len(pairs)


def test_standard_error_is_the_spread_over_samples() -> None:
    rng = np.random.default_rng(0)
    shares = [accuracy(np.zeros(400), rng.random(400) < 0.1).value for _ in range(2000)]
    right = np.arange(400) < 40
    assert accuracy(np.zeros(400), right).standard_error == pytest.approx(np.std(shares), rel=0.05)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (3, 2)])
def test_refuses_what_has_no_accuracy(n: int, m: int) -> None:
    with pytest.raises(ValueError, match=f"{n} labels and {m} predictions; give one"):
        accuracy(np.zeros(n), np.zeros(m))
