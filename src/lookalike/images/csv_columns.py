"""Which columns of a table hold labels and which pixels, by its header and its first row."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lookalike.images.exceptions import DatasetError

_DELIMITERS = ",;\t|"

# What the column of labels is called, the likeliest first.
_LABELS = (
    *("label", "class", "target", "y", "labels", "classes", "classname", "category", "digit"),
    *("letter", "character", "species", "emotion"),
)

# What numbers the rows.
_ROW_NUMBERS = {"", "unnamed0", "index", "id", "row", "imageid"}

_FEWEST_NUMBERED = 10
"""Columns called 0, 1, … from so many on: fewer may be a row of pixels."""

_FEWEST_PACKED = 4

_WANTED = (
    "a table of pictures has a row for each, with its label in one column and the numbers of its "
    "pixels, 0 to 255, in the others (label,pixel0,pixel1,…)"
)


class Columns(NamedTuple):
    """The columns of a table, each by its position.

    Attributes
    ----------
    delimiter : str or None
        What parts cells; None for blanks.
    names : list of str, or None
        The header, if there is one.
    n_columns : int
    labels : list of int
        The column of labels; none, if no header names one; two, if there is no header and either
        may be it.
    pixels : list of int
        All that surely are columns of pixels.
    packed : int or None
        The one column that holds all pixels of a picture, with blanks between them.
    others : list of int
        All others.
    """

    delimiter: str | None
    names: list[str] | None
    n_columns: int
    labels: list[int]
    pixels: list[int]
    packed: int | None
    others: list[int]

    def cells(self, line: str) -> list[str]:
        """Return the cells of a line."""
        return split_cells(line, self.delimiter)

    def name(self, column: int) -> str:
        """Return what to call a column in messages."""
        return f"column {column + 1:,}" + (f" ({self.names[column]})" if self.names else "")


def split_cells(line: str, delimiter: str | None) -> list[str]:
    """Return the cells of a line, without blanks and quotes around them.

    Raises
    ------
    csv.Error
        If the line can not be split, which none is that numbers are written in.
    """
    if delimiter is None:
        return [cell.strip('"') for cell in line.split()]
    row = next(csv.reader([line.strip("\r\n")], delimiter=delimiter, skipinitialspace=True), [])
    return [cell.strip() for cell in row]


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, finite or not."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def learn_columns(lines: Sequence[str], where: str) -> Columns:
    """Tell the columns of a table by its first two lines, or the only one.

    Raises
    ------
    DatasetError
        If there are no lines, or no columns of pixels.
    """
    if not lines:
        raise DatasetError(f"{where} is empty; {_WANTED}")
    # numpy.savetxt puts a # before its header
    likeliest = max(_DELIMITERS, key=lines[0].count)
    delimiter = likeliest if likeliest in lines[0] else None
    try:
        first, *rest = (split_cells(line.removeprefix("#"), delimiter) for line in lines)
    except csv.Error as error:
        raise DatasetError(f"{where}: its first lines are no cells: {error}; {_WANTED}") from error
    row = rest[0] if rest else first
    names = first if _is_header(first, row) else None
    if names is not None and not rest:
        row = ["0"] * len(first)  # no pictures, as the reader will tell
    if len(row) != len(first):
        raise DatasetError(
            f"{where}: its second line has {len(row):,} cells but the first {len(first):,}; "
            f"correct it: {_WANTED}"
        )
    every = range(len(first))
    words = [column for column in every if not is_number(row[column])]
    labels = _unnamed_labels(row) if names is None else _named_labels(names)
    packed = [column for column in words if column not in labels and _is_packed(row[column])]
    others = [
        column
        for column in every
        if column not in labels and _is_other(None if names is None else names[column], row[column])
    ]
    pixels = [column for column in every if column not in [*labels, *others]]
    if len(packed) == 1:
        others = sorted({*pixels, *others} - {*packed})
        return Columns(delimiter, names, len(first), labels, [], packed[0], others)
    if (rest or names is None) and len(labels) < 2 and not {*pixels} - {*words}:
        raise DatasetError(
            f"{where} holds no pixels: its columns are "
            f"{', '.join(repr(cell[:40]) for cell in (names or row)[:4])}. Names of files are not "
            f"followed; {_WANTED}. Or give a folder of pictures with a sub-folder for each class"
        )
    return Columns(delimiter, names, len(first), labels, pixels, None, others)


def _is_header(first: list[str], row: list[str]) -> bool:
    if any(_plain(cell) in _LABELS for cell in first):
        return True
    if len(first) >= _FEWEST_NUMBERED and first == [str(i) for i in range(len(first))]:
        return True
    return any(
        not is_number(own) and (is_number(below) or _is_packed(below))
        for own, below in zip(first, row, strict=False)
    )


def _named_labels(names: list[str]) -> list[int]:
    plain = [_plain(name) for name in names]
    for name in _LABELS:
        if name in plain:
            return [plain.index(name)]
    own = [column for column, name in enumerate(plain) if name not in _ROW_NUMBERS]
    unnumbered = [column for column in own if not _has_digit(names[column])]
    if len(unnumbered) == 1:
        return unnumbered
    if [names[column] for column in own] == [str(i) for i in range(len(own))]:
        return [] if _is_square(len(own)) else [own[0], own[-1]]
    return []


def _is_other(name: str | None, cell: str) -> bool:
    """Whether a column, none of labels, holds no pixels: as its name tells, or it has words."""
    if name is None:
        return not cell
    return _plain(name) in {*_ROW_NUMBERS, *_LABELS} or not (is_number(cell) or _has_digit(name))


def _is_packed(cell: str) -> bool:
    values = unpacked(cell).split()
    return len(values) >= _FEWEST_PACKED and all(map(is_number, values))


def unpacked(cell: str) -> str:
    """Return the numbers of a cell that holds many, with blanks between them."""
    return cell.strip("[]()").replace(",", " ")


def _has_digit(name: str) -> bool:
    return any(character.isdigit() for character in name)


def _unnamed_labels(row: list[str]) -> list[int]:
    filled = [column for column, cell in enumerate(row) if cell]
    ends = [filled[0], filled[-1]] if filled else []
    return [column for column in ends if not is_number(row[column])][:1] or ends


def _is_square(n: int) -> bool:
    return int(np.sqrt(n)) ** 2 == n


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
