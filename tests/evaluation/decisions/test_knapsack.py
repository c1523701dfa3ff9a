"""Thresholds of classes: the most answers that there can be, by trying all choices."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.evaluation.decisions.knapsack import most_answers
from lookalike.evaluation.decisions.risk_coverage import CoverageCurve

Offers = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


@st.composite
def offers(draw: st.DrawFn) -> Offers:
    """A few classes with up to five thresholds each, some of them right for no image."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        n = draw(st.integers(0, 5))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        right, wrong = rng.integers(0, 6, n), rng.integers(0, 3, n)
        right += (right + wrong) == 0  # a threshold is one of some image
        made.append(((right + wrong).cumsum(), right.cumsum()))
    return made


@given(offers(), st.sampled_from([0.01, 0.5, 2 / 3, 0.7, 0.9, 0.95, 1.0]))
def test_no_other_choice_gives_more_answers(made: Offers, accuracy: float) -> None:
    def count(choice: tuple[int | None, ...]) -> tuple[int, int]:
        taken = [(o[0][i], o[1][i]) for o, i in zip(made, choice, strict=True) if i is not None]
        return sum(int(answers) for answers, _ in taken), sum(int(right) for _, right in taken)

    best = 0
    for choice in product(*([None, *range(len(answers))] for answers, _ in made)):
        answers, right = count(choice)
        if answers and right / answers >= accuracy:
            best = max(best, answers)
    chosen = most_answers(made, accuracy)
    if chosen is None:
        assert best == 0
        return
    answers, right = count(tuple(chosen))
    assert answers == best
    assert right / answers >= accuracy


@given(st.integers(0, 2**32), st.floats(0.5, 1))
def test_one_threshold_for_all_gives_no_more(seed: int, accuracy: float) -> None:
    rng = np.random.default_rng(seed)
    confidence, right, classes = rng.integers(0, 9, 40), rng.random(40) < 0.8, np.arange(40) % 3
    own = [CoverageCurve.of(confidence[classes == c], right[classes == c]) for c in range(3)]
    chosen = most_answers([(curve.n_accepted, curve.n_right) for curve in own], accuracy)
    coverage = CoverageCurve.of(confidence, right).coverage_at(accuracy)
    if chosen is None:
        assert coverage == 0
    else:
        pairs = zip(own, chosen, strict=True)
        assert sum(c.n_accepted[i] for c, i in pairs if i is not None) >= round(coverage * 40)
