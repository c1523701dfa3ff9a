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


_ALIASES = "aliases (other BLOB PRIMARY KEY, key BLOB NOT NULL)"


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
    ...     cache.put({b"one": np.ones(2, np.float32)}, {b"also one": b"one"})
    ...     cache.get([b"also one", b"two"])
    {b'also one': array([1., 1.], dtype=float32)}
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Floats]:
        """Return the vectors that are kept of these keys, or of those that they stand for."""
        marks = ", ".join("?" * len(keys))
        found = "SELECT {} AS key, vector FROM vectors"
        own = found.format("key") + f" WHERE key IN ({marks})"
        others = found.format("other") + f" JOIN aliases USING (key) WHERE other IN ({marks})"
        rows = self._run(f"{own} UNION {others}", [[*keys, *keys]])
        return {key: np.frombuffer(vector, "<f4") for key, vector in rows}

    def put(self, vectors: dict[bytes, Floats], aliases: dict[bytes, bytes]) -> None:
        """Keep vectors by their keys, and the keys for which other keys stand."""
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        self._run("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        self._run("INSERT OR REPLACE INTO aliases VALUES (?, ?)", aliases.items())

    def _run(self, order: str, rows: Iterable[Sequence[bytes]]) -> list[tuple[bytes, bytes]]:
        if self._path is None:
            return []
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=60)) as database, database:
                for table in ("vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)", _ALIASES):
                    database.execute(f"CREATE TABLE IF NOT EXISTS {table} WITHOUT ROWID")
                return [found for row in rows for found in database.execute(order, row)]
        except (sqlite3.Error, OSError) as error:
            warnings.warn(
                f"{self._path} cannot be used ({error}); vectors are not kept for the next run; "
                "remove the file if it is damaged",
                stacklevel=4,
            )
            self._path = None
            return []
