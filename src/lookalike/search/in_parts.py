"""A batch of queries against any training set, one part in memory at a time.

Each part is loaded, indexed, searched for all queries and dropped; its table is merged with those
of the parts before. The table so far can be kept in a file, from which the same call goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from xxhash import xxh3_128_hexdigest

from lookalike.images.files import replace_file
from lookalike.images.progress import Progress, metered
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.neighbors import Neighbors, merge

Part = Any | str | PathLike[str] | Callable[[], Any]


def search_parts(
    parts: Sequence[Part],
    X: Any,
    n_neighbors: int = 5,
    *,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
    progress: Progress | None = None,
    **params: Any,
) -> Neighbors:
    """Find the nearest rows of each query among rows in parts, one part in memory at a time.

    It suits a batch of queries; for several batches, `build_index` keeps the indexes in a file.

    Parameters
    ----------
    parts : sequence of array-like, path of a ``.npy`` file, or function
        The training set in the order of its rows. A function returns its part, for example from
        another machine, when it is its turn.
    X : array-like of shape (n_queries, d), (n_queries, h, w) or (n_queries, h, w, c)
        The queries.
    n_neighbors : int, default=5
    checkpoint : path-like, default=None
        A file that holds the table of the parts done. A call with the same arguments that finds it
        goes on after them; it is left when all are done, and serves the next call at once.
    verbose : bool, default=False
        Show a bar with the time left.
    progress : callable, default=None
        Called as ``progress(done, total)`` with numbers of queries times parts. An exception that
        it raises ends the search, as Ctrl-C does; the parts done are in the checkpoint.
    **params
        Other parameters of `NearestNeighbors`.

    Returns
    -------
    Neighbors
        As of one search among all rows, with distances in the unit of the metric. Slots without a
        row have the index `NO_ROW` and an infinite distance.

    Raises
    ------
    ValueError
        If there are no parts, if a part is empty or does not fit the queries, or if the checkpoint
        is of another search.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> from lookalike.search import search_parts
    >>> search_parts([[[0], [2]], lambda: [[9], [3]]], [[2]], 2)[:2]
    (array([[1, 3]]), array([[0., 1.]]))
    """
    if not len(parts):
        raise ValueError("no parts; give at least one")
    queries = np.asarray(X)
    asked = xxh3_128_hexdigest(np.ascontiguousarray(queries).view(np.uint8).data)
    what = f"{asked} {queries.dtype} {queries.shape} {n_neighbors} {len(parts)} {params}"
    found, done, n_rows = None, 0, 0
    if checkpoint is not None and Path(checkpoint).exists():
        found, done, n_rows = _load(Path(checkpoint), what)
    with metered(len(queries) * len(parts), progress, show=verbose) as meter:
        if meter is not None:
            meter.add(len(queries) * done)
        for part in parts[done:]:
            search = NearestNeighbors(**{**params, "n_neighbors": n_neighbors}).fit(_rows_of(part))
            table = search.table(queries, progress=meter)
            both = ([table], [n_rows]) if found is None else ([found, table], [0, n_rows])
            found, done, n_rows = merge(*both), done + 1, n_rows + search.n_samples_fit_
            del search
            if checkpoint is not None:
                _save(Path(checkpoint), what, found, done, n_rows)
    assert found is not None
    return found.rooted()


def _rows_of(part: Part) -> Any:
    if callable(part):
        return part()
    return np.load(part, mmap_mode="r") if isinstance(part, str | PathLike) else part


def _save(path: Path, what: str, table: Neighbors, done: int, n_rows: int) -> None:
    columns = {name: own for name, own in table._asdict().items() if own is not None}

    def write(beside: Path) -> None:
        with beside.open("xb") as file:
            np.savez(file, what=what, done=done, n_rows=n_rows, **columns)

    replace_file(path, write)


def _load(path: Path, what: str) -> tuple[Neighbors, int, int]:
    """Return the table in a file, and the numbers of parts and rows it is of."""
    with np.load(path, allow_pickle=False) as kept:
        if "what" not in kept or str(kept["what"]) != what:
            raise ValueError(
                f"checkpoint={str(path)!r} is of other queries, parts or parameters; name another "
                "file, or delete it"
            )
        variants = kept.get("variants")
        table = Neighbors(kept["indices"], kept["distances"], variants, bool(kept["squared"]))
        return table, int(kept["done"]), int(kept["n_rows"])
