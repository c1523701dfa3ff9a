"""Numbers of results as JSON takes them."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray


def number(value: Any) -> float | None:
    """Return a number as JSON takes it: None where it is undefined or infinite.

    Examples
    --------
    >>> number(0.5), number(float("nan"))
    (0.5, None)
    """
    return float(value) if math.isfinite(value) else None


def numbers(values: NDArray[Any]) -> list[Any]:
    """Return an array as lists that JSON takes; whole numbers stay so.

    Examples
    --------
    >>> import numpy as np
    >>> numbers(np.array([[1.0, np.nan]])), numbers(np.array([1, 2]))
    ([[1.0, None]], [1, 2])
    """

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(one) for one in value]
        return value if isinstance(value, int) else number(value)

    listed: list[Any] = told(values.tolist())
    return listed
