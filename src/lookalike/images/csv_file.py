"""Read a table of pictures: a row is a picture, one column has its label, the others its pixels.

Kaggle keeps digits, letters, fashion and sign language in such tables (``label,pixel0,pixel1,…``).
The header and the first row show which columns are which. `numpy.loadtxt` reads the rows in
chunks; one that fails is read again cell by cell, so that the error names the line and the column.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from math import isqrt
from pathlib import Path
from typing import NamedTuple, NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

from lookalike.images.checks import MAX_BYTES
from lookalike.images.exceptions import DatasetError

_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

_MOST_CHARACTERS = 2**24  # of a line: four million pixels
_CHUNK_CHARACTERS = 2**22

_DELIMITERS = ",;\t|"

# The usual names of the column of labels, the likeliest first.
_LABELS = (
    *("label", "class", "target", "y", "labels", "classes", "classname", "category", "digit"),
    *("letter", "character", "species", "emotion"),
)
_ROW_NUMBERS = {"", "unnamed0", "index", "id", "row", "imageid"}  # usual names of their column

_FEWEST_NUMBERED = 10  # columns called 0, 1, …; fewer may be a row of pixels
_FEWEST_PACKED = 4  # numbers in one cell that holds the pixels of a picture

_WANTED = (
    "a table of pictures has a row for each, with its label in one column and the numbers of its "
    "pixels, 0 to 255, in the others (label,pixel0,pixel1,…)"
)

_Line = tuple[int, str]  # with its number in the file
_Labels = NDArray[np.int64] | NDArray[np.str_]


class Table(NamedTuple):
    """The pixels, shape (n, n_pixels), the labels if there are any, and remarks for the user."""

    pixels: NDArray[np.uint8]
    labels: _Labels | None
    notes: list[str]


def read_table(path: Path, *, max_bytes: int = MAX_BYTES) -> Table:
    """Read a table of pictures from a text file, which may be compressed with gzip.

    Commas, semicolons, tabs, bars or blanks separate the cells, which may stand in double quotes.
    A header calls the column of labels label, class, target, y or the like, or that column is the
    only one whose name has no number in it. Without a header it is the first column; or the last,
    if only that holds words or the first holds a single value.

    A DatasetError says if the file cannot be read, is no such table, has a pixel that is no whole
    number from 0 to 255, or has pixels and labels of more than ``max_bytes``.
    """
    with _opened(path) as text:
        chunks = _chunks(text, path)
        first = next(chunks)
        columns = _learn_columns([line for _, line in first[:2]], path)
        reader = _Reader(path, columns)
        n_bytes = 0
        for chunk in filter(None, chain([first[columns.names is not None :]], chunks)):
            n_bytes += reader.read(chunk)
            if n_bytes > max_bytes:
                raise DatasetError(
                    f"{path}, line {chunk[-1][0]:,}: {n_bytes:,} bytes of pixels and labels so "
                    f"far, but the limit is max_bytes={max_bytes:,}; raise max_bytes if the file "
                    "is sound"
                )
        return reader.table()


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Open a text file for the block; whatever fails in it becomes a DatasetError."""
    try:
        with path.open("rb") as raw:
            compressed = raw.peek(2)[:2] == _GZIP_MAGIC
            with gzip.GzipFile(fileobj=raw) if compressed else nullcontext(raw) as stream:
                start = stream.peek(4)[:4]
                if start == _ZIP_MAGIC:
                    raise DatasetError(
                        f"{path} is a zip archive or a workbook and not a text; unpack it, or save "
                        "it as CSV"
                    )
                encoding = "utf-16" if start[:2] in _UTF16 else "utf-8-sig"
                yield io.TextIOWrapper(stream, encoding)
    except DatasetError:
        raise
    except UnicodeError as error:
        raise DatasetError(f"{path} is not a text in UTF-8: {error}; save it as UTF-8") from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read: {error}; get the file again") from error


def _chunks(text: TextIO, path: Path) -> Iterator[list[_Line]]:
    """Yield the lines that are not blank, many at a time; the first two together."""
    chunk: list[_Line] = []
    number = n_characters = 0
    while line := text.readline(_MOST_CHARACTERS + 1):
        number += 1
        if len(line) > _MOST_CHARACTERS:
            raise DatasetError(
                f"{path}, line {number:,} has more than {_MOST_CHARACTERS:,} characters, too many "
                "for a picture; check that the file is a table with a row for each"
            )
        if not line.isspace():
            chunk.append((number, line))
            n_characters += len(line)
        if n_characters > _CHUNK_CHARACTERS and len(chunk) > 1:
            yield chunk
            chunk, n_characters = [], 0
    yield chunk


class _Columns(NamedTuple):
    """The columns of a table, each by its position."""

    delimiter: str | None  # None for blanks
    names: list[str] | None  # the header, if there is one
    n_columns: int
    labels: list[int]  # none, if no header names them; two, without a header, if either may be it
    pixels: list[int]
    packed: int | None  # the one column that holds all pixels of a picture
    others: list[int]

    def name(self, column: int) -> str:
        """Return what messages call a column."""
        return f"column {column + 1:,}" + (f" ({self.names[column]})" if self.names else "")


def _cells(line: str, delimiter: str | None) -> list[str]:
    """Return the cells of a line, without the blanks and quotes around them."""
    if delimiter is None:
        return [cell.strip('"') for cell in line.split()]
    row = next(csv.reader([line.strip("\r\n")], delimiter=delimiter, skipinitialspace=True), [])
    return [cell.strip() for cell in row]


def _learn_columns(lines: list[str], path: Path) -> _Columns:
    """Return which columns a table has, by its first two lines or the only one."""
    if not lines:
        raise DatasetError(f"{path} is empty; {_WANTED}")
    likeliest = max(_DELIMITERS, key=lines[0].count)
    delimiter = likeliest if likeliest in lines[0] else None
    try:  # numpy.savetxt puts a # before its header
        first, *rest = (_cells(line.removeprefix("#"), delimiter) for line in lines)
    except csv.Error as error:
        raise DatasetError(
            f"{path}: its first lines cannot be split into cells: {error}; {_WANTED}"
        ) from error
    row = rest[0] if rest else first
    names = first if _is_header(first, row) else None
    if names is not None and not rest:
        row = ["0"] * len(first)  # the reader will say that there are no pictures
    if len(row) != len(first):
        raise DatasetError(
            f"{path}: its second line has {len(row):,} cells but the first {len(first):,}; "
            f"correct it: {_WANTED}"
        )
    labels = _unnamed_labels(row) if names is None else _named_labels(names)
    unlabelled = [column for column in range(len(first)) if column not in labels]
    packed = [column for column in unlabelled if _is_packed(row[column])]
    if len(packed) == 1:
        others = [column for column in unlabelled if column not in packed]
        return _Columns(delimiter, names, len(first), labels, [], packed[0], others)
    others = [
        column
        for column in unlabelled
        if _is_other(None if names is None else names[column], row[column])
    ]
    pixels = [column for column in unlabelled if column not in others]
    if len(labels) < 2 and not any(_is_number(row[column]) for column in pixels):
        raise DatasetError(
            f"{path} holds no pixels: its columns are "
            f"{', '.join(repr(cell[:40]) for cell in (names or row)[:4])}. Names of files are not "
            f"followed; {_WANTED}. Or give a folder of pictures with a sub-folder for each class"
        )
    return _Columns(delimiter, names, len(first), labels, pixels, None, others)


def _is_header(first: list[str], row: list[str]) -> bool:
    if any(_plain(cell) in _LABELS for cell in first):
        return True
    if len(first) >= _FEWEST_NUMBERED and first == [str(i) for i in range(len(first))]:
        return True
    return any(
        not _is_number(own) and (_is_number(below) or _is_packed(below))
        for own, below in zip(first, row, strict=False)
    )


def _named_labels(names: list[str]) -> list[int]:
    plain = [_plain(name) for name in names]
    for name in _LABELS:
        if name in plain:
            return [plain.index(name)]
    own = [column for column, name in enumerate(plain) if name not in _ROW_NUMBERS]
    unnumbered = [column for column in own if not re.search(r"\d", names[column])]
    if len(unnumbered) == 1:
        return unnumbered
    # Columns called 0, 1, … are all pixels if they make a square; else the first or last is not.
    is_square = isqrt(len(own)) ** 2 == len(own)
    if [names[column] for column in own] == [str(i) for i in range(len(own))] and not is_square:
        return [own[0], own[-1]]
    return []


def _unnamed_labels(row: list[str]) -> list[int]:
    filled = [column for column, cell in enumerate(row) if cell]
    ends = [filled[0], filled[-1]] if filled else []
    return [column for column in ends if not _is_number(row[column])][:1] or ends


def _is_other(name: str | None, cell: str) -> bool:
    """Whether a column without labels holds no pixels: its name says so, or it holds words."""
    if name is None:
        return not cell
    is_pixel = _is_number(cell) or re.search(r"\d", name)
    return _plain(name) in {*_ROW_NUMBERS, *_LABELS} or not is_pixel


def _is_packed(cell: str) -> bool:
    values = _unpacked(cell).split()
    return len(values) >= _FEWEST_PACKED and all(map(_is_number, values))


def _unpacked(cell: str) -> str:
    """Return the numbers of a cell that holds many, with blanks between them."""
    return cell.strip("[]()").replace(",", " ")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


class _Reader:
    """Takes a table in, chunk by chunk."""

    def __init__(self, path: Path, columns: _Columns) -> None:
        self._path, self._columns = path, columns
        self._pixels: list[NDArray[np.uint8]] = []
        self._texts: dict[int, list[str]] = {column: [] for column in columns.labels}

    def read(self, chunk: list[_Line]) -> int:
        """Read some lines; return the number of pixels and of characters of labels."""
        columns = self._columns
        try:
            values, texts = self._parse([line for _, line in chunk])
        except ValueError as error:
            self._find_fault(chunk, error)
        for column, own in texts.items():
            if "" in own:
                raise DatasetError(
                    f"{self._path}, line {chunk[own.index('')][0]:,}: {columns.name(column)} is "
                    "empty; give each picture a label"
                )
            self._texts[column] += own
        # NaN fails every comparison, so it is refused with the rest
        whole = (values >= 0) & (values <= 255) & (values == np.floor(values))
        if not whole.all():
            row, i = np.argwhere(~whole)[0]
            column = columns.pixels[i] if columns.packed is None else columns.packed
            self._fail_value(chunk[row][0], column, f"{values[row, i]:g}")
        self._pixels.append(values.astype(np.uint8))
        return values.size + sum(len(text) for own in texts.values() for text in own)

    def table(self) -> Table:
        """Return all that was read."""
        columns = self._columns
        if not self._pixels:
            raise DatasetError(f"{self._path} holds no pictures below its header; add some")
        pixels = np.concatenate(self._pixels)
        notes = []
        unread = [columns.name(i) for i in columns.others if columns.names and columns.names[i]]
        if unread:
            notes.append(f"{', '.join(unread)} was not read")
        if not columns.labels:
            return Table(pixels, None, notes)
        label, *ends = columns.labels
        if ends:
            first, last = (set(self._texts[column]) for column in columns.labels)
            if len(first) == 1 and len(last) > 1:
                label, ends = ends[0], [label]
            notes.append(f"no header names the labels: {columns.name(label)} was taken for them")
            own = self._end_pixels(ends[0])
            pixels = np.concatenate([own, pixels] if ends[0] < label else [pixels, own], axis=1)
        return Table(pixels, _as_labels(self._texts[label]), notes)

    def _parse(self, lines: list[str]) -> tuple[NDArray[np.float64], dict[int, list[str]]]:
        """Return the pixels of some lines, and what stands in the columns of labels."""
        columns = self._columns
        texts: dict[int, list[str]] = {column: [] for column in columns.labels}
        delimiter = columns.delimiter
        converters: dict[int | str, Callable[[str], int]] = {}

        def kept(own: list[str]) -> Callable[[str], int]:
            # numpy calls it once for each row
            return lambda cell: own.append(cell.strip(' "')) or 0  # type: ignore[func-returns-value]

        if columns.packed is not None:
            rows = [_cells(line, delimiter) for line in lines]
            if any(len(cells) != columns.n_columns for cells in rows):
                raise ValueError("too few or too many cells")
            texts = {column: [cells[column] for cells in rows] for column in texts}
            lines, delimiter = [_unpacked(cells[columns.packed]) for cells in rows], None
        else:
            converters = {column: lambda _: 0 for column in columns.others}
            converters |= {column: kept(own) for column, own in texts.items()}
        values = np.loadtxt(
            lines,
            comments=None,
            delimiter=delimiter,
            quotechar='"',
            encoding=None,
            ndmin=2,
            converters=converters,
        )
        if columns.packed is None:
            if values.shape[1] != columns.n_columns:
                raise ValueError(f"{values.shape[1]:,} cells in a line")
            values = values[:, columns.pixels]
        if self._pixels and values.shape[1] != self._pixels[0].shape[1]:
            raise ValueError(f"{values.shape[1]:,} pixels")
        return values, texts

    def _end_pixels(self, column: int) -> NDArray[np.uint8]:
        """Return a column that might have been one of labels as pixels, shape (n, 1)."""
        texts = self._texts[column]
        for row, text in enumerate(texts, 1):
            if not (_is_number(text) and float(text) in range(256)):
                self._fail_value(row, column, text, "row")
        return np.array([[float(text)] for text in texts]).astype(np.uint8)

    def _find_fault(self, chunk: list[_Line], error: ValueError) -> NoReturn:
        columns = self._columns
        for number, line in chunk:
            cells = _cells(line, columns.delimiter)
            if len(cells) != columns.n_columns:
                raise DatasetError(
                    f"{self._path}, line {number:,} has {len(cells):,} cells but the first has "
                    f"{columns.n_columns:,}; correct or remove the line"
                ) from error
            for column in columns.pixels:
                if not _is_number(cells[column]):
                    self._fail_value(number, column, repr(cells[column][:40]))
        raise DatasetError(
            f"{self._path}, lines {chunk[0][0]:,} to {chunk[-1][0]:,} cannot be read as rows "
            f"of the same number of pixels: {error}; correct them"
        ) from error

    def _fail_value(self, number: int, column: int, value: str, what: str = "line") -> NoReturn:
        cure = "correct it, or remove the picture"
        if _is_number(value) and 0 < float(value) < 1:
            cure = "scale and round all of them, as by np.rint(255 * pixels)"
        elif _is_number(value) and -128 <= float(value) < 0:
            cure = "where bytes are signed, write pixels % 256"
        raise DatasetError(
            f"{self._path}, {what} {number:,}: {self._columns.name(column)} holds {value}, but "
            f"pixels are whole numbers 0 to 255; {cure}"
        )


def _as_labels(texts: list[str]) -> _Labels:
    """Return labels as whole numbers if all are, whether written 5 or 5.0; else as they are."""
    words = np.array(texts)
    try:
        numbers = words.astype(np.float64)
    except ValueError:
        return words
    whole = (np.abs(numbers) < 2.0**53) & (numbers == np.floor(numbers))
    return numbers.astype(np.int64) if whole.all() else words
