"""CSV files that are there whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lookalike.images.files import filled_folder


def write_tables(
    folder: Path, tables: Mapping[str, tuple[str, Iterable[Mapping[str, Any]]]]
) -> list[Path]:
    """Write tables into a folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    tables : mapping of str to (columns, rows)
        By the names of the files without their ending. The columns are names with spaces between
        them; a row gives the value of each, and may have others.

    Returns
    -------
    list of Path
        The files, which take their places only when all of them are written.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    with filled_folder(folder) as scratch:
        for name, (columns, rows) in tables.items():
            part = scratch / f"{name}.csv"
            # Names of files are bytes; surrogates stand for those that are no text.
            with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                writer = csv.DictWriter(file, columns.split(), extrasaction="ignore")
                writer.writeheader()
                writer.writerows(rows)
    return [folder / f"{name}.csv" for name in tables]
