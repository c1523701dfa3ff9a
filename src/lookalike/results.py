"""What all results have in common: each can be shown as a page, as a chart, and in a notebook.

A result is numbers and arrays, and computes them only. What there is to show of it is said by a
function `describe` in a module of `lookalike.reports`, a room below all results, which is imported
when a result is first shown. This module is the one place from which a result reaches it.
"""

from __future__ import annotations

import math
import os
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_NOTEBOOK_HEIGHT = 640  # CSS pixels


def reports(module: str) -> Any:
    """Return a module of `lookalike.reports` by its name.

    Examples
    --------
    >>> reports("html").__name__
    'lookalike.reports.html'
    """
    return import_module(f"lookalike.reports.{module}")


def number(value: Any) -> float | None:
    """Return a number as JSON takes it: None where it is undefined or infinite.

    Examples
    --------
    >>> number(0.5), number(float("nan"))
    (0.5, None)
    """
    return float(value) if math.isfinite(value) else None


def numbers(values: NDArray[Any]) -> Any:
    """Return an array as lists that JSON takes; whole numbers stay so.

    Examples
    --------
    >>> import numpy as np
    >>> numbers(np.array([[1.0, np.nan]])), numbers(np.array([1, 2]))
    ([[1.0, None]], [1, 2])
    """

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(one) for one in value]
        return value if isinstance(value, int) else number(value)

    return plain(values.tolist())


class Result:
    """Base of results that can be shown.

    A subclass names in ``_described_by`` the module of `lookalike.reports` whose function
    ``describe`` takes it and returns a `lookalike.reports.blocks.Report`.
    """

    _described_by: ClassVar[str]

    def report(self, path: str | os.PathLike[str]) -> list[str]:
        """Write a report: one page of HTML that needs no other file, and a JSON file beside it.

        Parameters
        ----------
        path : str or path
            A path that ends in ``.html``, beside which the JSON file gets the same name; or a
            folder, made if it is missing, for ``report.html`` and ``report.json``.

        Returns
        -------
        list of str
            The names of the two files in their folder, the page first.

        Raises
        ------
        OSError
            If the files cannot be written.
        """
        written: list[str] = reports("write").write_report(path, self._describe())
        return written

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the first chart of the report, or its first pictures if it has no chart.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; axes of a new figure, if not given.

        Raises
        ------
        ValueError
            If the report has neither.
        """
        axes: Axes = reports("png").draw_first(self._describe(), ax)
        return axes

    def _repr_html_(self) -> str:
        """Return the report for a notebook, in a frame that keeps its style to itself."""
        page = escape(reports("html").to_html(self._describe()), quote=True)
        style = f"width: 100%; height: {_NOTEBOOK_HEIGHT}px; border: 0"
        return f'<iframe srcdoc="{page}" style="{style}" title="report"></iframe>'

    def _describe(self) -> Any:
        return reports(self._described_by).describe(self)
