"""Tables of pictures: whoever wrote them, pixels and labels come out, or the fault is named."""

from __future__ import annotations

import csv
import gzip
import io
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from tests.traced_memory import TracedMemory

from lookalike.images.csv_file import Table, read_table
from lookalike.images.exceptions import DatasetError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (30, 16), dtype=np.uint8)
PIXELS[:, [0, -1]] = 0, 255
LABELS = np.arange(30) % 4
NAMES = np.array(["cup", "hand", "plate", "tea spoon"])[LABELS]
HEADER = [f"pixel{i}" for i in range(16)]
COLUMNS: list[Sequence[Any]] = list(PIXELS.T)


def write(
    columns: Sequence[Sequence[Any]], header: Sequence[Any] | None = None, **options: Any
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, **{"lineterminator": "\n", **options})
    rows = list(zip(*columns, strict=True))
    writer.writerows(rows if header is None else [header, *rows])
    return text.getvalue()


def read(path: Path, content: str | bytes, **options: Any) -> Table:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **options)


KAGGLE = write([LABELS, *COLUMNS], ["label", *HEADER])
NUMBERED = [str(i) for i in range(17)]


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (KAGGLE, LABELS),
        (write([*COLUMNS, LABELS], [*HEADER, "Class"]), LABELS),
        (write([*COLUMNS[:5], NAMES, *COLUMNS[5:]], [*HEADER[:5], "y", *HEADER[5:]]), NAMES),
        (write([*COLUMNS, NAMES], [*HEADER, "what is it"]), NAMES),
        (write([LABELS + 1000, *COLUMNS], ["target", *HEADER]), LABELS + 1000),
        (write([LABELS, *COLUMNS], ["label", *HEADER], delimiter=";"), LABELS),
        (write([LABELS, *COLUMNS], ["label", *HEADER], delimiter="\t"), LABELS),
        (write([NAMES, *COLUMNS], ["label", *HEADER], quoting=csv.QUOTE_ALL), NAMES),
        (write([NAMES, *COLUMNS], ["label", *HEADER], lineterminator="\r\n\r\n"), NAMES),
        ("\ufeff" + KAGGLE, LABELS),
        (("\ufeff" + KAGGLE).encode("utf-16-le"), LABELS),
        ("# " + KAGGLE, LABELS),
        (KAGGLE.replace(",", ", "), LABELS),
        (gzip.compress(KAGGLE.encode()), LABELS),
        (write([NAMES, *COLUMNS]), NAMES),
        (write([*COLUMNS, NAMES]), NAMES),
        (write([*COLUMNS, LABELS], [*range(16), "label"]), LABELS),
        (write([LABELS.astype(float), *PIXELS.T.astype(float)], ["label", *HEADER]), LABELS),
        (write([LABELS, map(" ".join, PIXELS.astype(str))], ["emotion", "pixels"]), LABELS),
        (write([map(str, PIXELS.tolist()), NAMES], ["pixels", "label"]), NAMES),
        (write([range(30), LABELS, *COLUMNS], ["", "label", *HEADER]), LABELS),
    ],
)
def test_ways_to_write_a_table(content: str | bytes, labels: NDArray[Any], tmp_path: Path) -> None:
    table = read(tmp_path / "table.csv", content)
    np.testing.assert_array_equal(table.pixels, PIXELS)
    assert table.labels is not None
    np.testing.assert_array_equal(table.labels, labels)
    assert table.labels.dtype.kind == ("U" if labels is NAMES else "i")
    assert table.notes == []


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (write([LABELS, *COLUMNS]), "no header names the labels: column 1 was taken for them"),
        (write([*COLUMNS, LABELS]), "no header names the labels: column 17 was taken for them"),
        (write([LABELS, *COLUMNS], delimiter=" "), r"column 1 was taken"),
        (write([LABELS, *COLUMNS], NUMBERED), r"column 1 \(0\) was taken"),
        (write([range(30), LABELS, *COLUMNS], ["", *NUMBERED]), r"column 2 \(0\) was taken"),
        (write([LABELS, *COLUMNS, [""] * 30]), r"column 1 was taken"),
        (
            write([range(30), LABELS, NAMES, *COLUMNS], ["id", "label", "name", *HEADER]),
            r"column 1 \(id\), column 3 \(name\) was not read",
        ),
    ],
)
def test_what_is_guessed_or_left_out_is_told(content: str, note: str, tmp_path: Path) -> None:
    table = read(tmp_path / "table.csv", content)
    np.testing.assert_array_equal(table.pixels, PIXELS)
    np.testing.assert_array_equal(table.labels, LABELS)  # type: ignore[arg-type]
    assert re.search(note, table.notes[0])


def test_a_table_without_labels(tmp_path: Path) -> None:
    table = read(tmp_path / "test.csv", write(COLUMNS, HEADER))
    np.testing.assert_array_equal(table.pixels, PIXELS)
    assert table.labels is None


def spoilt(row: int, column: int, cell: str) -> str:
    lines = [line.split(",") for line in KAGGLE.splitlines()]
    lines[row - 1][column - 1] = cell
    return "\n".join(map(",".join, lines))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (spoilt(2, 3, "x"), r"line 2: column 3 \(pixel1\) holds 'x', but pixels are whole numbers"),
        (spoilt(31, 17, ""), r"line 31: column 17 \(pixel15\) holds '', .* or remove the picture"),
        (spoilt(9, 5, "256"), r"line 9: column 5 \(pixel3\) holds 256, .*; correct it"),
        (spoilt(9, 5, "-1"), r"line 9: .* holds -1, .* bytes are signed, write pixels % 256"),
        (spoilt(9, 5, "0.5"), r"line 9: .* holds 0.5, .* np\.rint\(255 \* pixels\)"),
        (spoilt(9, 5, "nan"), r"line 9: .* holds nan"),
        (spoilt(9, 5, "1e999"), r"line 9: .* holds inf"),
        (spoilt(9, 1, ""), r"line 9: column 1 \(label\) is empty; give each picture a label"),
        ("\n\n" + spoilt(9, 5, "x"), "line 11: column 5"),
        (KAGGLE + "1,2,3\n", "line 32 has 3 cells but the first has 17; correct or remove"),
        (KAGGLE + ",".join("1" * 18), "line 32 has 18 cells but the first has 17"),
        (KAGGLE + '"1,2\n', "line 32 has 1 cells"),
        ("label,pixel0\n1,2,3\n", "second line has 3 cells but the first 2"),
        ("", "is empty; a table of pictures has a row for each"),
        ("\n \n", "is empty"),
        ("label,pixel0\n", "holds no pictures below its header"),
        (write([NAMES, NAMES], ["file", "label"]), "holds no pixels: its columns are 'file', 'lab"),
        (write([NAMES, NAMES]), r"holds no pixels: .*a folder of pictures with a sub-folder"),
        ("<html><body>not found\n", "holds no pixels"),
        ("\0" * 99, "holds no pixels"),
        (
            write([LABELS, ["0 0 0 0"] * 29 + ["0 0 0"]], ["label", "pixels"]),
            "lines 2 to 31 cannot be read as rows",
        ),
        (b"label,pixel0\ncaf\xe9,1\n", "is not a text in UTF-8"),
        (b"PK\3\4" + bytes(99), "is a zip archive or a workbook and not a text; unpack it"),
        (gzip.compress(KAGGLE.encode())[:-9], "cannot be read: Compressed file ended"),
    ],
)
def test_faults_are_named(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read(tmp_path / "spoilt.csv", content)
    assert "spoilt.csv" in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere\.csv cannot be read"):
        read_table(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"0" * 2**25, r"line 1 has more than 16,777,216 characters, too many for a picture"),
        ((b"0" * 2**10 + b",0\n") * 2**16, r"limit is max_bytes=1,000; raise max_bytes"),
    ],
)
def test_a_bomb_is_defused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv"
    path.write_bytes(gzip.compress(content))
    with TracedMemory() as memory, pytest.raises(DatasetError, match=message):
        read_table(path, max_bytes=1000)
    assert memory.peak < 5 * 2**26


NAME = (
    st.text(string.ascii_letters + "äß☃ ,;'-", min_size=1).map(str.strip).filter(str.isidentifier)
)


@given(
    pixels=npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)),
    names=st.lists(NAME, min_size=1, max_size=3),
    place=st.integers(0, 9),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    compressed=st.booleans(),
)
def test_reads_what_was_written(
    pixels: NDArray[np.uint8],
    names: list[str],
    place: int,
    delimiter: str,
    quoting: Any,
    compressed: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    labels = [names[i % len(names)] for i in range(len(pixels))]
    columns: list[Any] = [column.tolist() for column in pixels.T]
    header = [f"p{i}" for i in range(len(columns))]
    columns.insert(place, labels)
    header.insert(place, "label")
    content = write(columns, header, delimiter=delimiter, quoting=quoting).encode()
    path = tmp_path_factory.getbasetemp() / "table.csv"
    table = read(path, gzip.compress(content) if compressed else content)
    np.testing.assert_array_equal(table.pixels, pixels)
    assert table.labels is not None
    assert table.labels.tolist() == labels


@given(
    content=st.binary(max_size=200)
    | st.text('0123456789.,;\t "\n\r#-eEnaif\0', max_size=200).map(str.encode)
    | st.tuples(st.integers(0, len(KAGGLE)), st.binary(max_size=9)).map(
        lambda cut: KAGGLE[: cut[0]].encode() + cut[1] + KAGGLE[cut[0] :].encode()
    )
)
def test_any_bytes_are_a_table_or_a_fault(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    try:
        table = read(path, content)
    except DatasetError:
        return
    assert table.pixels.dtype == np.uint8
    assert table.labels is None or len(table.labels) == len(table.pixels) > 0
