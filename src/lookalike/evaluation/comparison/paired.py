"""Is one classifier better than another, or is it chance? Paired tests of the same images or folds.

Two classifiers are right or wrong on the same images, most of them alike, so their difference is
known far better than two error rates measured apart would tell. McNemar's test and the bootstrap
look at the images that one of the two predicts rightly and the other wrongly; they tell of these
two sets of predictions. The corrected resampled t-test looks at the folds and so takes in that
other training images would have given other classifiers; with few folds it sees little.

References
----------
.. [1] McNemar, "Note on the sampling error of the difference between correlated proportions or
   percentages", Psychometrika 12, 1947.
.. [2] Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
.. [3] Nadeau, Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
.. [4] Dietterich, "Approximate statistical tests for comparing supervised classification learning
   algorithms", Neural Computation 10, 1998.
.. [5] Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
   Statistics 6, 1979.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, t

from lookalike.array_types import FloatArray
from lookalike.results import number


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


class ErrorDrop(NamedTuple):
    """How far the error rate drops from one prediction of test images to another.

    Attributes
    ----------
    value : float
        ``1 - n_wrong_after / n_wrong_before``, 0.2 if the second makes a fifth fewer errors,
        negative if it makes more; NaN if the first makes none.
    low, high : float
        The confidence interval of ``value``, as an estimate of the drop on all images like these.
        ``low`` is -inf where there are so few errors that a sample like this may have none before
        and some after; both are NaN if ``value`` is.
    confidence : float
        That the interval holds the drop on all images.
    n : int
        Test images.
    n_wrong_before, n_wrong_after : int
    n_mended : int
        Images that were wrong before and are right after.
    n_made : int
        Images that were right before and are wrong after.
    p_value : float
        The p-value of McNemar's exact test: how probable it is that ``n_mended`` and ``n_made``
        differ as much or more, if either change were as likely as the other.
    """

    value: float
    low: float
    high: float
    confidence: float
    n: int
    n_wrong_before: int
    n_wrong_after: int
    n_mended: int
    n_made: int
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """Return the drop for JSON, without the counts; what is not finite is None."""
        return {
            **{name: number(getattr(self, name)) for name in ("value", "low", "high")},
            "confidence": self.confidence,
            "mcnemar_p_value": self.p_value,
        }


def error_drop(
    labels: NDArray[Any],
    before: NDArray[Any],
    after: NDArray[Any],
    *,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    random_state: int = 0,
) -> ErrorDrop:
    """Return how far the error rate drops, with a paired confidence interval.

    The interval is that of the percentile bootstrap over test images, each drawn with both its
    predictions. Where no image changes from right to wrong or back it is a single point: what no
    image shows, no drawing of them can.

    Parameters
    ----------
    labels, before, after : ndarray of shape (n,), n at least 1
        The true label, the one prediction and the other of each test image.
    confidence : float, default=0.95
        The confidence of the interval, more than 0 and less than 1.
    n_resamples : int, default=10_000
        Samples of test images that are drawn.
    random_state : int, default=0
        Seed of the draw.

    Returns
    -------
    ErrorDrop

    Raises
    ------
    ValueError
        If the lengths differ or are 0, or ``confidence`` or ``n_resamples`` is out of its range.

    Examples
    --------
    >>> labels = np.zeros(1000)
    >>> before, after = np.zeros(1000), np.zeros(1000)
    >>> before[:40] = 1
    >>> after[10:42] = 1
    >>> drop = error_drop(labels, before, after)
    >>> drop.n_mended, drop.n_made, drop.value
    (10, 2, 0.2)
    >>> round(drop.low, 2), round(drop.high, 2), round(drop.p_value, 2)
    (0.04, 0.35, 0.04)
    """
    n = len(labels)
    if n == 0 or len(before) != n or len(after) != n:
        raise ValueError(
            f"{n} labels, {len(before)} predictions before and {len(after)} after; give two "
            "predictions for each label, and at least one label"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r} is not between 0 and 1; give one such as 0.95")
    if n_resamples < 1:
        raise ValueError(f"n_resamples={n_resamples!r} is less than 1; draw some thousands")
    wrong_before, wrong_after = before != labels, after != labels
    n_mended = int(np.count_nonzero(wrong_before & ~wrong_after))
    n_made = int(np.count_nonzero(~wrong_before & wrong_after))
    n_kept = int(np.count_nonzero(wrong_before & wrong_after))
    n_before, n_after = n_mended + n_kept, n_made + n_kept
    if n_before == 0:
        value = low = high = float("nan")
    else:
        value = (n_mended - n_made) / n_before
        kinds = [n_mended, n_made, n_kept, n - n_mended - n_made - n_kept]
        mended, made, kept, _ = _draw(kinds, n_resamples, random_state)
        drawn_before, drawn_after = mended + kept, made + kept
        drops = np.zeros(n_resamples)  # of a sample without errors before and after
        drops[(drawn_before == 0) & (drawn_after > 0)] = -np.inf
        np.divide(drawn_before - drawn_after, drawn_before, out=drops, where=drawn_before > 0)
        # Nothing is interpolated, for between -inf and a number there is nothing.
        low, high = np.quantile(drops, _ends(confidence), method="inverted_cdf").tolist()
    p_value = mcnemar(n_mended, n_made)
    return ErrorDrop(value, low, high, confidence, n, n_before, n_after, n_mended, n_made, p_value)


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

    It is ``(n_first - n_second) / n``, where ``n_first`` and ``n_second`` of n images are those
    that only the first and only the second predicts rightly. Its p-value is twice the share of
    resamples on the less frequent side of 0, the sample itself counted among them, so at least
    ``1 / (n_resamples + 1)``.
    """
    first, second, _ = _draw([n_first, n_second, n - n_first - n_second], n_resamples, random_state)
    differences = (first - second) / n
    low, high = np.quantile(differences, _ends(confidence)).tolist()
    below, above = (np.count_nonzero(side) for side in (differences <= 0, differences >= 0))
    p_value = min(1.0, 2 * (min(below, above) + 1) / (n_resamples + 1))
    return Difference((n_first - n_second) / n, low, high, p_value)


def _draw(counts: list[int], n_resamples: int, random_state: int) -> NDArray[np.int64]:
    """Return how many images of each kind there are in resamples, of shape (n_kinds, n_resamples).

    To draw images with replacement is to draw how many there are of each kind.
    """
    n, rng = sum(counts), np.random.default_rng(random_state)
    return rng.multinomial(n, np.array(counts) / n, size=n_resamples).T


def _ends(confidence: float) -> list[float]:
    tail = (1 - confidence) / 2
    return [tail, 1 - tail]


def mcnemar(n_first: int, n_second: int) -> float:
    """Return the p-value of McNemar's exact test [1]_.

    ``n_first`` and ``n_second`` are the images that only the first and only the second predicts
    rightly. The p-value is how probable it is that these numbers differ as much or more, if either
    classifier were as likely to be the right one; 1 where there is no such image.
    """
    n = n_first + n_second
    return float(binomtest(n_first, n).pvalue) if n else 1.0


def corrected_resampled_t(differences: ArrayLike, n_test: float, n_train: float) -> float:
    """Return the p-value of the corrected resampled t-test [3]_ of two scores, split by split.

    The training folds overlap, so the differences are not independent and a plain t-test finds
    differences where there are none [4]_. The variance of their mean is taken as
    ``(1 / n_splits + n_test / n_train)`` times that of one, with the images that a split tests and
    trains on, or means of them. The p-value is two-sided; NaN for fewer than two splits, 1 where
    all differences are 0.
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

    A test that could not be made has the p-value NaN and is not counted. If all findings below a
    level are accepted, the probability that one or more of them is false is at most that level.
    """
    values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(len(values), np.nan)
    order = np.argsort(values, kind="stable")  # NaN last
    order = order[: np.count_nonzero(~np.isnan(values))]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return corrected
