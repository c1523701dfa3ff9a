"""Read a table of pictures: each row a picture, its label in one column, its pixels in the others.

So Kaggle keeps digits, letters, fashion and sign language (``label,pixel0,pixel1,…``). Rows are
read in chunks by `numpy.loadtxt`; one that fails is read again cell by cell, to say what is wrong
where.
"""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lookalike.images.csv_columns import Columns, is_number, learn_columns, unpacked
from lookalike.images.exceptions import DatasetError
from lookalike.images.limits import MAX_BYTES

_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

_MOST_CHARACTERS = 2**24
"""The most characters of a line: four million pixels."""

_CHUNK_CHARACTERS = 2**22

_Line = tuple[int, str]  # with its number in the file


class Table(NamedTuple):
    """What a table holds.

    Attributes
    ----------
    pixels : ndarray of shape (n, n_pixels), uint8
    labels : ndarray of shape (n,), int64 or str, or None
        None if no column of the table is one of labels.
    notes : list of str
        What had to be guessed, or was left out.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64] | NDArray[np.str_] | None
    notes: list[str]


def read_table(path: Path, *, max_bytes: int = MAX_BYTES) -> Table:
    """Read a table of pictures from a text file, compressed with gzip or not.

    Parameters
    ----------
    path : Path
        Cells are parted by commas, semicolons, tabs, bars or blanks, and may stand in double
        quotes. With a header, the label's column is called label, class, target, y or the like,
        or is the only one whose name has no number in it. Without one, it is the first column;
        the last, if only that has words, or the first holds a single value.
    max_bytes : int
        Bytes that pixels and labels may take.

    Raises
    ------
    DatasetError
        If the file cannot be read, is no such table, holds a pixel that is no whole number from
        0 to 255, or holds more than ``max_bytes``.
    """
    with _opened(path) as text:
        lines = _lines(text, path)
        first = list(islice(lines, 2))
        columns = learn_columns([line for _, line in first], str(path))
        reader = _Reader(path, columns)
        n_bytes = 0
        for chunk in _chunks(chain(first[columns.names is not None :], lines)):
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
    """Open a text for what the block does with it; turn all that fails into DatasetError."""
    try:
        with path.open("rb") as raw:
            compressed = raw.peek(2)[:2] == _GZIP_MAGIC
            with gzip.GzipFile(fileobj=raw) if compressed else nullcontext(raw) as stream:
                start = stream.peek(4)[:4]
                if start == _ZIP_MAGIC:
                    raise DatasetError(
                        f"{path} is a zip archive or a workbook, no text; unpack it, or save it as "
                        "CSV"
                    )
                encoding = "utf-16" if start[:2] in _UTF16 else "utf-8-sig"
                yield io.TextIOWrapper(stream, encoding)
    except DatasetError:
        raise
    except UnicodeError as error:
        raise DatasetError(f"{path} is no text in UTF-8: {error}; save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read: {error}; get the file again") from error


def _lines(text: TextIO, path: Path) -> Iterator[_Line]:
    number = 0
    while line := text.readline(_MOST_CHARACTERS + 1):
        number += 1
        if len(line) > _MOST_CHARACTERS:
            raise DatasetError(
                f"{path}, line {number:,} has more than {_MOST_CHARACTERS:,} characters, too many "
                "for a picture; check that the file is a table with a row for each"
            )
        if not line.isspace():
            yield number, line


def _chunks(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    chunk: list[_Line] = []
    n_characters = 0
    for line in lines:
        chunk.append(line)
        n_characters += len(line[1])
        if n_characters > _CHUNK_CHARACTERS:
            yield chunk
            chunk, n_characters = [], 0
    if chunk:
        yield chunk


class _Reader:
    """Takes a table in, chunk by chunk."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path, self._columns = path, columns
        self._pixels: list[NDArray[np.uint8]] = []
        self._texts: dict[int, list[str]] = {column: [] for column in columns.labels}
        self._dtype: DTypeLike = np.uint8

    def read(self, chunk: list[_Line]) -> int:
        """Read some lines; return the number of pixels and of characters of labels."""
        try:
            values, texts = self._parse(chunk)
        except ValueError as error:
            if self._dtype == np.float64:
                self._find_fault(chunk, error)
            self._dtype = np.float64  # whole numbers may be written 12.0 or 1.2e+01
            return self.read(chunk)
        for column, own in texts.items():
            if "" in own:
                self._fail(chunk[own.index("")][0], column, "is empty; give each picture a label")
            self._texts[column] += own
        self._pixels.append(self._to_bytes(values, chunk))
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

    def _parse(self, chunk: list[_Line]) -> tuple[NDArray[Any], dict[int, list[str]]]:
        """Return the pixels of some lines, and what stands in the columns of labels."""
        columns = self._columns
        texts: dict[int, list[str]] = {column: [] for column in columns.labels}

        def kept(own: list[str]) -> Callable[[str], int]:
            # numpy calls it once for each row
            return lambda cell: own.append(cell.strip(' "')) or 0  # type: ignore[func-returns-value]

        lines, delimiter = [line for _, line in chunk], columns.delimiter
        converters: dict[int | str, Callable[[str], int]]
        converters = {column: lambda _: 0 for column in columns.others}
        converters |= {column: kept(own) for column, own in texts.items()}
        if columns.packed is not None:
            rows = [columns.cells(line) for line in lines]
            if any(len(cells) != columns.n_columns for cells in rows):
                raise ValueError("too few or too many cells")
            texts = {column: [cells[column] for cells in rows] for column in texts}
            lines, delimiter = [unpacked(cells[columns.packed]) for cells in rows], None
            converters = {}
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # a float where bytes are read
            values = np.loadtxt(
                lines,
                self._dtype,
                comments=None,
                delimiter=delimiter,
                quotechar='"',
                encoding=None,
                ndmin=2,
                converters=converters,
            )
        if columns.packed is None and values.shape[1] != columns.n_columns:
            raise ValueError(f"{values.shape[1]:,} cells in a line")
        pixels = values if columns.packed is not None else values[:, columns.pixels]
        if self._pixels and pixels.shape[1] != self._pixels[0].shape[1]:
            raise ValueError(f"{pixels.shape[1]:,} pixels")
        return pixels, texts

    def _to_bytes(self, values: NDArray[Any], chunk: list[_Line]) -> NDArray[np.uint8]:
        if values.dtype == np.uint8:
            return values
        # NaN fails every comparison, so it is refused with the rest
        whole = (values >= 0) & (values <= 255) & (values == np.floor(values))
        if not whole.all():
            row, i = np.argwhere(~whole)[0]
            packed = self._columns.packed
            column = self._columns.pixels[i] if packed is None else packed
            self._fail_value(chunk[row][0], column, f"{values[row, i]:g}")
        return values.astype(np.uint8)

    def _end_pixels(self, column: int) -> NDArray[np.uint8]:
        """Return a column that might have been one of labels as pixels, shape (n, 1)."""
        texts = self._texts[column]
        for row, text in enumerate(texts, 1):
            if not (is_number(text) and float(text) in _BYTES):
                self._fail_value(row, column, text, "row")
        return np.array([[float(text)] for text in texts]).astype(np.uint8)

    def _find_fault(self, chunk: list[_Line], error: ValueError) -> NoReturn:
        columns = self._columns
        for number, line in chunk:
            cells = columns.cells(line)
            if len(cells) != columns.n_columns:
                raise DatasetError(
                    f"{self._path}, line {number:,} has {len(cells):,} cells but the first has "
                    f"{columns.n_columns:,}; correct or remove the line"
                ) from error
            for column in columns.pixels:
                if not is_number(cells[column]):
                    self._fail_value(number, column, repr(cells[column][:40]))
        raise DatasetError(
            f"{self._path}, lines {chunk[0][0]:,} to {chunk[-1][0]:,} are no rows of one number of "
            f"pixels: {error}; correct them"
        ) from error

    def _fail_value(self, number: int, column: int, value: str, what: str = "line") -> NoReturn:
        cure = "correct it, or remove the picture"
        if is_number(value) and 0 < float(value) < 1:
            cure = "scale and round all of them, as by np.rint(255 * pixels)"
        elif is_number(value) and -128 <= float(value) < 0:
            cure = "where bytes are signed, write pixels % 256"
        self._fail(
            number, column, f"holds {value}, but pixels are whole numbers 0 to 255; {cure}", what
        )

    def _fail(self, number: int, column: int, said: str, what: str = "line") -> NoReturn:
        name = self._columns.name(column)
        raise DatasetError(f"{self._path}, {what} {number:,}: {name} {said}")


_BYTES = frozenset(range(256))


def _as_labels(texts: list[str]) -> NDArray[np.int64] | NDArray[np.str_]:
    """Return labels as whole numbers, if all are, whether written 5 or 5.0; else as they are."""
    words = np.array(texts)
    try:
        numbers = words.astype(np.float64)
    except ValueError:
        return words
    whole = (np.abs(numbers) < 2.0**53) & (numbers == np.floor(numbers))
    return numbers.astype(np.int64) if whole.all() else words
