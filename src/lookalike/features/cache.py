"""Vectors of pictures on disk, so that a second run of the same network costs nothing."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class FeatureCache:
    """A file of vectors by key, which several processes may use at once.

    A file that cannot be used is not: a warning says why, and nothing is kept.

    Parameters
    ----------
    path : Path or None
        An SQLite database, made at the first vector; None keeps nothing.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     cache = FeatureCache(Path(folder) / "vectors.sqlite")
    ...     cache.put({b"one": np.ones(2, np.float32)})
    ...     cache.get([b"one", b"two"])
    {b'one': array([1., 1.], dtype=float32)}
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Floats]:
        """Return the vectors that are kept of these keys."""
        marks = ", ".join("?" * len(keys))
        rows = self._run(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", [keys])
        return {key: np.frombuffer(vector, "<f4") for key, vector in rows}

    def put(self, vectors: dict[bytes, Floats]) -> None:
        """Keep vectors by their keys."""
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        self._run("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

    def _run(self, order: str, rows: Iterable[Sequence[bytes]]) -> list[tuple[bytes, bytes]]:
        if self._path is None:
            return []
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=60)) as database, database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS vectors "
                    "(key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
                )
                return [found for row in rows for found in database.execute(order, row)]
        except (sqlite3.Error, OSError) as error:
            warnings.warn(
                f"{self._path} cannot be used ({error}); vectors are not kept for the next run; "
                "remove the file if it is damaged",
                stacklevel=4,
            )
            self._path = None
            return []
