"""Rows as they are written on the command line: ``17``, ``3-9``, ``1,4,20-29``."""

from __future__ import annotations

import re
from collections.abc import Sequence

_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")


def parse_rows(texts: Sequence[str]) -> list[range]:
    """Return the rows that are meant, as ranges: they may be more than there is memory for.

    Raises
    ------
    ValueError
        If a text is no list of rows.

    Examples
    --------
    >>> parse_rows(["17", "3-9,1"])
    [range(17, 18), range(3, 10), range(1, 2)]
    """
    found = []
    for text in texts:
        for part in text.split(","):
            match = _RANGE.fullmatch(part.strip())
            if match is None:
                raise ValueError(f"{text!r} are no rows; give 17, 3-9 or 1,4,20-29")
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first:
                raise ValueError(f"{part.strip()!r} ends before it starts; give {last}-{first}")
            found.append(range(first, last + 1))
    return found


def format_rows(rows: Sequence[int]) -> str:
    """Return ascending rows as `parse_rows` reads them.

    Examples
    --------
    >>> format_rows([1, 4, 20, 21, 22])
    '1,4,20-22'
    """
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
