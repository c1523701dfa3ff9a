"""CSV files that are there whole or not at all."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def write_tables(
    folder: Path, tables: Mapping[str, tuple[Sequence[str], Iterable[Sequence[Any]]]]
) -> list[Path]:
    """Write tables into a folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    tables : mapping of str to (header, rows)
        By the names of the files.

    Returns
    -------
    list of Path
        The files, each of which takes its place only when all of it is written.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with tempfile.TemporaryDirectory(prefix=".lookalike-", dir=folder) as scratch:
        for name, (header, rows) in tables.items():
            part = Path(scratch) / name
            with part.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(header)
                writer.writerows(rows)
            os.replace(part, folder / name)
            written.append(folder / name)
    return written
