"""Tests of differences: as the formulae say, and right as often as they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, t, ttest_1samp

from lookalike.evaluation.comparison.significance import (
    bootstrap_difference,
    corrected_resampled_t,
    holm,
    mcnemar,
)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_twice_the_smaller_tail(n_first: int, n_second: int) -> None:
    n = n_first + n_second
    tail = binom.cdf(min(n_first, n_second), n, 0.5)
    assert mcnemar(n_first, n_second) == pytest.approx(min(1.0, 2 * tail))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 1000))
def test_the_bootstrap_is_symmetric_and_holds_the_value(a: int, b: int, rest: int) -> None:
    n = a + b + rest + 1
    one = bootstrap_difference(a, b, n, n_resamples=500)
    assert one.value == (a - b) / n
    assert one.low <= one.value + 3 / n
    assert one.high >= one.value - 3 / n
    assert 0 < one.p_value <= 1
    if a == b == 0:
        assert one[:] == (0.0, 0.0, 0.0, 1.0)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=12), st.integers(1, 9))
def test_the_corrected_t_widens_the_plain_one(per_mille: list[int], ratio: int) -> None:
    differences = np.array(per_mille) / 1000
    p_value = corrected_resampled_t(differences, 1, ratio)
    if not differences.any():
        assert p_value == 1.0
        return
    if differences.std() < 1e-12:
        assert p_value < 1e-6
        return
    n = len(differences)
    # The plain statistic, its variance stretched from 1 / n to 1 / n + n_test / n_train.
    plain = ttest_1samp(differences, 0.0)
    stretched = plain.statistic / math.sqrt(1 + n / ratio)
    assert p_value >= plain.pvalue - 1e-12
    assert p_value == pytest.approx(2 * t.sf(abs(stretched), n - 1), rel=1e-9, abs=1e-12)


def test_one_split_tells_nothing_of_folds() -> None:
    assert math.isnan(corrected_resampled_t([0.1], 1, 4))


@given(st.lists(st.floats(0, 1), max_size=10))
def test_holm_is_its_definition(p_values: list[float]) -> None:
    corrected = holm(p_values)
    n = len(p_values)
    for i, p in enumerate(p_values):
        # Step down: every hypothesis of a smaller p-value must fall first.
        before = sorted(p_values).index(p)
        steps = [min(1.0, (n - j) * q) for j, q in enumerate(sorted(p_values)[: before + 1])]
        assert corrected[i] >= max(steps) - 1e-12
        assert p <= corrected[i] + 1e-12
        assert corrected[i] <= min(1.0, n * p) + 1e-12


def test_false_findings_are_as_rare_as_claimed() -> None:
    """Two classifiers of the same accuracy, whose errors mostly fall on the same images."""
    rng = np.random.default_rng(0)
    n, n_sets = 400, 2000
    only_first, only_second = rng.binomial(n, 0.04, n_sets), rng.binomial(n, 0.04, n_sets)
    pairs = list(zip(only_first.tolist(), only_second.tolist(), strict=True))
    by_mcnemar = np.mean([mcnemar(a, b) < 0.05 for a, b in pairs])
    found = [bootstrap_difference(a, b, n, n_resamples=400).p_value < 0.05 for a, b in pairs]
    assert by_mcnemar <= 0.05
    assert 0.03 <= np.mean(found) <= 0.07


def test_intervals_of_differences_cover() -> None:
    rng = np.random.default_rng(1)
    n, true = 500, 0.06 - 0.03
    kinds = rng.multinomial(n, [0.06, 0.03, 0.91], size=1500)
    inside = 0
    for a, b, _ in kinds.tolist():
        difference = bootstrap_difference(a, b, n, n_resamples=400)
        inside += difference.low <= true <= difference.high
    assert 0.925 <= inside / len(kinds) <= 0.975


def test_the_corrected_t_finds_nothing_where_folds_overlap() -> None:
    """Differences of overlapping training sets: a common part that the folds' spread hides."""
    rng = np.random.default_rng(2)
    n_sets, n_splits, ratio = 4000, 10, 1 / 9
    # Each pair of splits correlated by n_test / (n_test + n_train), as Nadeau and Bengio take it.
    correlation = ratio / (1 + ratio)
    common = rng.normal(size=(n_sets, 1)) * math.sqrt(correlation)
    values = common + rng.normal(size=(n_sets, n_splits)) * math.sqrt(1 - correlation)
    corrected = np.mean([corrected_resampled_t(v, 1, 9) < 0.05 for v in values])
    plain = np.mean(ttest_1samp(values, 0, axis=1).pvalue < 0.05)
    assert corrected <= 0.06
    assert plain > 0.12  # what the correction is for
