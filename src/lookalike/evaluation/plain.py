"""Results as plain things: numbers as JSON takes them, names and axes as matplotlib does."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Control characters, halves of surrogate pairs (of file names that are no Unicode), no characters.
_NOT_DRAWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


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


def unformatted(name: str) -> str:
    r"""Return a name such that matplotlib draws it as it is, and no formula.

    What no font has and no XML, such as control characters, becomes "�".

    Examples
    --------
    >>> print(unformatted("$x$"))
    \$x\$
    """
    return drawable(name).replace("$", r"\$")


def drawable(text: str) -> str:
    """Return a text without what no font has and no XML: "�" takes its place."""
    return _NOT_DRAWN.sub("�", text)


def axes_or_new(axes: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the axes, or those of a new figure of this width and height in inches."""
    if axes is not None:
        return axes
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained").subplots()
