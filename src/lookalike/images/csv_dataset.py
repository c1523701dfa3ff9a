"""Read a data set from tables of pictures: one file, or a folder with files for its parts."""

from __future__ import annotations

import filecmp
import re
from pathlib import Path

import numpy as np

from lookalike.images.checks import MAX_BYTES, RawDataset, RawPart
from lookalike.images.csv_file import Table, read_table
from lookalike.images.exceptions import DatasetError, warn_caller
from lookalike.images.files import clutter_kind
from lookalike.images.idx import is_emnist, name_emnist_labels

_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

# The words in the name of a file that say its part.
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
}


def is_table(path: Path) -> bool:
    """Return whether a file is named as tables are."""
    return path.name.lower().endswith(_ENDINGS)


def find_tables(folder: Path) -> list[Path]:
    """Return the tables of a folder that holds no other folder; none if it does.

    Kaggle packs a table into a sub-folder of its name, where it is found too, unless a copy lies
    outside. A DatasetError says if these two differ.
    """
    # sorted, so that a name comes before the same name with .gz
    paths = [path for path in sorted(folder.iterdir()) if not clutter_kind(path.name)]
    folders = [path for path in paths if path.is_dir()]
    tables = [path for path in paths if is_table(path) and path not in folders]
    for own in folders:
        inside = [own / name for name in (own.name, *(own.name + end for end in _ENDINGS))]
        inside = [file for file in inside if is_table(file) and file.is_file()]
        if not inside:
            return []
        tables += inside
    found: dict[str, Path] = {}
    for path in tables:
        first = found.setdefault(path.name.lower().removesuffix(".gz"), path)
        if path.parent != first.parent and not filecmp.cmp(path, first, shallow=False):
            raise DatasetError(f"{first} and {path} differ; remove the one that is not meant")
    return list(found.values())


def read_tables(folder: Path, tables: list[Path], *, max_bytes: int = MAX_BYTES) -> RawDataset:
    """Read a data set from tables whose names say their parts, or from a single one.

    A validation part joins the training part, or is the test part if there is no other. A
    DatasetError says if it is not clear which table is meant, or if that to train with holds no
    labels; a warning says if a table is left out or joins another.
    """
    if len(tables) == 1:
        (path,) = tables
        part = _part(path, _read(path, max_bytes))
        return RawDataset(part, None, None, str(path), transposed=is_emnist(path))
    parts = _told_apart(folder, tables)
    read = {}
    for name, path in parts.items():
        table = _read(path, max_bytes)
        if table.labels is None and name != "train":
            warn_caller(
                f"{path}: it has no column of labels, so it was left out; unless there is "
                f"another, a part of {parts['train'].name} is held out to test with"
            )
        else:
            read[name] = _part(path, table)
    train, test, validation = read["train"], read.get("test"), read.get("validation")
    if validation is not None and test is not None:
        warn_caller(f"{parts['validation']}: it joins {parts['train'].name}, to train with")
        if (
            train.images.shape[1] != validation.images.shape[1]
            or train.labels.dtype.kind != validation.labels.dtype.kind
        ):
            raise DatasetError(
                f"{train.where} and {validation.where} differ in the number of pixels, or in "
                "whether labels are numbers; make them alike, or remove the latter"
            )
        images = np.concatenate([train.images, validation.images])
        labels = np.concatenate([train.labels, validation.labels])
        train = RawPart(images, labels, train.where)
    source, transposed = str(folder), is_emnist(parts["train"])
    return RawDataset(train, test or validation, None, source, transposed=transposed)


def _told_apart(folder: Path, tables: list[Path]) -> dict[str, Path]:
    """Return the table of each part, that to train with first."""
    found: dict[str, list[Path]] = {"train": [], "test": [], "validation": [], "": []}
    for path in tables:
        words = re.findall(r"t10k|[A-Z]?[a-z]+|[A-Z]+", path.name)
        part = next((_PARTS[word.lower()] for word in words if word.lower() in _PARTS), "")
        found[part].append(path)
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
        warn_caller(f"{folder}: {named} was left out, since its name does not say its part")
    return {name: paths[0] for name, paths in found.items() if paths}


def _read(path: Path, max_bytes: int) -> Table:
    table = read_table(path, max_bytes=max_bytes)
    if table.notes:
        warn_caller(f"{path}: {'; '.join(table.notes)}")
    return table


def _part(path: Path, table: Table) -> RawPart:
    labels = table.labels
    if labels is None:
        raise DatasetError(
            f"{path} holds no labels: none of its columns is called label, class, target or y; "
            "name the column so, or give a table that has one"
        )
    if labels.dtype.kind == "i":
        labels = name_emnist_labels(labels, path, re.split("train|test", path.name)[0])
    return RawPart(table.pixels, labels, str(path))
