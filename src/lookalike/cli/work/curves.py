"""Curves in the terminal, in characters that every terminal has."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from lookalike.evaluation.tuning import Choice, Tuning

MARKS = "ox+%&"
"""What each curve is drawn with, in turn."""

BEST, SIMPLEST = "*", "#"
_BAND = "."
_STYLES = {BEST: "bold yellow", SIMPLEST: "bold green", _BAND: "dim"}
_SMALLEST_WIDTH = 20
_AXIS_NAME = "  k"
_MOST_COLUMNS_PER_K = 4


def draw_curves(tuning: Tuning, columns: int, *, lines: int = 13) -> Text:
    """Draw the score against the number of neighbours.

    Parameters
    ----------
    tuning : Tuning
    columns, lines : int
        What it may take, less the two lines of the axis of k. Few numbers of neighbours take
        fewer columns.

    Returns
    -------
    Text
        A mark of `MARKS` for each point of each curve, dots within one standard error of it;
        the best point is ``*`` and that of the one-standard-error rule ``#``.
    """
    lowest, highest = _range_of_scores(tuning)
    names = [f"{score:.4f}" for score in np.linspace(highest, lowest, lines)]
    margin = max(map(len, names)) + 2
    first = min(int(curve.n_neighbors[0]) for curve in tuning.curves)
    last = max(int(curve.n_neighbors[-1]) for curve in tuning.curves)
    room = columns - margin - len(f"{last}{_AXIS_NAME}") + 1  # the last number begins at the last k
    width = min(max(_SMALLEST_WIDTH, room), _MOST_COLUMNS_PER_K * (last - first) + 1)

    def column(k: int) -> int:
        return round((k - first) / max(1, last - first) * (width - 1))

    def line(score: float) -> int:
        return round((highest - score) / (highest - lowest) * (lines - 1))

    cells = np.full((lines, width), " ")
    at = np.linspace(first, last, width)
    for curve in tuning.curves:
        k, error = curve.n_neighbors, np.nan_to_num(curve.standard_error)
        lower, upper = (np.interp(at, k, curve.mean + side * error) for side in (-1, 1))
        for x in range(column(int(k[0])), column(int(k[-1])) + 1):
            if upper[x] > lower[x]:
                cells[line(upper[x]) : line(lower[x]) + 1, x] = _BAND
    for curve, mark in zip(tuning.curves, _marks(len(tuning.curves)), strict=True):
        for k_, mean in zip(curve.n_neighbors.tolist(), curve.mean.tolist(), strict=True):
            if np.isfinite(mean):
                cells[line(mean), column(k_)] = mark
    for point, mark in _choices(tuning):
        cells[line(point.mean), column(point.n_neighbors)] = mark

    text = Text(no_wrap=True)
    for i, (name, row) in enumerate(zip(names, cells, strict=True)):
        # A name at every third line and at both ends.
        shown = name if i % 3 == 0 or i == lines - 1 else ""
        text.append(f"{shown:>{margin - 2}} |", "dim")
        for cell in row.tolist():
            text.append(cell, _STYLES.get(cell, ""))
        text.append("\n")
    text.append(" " * (margin - 1) + "+" + "-" * width + "\n", "dim")
    text.append(" " * margin + _ticks(first, last, width), "dim")
    return text


def legend(tuning: Tuning) -> str:
    """Return what the marks mean, in rich's markup."""
    curves = zip(_marks(len(tuning.curves)), tuning.curves, strict=True)
    parts = [f"{mark} {curve.weights}" for mark, curve in curves]
    parts.append(f"[{_STYLES[BEST]}]{BEST}[/] best")
    if np.isfinite(tuning.best.standard_error):
        parts.append(
            f"[{_STYLES[SIMPLEST]}]{SIMPLEST}[/] most neighbours within one standard error"
        )
        parts.append(f"{_BAND} mean ± standard error")
    return "   ".join(parts)


def mark_of(point: Choice, tuning: Tuning) -> str:
    """Return the marks of a point that is a choice, or nothing."""
    return "".join(mark for choice, mark in _choices(tuning) if choice[:2] == point[:2])


def _choices(tuning: Tuning) -> list[tuple[Choice, str]]:
    if not np.isfinite(tuning.best.standard_error):
        return [(tuning.best, BEST)]
    # Where both are one point, it is the best.
    return [(tuning.one_standard_error, SIMPLEST), (tuning.best, BEST)]


def _marks(n: int) -> list[str]:
    return [MARKS[i % len(MARKS)] for i in range(n)]


def _range_of_scores(tuning: Tuning) -> tuple[float, float]:
    ends = [
        curve.mean + side * np.nan_to_num(curve.standard_error)
        for curve in tuning.curves
        for side in (-1, 1)
    ]
    scores = np.concatenate(ends)
    lowest, highest = float(np.nanmin(scores)), float(np.nanmax(scores))
    return (lowest, highest) if lowest < highest else (lowest - 0.01, highest + 0.01)


def _ticks(first: int, last: int, width: int) -> str:
    """Return the numbers below the axis of k: both ends, and between them what has room."""
    ticks = [" "] * (width + len(str(last)))
    step = max(1, round((last - first) / max(1, width // 8)))
    for k in [last, *range(first, last, step)]:
        at = round((k - first) / max(1, last - first) * (width - 1))
        name = str(k)
        room = ticks[max(0, at - 1) : at + len(name) + 1]
        if all(cell == " " for cell in room):
            ticks[at : at + len(name)] = name
    return "".join(ticks).rstrip() + _AXIS_NAME
