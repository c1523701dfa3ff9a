"""Read a data set from tables of pictures: one file, or a folder with files for its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lookalike.images.checks import RawDataset, RawPart
from lookalike.images.csv_file import Table, read_table
from lookalike.images.emnist import is_emnist, name_labels, read_mapping
from lookalike.images.exceptions import DatasetError, warn_caller
from lookalike.images.files import clutter_kind
from lookalike.images.idx import is_copy
from lookalike.images.limits import MAX_BYTES

_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
}
"""The words in the name of a file that tell of which part it is."""


def is_table(path: Path) -> bool:
    """Whether a file is called as tables are."""
    return path.name.lower().endswith(_ENDINGS)


def find_tables(folder: Path) -> list[Path]:
    """Return the tables of a folder that holds no other folder; none if it does.

    Tables in sub-folders of their own names, as Kaggle packs them, are among them, unless they
    lie beside them, too.

    Raises
    ------
    DatasetError
        If a table and the one in the folder of its name differ.
    """
    found: dict[str, Path] = {}
    for path in _tables(folder):
        if path is None:
            return []
        name = path.name.lower().removesuffix(".gz")
        if name not in found:
            found[name] = path
        elif path.parent != found[name].parent and not is_copy(path, found[name]):
            raise DatasetError(f"{found[name]} and {path} differ; remove the one that is not meant")
    return list(found.values())


def _tables(folder: Path) -> Iterator[Path | None]:
    """Yield tables, those in sub-folders of their names last; None for any other sub-folder."""
    folders = []
    for path in sorted(folder.iterdir()):  # a name sorts before the same name with .gz
        if clutter_kind(path.name):
            continue
        if path.is_dir():
            folders.append(path)
        elif is_table(path):
            yield path
    for path in folders:
        inside = [path / name for name in (path.name, *(path.name + end for end in _ENDINGS))]
        inside = [file for file in inside if is_table(file) and file.is_file()]
        if not inside:
            yield None
        yield from inside


def read_table_file(path: Path, *, max_bytes: int = MAX_BYTES) -> RawDataset:
    """Read a data set from one table; errors as `read_table`, and if it holds no labels."""
    table = read_table(path, max_bytes=max_bytes)
    _tell(path, table.notes)
    return RawDataset(_part(path, table), None, None, str(path), transposed=is_emnist(path))


def read_tables(folder: Path, tables: list[Path], *, max_bytes: int = MAX_BYTES) -> RawDataset:
    """Read a data set from tables that are called train and test, or from a single one.

    With a table called validation beside both, that joins training; without a test part of its
    own, it is one.

    Raises
    ------
    DatasetError
        As `read_table`; or if it is not clear which table is meant, or the one to train with
        holds no labels.

    Warns
    -----
    UserWarning
        If a table is left out, since it holds no labels or is not called as a part, or joins
        another.
    """
    if len(tables) == 1:
        return read_table_file(tables[0], max_bytes=max_bytes)
    parts = _told_apart(folder, tables)
    read = {}
    for name, path in parts.items():
        table = read_table(path, max_bytes=max_bytes)
        _tell(path, table.notes)
        if table.labels is None and name != "train":
            _tell(
                path,
                [
                    "it has no column of labels, so it was left out; unless there is another, a "
                    f"part of {parts['train'].name} is held out to test with"
                ],
            )
        else:
            read[name] = _part(path, table)
    train, test, validation = (read.get(name) for name in ("train", "test", "validation"))
    assert train is not None
    if validation is not None and test is not None:
        _tell(parts["validation"], [f"it joins {parts['train'].name}, to train with"])
        train = _joined(train, validation)
    source, transposed = str(folder), is_emnist(parts["train"])
    return RawDataset(train, test or validation, None, source, transposed=transposed)


def _told_apart(folder: Path, tables: list[Path]) -> dict[str, Path]:
    """Return the table of each part, that to train with first."""
    found: dict[str, list[Path]] = {"train": [], "test": [], "validation": [], "": []}
    for path in tables:
        found[_part_name(path)].append(path)
    unnamed = found.pop("")
    if not found["train"]:
        found["train"], unnamed = unnamed, []
    for name, paths in found.items():
        if len(paths) > 1 or not found["train"]:
            raise DatasetError(
                f"{folder} holds {len(tables):,} tables and it is not clear which of them to "
                f"{'test' if name == 'test' else 'train'} with: "
                f"{', '.join(path.name for path in (paths or tables)[:4])}; name one file, such as "
                f"{(paths or tables)[0]}, or call them train.csv and test.csv in a folder"
            )
    if unnamed:
        named = ", ".join(path.name for path in unnamed)
        _tell(folder, [f"{named} was left out, since its name tells no part"])
    return {name: paths[0] for name, paths in found.items() if paths}


def _joined(part: RawPart, other: RawPart) -> RawPart:
    images, labels = ((part.images, other.images), (part.labels, other.labels))
    if (
        part.images.shape[1] != other.images.shape[1]
        or part.labels.dtype.kind != other.labels.dtype.kind
    ):
        raise DatasetError(
            f"{part.where} and {other.where} differ in the number of pixels, or in whether labels "
            "are numbers; make them alike, or remove the latter"
        )
    return RawPart(np.concatenate(images), np.concatenate(labels), part.where)


def _part(path: Path, table: Table) -> RawPart:
    if table.labels is None:
        raise DatasetError(
            f"{path} holds no labels: none of its columns is called label, class, target or y; "
            "name the column so, or give a table that has one"
        )
    labels = table.labels
    if is_emnist(path) and labels.dtype.kind == "i":
        names = read_mapping(path, re.split("train|test", path.name)[0])
        labels = labels if names is None else name_labels(labels, names, str(path))
    return RawPart(table.pixels, labels, str(path))


def _part_name(path: Path) -> str:
    """Return the part that a file's name tells, or an empty string."""
    words = re.findall(r"t10k|[A-Z]?[a-z]+|[A-Z]+", path.name)
    return next((_PARTS[word.lower()] for word in words if word.lower() in _PARTS), "")


def _tell(where: Path, notes: list[str]) -> None:
    if notes:
        warn_caller(f"{where}: {'; '.join(notes)}")
