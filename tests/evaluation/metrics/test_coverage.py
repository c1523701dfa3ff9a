"""Do the intervals hold the truth as often as they say? Simulated, with a truth that is known."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.evaluation.metrics.evaluate import evaluate_predictions
from lookalike.evaluation.metrics.evaluation import Evaluation

_N_SETS, _N = 300, 250


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three classes, and probabilities that are right in their ways and wrong in others."""
    truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    scores = rng.normal(size=(n, 3))
    scores[np.arange(n), truth] += 1.5
    probabilities = np.exp(1.3 * scores)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return truth, probabilities.argmax(axis=1), probabilities


@pytest.mark.slow
def test_intervals_cover() -> None:
    rng = np.random.default_rng(0)
    names = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "log_loss", "brier")
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
        # 0.95 less or more three standard errors, and what a percentile bootstrap of 250 loses.
        assert 0.90 <= times / _N_SETS <= 0.99, name


def test_an_interval_of_no_error_reaches_as_far_as_wilson_says() -> None:
    """The rule of three: 50 right of 50 may well come of 7 % errors."""
    labels = np.repeat([0, 1], 25)
    evaluation = evaluate_predictions(labels, labels)
    low, high = evaluation.intervals["accuracy"]
    assert 0.92 < low < 0.94
    assert high == 1.0
    assert np.isnan(evaluation.intervals["mcc"]).all()
    assert "every sample" in evaluation.undefined["mcc"]
    assert np.all(evaluation.intervals["recall"][:, 0] < 0.9)
