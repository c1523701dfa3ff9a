"""The share of right predictions, and how far it may be off by the choice of test images.

References
----------
.. [1] Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
   the American Statistical Association 22, 1927.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest


class Accuracy(NamedTuple):
    """The share of right predictions.

    Attributes
    ----------
    value : float
        ``n_right / n``, from 0 to 1.
    standard_error : float
        The error of ``value`` as an estimate of the accuracy on all images like these: the standard
        deviation of a binomial share, ``sqrt(value * (1 - value) / n)``.
    n_right, n : int
        Images predicted rightly, and all images.
    """

    value: float
    standard_error: float
    n_right: int
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "accuracy": self.value,
            "standard_error": self.standard_error,
            "n_right": self.n_right,
            "n_test": self.n,
        }


def accuracy(labels: NDArray[Any], predicted: NDArray[Any]) -> Accuracy:
    """Return the share of right predictions with its standard error.

    Parameters
    ----------
    labels, predicted : ndarray of shape (n,), n at least 1
        The true label and the predicted one of each image.

    Raises
    ------
    ValueError
        If the two differ in length or are empty.

    Examples
    --------
    >>> accuracy(np.array([1, 2, 3, 3]), np.array([1, 2, 3, 1]))
    Accuracy(value=0.75, standard_error=0.21650635094610965, n_right=3, n=4)
    """
    n = len(labels)
    if n == 0 or len(predicted) != n:
        raise ValueError(
            f"{n} labels and {len(predicted)} predictions; give one prediction for each label, "
            "and at least one"
        )
    n_right = int(np.count_nonzero(labels == predicted))
    value = n_right / n
    return Accuracy(value, float(np.sqrt(value * (1 - value) / n)), n_right, n)


def share_interval(n_right: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share [1]_; NaN if there are no images.

    Examples
    --------
    >>> low, high = share_interval(50, 50)
    >>> round(low, 3), high
    (0.929, 1.0)
    """
    if n == 0:
        return math.nan, math.nan
    low, high = binomtest(n_right, n).proportion_ci(confidence, method="wilson")
    return float(low), float(high)
