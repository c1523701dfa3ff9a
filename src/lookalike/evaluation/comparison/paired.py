"""Two predictions of the same test images: how far the error rate drops, and how sure that is.

Both are right or wrong on the same images, most of them alike, so the difference is known far
better than two error rates measured apart would tell: only the images that one predicts rightly
and the other wrongly speak.

References
----------
.. [1] Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.comparison.significance import mcnemar
from lookalike.results import number


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
        # To draw n images with replacement is to draw how many there are of each of four kinds.
        kinds = np.array([n_mended, n_made, n_kept, n - n_mended - n_made - n_kept])
        drawn = np.random.default_rng(random_state).multinomial(n, kinds / n, size=n_resamples)
        low, high = _interval(drawn, confidence)
    p_value = mcnemar(n_mended, n_made)
    return ErrorDrop(value, low, high, confidence, n, n_before, n_after, n_mended, n_made, p_value)


def _interval(drawn: NDArray[np.int64], confidence: float) -> tuple[float, float]:
    mended, made, kept, _ = drawn.T
    before, after = mended + kept, made + kept
    drops = np.zeros(len(drawn))  # of a sample without errors before and after
    drops[(before == 0) & (after > 0)] = -np.inf
    np.divide(before - after, before, out=drops, where=before > 0)
    tail = (1 - confidence) / 2
    # Nothing is interpolated, for between -inf and a number there is nothing.
    low, high = np.quantile(drops, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)
