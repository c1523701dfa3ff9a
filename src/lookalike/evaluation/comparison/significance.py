"""Is one classifier better than another, or is it chance? Paired tests of the same images or folds.

McNemar's test and the bootstrap look at the images that one of the two predicts rightly and the
other wrongly; they tell of these two sets of predictions. The corrected resampled t-test looks at
the folds and so takes in that other training images would have given other classifiers; with few
folds it sees little.

References
----------
.. [1] McNemar, "Note on the sampling error of the difference between correlated proportions or
   percentages", Psychometrika 12, 1947.
.. [2] Efron, Tibshirani, "An Introduction to the Bootstrap", 1993.
.. [3] Nadeau, Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
.. [4] Dietterich, "Approximate statistical tests for comparing supervised classification learning
   algorithms", Neural Computation 10, 1998.
.. [5] Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
   Statistics 6, 1979.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, t

FloatArray = NDArray[np.float64]


class Difference(NamedTuple):
    """How far one accuracy is above another.

    Attributes
    ----------
    value : float
    low, high : float
        The confidence interval.
    p_value : float
        Two-sided, of no difference.
    """

    value: float
    low: float
    high: float
    p_value: float


def mcnemar(n_first: int, n_second: int) -> float:
    """Return the p-value of McNemar's exact test [1]_.

    Parameters
    ----------
    n_first, n_second : int
        Images that only the first, and only the second, predicts rightly.

    Returns
    -------
    float
        How probable it is that the two numbers differ as much or more, if either classifier were
        as likely to be the right one; 1 where there is no such image.

    Examples
    --------
    >>> round(mcnemar(10, 2), 4), mcnemar(0, 0)
    (0.0386, 1.0)
    """
    n = n_first + n_second
    return float(binomtest(n_first, n).pvalue) if n else 1.0


def bootstrap_difference(
    n_first: int,
    n_second: int,
    n: int,
    *,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    random_state: int = 0,
) -> Difference:
    """Return the difference of two accuracies by the paired percentile bootstrap [2]_.

    Parameters
    ----------
    n_first, n_second, n : int
        Images that only the first, and only the second, predicts rightly, and all images.
    confidence : float, default=0.95
    n_resamples : int, default=10_000
    random_state : int, default=0

    Returns
    -------
    Difference
        ``(n_first - n_second) / n``; its p-value is twice the share of resamples on the less
        frequent side of 0, the sample itself counted among them, so at least
        ``1 / (n_resamples + 1)``.

    Examples
    --------
    >>> difference = bootstrap_difference(30, 10, 1000)
    >>> difference.value, round(difference.low, 3), round(difference.high, 3)
    (0.02, 0.008, 0.033)
    """
    # To draw n images with replacement is to draw how many there are of each of three kinds.
    kinds = np.array([n_first, n_second, n - n_first - n_second]) / n
    drawn = np.random.default_rng(random_state).multinomial(n, kinds, size=n_resamples)
    differences = (drawn[:, 0] - drawn[:, 1]) / n
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    below, above = (np.count_nonzero(side) for side in (differences <= 0, differences >= 0))
    p_value = min(1.0, 2 * (min(below, above) + 1) / (n_resamples + 1))
    return Difference((n_first - n_second) / n, float(low), float(high), p_value)


def corrected_resampled_t(differences: ArrayLike, n_test: float, n_train: float) -> float:
    """Return the p-value of the corrected resampled t-test [3]_.

    The training folds overlap, so the differences are not independent and a plain t-test finds
    differences where there are none [4]_. The variance of their mean is taken as
    ``(1 / n_splits + n_test / n_train)`` times that of one.

    Parameters
    ----------
    differences : array-like of shape (n_splits,)
        The differences of the two scores, split by split.
    n_test, n_train : float
        Images that a split tests and trains on; means, where splits differ.

    Returns
    -------
    float
        Two-sided; NaN for fewer than two splits, 1 where all differences are 0.

    Examples
    --------
    >>> round(corrected_resampled_t([0.01, 0.02, 0.015, 0.01, 0.02], 20, 80), 4)
    0.0111
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return float("nan")
    if not values.any():
        return 1.0
    variance = (1 / len(values) + n_test / n_train) * values.var(ddof=1)
    with np.errstate(divide="ignore"):
        statistic = values.mean() / np.sqrt(variance)
    return float(2 * t.sf(abs(statistic), len(values) - 1))


def holm(p_values: ArrayLike) -> FloatArray:
    """Return p-values corrected for that many tests were made [5]_.

    Parameters
    ----------
    p_values : array-like of shape (n,)
        NaN for tests that could not be made, which count for nothing.

    Returns
    -------
    ndarray of shape (n,), float64
        What is below a level here holds, all together, with at most that probability of one or
        more false findings.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, float("nan")])
    array([0.03, 0.06, 0.06,  nan])
    """
    values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(len(values), np.nan)
    order = np.argsort(values, kind="stable")  # NaN last
    order = order[: np.count_nonzero(~np.isnan(values))]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return corrected
