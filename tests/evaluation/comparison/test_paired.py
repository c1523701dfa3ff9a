"""Paired tests and intervals: as the formulae say, and right as often as they claim."""

from __future__ import annotations

import math
from inspect import signature

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom, bootstrap, t, ttest_1samp

from lookalike.evaluation.comparison.paired import (
    bootstrap_difference,
    corrected_resampled_t,
    error_drop,
    holm,
    mcnemar,
)
from lookalike.evaluation.metrics.intervals import accuracy

# What scipy called it before 1.15.
SEED = "rng" if "rng" in signature(bootstrap).parameters else "random_state"

Predictions = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def predictions(n_mended: int, n_made: int, n_kept: int, n_right: int) -> Predictions:
    """Labels and two predictions of them, in an order that says nothing."""
    kinds = np.repeat(np.arange(4), [n_mended, n_made, n_kept, n_right])
    kinds = np.random.default_rng(5).permutation(kinds)
    labels = np.arange(len(kinds)) % 10
    before = labels + np.isin(kinds, [0, 2])
    after = labels - np.isin(kinds, [1, 2])
    return labels, before, after


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1))
def test_counts_and_value_are_those_of_the_accuracies(rows: list[tuple[int, int, int]]) -> None:
    labels, before, after = np.array(rows).T
    drop = error_drop(labels, before, after, n_resamples=50)
    wrong = [len(rows) - accuracy(labels, predicted).n_right for predicted in (before, after)]
    assert [drop.n_wrong_before, drop.n_wrong_after] == wrong
    assert drop.n == len(rows)
    assert drop.n_mended == sum(b != t == a for t, b, a in rows)
    assert drop.n_made == sum(b == t != a for t, b, a in rows)
    if wrong[0]:
        assert drop.value == pytest.approx(1 - wrong[1] / wrong[0])
        assert drop.low <= drop.high <= 1
    else:
        assert all(math.isnan(number) for number in drop[:3])


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_interval_is_the_paired_percentile_bootstrap_of_scipy(confidence: float) -> None:
    labels, before, after = predictions(30, 8, 60, 902)
    drop = error_drop(labels, before, after, confidence=confidence, n_resamples=40_000)
    theirs = bootstrap(
        (before != labels, after != labels),
        lambda b, a, axis=-1: 1 - a.sum(axis=axis) / b.sum(axis=axis),
        n_resamples=20_000,
        batch=1000,
        paired=True,
        vectorized=True,
        confidence_level=confidence,
        method="percentile",
        **{SEED: np.random.default_rng(1)},
    ).confidence_interval
    assert drop.low == pytest.approx(theirs.low, abs=0.006)
    assert drop.high == pytest.approx(theirs.high, abs=0.006)
    assert drop.confidence == confidence


def test_interval_holds_the_true_drop_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([0.03, 0.01, 0.04, 0.92])
    true = (shares[0] - shares[1]) / (shares[0] + shares[2])
    held = 0
    for _ in range(400):
        drop = error_drop(*predictions(*rng.multinomial(2000, shares)), n_resamples=1000)
        held += drop.low <= true <= drop.high
    # 0.95 within four standard errors of a share of 400
    assert 0.905 < held / 400 < 0.995


def test_a_paired_interval_is_narrower_than_two_apart() -> None:
    labels, before, after = predictions(60, 10, 230, 9700)
    paired = error_drop(labels, before, after)
    shuffled = np.random.default_rng(0).permutation(10_000)
    apart = error_drop(np.zeros(10_000), before != labels, (after != labels)[shuffled])
    assert paired.value == apart.value
    assert paired.high - paired.low < 0.6 * (apart.high - apart.low)


@pytest.mark.parametrize(("n_mended", "n_made"), [(1, 0), (5, 0), (9, 2), (2, 9), (40, 25), (4, 4)])
def test_p_value_is_mcnemar_s_exact_one(n_mended: int, n_made: int) -> None:
    drop = error_drop(*predictions(n_mended, n_made, 20, 500))
    fewer, both = min(n_mended, n_made), n_mended + n_made
    assert drop.p_value == pytest.approx(min(1.0, 2 * binom.cdf(fewer, both, 0.5)))


def test_the_seed_alone_decides() -> None:
    arguments = predictions(7, 3, 11, 300)
    assert error_drop(*arguments) == error_drop(*arguments)
    assert error_drop(*arguments)[1:3] != error_drop(*arguments, random_state=1)[1:3]


def test_few_errors() -> None:
    equal = error_drop(*predictions(0, 0, 3, 50))
    assert equal[:3] == (0, 0, 0)
    assert equal.p_value == 1
    none = error_drop(*predictions(0, 2, 0, 50))
    assert math.isnan(none.value)
    assert (none.n_wrong_before, none.n_wrong_after, none.p_value) == (0, 2, 0.5)
    # a sample has none of the one error before with probability 1 / e, then most often one after
    assert error_drop(*predictions(1, 2, 0, 50)).low == -math.inf
    # and where none is made, nothing drops in a sample without errors
    mended = error_drop(*predictions(1, 0, 0, 50))
    assert mended[:3] == (1, 0, 1)


@pytest.mark.parametrize(("n", "m", "o"), [(0, 0, 0), (3, 2, 3), (3, 3, 4)])
def test_refuses_other_lengths(n: int, m: int, o: int) -> None:
    match = f"{n} labels, {m} predictions before and {o} after; give two"
    with pytest.raises(ValueError, match=match):
        error_drop(np.zeros(n), np.zeros(m), np.zeros(o))


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, math.nan])
def test_refuses_other_confidence(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"is not between 0 and 1; give one such as 0\.95"):
        error_drop(*predictions(1, 1, 1, 1), confidence=confidence)


def test_refuses_no_resamples() -> None:
    with pytest.raises(ValueError, match="n_resamples=0 is less than 1"):
        error_drop(*predictions(1, 1, 1, 1), n_resamples=0)


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


def test_holm_leaves_out_tests_that_could_not_be_made() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, math.nan]), [0.03, 0.06, 0.06, math.nan])


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
