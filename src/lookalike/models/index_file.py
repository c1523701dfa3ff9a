"""Index files: a search whose index is mapped instead of built.

An index of millions of rows takes a minute to build, and milliseconds to map; processes that open
one file share its memory. The file has the format of model files (``safetensors_map.py``), with
arrays at multiples of a cache line. Rows that lie in files of their own stay there: the index file
names them, and tells whether they still are the same by a checksum of some. No code from a file is
executed. Arrays are only compared with their checksums if that is asked for, because this would
read them all.
"""

from __future__ import annotations

import json
from contextlib import suppress
from copy import copy
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from xxhash import xxh3_128_hexdigest

from lookalike import __version__
from lookalike.images.files import replace_file
from lookalike.models.safetensors_map import ModelError, map_file, write_file
from lookalike.models.state import from_state, to_state
from lookalike.search.dtypes import HALVES
from lookalike.search.index import IndexedRows
from lookalike.search.mapped import file_of
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.sharded import RowParts, ShardedRows

FORMAT, VERSION = "lookalike-index", "1.0"

_CACHE_LINE = 64
_CHECKED_ROWS = 64


def save_index(search: NearestNeighbors, path: str | PathLike[str]) -> None:
    """Store a fitted search with its index in one file, which `open_index` maps.

    Rows in files of ``numpy.load(file, mmap_mode="r")`` are named by their paths; others are stored
    as well. The file is written under another name, and then renamed.

    Parameters
    ----------
    search : NearestNeighbors
        Fitted, natively and without `augmentation`.
    path : path-like

    Raises
    ------
    ModelError
        If scikit-learn does the search, or if there are variants: these are stored by `save_model`.
    NotFittedError
        If the search is not fitted.
    OSError
        If the file can not be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from lookalike import NearestNeighbors, open_index, save_index
    >>> rows = np.random.default_rng(0).integers(0, 256, (5000, 30), dtype=np.uint8)
    >>> search = NearestNeighbors(n_neighbors=2).fit(rows)
    >>> with TemporaryDirectory() as folder:
    ...     save_index(search, Path(folder, "rows.index"))
    ...     again = open_index(Path(folder, "rows.index"))
    >>> bool((again.kneighbors(rows[:9])[1] == search.kneighbors(rows[:9])[1]).all())
    True
    """
    check_is_fitted(search)
    searcher = search._searcher
    parts: list[Any] = searcher.parts if isinstance(searcher, ShardedRows) else [searcher]
    if not all(isinstance(part, IndexedRows) for part in parts):
        raise ModelError(
            "only an index of rows, without augmentation, has a file; store the search with "
            "save_model, which builds the index again"
        )
    attributes = {name: own for name, own in vars(search).items() if name != "_searcher"}
    value = {
        "search": attributes,
        "is_sharded": isinstance(searcher, ShardedRows),
        "parts": [{**_named_rows(part.rows), "index": part.save()} for part in parts],
    }
    state, arrays = to_state(value)
    checksums = {name: xxh3_128_hexdigest(array.data) for name, array in arrays.items()}
    text = json.dumps({"library": __version__, "state": state, "checksums": checksums})
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "description": text,
        "checksum": xxh3_128_hexdigest(text.encode()),
    }
    replace_file(
        Path(path), lambda beside: write_file(beside, arrays, metadata, alignment=_CACHE_LINE)
    )


def open_index(
    path: str | PathLike[str], rows: Any = None, *, verify: bool = False
) -> NearestNeighbors:
    """Return the search of a file, whose index is mapped.

    Meanwhile the file must not be overwritten in place; `save_index` never does this.

    Parameters
    ----------
    path : path-like
    rows : ndarray or RowParts, default=None
        The rows, if they are no longer where the file says.
    verify : bool, default=False
        Read all arrays of the file, and compare their checksums.

    Raises
    ------
    ModelError
        If the file holds no index, is damaged, has an unsupported version, or if the rows are not
        those of the index.
    OSError
        If a file can not be read.
    """
    path = Path(path)
    arrays, metadata = map_file(path)
    text = metadata.get("description", "")
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        raise ModelError(
            f"{path} holds no index, or one of another version of lookalike; build it again"
        )
    if xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass")) != metadata.get("checksum"):
        raise ModelError(f"{path} is damaged: its description has a wrong checksum")
    try:
        description = json.loads(text)
        if verify:
            for name, checksum in description["checksums"].items():
                if xxh3_128_hexdigest(arrays[name].data) != checksum:
                    raise ModelError(f"array {name!r} has a wrong checksum")
        value = from_state(description["state"], arrays)
        saved = value["parts"]
        given = [None] * len(saved) if rows is None else getattr(rows, "parts", [rows])
        search = NearestNeighbors()
        search.__dict__.update(value["search"])
        metric = search.effective_metric_
        pairs = zip(saved, given, strict=True)
        parts = [
            IndexedRows(_rows_of(part, own), metric).open(part["index"]) for part, own in pairs
        ]
        search._searcher = ShardedRows(parts) if value["is_sharded"] else parts[0]
    except OSError:
        raise
    except Exception as error:  # unchecked attributes may raise anything
        said = " ".join(str(error).split())
        raise ModelError(f"{path} cannot be opened: {said:.300}") from error
    return search


def build_index(
    X: Any,
    path: str | PathLike[str],
    *,
    rows_at_once: int | None = None,
    **params: Any,
) -> NearestNeighbors:
    """Index rows into a file, and return the search that `open_index` returns of it.

    Rows and their index may both be larger than memory: an index of one part is in memory at a
    time, and written to a file of its own beside `path`, until all are done. What was interrupted
    goes on after the parts that are done.

    Parameters
    ----------
    X : ndarray of shape (n, d), (n, h, w) or (n, h, w, c), or RowParts
        For example ``numpy.load(file, mmap_mode="r")``.
    path : path-like
    rows_at_once : int, default=None
        Rows of a part; None means all rows of each array. A search takes about as many times longer
        for the seeds of each part as there are parts, so that parts should be large.
    **params
        Parameters of `NearestNeighbors`.

    Returns
    -------
    NearestNeighbors

    Raises
    ------
    ModelError, ValueError, TypeError, OSError
        As `NearestNeighbors.fit` and `save_index`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> rows = np.random.default_rng(0).integers(0, 256, (9000, 30), dtype=np.uint8)
    >>> with TemporaryDirectory() as folder:
    ...     search = build_index(rows, Path(folder, "i"), rows_at_once=5000, n_neighbors=1)
    ...     search.kneighbors(rows[7000:7001], return_distance=False)
    array([[7000]])
    """
    path = Path(path)
    arrays = X.parts if isinstance(X, RowParts) else [X]
    parts = [
        array[start : start + (rows_at_once or len(array))]
        for array in arrays
        for start in range(0, len(array), rows_at_once or len(array))
    ]
    opened, beside = [], [path.with_name(f"{path.name}.part-{i}") for i in range(len(parts))]
    for part, own in zip(parts, beside, strict=True):
        wanted = NearestNeighbors(**params)
        with suppress(ModelError, FileNotFoundError):
            done = open_index(own, part.reshape(len(part), -1))
            if repr(done.get_params()) == repr(wanted.get_params()):
                opened.append(done)
                continue
        save_index(wanted.fit(part), own)
        opened.append(open_index(own, part.reshape(len(part), -1)))
    whole = copy(opened[0])
    if len(opened) > 1:
        whole._searcher = ShardedRows([search._searcher for search in opened])
        whole.n_samples_fit_ = whole._searcher.n_rows
    save_index(whole, path)
    for own in beside:
        own.unlink()
    return open_index(path)


def _named_rows(rows: NDArray[Any]) -> dict[str, Any]:
    """Return where rows are, or the rows, and what tells them from others."""
    place = file_of(rows)
    stored = rows.view(np.uint16) if rows.dtype.name in HALVES else rows
    return {
        "dtype": rows.dtype.name,
        "shape": list(rows.shape),
        "checksum": _checksum(rows),
        "file": None if place is None else [str(Path(place[0]).resolve()), place[1]],
        "rows": stored if place is None else None,
    }


def _rows_of(part: dict[str, Any], given: Any) -> NDArray[Any]:
    """Return the rows of a part, after a check that they are the right ones."""
    dtype, shape = np.dtype(part["dtype"]), tuple(part["shape"])
    rows = given
    if rows is None and part["file"] is not None:
        name, offset = part["file"]
        rows = np.memmap(name, dtype, "r", offset, shape)
    elif rows is None:
        rows = part["rows"].view(dtype).reshape(shape)
    rows = np.asarray(rows).reshape(len(rows), -1)
    if rows.dtype != dtype or rows.shape != shape or _checksum(rows) != part["checksum"]:
        raise ModelError(
            f"the rows, {rows.dtype} of shape {rows.shape}, are not those that were indexed, "
            f"{dtype} of shape {shape}; give these rows, or build the index again"
        )
    return rows


def _checksum(rows: NDArray[Any]) -> str:
    """Return the checksum of some rows, the first and the last among them."""
    which = np.unique(np.linspace(0, len(rows) - 1, _CHECKED_ROWS).astype(np.int64))
    return str(xxh3_128_hexdigest(np.ascontiguousarray(rows[which]).view(np.uint8).data))
